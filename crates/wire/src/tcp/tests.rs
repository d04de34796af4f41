//! Super-segments and options.

use proptest::prelude::*;

use super::*;
use crate::codec::tests::any_segment;
use crate::{Frame, Packet, ipv4};

proptest! {
    #[test]
    fn pieces_make_the_whole(mut whole in any_segment(), gso_size in 0u16..300) {
        whole.gso_size = gso_size;
        let pieces: Vec<Segment> = whole.clone().split().collect();
        prop_assert_eq!(pieces.len(), whole.count());
        prop_assert_eq!(whole.clone().split().len(), whole.count());
        let mut seq = whole.seq;
        let mut joined = Chain::new();
        for (index, piece) in pieces.iter().enumerate() {
            let (first, last) = (index == 0, index == pieces.len() - 1);
            prop_assert_eq!(piece.seq, seq);
            seq = piece.end();
            prop_assert!(last || piece.payload.len() == usize::from(gso_size));
            prop_assert_eq!((piece.ack, piece.window, &piece.options), (whole.ack, whole.window, &whole.options));
            prop_assert_eq!((piece.source, piece.destination), (whole.source, whole.destination));
            prop_assert_eq!((piece.gso_size, piece.count()), (0, 1));
            for (flag, here) in [
                (Flags::FIN, last),
                (Flags::PSH, last),
                (Flags::SYN, first),
                (Flags::CWR, first),
                (Flags::RST, true),
                (Flags::ACK, true),
                (Flags::ECE, true),
            ] {
                prop_assert_eq!(piece.flags.contains(flag), here && whole.flags.contains(flag));
            }
            if piece.flags.contains(Flags::URG) {
                prop_assert_eq!(piece.seq + u32::from(piece.urgent), whole.seq + u32::from(whole.urgent));
            }
            joined.append(piece.payload.clone());
        }
        prop_assert_eq!(joined, whole.payload.clone());
        prop_assert_eq!(seq, whole.end());
    }

    #[test]
    fn options_fit_and_keep_their_blocks_in_order(whole in any_segment(), more in 0usize..6) {
        let mut options = whole.options;
        options.sack.extend((0..more as u32).map(|i| (SeqNum(i), SeqNum(i + 1))));
        let mut bytes = Vec::new();
        options.write(&mut bytes);
        prop_assert_eq!(bytes.len(), options.len());
        prop_assert!(bytes.len() <= MAX_OPTIONS_LEN && bytes.len() % 4 == 0);
        let room = options.sack_room();
        options.sack.truncate(room);
        prop_assert_eq!(Options::parse(&bytes), options);
    }
}

#[test]
fn frames_split_into_frames() {
    let ip = ip::Header::V4(ipv4::Header {
        id: 0xffff,
        ..ipv4::Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
    });
    let segment = Segment { payload: vec![0; 2500].into(), gso_size: 1000, ..Segment::default() };
    let frame = Frame::packet(Packet::new(ip, segment));
    assert_eq!((frame.len(), frame.count()), (2540, 3));
    let frames: Vec<Frame> = frame.split().collect();
    assert_eq!(frames.iter().map(Frame::len).collect::<Vec<_>>(), [1040, 1040, 540]);
    let ids = frames.iter().filter_map(Frame::as_packet).map(|packet| match &packet.ip {
        ip::Header::V4(header) => header.id,
        ip::Header::V6(_) => 0,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [0xffff, 0, 1]);
}

#[test]
fn options_are_in_linuxs_order() {
    let bytes = |options: Options| {
        let mut bytes = Vec::new();
        options.write(&mut bytes);
        bytes
    };
    let timestamps = Some(Timestamps { value: 1, echo: 2 });
    let syn = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps,
        ..Options::default()
    };
    let plain = [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7];
    assert_eq!(bytes(syn.clone()), plain);
    let fast_open = |cookie: &[u8], experimental| {
        let fast_open = FastOpen::new(cookie, experimental).map(Box::new);
        bytes(Options { fast_open, ..syn.clone() })
    };
    assert_eq!(fast_open(b"", false)[20..], [34, 2, 1, 1]);
    assert_eq!(fast_open(b"abcd", true)[20..], [254, 8, 0xf9, 0x89, b'a', b'b', b'c', b'd']);
    assert_eq!(fast_open(&[7; 16], false)[20..22], [34, 18]);
    assert_eq!(fast_open(&[7; 16], true).len(), 40);
    let data = Options { timestamps, sack: vec![(SeqNum(3), SeqNum(4))], ..Options::default() };
    let expected = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4];
    assert_eq!(bytes(data), expected);
}

#[test]
fn options_are_read_tolerantly() {
    let scale = |bytes: &[u8]| Options::parse(bytes).window_scale;
    assert_eq!(scale(&[3, 3, 7]), Some(7));
    assert_eq!(scale(&[254, 4, 1, 2, 3, 3, 7]), Some(7), "unknown ones are skipped");
    assert_eq!(scale(&[2, 3, 9, 3, 3, 7]), Some(7), "and so are those of a wrong length");
    assert_eq!(scale(&[0, 3, 3, 7]), None, "the end is the end");
    assert_eq!(scale(&[254, 0, 3, 3, 7]), None, "a length of 0 would go on for ever");
    assert_eq!(scale(&[254, 1, 3, 3, 7]), None);
    assert_eq!(scale(&[3, 3, 7, 254, 9]), Some(7), "what came before a bad length counts");
    assert_eq!(scale(&[3, 3]), None);
    assert_eq!(scale(&[3]), None);
    assert_eq!(Options::parse(&[5, 9, 0, 0, 0, 0, 0, 0, 0]).sack, []);
}

#[test]
fn cookies_have_an_even_length_from_4_to_16() {
    let read = |bytes: &[u8]| Options::parse(bytes).fast_open.map(|option| *option);
    let cookie = |bytes: &[u8], experimental| FastOpen::new(bytes, experimental);
    assert_eq!(read(&[34, 2]), Some(FastOpen { cookie: None, experimental: false }));
    assert_eq!(read(&[254, 4, 0xf9, 0x89]), cookie(b"", true));
    assert_eq!(read(b"\x22\x06abcd"), cookie(b"abcd", false));
    assert_eq!(read(b"\xfe\x08\xf9\x89abcd"), cookie(b"abcd", true));
    assert_eq!(read(b"\xfe\x08\xf9\x88abcd"), None, "another experiment");
    assert_eq!(read(b"\x22\x04ab"), None);
    assert_eq!(read(b"\x22\x14abcdefghabcdefghij"), None);
    assert_eq!(read(b"\x22\x06abcd\x22\x05abc"), cookie(b"abcd", false), "odd ones don't count");
    assert_eq!(read(b"\x22\x06abcd\x22\x04ab"), None, "others of a wrong length do");
}
