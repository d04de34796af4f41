//! Frames survive their bytes with what is left undone; hostile bytes are refused, or read within bounds.

use std::net::IpAddr;

use proptest::prelude::*;
use sockeye_wire::ethernet::Mac;
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{arp, udp};

use super::*;

const BOTH: [Layer; 2] = [Layer::Ip, Layer::Ethernet];

fn packet(v6: bool, body: impl Into<Body>) -> Packet {
    let addresses = if v6 { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] };
    let [source, destination] = addresses.map(|text| text.parse::<IpAddr>().unwrap());
    Packet::new(ip::Header::new(source, destination).unwrap(), body)
}

fn segment(len: usize, gso_size: u16) -> Segment {
    let flags = Flags::ACK | Flags::PSH | Flags::CWR;
    let payload = (0..len).map(|i| i as u8).collect::<Vec<_>>().into();
    Segment { source: 1, destination: 2, window: 3, flags, payload, gso_size, ..Segment::default() }
}

fn frame(layer: Layer, payload: impl Into<Payload>) -> Frame {
    match layer {
        Layer::Ip => Frame { ethernet: None, payload: payload.into() },
        Layer::Ethernet => Frame::between(Mac([2; 6]), Mac([4; 6]), payload),
    }
}

fn encode(codec: Codec, frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec.encode(frame, &mut bytes).unwrap();
    bytes
}

#[test]
fn frames_survive_their_bytes() {
    for (layer, v6, partial_checksums) in BOTH
        .iter()
        .flat_map(|l| [(l, false), (l, true)])
        .flat_map(|(l, v6)| [(*l, v6, false), (*l, v6, true)])
    {
        let codec = Codec { layer, partial_checksums };
        let datagram = udp::Datagram { source: 53, destination: 5, payload: vec![1, 2, 3].into() };
        let bodies = [
            Body::from(datagram),
            segment(0, 0).into(),
            segment(1000, 0).into(),
            segment(64_000, 1460).into(),
            Body::Other { protocol: 99, payload: vec![7].into() },
        ];
        for body in bodies {
            let frame = frame(layer, packet(v6, body));
            let bytes = encode(codec, &frame);
            assert_eq!(bytes.len(), vnet::LEN + frame.len());
            let mut apart = Vec::new();
            let data = codec.encode_head(&frame, &mut apart).unwrap();
            apart.extend(data.into_iter().flat_map(Chain::pieces).flatten());
            assert_eq!(apart, bytes);
            assert_eq!(codec.decode(&bytes.into()), Ok(frame));
        }
    }
}

#[test]
fn the_header_says_what_is_left_to_do() {
    let (flags_at, kind_at) = (0, 1);
    for (layer, offset) in [(Layer::Ip, 0), (Layer::Ethernet, 14)] {
        for (v6, kind, ip_len) in [(false, 0x81, 20), (true, 0x84, 40)] {
            let codec = Codec { layer, partial_checksums: true };
            let bytes = encode(codec, &frame(layer, packet(v6, segment(3000, 1460))));
            assert_eq!((bytes[flags_at], bytes[kind_at]), (1, kind), "needs a checksum; TCP with CWR");
            let numbers = bytes[2..10].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
            let start = offset + ip_len;
            assert_eq!(numbers.collect::<Vec<_>>(), [start + 20, 1460, start, 16]);
            // Without offloads: nothing, and the checksum is right.
            let codec = Codec { layer, partial_checksums: false };
            let bytes = encode(codec, &frame(layer, packet(v6, segment(1460, 0))));
            assert_eq!(bytes[..10], [0; 10]);
        }
    }
    let request = arp::Packet::request(Mac([2; 6]), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let codec = Codec { layer: Layer::Ethernet, partial_checksums: true };
    assert_eq!(encode(codec, &frame(Layer::Ethernet, request))[..10], [0; 10]);
}

#[test]
fn whose_checksum_nobody_vouches_for_is_checked() {
    let codec = Codec { layer: Layer::Ip, partial_checksums: true };
    let right = frame(Layer::Ip, packet(false, segment(10, 0)));
    let mut bytes = encode(codec, &right);
    for (flags, believed) in [(0, false), (1, true), (2, true)] {
        bytes[0] = flags;
        let read = codec.decode(&bytes.clone().into()).unwrap();
        assert_eq!(read == right, believed);
        assert_eq!(matches!(read.payload, Payload::Bytes(_)), !believed);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let codec = Codec { layer: Layer::Ip, partial_checksums: true };
    let mut out = Vec::new();
    let long = frame(Layer::Ip, packet(false, segment(65_496, 1000)));
    assert_eq!(codec.encode(&long, &mut out), Err(Unfit::TooLong(65_536)));
    let longest = frame(Layer::Ip, packet(true, segment(65_515, 1000)));
    assert_eq!(codec.decode(&encode(codec, &longest).into()), Ok(longest));
    let ethernet = frame(Layer::Ethernet, packet(false, segment(1, 0)));
    assert_eq!(codec.encode(&ethernet, &mut out), Err(Unfit::Layer));
    assert!(out.is_empty());

    let decode = |bytes: Vec<u8>| codec.decode(&bytes.into());
    assert_eq!(decode(vec![0; 9]), Err(Unfit::Truncated));
    assert_eq!(decode(vec![0; MAX_LEN + 1]), Err(Unfit::TooLong(MAX_LEN + 1)));
    let with = |kind: u8, size: u8| {
        let mut bytes = encode(codec, &frame(Layer::Ip, packet(false, segment(100, 0))));
        (bytes[1], bytes[4]) = (kind, size);
        decode(bytes)
    };
    assert_eq!(with(1, 7), Err(Unfit::SegmentSize(7)), "14 segments a hundred bytes");
    assert_eq!(with(3, 50), Err(Unfit::SegmentKind(3)), "UDP fragments");
    assert_eq!(with(5, 50), Err(Unfit::SegmentKind(5)), "UDP segments");
    assert_eq!(with(4, 50), Err(Unfit::SegmentKind(4)), "IPv4 that is said to be IPv6");
    assert_eq!(with(1, 50).map(|frame| frame.count()), Ok(2));
    assert_eq!(with(1, 100).map(|frame| frame.as_segment().unwrap().gso_size), Ok(0), "one is one");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        ethernet: bool,
        header: [u8; 10],
        rest in prop::collection::vec(any::<u8>(), 0..200),
        v6: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let layer = BOTH[usize::from(ethernet)];
        let codec = Codec { layer, partial_checksums: true };
        let _ = codec.decode(&[&header[..], &rest].concat().into());
        let mut bytes = encode(codec, &frame(layer, packet(v6, segment(3000, 1460))));
        for (at, byte) in flips {
            let at = at.index(bytes.len().min(90));
            bytes[at] = byte;
        }
        if let Ok(read) = codec.decode(&bytes.into()) {
            prop_assert!(read.count() <= MAX_LEN / 8);
            let mut out = Vec::new();
            codec.encode(&read, &mut out).unwrap();
            prop_assert_eq!(codec.decode(&out.into()), Ok(read));
        }
    }
}
