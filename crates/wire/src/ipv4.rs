//! The IPv4 header (RFC 791).

use std::net::Ipv4Addr;

use crate::fragment::Fragment;
use crate::read::{array_at, u16_at};
use crate::{Malformed, checksum};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

/// Where the packet's length, its identification and the checksum stand in the header.
pub(crate) const LENGTH_AT: usize = 2;
pub(crate) const ID_AT: usize = 4;
pub(crate) const CHECKSUM_AT: usize = 10;

/// An IPv4 header; of its options one is known. Length, protocol and checksum come from what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// The traffic class: DSCP in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168).
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// The DF flag.
    pub dont_fragment: bool,
    /// Time to live, in hops.
    pub ttl: u8,
    /// Routers are to look into it (RFC 2113).
    pub router_alert: bool,
}

impl Header {
    /// A header with Linux's defaults: TTL 64, DF set, identification 0.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr) -> Header {
        Header { source, destination, tos: 0, id: 0, dont_fragment: true, ttl: 64, router_alert: false }
    }

    /// Bytes of the header.
    pub(crate) fn len(&self) -> usize {
        HEADER_LEN + if self.router_alert { ROUTER_ALERT.len() } else { 0 }
    }

    /// Puts its bytes behind `out`, for a packet that carries `len` bytes of a protocol, or a piece of that
    /// (`fragment` is the field with the offset, but for DF). What no total length can say
    /// is written as 0, as Linux does for packets that never leave the machine.
    pub(crate) fn write(&self, (protocol, fragment): (u8, u16), len: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0x40 | (self.len() / 4) as u8, self.tos]);
        out.extend(u16::try_from(self.len() + len).unwrap_or(0).to_be_bytes());
        out.extend(self.id.to_be_bytes());
        let flags = u16::from_be_bytes([if self.dont_fragment { DONT_FRAGMENT } else { 0 }, 0]);
        out.extend((flags | fragment).to_be_bytes());
        out.extend([self.ttl, protocol, 0, 0]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        if self.router_alert {
            out.extend(ROUTER_ALERT);
        }
        let header = &mut out[start..];
        let sum = checksum::of(header);
        checksum::put(header, CHECKSUM_AT, sum);
    }
}

/// DF in the upper byte of the flags and fragment offset.
const DONT_FRAGMENT: u8 = 0x40;
/// The option that asks routers to look into the packet (RFC 2113).
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

/// A packet's bytes with a header that is whole and lengths that are right; the checksum is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl<'a> View<'a> {
    /// Looks at a packet. Bytes behind it (a frame's padding) are left out, and so are the header's options.
    ///
    /// # Errors
    /// `Truncated`, `Version`, `HeaderLength`, `Length`.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        let (header, rest) = split_header(bytes)?;
        let total = usize::from(u16_at(header, 2));
        let payload =
            total.checked_sub(header.len()).and_then(|len| rest.get(..len)).ok_or(Malformed::Length)?;
        Ok(View { header, payload })
    }

    /// Looks at the head of a packet that was cut off somewhere behind its header: what an ICMP error quotes.
    ///
    /// # Errors
    /// `Truncated`, `Version`, `HeaderLength`.
    pub fn truncated(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        let (header, payload) = split_header(bytes)?;
        Ok(View { header, payload })
    }

    /// The header's values.
    pub fn header(&self) -> Header {
        Header {
            source: self.address(12),
            destination: self.address(16),
            tos: self.header[1],
            id: u16_at(self.header, 4),
            dont_fragment: self.header[6] & DONT_FRAGMENT != 0,
            ttl: self.header[8],
            router_alert: alerts_routers(self.header.get(HEADER_LEN..).unwrap_or_default()),
        }
    }

    fn address(&self, at: usize) -> Ipv4Addr {
        array_at::<4>(self.header, at).map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from)
    }

    /// Whether the header's checksum is right.
    pub fn checksum_is_right(&self) -> bool {
        checksum::of(self.header) == 0
    }

    /// Total length, as it stands in the header.
    pub fn total_len(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// The fragment offset, in units of 8 bytes.
    pub fn fragment_offset(&self) -> u16 {
        u16_at(self.header, 6) & 0x1fff
    }

    /// What piece of a packet it is (an offset, or the flag that more come), without its bytes.
    pub(crate) fn fragment(&self) -> Option<Fragment> {
        let field = u16_at(self.header, 6) & 0x3fff;
        (field != 0).then(|| Fragment::from_field_v4(field, self.protocol()))
    }

    /// What it carries.
    pub fn protocol(&self) -> u8 {
        self.header[9]
    }

    /// The bytes it carries.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Whether this option is there (RFC 791, section 3.1: all but the first two have a length).
fn alerts_routers(mut options: &[u8]) -> bool {
    while let Some(&kind) = options.first() {
        let len = match kind {
            0 => return false,
            1 => 1,
            _ => usize::from(options.get(1).copied().unwrap_or_default()).max(2),
        };
        if options.starts_with(&ROUTER_ALERT) {
            return true;
        }
        options = options.get(len..).unwrap_or_default();
    }
    false
}

/// The header with its options, and what is behind.
fn split_header(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let first = *bytes.first().ok_or(Malformed::Truncated)?;
    if first >> 4 != 4 {
        return Err(Malformed::Version(first >> 4));
    }
    if bytes.len() < HEADER_LEN {
        return Err(Malformed::Truncated);
    }
    let len = usize::from(first & 0xf) * 4;
    if len < HEADER_LEN {
        return Err(Malformed::HeaderLength);
    }
    bytes.split_at_checked(len).ok_or(Malformed::HeaderLength)
}
