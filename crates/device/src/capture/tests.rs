use super::*;

/// A file of two interfaces and three packets.
fn file(snap: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = CaptureWriter::new(&mut out, snap).unwrap();
    for (name, link_type) in [("pukaki/eth0", LinkType::Ethernet), ("pukaki/lo", LinkType::Raw)] {
        writer.interface(&CaptureInterface { name: Some(name.to_owned()), link_type }).unwrap();
    }
    for record in records() {
        writer.packet(&record).unwrap();
    }
    out
}

fn records() -> [Record<'static>; 3] {
    let at = Duration::new(1_700_000_000, 123_456_789);
    let record = |interface, bytes: &'static [u8], comment| Record {
        at,
        interface,
        length: bytes.len(),
        bytes,
        comment,
    };
    [
        record(0, b"an Ethernet frame", None),
        record(1, b"", Some("dropped: the link is cut")),
        record(1, b"four more", Some("x")),
    ]
}

/// Time, interface, length, bytes and comment.
type Packet = (Duration, usize, usize, Vec<u8>, Option<String>);

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
        let Record { at, interface, length, bytes, comment } = reader.record().unwrap();
        packets.push((at, interface, length, bytes.to_vec(), comment.map(str::to_owned)));
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = file(65_535);
    let (packets, error) = read(&bytes);
    assert_eq!(error, None);
    let written = records().map(|record| {
        let Record { at, interface, length, bytes, comment } = record;
        (at, interface, length, bytes.to_vec(), comment.map(str::to_owned))
    });
    assert_eq!(packets, written);
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
    let seen: Vec<_> = packets.iter().map(|(_, _, length, bytes, _)| (*length, &bytes[..])).collect();
    assert_eq!(seen, [(17, &b"an E"[..]), (0, b""), (9, b"four")]);
}

#[test]
fn files_of_the_other_byte_order() {
    // A pcap file with nanoseconds, one packet of 3 bytes out of 5, link type 101.
    let words = [0xa1b2_3c4d, 0x0002_0004, 0, 0, 262_144, 101, 7, 8, 3, 5];
    let expected = vec![(Duration::new(7, 8), 0, 5, b"abc".to_vec(), None)];
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
