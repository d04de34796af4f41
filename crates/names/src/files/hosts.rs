//! hosts(5): an address, a name, aliases. A name may stand on several lines; all of them count.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{lines, words};
use crate::host::{Families, HostEntry};
use crate::text::is_space;

/// The file's text, which is read anew each time, as libc does: of most hosts hardly anybody ever asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Arc<str>);

/// A line that makes sense.
struct Line<'a> {
    address: IpAddr,
    name: &'a str,
    /// The other words.
    aliases: &'a str,
}

impl Hosts {
    pub(super) fn new(text: Arc<str>) -> Hosts {
        Hosts(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        lines(&self.0).filter_map(Line::parse)
    }

    /// The host of a name, of all lines that have it. Case does not matter.
    pub(crate) fn by_name(&self, name: &str, families: Families) -> Option<HostEntry> {
        let mut entry: Option<HostEntry> = None;
        for line in self.lines() {
            let Some(address) = in_family(line.address, families) else { continue };
            if !line.names().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            match &mut entry {
                None => entry = Some(line.entry(address)),
                Some(entry) => {
                    entry.addresses.push(address);
                    for alias in line.names() {
                        if entry.name != alias && !entry.aliases.iter().any(|other| other == alias) {
                            entry.aliases.push(alias.to_owned());
                        }
                    }
                }
            }
        }
        entry
    }

    /// The host of an address: of the first line that has it.
    pub(crate) fn by_address(&self, address: IpAddr) -> Option<HostEntry> {
        let families = if address.is_ipv4() { Families::Inet } else { Families::Inet6 };
        let known = |line: &Line<'_>| in_family(line.address, families) == Some(address);
        self.lines().find(known).map(|line| line.entry(address))
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Line<'a>> {
        let (address, rest) = word(line)?;
        let (name, aliases) = word(rest)?;
        Some(Line { address: address.parse().ok()?, name, aliases })
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(words(self.aliases))
    }

    fn entry(&self, address: IpAddr) -> HostEntry {
        let aliases = words(self.aliases).map(str::to_owned).collect();
        HostEntry { name: self.name.to_owned(), aliases, addresses: vec![address] }
    }
}

/// The first word of a line, and what is behind it.
fn word(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(is_space);
    let (first, rest) = line.split_at(line.find(is_space).unwrap_or(line.len()));
    (!first.is_empty()).then_some((first, rest))
}

/// An address as one of a family. For IPv4, libc takes mapped addresses, and IPv6's loopback for its own.
fn in_family(address: IpAddr, families: Families) -> Option<IpAddr> {
    match (address, families) {
        (_, Families::Both) | (IpAddr::V4(_), Families::Inet) | (IpAddr::V6(_), Families::Inet6) => {
            Some(address)
        }
        (IpAddr::V6(address), Families::Inet) if address.is_loopback() => Some(Ipv4Addr::LOCALHOST.into()),
        (IpAddr::V6(address), Families::Inet) => address.to_ipv4_mapped().map(IpAddr::V4),
        (IpAddr::V4(_), Families::Inet6) => None,
    }
}
