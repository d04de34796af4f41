//! What NETLINK_SOCK_DIAG says of Internet sockets (sock_diag(7); linux/inet_diag.h).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Errno;

/// SOCK_DIAG_BY_FAMILY.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// SOCK_DESTROY.
pub const SOCK_DESTROY: u16 = 21;
/// INET_DIAG_REQ_BYTECODE.
pub const REQ_BYTECODE: u16 = 1;
/// IPPROTO_RAW stands for all raw sockets.
pub const RAW: u8 = 255;
/// `sizeof(struct inet_diag_req_v2)`.
pub const REQUEST: usize = 56;
/// `sizeof(struct inet_diag_msg)`.
pub const MESSAGE: usize = 72;
/// INET_DIAG_NOCOOKIE.
pub const NO_COOKIE: u64 = u64::MAX;
/// `sizeof(struct inet_diag_bc_op)`.
const OP: usize = 4;

/// INET_DIAG_*: the attributes of an answer.
#[allow(missing_docs)] // the names are Linux's
pub mod attribute {
    pub const MEMINFO: u16 = 1;
    pub const INFO: u16 = 2;
    pub const CONG: u16 = 4;
    pub const TOS: u16 = 5;
    pub const TCLASS: u16 = 6;
    pub const SKMEMINFO: u16 = 7;
    pub const SHUTDOWN: u16 = 8;
    pub const SKV6ONLY: u16 = 11;
    pub const MARK: u16 = 15;
    pub const CLASS_ID: u16 = 17;
    pub const SOCKOPT: u16 = 22;
}

/// Both ends of a socket; an unspecified address is all, port 0 none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's.
    pub remote: SocketAddr,
    /// The only interface it has to do with; 0: all.
    pub interface: u32,
}

/// `struct inet_diag_req_v2`: which sockets are asked for, and what of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// AF_INET or AF_INET6, or another.
    pub family: u8,
    /// Their protocol.
    pub protocol: u8,
    /// Bit n - 1: attribute n is wanted.
    pub extensions: u8,
    /// Bit n: sockets in state n are wanted.
    pub states: u32,
    /// Of one socket, its ends; of many their ports, and the interface.
    pub ends: Ends,
    /// [`NO_COOKIE`]: whichever.
    pub cookie: u64,
}

impl Request {
    /// EINVAL if there is too little of it.
    pub fn decode(bytes: &[u8]) -> Result<Request, Errno> {
        let b: &[u8; REQUEST] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| b[at + i]));
        let end = |port: usize, at: usize| {
            let address = match b[0] {
                10 => IpAddr::V6(Ipv6Addr::from(std::array::from_fn::<u8, 16, _>(|i| b[at + i]))),
                _ => IpAddr::V4(Ipv4Addr::from(std::array::from_fn::<u8, 4, _>(|i| b[at + i]))),
            };
            SocketAddr::new(address, u16::from_be_bytes([b[port], b[port + 1]]))
        };
        let ends = Ends { local: end(8, 12), remote: end(10, 28), interface: word(44) };
        let cookie = u64::from(word(52)) << 32 | u64::from(word(48));
        Ok(Request { family: b[0], protocol: b[1], extensions: b[2], states: word(4), ends, cookie })
    }

    /// Whether an attribute is wanted.
    pub fn wants(&self, attribute: u16) -> bool {
        (1..=8).contains(&attribute) && self.extensions >> (attribute - 1) & 1 == 1
    }
}

/// `struct inet_diag_msg`: what is said of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// AF_INET or AF_INET6.
    pub family: u8,
    /// Its state, by TCP's numbers.
    pub state: u8,
    /// What it waits for: nothing 0, to repeat something 1, to probe a silent peer 2, the end of TIME-WAIT 3, to probe a
    /// window 4.
    pub timer: u8,
    /// How often it was in vain.
    pub retransmits: u8,
    /// Its ends.
    pub ends: Ends,
    /// Its name in requests.
    pub cookie: u64,
    /// Until then, in milliseconds.
    pub expires: u32,
    /// Bytes received and not read; of a listener connections not accepted.
    pub receive_queue: u32,
    /// Bytes sent and not acknowledged; of a listener its backlog.
    pub send_queue: u32,
    /// Whose it is.
    pub uid: u32,
    /// Its inode; 0: nobody holds it.
    pub inode: u32,
}

impl Message {
    /// Its bytes.
    pub fn encode(&self) -> [u8; MESSAGE] {
        let mut out = [0; MESSAGE];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[self.family, self.state, self.timer, self.retransmits]);
        put(4, &self.ends.local.port().to_be_bytes());
        put(6, &self.ends.remote.port().to_be_bytes());
        put(8, &address(self.ends.local.ip()));
        put(24, &address(self.ends.remote.ip()));
        put(40, &self.ends.interface.to_ne_bytes());
        put(44, &(self.cookie as u32).to_ne_bytes());
        put(48, &((self.cookie >> 32) as u32).to_ne_bytes());
        let words = [self.expires, self.receive_queue, self.send_queue, self.uid, self.inode];
        words.iter().enumerate().for_each(|(i, word)| put(52 + 4 * i, &word.to_ne_bytes()));
        out
    }
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let mut out = [0; 16];
            out[..4].copy_from_slice(&ip.octets());
            out
        }
    }
}

/// The program by which a request picks sockets (INET_DIAG_REQ_BYTECODE): steps that look at a socket's ends, and go forward one
/// way or the other. A socket is picked if the last leads exactly to the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    code: Vec<u8>,
}

/// What a step looks at.
mod op {
    pub(super) const NOP: u8 = 0;
    pub(super) const JMP: u8 = 1;
    pub(super) const S_GE: u8 = 2;
    pub(super) const S_LE: u8 = 3;
    pub(super) const D_GE: u8 = 4;
    pub(super) const D_LE: u8 = 5;
    pub(super) const AUTO: u8 = 6;
    pub(super) const S_COND: u8 = 7;
    pub(super) const D_COND: u8 = 8;
    pub(super) const DEV_COND: u8 = 9;
    pub(super) const MARK_COND: u8 = 10;
    pub(super) const S_EQ: u8 = 11;
    pub(super) const D_EQ: u8 = 12;
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The socket's ends.
    pub ends: Ends,
    /// Its port was chosen for it.
    pub auto_port: bool,
    /// SO_MARK.
    pub mark: u32,
}

impl Filter {
    /// Checks it, as `inet_diag_bc_audit` does: what holds leads from step to step up to the end exactly, what doesn't hold to one
    /// of these steps, or past them. EINVAL. (By control group nothing can be picked here.)
    pub fn decode(code: &[u8]) -> Result<Filter, Errno> {
        let (mut at, mut steps, mut targets) = (0, vec![code.len()], Vec::new());
        while at < code.len() {
            let (kind, yes, no) = step(code, at).ok_or(Errno::EINVAL)?;
            let least = OP + operand(code, at, kind).ok_or(Errno::EINVAL)?;
            let left = code.len() - at;
            let leads = |length: usize| length >= least && length <= left + OP && length.is_multiple_of(OP);
            if !leads(yes) || left < least || !(kind == op::NOP || leads(no)) {
                return Err(Errno::EINVAL);
            }
            steps.push(at);
            targets.extend((kind != op::NOP && no < left).then_some(at + no));
            at += yes;
        }
        let ends_well = at == code.len() && targets.iter().all(|target| steps.contains(target));
        if ends_well { Ok(Filter { code: code.to_vec() }) } else { Err(Errno::EINVAL) }
    }

    /// Whether it picks this socket.
    pub fn picks(&self, seen: &Seen) -> bool {
        let mut at = 0;
        // Every step goes forward, so this ends.
        while at < self.code.len() {
            let Some((kind, yes, no)) = step(&self.code, at) else { return false };
            let holds = self.holds(at, kind, seen).unwrap_or(false);
            at += (if holds { yes } else { no }).max(OP);
        }
        at == self.code.len()
    }

    fn holds(&self, at: usize, kind: u8, seen: &Seen) -> Option<bool> {
        let argument = self.code.get(at + OP..)?;
        let port = || step(argument, 0).map(|(_, _, port)| port);
        let (local, remote) = (usize::from(seen.ends.local.port()), usize::from(seen.ends.remote.port()));
        let word = |at: usize| argument.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
        Some(match kind {
            op::NOP => true,
            op::S_GE => local >= port()?,
            op::S_LE => local <= port()?,
            op::D_GE => remote >= port()?,
            op::D_LE => remote <= port()?,
            op::S_EQ => local == port()?,
            op::D_EQ => remote == port()?,
            op::AUTO => seen.auto_port,
            op::S_COND => host_matches(argument, seen.ends.local)?,
            op::D_COND => host_matches(argument, seen.ends.remote)?,
            op::DEV_COND => seen.ends.interface == word(0)?,
            op::MARK_COND => seen.mark & word(4)? == word(0)?,
            // A jump is a condition that never holds.
            _ => false,
        })
    }
}

/// A step: what it looks at, how far it goes if that holds, and if not.
fn step(code: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let [kind, yes, a, b] = *code.get(at..)?.first_chunk()?;
    Some((kind, yes.into(), u16::from_ne_bytes([a, b]).into()))
}

/// How long what follows a step is that belongs to it; `None` for a step that isn't known.
fn operand(code: &[u8], at: usize, kind: u8) -> Option<usize> {
    match kind {
        op::NOP | op::JMP | op::AUTO => Some(0),
        op::S_GE | op::S_LE | op::D_GE | op::D_LE | op::S_EQ | op::D_EQ | op::DEV_COND => Some(OP),
        op::MARK_COND => Some(8),
        op::S_COND | op::D_COND => {
            let bytes = match *code.get(at + OP)? {
                0 => 0,
                2 => 4,
                10 => 16,
                _ => return None,
            };
            let prefix = usize::from(*code.get(at + OP + 1)?);
            (prefix <= 8 * bytes).then_some(8 + bytes)
        }
        _ => None,
    }
}

/// `struct inet_diag_hostcond`: family, prefix, port (-1: any), address.
fn host_matches(condition: &[u8], end: SocketAddr) -> Option<bool> {
    let (family, prefix) = (*condition.first()?, usize::from(*condition.get(1)?));
    let port = i32::from_ne_bytes(*condition.get(4..)?.first_chunk()?);
    if port != -1 && port != i32::from(end.port()) {
        return Some(false);
    }
    let wanted = condition.get(8..)?;
    let (own, own_family) = match end.ip() {
        IpAddr::V4(ip) => (ip.octets().to_vec(), 2),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().filter(|_| family == 2) {
            Some(ip) => (ip.octets().to_vec(), 2),
            None => (ip.octets().to_vec(), 10),
        },
    };
    if prefix == 0 {
        return Some(family == 0 || family == own_family);
    }
    if family != own_family {
        return Some(false);
    }
    let (bytes, bits) = (prefix / 8, prefix % 8);
    let same = wanted.get(..bytes)? == own.get(..bytes)?;
    let rest = |bytes: &[u8], at: usize| {
        bytes.get(at).map_or(0, |byte| byte.checked_shr(8 - bits as u32).unwrap_or(0))
    };
    Some(same && rest(wanted, bytes) == rest(&own, bytes))
}
