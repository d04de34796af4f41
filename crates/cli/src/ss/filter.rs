//! The filters of ss(8): states, then ports and addresses, with `and`, `or`, `not` and parentheses.
//!
//! As iproute2: `and` and `or` bind alike, from left to right; what stands side by side is meant together; an address of IPv4 is
//! that of a mapped one, too. Not modelled, and refused: `autobound` and `cgroup`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_look::{Snapshot, Socket, State, UnixSocket};
use sockeye_view::{Lookup as _, Relation};

use super::Arguments;
use crate::tcpdump::Names;

/// Nested so deep, an expression is refused; and of more words.
const DEEPEST: usize = 100;
const MOST_WORDS: usize = 4096;

/// Which sockets are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    states: Option<Vec<State>>,
    expression: Option<Expression>,
}

#[derive(Debug, PartialEq, Eq)]
enum Expression {
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Port(Side, Relation, u16),
    /// One of these addresses, and a port.
    Address(Side, Who, Option<u16>),
    /// Bound to this interface, or not.
    Device(String, bool),
    /// SO_MARK, under a mask.
    Mark(u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// Whose address is meant.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    /// Of a network; of IPv4 alone, if that was said.
    Net(IpAddr, u8, bool),
    /// A host of the network.
    Name(String),
}

impl Filter {
    /// Reads one; says what is wrong with it.
    pub(super) fn parse(words: &[String]) -> Result<Filter, String> {
        // A shell may have left it in one piece, and parentheses at the words beside them.
        let text = words.join(" ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > MOST_WORDS {
            return Err("a filter of too many words".to_owned());
        }
        let mut parser = Parser { words: &words, next: 0, depth: 0 };
        let states = parser.states()?;
        // Between them and the rest there may be a word.
        let _ = states.is_some() && parser.peek().is_some() && parser.take(&["and", "&&", "&"]);
        let expression = if parser.peek().is_some() { Some(parser.alternatives()?) } else { None };
        match parser.peek() {
            None if words.last().is_some_and(|last| *last == "and") => Err(parser.ends()),
            None => Ok(Filter { states, expression }),
            Some(word) => Err(format!("the filter has no place for {word:?}: see --help")),
        }
    }

    /// Makes addresses of the names of hosts.
    pub(super) fn resolve(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let Some(expression) = &mut self.expression else { return Ok(()) };
        let mut hosts: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
        hosts.insert("localhost", vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        for host in &snapshot.hosts {
            let own = host.interfaces.iter().filter(|own| own.name != "lo").flat_map(|own| &own.addresses);
            let addresses = own.filter_map(|text| text.split('/').next()?.parse::<IpAddr>().ok());
            hosts.entry(&host.name).or_default().extend(addresses);
        }
        expression.resolve(&hosts)
    }

    pub(super) fn has_one_state(&self) -> bool {
        self.states.as_ref().is_some_and(|states| states.len() == 1)
    }

    fn wants_state(&self, arguments: &Arguments, state: State) -> bool {
        match &self.states {
            Some(states) => states.contains(&state),
            None if arguments.kinds.all => true,
            None if arguments.kinds.listening => matches!(state, State::Listen | State::Close),
            None => !matches!(state, State::Listen | State::Close | State::TimeWait | State::SynRecv),
        }
    }

    pub(super) fn wants(&self, arguments: &Arguments, socket: &Socket) -> bool {
        self.wants_state(arguments, socket.state)
            && self.expression.as_ref().is_none_or(|expression| expression.holds(socket))
    }

    /// Unix-domain sockets have no ports.
    pub(super) fn wants_unix(&self, arguments: &Arguments, socket: &UnixSocket) -> bool {
        self.expression.is_none() && self.wants_state(arguments, socket.state)
    }
}

impl Expression {
    fn resolve(&mut self, hosts: &BTreeMap<&str, Vec<IpAddr>>) -> Result<(), String> {
        match self {
            Expression::Not(inner) => inner.resolve(hosts),
            Expression::And(left, right) | Expression::Or(left, right) => {
                left.resolve(hosts)?;
                right.resolve(hosts)
            }
            Expression::Address(side, Who::Name(name), port) => {
                let known = hosts.get(name.as_str()).filter(|known| !known.is_empty());
                let known = known.ok_or_else(|| format!("{name:?} is no address, and no host here"))?;
                let one = |ip: &IpAddr| Expression::Address(*side, Who::Net(*ip, whole(*ip), false), *port);
                let all = known.iter().map(one).reduce(|all, one| Expression::Or(all.into(), one.into()));
                all.into_iter().for_each(|all| *self = all);
                Ok(())
            }
            Expression::Port(..)
            | Expression::Address(..)
            | Expression::Device(..)
            | Expression::Mark(..) => Ok(()),
        }
    }

    fn holds(&self, socket: &Socket) -> bool {
        let end = |side: &Side| match side {
            Side::Source => (socket.local.ip(), socket.number.unwrap_or(socket.local.port())),
            Side::Destination => (socket.remote.ip(), socket.remote.port()),
        };
        match self {
            Expression::Not(inner) => !inner.holds(socket),
            Expression::And(left, right) => left.holds(socket) && right.holds(socket),
            Expression::Or(left, right) => left.holds(socket) || right.holds(socket),
            Expression::Port(side, relation, port) => relation.holds(end(side).1.into(), (*port).into()),
            Expression::Address(side, who, port) => {
                let (ip, own) = end(side);
                who.is(ip) && port.is_none_or(|port| port == own)
            }
            Expression::Device(name, is_it) => (socket.interface.as_ref() == Some(name)) == *is_it,
            Expression::Mark(mark, mask) => socket.mark & mask == *mark,
        }
    }
}

impl Who {
    fn is(&self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Who::Anybody, _) => true,
            (Who::Net(IpAddr::V4(net), prefix, _), IpAddr::V4(ip)) => {
                (net.to_bits() ^ ip.to_bits()).checked_shr(32 - u32::from(*prefix)).unwrap_or(0) == 0
            }
            (Who::Net(IpAddr::V4(_), _, false), IpAddr::V6(ip)) => {
                ip.to_ipv4_mapped().is_some_and(|ip| self.is(ip.into()))
            }
            (Who::Net(IpAddr::V6(net), prefix, _), IpAddr::V6(ip)) => {
                (net.to_bits() ^ ip.to_bits()).checked_shr(128 - u32::from(*prefix)).unwrap_or(0) == 0
            }
            (Who::Net(..), _) => false,
            // Not known any more: see `resolve`.
            (Who::Name(_), _) => false,
        }
    }
}

/// How many bits an address has.
fn whole(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

struct Parser<'a> {
    words: &'a [&'a str],
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    fn take(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|word| words.contains(&word));
        self.next += usize::from(found);
        found
    }

    fn ends(&self) -> String {
        let last = self.next.checked_sub(1).and_then(|last| self.words.get(last));
        format!("the filter ends after {}", last.unwrap_or(&"nothing"))
    }

    fn word(&mut self) -> Result<&'a str, String> {
        let word = self.peek().ok_or_else(|| self.ends())?;
        self.next += 1;
        Ok(word)
    }

    /// The first `state` adds to none, the first `exclude` takes from all.
    fn states(&mut self) -> Result<Option<Vec<State>>, String> {
        let mut known: Option<Vec<State>> = None;
        loop {
            let include = self.take(&["state"]);
            if !include && !self.take(&["exclude"]) {
                return Ok(known);
            }
            let name = self.word()?;
            let named = states(name).ok_or_else(|| format!("{name:?} is no state: see --help"))?;
            let mut all = known.unwrap_or_else(|| if include { Vec::new() } else { State::ALL.to_vec() });
            all.retain(|state| !named.contains(state));
            all.extend(named.into_iter().filter(|_| include));
            known = Some(all);
        }
    }

    fn alternatives(&mut self) -> Result<Expression, String> {
        let mut left = self.primitive()?;
        loop {
            if self.take(&["or", "||", "|"]) {
                left = Expression::Or(left.into(), self.primitive()?.into());
            } else if self.take(&["and", "&&", "&"]) || self.peek().is_some_and(|word| word != ")") {
                left = Expression::And(left.into(), self.primitive()?.into());
            } else {
                return Ok(left);
            }
        }
    }

    fn primitive(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("a filter nested too deep".to_owned());
        }
        let found = self.one()?;
        self.depth -= 1;
        Ok(found)
    }

    fn one(&mut self) -> Result<Expression, String> {
        let word = self.word()?;
        Ok(match word {
            "not" | "!" => Expression::Not(self.primitive()?.into()),
            "(" => {
                let inner = self.alternatives()?;
                if self.take(&[")"]) {
                    return Ok(inner);
                }
                return Err("the filter lacks a )".to_owned());
            }
            "sport" | "dport" => {
                let side = if word == "sport" { Side::Source } else { Side::Destination };
                let relation = self.relation().unwrap_or(Relation::Equal);
                Expression::Port(side, relation, port(self.word()?)?)
            }
            "src" | "dst" => {
                let side = if word == "src" { Side::Source } else { Side::Destination };
                let _ = self.take(&["=", "==", "eq"]);
                let (who, port) = address(self.word()?)?;
                Expression::Address(side, who, port)
            }
            "dev" => {
                let is_it = match self.relation() {
                    None | Some(Relation::Equal) => true,
                    Some(Relation::Unequal) => false,
                    Some(_) => return Err("an interface is neither more nor less than another".to_owned()),
                };
                Expression::Device(self.word()?.to_owned(), is_it)
            }
            "fwmark" => {
                let _ = self.take(&["=", "==", "eq"]);
                let word = self.word()?;
                let (mark, mask) = word.split_once('/').unwrap_or((word, "0xffffffff"));
                let both = number(mark).zip(number(mask));
                let (mark, mask) = both.ok_or_else(|| format!("{word:?} is no mark"))?;
                Expression::Mark(mark, mask)
            }
            word => return Err(format!("the filter knows no {word:?}: see --help")),
        })
    }

    fn relation(&mut self) -> Option<Relation> {
        let words: [(&[&str], Relation); 6] = [
            (&["=", "==", "eq"], Relation::Equal),
            (&["!=", "ne", "neq"], Relation::Unequal),
            (&["<", "lt"], Relation::Less),
            (&["<=", "le", "leq"], Relation::LessOrEqual),
            (&[">", "gt"], Relation::Greater),
            (&[">=", "ge", "geq"], Relation::GreaterOrEqual),
        ];
        words.into_iter().find_map(|(words, relation)| self.take(words).then_some(relation))
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A port: `:80`, `80`, `:http`.
fn port(text: &str) -> Result<u16, String> {
    let name = text.strip_prefix(':').unwrap_or(text);
    let number = name.parse().ok().or_else(|| Some(Names.port(name)?.0));
    number.ok_or_else(|| format!("{text:?} is no port: it is a number or a name, as in :80"))
}

/// An address, a network or a host, and a port behind it: `10.61.0.2`, `10.61.0.0/16:80`, `[fd61::2]:80`, `:80`, `tekapo`.
fn address(text: &str) -> Result<(Who, Option<u16>), String> {
    let (family, rest) = match text.split_once(':') {
        Some((family @ ("inet" | "inet6"), rest)) => (Some(family), rest),
        _ => (None, text),
    };
    let bad =
        || format!("{text:?} is no address: it is one as in 10.61.0.0/16:80 or [fd61::2]:80, or a host");
    let (host, behind) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, behind)) => {
            let (prefix, behind) = behind.split_once(':').map_or((behind, None), |(a, b)| (a, Some(b)));
            (format!("{host}{prefix}"), behind)
        }
        // Without brackets it has no port.
        None if rest.matches(':').count() > 1 => (rest.to_owned(), None),
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    let port = match behind {
        None | Some("*") => None,
        Some(behind) => Some(port(behind)?),
    };
    if matches!(host.as_str(), "" | "*" | "any" | "all" | "default") {
        return Ok((Who::Anybody, port));
    }
    let (ip, prefix) = host.split_once('/').map_or((host.as_str(), None), |(ip, rest)| (ip, Some(rest)));
    let Some(ip) = ip.parse().ok().or_else(|| short(ip)) else {
        let is_name =
            prefix.is_none() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let starts_well = host.starts_with(|c: char| c.is_ascii_alphabetic());
        return if is_name && starts_well { Ok((Who::Name(host), port)) } else { Err(bad()) };
    };
    let prefix = prefix.map_or(Ok(whole(ip)), str::parse).map_err(|_| bad())?;
    let right_family = family.is_none_or(|family| (family == "inet6") == ip.is_ipv6());
    if prefix > whole(ip) || !right_family {
        return Err(bad());
    }
    Ok((Who::Net(ip, prefix, family.is_some()), port))
}

/// The first numbers of an address of IPv4: `10.61`.
fn short(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 4];
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > octets.len() {
        return None;
    }
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = part.parse().ok()?;
    }
    Some(octets.into())
}

/// The states that a word stands for.
fn states(word: &str) -> Option<Vec<State>> {
    let but = |not: &[State]| Some(State::ALL.iter().filter(|state| !not.contains(state)).copied().collect());
    Some(vec![match word {
        "all" => return but(&[]),
        "connected" => return but(&[State::Listen, State::Close]),
        "synchronized" => return but(&[State::Listen, State::Close, State::SynSent]),
        "bucket" => return Some(vec![State::SynRecv, State::TimeWait]),
        "big" => return but(&[State::SynRecv, State::TimeWait]),
        "established" | "estab" => State::Established,
        "syn-sent" => State::SynSent,
        "syn-recv" => State::SynRecv,
        "fin-wait-1" => State::FinWait1,
        "fin-wait-2" => State::FinWait2,
        "time-wait" => State::TimeWait,
        "closed" | "close" | "unconnected" => State::Close,
        "close-wait" => State::CloseWait,
        "last-ack" => State::LastAck,
        "listening" | "listen" => State::Listen,
        "closing" => State::Closing,
        _ => return None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Filter, String> {
        Filter::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn filters() {
        let both = parse("state established state time-wait dport = :80").expect("a filter");
        assert_eq!(both.states, Some(vec![State::Established, State::TimeWait]));
        assert_eq!(both.expression, Some(Expression::Port(Side::Destination, Relation::Equal, 80)));
        assert_eq!(parse("exclude all").expect("a filter").states, Some(Vec::new()));
        assert!(parse("state connected exclude big and sport 7").is_ok());
        assert_eq!(
            parse("(sport 1 or dport 2) dst a").ok(),
            parse("( sport = :1 || dport 2 ) && dst = a").ok()
        );
        for wrong in [
            "state",
            "state swimming",
            "dport = nosuch",
            "dport",
            "and",
            "src",
            "src 10.1.2.3/33",
            "src 1.2.3.4.5",
            "dst inet6:10.0.0.1",
            "sport = :80 and",
            "( sport = :80",
            "sport = :80 )",
            "sport = :80 state established",
            "dev > lo",
            "autobound",
            "src 10.61.0.1:x",
            &"( ".repeat(5000),
            &"not ".repeat(200),
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let net = |ip: &str, prefix, only| Who::Net(ip.parse().expect("an address"), prefix, only);
        for (text, expected) in [
            ("10.61.0.2", (net("10.61.0.2", 32, false), None)),
            ("10.61/16:80", (net("10.61.0.0", 16, false), Some(80))),
            ("inet:10.61.0.2:80", (net("10.61.0.2", 32, true), Some(80))),
            ("[fd61::]/64:http", (net("fd61::", 64, false), Some(80))),
            ("::1", (net("::1", 128, false), None)),
            ("*:80", (Who::Anybody, Some(80))),
            (":80", (Who::Anybody, Some(80))),
            ("tekapo:80", (Who::Name("tekapo".to_owned()), Some(80))),
        ] {
            assert_eq!(address(text), Ok(expected), "{text}");
        }
        let mapped = "::ffff:10.61.0.2".parse().expect("an address");
        assert!(net("10.61.0.0", 16, false).is(mapped) && !net("10.61.0.0", 16, true).is(mapped));
        assert!(net("0.0.0.0", 0, false).is(mapped) && net("::", 0, false).is(mapped));
        assert!(!net("10.62.0.0", 16, false).is(mapped));
    }
}
