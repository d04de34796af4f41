//! The words of filters: protocols, numbers with names, and addresses as they are written there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Protocol, Version};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// Protocols by their names. `/etc/protocols` is not asked: these are those that filters know as keywords.
const PROTOCOLS: [(&str, Protocol); 25] = [
    ("ether", Protocol::Ethernet),
    ("link", Protocol::Ethernet),
    ("arp", Protocol::Arp),
    ("ip", Protocol::Ip),
    ("ip6", Protocol::Ip6),
    ("tcp", Protocol::Over(Version::Any, TCP)),
    ("udp", Protocol::Over(Version::Any, UDP)),
    ("sctp", Protocol::Over(Version::Any, SCTP)),
    ("icmp", Protocol::Over(Version::V4, 1)),
    ("icmp6", Protocol::Over(Version::V6, 58)),
    ("igmp", Protocol::Over(Version::V4, 2)),
    ("esp", Protocol::Over(Version::Any, 50)),
    ("ah", Protocol::Over(Version::Any, 51)),
    ("pim", Protocol::Over(Version::Any, 103)),
    ("igrp", Protocol::Over(Version::V4, 9)),
    ("vrrp", Protocol::Over(Version::V4, 112)),
    ("carp", Protocol::Over(Version::V4, 112)),
    ("rarp", Protocol::Type(0x8035)),
    ("decnet", Protocol::Type(0x6003)),
    ("lat", Protocol::Type(0x6004)),
    ("moprc", Protocol::Type(0x6002)),
    ("mopdl", Protocol::Type(0x6001)),
    ("pppoed", Protocol::Type(0x8863)),
    ("stp", Protocol::Type(0x42)),
    ("iso", Protocol::Type(0xfe)),
];

/// Numbers with names: fields, flags and types.
const NUMBERS: [(&str, u32); 40] = [
    ("tcpflags", 13),
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreq", 17),
    ("icmp-maskreply", 18),
    ("icmp6type", 0),
    ("icmp6code", 1),
    ("icmp6-destinationunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
];

/// Words of the language that nothing here can decide, and what can be said instead.
pub(super) const ABSENT: [(&str, &str); 11] = [
    ("gateway", "no list of routers' addresses is kept; ether host, and not host"),
    ("protochain", "ip6[6] and what is behind it"),
    ("mpls", "ether proto 0x8847"),
    ("pppoes", "ether proto 0x8864"),
    ("geneve", "udp port 6081"),
    ("atalk", "ether proto 0x809b"),
    ("aarp", "ether proto 0x80f3"),
    ("ipx", "ether proto 0x8137"),
    ("ifname", "-i"),
    ("on", "-i"),
    ("llc", "ether[12:2] <= 1500"),
];

pub(super) fn protocol(text: &str) -> Option<Protocol> {
    PROTOCOLS.iter().find(|(name, _)| *name == text).map(|(_, protocol)| *protocol)
}

pub(super) fn named(text: &str) -> Option<u32> {
    NUMBERS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number)
}

/// Decimal, hexadecimal (0x) or octal (0), as C writes numbers.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}

pub(super) fn prefix(length: u32, longest: u32) -> u128 {
    let ones = u128::MAX >> (128 - longest);
    ones & !ones.checked_shr(length).unwrap_or(0)
}

/// An address with the length of prefix it says by itself: 10 and 10.1 are networks, too.
pub(super) fn network(text: &str) -> Option<(IpAddr, u32)> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some((address.into(), 128));
    }
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut octets = [0; 4];
    octets.get_mut(..parts.len())?.copy_from_slice(&parts);
    Some((Ipv4Addr::from(octets).into(), parts.len() as u32 * 8))
}

/// Six numbers with colons, minuses or points between, or three of four digits with points.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let between = text.chars().find(|c| matches!(c, ':' | '-' | '.'))?;
    let hexadecimal = |part: &str| u16::from_str_radix(part, 16).ok();
    let parts: Vec<u16> = text.split(between).map(hexadecimal).collect::<Option<_>>()?;
    if let ('.', [_, _, _]) = (between, parts.as_slice()) {
        let bytes: Vec<u8> = parts.into_iter().flat_map(u16::to_be_bytes).collect();
        return bytes.try_into().ok();
    }
    let bytes: Vec<u8> = parts.into_iter().map(|part| u8::try_from(part).ok()).collect::<Option<_>>()?;
    bytes.try_into().ok()
}
