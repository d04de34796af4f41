//! MLD, IPv6's IGMP, whose messages are ICMPv6's (RFC 2710, RFC 3810).

use std::net::Ipv6Addr;

use sockeye_base::Duration;

use crate::membership::{self, Details, Record};
use crate::read::{array_at, u16_at};

/// Message types (IANA).
mod kind {
    pub(super) const QUERY: u8 = 130;
    pub(super) const REPORT_V1: u8 = 131;
    pub(super) const DONE: u8 = 132;
    pub(super) const REPORT_V2: u8 = 143;
}

/// Bytes of a message of version 1.
const LEN: usize = 24;

/// An MLD message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Type 130: who is there?
    Query {
        /// In this group; the unspecified address: in any.
        group: Ipv6Addr,
        /// How long answers may wait, as a code: [`response_time`].
        response: u16,
        /// What version 2 says more.
        details: Option<Details<Ipv6Addr>>,
    },
    /// Type 131: somebody is in this group.
    ReportV1 {
        /// The group.
        group: Ipv6Addr,
    },
    /// Type 132: one has left.
    Done {
        /// The group.
        group: Ipv6Addr,
    },
    /// Type 143: what the host wants, or what changes in that.
    ReportV2 {
        /// Group by group.
        records: Vec<Record<Ipv6Addr>>,
    },
}

/// The time that a query's code stands for, in milliseconds (RFC 3810, section 5.1.3).
pub fn response_time(code: u16) -> Duration {
    Duration::from_millis(match code {
        0..0x8000 => code.into(),
        _ => (u64::from(code & 0xfff) | 0x1000) << (code >> 12 & 7) << 3,
    })
}

impl Message {
    /// Bytes of the message: what IP carries.
    pub fn len(&self) -> usize {
        match self {
            Message::Query { details, .. } => LEN + details.as_ref().map_or(0, Details::len),
            Message::ReportV1 { .. } | Message::Done { .. } => LEN,
            Message::ReportV2 { records } => 4 + membership::records_len(records),
        }
    }

    /// Its ICMPv6 type; the code is 0.
    pub fn kind(&self) -> u8 {
        match self {
            Message::Query { .. } => kind::QUERY,
            Message::ReportV1 { .. } => kind::REPORT_V1,
            Message::Done { .. } => kind::DONE,
            Message::ReportV2 { .. } => kind::REPORT_V2,
        }
    }

    /// Puts its bytes behind the checksum behind `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let first = |response: u16, group: &Ipv6Addr, out: &mut Vec<u8>| {
            out.extend(response.to_be_bytes());
            out.extend([0, 0]);
            out.extend(group.octets());
        };
        match self {
            Message::Query { group, response, details } => {
                first(*response, group, out);
                if let Some(details) = details {
                    details.write(out);
                }
            }
            Message::ReportV1 { group } | Message::Done { group } => first(0, group, out),
            Message::ReportV2 { records } => membership::write_records(records, out),
        }
    }

    /// Reads an ICMPv6 message of this type, code 0; `None` if it is not MLD's, or not whole.
    pub(crate) fn parse(kind: u8, bytes: &[u8]) -> Option<Message> {
        let group = || array_at::<16>(bytes, 8).map(Ipv6Addr::from);
        Some(match kind {
            // RFC 3810, section 8.1: the length says which version it is.
            kind::QUERY => {
                let (group, response) = (group()?, u16_at(bytes, 4));
                let details = if bytes.len() == LEN { None } else { Some(Details::read(bytes.get(LEN..)?)?) };
                Message::Query { group, response, details }
            }
            kind::REPORT_V1 => Message::ReportV1 { group: group()? },
            kind::DONE => Message::Done { group: group()? },
            kind::REPORT_V2 => Message::ReportV2 { records: membership::read_records(bytes.get(4..)?)? },
            _ => return None,
        })
    }
}
