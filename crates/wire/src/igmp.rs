//! IGMP, by which hosts tell the routers of a link which groups they want to hear (RFC 1112, RFC 2236, RFC 3376, RFC 9776).

use std::net::Ipv4Addr;

use bytes::Bytes;
use sockeye_base::Duration;

use crate::membership::{self, Details, Record};
use crate::read::array_at;
use crate::{Malformed, checksum};

/// Message types (IANA).
mod kind {
    pub(super) const QUERY: u8 = 0x11;
    pub(super) const REPORT_V1: u8 = 0x12;
    pub(super) const REPORT_V2: u8 = 0x16;
    pub(super) const LEAVE: u8 = 0x17;
    pub(super) const REPORT_V3: u8 = 0x22;
}

/// Bytes of a message of versions 1 and 2.
const LEN: usize = 8;

/// An IGMP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 0x11: who is there?
    Query {
        /// In this group; the unspecified address: in any.
        group: Ipv4Addr,
        /// How long answers may wait, as a code: [`response_time`]. 0 in version 1.
        response: u8,
        /// What version 3 says more.
        details: Option<Details<Ipv4Addr>>,
    },
    /// Type 0x12: somebody is in this group.
    ReportV1 {
        /// The group.
        group: Ipv4Addr,
    },
    /// Type 0x16: the same, of one who will say when he leaves.
    ReportV2 {
        /// The group.
        group: Ipv4Addr,
    },
    /// Type 0x17: one has left.
    Leave {
        /// The group.
        group: Ipv4Addr,
    },
    /// Type 0x22: what the host wants, or what changes in that.
    ReportV3 {
        /// Group by group.
        records: Vec<Record<Ipv4Addr>>,
    },
    /// Any other message, or one that is not whole.
    Other {
        /// Type.
        kind: u8,
        /// The byte behind it.
        code: u8,
        /// All bytes behind the checksum.
        rest: Bytes,
    },
}

/// The time that a query's code stands for, in tenths of seconds (RFC 3376, section 4.1.1).
pub fn response_time(code: u8) -> Duration {
    Duration::from_millis(100 * u64::from(membership::decode_8(code)))
}

impl Message {
    /// Bytes of the message: what IP carries.
    pub fn len(&self) -> usize {
        match self {
            Message::Query { details, .. } => LEN + details.as_ref().map_or(0, Details::len),
            Message::ReportV1 { .. } | Message::ReportV2 { .. } | Message::Leave { .. } => LEN,
            Message::ReportV3 { records } => 4 + membership::records_len(records),
            Message::Other { rest, .. } => 4 + rest.len(),
        }
    }

    /// Type and the byte behind it.
    pub fn kind_and_code(&self) -> (u8, u8) {
        match self {
            Message::Query { response, .. } => (kind::QUERY, *response),
            Message::ReportV1 { .. } => (kind::REPORT_V1, 0),
            Message::ReportV2 { .. } => (kind::REPORT_V2, 0),
            Message::Leave { .. } => (kind::LEAVE, 0),
            Message::ReportV3 { .. } => (kind::REPORT_V3, 0),
            Message::Other { kind, code, .. } => (*kind, *code),
        }
    }

    /// Puts its bytes behind `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, code) = self.kind_and_code();
        out.extend([kind, code, 0, 0]);
        match self {
            Message::Query { group, details, .. } => {
                out.extend(group.octets());
                if let Some(details) = details {
                    details.write(out);
                }
            }
            Message::ReportV1 { group } | Message::ReportV2 { group } | Message::Leave { group } => {
                out.extend(group.octets());
            }
            Message::ReportV3 { records } => membership::write_records(records, out),
            Message::Other { rest, .. } => out.extend_from_slice(rest),
        }
        let message = &mut out[start..];
        let sum = checksum::of(message);
        checksum::put(message, 2, sum);
    }

    /// Reads a message, checksum checked. What stands behind it counts for that alone.
    pub(crate) fn parse(bytes: &Bytes) -> Result<Message, Malformed> {
        let Some(&[kind, code, _, _]) = bytes.first_chunk() else { return Err(Malformed::Truncated) };
        if checksum::of(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        let known = Message::known(kind, code, bytes);
        Ok(known.unwrap_or_else(|| Message::Other { kind, code, rest: bytes.slice(4..) }))
    }

    fn known(kind: u8, response: u8, bytes: &[u8]) -> Option<Message> {
        let group = array_at::<4>(bytes, 4).map(Ipv4Addr::from)?;
        Some(match kind {
            // RFC 3376, section 7.1: the length says which version it is.
            kind::QUERY if bytes.len() == LEN => Message::Query { group, response, details: None },
            kind::QUERY => {
                let details = Some(Details::read(bytes.get(LEN..)?)?);
                Message::Query { group, response, details }
            }
            kind::REPORT_V1 => Message::ReportV1 { group },
            kind::REPORT_V2 => Message::ReportV2 { group },
            kind::LEAVE => Message::Leave { group },
            kind::REPORT_V3 => Message::ReportV3 { records: membership::read_records(bytes.get(4..)?)? },
            _ => return None,
        })
    }
}
