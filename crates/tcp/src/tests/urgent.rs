//! Urgent data: pointers of all kinds, hostile ones too.

use proptest::prelude::*;
use sockeye_wire::tcp::{Flags, Segment};

use super::hand::{Hand, IRS, ISS, segment, simple};
use crate::{Boundary, Config, UrgentError};

/// `offset` bytes into the stream, with this urgent pointer.
fn urgent(offset: u32, pointer: u16, payload: &[u8]) -> Segment {
    let flags = Flags::ACK | Flags::URG;
    Segment { urgent: pointer, ..segment(flags, IRS + 1 + offset, ISS + 1, payload) }
}

#[test]
fn the_byte_is_told_once_and_left_out() {
    let mut hand = Hand::established(simple());
    hand.input(urgent(0, 3, b"abcde"));
    assert!(hand.tcb.has_urgent() && !hand.tcb.at_mark());
    assert_eq!((hand.tcb.unread_len(), hand.tcb.receive_len()), (2, 5));
    assert_eq!(hand.tcb.peek(10).to_vec(), b"ab");
    assert_eq!(hand.tcb.receive_urgent(true), Ok(b'c'));
    assert_eq!(hand.tcb.receive_urgent(false), Ok(b'c'));
    assert_eq!(hand.tcb.receive_urgent(false), Err(UrgentError::None));
    assert_eq!(hand.tcb.receive(hand.now, 10).to_vec(), b"ab");
    assert!(hand.tcb.at_mark());
    assert_eq!(hand.tcb.receive(hand.now, 10).to_vec(), b"de");
    assert!(!hand.tcb.at_mark());
    assert!(hand.tcb.urgent.is_none(), "nothing is kept of it");
}

#[test]
fn passing_on_keeps_the_mark() {
    let mut hand = Hand::established(Config { oob_inline: true, ..simple() });
    hand.input(urgent(0, 3, b"abcde"));
    let parts: Vec<(Vec<u8>, bool)> = (0..3)
        .map(|_| hand.tcb.receive_marked(hand.now, 10))
        .map(|(part, mark)| (part.to_vec(), mark))
        .collect();
    assert_eq!(parts, [(b"ab".to_vec(), false), (b"c".to_vec(), true), (b"de".to_vec(), false)]);
}

#[test]
fn a_pointer_far_ahead_is_waited_for() {
    let mut hand = Hand::established(simple());
    hand.input(urgent(0, u16::MAX, b"ab"));
    assert_eq!(hand.tcb.receive_urgent(false), Err(UrgentError::OnItsWay));
    assert_eq!(hand.tcb.receive(hand.now, 10).to_vec(), b"ab");
    assert!(!hand.tcb.has_data() && !hand.tcb.has_urgent());
}

#[test]
fn acknowledged_urgent_data_are_forgotten() {
    let mut hand = Hand::established(simple());
    hand.tcb.send_message(hand.now, b"abc".to_vec().into(), Boundary::Urgent).expect("open");
    let sent = hand.sent();
    assert_eq!((sent[0].flags.contains(Flags::URG), sent[0].urgent), (true, 3));
    hand.input(segment(Flags::ACK, IRS + 1, ISS + 4, b""));
    assert!(hand.tcb.urgent.is_none());
    hand.tcb.send(hand.now, b"d".to_vec().into()).expect("open");
    assert!(!hand.sent()[0].flags.contains(Flags::URG));
}

proptest! {
    /// Whatever the pointers say, in line the stream is whole; out of line no byte comes twice, and order is kept.
    #[test]
    fn the_stream_survives(
        parts in prop::collection::vec((0u32..120, 1usize..40, any::<bool>(), any::<u16>(), 0usize..50), 1..40),
        inline: bool,
        base: u32,
    ) {
        let stream: Vec<u8> = (0..160).collect();
        let mut hand = Hand::established(Config { oob_inline: inline, ..simple() });
        let mut got = Vec::new();
        for (at, len, flag, pointer, read) in parts {
            let end = (at as usize + len).min(stream.len());
            let pointer = if base % 2 == 0 { pointer % 64 } else { pointer };
            let mut part = urgent(at, pointer, &stream[at as usize..end]);
            part.flags.set(Flags::URG, flag);
            hand.input(part);
            got.extend(hand.tcb.receive(hand.now, read).to_vec());
            prop_assert_eq!(hand.tcb.check_invariants(), Ok(()));
        }
        while hand.tcb.receive_len() > 0 {
            got.extend(hand.tcb.receive(hand.now, 100).to_vec());
        }
        if inline {
            prop_assert_eq!(&got[..], &stream[..got.len()]);
        } else {
            prop_assert!(got.is_sorted_by(|a, b| a < b), "{:?}", got);
        }
    }
}
