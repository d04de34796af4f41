//! Services on the hosts of a lab, and who serves which socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_lab::{HostId, Lab};
use sockeye_socket::{Host, SocketId};

use crate::dns::{Dns, Zone};
use crate::echo::Echo;
use crate::http::Http;
use crate::small::{Kind, Small};

/// A server as a state machine over non-blocking sockets of one host.
pub trait Service {
    /// Opens its sockets, forgetting what it had before: its host may have been switched off. Fails as `socket`, `bind` or
    /// `listen` do.
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno>;

    /// A host has come to the network.
    fn learn(&mut self, _name: &str, _addresses: &[IpAddr]) {}

    /// A socket of the host may have changed: goes on with it as far as possible. `false` if it is not this service's.
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool;
}

/// All services of a network.
#[derive(Default)]
pub struct Services {
    /// By host: there may be many, and each socket that changes is one host's.
    services: BTreeMap<HostId, Vec<Box<dyn Service + Send>>>,
}

impl Services {
    /// No services.
    pub fn new() -> Services {
        Services::default()
    }

    /// What `host` runs in the default network: HTTP, the small services, and DNS for the names of all the lab's hosts.
    pub fn tekapo(lab: &Lab, host: HostId) -> Services {
        Services::of_tekapo(host, Dns::new(Zone::of_network(lab, host), None))
    }

    /// The same, where others' names are asked of this server.
    pub fn tekapo_forwarding(lab: &Lab, host: HostId, upstream: SocketAddr) -> Services {
        Services::of_tekapo(host, Dns::new(Zone::of_network(lab, host), Some(upstream)))
    }

    fn of_tekapo(host: HostId, dns: Dns) -> Services {
        let mut services = Services::new();
        services.add(host, Box::new(Http::new()));
        services.add(host, Box::new(Echo::new()));
        Kind::ALL.into_iter().for_each(|kind| services.add(host, Box::new(Small::new(kind))));
        services.add(host, Box::new(dns));
        services
    }

    /// A host has come to the network: whoever tells of names tells of it.
    pub fn learn(&mut self, name: &str, addresses: &[IpAddr]) {
        self.services.values_mut().flatten().for_each(|service| service.learn(name, addresses));
    }

    /// Adds a service to a host. It runs after [`Services::start`].
    pub fn add(&mut self, host: HostId, service: Box<dyn Service + Send>) {
        self.services.entry(host).or_default().push(service);
    }

    /// Starts all services; stops at the first that fails.
    pub fn start(&mut self, lab: &mut Lab, now: Instant) -> Result<(), Errno> {
        self.services.iter_mut().try_for_each(|(host, services)| {
            services.iter_mut().try_for_each(|service| service.start(lab.host_mut(*host), now))
        })
    }

    /// Adds a service to a host and starts it; one that can't be started is not added.
    pub fn start_another(
        &mut self,
        lab: &mut Lab,
        now: Instant,
        host: HostId,
        mut service: Box<dyn Service + Send>,
    ) -> Result<(), Errno> {
        service.start(lab.host_mut(host), now)?;
        self.add(host, service);
        Ok(())
    }

    /// Starts the services of hosts that were switched on. One that can't be started (no address is free for it) is not
    /// there.
    fn boot(&mut self, lab: &mut Lab, now: Instant) {
        while let Some(host) = lab.poll_booted() {
            for service in self.services.get_mut(&host).into_iter().flatten() {
                let _ = service.start(lab.host_mut(host), now);
            }
            lab.advance(now);
        }
    }

    /// A socket may have changed. `false` if no service has it: then it is somebody else's. After it the lab has to be
    /// advanced.
    pub fn ready(&mut self, lab: &mut Lab, now: Instant, host: HostId, socket: SocketId) -> bool {
        let Some(here) = self.services.get_mut(&host) else { return false };
        here.iter_mut().any(|service| service.ready(lab.host_mut(host), now, socket))
    }

    /// Advances the lab and serves what changes until nothing more happens at `now`. Sockets that no service has are
    /// told to `other`, which may work on the lab.
    pub fn settle(&mut self, lab: &mut Lab, now: Instant, mut other: impl FnMut(&mut Lab, HostId, SocketId)) {
        loop {
            lab.advance(now);
            self.boot(lab, now);
            let Some((host, socket)) = lab.poll_changed() else { return };
            if !self.ready(lab, now, host, socket) {
                other(lab, host, socket);
            }
        }
    }
}
