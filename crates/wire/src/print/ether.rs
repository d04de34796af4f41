//! Ethernet headers in tcpdump's words. Not modelled: what stands in a frame with a length instead of a type (LLC).

use super::data::{byte, bytes, half, head, tail};
use super::page::{Page, Short};
use super::{arp, ipv4, ipv6};
use crate::ethernet::{HEADER_LEN, ether_type};

/// No type is so small: below it is a length.
const LONGEST: u16 = 1500;
/// Tags come before the type; 802.1Q and its relatives.
const TAGS: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];

/// A frame; gives how long its header is.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: usize) -> Result<usize, Short> {
    page.protocol = "ether";
    if data.len() < HEADER_LEN {
        page.cut();
        return Ok(data.len());
    }
    let with_header = page.style.link_header;
    if with_header {
        addresses(page, data)?;
    }
    let mut kind = half(data, 12)?;
    let mut at = HEADER_LEN;
    let mut told = false;
    while TAGS.contains(&kind) {
        if data.len() < at + 4 || length < at + 4 {
            page.protocol = "vlan";
            page.cut();
            return Ok(data.len().min(length));
        }
        if with_header {
            let tag = half(data, at)?;
            print_kind(page, kind);
            print_length(page, length, std::mem::replace(&mut told, true));
            page.write(format_args!("vlan {}, p {}", tag & 0xfff, tag >> 13));
            page.put(if tag & 0x1000 == 0 { ", " } else { ", DEI, " });
        }
        kind = half(data, at + 2)?;
        at += 4;
    }
    let (carried, left) = (tail(data, at), length - at);
    if kind <= LONGEST {
        let left = left.min(kind.into());
        if with_header {
            page.put("802.3");
            print_length(page, left, told);
        }
        page.put("LLC, length ");
        page.number(left as u32);
        unknown(page, head(carried, left));
        return Ok(at);
    }
    if with_header {
        print_kind(page, kind);
        print_length(page, length, told);
    }
    match kind {
        ether_type::IPV4 => ipv4::print(page, carried, left)?,
        ether_type::IPV6 => ipv6::print(page, carried, left)?,
        ether_type::ARP | REVERSE_ARP => arp::print(page, carried, left)?,
        _ => {
            if !with_header {
                addresses(page, data)?;
                print_kind(page, kind);
                print_length(page, length, false);
            }
            unknown(page, carried);
        }
    }
    Ok(at)
}

const REVERSE_ARP: u16 = 0x8035;

fn addresses(page: &mut Page<'_>, data: &[u8]) -> Result<(), Short> {
    page.mac(bytes(data, 6, 6)?);
    page.put(" > ");
    page.mac(bytes(data, 0, 6)?);
    page.put(", ");
    Ok(())
}

fn print_kind(page: &mut Page<'_>, kind: u16) {
    match (name(kind), page.style.quiet) {
        (name, 0) => page.write(format_args!("ethertype {} (0x{kind:04x})", name.unwrap_or("Unknown"))),
        (Some(name), _) => page.put(name),
        (None, _) => page.write(format_args!("Unknown Ethertype (0x{kind:04x})")),
    }
}

fn print_length(page: &mut Page<'_>, length: usize, told: bool) {
    page.put(", ");
    if !told {
        page.put("length ");
        page.number(length as u32);
        page.put(": ");
    }
}

/// Bytes that nobody here reads.
fn unknown(page: &mut Page<'_>, carried: &[u8]) {
    if page.style.shows_unknown() {
        page.hex_and_text("\n\t", carried);
    }
}

/// What a type of frame is called.
pub(super) fn name(kind: u16) -> Option<&'static str> {
    const NAMES: [(u16, &str); 44] = [
        (0x0800, "IPv4"),
        (0x8847, "MPLS unicast"),
        (0x8848, "MPLS multicast"),
        (0x86dd, "IPv6"),
        (0x8100, "802.1Q"),
        (0x9100, "802.1Q-9100"),
        (0x88a8, "802.1Q-QinQ"),
        (0x9200, "802.1Q-9200"),
        (0x88e5, "802.1AE MACsec"),
        (0x0200, "PUP"),
        (0x0806, "ARP"),
        (REVERSE_ARP, "Reverse ARP"),
        (0x0600, "NS"),
        (0x0500, "Sprite"),
        (0x1000, "Trail"),
        (0x6001, "MOP DL"),
        (0x6002, "MOP RC"),
        (0x6003, "DN"),
        (0x6004, "LAT"),
        (0x6007, "SCA"),
        (0x6558, "TEB"),
        (0x8038, "Lanbridge"),
        (0x803c, "DEC DNS"),
        (0x803e, "DEC DTS"),
        (0x805b, "VEXP"),
        (0x805c, "VPROD"),
        (0x809b, "Appletalk"),
        (0x80f3, "Appletalk ARP"),
        (0x8137, "IPX"),
        (0x880b, "PPP"),
        (0x8808, "MPCP"),
        (0x8809, "Slow Protocols"),
        (0x8863, "PPPoE D"),
        (0x8864, "PPPoE S"),
        (0x888e, "EAPOL"),
        (0x9000, "Loopback"),
        (0x8902, "CFM"),
        (0x893a, "IEEE1905.1"),
        (0x88cc, "LLDP"),
        (0x88ca, "TIPC"),
        (0x894f, "NSH"),
        (0x88a2, "AoE"),
        (0x88f7, "PTP"),
        (0x8870, "Jumbo"),
    ];
    NAMES.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

/// A packet of a link without headers.
pub(super) fn raw(page: &mut Page<'_>, data: &[u8], length: usize) -> Result<(), Short> {
    page.protocol = "raw";
    if page.style.link_header {
        page.put("ip: ");
    }
    match byte(data, 0)? >> 4 {
        4 => ipv4::print(page, data, length),
        6 => ipv6::print(page, data, length),
        version => {
            page.put("unknown ip ");
            page.number(version);
            Ok(())
        }
    }
}
