//! The IPv6 header (RFC 8200).

use std::net::Ipv6Addr;

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 40;

/// An IPv6 header without extension headers. Length and next header come from what it carries.
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
}

impl Header {
    /// A header with hop limit 64 and no flow label.
    pub fn new(source: Ipv6Addr, destination: Ipv6Addr) -> Header {
        Header { source, destination, traffic_class: 0, flow_label: 0, hop_limit: 64 }
    }
}
