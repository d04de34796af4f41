//! A filter's words as an expression.

use std::net::{IpAddr, Ipv4Addr};

use super::lex::{Token, Word};
use super::words::{self, ABSENT, mac, named, network, number, prefix, protocol};
use super::{
    DEEPEST, Direction, Expression, FilterError, Lookup, MOST_WORDS, Net, Number, Operator, Protocol, Reach,
    Relation, Scope, Test, Version, Way,
};

type Result<T> = std::result::Result<T, FilterError>;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// How tightly a minus in front binds: more than the rest, but for what has no place.
const MINUS: usize = 6;
const PLACELESS: usize = 7;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Protocol,
}

/// What stood before a value, and holds for the next if that has nothing of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Qualifiers {
    protocol: Option<Protocol>,
    direction: Option<Direction>,
    kind: Option<Kind>,
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    /// Where the text ends.
    end: usize,
    names: &'a dyn Lookup,
    last: Qualifiers,
    depth: usize,
    /// So many VLAN tags have been asked for: what follows stands behind them.
    tags: usize,
}

/// All the words as one expression; `None` if there are none.
pub(super) fn expression(tokens: &[Token], end: usize, names: &dyn Lookup) -> Result<Option<Expression>> {
    if tokens.is_empty() {
        return Ok(None);
    }
    if let Some(token) = tokens.get(MOST_WORDS) {
        return Err(FilterError { what: "too many words".to_owned(), at: token.at });
    }
    let mut parser = Parser { tokens, next: 0, end, names, last: Qualifiers::default(), depth: 0, tags: 0 };
    let expression = parser.alternatives()?;
    match parser.peek() {
        None => Ok(Some(expression)),
        Some(_) => Err(parser.wrong("and or or is missing")),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.tokens.get(self.next).map(|token| &token.word)
    }

    fn is(&self, test: Test) -> Expression {
        Expression::Is(test, self.tags)
    }

    fn wrong(&self, what: impl Into<String>) -> FilterError {
        let at = self.tokens.get(self.next).map_or(self.end, |token| token.at);
        FilterError { what: what.into(), at }
    }

    /// The keyword that comes next, if a word does that is not escaped.
    fn keyword(&self) -> Option<&str> {
        match self.peek() {
            Some(Word::Text(text, false)) => Some(text),
            Some(Word::Text(_, true) | Word::Symbol(_)) | None => None,
        }
    }

    fn take(&mut self, words: &[&str]) -> bool {
        let found = match self.peek() {
            Some(Word::Text(text, false)) => words.contains(&text.as_str()),
            Some(Word::Symbol(symbol)) => words.contains(symbol),
            Some(Word::Text(_, true)) | None => false,
        };
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<()> {
        if self.take(&[symbol]) { Ok(()) } else { Err(self.wrong(format!("{symbol} is missing"))) }
    }

    fn alternatives(&mut self) -> Result<Expression> {
        let mut left = self.negation()?;
        loop {
            if self.take(&["and", "&&"]) {
                left = Expression::And(Box::new(left), Box::new(self.negation()?));
            } else if self.take(&["or", "||"]) {
                left = Expression::Or(Box::new(left), Box::new(self.negation()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn negation(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("nested too deep"));
        }
        let expression = if self.take(&["not", "!"]) {
            Expression::Not(Box::new(self.negation()?))
        } else {
            self.primitive()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn primitive(&mut self) -> Result<Expression> {
        if let Some(comparison) = self.comparison()? {
            return Ok(comparison);
        }
        if self.take(&["("]) {
            let inner = self.alternatives()?;
            self.expect(")")?;
            return Ok(inner);
        }
        for (word, relation) in [("less", Relation::LessOrEqual), ("greater", Relation::GreaterOrEqual)] {
            if self.take(&[word]) {
                let bound = Number::Constant(self.constant()?);
                return Ok(self.is(Test::Compare(Number::Length, relation, bound)));
            }
        }
        if let Some(word) = self.keyword()
            && let Some((word, instead)) = ABSENT.iter().find(|(absent, _)| *absent == word)
        {
            return Err(self.wrong(format!("{word} is not known here: {instead}")));
        }
        if self.take(&["vlan"]) {
            return self.vlan();
        }
        for (word, way) in [("inbound", Way::In), ("outbound", Way::Out)] {
            if self.take(&[word]) {
                return Ok(self.is(Test::Passes(way)));
            }
        }
        self.qualified()
    }

    /// A VLAN tag (802.1Q and its relatives), of one number or any. As libpcap: it moves what comes after it.
    fn vlan(&mut self) -> Result<Expression> {
        let number = match self.keyword().and_then(number) {
            Some(number) => Some(
                u16::try_from(number)
                    .ok()
                    .filter(|number| *number < 4096)
                    .ok_or_else(|| self.wrong("no VLAN has that number"))?,
            ),
            None => None,
        };
        self.next += usize::from(number.is_some());
        let test = self.is(Test::Vlan(number));
        self.tags += 1;
        Ok(test)
    }

    /// A comparison, if one comes; else nothing is taken.
    fn comparison(&mut self) -> Result<Option<Expression>> {
        let (next, depth) = (self.next, self.depth);
        let bracket = self.tokens.get(self.next + 1).is_some_and(|token| token.word == Word::Symbol("["));
        // What can be nothing else, and what may be.
        let (must, may) = match self.peek() {
            Some(Word::Symbol("(" | "-")) => (false, true),
            Some(Word::Text(text, false)) if bracket || text == "len" => (true, true),
            Some(Word::Text(text, false)) => (false, number(text).is_some() || named(text).is_some()),
            Some(Word::Text(_, true) | Word::Symbol(_)) | None => (false, false),
        };
        if !may {
            return Ok(None);
        }
        let left = match self.number(0) {
            Err(error) if must => return Err(error),
            left => left.ok(),
        };
        let relation = left.is_some().then(|| self.relation()).flatten();
        if let (Some(left), Some(relation)) = (left, relation) {
            let right = self.number(0)?;
            return Ok(Some(self.is(Test::Compare(left, relation, right))));
        }
        if must {
            return Err(self.wrong("a comparison is missing"));
        }
        (self.next, self.depth) = (next, depth);
        Ok(None)
    }

    fn relation(&mut self) -> Option<Relation> {
        const RELATIONS: [(&str, Relation); 7] = [
            ("=", Relation::Equal),
            ("==", Relation::Equal),
            ("!=", Relation::Unequal),
            ("<", Relation::Less),
            ("<=", Relation::LessOrEqual),
            (">", Relation::Greater),
            (">=", Relation::GreaterOrEqual),
        ];
        RELATIONS.into_iter().find(|(symbol, _)| self.take(&[symbol])).map(|(_, relation)| relation)
    }

    /// A calculation whose operators bind more tightly than that. As in libpcap's grammar `%` and `^` have no place among
    /// them: each takes all that follows as its right side, and what is left of it binds less, whatever it is.
    fn number(&mut self, tightness: usize) -> Result<Number> {
        const OPERATORS: [(&str, Operator, usize); 10] = [
            ("|", Operator::Or, 1),
            ("&", Operator::And, 2),
            ("<<", Operator::Left, 3),
            (">>", Operator::Right, 3),
            ("+", Operator::Add, 4),
            ("-", Operator::Subtract, 4),
            ("*", Operator::Multiply, 5),
            ("/", Operator::Divide, 5),
            ("%", Operator::Modulo, PLACELESS),
            ("^", Operator::Xor, PLACELESS),
        ];
        let mut left = self.factor()?;
        loop {
            let found = OPERATORS.iter().find(|(symbol, _, own)| *own > tightness && self.take(&[symbol]));
            let Some((_, operator, own)) = found else { return Ok(left) };
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.wrong("nested too deep"));
            }
            let right = self.number(if *own == PLACELESS { 0 } else { *own })?;
            self.depth -= 1;
            if matches!((operator, &right), (Operator::Divide | Operator::Modulo, Number::Constant(0))) {
                return Err(self.wrong("a division by zero"));
            }
            if let (Operator::Left | Operator::Right, Number::Constant(32..)) = (operator, &right) {
                return Err(self.wrong("a shift by more than 31 bits"));
            }
            left = Number::Calculated(*operator, Box::new(left), Box::new(right));
        }
    }

    fn factor(&mut self) -> Result<Number> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("nested too deep"));
        }
        let factor = if self.take(&["-"]) {
            Number::Negative(Box::new(self.number(MINUS)?))
        } else if self.take(&["("]) {
            let inner = self.number(0)?;
            self.expect(")")?;
            inner
        } else if self.take(&["len"]) {
            Number::Length
        } else if let Some(protocol) = self.keyword().and_then(protocol)
            && self.tokens.get(self.next + 1).is_some_and(|token| token.word == Word::Symbol("["))
        {
            self.next += 2;
            let at = self.number(0)?;
            let size = if self.take(&[":"]) { self.constant()? } else { 1 };
            let size = match size {
                1 | 2 | 4 => size as usize,
                _ => return Err(self.wrong("1, 2 or 4 bytes can be looked at")),
            };
            self.expect("]")?;
            Number::Bytes(protocol, Box::new(at), size)
        } else {
            Number::Constant(self.constant()?)
        };
        self.depth -= 1;
        Ok(factor)
    }

    fn constant(&mut self) -> Result<u32> {
        let value = self.keyword().and_then(|text| number(text).or_else(|| named(text)));
        let value = value.ok_or_else(|| self.wrong("a number is missing"))?;
        self.next += 1;
        Ok(value)
    }

    /// A protocol, a value with what stands before it, or a value alone.
    fn qualified(&mut self) -> Result<Expression> {
        let began = self.next;
        let mut own = Qualifiers::default();
        if let Some(protocol) = self.keyword().and_then(protocol) {
            self.next += 1;
            own.protocol = Some(protocol);
        }
        own.direction = self.direction()?;
        for (word, reach) in [("broadcast", Reach::Broadcast), ("multicast", Reach::Multicast)] {
            if own.direction.is_none() && self.take(&[word]) {
                return self.group(own.protocol, reach);
            }
        }
        own.kind = self.kind();
        let bare = own.direction.is_none() && own.kind.is_none();
        if bare && own.protocol == Some(Protocol::Ethernet) {
            return Err(self.wrong("what of Ethernet is missing"));
        }
        if bare && let Some(protocol) = own.protocol {
            return Ok(self.is(Test::Protocol(protocol)));
        }
        if self.next == began {
            if self.last.kind.is_none() && self.last.direction.is_none() {
                // As libpcap: a word alone is a host.
                own.kind = Some(Kind::Host);
            } else {
                own = self.last;
            }
        }
        self.last = own;
        self.value(own)
    }

    fn direction(&mut self) -> Result<Option<Direction>> {
        let first = if self.take(&["src"]) {
            Direction::Source
        } else if self.take(&["dst"]) {
            Direction::Destination
        } else {
            return Ok(None);
        };
        let other = if first == Direction::Source { "dst" } else { "src" };
        let follows = |parser: &Self, word: &str| {
            let text = |at: usize| match parser.tokens.get(at).map(|token| &token.word) {
                Some(Word::Text(text, false)) => Some(text.as_str()),
                _ => None,
            };
            text(parser.next) == Some(word) && text(parser.next + 1) == Some(other)
        };
        for (word, direction) in [("or", Direction::Either), ("and", Direction::Both)] {
            if follows(self, word) {
                self.next += 2;
                return Ok(Some(direction));
            }
        }
        Ok(Some(first))
    }

    fn kind(&mut self) -> Option<Kind> {
        const KINDS: [(&str, Kind); 5] = [
            ("host", Kind::Host),
            ("net", Kind::Net),
            ("port", Kind::Port),
            ("portrange", Kind::PortRange),
            ("proto", Kind::Protocol),
        ];
        KINDS.into_iter().find(|(word, _)| self.take(&[word])).map(|(_, kind)| kind)
    }

    fn group(&self, protocol: Option<Protocol>, reach: Reach) -> Result<Expression> {
        let scope = match (protocol, reach) {
            (None | Some(Protocol::Ethernet), _) => Scope::Ethernet,
            (Some(Protocol::Ip), _) => Scope::V4,
            (Some(Protocol::Ip6), Reach::Multicast) => Scope::V6,
            (Some(_), _) => return Err(self.wrong("that goes with ether and ip, and multicast with ip6")),
        };
        Ok(self.is(Test::Group(scope, reach)))
    }

    fn value(&mut self, own: Qualifiers) -> Result<Expression> {
        let direction = own.direction.unwrap_or(Direction::Either);
        let Some(Word::Text(text, escaped)) = self.peek().cloned() else {
            return Err(self.wrong("a value is missing"));
        };
        if !escaped && matches!(text.as_str(), "and" | "or" | "not") {
            return Err(self.wrong("a value is missing"));
        }
        match own.kind.unwrap_or(Kind::Host) {
            Kind::Host => self.host(own.protocol, direction, &text),
            Kind::Net => self.net(own.protocol, direction, &text),
            Kind::Port => {
                let number = number(&text).and_then(|number| u16::try_from(number).ok());
                let (port, only) = number.map_or_else(|| self.port(&text), |port| Ok((port, None)))?;
                let test = self.ports((own.protocol, only), direction, (port, port));
                self.next += 1;
                test
            }
            Kind::PortRange => {
                let ends = text.split_once('-').unwrap_or((&text, &text));
                let ((low, one), (high, other)) = (self.port(ends.0)?, self.port(ends.1)?);
                let only = one.filter(|_| one == other);
                let test = self.ports((own.protocol, only), direction, (low.min(high), low.max(high)));
                self.next += 1;
                test
            }
            Kind::Protocol => self.protocol_number(own.protocol, &text),
        }
    }

    fn host(&mut self, protocol: Option<Protocol>, direction: Direction, text: &str) -> Result<Expression> {
        if protocol == Some(Protocol::Ethernet) {
            let mac = mac(text).ok_or_else(|| self.wrong("an Ethernet address is missing"))?;
            self.next += 1;
            return Ok(self.is(Test::Mac(direction, mac)));
        }
        let addresses = match text.parse() {
            Ok(address) => vec![address],
            Err(_) => self.names.host(text),
        };
        if addresses.is_empty() {
            return Err(self.wrong(format!("no host is called {text}")));
        }
        let version = self.version(protocol)?;
        let nets = addresses.into_iter().filter(|address| version.has(*address));
        let tests = nets.map(|address| Net { address, mask: u128::MAX });
        let tests = tests.map(|net| self.is(Test::Net(version, direction, net)));
        let any = tests.reduce(|left, right| Expression::Or(Box::new(left), Box::new(right)));
        let any = any.ok_or_else(|| self.wrong("that protocol has no such address"))?;
        self.next += 1;
        Ok(any)
    }

    fn net(&mut self, protocol: Option<Protocol>, direction: Direction, text: &str) -> Result<Expression> {
        let (address, length) = network(text).ok_or_else(|| self.wrong("a network is missing"))?;
        let version = self.version(protocol)?;
        if !version.has(address) {
            return Err(self.wrong("that protocol has no such address"));
        }
        self.next += 1;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let mask = if self.take(&["/"]) {
            let length = self.constant()?;
            if length > longest {
                self.next -= 1;
                return Err(self.wrong("no prefix is so long"));
            }
            prefix(length, longest)
        } else if self.take(&["mask"]) {
            let mask = self.keyword().and_then(|text| text.parse::<Ipv4Addr>().ok());
            let mask = mask.ok_or_else(|| self.wrong("a mask is missing"))?;
            self.next += 1;
            u128::from(mask.to_bits())
        } else {
            prefix(length, longest)
        };
        let beyond = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) & !mask & u128::from(u32::MAX),
            IpAddr::V6(address) => address.to_bits() & !mask,
        };
        if beyond != 0 {
            return Err(self.wrong("the address has bits outside its network"));
        }
        Ok(self.is(Test::Net(version, direction, Net { address, mask })))
    }

    /// Where addresses are looked for.
    fn version(&self, protocol: Option<Protocol>) -> Result<Version> {
        match protocol {
            None => Ok(Version::Any),
            Some(Protocol::Ip) => Ok(Version::V4),
            Some(Protocol::Ip6) => Ok(Version::V6),
            Some(Protocol::Arp) => Ok(Version::Arp),
            Some(Protocol::Ethernet | Protocol::Type(_) | Protocol::Over(..)) => {
                Err(self.wrong("that protocol has no such address"))
            }
        }
    }

    /// A port, and the one protocol that has it under this name.
    fn port(&self, text: &str) -> Result<(u16, Option<u8>)> {
        let known = text.parse().ok().map(|port| (port, None)).or_else(|| self.names.port(text));
        known.ok_or_else(|| self.wrong(format!("no port is called {text}")))
    }

    fn ports(
        &self,
        (protocol, only): (Option<Protocol>, Option<u8>),
        direction: Direction,
        range: (u16, u16),
    ) -> Result<Expression> {
        let number = match protocol {
            None => only,
            Some(Protocol::Over(_, number @ (TCP | UDP | SCTP)))
                if only.is_none_or(|only| only == number) =>
            {
                Some(number)
            }
            Some(Protocol::Over(_, TCP | UDP | SCTP)) => {
                return Err(self.wrong("another protocol's port has that name"));
            }
            Some(_) => return Err(self.wrong("that protocol has no ports")),
        };
        Ok(self.is(Test::Port(number, direction, range)))
    }

    fn protocol_number(&mut self, protocol: Option<Protocol>, text: &str) -> Result<Expression> {
        let by_name = words::protocol(text);
        let test = match (protocol, number(text)) {
            (Some(Protocol::Ethernet), Some(number)) => u16::try_from(number).ok().map(Test::EtherType),
            (Some(Protocol::Ethernet), None) => by_name.map(Test::Protocol),
            (None | Some(Protocol::Ip | Protocol::Ip6), number) => {
                let version = self.version(protocol)?;
                let number = number.and_then(|number| u8::try_from(number).ok());
                let named = by_name.and_then(|protocol| match protocol {
                    Protocol::Over(_, number) => Some(number),
                    Protocol::Ethernet | Protocol::Arp | Protocol::Type(_) | Protocol::Ip | Protocol::Ip6 => {
                        None
                    }
                });
                number.or(named).map(|number| Test::Number(version, number))
            }
            (Some(Protocol::Arp | Protocol::Type(_) | Protocol::Over(..)), _) => None,
        };
        let test = test.ok_or_else(|| self.wrong("no such protocol"))?;
        self.next += 1;
        Ok(self.is(test))
    }
}
