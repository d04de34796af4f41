//! ICMP for IPv6 (RFC 4443) with neighbour discovery (RFC 4861).

use std::net::Ipv6Addr;

use bytes::Bytes;
use sockeye_base::Chain;

use crate::ethernet::Mac;

/// An ICMPv6 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 128.
    EchoRequest {
        /// Identifier.
        id: u16,
        /// Sequence number.
        sequence: u16,
        /// Data to be sent back.
        payload: Chain,
    },
    /// Type 129.
    EchoReply {
        /// Identifier.
        id: u16,
        /// Sequence number.
        sequence: u16,
        /// The request's data.
        payload: Chain,
    },
    /// Type 1.
    DestinationUnreachable {
        /// Why.
        code: Unreachable,
        /// As much of the packet as fits into 1,280 bytes.
        original: Bytes,
    },
    /// Type 2.
    PacketTooBig {
        /// The next hop's MTU.
        mtu: u32,
        /// The head of the packet.
        original: Bytes,
    },
    /// Type 3.
    TimeExceeded {
        /// 0: in transit; 1: in reassembly.
        code: u8,
        /// The head of the packet.
        original: Bytes,
    },
    /// Type 135.
    NeighborSolicitation {
        /// The address looked for.
        target: Ipv6Addr,
        /// The source link-layer address option.
        source_mac: Option<Mac>,
    },
    /// Type 136.
    NeighborAdvertisement {
        /// The address it speaks of.
        target: Ipv6Addr,
        /// The target link-layer address option.
        target_mac: Option<Mac>,
        /// The sender is a router.
        router: bool,
        /// An answer to a solicitation.
        solicited: bool,
        /// Overrides what was known.
        override_flag: bool,
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

/// Why a destination is unreachable (RFC 4443, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Code 0.
    NoRoute,
    /// Code 1.
    Prohibited,
    /// Code 3.
    Address,
    /// Code 4.
    Port,
    /// Any other code.
    Other(u8),
}
