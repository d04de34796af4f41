//! Packets and Ethernet frames: bytes that are anything, with checksums that are wrong or right.

use bytes::Bytes;
use sockeye_wire::checksum::{Checksum, Transport};
use sockeye_wire::print::Printer;
use sockeye_wire::{Body, Frame, Packet, ip, ipv4, ipv6};

/// Reads, prints, writes, and reads again, which must give the same.
pub fn packet(bytes: &[u8]) {
    round(&Frame::parse_packet(bytes));
    if let Ok(frame) = Frame::parse_ethernet(bytes) {
        round(&frame);
    }
    // A fuzzer hardly ever finds a checksum.
    let mut repaired = bytes.to_vec();
    repair(&mut repaired);
    round(&Frame::parse_packet_shared(&Bytes::from(repaired), Transport::Elsewhere));
}

fn round(frame: &Frame) {
    let mut printer = Printer::default();
    let _ = printer.line(frame, "");
    for single in frame.clone().split() {
        let _ = printer.line(&single, "");
    }
    let Some(packet) = frame.as_packet() else { return };
    // What is read may not be written in the same order and width: blocks of SACK that fit before may be left out.
    let Ok(once) = Packet::parse(&packet.to_bytes()) else { panic!("can't be read again: {packet:?}") };
    assert_eq!(Packet::parse(&once.to_bytes()), Ok(once));
    let whole = !matches!(packet.body, Body::Fragment(_));
    for mtu in [68, 576, 1280].into_iter().filter(|mtu| whole && packet.len() > *mtu) {
        for piece in packet.fragment(mtu, 7) {
            assert!(piece.len() <= mtu);
            assert_eq!(Packet::parse(&piece.to_bytes()), Ok(piece));
        }
    }
}

/// Makes the checksums of IPv4's header and of ICMP right.
fn repair(bytes: &mut [u8]) {
    let view = match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4::View::new(bytes)
            .ok()
            .map(|view| (ip::Header::V4(view.header()), view.protocol(), view.payload().len())),
        Some(6) => ipv6::View::new(bytes)
            .ok()
            .map(|view| (ip::Header::V6(view.header()), view.protocol(), view.payload().len())),
        _ => None,
    };
    let Some((header, protocol, len)) = view else { return };
    let start = match header {
        ip::Header::V4(_) => {
            let len = usize::from(bytes[0] & 0xf) * 4;
            put(bytes, (0, len), 10, Checksum::new());
            len
        }
        // Behind extension headers other than the router alert it stays wrong.
        ip::Header::V6(_) => header.len(),
    };
    let sum = match (&header, protocol) {
        (ip::Header::V4(_), ip::protocol::ICMP | ip::protocol::IGMP) => Checksum::new(),
        (ip::Header::V6(_), ip::protocol::ICMPV6) => Checksum::pseudo_header(&header, protocol, len),
        _ => return,
    };
    put(bytes, (start, len), 2, sum);
}

/// Puts the checksum over `len` bytes from `start` into the field `at` bytes behind that, `sum` being what comes before.
fn put(bytes: &mut [u8], (start, len): (usize, usize), at: usize, mut sum: Checksum) {
    let Some(message) = bytes.get_mut(start..start + len).filter(|message| message.len() >= at + 2) else {
        return;
    };
    message[at..at + 2].fill(0);
    sum.add(message);
    message[at..at + 2].copy_from_slice(&sum.finish().to_be_bytes());
}
