//! Control messages (cmsg(3)): the ancillary data of sendmsg(2) and recvmsg(2), bytes to values and back.
//!
//! The layout is that of 64-bit Linux: a header of 16 bytes, then data, each message at a multiple of 8. Which of them a socket
//! takes, and which it gives, is the socket layer's to say.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use crate::option::{SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP};
use crate::{Address, Errno, decode_sockaddr, encode_sockaddr};

mod numbers;
#[cfg(test)]
mod tests;

use numbers as n;

/// `sizeof(struct cmsghdr)`.
const HEADER: usize = 16;
/// What messages are aligned to.
const ALIGN: usize = 8;
/// `sizeof(struct sock_extended_err)`.
const EXTENDED_ERR: usize = 16;
/// `sizeof(struct in_pktinfo)`.
const PKTINFO: usize = 12;
/// `sizeof(struct in6_pktinfo)`.
const PKTINFO6: usize = 20;

/// One control message. What is of none of these kinds, or is not as long as its kind is, stays as it came: [`Control::Other`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// IP_PKTINFO.
    IpPktInfo(PktInfo),
    /// IP_TTL: of the datagram sent or received.
    IpTtl(u8),
    /// IP_TOS: the same.
    IpTos(u8),
    /// IP_ORIGDSTADDR: where the datagram was sent to.
    IpOrigDstAddr(SocketAddrV4),
    /// IP_RECVERR: an entry of the error queue.
    IpRecvErr(ExtendedError),
    /// IP_RECVFRAGSIZE: the size of the largest fragment of the datagram; 0 if it came whole.
    IpFragSize(u32),
    /// IPV6_PKTINFO.
    Ipv6PktInfo(PktInfo6),
    /// IPV6_HOPLIMIT; -1 when sending: the socket's own.
    Ipv6HopLimit(i32),
    /// IPV6_TCLASS; -1 when sending: the socket's own.
    Ipv6Tclass(i32),
    /// IPV6_DONTFRAG: the datagram is refused if it is too long for the path.
    Ipv6DontFrag(bool),
    /// IPV6_ORIGDSTADDR: where the datagram was sent to.
    Ipv6OrigDstAddr(SocketAddrV6),
    /// IPV6_RECVERR: an entry of the error queue.
    Ipv6RecvErr(ExtendedError),
    /// IPV6_PATHMTU: the path to this address takes packets of so many bytes.
    Ipv6PathMtu(SocketAddrV6, u32),
    /// IPV6_RECVFRAGSIZE: the size of the largest fragment of the datagram.
    Ipv6FragSize(u32),
    /// SCM_TIMESTAMP: when the datagram came, since 1970, in microseconds; the second number of the option if `new`.
    Timestamp(Duration, Numbers),
    /// SCM_TIMESTAMPNS: the same in nanoseconds.
    TimestampNs(Duration, Numbers),
    /// SO_RXQ_OVFL: how many datagrams the socket has dropped.
    RxqOvfl(u32),
    /// SO_MARK: of the datagram sent or received.
    Mark(u32),
    /// SO_PRIORITY: the same.
    Priority(u32),
    /// UDP_SEGMENT: the data are datagrams of so many bytes.
    UdpSegment(u16),
    /// UDP_GRO: the data are datagrams of so many bytes.
    UdpGro(i32),
    /// SCM_RIGHTS: descriptors.
    Rights(Vec<i32>),
    /// SCM_CREDENTIALS: who sent it.
    Credentials(Credentials),
    /// Any other, or one of a wrong length.
    Other {
        /// Its protocol: SOL_SOCKET, SOL_IP …
        level: i32,
        /// Its number.
        kind: i32,
        /// Its data.
        data: Vec<u8>,
    },
}

/// `struct in_pktinfo`: where a datagram came in, or is to go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PktInfo {
    /// The interface's index; 0 when sending: as the route says.
    pub interface: u32,
    /// The address of this host that took part (`ipi_spec_dst`); when sending, the source.
    pub local: Ipv4Addr,
    /// The destination in the header (`ipi_addr`); nothing when sending.
    pub destination: Ipv4Addr,
}

/// `struct in6_pktinfo`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PktInfo6 {
    /// The destination in the header; when sending, the source, or `::` for none.
    pub address: Ipv6Addr,
    /// The interface's index; 0 when sending: as the route says.
    pub interface: u32,
}

/// Which of its two numbers an option for times was set by; its control messages have the same (`SO_TIMESTAMP_OLD`,
/// `SO_TIMESTAMP_NEW`). On 64-bit machines that is all the difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Numbers {
    /// The first.
    #[default]
    Old,
    /// The one for times past 2038.
    New,
}

/// `struct ucred`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Credentials {
    /// The process.
    pub pid: i32,
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// `struct sock_extended_err` and the address behind it (ip(7)): what is known of a datagram that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedError {
    /// What it means to a program.
    pub errno: Errno,
    /// Who says so.
    pub origin: Origin,
    /// ICMP's type.
    pub kind: u8,
    /// ICMP's code.
    pub code: u8,
    /// The path's MTU when a datagram was too long for it; the place of a bad parameter.
    pub info: u32,
    /// More; 0 of ICMP.
    pub data: u32,
    /// Who complained; none if it was this host.
    pub offender: Option<SocketAddr>,
}

/// SO_EE_ORIGIN_*: where an error comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// This host.
    Local,
    /// ICMP.
    Icmp,
    /// ICMP for IPv6.
    Icmp6,
    /// Another: its number.
    Other(u8),
}

impl Control {
    /// Decodes all of a `msg_control`. EINVAL if a header's length is less than its own or more than what is there. What is
    /// too short for a header is not looked at.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Control>, Errno> {
        let (mut all, mut rest) = (Vec::new(), bytes);
        while let Some((head, _)) = rest.split_at_checked(HEADER) {
            let length = usize::try_from(u64::from_ne_bytes(array(head, 0)?)).map_err(|_| Errno::EINVAL)?;
            let (level, kind) = (i32::from_ne_bytes(array(head, 8)?), i32::from_ne_bytes(array(head, 12)?));
            let data = rest.get(HEADER..length).ok_or(Errno::EINVAL)?;
            all.push(Control::decode(level, kind, data));
            rest = rest.get(length.next_multiple_of(ALIGN)..).unwrap_or_default();
        }
        Ok(all)
    }

    /// Decodes one message's data.
    pub fn decode(level: i32, kind: i32, data: &[u8]) -> Control {
        Control::known(level, kind, data).unwrap_or_else(|| Control::Other {
            level,
            kind,
            data: data.to_vec(),
        })
    }

    /// Writes messages into a `msg_control` of `room` bytes, as Linux does: what does not fit is cut, and what has no room for
    /// a header is left out. Says whether that happened (MSG_CTRUNC). The bytes' length is the new `msg_controllen`.
    pub fn encode_all(all: &[Control], room: usize) -> (Vec<u8>, bool) {
        let (mut out, mut cut) = (Vec::new(), false);
        for control in all {
            let left = room - out.len();
            if left < HEADER {
                cut = true;
                continue;
            }
            let data = control.data();
            let length = (HEADER + data.len()).min(left);
            cut |= length < HEADER + data.len();
            let (level, kind) = control.number();
            let end = (out.len() + (HEADER + data.len()).next_multiple_of(ALIGN)).min(room);
            out.extend_from_slice(&(length as u64).to_ne_bytes());
            out.extend_from_slice(&level.to_ne_bytes());
            out.extend_from_slice(&kind.to_ne_bytes());
            out.extend_from_slice(data.get(..length - HEADER).unwrap_or_default());
            out.resize(end, 0);
        }
        (out, cut)
    }

    /// Its level and number.
    pub fn number(&self) -> (i32, i32) {
        match self {
            Control::IpPktInfo(_) => (SOL_IP, n::IP_PKTINFO),
            Control::IpTtl(_) => (SOL_IP, n::IP_TTL),
            Control::IpTos(_) => (SOL_IP, n::IP_TOS),
            Control::IpOrigDstAddr(_) => (SOL_IP, n::IP_ORIGDSTADDR),
            Control::IpRecvErr(_) => (SOL_IP, n::IP_RECVERR),
            Control::IpFragSize(_) => (SOL_IP, n::IP_RECVFRAGSIZE),
            Control::Ipv6PktInfo(_) => (SOL_IPV6, n::IPV6_PKTINFO),
            Control::Ipv6HopLimit(_) => (SOL_IPV6, n::IPV6_HOPLIMIT),
            Control::Ipv6Tclass(_) => (SOL_IPV6, n::IPV6_TCLASS),
            Control::Ipv6DontFrag(_) => (SOL_IPV6, n::IPV6_DONTFRAG),
            Control::Ipv6OrigDstAddr(_) => (SOL_IPV6, n::IPV6_ORIGDSTADDR),
            Control::Ipv6RecvErr(_) => (SOL_IPV6, n::IPV6_RECVERR),
            Control::Ipv6PathMtu(..) => (SOL_IPV6, n::IPV6_PATHMTU),
            Control::Ipv6FragSize(_) => (SOL_IPV6, n::IPV6_RECVFRAGSIZE),
            Control::Timestamp(_, Numbers::Old) => (SOL_SOCKET, n::SO_TIMESTAMP_OLD),
            Control::Timestamp(_, Numbers::New) => (SOL_SOCKET, n::SO_TIMESTAMP_NEW),
            Control::TimestampNs(_, Numbers::Old) => (SOL_SOCKET, n::SO_TIMESTAMPNS_OLD),
            Control::TimestampNs(_, Numbers::New) => (SOL_SOCKET, n::SO_TIMESTAMPNS_NEW),
            Control::RxqOvfl(_) => (SOL_SOCKET, n::SO_RXQ_OVFL),
            Control::Mark(_) => (SOL_SOCKET, n::SO_MARK),
            Control::Priority(_) => (SOL_SOCKET, n::SO_PRIORITY),
            Control::UdpSegment(_) => (SOL_UDP, n::UDP_SEGMENT),
            Control::UdpGro(_) => (SOL_UDP, n::UDP_GRO),
            Control::Rights(_) => (SOL_SOCKET, n::SCM_RIGHTS),
            Control::Credentials(_) => (SOL_SOCKET, n::SCM_CREDENTIALS),
            Control::Other { level, kind, .. } => (*level, *kind),
        }
    }

    /// Its data as recvmsg(2) gives them.
    pub fn data(&self) -> Vec<u8> {
        match self {
            Control::IpPktInfo(info) => {
                let (local, destination) = (info.local.octets(), info.destination.octets());
                [info.interface.to_ne_bytes(), local, destination].concat()
            }
            Control::IpTtl(ttl) => i32::from(*ttl).to_ne_bytes().to_vec(),
            Control::IpTos(tos) => vec![*tos],
            Control::IpOrigDstAddr(address) => encode_sockaddr(&SocketAddr::V4(*address)),
            Control::IpRecvErr(error) => error.to_bytes(SOCKADDR_IN),
            Control::Ipv6RecvErr(error) => error.to_bytes(SOCKADDR_IN6),
            Control::Ipv6PktInfo(info) => {
                [info.address.octets().as_slice(), &info.interface.to_ne_bytes()].concat()
            }
            Control::Ipv6HopLimit(value) | Control::Ipv6Tclass(value) | Control::UdpGro(value) => {
                value.to_ne_bytes().to_vec()
            }
            Control::Ipv6DontFrag(on) => i32::from(*on).to_ne_bytes().to_vec(),
            Control::Ipv6OrigDstAddr(address) => encode_sockaddr(&SocketAddr::V6(*address)),
            Control::Ipv6PathMtu(to, mtu) => {
                [encode_sockaddr(&SocketAddr::V6(*to)).as_slice(), &mtu.to_ne_bytes()].concat()
            }
            Control::Timestamp(at, _) => pair(at.as_secs(), at.subsec_micros()),
            Control::TimestampNs(at, _) => pair(at.as_secs(), at.subsec_nanos()),
            Control::RxqOvfl(value)
            | Control::Mark(value)
            | Control::Priority(value)
            | Control::IpFragSize(value)
            | Control::Ipv6FragSize(value) => value.to_ne_bytes().to_vec(),
            Control::UdpSegment(size) => size.to_ne_bytes().to_vec(),
            Control::Rights(descriptors) => descriptors.iter().flat_map(|fd| fd.to_ne_bytes()).collect(),
            Control::Credentials(who) => {
                [who.pid.to_ne_bytes(), who.uid.to_ne_bytes(), who.gid.to_ne_bytes()].concat()
            }
            Control::Other { data, .. } => data.clone(),
        }
    }

    /// The message, if it is of a kind known and as long as that is.
    fn known(level: i32, kind: i32, data: &[u8]) -> Option<Control> {
        match level {
            SOL_SOCKET => Control::of_socket(kind, data),
            SOL_IP => Control::of_ip(kind, data),
            SOL_IPV6 => Control::of_ipv6(kind, data),
            SOL_UDP => match (kind, data) {
                (n::UDP_SEGMENT, _) => Some(Control::UdpSegment(u16::from_ne_bytes(exact(data)?))),
                (n::UDP_GRO, _) => int(data).map(Control::UdpGro),
                _ => None,
            },
            _ => None,
        }
    }

    fn of_socket(kind: i32, data: &[u8]) -> Option<Control> {
        let time = |unit: u32| {
            let (seconds, fraction) =
                (u64::from_ne_bytes(array(data, 0).ok()?), u64::from_ne_bytes(array(data, 8).ok()?));
            let nanos = u32::try_from(fraction).ok()?.checked_mul(unit).filter(|n| *n < 1_000_000_000)?;
            (data.len() == 16).then(|| Duration::new(seconds, nanos))
        };
        match kind {
            n::SCM_RIGHTS => {
                let (words, rest) = data.as_chunks::<4>();
                let descriptors = words.iter().map(|word| i32::from_ne_bytes(*word)).collect();
                rest.is_empty().then_some(Control::Rights(descriptors))
            }
            n::SCM_CREDENTIALS if data.len() == 12 => {
                let word = |at| array::<4>(data, at).ok();
                let (pid, uid) = (i32::from_ne_bytes(word(0)?), u32::from_ne_bytes(word(4)?));
                Some(Control::Credentials(Credentials { pid, uid, gid: u32::from_ne_bytes(word(8)?) }))
            }
            n::SO_TIMESTAMP_OLD => time(1000).map(|at| Control::Timestamp(at, Numbers::Old)),
            n::SO_TIMESTAMP_NEW => time(1000).map(|at| Control::Timestamp(at, Numbers::New)),
            n::SO_TIMESTAMPNS_OLD => time(1).map(|at| Control::TimestampNs(at, Numbers::Old)),
            n::SO_TIMESTAMPNS_NEW => time(1).map(|at| Control::TimestampNs(at, Numbers::New)),
            n::SO_RXQ_OVFL => word(data).map(Control::RxqOvfl),
            n::SO_MARK => word(data).map(Control::Mark),
            n::SO_PRIORITY => word(data).map(Control::Priority),
            _ => None,
        }
    }

    fn of_ip(kind: i32, data: &[u8]) -> Option<Control> {
        match kind {
            n::IP_PKTINFO if data.len() == PKTINFO => {
                let address = |at| array::<4>(data, at).ok().map(Ipv4Addr::from);
                let interface = u32::from_ne_bytes(array(data, 0).ok()?);
                let (local, destination) = (address(4)?, address(8)?);
                Some(Control::IpPktInfo(PktInfo { interface, local, destination }))
            }
            n::IP_TTL => u8::try_from(int(data)?).ok().map(Control::IpTtl),
            // ip(7): a byte as it is given, or an int.
            n::IP_TOS => match data {
                [tos] => Some(Control::IpTos(*tos)),
                _ => u8::try_from(int(data)?).ok().map(Control::IpTos),
            },
            n::IP_ORIGDSTADDR => match decode_sockaddr(data) {
                Ok(Address::Inet(SocketAddr::V4(address))) => Some(Control::IpOrigDstAddr(address)),
                _ => None,
            },
            n::IP_RECVERR => ExtendedError::parse(data).map(Control::IpRecvErr),
            n::IP_RECVFRAGSIZE => word(data).map(Control::IpFragSize),
            _ => None,
        }
    }

    fn of_ipv6(kind: i32, data: &[u8]) -> Option<Control> {
        let v6 = |data: &[u8]| match decode_sockaddr(data) {
            Ok(Address::Inet(SocketAddr::V6(address))) => Some(address),
            _ => None,
        };
        let class = |value: &i32| (-1..=255).contains(value);
        match kind {
            // Linux takes more than it needs.
            n::IPV6_PKTINFO | n::IPV6_2292PKTINFO if data.len() >= PKTINFO6 => {
                let address = Ipv6Addr::from(array::<16>(data, 0).ok()?);
                let interface = u32::from_ne_bytes(array(data, 16).ok()?);
                Some(Control::Ipv6PktInfo(PktInfo6 { address, interface }))
            }
            n::IPV6_HOPLIMIT | n::IPV6_2292HOPLIMIT => int(data).filter(class).map(Control::Ipv6HopLimit),
            n::IPV6_TCLASS => int(data).filter(class).map(Control::Ipv6Tclass),
            n::IPV6_DONTFRAG => match int(data)? {
                on @ (0 | 1) => Some(Control::Ipv6DontFrag(on == 1)),
                _ => None,
            },
            n::IPV6_ORIGDSTADDR => v6(data).map(Control::Ipv6OrigDstAddr),
            n::IPV6_RECVERR => ExtendedError::parse(data).map(Control::Ipv6RecvErr),
            n::IPV6_PATHMTU => {
                let (address, mtu) = data.split_at_checked(SOCKADDR_IN6)?;
                Some(Control::Ipv6PathMtu(v6(address)?, word(mtu)?))
            }
            n::IPV6_RECVFRAGSIZE => word(data).map(Control::Ipv6FragSize),
            _ => None,
        }
    }
}

/// `sizeof(struct sockaddr_in)`, `sizeof(struct sockaddr_in6)`.
const SOCKADDR_IN: usize = 16;
const SOCKADDR_IN6: usize = 28;

impl ExtendedError {
    /// The struct and the address behind it, which is of AF_UNSPEC if nobody is known.
    fn to_bytes(self, address_len: usize) -> Vec<u8> {
        let mut out = self.errno.0.to_ne_bytes().to_vec();
        out.extend_from_slice(&[self.origin.number(), self.kind, self.code, 0]);
        out.extend_from_slice(&self.info.to_ne_bytes());
        out.extend_from_slice(&self.data.to_ne_bytes());
        out.extend(self.offender.iter().flat_map(encode_sockaddr));
        out.resize(EXTENDED_ERR + address_len, 0);
        out
    }

    fn parse(data: &[u8]) -> Option<ExtendedError> {
        let (error, address) = data.split_at_checked(EXTENDED_ERR)?;
        let offender = match decode_sockaddr(address).ok()? {
            Address::Inet(address) => Some(address),
            Address::Unspec => None,
            Address::Unix(_) | Address::Other(_) => return None,
        };
        let word = |at| array::<4>(error, at).ok().map(u32::from_ne_bytes);
        Some(ExtendedError {
            errno: Errno(word(0)?.cast_signed()),
            origin: Origin::from_number(*error.get(4)?),
            kind: *error.get(5)?,
            code: *error.get(6)?,
            info: word(8)?,
            data: word(12)?,
            offender,
        })
    }
}

impl Origin {
    /// SO_EE_ORIGIN_*.
    pub const fn number(self) -> u8 {
        match self {
            Origin::Local => 1,
            Origin::Icmp => 2,
            Origin::Icmp6 => 3,
            Origin::Other(number) => number,
        }
    }

    /// The origin of a number.
    pub const fn from_number(number: u8) -> Origin {
        match number {
            1 => Origin::Local,
            2 => Origin::Icmp,
            3 => Origin::Icmp6,
            other => Origin::Other(other),
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    bytes.get(at..at + N).and_then(|slice| slice.try_into().ok()).ok_or(Errno::EINVAL)
}

/// All of the bytes, if they are as many.
fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn int(data: &[u8]) -> Option<i32> {
    exact(data).map(i32::from_ne_bytes)
}

fn word(data: &[u8]) -> Option<u32> {
    exact(data).map(u32::from_ne_bytes)
}

/// `struct timeval` or `struct timespec`.
fn pair(seconds: u64, fraction: u32) -> Vec<u8> {
    [seconds.to_ne_bytes(), u64::from(fraction).to_ne_bytes()].concat()
}
