//! The network the program sees, advanced in real time: the lab with its services, and the clock that drives them.

use std::time::Instant as Clock;

use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant};
use sockeye_lab::{HostId, Lab};
use sockeye_services::Services;
use sockeye_socket::{Host, SocketId};

use crate::Faults;
use crate::pcap::Pcap;
use crate::trace::Trace;

/// The embedded default network and the program's place in it.
pub(crate) struct Network {
    lab: Lab,
    services: Services,
    program_host: HostId,
    began: Clock,
    watchers: Watchers,
}

/// Who is shown each frame.
#[derive(Default)]
pub(crate) struct Watchers {
    pub(crate) trace: Option<Trace>,
    pub(crate) pcap: Option<Pcap>,
}

impl Network {
    /// The default network, its services started, the program's host with these settings. `watchers` see every frame.
    pub(crate) fn new(
        seed: u64,
        (faults, sysctls): (&Faults, &[(String, String)]),
        watchers: Watchers,
    ) -> Result<Network, Errno> {
        let network = faults.network(seed);
        let mut lab = network.lab;
        lab.set_capture(watchers.trace.is_some() || watchers.pcap.is_some());
        let mut services = Services::tekapo(&lab, network.tekapo);
        services.start(&mut lab, Instant::ZERO)?;
        let settings = lab.host_mut(network.pukaki).stack_mut().settings_mut();
        for (name, value) in sysctls {
            settings.set_sysctl(name, value).map_err(|_| Errno::EINVAL)?;
        }
        // What is urgent, and to whom, is for the carriers to show.
        settings.tcp.oob_inline = true;
        Ok(Network { lab, services, program_host: network.pukaki, began: Clock::now(), watchers })
    }

    /// Now, on the network's clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    /// The program's host.
    pub(crate) fn host(&mut self) -> &mut Host {
        self.lab.host_mut(self.program_host)
    }

    /// How long until the network has something to do by itself.
    pub(crate) fn idle_for(&mut self) -> Option<Duration> {
        self.lab.next_deadline().map(|deadline| deadline.since(self.now()))
    }

    /// Lets the network do all that is due. Gives the program's sockets whose readiness may have changed.
    pub(crate) fn settle(&mut self) -> Vec<SocketId> {
        let now = self.now();
        let mut changed = Vec::new();
        let ours = self.program_host;
        self.services.settle(&mut self.lab, now, |_, host, socket| {
            if host == ours {
                changed.push(socket);
            }
        });
        self.watchers.look(&mut self.lab);
        changed
    }
}

impl Watchers {
    /// Shows them what the lab has captured.
    fn look(&mut self, lab: &mut Lab) {
        let mut any = false;
        while let Some(captured) = lab.poll_captured() {
            any = true;
            self.trace.iter_mut().for_each(|trace| trace.show(&captured));
            self.pcap.iter_mut().for_each(|pcap| pcap.show(lab, &captured));
        }
        if any {
            self.trace.iter_mut().for_each(Trace::flush);
            self.pcap.iter_mut().for_each(Pcap::flush);
        }
    }
}
