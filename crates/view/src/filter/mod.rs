//! Filters: pcap-filter(7)'s language, decided on a packet's bytes.
//!
//! As libpcap: `and` and `or` bind alike, from left to right; a value without a qualifier takes those of the value before
//! it; who looks beyond the end of a packet rejects it, whatever else is asked; `vlan` moves what comes after it. Not
//! modelled, and said to be unknown: link types other than Ethernet and bare IP, MPLS, PPPoE's sessions,
//! `gateway`, `protochain`, and protocols nobody here speaks.

mod lex;
mod packet;
mod parse;
mod words;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

// Here a direction is one of addresses.
use sockeye_wire::print::{Direction as Way, Link};
use thiserror::Error;

use packet::Packet;

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

/// How one number is to stand to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Relation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    /// Whether the left one stands to the right one so.
    pub fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Relation::Equal => left == right,
            Relation::Unequal => left != right,
            Relation::Less => left < right,
            Relation::LessOrEqual => left <= right,
            Relation::Greater => left > right,
            Relation::GreaterOrEqual => left >= right,
        }
    }
}

/// Who knows names. (Nothing here asks the machine.)
pub trait Lookup {
    /// The addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr>;
    /// The port of a service, and its protocol's number if TCP or UDP alone has it.
    fn port(&self, name: &str) -> Option<(u16, Option<u8>)>;
}

/// Where no name is known.
impl Lookup for () {
    fn host(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn port(&self, _: &str) -> Option<(u16, Option<u8>)> {
        None
    }
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

    /// Whether a packet is wanted: what it begins with, and which way it went if that is known, its bytes (as many as there
    /// are), and how long it was.
    pub fn wants(&self, (link, direction): (Link, Option<Way>), bytes: &[u8], length: usize) -> bool {
        let packet = Packet::new((link, direction), bytes, length);
        self.expression.as_ref().is_none_or(|expression| expression.holds(&packet) == Some(true))
    }

    /// Whether it wants all packets, being empty.
    pub fn wants_all(&self) -> bool {
        self.expression.is_none()
    }

    /// Whether it asks which way packets went. Those of which that isn't known, it rejects.
    pub fn needs_direction(&self) -> bool {
        let mut any = false;
        self.each_test(&mut |test, _| any |= matches!(test, Test::Passes(_)));
        any
    }

    /// It looks at no byte of a packet from here on; `usize::MAX` where that depends on the packet.
    pub fn reach(&self) -> usize {
        let mut reach = 0;
        self.each_test(&mut |test, tags| {
            let beyond = match test {
                Test::Compare(left, _, right) => left.reach().max(right.reach()),
                _ => 0,
            };
            reach = reach.max(beyond.saturating_add(HEADERS + tags * packet::TAG_LEN));
        });
        reach
    }

    fn each_test(&self, each: &mut dyn FnMut(&Test, usize)) {
        if let Some(expression) = &self.expression {
            expression.each_test(each);
        }
    }
}

/// What tests look at that ask for no bytes by their place: at most Ethernet's header, IPv4's with all options, and a quarter
/// of TCP's.
const HEADERS: usize = 14 + 60 + 20;

/// Nested so deep, an expression is refused.
const DEEPEST: usize = 100;

/// A filter of more words is refused: what is chained is as deep as it is long.
const MOST_WORDS: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    /// A test, behind so many VLAN tags.
    Is(Test, usize),
}

/// One thing that may hold of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// A protocol by its name.
    Protocol(Protocol),
    /// An EtherType.
    EtherType(u16),
    /// A VLAN tag, of one number or any.
    Vlan(Option<u16>),
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
    /// It came, or was sent.
    Passes(Way),
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

impl Version {
    /// Whether an address can be one of it.
    fn has(self, address: IpAddr) -> bool {
        match self {
            Version::Any => true,
            Version::V4 | Version::Arp => address.is_ipv4(),
            Version::V6 => address.is_ipv6(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Source,
    Destination,
    Either,
    Both,
}

impl Direction {
    /// Asked in this order, and no more than need be: what isn't looked at may be beyond the packet's end.
    fn holds(
        self,
        source: impl FnOnce() -> Option<bool>,
        destination: impl FnOnce() -> Option<bool>,
    ) -> Option<bool> {
        Some(match self {
            Direction::Source => source()?,
            Direction::Destination => destination()?,
            Direction::Either => source()? || destination()?,
            Direction::Both => source()? && destination()?,
        })
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
    /// Another EtherType, or what stands in its place in frames with a length.
    Type(u16),
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
    /// Whether it contains the address at a place of a packet. As libpcap: word by word, those that matter.
    fn contains(&self, packet: &Packet<'_>, at: usize) -> Option<bool> {
        let (own, words) = match self.address {
            IpAddr::V4(own) => (u128::from(own.to_bits()), 1),
            IpAddr::V6(own) => (own.to_bits(), 4),
        };
        for word in 0..words {
            let [own, mask] = [own, self.mask].map(|bits| (bits >> (32 * (words - 1 - word))) as u32);
            if mask != 0 && (packet.number(at + 4 * word, 4)? ^ own) & mask != 0 {
                return Some(false);
            }
        }
        Some(true)
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

impl Expression {
    /// Shows all tests, and behind how many tags each is.
    fn each_test(&self, each: &mut dyn FnMut(&Test, usize)) {
        match self {
            Expression::Not(inner) => inner.each_test(each),
            Expression::And(left, right) | Expression::Or(left, right) => {
                left.each_test(each);
                right.each_test(each);
            }
            Expression::Is(test, tags) => each(test, *tags),
        }
    }

    /// Whether it holds; `None`: it looks where there is nothing.
    fn holds(&self, packet: &Packet<'_>) -> Option<bool> {
        Some(match self {
            Expression::Not(inner) => !inner.holds(packet)?,
            Expression::And(left, right) => left.holds(packet)? && right.holds(packet)?,
            Expression::Or(left, right) => left.holds(packet)? || right.holds(packet)?,
            Expression::Is(test, tags) => test.holds(&packet.behind(*tags))?,
        })
    }
}

impl Test {
    fn holds(&self, packet: &Packet<'_>) -> Option<bool> {
        Some(match self {
            Test::Protocol(protocol) => packet.is(*protocol)?,
            Test::EtherType(number) => packet.has_type(*number)?,
            Test::Vlan(number) => packet.is_tagged(*number)?,
            Test::Number(version, number) => packet.is(Protocol::Over(*version, *number))?,
            Test::Net(version, direction, net) => match packet.addresses(*version, net.address.is_ipv4())? {
                Some((from, to)) => {
                    direction.holds(|| net.contains(packet, from), || net.contains(packet, to))?
                }
                None => false,
            },
            Test::Mac(direction, mac) => {
                packet.is(Protocol::Ethernet)?
                    && direction.holds(|| Some(packet.mac(6)? == *mac), || Some(packet.mac(0)? == *mac))?
            }
            Test::Port(protocol, direction, (low, high)) => match packet.ports(*protocol)? {
                Some(at) => {
                    let within = |at| Some((*low..=*high).contains(&packet.half(at)?));
                    direction.holds(|| within(at), || within(at + 2))?
                }
                None => false,
            },
            Test::Group(scope, reach) => packet.is_to_group(*scope, *reach)?,
            Test::Passes(way) => packet.way()? == *way,
            Test::Compare(left, relation, right) => {
                // A header that isn't there is no number; beyond the packet's end there is nothing. As libpcap: all headers
                // are looked for before anything is read.
                if !(left.is_there(packet)? && right.is_there(packet)?) {
                    return Some(false);
                }
                relation.holds(left.value(packet)?, right.value(packet)?)
            }
        })
    }
}

impl Number {
    /// How far behind the beginning of a header it looks.
    fn reach(&self) -> usize {
        match self {
            Number::Constant(_) | Number::Length => 0,
            Number::Negative(inner) => inner.reach(),
            Number::Bytes(_, at, size) => match **at {
                Number::Constant(at) => (at as usize).saturating_add(*size),
                _ => usize::MAX,
            },
            Number::Calculated(_, left, right) => left.reach().max(right.reach()),
        }
    }

    /// Whether the packet has all headers it is read from; `None`: where that would be said, there is nothing.
    fn is_there(&self, packet: &Packet<'_>) -> Option<bool> {
        Some(match self {
            Number::Constant(_) | Number::Length => true,
            Number::Negative(inner) => inner.is_there(packet)?,
            Number::Bytes(protocol, at, _) => at.is_there(packet)? && packet.start_of(*protocol)?.is_some(),
            Number::Calculated(_, left, right) => left.is_there(packet)? && right.is_there(packet)?,
        })
    }

    /// Its value in a packet that has its headers; `None`: it looks where there is nothing.
    fn value(&self, packet: &Packet<'_>) -> Option<u32> {
        Some(match self {
            Number::Constant(value) => *value,
            Number::Length => u32::try_from(packet.length()).unwrap_or(u32::MAX),
            Number::Negative(inner) => inner.value(packet)?.wrapping_neg(),
            Number::Bytes(protocol, at, size) => {
                let start = packet.start_of(*protocol)??;
                let at = usize::try_from(at.value(packet)?).ok()?;
                packet.number(start.checked_add(at)?, *size)?
            }
            Number::Calculated(operator, left, right) => {
                operator.apply(left.value(packet)?, right.value(packet)?)?
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
