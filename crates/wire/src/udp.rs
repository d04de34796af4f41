//! The UDP header (RFC 768).

use sockeye_base::Chain;

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// User data, at most 65,507 bytes over IPv4 and 65,527 over IPv6.
    pub payload: Chain,
}
