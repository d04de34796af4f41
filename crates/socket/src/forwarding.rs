//! For who passes datagrams on to a program, with a queue of its own between: how each came, and what the program is to be
//! told of it when it reads it.

use std::net::SocketAddr;

use sockeye_abi::{Control, Errno};
use sockeye_stack::Received;

use crate::host::{Host, Result, SocketId};

impl Host {
    /// The first datagram of a socket, which stays there; the pending error (it is told once), or EAGAIN.
    pub fn peek_arrived(&mut self, id: SocketId) -> Result<Received> {
        if let Some(error) = self.take_error(id) {
            return Err(error);
        }
        let udp = self.udp_of(id)?;
        self.stack.udp_receive(udp, true).ok_or(Errno::EAGAIN)
    }

    /// Takes it.
    pub fn take_arrived(&mut self, id: SocketId) -> Option<Received> {
        let udp = self.udp_of(id).ok()?;
        self.stack.udp_receive(udp, false)
    }

    /// Drops it, as one that found the receive buffer full.
    pub fn drop_arrived(&mut self, id: SocketId) {
        if let Ok(udp) = self.udp_of(id) {
            self.stack.udp_drop_first(udp);
        }
    }

    /// What a datagram socket's receive buffer holds (SO_RCVBUF as it reads).
    pub fn receive_buffer(&self, id: SocketId) -> usize {
        self.udp_of(id).map_or(0, |udp| self.stack.udp_receive_buffer(udp))
    }

    /// So much of the receive buffer is taken by what was passed on, and not read yet.
    pub fn set_elsewhere(&mut self, id: SocketId, bytes: usize) {
        if let Ok(udp) = self.udp_of(id) {
            self.stack.udp_set_elsewhere(udp, bytes);
        }
    }

    /// The program reads a datagram now: who sent it, and the control messages that it has asked for.
    pub fn describe(&mut self, id: SocketId, received: &Received) -> Result<(SocketAddr, Vec<Control>)> {
        self.note_read(id, received.arrival.at);
        let shown = self.shown(id, received.clone(), usize::MAX)?;
        Ok((shown.source.unwrap_or(received.source), shown.control))
    }

    /// Whether the error queue has an entry.
    pub fn has_reports(&self, id: SocketId) -> bool {
        self.udp_of(id).is_ok_and(|udp| self.stack.udp_has_reports(udp))
    }
}
