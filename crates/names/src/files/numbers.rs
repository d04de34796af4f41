//! services(5), protocols(5), networks(5): a name, a number, aliases.

use super::words;
use crate::text::{inet_network, is_space};

/// A service, as getservbyname(3) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its official name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its port.
    pub port: u16,
    /// The name of the protocol it is used over: `tcp`, `udp`.
    pub protocol: String,
}

/// A protocol above IP, as getprotobyname(3) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its official name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its number, as it stands in IP's header.
    pub number: i32,
}

/// A network, as getnetbyname(3) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its official name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its number in host order, zeros where the file says nothing: 0x7f000000.
    pub number: u32,
}

impl Service {
    /// `name port/protocol alias …`
    pub(super) fn parse(line: &str) -> Option<Service> {
        let (name, rest) = first_word(line)?;
        let (number, rest) = leading_digits(rest)?;
        let (protocol, rest) = match rest.trim_start_matches('/') {
            after if after.len() < rest.len() || after.is_empty() => first_word(after).unwrap_or(("", "")),
            _ => return None,
        };
        let aliases = words(rest).map(str::to_owned).collect();
        // What is more than 16 bits is cut, as htons does.
        Some(Service { name: name.to_owned(), aliases, port: number as u16, protocol: protocol.to_owned() })
    }

    pub(super) fn is_over(&self, protocol: Option<&str>) -> bool {
        protocol.is_none_or(|protocol| self.protocol == protocol)
    }
}

impl Protocol {
    /// `name number alias …`
    pub(super) fn parse(line: &str) -> Option<Protocol> {
        let (name, rest) = first_word(line)?;
        let (number, rest) = leading_digits(rest)?;
        let at_end = rest.chars().next().is_none_or(is_space);
        let aliases = words(rest).map(str::to_owned).collect();
        let number = i32::try_from(number).ok().filter(|_| at_end)?;
        Some(Protocol { name: name.to_owned(), aliases, number })
    }
}

impl Network {
    /// `name number alias …`; a number that is none becomes 255.255.255.255.
    pub(super) fn parse(line: &str) -> Option<Network> {
        let mut words = words(line);
        let (name, number) = (words.next()?, words.next()?);
        let missing = 3usize.saturating_sub(number.matches('.').count());
        let number = inet_network(&format!("{number}{}", ".0".repeat(missing))).unwrap_or(u32::MAX);
        Some(Network { name: name.to_owned(), aliases: words.map(str::to_owned).collect(), number })
    }
}

fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(is_space);
    let end = text.find(is_space).unwrap_or(text.len());
    Some(text.split_at(end)).filter(|(word, _)| !word.is_empty())
}

fn leading_digits(text: &str) -> Option<(u32, &str)> {
    let text = text.trim_start_matches(is_space);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    digits.parse().ok().map(|number| (number, rest))
}
