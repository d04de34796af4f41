//! ICMP for IPv4 (RFC 792).

use bytes::Bytes;
use sockeye_base::Chain;

/// An ICMP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 8.
    EchoRequest {
        /// Identifier.
        id: u16,
        /// Sequence number.
        sequence: u16,
        /// Data to be sent back.
        payload: Chain,
    },
    /// Type 0.
    EchoReply {
        /// Identifier.
        id: u16,
        /// Sequence number.
        sequence: u16,
        /// The request's data.
        payload: Chain,
    },
    /// Type 3.
    DestinationUnreachable {
        /// Why.
        code: Unreachable,
        /// The head of the packet that could not be delivered: its IP header and at least eight bytes (RFC 1122;
        /// as much as fits into 576 bytes, RFC 1812).
        original: Bytes,
    },
    /// Type 11.
    TimeExceeded {
        /// 0: in transit; 1: in reassembly.
        code: u8,
        /// The head of the packet.
        original: Bytes,
    },
    /// Any other message: its type, code and the rest.
    Other {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// All bytes behind the checksum.
        rest: Bytes,
    },
}

/// Why a destination is unreachable (RFC 792, RFC 1122).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Code 0.
    Net,
    /// Code 1.
    Host,
    /// Code 2.
    Protocol,
    /// Code 3.
    Port,
    /// Code 4, with the next hop's MTU (RFC 1191).
    FragmentationNeeded {
        /// The next hop's MTU; 0 from a router that does not say.
        mtu: u16,
    },
    /// Any other code.
    Other(u8),
}
