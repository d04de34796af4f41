//! The network's DNS, on port 53 of UDP and TCP. What is known is in the [`Zone`]; here are the sockets. What the zone knows
//! nothing of may be asked of another server (`forward`).

mod forward;
mod zone;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::Errno;
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::datagrams::Datagrams;
use crate::server::{Progress, READ_SIZE, Server, Session, send_all};

use forward::{Forwarded, Question};
pub use zone::{Via, Zone};

const PORT: u16 = 53;

/// The DNS service.
pub struct Dns {
    zone: Arc<Zone>,
    tcp: Server<Stream>,
    udp: Datagrams,
    forwarded: Forwarded,
    /// Whom others' names are asked of.
    upstream: Option<SocketAddr>,
}

impl Dns {
    /// The service for these names, not started yet. Names that the zone knows nothing of it asks `upstream` for, if there is
    /// one, over UDP and TCP as it was asked.
    pub fn new(zone: Zone, upstream: Option<SocketAddr>) -> Dns {
        let zone = Arc::new(zone);
        let tcp = Server::new(PORT, sessions(&zone, upstream));
        Dns { zone, tcp, udp: Datagrams::new(PORT), forwarded: Forwarded::default(), upstream }
    }
}

/// Connections that are answered from this zone.
fn sessions(zone: &Arc<Zone>, upstream: Option<SocketAddr>) -> impl Fn(SocketId) -> Stream + Send + 'static {
    let zone = Arc::clone(zone);
    move |_| {
        let zone = Arc::clone(&zone);
        Stream { zone, upstream, question: None, input: Chain::new(), output: Chain::new() }
    }
}

impl Service for Dns {
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.forwarded = Forwarded::default();
        self.tcp.start(host, now)?;
        self.udp.start(host, now)
    }

    fn learn(&mut self, name: &str, addresses: &[IpAddr]) {
        // Connections that stand go on with what was known when they began.
        Arc::make_mut(&mut self.zone).add(name, addresses.iter().copied());
        self.tcp.set_sessions(sessions(&self.zone, self.upstream));
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        let answer = |host: &mut Host, client: SocketAddr, request: Chain| {
            let request = request.to_vec();
            match self.upstream.filter(|_| self.zone.leaves_to_others(&request)) {
                Some(upstream) => self.forwarded.ask(host, now, upstream, (client, request)).map(Chain::from),
                None => self.zone.answer(&request, Via::Udp).map(Chain::from),
            }
        };
        if self.udp.ready(host, now, socket, answer) || self.tcp.ready(host, now, socket) {
            return true;
        }
        let Some((client, answer)) = self.forwarded.ready(host, now, socket) else { return false };
        if let Some(answer) = answer {
            self.udp.send(host, now, &answer.into(), client);
        }
        true
    }
}

/// One connection: each message behind two bytes of length (RFC 7766, section 8), answered in order. Holds at most one
/// message and one read of input, and one answer.
struct Stream {
    zone: Arc<Zone>,
    upstream: Option<SocketAddr>,
    /// What is asked of another server.
    question: Option<Question>,
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
            if let Some(question) = &mut self.question {
                let Some(answer) = question.progress(host, now) else { return Progress::Busy };
                self.end(host, now);
                let Some(answer) = answer.and_then(framed) else { return Progress::Done };
                self.output.push(answer.into());
                continue;
            }
            if let Some(message) = self.next_message() {
                if let Some(upstream) = self.upstream.filter(|_| self.zone.leaves_to_others(&message)) {
                    self.question = Question::ask(host, now, upstream, message);
                    if self.question.is_none() {
                        return Progress::Done;
                    }
                    continue;
                }
                let answer = self.zone.answer(&message, Via::Tcp).and_then(framed);
                let Some(answer) = answer else { return Progress::Done };
                self.output.push(answer.into());
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

    fn waits_for(&self) -> Option<SocketId> {
        self.question.as_ref().map(Question::socket)
    }

    fn end(&mut self, host: &mut Host, now: Instant) {
        if let Some(question) = self.question.take() {
            host.close(now, question.socket());
        }
    }
}

/// A message behind its length, if that can be said.
fn framed(message: Vec<u8>) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    Some([&length.to_be_bytes(), &message[..]].concat())
}
