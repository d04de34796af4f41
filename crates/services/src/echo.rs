//! Echo (RFC 862), on TCP and UDP: what comes goes back. On TCP nothing is read while the peer does not take what was
//! sent, so the peer's own window holds it back; its FIN is answered by ours once all is sent.

use sockeye_abi::Errno;
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::datagrams::Datagrams;
use crate::server::{Progress, READ_SIZE, Server, Session, send_all};

const PORT: u16 = 7;

/// The echo service.
pub struct Echo {
    tcp: Server<Stream>,
    udp: Datagrams,
}

impl Echo {
    /// The service, not started yet.
    pub fn new() -> Echo {
        Echo { tcp: Server::new(PORT, |_| Stream { back: Chain::new() }), udp: Datagrams::new(PORT) }
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
        self.udp.start(host, now)
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        self.udp.ready(host, now, socket, |_, _, data| Some(data)) || self.tcp.ready(host, now, socket)
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
