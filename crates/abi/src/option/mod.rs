//! The option table: one row for each socket option Sockeye has heard of, and its bytes in both directions. A row is
//! enforced (the socket layer does what it says), kept (there is nothing but its value to it), or rejected (ENOPROTOOPT, what Linux says of an option it does
//! not know), so no option is accepted and ignored. What each value means is not known here; see socket(7), tcp(7),
//! udp(7), ip(7), ipv6(7). Lengths, truncation and the order of errors are as Linux 6.18 was seen to do it.

mod group;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use group::{Device, GroupFilter, GroupRequest, Layout};
pub use table::{OPTIONS, Opt};
pub use value::{Value, decode_question, decode_value, encode_value};

use crate::{Errno, Family, Transport};
use value::INT;

/// SOL_SOCKET.
pub const SOL_SOCKET: i32 = 1;
/// SOL_IP.
pub(crate) const SOL_IP: i32 = 0;
/// SOL_TCP.
pub(crate) const SOL_TCP: i32 = 6;
/// SOL_UDP.
pub(crate) const SOL_UDP: i32 = 17;
/// SOL_IPV6.
pub(crate) const SOL_IPV6: i32 = 41;
/// SOL_ICMPV6.
pub(crate) const SOL_ICMPV6: i32 = 58;
/// SOL_RAW.
pub(crate) const SOL_RAW: i32 = 255;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name below this level.
    pub opt: Opt,
    /// SOL_SOCKET, SOL_IP, SOL_TCP, SOL_UDP, SOL_IPV6, …
    pub level: i32,
    /// Its number in the level.
    pub number: i32,
    /// Its name in C.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// The only family that has it; `None`: both.
    pub family: Option<Family>,
    /// The sockets of that family that have it.
    pub sockets: Sockets,
    /// getsockopt knows it.
    pub readable: bool,
    /// setsockopt knows it.
    pub settable: bool,
    /// Whether it does what it says here, or fails.
    pub state: State,
    /// What it is for, in a line.
    pub text: &'static str,
}

/// Which sockets have an option, by what carries their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sockets {
    /// All of them.
    All,
    /// TCP's.
    Tcp,
    /// UDP's.
    Udp,
    /// Those that keep datagrams apart: all but TCP's.
    Datagrams,
    /// Raw ones.
    Raw,
    /// Unix-domain ones, and none of the Internet's.
    Unix,
}

/// What an option's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An int that is on unless 0, and reads as 0 or 1.
    Flag,
    /// An int from the first to the second; another is EINVAL.
    Int(i32, i32),
    /// An int that is brought within its bounds (SO_SNDBUF, SO_RCVBUF), or cut to its bits (IP_TOS).
    AnyInt,
    /// `struct linger`.
    Linger,
    /// `struct timeval`.
    Timeval,
    /// Bytes per second, in eight bytes or four.
    Rate,
    /// A name of at most so many bytes with its closing NUL; reading fills up with NULs.
    Name(usize),
    /// A struct of at most so many bytes.
    Struct(usize),
    /// So many bytes of bits, of which the first may be set alone; more are not looked at.
    Bits(usize),
    /// A key of 16 bytes, or two.
    Key,
    /// An int in exactly four bytes.
    Word,
    /// Eight bytes, no less.
    Number,
    /// A sockaddr; asking for more bytes than it has is EINVAL.
    Peer,
    /// Four bytes with an int in network order.
    NetworkInt,
    /// The name of an interface, or nothing.
    Interface,
    /// An interface, by an address or an index.
    Device,
    /// A struct that speaks of a multicast group.
    Group(Layout),
}

/// Whether an option works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The socket does what the option says.
    Enforced,
    /// Its value is kept and shown; on Linux, too, a program would see nothing more of it on a host like this one.
    Kept,
    /// It fails with ENOPROTOOPT, as one unknown to the system.
    Rejected,
}

/// What a program wants of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// getsockopt.
    Read,
    /// setsockopt.
    Write,
}

impl Opt {
    /// The option's row.
    pub fn row(self) -> &'static Row {
        // The table is written in the order of the enum; a test holds it to that.
        &OPTIONS[self as usize]
    }

    /// Its name in C, `"SO_KEEPALIVE"`.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl Row {
    /// Whether a value is one that can be set: of the right kind and within bounds; EINVAL if it isn't.
    pub fn check(&self, value: &Value) -> Result<(), Errno> {
        let fits = match (self.kind, value) {
            (Kind::Flag | Kind::AnyInt | Kind::Word | Kind::NetworkInt, Value::Int(_)) => true,
            (Kind::Interface, Value::Bytes(name)) => name.len() < 16,
            (Kind::Device, Value::Device(_)) => true,
            (Kind::Group(Layout::IpMsfilter | Layout::GroupFilter), Value::Filter(_)) => true,
            (Kind::Group(_), Value::Group(_)) => true,
            (Kind::Int(low, high), Value::Int(n)) => (low..=high).contains(n),
            (Kind::Linger, Value::Linger { .. }) => true,
            (Kind::Timeval, Value::Time(_)) => true,
            (Kind::Rate, Value::Rate(_)) => true,
            (Kind::Name(max), Value::Bytes(bytes)) => !bytes.is_empty() && bytes.len() < max,
            (Kind::Struct(max) | Kind::Bits(max), Value::Bytes(bytes)) => bytes.len() <= max,
            (Kind::Key, Value::Bytes(bytes)) => matches!(bytes.len(), 16 | 32),
            (Kind::Number, Value::Bytes(bytes)) => bytes.len() == 8,
            (Kind::Peer, Value::Bytes(_)) => true,
            _ => false,
        };
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Whether sockets of this family and transport have it.
    pub fn applies(&self, family: Family, transport: Transport) -> bool {
        self.family.is_none_or(|own| own == family) && self.sockets.include(transport)
    }
}

impl Sockets {
    /// Whether those of this transport are among them.
    pub fn include(self, transport: Transport) -> bool {
        match self {
            Sockets::All => true,
            Sockets::Tcp => transport == Transport::Tcp,
            Sockets::Udp => transport == Transport::Udp,
            Sockets::Datagrams => !transport.is_stream(),
            Sockets::Raw => matches!(transport, Transport::Raw(_)),
            Sockets::Unix => false,
        }
    }
}

/// Finds the option a program means. ENOPROTOOPT if there's none, it can't be accessed so, or it's rejected; EOPNOTSUPP
/// when an AF_INET socket is read at a level it hasn't.
pub fn lookup(
    family: Family,
    transport: Transport,
    (mut level, number): (i32, i32),
    access: Access,
) -> Result<Opt, Errno> {
    let own = match transport {
        Transport::Tcp => SOL_TCP,
        Transport::Udp => SOL_UDP,
        Transport::Ping => SOL_IP,
        Transport::Raw(_) => SOL_RAW,
    };
    if family == Family::Inet && access == Access::Read && ![SOL_SOCKET, SOL_IP, own].contains(&level) {
        return Err(Errno::EOPNOTSUPP);
    }
    if let Transport::Raw(protocol) = transport {
        level = raw_level(family, protocol, (level, number))?;
    }
    let row = OPTIONS
        .iter()
        .find(|row| row.level == level && row.number == number && row.applies(family, transport))
        .ok_or_else(|| refusal((level, number), access))?;
    let known = match access {
        Access::Read => row.readable,
        Access::Write => row.settable,
    };
    match row.state {
        State::Enforced | State::Kept if known => Ok(row.opt),
        State::Enforced | State::Kept | State::Rejected => Err(Errno::ENOPROTOOPT),
    }
}

/// What Linux says of an option that sockets of another family have.
fn refusal(option: (i32, i32), access: Access) -> Errno {
    match (option, access) {
        // SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD, SO_PASSRIGHTS.
        ((SOL_SOCKET, 16 | 34 | 76 | 83), _) => Errno::EOPNOTSUPP,
        // SO_PEERGROUPS, SO_PEERPIDFD.
        ((SOL_SOCKET, 59 | 77), Access::Read) => Errno::ENODATA,
        _ => Errno::ENOPROTOOPT,
    }
}

/// The level at which the table has what a raw socket is asked for. Over IPv6 such a socket has nothing of IPv4, and its own
/// options at two levels. Filters are ICMP's: EOPNOTSUPP for another protocol.
fn raw_level(family: Family, protocol: u16, (level, number): (i32, i32)) -> Result<i32, Errno> {
    let has_filter = i32::from(protocol) == Transport::Ping.protocol(family);
    let own = [Opt::Ipv6Checksum, Opt::Ipv6HdrIncl].map(|opt| opt.row().number);
    match (family, level) {
        (Family::Inet, SOL_RAW) if number == Opt::IcmpFilter.row().number && !has_filter => {
            Err(Errno::EOPNOTSUPP)
        }
        (Family::Inet6, SOL_ICMPV6) if !has_filter => Err(Errno::EOPNOTSUPP),
        (Family::Inet6, SOL_IP) => Err(Errno::ENOPROTOOPT),
        (Family::Inet6, SOL_RAW) if own.contains(&number) => Ok(SOL_IPV6),
        (Family::Inet | Family::Inet6, level) => Ok(level),
    }
}

/// What `getsockopt(level, number)` asks for; see [`lookup`].
pub fn decode_get(family: Family, transport: Transport, level: i32, number: i32) -> Result<Opt, Errno> {
    lookup(family, transport, (level, number), Access::Read)
}

/// How many of the `given` bytes `setsockopt(level, number)` looks at. The others need not be memory of the program's; and who
/// asks for what isn't there, at a level that isn't the socket's, need have none at all.
pub fn value_size(family: Family, transport: Transport, (level, number): (i32, i32), given: usize) -> usize {
    let most =
        match lookup(family, transport, (level, number), Access::Write) {
            Ok(
                Opt::IpAddMembership | Opt::IpDropMembership | Opt::Ipv6MulticastIf | Opt::Ipv6MulticastHops,
            ) if transport.is_stream() => 0,
            Ok(opt) => value::most_bytes(opt),
            Err(_) => match (level, transport) {
                (SOL_SOCKET, _) | (SOL_TCP, Transport::Tcp) | (SOL_UDP, Transport::Udp) => INT,
                _ => 0,
            },
        };
    most.min(given)
}

/// Decodes `setsockopt(level, number, bytes)`, in Linux's order: EINVAL for bytes too short for the level, then
/// ENOPROTOOPT for an option that isn't there, then errors of the value. (A negative length is EINVAL before any of
/// this; a caller has no such slice.)
pub fn decode_set(
    family: Family,
    transport: Transport,
    (level, number): (i32, i32),
    bytes: &[u8],
) -> Result<(Opt, Value), Errno> {
    let found = lookup(family, transport, (level, number), Access::Write);
    match found {
        // Streams have no groups, whatever the value.
        Ok(Opt::IpAddMembership | Opt::IpDropMembership) if transport.is_stream() => {
            return Err(Errno::EPROTO);
        }
        Ok(Opt::Ipv6MulticastIf | Opt::Ipv6MulticastHops) if transport.is_stream() => {
            return Err(Errno::ENOPROTOOPT);
        }
        _ => {}
    }
    let needs_an_int = match (level, transport) {
        (SOL_SOCKET, _) | (SOL_TCP, Transport::Tcp) | (SOL_UDP, Transport::Udp) => true,
        (SOL_RAW, Transport::Raw(_)) => family == Family::Inet6,
        (SOL_IPV6, _) => found.is_ok_and(|opt| !value::SHORT_IS_ZERO.contains(&opt)),
        _ => false,
    };
    // A name may be short, also of an option that is not there.
    let is_name = |row: &Row| matches!(row.kind, Kind::Name(_) | Kind::Interface);
    let is_named = || OPTIONS.iter().any(|row| (row.level, row.number) == (level, number) && is_name(row));
    if needs_an_int && bytes.len() < INT && !is_named() {
        return Err(Errno::EINVAL);
    }
    let opt = found?;
    // RFC 3542, section 3.1: ICMPv6's checksum is not the program's to move (at its own level Linux lets it).
    let is_icmp = transport.protocol(family) == Transport::Ping.protocol(Family::Inet6);
    if (opt, level, is_icmp) == (Opt::Ipv6Checksum, SOL_IPV6, true) {
        return Err(Errno::EINVAL);
    }
    let value = decode_value(opt, bytes)?;
    Ok((opt, value))
}
