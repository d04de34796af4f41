//! Sockets of the Internet's: SOCK_DIAG_BY_FAMILY, as `inet_diag` answers it.
//!
//! Of Unix-domain sockets whoever serves them is asked. Netlink sockets aren't told (ENOENT, as by a kernel built without), nor are
//! ping sockets, which Linux doesn't tell either. SOCK_DESTROY is EOPNOTSUPP.

use std::net::SocketAddr;

use slotmap::Key as _;
use sockeye_abi::netlink::diag::{self, Ends, Filter, Seen, attribute as at};
use sockeye_abi::netlink::{self as nl, Message, route as rt};
use sockeye_abi::{Errno, Family, Opt, TcpInfo, Transport, Value};
use sockeye_base::Instant;
use sockeye_stack::{ConnectionId, Holder, TimeWaitId};
use sockeye_tcp::{Info, Pending, State, Tcb};

use super::{Answer, Asker, Entry, Outside, Picked, Refusal, Rest};
use crate::host::{Host, Kind, Slot, SocketId};
use crate::stream::StreamState;
use crate::{address, tcp_info};

const TCP: u8 = 6;
const AF_UNIX: u8 = 1;
/// Linux's numbers of states (`TCP_SYN_RECV` and so on).
const ESTABLISHED: u8 = 1;
const SYN_RECV: u8 = 3;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;
/// TCP_BOUND_INACTIVE: asked for by this number, shown as [`CLOSE`].
const BOUND_INACTIVE: u8 = 13;
/// The cookies of connections that no socket holds: no socket has this bit.
const UNHELD: u64 = 1 << 63;

/// What a dump of sockets goes through.
#[derive(Debug)]
pub(super) struct Dumped {
    wanted: Wanted,
    left: std::vec::IntoIter<Key>,
}

/// Which sockets are asked for, and what of them.
#[derive(Clone, Debug)]
struct Wanted {
    request: diag::Request,
    family: Family,
    filter: Option<Filter>,
}

/// A socket, or a connection that none holds, as the tables of `/proc/net` have it.
pub(crate) struct Listed {
    pub(crate) message: diag::Message,
    pub(crate) socket: Option<SocketId>,
    pub(crate) connection: Option<ConnectionId>,
}

/// What there is to tell of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Socket(SocketId),
    /// A connection that no socket holds.
    Connection(ConnectionId),
    /// What is left of one in TIME-WAIT.
    Left(TimeWaitId),
}

/// What is told of one.
pub(crate) struct Told {
    pub(crate) message: diag::Message,
    /// The state that it is asked for by.
    pub(crate) state: u8,
    auto_port: bool,
    /// It has no more than that.
    is_bare: bool,
}

impl Host {
    pub(super) fn answer_diag(
        &mut self,
        asker: Asker,
        message: &Message<'_>,
        outside: &dyn Outside,
    ) -> Result<Answer, Refusal> {
        match message.header.kind {
            diag::SOCK_DIAG_BY_FAMILY => {}
            diag::SOCK_DESTROY => return Err(Errno::EOPNOTSUPP.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
        let [family, _, ..] = *message.payload else { return Err(Errno::EINVAL.into()) };
        let is_dump = message.header.flags & nl::F_DUMP != 0;
        if family == AF_UNIX {
            return unix_answer(outside.unix_sockets(message.payload, is_dump), is_dump);
        }
        let family = Family::from_number(family.into()).ok_or(Errno::ENOENT)?;
        let request = diag::Request::decode(message.payload)?;
        let attributes = message.payload.get(diag::REQUEST..).unwrap_or_default();
        let code = nl::attribute(attributes, diag::REQ_BYTECODE).filter(|_| is_dump);
        let filter = code.map(Filter::decode).transpose()?;
        let Some(keys) = self.keys(family, request.protocol) else {
            let unknown = Refusal(Errno::ENOENT, None);
            return if is_dump {
                Ok(Answer::Dump(Rest::Failed(unknown), Picked::Nothing))
            } else {
                Err(unknown)
            };
        };
        let wanted = Wanted { request, family, filter };
        if is_dump {
            return Ok(Answer::Dump(
                Rest::Sockets(Box::new(Dumped { wanted, left: keys.into_iter() })),
                Picked::Nothing,
            ));
        }
        let named = keys.into_iter().filter_map(|key| {
            let told = self.told(asker.now, key, family)?;
            Some((fit(&request.ends, &told.message.ends)?, key, told))
        });
        let (_, key, told) = named.max_by_key(|(fit, ..)| *fit).ok_or(Errno::ENOENT)?;
        if request.cookie != diag::NO_COOKIE && request.cookie != told.message.cookie {
            return Err(Errno::ESTALE.into());
        }
        Ok(Answer::One(self.socket_entry(asker.now, &wanted, (key, told), (asker.opener.user, outside))))
    }

    /// The next socket of a dump that is wanted.
    pub(super) fn next_dumped(
        &mut self,
        now: Instant,
        dumped: &mut Dumped,
        asked: (u32, &dyn Outside),
    ) -> Option<Entry> {
        loop {
            let key = dumped.left.next()?;
            let Some(told) = self.told(now, key, dumped.wanted.family) else { continue };
            let Wanted { request, filter, .. } = &dumped.wanted;
            let seen =
                Seen { ends: told.message.ends, auto_port: told.auto_port, mark: self.mark_of(now, key) };
            let same_port =
                |asked: SocketAddr, own: SocketAddr| asked.port() == 0 || asked.port() == own.port();
            let is_wanted = request.states >> told.state & 1 == 1
                && same_port(request.ends.local, seen.ends.local)
                && same_port(request.ends.remote, seen.ends.remote)
                && filter.as_ref().is_none_or(|filter| filter.picks(&seen));
            if is_wanted {
                return Some(self.socket_entry(now, &dumped.wanted, (key, told), asked));
            }
        }
    }

    /// All there is to tell of in a family and protocol; `None` for one that nothing is told of.
    pub(crate) fn keys(&self, family: Family, protocol: u8) -> Option<Vec<Key>> {
        let known = [Transport::Tcp, Transport::Udp].map(|transport| transport.protocol(family));
        if !known.contains(&protocol.into()) && protocol != diag::RAW {
            return None;
        }
        let is_it = |transport: Transport| match transport {
            Transport::Raw(_) => protocol == diag::RAW,
            Transport::Ping => false,
            Transport::Tcp | Transport::Udp => transport.protocol(family) == i32::from(protocol),
        };
        Some(self.keys_of(family, is_it))
    }

    /// All that `/proc/net` has a line for, of a family and of some transports.
    pub(crate) fn listed(
        &self,
        now: Instant,
        (family, is_it): (Family, impl Fn(Transport) -> bool),
        (user, outside): (u32, &dyn Outside),
    ) -> Vec<Listed> {
        let keys = self.keys_of(family, is_it).into_iter();
        let listed = keys.filter_map(|key| {
            let told = self.told(now, key, family).filter(|told| told.state != BOUND_INACTIVE)?;
            let mut message = told.message;
            let (socket, connection) = match key {
                Key::Socket(id) => {
                    add_outside(&mut message, id, (user, outside));
                    (Some(id), self.connection_of(id))
                }
                Key::Connection(id) => (None, Some(id)),
                Key::Left(_) => (None, None),
            };
            Some(Listed { message, socket, connection })
        });
        listed.collect()
    }

    fn connection_of(&self, id: SocketId) -> Option<ConnectionId> {
        match self.stream(id).ok()?.1.state {
            StreamState::Open(connection) => Some(connection),
            StreamState::Idle | StreamState::Listening(_) => None,
        }
    }

    fn keys_of(&self, family: Family, is_it: impl Fn(Transport) -> bool) -> Vec<Key> {
        let sockets = self.sockets.iter().filter_map(|(id, slot)| match slot {
            Slot::Inet(socket) if socket.family == family && is_it(socket.transport()) => {
                Some(Key::Socket(id))
            }
            Slot::Inet(_) | Slot::Unix(_) | Slot::Netlink(_) => None,
        });
        let mut keys: Vec<Key> = sockets.collect();
        // As Linux: listeners come first.
        keys.sort_by_key(|key| !matches!(key, Key::Socket(id) if self.is_listening(*id)));
        if is_it(Transport::Tcp) {
            let of_family = |end: SocketAddr| end.is_ipv4() == (family == Family::Inet);
            keys.extend(self.stack.tcp_connections().filter_map(|id| {
                let unheld = self.stack.tcp_holder(id) != Some(Holder::Socket);
                let (local, _) = self.stack.tcp_endpoints(id)?;
                (unheld && of_family(local)).then_some(Key::Connection(id))
            }));
            keys.extend(self.stack.tcp_left().filter_map(|id| {
                let (local, ..) = self.stack.tcp_left_at(id)?;
                of_family(local).then_some(Key::Left(id))
            }));
        }
        keys
    }

    /// What is told of one; `None` if it is gone, or Linux wouldn't have it in its tables.
    pub(crate) fn told(&self, now: Instant, key: Key, family: Family) -> Option<Told> {
        let blank = diag::Message {
            family: family.number() as u8,
            state: CLOSE,
            timer: 0,
            retransmits: 0,
            ends: Ends { local: address::any(family, 0), remote: address::any(family, 0), interface: 0 },
            cookie: 0,
            expires: 0,
            receive_queue: 0,
            send_queue: 0,
            uid: 0,
            inode: 0,
        };
        match key {
            Key::Left(id) => {
                let (local, remote, ends) = self.stack.tcp_left_at(id)?;
                let cookie = id.data().as_ffi() | UNHELD;
                let ends_at = Ends { local, remote, interface: 0 };
                let message = diag::Message { ends: ends_at, cookie, ..blank };
                Some(in_time_wait(message, TIME_WAIT, millis(now, ends)))
            }
            Key::Connection(id) => {
                let (local, remote) = self.stack.tcp_endpoints(id)?;
                let ends = Ends { local, remote, interface: 0 };
                let message = diag::Message { ends, cookie: id.data().as_ffi() | UNHELD, ..blank };
                let tcb = self.stack.tcp(id)?;
                let mut told = connection(now, tcb, message)?;
                // Nobody has read the peer's FIN, which counts as a byte.
                if told.state == CLOSE_WAIT && tcb.receive_len() == 0 {
                    told.message.receive_queue = 1;
                }
                Some(told)
            }
            Key::Socket(id) => self.told_of_socket(now, id, blank),
        }
    }

    fn told_of_socket(&self, now: Instant, id: SocketId, blank: diag::Message) -> Option<Told> {
        let socket = self.get(id).ok()?;
        let local = self.local_addr(id).ok()?;
        // Of a connection under way, too, which has no peer to getpeername.
        let begun = match &socket.kind {
            Kind::Stream(stream) => match stream.state {
                StreamState::Open(connection) => self.stack.tcp_endpoints(connection),
                StreamState::Idle | StreamState::Listening(_) => None,
            },
            Kind::Datagram(_) => None,
        };
        let begun = begun.map(|(_, remote)| address::to_program(socket.family, remote));
        let remote = begun.or_else(|| self.peer_addr(id).ok()).unwrap_or(blank.ends.remote);
        let interface = socket.options.device.map_or(0, |device| device.index());
        let message =
            diag::Message { ends: Ends { local, remote, interface }, cookie: id.data().as_ffi(), ..blank };
        let stream = match &socket.kind {
            Kind::Stream(stream) => stream,
            Kind::Datagram(datagram) => {
                let udp = datagram.udp?;
                let state = if datagram.peer.is_some() { ESTABLISHED } else { CLOSE };
                let receive_queue = saturated(self.stack.udp_charged(udp));
                let message = diag::Message { state, receive_queue, ..message };
                return Some(Told { message, state, auto_port: !datagram.port_locked, is_bare: false });
            }
        };
        let told = match stream.state {
            StreamState::Listening(listener) => {
                let backlog = self.stack.tcp_backlog(listener)?;
                let (receive_queue, send_queue) = (saturated(backlog.ready), saturated(backlog.limit));
                let message = diag::Message { state: LISTEN, receive_queue, send_queue, ..message };
                Told { message, state: LISTEN, auto_port: false, is_bare: false }
            }
            StreamState::Open(id)
                if stream.live(&self.stack).is_some() || self.stack.tcp(id)?.state() == State::TimeWait =>
            {
                connection(now, self.stack.tcp(id)?, message)?
            }
            StreamState::Open(_) | StreamState::Idle => {
                stream.bind?;
                Told { message, state: BOUND_INACTIVE, auto_port: false, is_bare: false }
            }
        };
        Some(Told { auto_port: !stream.port_locked, ..told })
    }

    /// The message: what `inet_sk_diag_fill` writes, and the attributes that were asked for.
    fn socket_entry(
        &mut self,
        now: Instant,
        wanted: &Wanted,
        (key, told): (Key, Told),
        (user, outside): (u32, &dyn Outside),
    ) -> Entry {
        let mut message = told.message;
        let mark = self.mark_of(now, key);
        if told.is_bare {
            return Entry::new(diag::SOCK_DIAG_BY_FAMILY, &message.encode(), |out| out.u32(at::MARK, mark));
        }
        let more = match key {
            Key::Socket(id) => {
                add_outside(&mut message, id, (user, outside));
                self.more_of_socket(now, id, message.family)
            }
            Key::Connection(id) => self.more_of_connection(now, id),
            Key::Left(_) => More::default(),
        };
        let request = &wanted.request;
        let is_v6 = wanted.family == Family::Inet6;
        let has_connection = told.state != BOUND_INACTIVE && request.protocol == TCP;
        Entry::new(diag::SOCK_DIAG_BY_FAMILY, &message.encode(), |out| {
            out.put(at::SHUTDOWN, &[more.shutdown]);
            if request.wants(at::TOS) {
                out.put(at::TOS, &[more.tos]);
            }
            if is_v6 && request.wants(at::TCLASS) {
                out.put(at::TCLASS, &[more.traffic_class]);
            }
            if is_v6 && matches!(message.state, CLOSE | LISTEN) {
                out.put(at::SKV6ONLY, &[u8::from(more.v6only)]);
            }
            out.u32(at::MARK, mark);
            if request.wants(at::TCLASS) {
                out.u32(at::CLASS_ID, more.priority);
            }
            out.put(at::SOCKOPT, &more.flags);
            if request.wants(at::MEMINFO) {
                let [received, _, sent, _, forward, queued, ..] = more.memory;
                let words = [received, queued, forward, sent];
                out.put(at::MEMINFO, &words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>());
            }
            if request.wants(at::SKMEMINFO) {
                out.put(
                    at::SKMEMINFO,
                    &more.memory.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>(),
                );
            }
            if let Some(info) = more.info.filter(|_| request.wants(at::INFO) && has_connection) {
                out.put(at::INFO, &info.to_bytes());
            }
            if request.wants(at::CONG) && has_connection {
                out.text(at::CONG, more.congestion);
            }
        })
    }

    pub(crate) fn mark_of(&mut self, now: Instant, key: Key) -> u32 {
        match key {
            Key::Socket(id) => self.int(now, id, Opt::SoMark).unwrap_or(0).cast_unsigned(),
            Key::Connection(_) | Key::Left(_) => 0,
        }
    }

    fn int(&mut self, now: Instant, id: SocketId, opt: Opt) -> Option<i32> {
        match self.option(now, id, opt) {
            Ok(Value::Int(value)) => Some(value),
            Ok(_) | Err(_) => None,
        }
    }

    pub(crate) fn more_of_socket(&mut self, now: Instant, id: SocketId, family: u8) -> More {
        let is_v4 = family == rt::AF_INET;
        let mut int = |opt| self.int(now, id, opt).unwrap_or(0);
        let bits = [
            int(if is_v4 { Opt::IpRecvErr } else { Opt::Ipv6RecvErr }),
            0,
            int(Opt::IpFreeBind),
            int(Opt::IpHdrIncl),
            int(Opt::IpMulticastLoop),
            int(Opt::IpTransparent),
            if is_v4 { int(Opt::IpMulticastAll) } else { 0 },
            0,
            int(Opt::IpBindAddressNoPort),
        ];
        let is_tcp = self.transport(id) == Ok(Transport::Tcp);
        let bits = bits.iter().enumerate().fold(0u16, |all, (i, bit)| all | u16::from(*bit != 0) << i);
        let flags = (bits | u16::from(is_tcp) << 1).to_le_bytes();
        let byte = |value: i32| value as u8;
        let mut more = More {
            flags,
            tos: byte(self.int(now, id, Opt::IpTos).unwrap_or(0)),
            traffic_class: byte(self.int(now, id, Opt::Ipv6Tclass).unwrap_or(0)),
            v6only: self.int(now, id, Opt::Ipv6V6Only) == Some(1),
            priority: self.int(now, id, Opt::SoPriority).unwrap_or(0).cast_unsigned(),
            ..More::default()
        };
        if let Ok(Value::Bytes(bytes)) = self.option(now, id, Opt::SoMemInfo) {
            let words = bytes.chunks_exact(4).filter_map(|word| word.first_chunk());
            more.memory.iter_mut().zip(words).for_each(|(to, word)| *to = u32::from_ne_bytes(*word));
        }
        if !is_tcp {
            let (read, write) = self.is_shut(id);
            more.shutdown = u8::from(read) | u8::from(write) << 1;
            return more;
        }
        if let Ok((socket, stream)) = self.stream(id) {
            let shut = stream.shut(&self.stack, socket.shut);
            more.shutdown = u8::from(shut.read) | u8::from(shut.write) << 1;
        }
        more.info = tcp_info::of(self, now, id).ok();
        if let Ok(Value::Bytes(name)) = self.option(now, id, Opt::TcpCongestion) {
            more.congestion = if name == b"reno" { "reno" } else { "cubic" };
        }
        more
    }

    pub(crate) fn more_of_connection(&self, now: Instant, id: ConnectionId) -> More {
        let Some(tcb) = self.stack.tcp(id) else { return More::default() };
        let v6 = self.stack.tcp_endpoints(id).is_some_and(|(local, _)| local.is_ipv6());
        More {
            shutdown: u8::from(tcb.receive_closed()) | u8::from(tcb.send_closed()) << 1,
            flags: [0x12 | u8::from(!v6) << 6, 0],
            info: Some(tcp_info::of_connection(now, &tcb.info(), v6)),
            congestion: tcb.config().congestion.name(),
            ..More::default()
        }
    }
}

/// What is told in attributes.
#[derive(Default)]
pub(crate) struct More {
    /// Bit 0: for reading, bit 1: for writing.
    pub(crate) shutdown: u8,
    pub(crate) tos: u8,
    pub(crate) traffic_class: u8,
    pub(crate) v6only: bool,
    pub(crate) priority: u32,
    /// `struct inet_diag_sockopt`.
    flags: [u8; 2],
    /// As SO_MEMINFO has it.
    pub(crate) memory: [u32; 9],
    pub(crate) info: Option<TcpInfo>,
    pub(crate) congestion: &'static str,
}

/// What is told of Unix-domain sockets.
fn unix_answer(told: Result<Vec<Vec<u8>>, Errno>, is_dump: bool) -> Result<Answer, Refusal> {
    let entry = |body| Entry { kind: diag::SOCK_DIAG_BY_FAMILY, body };
    match told {
        Ok(bodies) if is_dump => Ok(Answer::entries(bodies.into_iter().map(entry).collect())),
        Ok(bodies) => bodies.into_iter().next().map(entry).map(Answer::One).ok_or(Errno::ENOENT.into()),
        Err(errno) if is_dump => Ok(Answer::Dump(Rest::Failed(errno.into()), Picked::Nothing)),
        Err(errno) => Err(errno.into()),
    }
}

/// Adds what the host doesn't know of a socket.
fn add_outside(message: &mut diag::Message, id: SocketId, (user, outside): (u32, &dyn Outside)) {
    message.uid = user;
    message.inode = outside.inode(id);
    if message.state != LISTEN {
        let (received, written) = outside.on_the_way(id);
        message.receive_queue = message.receive_queue.saturating_add(saturated(received));
        message.send_queue = message.send_queue.saturating_add(saturated(written));
    }
}

/// What is told of a connection; `None` of one that has ended.
fn connection(now: Instant, tcb: &Tcb, message: diag::Message) -> Option<Told> {
    let info: Info = tcb.info();
    let until = |at: Instant| millis(now, at);
    let (timer, expires, retransmits) = match tcb.pending() {
        // An orphan's FIN-WAIT-2 is told by the same struct as TIME-WAIT (tw_substate).
        Some(Pending::TimeWait(at)) if info.state == State::FinWait2 => {
            return Some(in_time_wait(message, FIN_WAIT2, until(at)));
        }
        Some(Pending::TimeWait(at)) => return Some(in_time_wait(message, TIME_WAIT, until(at))),
        Some(Pending::Repeat(at)) => (1, until(at), info.retransmits),
        Some(Pending::Window(at)) => (4, until(at), info.probes),
        Some(Pending::Keepalive(at)) => (2, until(at), info.probes),
        None => (0, 0, 0),
    };
    if info.state == State::Closed {
        return None;
    }
    let state = tcp_info::number_of(info.state);
    // A SYN or FIN of ours that isn't acknowledged counts as a byte.
    let flag = match info.state {
        State::SynSent | State::FinWait1 | State::Closing | State::LastAck => 1,
        State::SynReceived
        | State::Established
        | State::FinWait2
        | State::CloseWait
        | State::TimeWait
        | State::Closed => 0,
    };
    let message = diag::Message {
        state,
        timer,
        expires,
        retransmits: u8::try_from(retransmits).unwrap_or(u8::MAX),
        receive_queue: unread(state, tcb.receive_len()),
        send_queue: saturated(tcb.unacked_len()).saturating_add(flag),
        ..message
    };
    Some(Told { message, state, auto_port: false, is_bare: state == SYN_RECV })
}

/// Bytes that a program has not read yet, the FIN behind them included. (Whether a FIN by itself was read is not known here.)
fn unread(state: u8, bytes: usize) -> u32 {
    saturated(bytes).saturating_add(u32::from(state == CLOSE_WAIT && bytes > 0))
}

fn in_time_wait(message: diag::Message, state: u8, expires: u32) -> Told {
    let message = diag::Message { state, timer: 3, expires, ..message };
    Told { message, state, auto_port: false, is_bare: true }
}

/// How well a socket is the one that a request names: by both ends, or by the local one if it has no peer; `None`: it isn't.
fn fit(asked: &Ends, own: &Ends) -> Option<(bool, bool)> {
    let same = |asked: SocketAddr, own: SocketAddr| (asked.ip(), asked.port()) == (own.ip(), own.port());
    let wildcard = own.local.ip().is_unspecified() && asked.local.port() == own.local.port();
    let (local, remote) = (same(asked.local, own.local), same(asked.remote, own.remote));
    ((local || wildcard) && (remote || own.remote.port() == 0)).then_some((remote, local))
}

fn millis(now: Instant, at: Instant) -> u32 {
    u32::try_from(at.since(now).as_millis()).unwrap_or(u32::MAX)
}

fn saturated(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
