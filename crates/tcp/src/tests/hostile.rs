//! What a hostile peer or a stranger may send: each class is answered as the RFCs have it, and counted.

use sockeye_base::{Counter, Counters, Duration, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Segment, Timestamps};

use super::hand::{Hand, IRS, ISS, brief, segment, simple};
use crate::{Buffer, Config, Error, State};

/// The flags and lengths of what is answered, and what is counted.
fn answer(hand: &mut Hand, segment: Segment) -> (Vec<Flags>, Vec<Counter>) {
    hand.tcb.take_tally();
    let answers = hand.input(segment).iter().map(|answer| brief(answer).0).collect();
    let mut counters = Counters::default();
    counters.add_all(hand.tcb.take_tally());
    (answers, Counter::ALL.iter().copied().filter(|counter| counters[*counter] > 0).collect())
}

/// Data of the peer, so many bytes into its stream.
fn data(offset: u32, payload: &[u8]) -> Segment {
    segment(Flags::ACK, IRS + 1 + offset, ISS + 1, payload)
}

const ACK: &[Flags] = &[Flags::ACK];

fn check(got: (Vec<Flags>, Vec<Counter>), answers: &[Flags], counted: &[Counter]) {
    assert_eq!((&got.0[..], &got.1[..]), (answers, counted));
}

#[test]
fn reset_guesses() {
    let mut hand = Hand::established(simple());
    let reset = |seq: u32| segment(Flags::RST, IRS + 1 + seq, 0, b"");
    check(answer(&mut hand, reset(5)), ACK, &[Counter::ChallengeAck]);
    check(answer(&mut hand, reset(6)), &[], &[Counter::AckSkippedChallenge]);
    check(answer(&mut hand, reset(1 << 20)), &[], &[Counter::InvalidSequence]);
    check(
        answer(&mut hand, segment(Flags::SYN, IRS - 10, 0, b"")),
        &[],
        &[Counter::OldSequence, Counter::DelayedAckLost, Counter::AckSkippedSeq],
    );
    hand.now += Duration::from_millis(500);
    let syn = segment(Flags::SYN, IRS + 7, 0, b"");
    check(answer(&mut hand, syn), ACK, &[Counter::ChallengeAck, Counter::SynChallenge]);
    assert_eq!(hand.tcb.state(), State::Established);
    check(answer(&mut hand, reset(0)), &[], &[Counter::TcpEstabResets]);
    assert_eq!(hand.tcb.error(), Some(Error::Reset));
}

#[test]
fn optimistic_acknowledgements() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, vec![0; 500].into()).unwrap();
    hand.sent();
    let cwnd = hand.tcb.cwnd;
    let ahead = segment(Flags::ACK, IRS + 1, ISS + 1 + 501, b"");
    check(answer(&mut hand, ahead.clone()), ACK, &[Counter::AckUnsentData, Counter::ChallengeAck]);
    check(answer(&mut hand, ahead), &[], &[Counter::AckUnsentData, Counter::AckSkippedChallenge]);
    let long_ago = segment(Flags::ACK, IRS + 1, ISS.wrapping_sub(100_000), b"");
    check(answer(&mut hand, long_ago), &[], &[Counter::OldAck, Counter::AckSkippedChallenge]);
    assert_eq!((hand.tcb.flight(), hand.tcb.cwnd), (500, cwnd), "it moved nothing");
}

#[test]
fn segments_outside_of_the_window() {
    let mut hand = Hand::established(simple());
    hand.input(data(0, b"0123456789"));
    let old = data(0, b"01234");
    check(answer(&mut hand, old), ACK, &[Counter::OldSequence, Counter::DelayedAckLost]);
    let again = data(5, b"56789");
    check(answer(&mut hand, again), ACK, &[Counter::OldData, Counter::DelayedAckLost]);
    check(answer(&mut hand, data(50_000, b"x")), ACK, &[Counter::InvalidSequence]);
    // All of the window is used: what comes on top is refused.
    hand.input(data(10, &[7; 9990]));
    assert_eq!(hand.tcb.rcv_wnd(), 0);
    let beyond = data(10_000, b"x");
    check(answer(&mut hand, beyond), ACK, &[Counter::OverWindow, Counter::ZeroWindowDrop]);
    assert_eq!(hand.tcb.receive_len(), 10_000);
}

#[test]
fn overlapping_and_tiny_segments() {
    let mut hand = Hand::established(simple());
    check(answer(&mut hand, data(100, b"aaaa")), ACK, &[Counter::OfoQueue]);
    // Where two disagree the first to come has the byte.
    check(answer(&mut hand, data(102, b"bbbb")), ACK, &[Counter::OfoQueue, Counter::OfoMerge]);
    hand.input(data(0, &[b'.'; 100]));
    assert_eq!(hand.tcb.receive(hand.now, 1000).to_vec()[100..], *b"aaaabb");
    // Every other byte, as many as there are: the pieces are bounded, and what is refused may come again.
    let mut hand = Hand::established(Config { receive_buffer: Buffer::locked(200_000), ..simple() });
    let mut dropped = 0;
    for at in 0..5000 {
        let (answers, counted) = answer(&mut hand, data(1 + 2 * at, b"x"));
        assert_eq!(answers, ACK);
        dropped += usize::from(counted.contains(&Counter::OfoDrop));
    }
    assert!(dropped > 0, "4096 pieces at most");
}

#[test]
fn what_is_held_is_not_much_more_than_its_bytes() {
    let window = 50_000;
    let open = || Hand::established(Config { receive_buffer: Buffer::locked(4 * window), ..simple() });
    // Byte by byte, in order and early.
    let mut hand = open();
    for at in 0..window / 4 {
        hand.input(data(at, b"x"));
    }
    assert!(hand.tcb.receive_queue.piece_count() <= 1025, "{}", hand.tcb.receive_queue.piece_count());
    let mut hand = open();
    for at in 1..window / 4 {
        hand.input(data(at, b"x"));
    }
    hand.input(data(0, b"x"));
    assert_eq!(hand.tcb.receive_len(), window as usize / 4);
    assert!(hand.tcb.receive_queue.piece_count() <= 1026, "{}", hand.tcb.receive_queue.piece_count());
    // Long segments that bring one byte each don't stay for it.
    let mut hand = open();
    hand.input(data(0, &[1; 1000]));
    let long = sockeye_base::Bytes::from(vec![2; 1000]);
    let mut next = data(1, b"");
    next.payload = long.clone().into();
    hand.input(next);
    assert_eq!((hand.tcb.receive_len(), long.is_unique()), (1001, true));
}

#[test]
fn sack_lies() {
    let mut hand = Hand::connect(Config { sack: true, ..simple() });
    hand.sent();
    let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
    syn_ack.options = Options { mss: Some(1000), sack_permitted: true, ..Options::default() };
    hand.input(syn_ack);
    hand.tcb.send(hand.now, vec![0; 4000].into()).unwrap();
    hand.sent();
    let sack = |left: u32, right: u32| {
        let mut ack = segment(Flags::ACK, IRS + 1, ISS + 1, b"");
        ack.options.sack = vec![(SeqNum(ISS + 1 + left), SeqNum(ISS + 1 + right))];
        ack
    };
    for (left, right) in [(1000, 90_000), (3000, 2000), (50_000, 51_000), (0, 1000)] {
        check(answer(&mut hand, sack(left, right)), &[], &[Counter::SackDiscard]);
        assert_eq!(hand.tcb.info().sacked, 0, "{left} to {right}");
    }
    // Below the acknowledgement: a duplicate, but there is none of ours.
    let (_, counted) = answer(&mut hand, sack(0u32.wrapping_sub(90_000), 0));
    assert_eq!(counted, [Counter::DsackIgnored]);
    assert_eq!(hand.tcb.flight(), 4000);
}

#[test]
fn old_timestamps_and_odd_flags() {
    let mut hand = Hand::connect(Config { timestamps: true, ..simple() });
    hand.sent();
    let stamped = |flags, ack, value| {
        let mut segment = segment(flags, IRS + 1, ack, b"");
        segment.options.timestamps = Some(Timestamps { value, echo: 0 });
        segment
    };
    let mut syn_ack = stamped(Flags::SYN | Flags::ACK, ISS + 1, 1000);
    syn_ack.seq = SeqNum(IRS);
    hand.input(syn_ack);
    let old = stamped(Flags::ACK, ISS + 1, 10);
    check(answer(&mut hand, old.clone()), ACK, &[Counter::PawsEstab]);
    check(answer(&mut hand, old), &[], &[Counter::PawsEstab, Counter::AckSkippedPaws]);
    check(answer(&mut hand, segment(Flags::PSH, IRS + 1, 0, b"x")), &[], &[Counter::TcpFlags]);
}

#[test]
fn a_shrunk_window_is_borne() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, vec![0; 9000].into()).unwrap();
    assert_eq!(hand.sent().len(), 9);
    let mut shrunk = segment(Flags::ACK, IRS + 1, ISS + 1001, b"");
    shrunk.window = 10;
    check(answer(&mut hand, shrunk), &[], &[]);
    assert_eq!(hand.tcb.usable_window(), 0, "nothing new, but what is out stays out");
    assert_eq!(hand.tcb.flight(), 8000);
}

#[test]
fn data_for_nobody() {
    let mut hand = Hand::established(simple());
    hand.tcb.close(hand.now);
    hand.sent();
    check(answer(&mut hand, data(0, b"x")), &[Flags::RST], &[Counter::AbortOnData]);
    assert_eq!(hand.tcb.state(), State::Closed);
}

#[test]
fn absurd_options() {
    for options in [
        Options { mss: Some(1), ..Options::default() },
        Options { mss: Some(0), window_scale: Some(255), ..Options::default() },
        Options { mss: Some(65_535), window_scale: Some(15), sack_permitted: true, ..Options::default() },
    ] {
        let mut hand = Hand::connect(Config { window_scaling: true, ..simple() });
        hand.sent();
        let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
        syn_ack.options = options;
        hand.input(syn_ack);
        assert_eq!(hand.tcb.state(), State::Established);
        assert!((48..=1000).contains(&hand.tcb.info().snd_mss), "no segment so small that none goes");
        assert!(hand.tcb.snd_shift() <= 14, "RFC 7323, section 2.3");
    }
}
