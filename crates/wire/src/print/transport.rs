//! What is in an IP packet, by its protocol's number, and what those that are share: ends, names, checksums.

use super::data::{array, byte};
use super::page::{Page, Printed, Short};
use super::{icmpv4, icmpv6, ipv4, ipv6, membership, tcp, udp};
use crate::checksum::Checksum;
use crate::ip::protocol;

/// The packet that carries it, from its header on.
#[derive(Clone, Copy)]
pub(super) struct Carrier<'a> {
    pub(super) header: &'a [u8],
    pub(super) version: u8,
}

impl Carrier<'_> {
    pub(super) fn source(&self, page: &mut Page<'_>) -> Printed {
        match self.version {
            4 => page.v4(array(self.header, 12)?),
            _ => page.v6(array(self.header, 8)?),
        }
        Ok(())
    }

    pub(super) fn destination(&self, page: &mut Page<'_>) -> Printed {
        match self.version {
            4 => page.v4(array(self.header, 16)?),
            _ => page.v6(array(self.header, 24)?),
        }
        Ok(())
    }

    /// Puts both ends, and their ports. Behind IPv6's extension headers the addresses have been told already.
    pub(super) fn ends(&self, page: &mut Page<'_>, protocol: u8, (from, to): (u16, u16)) -> Printed {
        let direct = self.carries(protocol)?;
        if direct {
            self.source(page)?;
            page.put(".");
        }
        page.number(from);
        page.put(" > ");
        if direct {
            self.destination(page)?;
            page.put(".");
        }
        page.number(to);
        page.put(": ");
        Ok(())
    }

    /// Whether its own header says so.
    pub(super) fn carries(&self, protocol: u8) -> Result<bool, Short> {
        Ok(byte(self.header, if self.version == 4 { 9 } else { 6 })? == protocol)
    }

    /// The checksum over the pseudo-header of a message of so many bytes, and over the message.
    pub(super) fn sum(&self, protocol: u8, message: &[u8]) -> Result<u16, Short> {
        let mut sum = Checksum::new();
        if self.version == 4 {
            sum.add(&array::<4>(self.header, 12)?);
            sum.add(&ipv4::last_destination(self.header)?);
        } else {
            sum.add(&array::<16>(self.header, 8)?);
            sum.add(&ipv6::last_destination(self.header)?);
        }
        sum.add(&(message.len() as u32).to_be_bytes());
        sum.add(&[0, protocol]);
        sum.add(message);
        Ok(sum.finish())
    }
}

/// What a checksum's field should hold, from what it holds and the sum over all, which should be 0.
pub(super) fn right(field: u16, sum: u16) -> u16 {
    let both = u32::from(field) + u32::from(sum);
    ((both & 0xffff) + (both >> 16)) as u16
}

/// Whether a protocol's line begins with its ends, ports and all.
pub(super) fn tells_ends(number: u8) -> bool {
    matches!(number, protocol::TCP | protocol::UDP | SCTP | DCCP)
}

const SCTP: u8 = 132;
const DCCP: u8 = 33;
const IPV4: u8 = 4;
const IPV6: u8 = 41;
/// Sun's network disk.
const DISK: u8 = 77;
const ETHERNET: u8 = 143;
/// RFC 8200, section 4.7.
const NO_NEXT_HEADER: u8 = 59;

/// What a packet carries, and how long that was on the wire; in which packet, and whether that is a fragment.
pub(super) fn print(
    page: &mut Page<'_>,
    (data, length): (&[u8], u32),
    number: u8,
    (carrier, fragment): (Carrier<'_>, bool),
) -> Printed {
    match (number, carrier.version) {
        (protocol::TCP, _) => tcp::print(page, (data, length), carrier, fragment),
        (protocol::UDP, _) => udp::print(page, (data, length), carrier, fragment),
        (protocol::ICMP, 4) => icmpv4::print(page, data, length, fragment),
        (protocol::IGMP, 4) => membership::print_igmp(page, data, length),
        (protocol::ICMPV6, 6) => icmpv6::print(page, (data, length), carrier, fragment),
        (protocol::ICMP | protocol::IGMP | ETHERNET, _) | (protocol::ICMPV6, _) => {
            let wanted = if carrier.version == 4 { 6 } else { 4 };
            page.write(format_args!("[{} requires IPv{wanted}]", name(number)));
            page.invalid();
            Ok(())
        }
        (IPV4, _) => page.inside(|page| ipv4::print(page, data, length as usize)),
        (IPV6, _) => page.inside(|page| ipv6::print(page, data, length as usize)),
        (DISK, _) => {
            page.write(format_args!(" nd {length}"));
            Ok(())
        }
        (NO_NEXT_HEADER, _) => {
            page.put("no next header");
            Ok(())
        }
        _ => {
            if tells_ends(number) && carrier.carries(number)? {
                carrier.source(page)?;
                page.put(" > ");
                carrier.destination(page)?;
                page.put(": ");
            }
            page.write(format_args!(" ip-proto-{number} {length}"));
            Ok(())
        }
    }
}

/// What a protocol is called.
pub(super) fn name(number: u8) -> &'static str {
    match number {
        0 => "Options",
        protocol::ICMP => "ICMP",
        protocol::IGMP => "IGMP",
        IPV4 => "IPIP",
        protocol::TCP => "TCP",
        8 => "EGP",
        9 => "IGRP",
        protocol::UDP => "UDP",
        DCCP => "DCCP",
        IPV6 => "IPv6",
        43 => "Routing",
        44 => "Fragment",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        55 => "Mobile IP",
        protocol::ICMPV6 => "ICMPv6",
        62 => "Mobile IP (old)",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        108 => "Compressed IP",
        112 => "VRRP",
        113 => "PGM",
        SCTP => "SCTP",
        135 => "Mobility",
        ETHERNET => "Ethernet",
        _ => "unknown",
    }
}
