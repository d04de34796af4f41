//! Fragments in tcpdump's words. The first shows as much of the header that stands in it as tcpdump does without its
//! `-v`; the rest show their protocol (IPv4) or their place (IPv6). TCP's and other headers are left out.

use crate::fragment::{Fragment, HEADER_LEN};
use crate::read::u16_at;
use crate::{Body, Packet, ip, udp};

use super::put;

/// The ports that stand in the first fragment of an IPv4 datagram; tcpdump puts them behind the addresses.
pub(super) fn ports_v4(packet: &Packet) -> Option<(u16, u16)> {
    match (&packet.ip, &packet.body) {
        (ip::Header::V4(_), Body::Fragment(piece)) => ports(piece),
        _ => None,
    }
}

/// What stands behind the addresses.
pub(super) fn print(header: &ip::Header, piece: &Fragment, out: &mut String) {
    match header {
        ip::Header::V4(_) if piece.offset > 0 => put(out, format_args!("ip-proto-{}", piece.protocol)),
        ip::Header::V4(_) => print_front(piece, out),
        ip::Header::V6(_) => {
            put(out, format_args!("frag ({}|{})", piece.offset, piece.payload.len()));
            if piece.offset == 0 {
                out.push(' ');
                if let Some((from, to)) = ports(piece) {
                    put(out, format_args!("{from} > {to}: "));
                }
                print_front(piece, out);
            }
        }
    }
}

fn print_front(piece: &Fragment, out: &mut String) {
    let head = piece.payload.slice(0, HEADER_LEN).to_vec();
    match (piece.protocol, head.len() >= HEADER_LEN) {
        (ip::protocol::UDP, true) => {
            let len = usize::from(u16_at(&head, 4)).saturating_sub(udp::HEADER_LEN);
            put(out, format_args!("UDP, length {len}"));
        }
        (ip::protocol::ICMP, true) if matches!(head[0], 0 | 8) => {
            let what = if head[0] == 8 { "request" } else { "reply" };
            let (id, sequence, len) = (u16_at(&head, 4), u16_at(&head, 6), piece.payload.len());
            put(out, format_args!("ICMP echo {what}, id {id}, seq {sequence}, length {len}"));
        }
        (ip::protocol::ICMPV6, true) if matches!(head[0], 128 | 129) => {
            let what = if head[0] == 128 { "request" } else { "reply" };
            let (id, sequence, len) = (u16_at(&head, 4), u16_at(&head, 6), piece.payload.len());
            put(out, format_args!("ICMP6, echo {what}, id {id}, seq {sequence}, length {len}"));
        }
        (protocol, _) => put(out, format_args!(" ip-proto-{protocol} {}", piece.payload.len())),
    }
}

fn ports(piece: &Fragment) -> Option<(u16, u16)> {
    let head = piece.payload.slice(0, udp::HEADER_LEN).to_vec();
    let whole = piece.offset == 0 && piece.protocol == ip::protocol::UDP && head.len() == udp::HEADER_LEN;
    whole.then(|| (u16_at(&head, 0), u16_at(&head, 2)))
}
