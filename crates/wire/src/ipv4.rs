//! The IPv4 header (RFC 791).

use std::net::Ipv4Addr;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

/// An IPv4 header without options. Length, protocol and checksum come from what it carries.
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
}

impl Header {
    /// A header with Linux's defaults: TTL 64, DF set, identification 0.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr) -> Header {
        Header { source, destination, tos: 0, id: 0, dont_fragment: true, ttl: 64 }
    }
}
