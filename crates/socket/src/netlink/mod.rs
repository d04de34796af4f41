//! Netlink sockets (netlink(7)): what a program asks of the host by NETLINK_ROUTE and NETLINK_SOCK_DIAG, answered from what
//! stands there. A request is answered when it is sent; the answers wait to be read, a dump is written as it is read.
//!
//! Interfaces, addresses and routes are set up by who owns the network: to change one is EPERM. As nothing of it changes,
//! groups have nothing to tell (but of neighbours, which isn't told).

mod links;
mod neighbours;
mod routes;
mod sockets;

use std::collections::VecDeque;
use std::net::IpAddr;

use sockeye_abi::netlink::{self as nl, Address, Datagram, Header, Message, Protocol, route as rt};
use sockeye_abi::{Errno, Readiness};
use sockeye_base::Instant;

use crate::host::{Host, Result, Slot, SocketId};
pub(crate) use links::address_flags;
pub(crate) use routes::Row;
use sockets::Dumped;
pub(crate) use sockets::{Key, Listed, Told};

/// What a datagram of a dump holds: what programs have room for at least (a page, less the kernel's overhead).
const DATAGRAM: usize = 3776;
/// Bytes that may wait to be read (rmem_default).
const QUEUE: usize = 212_992;
/// The first port that is chosen for a socket if its process's number is taken; the next are below.
const FIRST_PORT: u32 = -4097_i32 as u32;
/// Groups are below this (RTNLGRP_MAX and more to come).
const GROUPS: u32 = 64;

/// Options at SOL_NETLINK.
mod option {
    pub(super) const ADD_MEMBERSHIP: i32 = 1;
    pub(super) const DROP_MEMBERSHIP: i32 = 2;
    pub(super) const BROADCAST_ERROR: i32 = 4;
    pub(super) const NO_ENOBUFS: i32 = 5;
    pub(super) const LIST_MEMBERSHIPS: i32 = 9;
    pub(super) const CAP_ACK: i32 = 10;
    pub(super) const EXT_ACK: i32 = 11;
    pub(super) const GET_STRICT_CHK: i32 = 12;
}

/// What only those know who hand sockets to programs.
pub trait Outside {
    /// A socket's inode; 0 if it has none.
    fn inode(&self, socket: SocketId) -> u32;
    /// Bytes on their way between a stream socket and its program: received and not read, with the FIN behind them as one more; written and
    /// not taken.
    fn on_the_way(&self, socket: SocketId) -> (usize, usize);

    /// What whoever serves Unix-domain sockets says to a request about them (`struct unix_diag_req`), for all or for one: the
    /// payloads of its answers. ENOENT if nothing is told of them.
    fn unix_sockets(&self, _request: &[u8], _all: bool) -> Result<Vec<Vec<u8>>> {
        Err(Errno::ENOENT)
    }
}

/// Who opens a netlink socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opener {
    /// The process's number: the socket's port, if it is free.
    pub process: u32,
    /// The user's: whose the host's sockets are.
    pub user: u32,
}

/// A netlink socket.
#[derive(Debug)]
pub(crate) struct Netlink {
    protocol: Protocol,
    opener: Opener,
    /// 0: none yet.
    port: u32,
    /// Bit n - 1: group n.
    groups: u64,
    capped: bool,
    told_more: bool,
    strict: bool,
    broadcast_error: bool,
    no_overrun: bool,
    answers: VecDeque<Vec<u8>>,
    waiting: usize,
    overrun: bool,
    dump: Option<Dump>,
}

/// A request that can't be met, and what is said of why.
#[derive(Clone, Copy, Debug)]
struct Refusal(Errno, Option<&'static str>);

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal(errno, None)
    }
}

/// Who asks, and how.
#[derive(Clone, Copy)]
struct Asker {
    now: Instant,
    opener: Opener,
    /// NETLINK_GET_STRICT_CHK.
    strict: bool,
}

/// What a request gives.
enum Answer {
    /// Nothing.
    Nothing,
    /// One message.
    One(Entry),
    /// A dump.
    Dump(Rest, Picked),
}

/// What is marked as only what was picked (NLM_F_DUMP_FILTERED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picked {
    Nothing,
    /// The messages, but not the dump's end.
    Messages,
    All,
}

/// A message without its header.
#[derive(Debug)]
struct Entry {
    kind: u16,
    body: Vec<u8>,
}

/// What of a dump is still to be told.
#[derive(Debug)]
enum Rest {
    Entries(std::vec::IntoIter<Entry>),
    Sockets(Box<Dumped>),
    /// Nothing but why.
    Failed(Refusal),
}

/// A dump under way.
#[derive(Debug)]
struct Dump {
    header: Header,
    picked: Picked,
    rest: Rest,
    /// What the last datagram had no room for.
    held: Option<Entry>,
}

impl Entry {
    /// A message of this kind: its fixed part, then attributes.
    fn new(kind: u16, fixed: &[u8], write: impl FnOnce(&mut nl::Writer<'_>)) -> Entry {
        Entry { kind, body: nl::body(fixed, write) }
    }
}

impl Picked {
    /// The flag, of a message or of the end.
    fn flags(self, is_end: bool) -> u16 {
        match (self, is_end) {
            (Picked::All, _) | (Picked::Messages, false) => nl::F_DUMP_FILTERED,
            (Picked::Messages, true) | (Picked::Nothing, _) => 0,
        }
    }
}

impl Answer {
    fn entries(entries: Vec<Entry>) -> Answer {
        Answer::Dump(Rest::Entries(entries.into_iter()), Picked::Nothing)
    }
}

/// What `/proc/net/netlink` shows of one: port, groups, bytes that wait, whether a dump is under way.
type Shown = (u32, u32, usize, bool);

impl Netlink {
    pub(crate) fn shown(&self) -> (Protocol, Shown) {
        let groups = (self.groups & u64::from(u32::MAX)) as u32;
        (self.protocol, (self.port, groups, self.waiting, self.dump.is_some()))
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let mut readiness = Readiness::OUT;
        readiness.set(Readiness::IN, !self.answers.is_empty() || self.dump.is_some());
        readiness.set(Readiness::ERR, self.overrun);
        readiness
    }

    fn queue(&mut self, out: Datagram) {
        let bytes = out.into_bytes();
        if self.waiting + bytes.len() > QUEUE {
            self.overrun = !self.no_overrun;
            return;
        }
        self.waiting += bytes.len();
        self.answers.push_back(bytes);
    }
}

impl Host {
    /// Opens a netlink socket.
    pub fn netlink_socket(&mut self, protocol: Protocol, opener: Opener) -> SocketId {
        let netlink = Netlink {
            protocol,
            opener,
            port: 0,
            groups: 0,
            capped: false,
            told_more: false,
            strict: false,
            broadcast_error: false,
            no_overrun: false,
            answers: VecDeque::new(),
            waiting: 0,
            overrun: false,
            dump: None,
        };
        self.sockets.insert(Slot::Netlink(Box::new(netlink)))
    }

    /// Gives it a port, and groups to hear (bind(2)): port 0 is its process's number, or another that is free. EINVAL if it has
    /// another port, EADDRINUSE.
    pub fn netlink_bind(&mut self, id: SocketId, wanted: Address) -> Result<()> {
        let own = self.netlink(id)?.port;
        if own != 0 && wanted.port != own {
            return Err(Errno::EINVAL);
        }
        if own == 0 {
            self.take_netlink_port(id, wanted.port)?;
        }
        let netlink = self.netlink_mut(id)?;
        netlink.groups = netlink.groups & !u64::from(u32::MAX) | u64::from(wanted.groups);
        Ok(())
    }

    /// Names the peer (connect(2)): only the kernel is one. EPERM for another.
    pub fn netlink_connect(&mut self, id: SocketId, peer: Address) -> Result<()> {
        if peer != Address::default() {
            return Err(Errno::EPERM);
        }
        if self.netlink(id)?.port == 0 {
            self.take_netlink_port(id, 0)?;
        }
        Ok(())
    }

    /// Its port and groups (getsockname(2)).
    pub fn netlink_name(&self, id: SocketId) -> Result<Address> {
        let netlink = self.netlink(id)?;
        Ok(Address { port: netlink.port, groups: (netlink.groups & u64::from(u32::MAX)) as u32 })
    }

    /// What it speaks about.
    pub fn netlink_protocol(&self, id: SocketId) -> Result<Protocol> {
        Ok(self.netlink(id)?.protocol)
    }

    /// Sends requests, and has them answered.
    pub fn netlink_send(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: &[u8],
        outside: &dyn Outside,
    ) -> Result<usize> {
        if self.netlink(id)?.port == 0 {
            self.take_netlink_port(id, 0)?;
        }
        for message in nl::messages(bytes) {
            self.serve_netlink(now, id, &message, outside)?;
        }
        Ok(bytes.len())
    }

    /// The next datagram to be read. EAGAIN if there is none; ENOBUFS once if some were lost because nobody read.
    pub fn netlink_receive(&mut self, now: Instant, id: SocketId, outside: &dyn Outside) -> Result<Vec<u8>> {
        let netlink = self.netlink_mut(id)?;
        if let Some(answer) = netlink.answers.pop_front() {
            netlink.waiting -= answer.len();
            return Ok(answer);
        }
        if std::mem::take(&mut netlink.overrun) {
            return Err(Errno::ENOBUFS);
        }
        let user = netlink.opener.user;
        let mut dump = netlink.dump.take().ok_or(Errno::EAGAIN)?;
        let told_more = netlink.told_more;
        let mut out = Datagram::default();
        while let Some(entry) =
            dump.held.take().or_else(|| self.next_of(now, &mut dump.rest, (user, outside)))
        {
            if !out.is_empty() && out.len() + nl::HEADER + entry.body.len() > DATAGRAM {
                dump.held = Some(entry);
                break;
            }
            let flags = dump.header.flags | dump.picked.flags(false);
            out.message(Header { kind: entry.kind, flags, ..dump.header }, &entry.body);
        }
        if out.is_empty() {
            let (error, text) = match dump.rest {
                Rest::Failed(Refusal(errno, text)) => (Some(errno), text.filter(|_| told_more)),
                Rest::Entries(_) | Rest::Sockets(_) => (None, None),
            };
            let flags = dump.header.flags | dump.picked.flags(true);
            out.done(Header { flags, ..dump.header }, error, text);
        } else {
            self.netlink_mut(id)?.dump = Some(dump);
        }
        Ok(out.into_bytes())
    }

    fn next_of(&mut self, now: Instant, rest: &mut Rest, asked: (u32, &dyn Outside)) -> Option<Entry> {
        match rest {
            Rest::Entries(entries) => entries.next(),
            Rest::Sockets(dumped) => self.next_dumped(now, dumped, asked),
            Rest::Failed(_) => None,
        }
    }

    /// Sets an option at SOL_NETLINK. ENOPROTOOPT for one that isn't here, EINVAL for a bad value.
    pub fn netlink_set_option(&mut self, id: SocketId, number: i32, value: &[u8]) -> Result<()> {
        let word = value.first_chunk().map(|word| u32::from_ne_bytes(*word)).ok_or(Errno::EINVAL)?;
        let netlink = self.netlink_mut(id)?;
        let on = word != 0;
        match number {
            option::ADD_MEMBERSHIP | option::DROP_MEMBERSHIP => {
                let bit = word.checked_sub(1).filter(|bit| *bit < GROUPS).ok_or(Errno::EINVAL)?;
                let group = 1 << bit;
                netlink.groups = if number == option::ADD_MEMBERSHIP {
                    netlink.groups | group
                } else {
                    netlink.groups & !group
                };
            }
            option::BROADCAST_ERROR => netlink.broadcast_error = on,
            option::NO_ENOBUFS => netlink.no_overrun = on,
            option::CAP_ACK => netlink.capped = on,
            option::EXT_ACK => netlink.told_more = on,
            option::GET_STRICT_CHK => netlink.strict = on,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// Reads an option at SOL_NETLINK: its value, and of a list only as much as there is `room` for, but its whole length.
    pub fn netlink_option(&self, id: SocketId, number: i32, room: usize) -> Result<(Vec<u8>, usize)> {
        let netlink = self.netlink(id)?;
        let on = match number {
            option::LIST_MEMBERSHIPS => {
                let bytes = netlink.groups.to_ne_bytes();
                return Ok((bytes.into_iter().take(room & !3).collect(), bytes.len()));
            }
            option::BROADCAST_ERROR => netlink.broadcast_error,
            option::NO_ENOBUFS => netlink.no_overrun,
            option::CAP_ACK => netlink.capped,
            option::EXT_ACK => netlink.told_more,
            option::GET_STRICT_CHK => netlink.strict,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        if room < 4 { Err(Errno::EINVAL) } else { Ok((i32::from(on).to_ne_bytes().to_vec(), 4)) }
    }

    fn netlink(&self, id: SocketId) -> Result<&Netlink> {
        match self.sockets.get(id) {
            Some(Slot::Netlink(netlink)) => Ok(netlink),
            Some(Slot::Inet(_) | Slot::Unix(_)) => Err(Errno::EOPNOTSUPP),
            None => Err(Errno::EBADF),
        }
    }

    fn netlink_mut(&mut self, id: SocketId) -> Result<&mut Netlink> {
        match self.sockets.get_mut(id) {
            Some(Slot::Netlink(netlink)) => Ok(netlink),
            Some(Slot::Inet(_) | Slot::Unix(_)) => Err(Errno::EOPNOTSUPP),
            None => Err(Errno::EBADF),
        }
    }

    fn take_netlink_port(&mut self, id: SocketId, wanted: u32) -> Result<()> {
        let Netlink { protocol, opener, .. } = *self.netlink(id)?;
        let taken = |port: u32| {
            let same =
                |slot: &Slot| matches!(slot, Slot::Netlink(n) if (n.protocol, n.port) == (protocol, port));
            self.sockets.values().any(same)
        };
        let port = match wanted {
            0 if opener.process != 0 && !taken(opener.process) => opener.process,
            0 => (0..=FIRST_PORT).rev().find(|port| *port != 0 && !taken(*port)).ok_or(Errno::EADDRINUSE)?,
            port if taken(port) => return Err(Errno::EADDRINUSE),
            port => port,
        };
        self.netlink_mut(id)?.port = port;
        Ok(())
    }

    /// As `netlink_rcv_skb` does: what is no request, or is below all kinds, is only acknowledged.
    fn serve_netlink(
        &mut self,
        now: Instant,
        id: SocketId,
        message: &Message<'_>,
        outside: &dyn Outside,
    ) -> Result<()> {
        let netlink = self.netlink(id)?;
        let (port, protocol) = (netlink.port, netlink.protocol);
        let asker = Asker { now, opener: netlink.opener, strict: netlink.strict };
        let Header { kind, flags, seq, .. } = message.header;
        let mut outcome = Ok(());
        if flags & nl::F_REQUEST != 0 && kind >= nl::MIN_TYPE {
            let answer = match protocol {
                Protocol::Route => self.answer_route(asker, message),
                Protocol::SockDiag => self.answer_diag(asker, message, outside),
            };
            match answer {
                Ok(Answer::Nothing) => {}
                Ok(Answer::One(entry)) => {
                    let mut out = Datagram::default();
                    out.message(Header { kind: entry.kind, flags: 0, seq, port }, &entry.body);
                    self.netlink_mut(id)?.queue(out);
                }
                Ok(Answer::Dump(rest, picked)) => match self.begin_dump(id, seq, rest, picked)? {
                    // It is acknowledged by its end.
                    true => return Ok(()),
                    false => outcome = Err(Errno::EBUSY.into()),
                },
                Err(refusal) => outcome = Err(refusal),
            }
        }
        if flags & nl::F_ACK != 0 || outcome.is_err() {
            let netlink = self.netlink_mut(id)?;
            let (error, text) = match outcome {
                Ok(()) => (None, None),
                Err(Refusal(errno, text)) => (Some(errno), text.filter(|_| netlink.told_more)),
            };
            let mut out = Datagram::default();
            out.answer(port, message, error, (!netlink.capped, text));
            netlink.queue(out);
        }
        Ok(())
    }

    /// Whether it begins: there is one dump at a time.
    fn begin_dump(&mut self, id: SocketId, seq: u32, rest: Rest, picked: Picked) -> Result<bool> {
        let netlink = self.netlink_mut(id)?;
        if netlink.dump.is_some() {
            return Ok(false);
        }
        let header = Header { kind: 0, flags: nl::F_MULTI, seq, port: netlink.port };
        netlink.dump = Some(Dump { header, picked, rest, held: None });
        Ok(true)
    }

    /// What NETLINK_ROUTE is asked, as `rtnetlink_rcv_msg` looks at it.
    fn answer_route(&self, asker: Asker, message: &Message<'_>) -> std::result::Result<Answer, Refusal> {
        let (kind, payload) = (message.header.kind, message.payload);
        if kind >= rt::RTM_MAX {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let Some(&family) = payload.first() else { return Ok(Answer::Nothing) };
        if kind & 3 != rt::RTM_GETLINK & 3 {
            // RTM_NEW, RTM_DEL, RTM_SET.
            return Err(Errno::EPERM.into());
        }
        if message.header.flags & nl::F_DUMP != 0 {
            match kind {
                rt::RTM_GETLINK => self.dump_links(asker, payload),
                rt::RTM_GETADDR => self.dump_addresses(asker, family, payload),
                rt::RTM_GETROUTE => self.dump_routes(asker, family, payload),
                rt::RTM_GETNEIGH => self.dump_neighbours(asker, family, payload),
                rt::RTM_GETRULE => routes::dump_rules(asker, family, payload),
                _ => return Err(Errno::EOPNOTSUPP.into()),
            }
            .or_else(|refusal| Ok(Answer::Dump(Rest::Failed(refusal), Picked::Nothing)))
        } else {
            match kind {
                rt::RTM_GETLINK => self.one_link(payload).map(Answer::One),
                rt::RTM_GETADDR if family == rt::AF_INET6 => self.one_address(payload).map(Answer::One),
                rt::RTM_GETROUTE => self.one_route(asker, family, payload).map(Answer::One),
                rt::RTM_GETNEIGH => self.one_neighbour(asker, payload).map(Answer::One),
                _ => Err(Errno::EOPNOTSUPP.into()),
            }
        }
    }
}

/// An address as its bytes.
fn bytes_of(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// An address from its bytes, of which there are 4 or 16.
fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}
