//! Datagrams longer than the link's 1500 bytes, whole and in pieces.

use sockeye_base::Duration;
use sockeye_wire::{Frame, Payload};

use super::*;
use crate::tests::{ETH0, Pair, at, bytes, mac, request};
use crate::{SendError, UdpId};

/// Sockets on port 7 of `b`, and on `a`, of one family, the neighbours known.
fn sockets(pair: &mut Pair, addresses: [&str; 2]) -> (UdpId, UdpId) {
    let from = pair.a.udp_bind(pair.now, request(addresses[0], 4000)).unwrap();
    let to = pair.b.udp_bind(pair.now, request(addresses[1], 7)).unwrap();
    pair.a.udp_send(pair.now, from, Some(at(addresses[1], 7)), bytes("hello")).unwrap();
    pair.run();
    assert!(pair.b.udp_receive(to, false).is_some());
    pair.words();
    (from, to)
}

const V4: [&str; 2] = ["10.61.0.1", "10.61.0.2"];
const V6: [&str; 2] = ["fd61::1", "fd61::2"];

fn pattern(len: usize) -> Chain {
    (0..len).map(|i| (i ^ (i >> 8)) as u8).collect::<Vec<u8>>().into()
}

/// A packet in pieces with these codepoints, and what the whole then has.
fn assembled(codepoints: &[Ecn]) -> Option<Ecn> {
    let mut pieces = Pieces::new(Instant::ZERO);
    for (i, ecn) in codepoints.iter().enumerate() {
        let mut header = ip::Header::new("10.61.0.1".parse().unwrap(), "10.61.0.2".parse().unwrap()).unwrap();
        header.set_ecn(*ecn);
        let more = i + 1 < codepoints.len();
        let fragment =
            Fragment { protocol: 200, id: 1, offset: i as u16 * 8, more, payload: bytes("8 bytes!") };
        assert_eq!(pieces.insert(header, fragment), Fit::Taken);
    }
    assert!(pieces.is_whole());
    pieces.assemble().map(|packet| packet.ip.ecn())
}

#[test]
fn a_mark_on_a_piece_is_the_packets() {
    use Ecn::{Ce, Ect0, Ect1, NotEct};
    for (codepoints, whole) in [
        (&[NotEct, NotEct][..], Some(NotEct)),
        (&[Ect0, Ect0], Some(Ect0)),
        (&[Ect1, Ect0], Some(Ect1)),
        (&[Ce, Ce], Some(Ce)),
        (&[Ect0, Ect0, Ce], Some(Ce)),
        (&[Ce, Ect1], Some(Ce)),
        (&[NotEct, Ce], None),
        (&[Ect0, NotEct], None),
    ] {
        assert_eq!(assembled(codepoints), whole, "{codepoints:?}");
    }
}

/// The pieces on the wire of a datagram of 3000 bytes.
fn pieces(pair: &mut Pair, from: UdpId, to: &str) -> Vec<Frame> {
    pair.a.udp_send(pair.now, from, Some(at(to, 7)), pattern(3000)).unwrap();
    std::iter::from_fn(|| pair.a.poll_frame()).map(|(_, frame)| *frame).collect()
}

fn piece(frame: &mut Frame) -> &mut Fragment {
    let Payload::Packet(packet) = &mut frame.payload else { panic!("no packet") };
    match &mut packet.body {
        Body::Fragment(piece) => piece,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_longest_datagrams_cross() {
    for (addresses, longest, count) in [(V4, 65_507, 45), (V6, 65_527, 46)] {
        let mut pair = Pair::new();
        let (from, to) = sockets(&mut pair, addresses);
        let remote = Some(at(addresses[1], 7));
        let long = pair.a.udp_send(pair.now, from, remote, pattern(longest + 1));
        assert_eq!(long, Err(SendError::TooLong));
        pair.a.udp_send(pair.now, from, remote, pattern(longest)).unwrap();
        pair.run();
        assert_eq!(pair.words(), vec![">frag"; count]);
        let received = pair.b.udp_receive(to, false).unwrap();
        assert!(received.payload == pattern(longest));
        assert_eq!(received.source, at(addresses[0], 4000));
        // Over loopback, whose MTU the longest of IPv6 exceeds too.
        let own = pair.a.udp_bind(pair.now, request(addresses[0], 7)).unwrap();
        pair.a.udp_send(pair.now, from, Some(at(addresses[0], 7)), pattern(longest)).unwrap();
        assert!(pair.a.udp_receive(own, false).unwrap().payload == pattern(longest));
        for stack in [&pair.a, &pair.b] {
            assert_eq!((stack.fragments.charge, stack.fragments.deadlines.len()), (0, 0));
        }
    }
}

#[test]
fn order_and_repetition_do_not_matter() {
    for addresses in [V4, V6] {
        let mut pair = Pair::new();
        let (from, to) = sockets(&mut pair, addresses);
        let frames = pieces(&mut pair, from, addresses[1]);
        assert_eq!(frames.len(), 3);
        for index in [2, 0, 0, 2, 1] {
            assert_eq!(pair.b.udp_queue_len(to), 0);
            pair.b.input(pair.now, ETH0, frames[index].clone());
        }
        assert!(pair.b.udp_receive(to, false).unwrap().payload == pattern(3000));
    }
}

#[test]
fn overlapping_pieces_spoil_the_packet() {
    for addresses in [V4, V6] {
        for spoil in 0..3 {
            let mut pair = Pair::new();
            let (from, to) = sockets(&mut pair, addresses);
            let mut frames = pieces(&mut pair, from, addresses[1]);
            let mut forged = frames[1].clone();
            match spoil {
                0 => piece(&mut forged).offset += 8,
                1 => piece(&mut forged).offset -= 8,
                // Ends elsewhere than the last.
                _ => piece(&mut forged).more = false,
            }
            frames.insert(1, forged);
            for frame in frames {
                pair.b.input(pair.now, ETH0, frame);
            }
            assert_eq!(pair.b.udp_queue_len(to), 0, "{spoil}");
        }
    }
}

#[test]
fn what_stays_in_pieces_is_given_up() {
    for (addresses, patience) in [(V4, 30), (V6, 60)] {
        let mut pair = Pair::new();
        let (from, to) = sockets(&mut pair, addresses);
        let frames = pieces(&mut pair, from, addresses[1]);
        let start = pair.now;
        pair.b.input(pair.now, ETH0, frames[0].clone());
        pair.pass(Duration::from_secs(patience - 1));
        assert!(pair.wire.iter().all(|(.., frame)| frame.len() < 500), "told too early");
        pair.wire.clear();
        pair.pass(Duration::from_secs(1));
        // The front came, so the sender is told.
        let told = pair.wire.iter().find(|(_, from_a, frame)| !from_a && frame.len() > 500).unwrap();
        assert_eq!(told.0, start + Duration::from_secs(patience));
        pair.b.input(pair.now, ETH0, frames[1].clone());
        pair.b.input(pair.now, ETH0, frames[2].clone());
        assert_eq!(pair.b.udp_queue_len(to), 0);
        pair.words();
        // The rest has no front: nobody is told.
        pair.pass(Duration::from_secs(100));
        assert!(!pair.words().contains(&"<icmp".to_owned()));
        assert_eq!((pair.b.fragments.charge, pair.b.fragments.packets.len()), (0, 0));
    }
}

#[test]
fn memory_is_bounded() {
    let mut pair = Pair::new();
    let (from, to) = sockets(&mut pair, V4);
    for _ in 0..5000 {
        let first = pieces(&mut pair, from, V4[1]).swap_remove(0);
        pair.b.input(pair.now, ETH0, first);
    }
    let charge = pair.b.fragments.charge;
    assert!(charge <= 4_194_304 && charge > 4_000_000, "{charge}");
    pair.pass(Duration::from_secs(30));
    assert_eq!(pair.b.fragments.charge, 0);
    for frame in pieces(&mut pair, from, V4[1]) {
        pair.b.input(pair.now, ETH0, frame);
    }
    assert_eq!(pair.b.udp_queue_len(to), 1);
}

#[test]
fn a_long_ping_is_answered_in_pieces() {
    use sockeye_wire::icmpv4::Message;
    let mut pair = Pair::new();
    sockets(&mut pair, V4);
    let header = ip::Header::new(V4[0].parse().unwrap(), V4[1].parse().unwrap()).unwrap();
    let ping = Packet::new(header, Message::EchoRequest { id: 1, sequence: 1, payload: pattern(4000) });
    for piece in ping.fragment(1500, 9) {
        pair.b.input(pair.now, ETH0, Frame::between(mac(1), mac(2), piece));
    }
    pair.run();
    assert_eq!(pair.words(), ["<frag"; 3]);
}
