//! Filters: pcap-filter(7)'s language, decided on a packet's bytes.
//!
//! As libpcap: `and` and `or` bind alike, from left to right; a value without a qualifier takes those of the value before
//! it; who looks beyond the end of a packet rejects it, whatever else is asked. Not modelled: link types other than
//! Ethernet and bare IP, VLANs, MPLS, PPPoE, direction, `gateway`, `protochain`, and protocols nobody here speaks.

mod lex;
mod packet;
mod parse;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use thiserror::Error;

use packet::Packet;

/// What packets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Raw,
}

/// A filter: which packets are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression: Option<Expression>,
}

/// Why text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}, at {at} of the filter")]
pub struct FilterError {
    /// What is wrong.
    pub what: String,
    /// Where: characters from the beginning, the first being 1.
    pub at: usize,
}

/// Who knows names. (Nothing here asks the machine.)
pub trait Lookup {
    /// The addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr>;
    /// The port of a service.
    fn port(&self, name: &str) -> Option<u16>;
}

impl Filter {
    /// Reads a filter; an empty one wants all.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, names: &dyn Lookup) -> Result<Filter, FilterError> {
        let tokens = lex::tokens(text)?;
        Ok(Filter { expression: parse::expression(&tokens, text.chars().count() + 1, names)? })
    }

    /// Whether a packet is wanted: its bytes (as many as there are), and how long it was.
    pub fn wants(&self, link: Link, bytes: &[u8], length: usize) -> bool {
        let packet = Packet::new(link, bytes, length);
        self.expression.as_ref().is_none_or(|expression| expression.holds(&packet) == Some(true))
    }
}

/// Nested so deep, an expression is refused.
const DEEPEST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Is(Test),
}

/// One thing that may hold of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// A protocol by its name.
    Protocol(Protocol),
    /// An EtherType.
    EtherType(u16),
    /// IP's protocol number, of one version or both.
    Number(Version, u8),
    /// An address of a network, in IP and ARP.
    Net(Version, Direction, Net),
    /// An Ethernet address.
    Mac(Direction, [u8; 6]),
    /// A port in a range; of one protocol, or all that have ports.
    Port(Option<u8>, Direction, (u16, u16)),
    /// To everybody, or to a group.
    Group(Scope, Reach),
    /// Two numbers compared.
    Compare(Number, Relation, Number),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Any,
    V4,
    V6,
    /// Addresses in ARP only.
    Arp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Source,
    Destination,
    Either,
    Both,
}

impl Direction {
    fn holds(self, source: bool, destination: bool) -> bool {
        match self {
            Direction::Source => source,
            Direction::Destination => destination,
            Direction::Either => source || destination,
            Direction::Both => source && destination,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Ethernet,
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Broadcast,
    Multicast,
}

/// The protocols that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Ethernet,
    Arp,
    Ip,
    Ip6,
    /// By its number, which IP and IPv6 share, or which one of them has.
    Over(Version, u8),
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    address: IpAddr,
    mask: u128,
}

impl Net {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()) ^ u128::from(other.to_bits())) & self.mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()) & self.mask == 0,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Number {
    Constant(u32),
    /// `len`.
    Length,
    /// So many bytes of a protocol's header and what follows.
    Bytes(Protocol, Box<Number>, usize),
    Negative(Box<Number>),
    Calculated(Operator, Box<Number>, Box<Number>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    Left,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    /// Whether it holds; `None`: it looks where there is nothing.
    fn holds(&self, packet: &Packet<'_>) -> Option<bool> {
        Some(match self {
            Expression::Not(inner) => !inner.holds(packet)?,
            Expression::And(left, right) => left.holds(packet)? && right.holds(packet)?,
            Expression::Or(left, right) => left.holds(packet)? || right.holds(packet)?,
            Expression::Is(test) => test.holds(packet)?,
        })
    }
}

impl Test {
    fn holds(&self, packet: &Packet<'_>) -> Option<bool> {
        Some(match self {
            Test::Protocol(protocol) => packet.is(*protocol)?,
            Test::EtherType(number) => packet.ether_type()? == *number,
            Test::Number(version, number) => packet.is(Protocol::Over(*version, *number))?,
            Test::Net(version, direction, net) => packet
                .addresses(*version)?
                .is_some_and(|(from, to)| direction.holds(net.contains(from), net.contains(to))),
            Test::Mac(direction, mac) => {
                packet.macs()?.is_some_and(|(from, to)| direction.holds(from == *mac, to == *mac))
            }
            Test::Port(protocol, direction, (low, high)) => {
                let within = |port| (*low..=*high).contains(&port);
                packet.ports(*protocol)?.is_some_and(|(from, to)| direction.holds(within(from), within(to)))
            }
            Test::Group(scope, reach) => packet.is_to_group(*scope, *reach)?,
            Test::Compare(left, relation, right) => {
                // A header that isn't there is no number; beyond the packet's end there is nothing.
                let (Some(left), Some(right)) = (left.value(packet)?, right.value(packet)?) else {
                    return Some(false);
                };
                match relation {
                    Relation::Equal => left == right,
                    Relation::Unequal => left != right,
                    Relation::Less => left < right,
                    Relation::LessOrEqual => left <= right,
                    Relation::Greater => left > right,
                    Relation::GreaterOrEqual => left >= right,
                }
            }
        })
    }
}

impl Number {
    /// Its value in a packet; `Some(None)`: the packet is of another protocol; `None`: it looks where there is nothing.
    fn value(&self, packet: &Packet<'_>) -> Option<Option<u32>> {
        Some(match self {
            Number::Constant(value) => Some(*value),
            Number::Length => Some(u32::try_from(packet.length()).unwrap_or(u32::MAX)),
            Number::Negative(inner) => inner.value(packet)?.map(u32::wrapping_neg),
            Number::Bytes(protocol, at, size) => {
                let Some(start) = packet.start_of(*protocol)? else { return Some(None) };
                let Some(at) = at.value(packet)? else { return Some(None) };
                Some(packet.number(start.checked_add(usize::try_from(at).ok()?)?, *size)?)
            }
            Number::Calculated(operator, left, right) => {
                let (Some(left), Some(right)) = (left.value(packet)?, right.value(packet)?) else {
                    return Some(None);
                };
                Some(operator.apply(left, right)?)
            }
        })
    }
}

impl Operator {
    /// As BPF calculates; `None` for a division by 0.
    fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Operator::Add => left.wrapping_add(right),
            Operator::Subtract => left.wrapping_sub(right),
            Operator::Multiply => left.wrapping_mul(right),
            Operator::Divide => left.checked_div(right)?,
            Operator::Modulo => left.checked_rem(right)?,
            Operator::And => left & right,
            Operator::Or => left | right,
            Operator::Xor => left ^ right,
            Operator::Left => left.checked_shl(right).unwrap_or(0),
            Operator::Right => left.checked_shr(right).unwrap_or(0),
        })
    }
}
