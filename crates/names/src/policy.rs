//! Which of several addresses to try first: RFC 6724's destination address selection, with the table of policies that
//! gai.conf(5) may change.

use std::cmp::{Ordering, Reverse};
use std::net::{IpAddr, Ipv6Addr};

use crate::files::lines;
use crate::text::inet_pton6;

/// Labels and precedences by prefix.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    labels: Vec<(Prefix, u32)>,
    precedences: Vec<(Prefix, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Prefix {
    address: Ipv6Addr,
    bits: u8,
}

/// RFC 6724, section 2.1: prefix, its bits, precedence, label.
const TABLE: [(&str, u8, u32, u32); 9] = [
    ("::1", 128, 50, 0),
    ("::", 0, 40, 1),
    ("::ffff:0:0", 96, 35, 4),
    ("2002::", 16, 30, 2),
    ("2001::", 32, 5, 5),
    ("fc00::", 7, 3, 13),
    ("::", 96, 1, 3),
    ("fec0::", 10, 1, 11),
    ("3ffe::", 16, 1, 12),
];

/// The address a host would send from, and how many bits of it are its network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
}

/// Something to be sorted: its address, and where it would be reached from, `None` if not at all.
pub(crate) type Destination<T> = (T, IpAddr, From);
type From = Option<SourceAddress>;

impl Default for Policy {
    fn default() -> Policy {
        let parsed = TABLE.iter().filter_map(|(text, bits, precedence, label)| {
            Some((Prefix { address: inet_pton6(text)?, bits: *bits }, *precedence, *label))
        });
        let rows: Vec<_> = parsed.collect();
        Policy {
            labels: rows.iter().map(|(prefix, _, label)| (*prefix, *label)).collect(),
            precedences: rows.iter().map(|(prefix, precedence, _)| (*prefix, *precedence)).collect(),
        }
    }
}

impl Policy {
    /// gai.conf(5): a first `label` or `precedence` takes the place of the whole table of them.
    pub(crate) fn parse(text: &str) -> Policy {
        let (mut labels, mut precedences) = (Vec::new(), Vec::new());
        for line in lines(text) {
            let mut words = line.split_whitespace();
            let table = match words.next() {
                Some("label") => &mut labels,
                Some("precedence") => &mut precedences,
                _ => continue,
            };
            let row =
                words.next().and_then(Prefix::parse).zip(words.next().and_then(|word| word.parse().ok()));
            table.extend(row);
        }
        let mut policy = Policy::default();
        if !labels.is_empty() {
            policy.labels = labels;
        }
        if !precedences.is_empty() {
            policy.precedences = precedences;
        }
        policy
    }

    /// Sorts destinations. Those between which no rule decides stay in order.
    pub(crate) fn sort<T>(&self, list: &mut [Destination<T>]) {
        // Across families rule 9 makes no order that std's sort would bear.
        for end in 1..list.len() {
            for at in (0..end).rev() {
                let ((_, a, from_a), (_, b, from_b)) = (&list[at], &list[at + 1]);
                if self.compare((*a, *from_a), (*b, *from_b)) != Ordering::Greater {
                    break;
                }
                list.swap(at, at + 1);
            }
        }
    }

    /// RFC 6724, section 6. Rules 3, 4 and 7 never decide: no address here is deprecated, a home address or tunnelled.
    fn compare(&self, (a, from_a): (IpAddr, From), (b, from_b): (IpAddr, From)) -> Ordering {
        let scope_fits = |to, from: From| from.is_some_and(|from| scope(to) == scope(from.address));
        let label_fits = |to, from: From| from.is_some_and(|from| self.label(to) == self.label(from.address));
        // Rule 1: what can't be reached comes last.
        (from_b.is_some().cmp(&from_a.is_some()))
            // Rule 2: matching scope.
            .then_with(|| scope_fits(b, from_b).cmp(&scope_fits(a, from_a)))
            // Rule 5: matching label.
            .then_with(|| label_fits(b, from_b).cmp(&label_fits(a, from_a)))
            // Rule 6: higher precedence.
            .then_with(|| self.precedence(b).cmp(&self.precedence(a)))
            // Rule 8: smaller scope.
            .then_with(|| scope(a).cmp(&scope(b)))
            // Rule 9: the longest prefix in common with the source.
            .then_with(|| match (from_a, from_b) {
                (Some(from_a), Some(from_b)) if a.is_ipv4() == b.is_ipv4() => {
                    Reverse(common(a, from_a)).cmp(&Reverse(common(b, from_b)))
                }
                _ => Ordering::Equal,
            })
    }

    fn label(&self, address: IpAddr) -> Option<u32> {
        longest(&self.labels, address)
    }

    fn precedence(&self, address: IpAddr) -> Option<u32> {
        longest(&self.precedences, address)
    }
}

impl Prefix {
    fn parse(text: &str) -> Option<Prefix> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "128"));
        let bits = bits.parse().ok().filter(|bits| *bits <= 128)?;
        Some(Prefix { address: inet_pton6(address)?, bits })
    }

    fn contains(&self, address: u128) -> bool {
        let differ = self.address.to_bits() ^ address;
        differ.leading_zeros() >= self.bits.into()
    }
}

fn longest(table: &[(Prefix, u32)], address: IpAddr) -> Option<u32> {
    let address = mapped(address).to_bits();
    let fitting = table.iter().filter(|(prefix, _)| prefix.contains(address));
    fitting.max_by_key(|(prefix, _)| prefix.bits).map(|(_, value)| *value)
}

/// RFC 6724, section 3.1: the scope of an address, as multicast numbers them.
fn scope(address: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V6(address) if address.is_multicast() => (address.segments()[0] & 0xf) as u8,
        IpAddr::V6(address) if address.is_loopback() || address.is_unicast_link_local() => LINK,
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => SITE,
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(GLOBAL, |address| scope(address.into())),
        // Section 3.2.
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
    }
}

/// How many bits a destination and its source have in common; as libc, beyond the network's too, and for IPv4 only within
/// one network.
fn common(to: IpAddr, from: SourceAddress) -> u32 {
    let (to, from, prefix, family_bits) = match (to, from.address) {
        (IpAddr::V4(to), IpAddr::V4(source)) => {
            (to.to_bits().into(), source.to_bits().into(), from.prefix, 32)
        }
        (to, source) => (mapped(to).to_bits(), mapped(source).to_bits(), from.prefix, 128),
    };
    let differ: u128 = to ^ from;
    let same = differ.leading_zeros() - (128 - family_bits);
    if family_bits == 128 || same >= prefix.into() { same } else { 0 }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6724, section 10.2, and others: sources and destinations in the order they should come in.
    fn check(sources: &[&str], sorted: &[(&str, Option<usize>)]) {
        let mut list: Vec<_> = sorted
            .iter()
            .rev()
            .map(|(to, from)| {
                let from = from.map(|at| SourceAddress { address: sources[at].parse().unwrap(), prefix: 64 });
                (*to, to.parse().unwrap(), from)
            })
            .collect();
        Policy::default().sort(&mut list);
        assert!(list.iter().map(|(to, ..)| to).eq(sorted.iter().map(|(to, _)| to)), "{list:?}");
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // Matching scope.
        check(
            &["2001:db8:1::2", "169.254.13.78"],
            &[("2001:db8:1::1", Some(0)), ("198.51.100.121", Some(1))],
        );
        check(&["fe80::1", "198.51.100.117"], &[("198.51.100.121", Some(1)), ("2001:db8:1::1", Some(0))]);
        // Higher precedence.
        check(&["2001:db8:1::2", "10.1.2.4"], &[("2001:db8:1::1", Some(0)), ("10.1.2.3", Some(1))]);
        // Smaller scope.
        check(&["2001:db8:1::2", "fe80::2"], &[("fe80::1", Some(1)), ("2001:db8:1::1", Some(0))]);
        // Matching label.
        check(
            &["2002:c633:6401::2", "fe80::2"],
            &[("2002:c633:6401::1", Some(0)), ("2001:db8:1::1", Some(0))],
        );
        // Longest prefix.
        check(&["2001:db8:1::2"], &[("2001:db8:1::1", Some(0)), ("2001:db8:3ffe::1", Some(0))]);
        // What can't be reached is last; a unique local address comes after IPv4.
        check(&["fd61::1", "10.61.0.1"], &[("10.61.0.2", Some(1)), ("fd61::2", Some(0)), ("::1", None)]);
    }

    #[test]
    fn a_file_changes_the_tables() {
        let policy = Policy::parse("precedence ::ffff:0:0/96 100 # IPv4 first\nlabel x 1\nlabel ::/129 3\n");
        assert_eq!(policy.precedence([1, 2, 3, 4].into()), Some(100));
        assert_eq!(policy.precedence(Ipv6Addr::LOCALHOST.into()), None);
        assert_eq!(policy.label(Ipv6Addr::LOCALHOST.into()), Some(0));
    }
}
