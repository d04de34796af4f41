//! The Ethernet II header.

use std::fmt;

use crate::Malformed;
use crate::read::{array_at, u16_at};

/// Bytes of the header.
pub const HEADER_LEN: usize = 14;

/// A 48-bit address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    /// 00:00:00:00:00:00
    pub const ZERO: Mac = Mac([0; 6]);

    /// Whether it is a group's address; broadcast is one.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The link-local address of an interface with this address (RFC 4291, appendix A; RFC 2464, section 5).
    pub fn link_local(self) -> std::net::Ipv6Addr {
        let [a, b, c, d, e, f] = self.0.map(u16::from);
        let tail = [(a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f];
        std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, tail[0], tail[1], tail[2], tail[3])
    }

    /// The group address an IPv6 multicast packet goes to: 33:33 and the last four bytes (RFC 2464, section 7).
    pub fn for_ipv6_multicast(address: std::net::Ipv6Addr) -> Mac {
        let [.., a, b, c, d] = address.octets();
        Mac([0x33, 0x33, a, b, c, d])
    }

    /// The group address an IPv4 multicast packet goes to: 01:00:5e and the last 23 bits (RFC 1112, section 6.4).
    pub fn for_ipv4_multicast(address: std::net::Ipv4Addr) -> Mac {
        let [_, b, c, d] = address.octets();
        Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// EtherType numbers.
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
}

/// An Ethernet II header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the frame goes.
    pub destination: Mac,
    /// Where it comes from.
    pub source: Mac,
    /// What it carries (see [`ether_type`]).
    pub ether_type: u16,
}

impl Header {
    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..6].copy_from_slice(&self.destination.0);
        out[6..12].copy_from_slice(&self.source.0);
        out[12..].copy_from_slice(&self.ether_type.to_be_bytes());
        out
    }

    /// Reads the header at the front of a frame.
    ///
    /// # Errors
    /// `Truncated` below 14 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Header, Malformed> {
        let view: [u8; HEADER_LEN] = array_at(bytes, 0).ok_or(Malformed::Truncated)?;
        let mac = |at| Mac(array_at(&view, at).unwrap_or_default());
        Ok(Header { destination: mac(0), source: mac(6), ether_type: u16_at(&view, 12) })
    }
}
