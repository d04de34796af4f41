//! hosts(5): an address, a name, aliases. A name may stand on several lines; all of them count.

use std::net::{IpAddr, Ipv4Addr};

use super::{is_called, lines, words};
use crate::host::{Families, HostEntry};

/// All lines, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    address: IpAddr,
    name: String,
    aliases: Vec<String>,
}

impl Hosts {
    pub(super) fn parse(text: &str) -> Hosts {
        let line = |line: &str| {
            let mut words = words(line).map(str::to_owned);
            let address = words.next()?.parse().ok()?;
            Some(Line { address, name: words.next()?, aliases: words.collect() })
        };
        Hosts(lines(text).filter_map(line).collect())
    }

    /// The host of a name, of all lines that have it. Case does not matter.
    pub(crate) fn by_name(&self, name: &str, families: Families) -> Option<HostEntry> {
        let mut entry: Option<HostEntry> = None;
        for line in &self.0 {
            let Some(address) = in_family(line.address, families) else { continue };
            if !is_called(&line.name, &line.aliases, |known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            match &mut entry {
                None => entry = Some(line.entry(address)),
                Some(entry) => {
                    entry.addresses.push(address);
                    for alias in std::iter::once(&line.name).chain(&line.aliases) {
                        let known = |other: &String| other == alias;
                        if !known(&entry.name) && !entry.aliases.iter().any(known) {
                            entry.aliases.push(alias.clone());
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
        let known = |line: &&Line| in_family(line.address, families) == Some(address);
        self.0.iter().find(known).map(|line| line.entry(address))
    }
}

impl Line {
    fn entry(&self, address: IpAddr) -> HostEntry {
        HostEntry { name: self.name.clone(), aliases: self.aliases.clone(), addresses: vec![address] }
    }
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
