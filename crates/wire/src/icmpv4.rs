//! ICMP for IPv4 (RFC 792).

use bytes::Bytes;
use sockeye_base::Chain;

use crate::read::u16_at;
use crate::{Malformed, Packet, checksum};

/// Message types (IANA).
pub(crate) mod kind {
    pub(crate) const ECHO_REPLY: u8 = 0;
    pub(crate) const UNREACHABLE: u8 = 3;
    pub(crate) const ECHO_REQUEST: u8 = 8;
    pub(crate) const TIME_EXCEEDED: u8 = 11;
}

/// The most of a packet that an error message carries: all of it makes 576 bytes (RFC 1812, section 4.3.2.3).
pub const QUOTE_LEN: usize = 576 - crate::ipv4::HEADER_LEN - HEADER_LEN;

/// The head of a packet as an error message about it carries it: at most [`QUOTE_LEN`] bytes.
pub fn quote(packet: &Packet) -> Bytes {
    packet.head(QUOTE_LEN)
}

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

/// Bytes in front of a message's data.
pub const HEADER_LEN: usize = 8;

impl Message {
    /// Bytes of the message: what IP carries.
    pub fn len(&self) -> usize {
        match self {
            Message::EchoRequest { payload, .. } | Message::EchoReply { payload, .. } => {
                HEADER_LEN + payload.len()
            }
            Message::DestinationUnreachable { original, .. } | Message::TimeExceeded { original, .. } => {
                HEADER_LEN + original.len()
            }
            Message::Other { rest, .. } => 4 + rest.len(),
        }
    }

    /// The head of the packet an error message speaks of; `None` for a message that is no error, or an unknown one.
    pub fn original(&self) -> Option<&Bytes> {
        match self {
            Message::DestinationUnreachable { original, .. } | Message::TimeExceeded { original, .. } => {
                Some(original)
            }
            Message::EchoRequest { .. } | Message::EchoReply { .. } | Message::Other { .. } => None,
        }
    }

    /// Whether it is an error message, which must never answer another (RFC 1122, section 3.2.2). Unknown types
    /// count by the numbers assigned: source quench, redirect and parameter problem are errors.
    pub fn is_error(&self) -> bool {
        match self {
            Message::DestinationUnreachable { .. } | Message::TimeExceeded { .. } => true,
            Message::EchoRequest { .. } | Message::EchoReply { .. } => false,
            Message::Other { kind, .. } => matches!(kind, 3 | 4 | 5 | 11 | 12),
        }
    }

    /// Type and code.
    pub fn kind_and_code(&self) -> (u8, u8) {
        match self {
            Message::EchoRequest { .. } => (kind::ECHO_REQUEST, 0),
            Message::EchoReply { .. } => (kind::ECHO_REPLY, 0),
            Message::DestinationUnreachable { code, .. } => (kind::UNREACHABLE, code.code()),
            Message::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, *code),
            Message::Other { kind, code, .. } => (*kind, *code),
        }
    }

    /// Puts its bytes behind `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, code) = self.kind_and_code();
        out.extend([kind, code, 0, 0]);
        match self {
            Message::EchoRequest { id, sequence, payload } | Message::EchoReply { id, sequence, payload } => {
                out.extend(id.to_be_bytes());
                out.extend(sequence.to_be_bytes());
                payload.pieces().for_each(|piece| out.extend_from_slice(piece));
            }
            Message::DestinationUnreachable { code, original } => {
                let mtu = match code {
                    Unreachable::FragmentationNeeded { mtu } => *mtu,
                    _ => 0,
                };
                out.extend([0, 0]);
                out.extend(mtu.to_be_bytes());
                out.extend_from_slice(original);
            }
            Message::TimeExceeded { original, .. } => {
                out.extend([0; 4]);
                out.extend_from_slice(original);
            }
            Message::Other { rest, .. } => out.extend_from_slice(rest),
        }
        let message = &mut out[start..];
        let sum = checksum::of(message);
        checksum::put(message, 2, sum);
    }

    /// Reads a message, checksum checked. Those of known types but with a code or a length that is not known are
    /// `Other`.
    pub(crate) fn parse(bytes: &Bytes) -> Result<Message, Malformed> {
        let Some(&[kind, code, _, _]) = bytes.first_chunk() else { return Err(Malformed::Truncated) };
        if checksum::of(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        if bytes.len() < HEADER_LEN {
            return Ok(Message::Other { kind, code, rest: bytes.slice(4..) });
        }
        let (id, sequence, data) = (u16_at(bytes, 4), u16_at(bytes, 6), bytes.slice(HEADER_LEN..));
        Ok(match (kind, code) {
            (kind::ECHO_REQUEST, 0) => Message::EchoRequest { id, sequence, payload: data.into() },
            (kind::ECHO_REPLY, 0) => Message::EchoReply { id, sequence, payload: data.into() },
            (kind::UNREACHABLE, _) => Message::DestinationUnreachable {
                code: Unreachable::from_code(code, sequence),
                original: data,
            },
            (kind::TIME_EXCEEDED, _) => Message::TimeExceeded { code, original: data },
            _ => Message::Other { kind, code, rest: bytes.slice(4..) },
        })
    }
}

impl Unreachable {
    /// The code's number.
    pub fn code(self) -> u8 {
        match self {
            Unreachable::Net => 0,
            Unreachable::Host => 1,
            Unreachable::Protocol => 2,
            Unreachable::Port => 3,
            Unreachable::FragmentationNeeded { .. } => 4,
            Unreachable::Other(code) => code,
        }
    }

    /// The value for a code's number. `mtu` counts in code 4 only.
    pub fn from_code(code: u8, mtu: u16) -> Unreachable {
        match code {
            0 => Unreachable::Net,
            1 => Unreachable::Host,
            2 => Unreachable::Protocol,
            3 => Unreachable::Port,
            4 => Unreachable::FragmentationNeeded { mtu },
            code => Unreachable::Other(code),
        }
    }
}
