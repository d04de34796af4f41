//! The network's DNS, on port 53 of UDP and TCP. What is known is in the [`Zone`]; here are the sockets.

mod zone;

use std::net::IpAddr;
use std::sync::Arc;

use sockeye_abi::Errno;
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::datagrams::Datagrams;
use crate::server::{Progress, READ_SIZE, Server, Session, send_all};

pub use zone::{Via, Zone};

const PORT: u16 = 53;

/// The DNS service.
pub struct Dns {
    zone: Arc<Zone>,
    tcp: Server<Stream>,
    udp: Datagrams,
}

impl Dns {
    /// The service for these names, not started yet.
    pub fn new(zone: Zone) -> Dns {
        let zone = Arc::new(zone);
        let tcp = Server::new(PORT, sessions(&zone));
        Dns { zone, tcp, udp: Datagrams::new(PORT) }
    }
}

/// Connections that are answered from this zone.
fn sessions(zone: &Arc<Zone>) -> impl Fn(SocketId) -> Stream + Send + 'static {
    let zone = Arc::clone(zone);
    move |_| Stream { zone: Arc::clone(&zone), input: Chain::new(), output: Chain::new() }
}

impl Service for Dns {
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.tcp.start(host, now)?;
        self.udp.start(host, now)
    }

    fn learn(&mut self, name: &str, addresses: &[IpAddr]) {
        // Connections that stand go on with what was known when they began.
        Arc::make_mut(&mut self.zone).add(name, addresses.iter().copied());
        self.tcp.set_sessions(sessions(&self.zone));
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        let answer =
            |_: &Host, request: Chain| self.zone.answer(&request.to_vec(), Via::Udp).map(Chain::from);
        self.udp.ready(host, now, socket, answer) || self.tcp.ready(host, now, socket)
    }
}

/// One connection: each message behind two bytes of length (RFC 7766, section 8), answered in order. Holds at most one
/// message and one read of input, and one answer.
struct Stream {
    zone: Arc<Zone>,
    input: Chain,
    output: Chain,
}

impl Stream {
    /// Takes the first whole message from the input.
    fn next_message(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        if self.input.copy_to(&mut length) < length.len() {
            return None;
        }
        let length = usize::from(u16::from_be_bytes(length));
        if self.input.len() < 2 + length {
            return None;
        }
        self.input.advance(2);
        Some(self.input.split_to(length).to_vec())
    }
}

impl Session for Stream {
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress {
        loop {
            match send_all(host, now, socket, &mut self.output) {
                Ok(true) => {}
                Ok(false) => return Progress::Busy,
                Err(_) => return Progress::Done,
            }
            if let Some(message) = self.next_message() {
                let Some(answer) = self.zone.answer(&message, Via::Tcp) else { return Progress::Done };
                let Ok(length) = u16::try_from(answer.len()) else { return Progress::Done };
                self.output.push([&length.to_be_bytes(), &answer[..]].concat().into());
                continue;
            }
            match host.receive(now, socket, READ_SIZE, false) {
                Ok(data) if data.is_empty() => return Progress::Done,
                Ok(data) => self.input.append(data),
                Err(Errno::EAGAIN) => return Progress::Idle,
                Err(_) => return Progress::Done,
            }
        }
    }
}
