//! A gateway in a lab: the host it serves, and the loop in which both go on.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use sockeye_base::Instant;
use sockeye_lab::{HostId, Lab};
use sockeye_services::Services;
use sockeye_socket::SocketId;

use crate::Gateway;

/// So much waits in a connection, at most, before it is sent: twice what is read at a time.
const NOTSENT_LOWAT: u32 = 512 * 1024;

/// A host of a lab that carries to the machine's network what comes to it.
pub struct Outlet {
    host: HostId,
    gateway: Box<Gateway>,
}

impl Outlet {
    /// `host` has to answer for all.
    pub fn new(lab: &mut Lab, host: HostId, gateway: Gateway) -> Outlet {
        // What can't be sent yet waits where it came from.
        lab.host_mut(host).stack_mut().settings_mut().tcp.notsent_lowat = NOTSENT_LOWAT;
        Outlet { host, gateway: Box::new(gateway) }
    }

    /// The host.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// What is published of the host of this name leads to these addresses.
    pub fn lead_to(&mut self, host: &str, addresses: &[IpAddr]) {
        self.gateway.lead_to(host, addresses);
    }

    /// Takes in what the machine's network has to say, and ends what was idle for too long. [`settle`] is to follow.
    pub fn attend(&mut self, lab: &mut Lab, now: Instant) {
        self.gateway.attend(lab.host_mut(self.host), now);
    }

    /// When there is something to do though nothing came.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.gateway.next_deadline()
    }

    /// Whether something that a program has sent, or an end of its, is not the machine's yet.
    pub fn owes(&self) -> bool {
        self.gateway.owes()
    }

    /// Something the user should know, once.
    pub fn poll_note(&mut self) -> Option<&'static str> {
        self.gateway.poll_note()
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.gateway.as_fd()
    }
}

/// Lets a lab, its services and the way out of it, if there is one, do all that is due. Sockets that are neither's are told to
/// `other`.
pub fn settle(
    outlet: Option<&mut Outlet>,
    (lab, services): (&mut Lab, &mut Services),
    now: Instant,
    mut other: impl FnMut(&mut Lab, HostId, SocketId),
) {
    let Some(Outlet { host: own, gateway }) = outlet else { return services.settle(lab, now, other) };
    let own = *own;
    if gateway.next_deadline().is_some_and(|at| at <= now) {
        gateway.attend(lab.host_mut(own), now);
    }
    loop {
        services.settle(lab, now, |lab, host, socket| match host == own {
            true => {
                gateway.ready(lab.host_mut(own), now, socket);
            }
            false => other(lab, host, socket),
        });
        if !lab.host(own).stack().has_strangers() {
            return;
        }
        gateway.take_strangers(lab.host_mut(own), now);
    }
}
