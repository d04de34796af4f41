use sockeye_base::SeqNum;
use sockeye_wire::{Frame, ip, ipv4, tcp};

use super::*;

/// A file of two interfaces and three packets.
fn file(snap: usize) -> Vec<u8> {
    let mut writer = CaptureWriter::new(snap);
    for (name, link_type) in [("pukaki/eth0", LinkType::Ethernet), ("pukaki/lo", LinkType::Raw)] {
        writer.interface(&CaptureInterface { name: Some(name.to_owned()), link_type });
    }
    for record in records() {
        writer.packet(&record);
    }
    std::mem::take(writer.bytes())
}

fn records() -> [Record<'static>; 3] {
    let at = Duration::new(1_700_000_000, 123_456_789);
    let record = |interface, bytes: &'static [u8], comment| Record {
        at,
        interface,
        length: bytes.len(),
        bytes,
        comment,
        direction: None,
    };
    [
        Record { direction: Some(Direction::In), ..record(0, b"an Ethernet frame", None) },
        record(1, b"", Some("dropped: the link is cut")),
        Record { direction: Some(Direction::Out), ..record(1, b"four more", Some("x")) },
    ]
}

/// Time, interface, length, bytes, comment and direction.
type Packet = (Duration, usize, usize, Vec<u8>, Option<String>, Option<Direction>);

fn packet(record: &Record<'_>) -> Packet {
    let Record { at, interface, length, bytes, comment, direction } = *record;
    (at, interface, length, bytes.to_vec(), comment.map(str::to_owned), direction)
}

/// All that a file says: packets by their bytes, and how it ended.
fn read(bytes: &[u8]) -> (Vec<Packet>, Option<String>) {
    let mut packets = Vec::new();
    let mut reader = match CaptureReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (packets, Some(error.to_string())),
    };
    loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) => return (packets, None),
            Err(error) => return (packets, Some(error.to_string())),
        }
        packets.push(packet(&reader.record().unwrap()));
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = file(65_535);
    let (packets, error) = read(&bytes);
    assert_eq!(error, None);
    assert_eq!(packets, records().map(|record| packet(&record)));
    let mut reader = CaptureReader::new(&bytes[..]).unwrap();
    while reader.advance().unwrap() {}
    let interfaces: Vec<_> = reader.interfaces().map(|i| (i.name.clone().unwrap(), i.link_type)).collect();
    let expected = [("pukaki/eth0", LinkType::Ethernet), ("pukaki/lo", LinkType::Raw)];
    assert_eq!(interfaces, expected.map(|(name, link_type)| (name.to_owned(), link_type)));
}

#[test]
fn two_files_behind_each_other_are_one() {
    let (packets, error) = read(&[file(100), file(100)].concat());
    assert_eq!(error, None);
    assert_eq!(packets.iter().map(|packet| packet.1).collect::<Vec<_>>(), [0, 1, 1, 2, 3, 3]);
}

#[test]
fn a_snap_length_keeps_the_beginning() {
    let (packets, error) = read(&file(4));
    assert_eq!(error, None);
    let seen: Vec<_> = packets.iter().map(|(_, _, length, bytes, ..)| (*length, &bytes[..])).collect();
    assert_eq!(seen, [(17, &b"an E"[..]), (0, b""), (9, b"four")]);
}

#[test]
fn files_of_the_other_byte_order() {
    // A pcap file with nanoseconds, one packet of 3 bytes out of 5, link type 101.
    let words = [0xa1b2_3c4d, 0x0002_0004, 0, 0, 262_144, 101, 7, 8, 3, 5];
    let expected = vec![(Duration::new(7, 8), 0, 5, b"abc".to_vec(), None, None)];
    let big: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).chain(*b"abc").collect();
    let little: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).chain(*b"abc").collect();
    assert_eq!(read(&big), (expected.clone(), None));
    assert_eq!(read(&little), (expected, None));
}

#[test]
fn what_is_no_capture_is_told() {
    assert_eq!(read(b"GIF89a..").1.unwrap()[..19], *"not a capture file:");
    assert_eq!(read(b"").1.unwrap(), "cut short at byte 0");
    let bytes = file(65_535);
    for end in 1..bytes.len() {
        let (packets, error) = read(&bytes[..end]);
        assert!(packets.len() < 3);
        // A file may end between two blocks.
        assert!(error.is_none_or(|error| error.starts_with("cut short at byte")), "{end}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let bytes = file(65_535);
    for at in 0..bytes.len() {
        for value in [0, 1, 4, 0x7f, 0x80, 0xff] {
            let mut hostile = bytes.clone();
            hostile[at] = value;
            read(&hostile);
        }
    }
}

#[test]
fn a_super_segment_is_the_frames_it_stands_for() {
    for (len, comment) in [(4000, None), (3500, Some("why")), (1000, None), (0, None)] {
        let data: Vec<u8> = (0..len).map(|number: u32| (number * 7) as u8).collect();
        let segment = tcp::Segment {
            source: 1000,
            destination: 80,
            seq: SeqNum(u32::MAX - 1500),
            ack: SeqNum(7),
            flags: tcp::Flags::ACK | tcp::Flags::PSH,
            window: 1000,
            urgent: 0,
            options: tcp::Options::default(),
            payload: data.into(),
            gso_size: 1000,
        };
        let ip = ip::Header::V4(ipv4::Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into()));
        let frame = Frame::packet(sockeye_wire::Packet::new(ip, segment)).on_ethernet();
        let seen =
            Seen { at: Duration::from_secs(7), interface: 0, comment, direction: Some(Direction::Out) };
        for snap in [0, 20, 54, 55, 128, 1054, usize::MAX] {
            let [mut at_once, mut one_by_one] = [snap; 2].map(CaptureWriter::new);
            at_once.frame(&seen, &frame);
            for single in frame.clone().split() {
                let bytes = single.to_bytes();
                let Seen { at, interface, comment, direction } = seen;
                one_by_one.packet(&Record {
                    at,
                    interface,
                    length: bytes.len(),
                    bytes: &bytes,
                    comment,
                    direction,
                });
            }
            assert_eq!(at_once.bytes(), one_by_one.bytes(), "{len} bytes, {snap} kept");
            let mut wanted = CaptureWriter::new(snap);
            wanted.frame_if(&seen, &frame, (60, |bytes, length| bytes.len() >= 60.min(length)));
            assert_eq!(wanted.bytes(), at_once.bytes(), "{len} bytes, {snap} kept");
            wanted.bytes().clear();
            wanted.frame_if(&seen, &frame, (0, |_, _| false));
            assert_eq!(wanted.bytes().len(), 0);
        }
    }
}
