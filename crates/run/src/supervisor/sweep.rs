//! Looking for sockets that the program has closed unseen: nothing tells of a P that has no link.

use sockeye_abi::Errno;
use sockeye_socket::{Host, SocketId};

use super::Supervisor;
use crate::carriers::CarrierId;

impl Supervisor {
    /// Closes the sockets on a port whose carriers are gone, before the port is called in use or somebody connects; with
    /// port 0 on all ports, before there is said to be none.
    pub(crate) fn sweep_port(&mut self, port: u16) {
        let host = self.network.host();
        if port != 0 && !host.stack().is_port_taken(port) {
            return;
        }
        let holds = |socket| port == 0 || host.local_addr(socket).is_ok_and(|local| local.port() == port);
        let candidates = self.carriers.unwatched(holds);
        self.sweep(candidates);
    }

    /// Closes the sockets in multicast groups whose carriers are gone: what they alone are in hears nothing more.
    pub(crate) fn sweep_members(&mut self) {
        let host = self.network.host();
        let candidates = self.carriers.unwatched(|socket| host.is_in_groups(socket));
        self.sweep(candidates);
    }

    /// A call of the stack for a socket that takes a port if it has none; with one more try if there was none.
    pub(crate) fn with_port<T>(
        &mut self,
        socket: SocketId,
        mut call: impl FnMut(&mut Host) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let outcome = call(self.network.host());
        let none_left = matches!(outcome, Err(Errno::EADDRINUSE | Errno::EADDRNOTAVAIL | Errno::EAGAIN));
        if !none_left || self.network.host().local_addr(socket).is_ok_and(|local| local.port() != 0) {
            return outcome;
        }
        self.sweep_port(0);
        call(self.network.host())
    }

    /// Closes the sockets whose carriers are gone, among these.
    pub(crate) fn sweep(&mut self, candidates: Vec<CarrierId>) {
        for id in candidates {
            if !self.carriers.is_alive(id) {
                self.close_carrier(id);
            }
        }
    }

    /// Closes all sockets whose carriers are gone.
    pub(crate) fn sweep_all(&mut self) {
        let candidates = self.carriers.unwatched(|_| true);
        self.sweep(candidates);
        self.carriers.note_asked();
    }
}
