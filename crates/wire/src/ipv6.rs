//! The IPv6 header (RFC 8200).

use std::net::Ipv6Addr;

use crate::Malformed;
use crate::fragment::{self, Fragment};
use crate::read::{array_at, u16_at, u32_at};

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Where the length of what it carries stands.
pub(crate) const LENGTH_AT: usize = 4;

/// An IPv6 header; of what extension headers say one thing is known. Length and next header come from what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// The traffic class: DSCP in the upper six bits, ECN in the lower two.
    pub traffic_class: u8,
    /// The flow label, 20 bits.
    pub flow_label: u32,
    /// Hop limit.
    pub hop_limit: u8,
    /// Routers are to look into it, for MLD (RFC 2711).
    pub router_alert: bool,
}

impl Header {
    /// A header with hop limit 64 and no flow label.
    pub fn new(source: Ipv6Addr, destination: Ipv6Addr) -> Header {
        Header { source, destination, traffic_class: 0, flow_label: 0, hop_limit: 64, router_alert: false }
    }

    /// Bytes of the header, with hop-by-hop options if it has any.
    pub(crate) fn len(&self) -> usize {
        HEADER_LEN + if self.router_alert { HOP_BY_HOP_LEN } else { 0 }
    }

    /// Puts its bytes behind `out`, for a packet that carries `len` bytes of a protocol. What no payload length can
    /// say is written as 0.
    pub(crate) fn write(&self, protocol: u8, len: usize, out: &mut Vec<u8>) {
        let word = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0xf_ffff;
        out.extend(word.to_be_bytes());
        let options = self.len() - HEADER_LEN;
        out.extend(u16::try_from(options + len).unwrap_or(0).to_be_bytes());
        let next = if self.router_alert { extension::HOP_BY_HOP } else { protocol };
        out.extend([next, self.hop_limit]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        if self.router_alert {
            out.extend([protocol, 0]);
            out.extend(ROUTER_ALERT);
            // Padding (RFC 8200, section 4.2).
            out.extend([1, 0]);
        }
    }
}

/// The option that asks routers to look into the packet, which is MLD's (RFC 2711).
const ROUTER_ALERT: [u8; 4] = [5, 2, 0, 0];
/// Bytes of a hop-by-hop header that has only that.
const HOP_BY_HOP_LEN: usize = 8;

/// Numbers of extension headers.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const DESTINATION: u8 = 60;
}

/// A packet's bytes with a header that is whole, a length that is right, and its extension headers skipped.
#[derive(Clone, Debug)]
pub struct View<'a> {
    header: &'a [u8],
    protocol: u8,
    router_alert: bool,
    fragment: Option<Fragment>,
    payload: &'a [u8],
}

impl<'a> View<'a> {
    /// Looks at a packet. Bytes behind it (a frame's padding) are left out.
    ///
    /// # Errors
    /// `Truncated`, `Version`, `Length`, `Extension`.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        let (header, rest) = split_header(bytes)?;
        let carried = rest.get(..usize::from(u16_at(header, 4))).ok_or(Malformed::Length)?;
        View::skip_extensions(header, carried)
    }

    /// Looks at the head of a packet that was cut off somewhere behind its headers: what an ICMP error quotes.
    ///
    /// # Errors
    /// `Truncated`, `Version`, `Extension`.
    pub fn truncated(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        let (header, rest) = split_header(bytes)?;
        View::skip_extensions(header, rest)
    }

    /// RFC 8200, section 4: hop-by-hop options come first only; a routing header without segments left is skipped.
    /// A fragment header that says the packet is whole is skipped (RFC 6946).
    fn skip_extensions(header: &'a [u8], carried: &'a [u8]) -> Result<View<'a>, Malformed> {
        let (mut protocol, mut payload, mut router_alert) = (header[6], carried, false);
        loop {
            let len = match protocol {
                extension::HOP_BY_HOP if payload.len() != carried.len() => return Err(Malformed::Extension),
                extension::HOP_BY_HOP | extension::DESTINATION | extension::ROUTING | fragment::NUMBER => {
                    let head: [u8; 8] = array_at(payload, 0).ok_or(Malformed::Truncated)?;
                    match protocol {
                        fragment::NUMBER if u16_at(&head, 2) & 0xfff9 != 0 => {
                            let payload = payload.get(head.len()..).unwrap_or_default();
                            let fragment = Some(Fragment::from_header_v6(&head));
                            return Ok(View { header, protocol: head[0], router_alert, fragment, payload });
                        }
                        fragment::NUMBER => 8,
                        extension::ROUTING if head[3] != 0 => return Err(Malformed::Extension),
                        // The length is in units of 8 bytes and does not count the first.
                        _ => 8 * (1 + usize::from(head[1])),
                    }
                }
                _ => return Ok(View { header, protocol, router_alert, fragment: None, payload }),
            };
            let (skipped, rest) = payload.split_at_checked(len).ok_or(Malformed::Truncated)?;
            if protocol == extension::HOP_BY_HOP {
                router_alert = alerts_routers(skipped.get(2..).unwrap_or_default());
            }
            (protocol, payload) = (skipped[0], rest);
        }
    }

    /// The header's values.
    pub fn header(&self) -> Header {
        let word = u32_at(self.header, 0);
        Header {
            source: self.address(8),
            destination: self.address(24),
            traffic_class: (word >> 20) as u8,
            flow_label: word & 0xf_ffff,
            hop_limit: self.header[7],
            router_alert: self.router_alert,
        }
    }

    fn address(&self, at: usize) -> Ipv6Addr {
        array_at::<16>(self.header, at).map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from)
    }

    /// Payload length, as it stands in the header: with extension headers.
    pub fn payload_len(&self) -> u16 {
        u16_at(self.header, 4)
    }

    /// What piece of a packet it is, without its bytes.
    pub(crate) fn fragment(&self) -> Option<Fragment> {
        self.fragment.clone()
    }

    /// What it carries behind its extension headers; of a fragment what the whole carries.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The bytes it carries behind its extension headers.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Whether this option is among these (RFC 8200, section 4.2: all but the first have a length).
fn alerts_routers(mut options: &[u8]) -> bool {
    while let Some(&kind) = options.first() {
        if options.starts_with(&ROUTER_ALERT) {
            return true;
        }
        let len = if kind == 0 { 1 } else { 2 + usize::from(options.get(1).copied().unwrap_or_default()) };
        options = options.get(len..).unwrap_or_default();
    }
    false
}

/// The fixed header, and what is behind.
fn split_header(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let first = *bytes.first().ok_or(Malformed::Truncated)?;
    if first >> 4 != 6 {
        return Err(Malformed::Version(first >> 4));
    }
    bytes.split_at_checked(HEADER_LEN).ok_or(Malformed::Truncated)
}
