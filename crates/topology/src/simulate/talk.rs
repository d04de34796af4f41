//! One conversation: both its ends, as state machines over non-blocking sockets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use sockeye_abi::{Errno, Family, How, Transport};
use sockeye_base::{Chain, Duration, Instant};
use sockeye_lab::{HostId, Lab};
use sockeye_socket::SocketId;

use super::seen::{Seen, number_bytes};
use super::{Conversation, Own};
use crate::calls::{Call, Gave};
use crate::model::{Traffic, Work};

/// Bytes written and read at once.
const AT_ONCE: usize = 64 * 1024;
/// What is said.
pub(super) static CHUNK: [u8; AT_ONCE] = [0x55; AT_ONCE];
/// How long the last datagrams are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talked {
    /// How long it took.
    pub took: Duration,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Requests answered, or datagrams that arrived, once or more often.
    pub count: u64,
    /// TCP segments sent.
    pub segments: u64,
    /// TCP segments sent again.
    pub again: u64,
    /// The shortest, mean and longest time a request took.
    pub times: Option<[Duration; 3]>,
    /// What its programs called, in the order the calls returned.
    pub said: Vec<Said>,
    /// Why it isn't whole, if it isn't.
    pub failed: Option<String>,
}

/// A call of a program, and what it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When it returned.
    pub at: Instant,
    /// After how long.
    pub took: Duration,
    /// Who called: `client`, `server`.
    pub who: String,
    /// What.
    pub call: Call,
    /// What it gave.
    pub gave: Gave,
}

pub(super) struct Talk {
    work: Work,
    /// Who begins, and who answers where.
    hosts: [HostId; 2],
    address: SocketAddr,
    begins: Instant,
    state: State,
    listener: Option<SocketId>,
    client: Option<SocketId>,
    server: Option<SocketId>,
    /// What the beginner has to send, and what is answered.
    out: [Chain; 2],
    /// Bytes that the beginner has still to put there.
    left: u64,
    /// Bytes that came to each.
    came: [u64; 2],
    sent: u64,
    /// Which datagrams came.
    seen: Seen,
    segments: u64,
    again: u64,
    /// When the request under way began.
    asked: Instant,
    times: Times,
    ended: Instant,
    failed: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Talking,
    Over,
}

#[derive(Clone, Copy, Default)]
struct Times {
    count: u64,
    least: Duration,
    most: Duration,
    sum: Duration,
}

impl Talk {
    pub(super) fn new(traffic: &Traffic, address: IpAddr, hosts: [HostId; 2]) -> Talk {
        let begins = Instant::ZERO + traffic.at;
        Talk {
            work: traffic.work,
            hosts,
            address: SocketAddr::new(address, traffic.port),
            begins,
            state: State::Waiting,
            listener: None,
            client: None,
            server: None,
            out: [Chain::new(), Chain::new()],
            left: match traffic.work {
                Work::Stream(bytes) => bytes,
                _ => 0,
            },
            came: [0; 2],
            sent: 0,
            seen: Seen::default(),
            segments: 0,
            again: 0,
            asked: begins,
            times: Times::default(),
            ended: begins,
            failed: None,
        }
    }

    /// Opens the socket of who answers.
    fn listen(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        let to = self.hosts[1];
        let host = lab.host_mut(to);
        let transport = self.transport();
        let listening = host.socket(Family::Inet6, transport).and_then(|socket| {
            host.bind(now, socket, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.address.port()))?;
            if transport == Transport::Tcp {
                host.listen(now, socket, 16)?;
            }
            Ok(socket)
        });
        match listening {
            Ok(socket) => {
                self.listener = Some(socket);
                own.sockets.insert((to, socket), own.number);
            }
            Err(errno) => self.fail(now, errno),
        }
    }

    fn transport(&self) -> Transport {
        match self.work {
            Work::Datagrams { .. } => Transport::Udp,
            _ => Transport::Tcp,
        }
    }

    /// The next request.
    fn ask(&mut self, now: Instant) {
        if let Work::Exchanges { count, size } = self.work
            && self.sent < count
        {
            self.sent += 1;
            self.asked = now;
            self.left = size as u64;
            self.came[0] = 0;
        }
    }

    fn accept(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) -> Result<(), Errno> {
        let (to, Some(listener)) = (self.hosts[1], self.listener) else { return Ok(()) };
        while let Ok((socket, _)) = lab.host_mut(to).accept(now, listener) {
            own.sockets.insert((to, socket), own.number);
            self.server = Some(socket);
            self.server_ready(lab, now, socket)?;
        }
        Ok(())
    }

    fn take_datagrams(&mut self, lab: &mut Lab, now: Instant) -> Result<(), Errno> {
        let (to, Some(socket)) = (self.hosts[1], self.listener) else { return Ok(()) };
        let Work::Datagrams { count, size, .. } = self.work else { return Ok(()) };
        while let Ok((data, _)) = lab.host_mut(to).receive_from(now, socket, false) {
            let mut number = [0; 8];
            data.copy_to(&mut number[8 - number_bytes(count)..]);
            let number = u64::from_be_bytes(number);
            // Others may send to this port, too.
            if data.len() == size && number < self.sent && self.seen.is_new(number) {
                self.came[1] += size as u64;
            }
        }
        if self.seen.count() == count {
            self.end(now);
        }
        Ok(())
    }

    fn client_ready(&mut self, lab: &mut Lab, now: Instant, socket: SocketId) -> Result<(), Errno> {
        let host = lab.host_mut(self.hosts[0]);
        if let Some(errno) = host.take_error(socket) {
            return Err(errno);
        }
        loop {
            while self.left > 0 || !self.out[0].is_empty() {
                if self.out[0].is_empty() {
                    let next = usize::try_from(self.left).unwrap_or(AT_ONCE).min(AT_ONCE);
                    self.out[0].push(Bytes::from_static(&CHUNK[..next]));
                    self.left -= next as u64;
                }
                match host.send_chain(now, socket, &mut self.out[0]) {
                    Ok(_) => {}
                    Err(Errno::EAGAIN | Errno::ENOTCONN | Errno::EINPROGRESS) => return Ok(()),
                    Err(errno) => return Err(errno),
                }
            }
            if matches!(self.work, Work::Stream(_)) && self.sent == 0 {
                self.sent = 1;
                host.shutdown(now, socket, How::Write)?;
            }
            match host.receive(now, socket, AT_ONCE, false) {
                Ok(data) if data.is_empty() => {
                    return if matches!(self.work, Work::Stream(_)) {
                        Ok(())
                    } else {
                        Err(Errno::ECONNRESET)
                    };
                }
                Ok(data) => self.came[0] += data.len() as u64,
                Err(Errno::EAGAIN | Errno::ENOTCONN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
            if let Work::Exchanges { count, size } = self.work
                && self.came[0] >= size as u64
            {
                self.times.add(now.since(self.asked));
                if self.sent == count {
                    self.end(now);
                    return Ok(());
                }
                self.ask(now);
            }
        }
    }

    fn server_ready(&mut self, lab: &mut Lab, now: Instant, socket: SocketId) -> Result<(), Errno> {
        let host = lab.host_mut(self.hosts[1]);
        loop {
            while !self.out[1].is_empty() {
                match host.send_chain(now, socket, &mut self.out[1]) {
                    Ok(_) => {}
                    Err(Errno::EAGAIN) => return Ok(()),
                    Err(errno) => return Err(errno),
                }
            }
            match host.receive(now, socket, AT_ONCE, false) {
                Ok(data) if data.is_empty() => {
                    match self.work {
                        Work::Stream(bytes) if self.came[1] == bytes => self.end(now),
                        _ => return Err(Errno::ECONNRESET),
                    }
                    return Ok(());
                }
                Ok(data) => {
                    self.came[1] += data.len() as u64;
                    if matches!(self.work, Work::Exchanges { .. }) {
                        self.out[1] = data;
                    }
                }
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The host of who began was switched off.
    fn lose(&mut self, now: Instant) {
        if self.state == State::Talking {
            self.client = None;
            self.failed = Some("its host was switched off".to_owned());
            self.end(now);
        }
    }

    /// The host of who answers was switched off: nobody tells who began.
    fn lose_server(&mut self) {
        (self.listener, self.server) = (None, None);
        self.out[1] = Chain::new();
    }

    fn fail(&mut self, now: Instant, errno: Errno) {
        if !self.is_over() {
            self.failed = Some(errno.to_string());
            self.end(now);
        }
    }

    fn end(&mut self, now: Instant) {
        self.state = State::Over;
        self.ended = now;
    }
}

impl Conversation for Talk {
    fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// When it has something to do by itself.
    fn due(&self) -> Option<Instant> {
        match (self.state, self.work) {
            (State::Waiting, _) => Some(self.begins),
            (State::Talking, Work::Datagrams { count, every, .. }) if self.sent < count => {
                Some(self.begins + every.saturating_mul(u32::try_from(self.sent).unwrap_or(u32::MAX)))
            }
            (State::Talking, Work::Datagrams { .. }) => Some(self.asked + PATIENCE),
            (State::Talking | State::Over, _) => None,
        }
    }

    fn prepare(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        self.listen(lab, now, own);
    }

    /// It is due.
    fn go_on(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        let from = self.hosts[0];
        if self.state == State::Waiting {
            self.state = State::Talking;
            let host = lab.host_mut(from);
            let family = if self.address.is_ipv4() { Family::Inet } else { Family::Inet6 };
            let begun = host.socket(family, self.transport()).and_then(|socket| {
                match host.connect(now, socket, self.address) {
                    Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
                    Err(errno) => Err(errno),
                }
            });
            match begun {
                Ok(socket) => {
                    self.client = Some(socket);
                    own.sockets.insert((from, socket), own.number);
                }
                Err(errno) => return self.fail(now, errno),
            }
            self.ask(now);
        }
        if let (Work::Datagrams { count, size, .. }, Some(client)) = (self.work, self.client) {
            if self.sent == count {
                return self.end(now);
            }
            let mut data = CHUNK[..size.min(AT_ONCE)].to_vec();
            let bytes = number_bytes(count).min(data.len());
            data[..bytes].copy_from_slice(&self.sent.to_be_bytes()[8 - bytes..]);
            // What can't be sent is lost.
            let _ = lab.host_mut(from).send(now, client, &data);
            self.sent += 1;
            self.asked = now;
        }
    }

    /// A socket of it has changed.
    fn ready(&mut self, lab: &mut Lab, now: Instant, (host, socket): (HostId, SocketId), own: &mut Own<'_>) {
        let done = if host == self.hosts[1] && Some(socket) == self.listener {
            match self.transport() {
                Transport::Tcp => self.accept(lab, now, own),
                _ => self.take_datagrams(lab, now),
            }
        } else if Some(socket) == self.client && host == self.hosts[0] {
            self.client_ready(lab, now, socket)
        } else if Some(socket) == self.server {
            self.server_ready(lab, now, socket)
        } else {
            Ok(())
        };
        if let Err(errno) = done {
            self.fail(now, errno);
        }
        if self.is_over() {
            for (host, socket) in [(self.hosts[0], self.client.take()), (self.hosts[1], self.server.take())] {
                if let Some(socket) = socket {
                    if let Some(info) = lab.host(host).info(socket) {
                        self.segments += info.segs_out;
                        self.again += u64::from(info.total_retrans);
                    }
                    own.sockets.remove(&(host, socket));
                    lab.host_mut(host).close(now, socket);
                }
            }
        }
    }

    fn switched(&mut self, lab: &mut Lab, now: Instant, (host, on): (HostId, bool), own: &mut Own<'_>) {
        match on {
            false if host == self.hosts[0] => self.lose(now),
            false if host == self.hosts[1] => self.lose_server(),
            true if host == self.hosts[1] => self.listen(lab, now, own),
            _ => {}
        }
    }

    fn outcome(self: Box<Talk>, _: &Lab, now: Instant) -> Talked {
        let ended = if self.is_over() { self.ended } else { now };
        let missing = match self.work {
            Work::Datagrams { count, .. } if self.seen.count() < count => {
                let lost = count - self.seen.count();
                Some(format!("{lost} of {count} datagrams {} lost", if lost == 1 { "was" } else { "were" }))
            }
            _ if !self.is_over() => Some("it did not come to its end".to_owned()),
            _ => None,
        };
        Talked {
            took: ended.since(self.begins),
            bytes: self.came[1],
            // No datagram has a time, and no request a number.
            count: self.times.count + self.seen.count(),
            segments: self.segments,
            again: self.again,
            times: self.times.all(),
            said: Vec::new(),
            failed: self.failed.or(missing),
        }
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.least = if self.count == 0 { time } else { self.least.min(time) };
        self.most = self.most.max(time);
        self.sum = self.sum.saturating_add(time);
        self.count += 1;
    }

    fn all(&self) -> Option<[Duration; 3]> {
        let count = u32::try_from(self.count).ok().filter(|count| *count > 0)?;
        (!self.sum.is_zero()).then(|| [self.least, self.sum / count, self.most])
    }
}
