//! ICMP for IPv6 (RFC 4443) with neighbour discovery (RFC 4861); MLD has a file of its own.

use std::net::Ipv6Addr;

use bytes::Bytes;
use sockeye_base::Chain;

use crate::checksum::{self, Checksum};
use crate::ethernet::Mac;
use crate::read::{array_at, u16_at, u32_at};
use crate::{Malformed, Packet, ip, mld};

/// Message types (IANA).
pub(crate) mod kind {
    pub(crate) const UNREACHABLE: u8 = 1;
    pub(crate) const TOO_BIG: u8 = 2;
    pub(crate) const TIME_EXCEEDED: u8 = 3;
    pub(crate) const ECHO_REQUEST: u8 = 128;
    pub(crate) const ECHO_REPLY: u8 = 129;
    pub(crate) const NEIGHBOR_SOLICITATION: u8 = 135;
    pub(crate) const NEIGHBOR_ADVERTISEMENT: u8 = 136;
}

/// Source link-layer address (RFC 4861, section 4.6.1).
const SOURCE_MAC: u8 = 1;
/// Target link-layer address.
const TARGET_MAC: u8 = 2;
/// The flags of an advertisement, in the first byte behind the checksum (RFC 4861, section 4.4).
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// The most of a packet that an error message carries: all of it makes 1,280 bytes (RFC 4443, section 2.4).
pub const QUOTE_LEN: usize = 1280 - crate::ipv6::HEADER_LEN - HEADER_LEN;

/// The head of a packet as an error message about it carries it: at most [`QUOTE_LEN`] bytes.
pub fn quote(packet: &Packet) -> Bytes {
    packet.head(QUOTE_LEN)
}

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
    /// Types 130 to 132 and 143: who listens to which group.
    Mld(mld::Message),
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

/// Bytes in front of a message's data.
pub const HEADER_LEN: usize = 8;
/// Bytes of a solicitation or an advertisement without options.
pub(crate) const NEIGHBOR_LEN: usize = 24;
/// Bytes of a link-layer address option for Ethernet.
pub(crate) const MAC_OPTION_LEN: usize = 8;

impl Message {
    /// Bytes of the message: what IP carries.
    pub fn len(&self) -> usize {
        match self {
            Message::EchoRequest { payload, .. } | Message::EchoReply { payload, .. } => {
                HEADER_LEN + payload.len()
            }
            Message::DestinationUnreachable { original, .. }
            | Message::PacketTooBig { original, .. }
            | Message::TimeExceeded { original, .. } => HEADER_LEN + original.len(),
            Message::NeighborSolicitation { source_mac: mac, .. }
            | Message::NeighborAdvertisement { target_mac: mac, .. } => {
                NEIGHBOR_LEN + if mac.is_some() { MAC_OPTION_LEN } else { 0 }
            }
            Message::Mld(message) => message.len(),
            Message::Other { rest, .. } => 4 + rest.len(),
        }
    }

    /// The head of the packet an error message speaks of; `None` for a message that is no error, or an unknown one.
    pub fn original(&self) -> Option<&Bytes> {
        match self {
            Message::DestinationUnreachable { original, .. }
            | Message::PacketTooBig { original, .. }
            | Message::TimeExceeded { original, .. } => Some(original),
            Message::EchoRequest { .. }
            | Message::EchoReply { .. }
            | Message::NeighborSolicitation { .. }
            | Message::NeighborAdvertisement { .. }
            | Message::Mld(_)
            | Message::Other { .. } => None,
        }
    }

    /// Whether it is an error message, which must never answer another (RFC 4443, section 2.4): types below 128.
    pub fn is_error(&self) -> bool {
        match self {
            Message::DestinationUnreachable { .. }
            | Message::PacketTooBig { .. }
            | Message::TimeExceeded { .. } => true,
            Message::EchoRequest { .. }
            | Message::EchoReply { .. }
            | Message::NeighborSolicitation { .. }
            | Message::NeighborAdvertisement { .. }
            | Message::Mld(_) => false,
            Message::Other { kind, .. } => *kind < 128,
        }
    }

    /// Type and code.
    pub fn kind_and_code(&self) -> (u8, u8) {
        match self {
            Message::EchoRequest { .. } => (kind::ECHO_REQUEST, 0),
            Message::EchoReply { .. } => (kind::ECHO_REPLY, 0),
            Message::DestinationUnreachable { code, .. } => (kind::UNREACHABLE, code.code()),
            Message::PacketTooBig { .. } => (kind::TOO_BIG, 0),
            Message::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, *code),
            Message::NeighborSolicitation { .. } => (kind::NEIGHBOR_SOLICITATION, 0),
            Message::NeighborAdvertisement { .. } => (kind::NEIGHBOR_ADVERTISEMENT, 0),
            Message::Mld(message) => (message.kind(), 0),
            Message::Other { kind, code, .. } => (*kind, *code),
        }
    }

    /// Puts its bytes behind `out`.
    pub(crate) fn write(&self, ip: &ip::Header, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, code) = self.kind_and_code();
        out.extend([kind, code, 0, 0]);
        match self {
            Message::EchoRequest { id, sequence, payload } | Message::EchoReply { id, sequence, payload } => {
                out.extend(id.to_be_bytes());
                out.extend(sequence.to_be_bytes());
                payload.pieces().for_each(|piece| out.extend_from_slice(piece));
            }
            Message::DestinationUnreachable { original, .. } | Message::TimeExceeded { original, .. } => {
                out.extend([0; 4]);
                out.extend_from_slice(original);
            }
            Message::PacketTooBig { mtu, original } => {
                out.extend(mtu.to_be_bytes());
                out.extend_from_slice(original);
            }
            Message::NeighborSolicitation { target, source_mac } => {
                out.extend([0; 4]);
                write_neighbor(*target, SOURCE_MAC, *source_mac, out);
            }
            Message::NeighborAdvertisement { target, target_mac, router, solicited, override_flag } => {
                let flag = |set: bool, bit| if set { bit } else { 0 };
                let flags =
                    flag(*router, ROUTER) | flag(*solicited, SOLICITED) | flag(*override_flag, OVERRIDE);
                out.extend([flags, 0, 0, 0]);
                write_neighbor(*target, TARGET_MAC, *target_mac, out);
            }
            Message::Mld(message) => message.write(out),
            Message::Other { rest, .. } => out.extend_from_slice(rest),
        }
        let message = &mut out[start..];
        let mut sum = Checksum::pseudo_header(ip, ip::protocol::ICMPV6, message.len());
        sum.add(message);
        checksum::put(message, 2, sum.finish());
    }

    /// Reads a message, checksum checked. Those of known types but with a code or a length that is not known are
    /// `Other`. The hop limit of neighbour discovery is not looked at.
    pub(crate) fn parse(ip: &ip::Header, bytes: &Bytes) -> Result<Message, Malformed> {
        let Some(&[kind, code, _, _]) = bytes.first_chunk() else { return Err(Malformed::Truncated) };
        let mut sum = Checksum::pseudo_header(ip, ip::protocol::ICMPV6, bytes.len());
        sum.add(bytes);
        if sum.finish() != 0 {
            return Err(Malformed::Checksum);
        }
        if bytes.len() < HEADER_LEN {
            return Ok(Message::Other { kind, code, rest: bytes.slice(4..) });
        }
        let (id, sequence, data) = (u16_at(bytes, 4), u16_at(bytes, 6), bytes.slice(HEADER_LEN..));
        Ok(match (kind, code) {
            (kind::ECHO_REQUEST, 0) => Message::EchoRequest { id, sequence, payload: data.into() },
            (kind::ECHO_REPLY, 0) => Message::EchoReply { id, sequence, payload: data.into() },
            (kind::UNREACHABLE, _) => {
                Message::DestinationUnreachable { code: Unreachable::from_code(code), original: data }
            }
            (kind::TOO_BIG, 0) => Message::PacketTooBig { mtu: u32_at(bytes, 4), original: data },
            (kind::TIME_EXCEEDED, _) => Message::TimeExceeded { code, original: data },
            (kind::NEIGHBOR_SOLICITATION, 0) => {
                let (target, source_mac) = read_neighbor(bytes, SOURCE_MAC)?;
                Message::NeighborSolicitation { target, source_mac }
            }
            (kind::NEIGHBOR_ADVERTISEMENT, 0) => {
                let (target, target_mac) = read_neighbor(bytes, TARGET_MAC)?;
                let set = |bit| bytes[4] & bit != 0;
                Message::NeighborAdvertisement {
                    target,
                    target_mac,
                    router: set(ROUTER),
                    solicited: set(SOLICITED),
                    override_flag: set(OVERRIDE),
                }
            }
            _ => match mld::Message::parse(kind, bytes) {
                Some(message) if code == 0 => Message::Mld(message),
                Some(_) | None => Message::Other { kind, code, rest: bytes.slice(4..) },
            },
        })
    }
}

fn write_neighbor(target: Ipv6Addr, option: u8, mac: Option<Mac>, out: &mut Vec<u8>) {
    out.extend(target.octets());
    if let Some(mac) = mac {
        out.extend([option, (MAC_OPTION_LEN / 8) as u8]);
        out.extend(mac.0);
    }
}

/// The target of a solicitation or advertisement, and the first link-layer address option of this number.
fn read_neighbor(bytes: &[u8], option: u8) -> Result<(Ipv6Addr, Option<Mac>), Malformed> {
    let target: [u8; 16] = array_at(bytes, HEADER_LEN).ok_or(Malformed::Truncated)?;
    let mut mac = None;
    let mut left = bytes.get(NEIGHBOR_LEN..).unwrap_or_default();
    while !left.is_empty() {
        // RFC 4861, section 4.6: the length is in units of 8 bytes; with one of 0 the whole packet is dropped.
        let len = 8 * usize::from(*left.get(1).ok_or(Malformed::NeighborOption)?);
        let (field, rest) = left.split_at_checked(len).ok_or(Malformed::NeighborOption)?;
        if len == 0 {
            return Err(Malformed::NeighborOption);
        }
        if field[0] == option && len == MAC_OPTION_LEN && mac.is_none() {
            mac = array_at(field, 2).map(Mac);
        }
        left = rest;
    }
    Ok((target.into(), mac))
}

impl Unreachable {
    /// The code's number.
    pub fn code(self) -> u8 {
        match self {
            Unreachable::NoRoute => 0,
            Unreachable::Prohibited => 1,
            Unreachable::Address => 3,
            Unreachable::Port => 4,
            Unreachable::Other(code) => code,
        }
    }

    /// The value for a code's number.
    pub fn from_code(code: u8) -> Unreachable {
        match code {
            0 => Unreachable::NoRoute,
            1 => Unreachable::Prohibited,
            3 => Unreachable::Address,
            4 => Unreachable::Port,
            code => Unreachable::Other(code),
        }
    }
}
