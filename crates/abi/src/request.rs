//! What `socket(domain, type, protocol)` asks for, decoded with the errno Linux gives for what it does not have
//! (socket(2); the order of the checks was observed on Linux 6.18).

use crate::Errno;

pub(crate) const SOCK_TYPE_MASK: i32 = 0xf;
pub(crate) const SOCK_NONBLOCK: i32 = 0o4000;
pub(crate) const SOCK_CLOEXEC: i32 = 0o2000000;
/// Types are below this (SOCK_MAX); SOCK_PACKET is 10.
pub(crate) const SOCK_MAX: i32 = 11;
/// Protocols are below this (IPPROTO_MAX; 262 is MPTCP).
pub(crate) const IPPROTO_MAX: i32 = 263;
/// The only protocol of Unix-domain sockets, which 0 means too.
const AF_UNIX: i32 = 1;
const IPPROTO_ICMP: i32 = 1;
const IPPROTO_TCP: i32 = 6;
const IPPROTO_UDP: i32 = 17;
const IPPROTO_ICMPV6: i32 = 58;

/// An address family of the Internet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// AF_INET.
    Inet,
    /// AF_INET6; without IPV6_V6ONLY it speaks IPv4 too, by mapped addresses.
    Inet6,
}

/// What carries the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// SOCK_STREAM over TCP.
    Tcp,
    /// SOCK_DGRAM over UDP.
    Udp,
    /// SOCK_DGRAM over the family's ICMP: echo requests and their replies (a "ping socket", icmp(7)).
    Ping,
    /// SOCK_RAW with a protocol's number, which is not 0 (raw(7)). Linux takes some that no header can hold, up to 262.
    Raw(u16),
}

/// SOCK_*: how a socket's bytes are bounded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SocketType {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagram,
    /// SOCK_RAW.
    Raw,
    /// SOCK_SEQPACKET: datagrams in order, over a connection.
    SeqPacket,
}

/// A `socket` call's arguments, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The address family.
    pub family: Family,
    /// The transport.
    pub transport: Transport,
    /// SOCK_NONBLOCK was given.
    pub nonblock: bool,
    /// SOCK_CLOEXEC was given.
    pub cloexec: bool,
}

impl Family {
    /// AF_INET or AF_INET6.
    pub const fn number(self) -> i32 {
        match self {
            Family::Inet => 2,
            Family::Inet6 => 10,
        }
    }

    /// The family of an AF_ number, `None` if it isn't one of the Internet's.
    pub const fn from_number(number: i32) -> Option<Family> {
        match number {
            2 => Some(Family::Inet),
            10 => Some(Family::Inet6),
            _ => None,
        }
    }
}

impl Transport {
    /// The protocol's number, IPPROTO_TCP and so on, as SO_PROTOCOL says it of a socket of this family.
    pub const fn protocol(self, family: Family) -> i32 {
        match (self, family) {
            (Transport::Tcp, _) => IPPROTO_TCP,
            (Transport::Udp, _) => IPPROTO_UDP,
            (Transport::Ping, Family::Inet) => IPPROTO_ICMP,
            (Transport::Ping, Family::Inet6) => IPPROTO_ICMPV6,
            (Transport::Raw(protocol), _) => protocol as i32,
        }
    }

    /// The socket type it comes as.
    pub const fn socket_type(self) -> SocketType {
        match self {
            Transport::Tcp => SocketType::Stream,
            Transport::Udp | Transport::Ping => SocketType::Datagram,
            Transport::Raw(_) => SocketType::Raw,
        }
    }

    /// Whether it carries a stream of bytes, not datagrams.
    pub const fn is_stream(self) -> bool {
        matches!(self.socket_type(), SocketType::Stream)
    }
}

impl SocketType {
    /// SOCK_STREAM, SOCK_DGRAM, SOCK_RAW or SOCK_SEQPACKET, as SO_TYPE says it.
    pub const fn number(self) -> i32 {
        match self {
            SocketType::Stream => 1,
            SocketType::Datagram => 2,
            SocketType::Raw => 3,
            SocketType::SeqPacket => 5,
        }
    }

    /// The type of a Unix-domain socket, as `socket(AF_UNIX, type, protocol)` asks for it: SOCK_RAW is SOCK_DGRAM there. EINVAL
    /// for a number that no type has, ESOCKTNOSUPPORT for another type, EPROTONOSUPPORT for a protocol but 0 and 1.
    pub const fn decode_unix(type_: i32, protocol: i32) -> Result<SocketType, Errno> {
        let kind = type_ & SOCK_TYPE_MASK;
        if type_ & !(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 || kind >= SOCK_MAX {
            return Err(Errno::EINVAL);
        }
        match (protocol, kind) {
            (0 | AF_UNIX, 1) => Ok(SocketType::Stream),
            (0 | AF_UNIX, 2 | 3) => Ok(SocketType::Datagram),
            (0 | AF_UNIX, 5) => Ok(SocketType::SeqPacket),
            (0 | AF_UNIX, _) => Err(Errno::ESOCKTNOSUPPORT),
            (_, _) => Err(Errno::EPROTONOSUPPORT),
        }
    }
}

impl Request {
    /// Decodes the arguments of socket(2). Fails with EINVAL for unknown flags, types and protocol numbers out of
    /// range; EAFNOSUPPORT for a family other than AF_INET and AF_INET6; ESOCKTNOSUPPORT for a type without any
    /// protocol; EPROTONOSUPPORT for a protocol that does not go with the type. MPTCP, SCTP and UDP-Lite sockets are
    /// answered as a Linux built without them does, and so is SOCK_PACKET. Who may open what is not known here.
    pub fn decode(domain: i32, type_: i32, protocol: i32) -> Result<Request, Errno> {
        let flags = type_ & !SOCK_TYPE_MASK;
        let kind = type_ & SOCK_TYPE_MASK;
        if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        // The range of the family is looked at first, then the type, then whether the family exists, as in the kernel.
        if !(0..46).contains(&domain) {
            return Err(Errno::EAFNOSUPPORT);
        }
        if !(0..SOCK_MAX).contains(&kind) {
            return Err(Errno::EINVAL);
        }
        let family = Family::from_number(domain).ok_or(Errno::EAFNOSUPPORT)?;
        if !(0..IPPROTO_MAX).contains(&protocol) {
            return Err(Errno::EINVAL);
        }
        let transport = match (kind, protocol) {
            (1, 0 | IPPROTO_TCP) => Transport::Tcp,
            (2, 0 | IPPROTO_UDP) => Transport::Udp,
            (2, _) if protocol == Transport::Ping.protocol(family) => Transport::Ping,
            (1..=3, _) => match u16::try_from(protocol) {
                Ok(protocol) if kind == 3 && protocol != 0 => Transport::Raw(protocol),
                _ => return Err(Errno::EPROTONOSUPPORT),
            },
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        Ok(Request {
            family,
            transport,
            nonblock: flags & SOCK_NONBLOCK != 0,
            cloexec: flags & SOCK_CLOEXEC != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_linux_answers() {
        let tcp =
            Request { family: Family::Inet, transport: Transport::Tcp, nonblock: false, cloexec: false };
        assert_eq!(Request::decode(2, 1, 0), Ok(tcp));
        assert_eq!(Request::decode(2, 1, 6), Ok(tcp));
        assert_eq!(Request::decode(2, 0x80801, 0), Ok(Request { nonblock: true, cloexec: true, ..tcp }));
        let udp6 = Request { family: Family::Inet6, transport: Transport::Udp, ..tcp };
        assert_eq!(Request::decode(10, 2, 17), Ok(udp6));
        let ping = Request { family: Family::Inet, transport: Transport::Ping, ..tcp };
        assert_eq!(Request::decode(2, 2, 1), Ok(ping));
        assert_eq!(Request::decode(10, 2, 58), Ok(Request { family: Family::Inet6, ..ping }));
        for protocol in [1u16, 6, 255, 262] {
            let raw = Request { transport: Transport::Raw(protocol), ..tcp };
            assert_eq!(Request::decode(2, 3, protocol.into()), Ok(raw));
        }
        // Every row was seen on Linux 6.18, but those of MPTCP and UDP-Lite, which that kernel had.
        for (domain, kind, protocol, errno) in [
            (2, 0, 0, Errno::ESOCKTNOSUPPORT),
            (2, 1, 17, Errno::EPROTONOSUPPORT),
            (2, 1, 132, Errno::EPROTONOSUPPORT),
            (2, 1, 262, Errno::EPROTONOSUPPORT),
            (2, 2, 6, Errno::EPROTONOSUPPORT),
            (2, 2, 136, Errno::EPROTONOSUPPORT),
            (2, 1, 300, Errno::EINVAL),
            (2, 1, -1, Errno::EINVAL),
            (2, 2, 58, Errno::EPROTONOSUPPORT),
            (10, 2, 1, Errno::EPROTONOSUPPORT),
            (2, 3, 0, Errno::EPROTONOSUPPORT),
            (2, 3, 263, Errno::EINVAL),
            (10, 10, 3, Errno::ESOCKTNOSUPPORT),
            (2, 5, 0, Errno::ESOCKTNOSUPPORT),
            (2, 11, 0, Errno::EINVAL),
            (2, 99, 0, Errno::EINVAL),
            (2, 0x10, 0, Errno::EINVAL),
            (2, 0x40001, 0, Errno::EINVAL),
            (2, -1, 0, Errno::EINVAL),
            (-1, 1, 0, Errno::EAFNOSUPPORT),
            (-1, 0x10, 0, Errno::EINVAL),
            (0, 1, 0, Errno::EAFNOSUPPORT),
            (3, 1, 6, Errno::EAFNOSUPPORT),
            (1000, 1, 0, Errno::EAFNOSUPPORT),
        ] {
            assert_eq!(
                Request::decode(domain, kind, protocol),
                Err(errno),
                "socket({domain}, {kind:#x}, {protocol})"
            );
        }
    }
}
