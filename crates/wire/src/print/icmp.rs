//! ICMP messages of both versions in tcpdump's words. Errors say whose packet failed, as far as they quote it.

use crate::quote::parse_head;
use crate::read::u16_at;
use crate::{icmpv4, icmpv6, ip};

use super::put;

/// What stands behind the addresses.
pub(super) fn print_v4(message: &icmpv4::Message, out: &mut String) {
    out.push_str("ICMP ");
    match message {
        icmpv4::Message::EchoRequest { id, sequence, .. } => {
            put(out, format_args!("echo request, id {id}, seq {sequence}"));
        }
        icmpv4::Message::EchoReply { id, sequence, .. } => {
            put(out, format_args!("echo reply, id {id}, seq {sequence}"))
        }
        icmpv4::Message::DestinationUnreachable { code, original } => match unreachable_v4(*code, original) {
            Some(text) => out.push_str(&text),
            None => return out.push_str("unreachable [|icmp]"),
        },
        icmpv4::Message::TimeExceeded { code, .. } => match code {
            0 => out.push_str("time exceeded in-transit"),
            1 => out.push_str("ip reassembly time exceeded"),
            code => put(out, format_args!("time exceeded-#{code}")),
        },
        icmpv4::Message::Other { kind: 4, code: 0, .. } => out.push_str("source quench"),
        icmpv4::Message::Other { kind, .. } => put(out, format_args!("type-#{kind}")),
    }
    put(out, format_args!(", length {}", message.len()));
}

/// `None` if too little of the packet is quoted.
fn unreachable_v4(code: icmpv4::Unreachable, original: &[u8]) -> Option<String> {
    let (header, protocol, carried) = parse_head(original).ok()?;
    let to = header.destination();
    Some(match code {
        icmpv4::Unreachable::Net => format!("net {to} unreachable"),
        icmpv4::Unreachable::Host => format!("host {to} unreachable"),
        icmpv4::Unreachable::Protocol => format!("{to} protocol {protocol} unreachable"),
        icmpv4::Unreachable::Port => {
            let port = carried.len().ge(&4).then(|| u16_at(carried, 2))?;
            match protocol {
                ip::protocol::TCP => format!("{to} tcp port {port} unreachable"),
                ip::protocol::UDP => format!("{to} udp port {port} unreachable"),
                _ => format!("{to} protocol {protocol} port {port} unreachable"),
            }
        }
        icmpv4::Unreachable::FragmentationNeeded { mtu: 0 } => format!("{to} unreachable - need to frag"),
        icmpv4::Unreachable::FragmentationNeeded { mtu } => {
            format!("{to} unreachable - need to frag (mtu {mtu})")
        }
        icmpv4::Unreachable::Other(code) => match code {
            5 => format!("{to} unreachable - source route failed"),
            6 => format!("net {to} unreachable - unknown"),
            7 => format!("host {to} unreachable - unknown"),
            8 => format!("{to} unreachable - source host isolated"),
            9 => format!("net {to} unreachable - admin prohibited"),
            10 => format!("host {to} unreachable - admin prohibited"),
            11 => format!("net {to} unreachable - tos prohibited"),
            12 => format!("host {to} unreachable - tos prohibited"),
            13 => format!("host {to} unreachable - admin prohibited filter"),
            14 => format!("host {to} unreachable - host precedence violation"),
            15 => format!("host {to} unreachable - precedence cutoff"),
            code => format!("{to} unreachable - #{code}"),
        },
    })
}

/// What stands behind the addresses.
pub(super) fn print_v6(message: &icmpv6::Message, out: &mut String) {
    out.push_str("ICMP6, ");
    match message {
        icmpv6::Message::EchoRequest { id, sequence, .. } => {
            put(out, format_args!("echo request, id {id}, seq {sequence}"));
        }
        icmpv6::Message::EchoReply { id, sequence, .. } => {
            put(out, format_args!("echo reply, id {id}, seq {sequence}"))
        }
        icmpv6::Message::DestinationUnreachable { code, original } => {
            out.push_str("destination unreachable, ");
            match unreachable_v6(*code, original) {
                Some(text) => out.push_str(&text),
                None => return out.push_str("unreachable port [|icmp6]"),
            }
        }
        icmpv6::Message::PacketTooBig { mtu, .. } => put(out, format_args!("packet too big, mtu {mtu}")),
        icmpv6::Message::TimeExceeded { code, original } => {
            out.push_str("time exceeded in-transit");
            match (code, parse_head(original)) {
                (0, Ok((header, ..))) => put(out, format_args!(" for {}", header.destination())),
                (0, Err(_)) => return out.push_str(" [|icmp6]"),
                (1, _) => out.push_str(" (reassembly)"),
                (code, _) => put(out, format_args!(", unknown code ({code})")),
            }
        }
        icmpv6::Message::NeighborSolicitation { target, .. } => {
            put(out, format_args!("neighbor solicitation, who has {target}"));
        }
        icmpv6::Message::NeighborAdvertisement { target, .. } => {
            put(out, format_args!("neighbor advertisement, tgt is {target}"));
        }
        icmpv6::Message::Mld(message) => super::membership::print_mld(message, out),
        icmpv6::Message::Other { kind: 133, .. } => out.push_str("router solicitation"),
        icmpv6::Message::Other { kind: 134, .. } => out.push_str("router advertisement"),
        icmpv6::Message::Other { kind, .. } => put(out, format_args!("unknown icmp6 type ({kind})")),
    }
    put(out, format_args!(", length {}", message.len()));
}

/// `None` if too little of the packet is quoted, or its protocol has no ports.
fn unreachable_v6(code: icmpv6::Unreachable, original: &[u8]) -> Option<String> {
    let (header, protocol, carried) = parse_head(original).ok()?;
    let to = header.destination();
    Some(match code {
        icmpv6::Unreachable::NoRoute => format!("unreachable route {to}"),
        // Two spaces: so it is.
        icmpv6::Unreachable::Prohibited => format!(" unreachable prohibited {to}"),
        icmpv6::Unreachable::Address => format!("unreachable address {to}"),
        icmpv6::Unreachable::Port => {
            let port = carried.len().ge(&4).then(|| u16_at(carried, 2))?;
            match protocol {
                ip::protocol::TCP => format!("unreachable port, {to} tcp port {port}"),
                ip::protocol::UDP => format!("unreachable port, {to} udp port {port}"),
                _ => return None,
            }
        }
        icmpv6::Unreachable::Other(2) => format!("beyond scope {to}, source address {}", header.source()),
        icmpv6::Unreachable::Other(code) => format!("unknown unreach code ({code})"),
    })
}
