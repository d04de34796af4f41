//! The heads of packets that ICMP errors carry: what they tell of the packet that failed.

use std::net::IpAddr;

use sockeye_base::SeqNum;

use crate::read::{u16_at, u32_at};
use crate::{Malformed, icmpv4, icmpv6, ip, ipv4, ipv6};

/// RFC 792: an error carries the IP header and at least these many bytes behind it.
const LEAST: usize = 8;

/// Whose packet an ICMP error speaks of. Source is the one who sent it: the one who gets the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The packet's source.
    pub source: IpAddr,
    /// The packet's destination.
    pub destination: IpAddr,
    /// Bytes of its IP header, with options or extensions.
    pub header_len: usize,
    /// What it carried.
    pub protocol: u8,
    /// Source port; 0 unless it was TCP or UDP.
    pub source_port: u16,
    /// Destination port; 0 unless it was TCP or UDP.
    pub destination_port: u16,
    /// The segment's sequence number, if it was TCP.
    pub tcp_seq: Option<SeqNum>,
    /// The identifier, if it was an ICMP echo request.
    pub echo: Option<u16>,
}

impl Quote {
    /// Reads the head of a packet, which may be cut off. Checksums are not checked: part of what they cover may be
    /// missing. `None` if too little is there, or what is there is no packet, or not the front of one.
    pub fn parse(bytes: &[u8]) -> Option<Quote> {
        let (header, protocol, carried) = parse_head(bytes).ok()?;
        let (source, destination) = (header.source(), header.destination());
        let has_ports = matches!(protocol, ip::protocol::TCP | ip::protocol::UDP);
        if carried.len() < LEAST {
            return None;
        }
        let is_echo = match (&header, protocol, carried.first()) {
            (ip::Header::V4(_), ip::protocol::ICMP, Some(kind)) => *kind == icmpv4::kind::ECHO_REQUEST,
            (ip::Header::V6(_), ip::protocol::ICMPV6, Some(kind)) => *kind == icmpv6::kind::ECHO_REQUEST,
            _ => false,
        };
        let port = |at| if has_ports { u16_at(carried, at) } else { 0 };
        Some(Quote {
            source,
            destination,
            header_len: bytes.len() - carried.len(),
            protocol,
            source_port: port(0),
            destination_port: port(2),
            tcp_seq: (protocol == ip::protocol::TCP).then(|| SeqNum(u32_at(carried, 4))),
            echo: is_echo.then(|| u16_at(carried, 4)),
        })
    }
}

/// The header, the protocol and what is there of what it carries.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<(ip::Header, u8, &[u8]), Malformed> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => {
            let view = ipv4::View::truncated(bytes)?;
            if view.fragment_offset() != 0 {
                return Err(Malformed::Fragment);
            }
            Ok((ip::Header::V4(view.header()), view.protocol(), view.payload()))
        }
        _ => {
            let view = ipv6::View::truncated(bytes)?;
            if view.fragment().is_some_and(|piece| piece.offset != 0) {
                return Err(Malformed::Fragment);
            }
            Ok((ip::Header::V6(view.header()), view.protocol(), view.payload()))
        }
    }
}
