//! Echo (RFC 862), on TCP and UDP: what comes goes back. On TCP nothing is read while the peer does not take what was
//! sent, so the peer's own window holds it back; its FIN is answered by ours once all is sent.

use sockeye_abi::{Errno, Transport};
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::server::{Progress, READ_SIZE, Server, Session, bind, send_all};

const PORT: u16 = 7;

/// The echo service.
pub struct Echo {
    tcp: Server<Stream>,
    udp: Option<SocketId>,
}

impl Echo {
    /// The service, not started yet.
    pub fn new() -> Echo {
        Echo { tcp: Server::new(PORT, |_| Stream { back: Chain::new() }), udp: None }
    }
}

impl Default for Echo {
    fn default() -> Echo {
        Echo::new()
    }
}

impl Service for Echo {
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.tcp.start(host, now)?;
        self.udp = Some(bind(host, now, Transport::Udp, PORT)?);
        Ok(())
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        if self.udp == Some(socket) {
            echo_datagrams(host, now, socket);
            return true;
        }
        self.tcp.ready(host, now, socket)
    }
}

struct Stream {
    /// What is still to be sent back: at most one read.
    back: Chain,
}

impl Session for Stream {
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress {
        loop {
            match send_all(host, now, socket, &mut self.back) {
                Ok(true) => {}
                Ok(false) => return Progress::Busy,
                Err(_) => return Progress::Done,
            }
            match host.receive(now, socket, READ_SIZE, false) {
                Ok(data) if data.is_empty() => return Progress::Done,
                Ok(data) => self.back = data,
                Err(Errno::EAGAIN) => return Progress::Idle,
                Err(_) => return Progress::Done,
            }
        }
    }
}

fn echo_datagrams(host: &mut Host, now: Instant, socket: SocketId) {
    loop {
        match host.receive_from(now, socket, false) {
            // Two echo services would never come to an end.
            Ok((_, source)) if source.port() == PORT => {}
            // What can't be sent back is lost, as datagrams are.
            Ok((data, source)) => {
                let _ = host.send_to(now, socket, &data.to_vec(), Some(source));
            }
            Err(_) => return,
        }
    }
}
