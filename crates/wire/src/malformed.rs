//! Why bytes are no packet.

use thiserror::Error;

/// Why bytes could not be read as a packet. A receiver drops such a packet and at most counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A header ends behind the end of the bytes.
    #[error("truncated")]
    Truncated,
    /// The version field is neither 4 nor 6, or not the one the EtherType says.
    #[error("IP version {0}")]
    Version(u8),
    /// IPv4's header length is below 20 bytes or beyond the packet.
    #[error("bad IP header length")]
    HeaderLength,
    /// IPv4's total length or IPv6's payload length goes beyond the bytes, or is too small. Jumbograms (RFC 2675) are
    /// among these.
    #[error("bad IP length")]
    Length,
    /// IPv4's header checksum is wrong.
    #[error("bad IP header checksum")]
    HeaderChecksum,
    /// A fragment that can't be part of anything, or that is not the front of it where the front is wanted.
    #[error("bad fragment")]
    Fragment,
    /// An IPv6 extension header out of its place, or a routing header with segments left.
    #[error("bad IPv6 extension header")]
    Extension,
    /// TCP's data offset is below 20 bytes or beyond the segment.
    #[error("bad TCP data offset")]
    DataOffset,
    /// UDP's length is below 8 or beyond the packet.
    #[error("bad UDP length")]
    UdpLength,
    /// The checksum of TCP, UDP or ICMP is wrong, or missing in UDP over IPv6.
    #[error("bad checksum")]
    Checksum,
    /// An option of neighbour discovery has length 0 or goes beyond the message.
    #[error("bad neighbour discovery option")]
    NeighborOption,
    /// ARP, but not for IPv4 over Ethernet, or neither request nor reply.
    #[error("unknown ARP")]
    Arp,
}
