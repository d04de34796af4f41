//! What every small UDP service shares: a socket, and an answer to each datagram.

use std::net::SocketAddr;

use sockeye_abi::{Errno, Transport};
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use crate::server::bind;

/// The ports of services that answer whatever comes: two of them would never come to an end.
const ANSWERERS: [u16; 5] = [7, 13, 17, 19, 37];

/// One service's socket.
pub(crate) struct Datagrams {
    port: u16,
    socket: Option<SocketId>,
}

impl Datagrams {
    pub(crate) fn new(port: u16) -> Datagrams {
        Datagrams { port, socket: None }
    }

    pub(crate) fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.socket = Some(bind(host, now, Transport::Udp, self.port)?);
        Ok(())
    }

    /// Answers all that waits; `false` if it is another socket.
    pub(crate) fn ready(
        &self,
        host: &mut Host,
        now: Instant,
        socket: SocketId,
        mut answer: impl FnMut(&mut Host, SocketAddr, Chain) -> Option<Chain>,
    ) -> bool {
        if self.socket != Some(socket) {
            return false;
        }
        while let Ok((data, source)) = host.receive_from(now, socket, false) {
            if ANSWERERS.contains(&source.port()) {
                continue;
            }
            if let Some(answer) = answer(host, source, data) {
                self.send(host, now, &answer, source);
            }
        }
        true
    }

    /// Sends one; what can't be sent is lost, as datagrams are.
    pub(crate) fn send(&self, host: &mut Host, now: Instant, data: &Chain, to: SocketAddr) {
        if let Some(socket) = self.socket {
            let _ = host.send_to(now, socket, &data.to_vec(), Some(to));
        }
    }
}
