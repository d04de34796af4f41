//! Pushes, super-segments, what calls say of their ends, and how much of the window counts as used.

use sockeye_base::Duration;
use sockeye_wire::tcp::{Flags, Segment};

use super::hand::{Hand, IRS, ISS, brief, segment, simple};
use super::pair::{Pair, Pipe, pattern};
use crate::{Boundary, Config};

const PUSHED: Flags = Flags::ACK.union(Flags::PSH);

/// A connection whose handshake took 100 ms.
fn far(config: Config) -> Hand {
    let mut hand = Hand::connect(config);
    hand.sent();
    hand.now += Duration::from_millis(100);
    let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
    syn_ack.options.mss = Some(1000);
    hand.input(syn_ack);
    hand
}

fn send(hand: &mut Hand, len: usize, boundary: Boundary) -> Vec<(Flags, u32, u32, usize)> {
    hand.tcb.send_message(hand.now, pattern(len).into(), boundary).expect("open");
    hand.sent().iter().map(brief).collect()
}

fn ack(n: u32) -> Segment {
    segment(Flags::ACK, IRS + 1, ISS + n, b"")
}

#[test]
fn on_a_long_path_super_segments_are_two_long_and_pushed() {
    let mut hand = far(Config { gso: true, ..simple() });
    let sent = send(&mut hand, 3_000, Boundary::More);
    assert_eq!(sent, [(PUSHED, 1, 1, 2000), (Flags::ACK, 2001, 1, 1000)]);
    let sent = send(&mut hand, 3_000, Boundary::None);
    assert_eq!(sent, [(PUSHED, 3001, 1, 2000), (PUSHED, 5001, 1, 1000)]);
}

#[test]
fn more_waits_for_an_acknowledgement() {
    let mut hand = far(Config { nodelay: true, ..simple() });
    assert_eq!(send(&mut hand, 1_100, Boundary::More), [(Flags::ACK, 1, 1, 1000)]);
    assert_eq!(send(&mut hand, 50, Boundary::More), []);
    let out = hand.input(ack(1001));
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1001, 1, 150)]);
    assert_eq!(send(&mut hand, 10, Boundary::More), []);
    assert_eq!(send(&mut hand, 10, Boundary::None), [(PUSHED, 1151, 1, 20)]);
}

#[test]
fn no_segment_reaches_across_a_record() {
    let mut hand = far(Config { cork: true, ..simple() });
    hand.tcb.send_message(hand.now, pattern(400).into(), Boundary::Record).expect("open");
    assert_eq!(
        send(&mut hand, 2_000, Boundary::None).iter().map(|sent| sent.3).collect::<Vec<_>>(),
        [400, 1000, 1000]
    );
}

#[test]
fn nodelay_lets_go_what_a_cork_holds() {
    let mut hand = far(Config { cork: true, ..simple() });
    assert_eq!(send(&mut hand, 40, Boundary::None), []);
    hand.tcb.set_nodelay(hand.now, true);
    assert_eq!(hand.sent().iter().map(brief).collect::<Vec<_>>(), [(PUSHED, 1, 1, 40)]);
    assert_eq!(send(&mut hand, 40, Boundary::None), []);
}

#[test]
fn slow_start_grows_to_twice_what_was_out() {
    // Nine of ten segments out: the window still grows, up to eighteen.
    let mut hand = far(simple());
    send(&mut hand, 9_000, Boundary::None);
    for n in 1..=9 {
        hand.input(ack(1 + n * 1000));
    }
    assert_eq!(hand.tcb.info().cwnd, 18);
    // Four of eighteen: it doesn't.
    send(&mut hand, 4_000, Boundary::None);
    hand.input(ack(13_001));
    assert_eq!(hand.tcb.info().cwnd, 18);
}

#[test]
fn after_idle_the_window_shrinks_only_if_told() {
    for (slow_start_after_idle, cwnd) in [(true, 10), (false, 20)] {
        let mut hand = far(Config { slow_start_after_idle, ..simple() });
        send(&mut hand, 10_000, Boundary::None);
        hand.input(ack(10_001));
        hand.now += Duration::from_secs(60);
        send(&mut hand, 1_000, Boundary::None);
        assert_eq!(hand.tcb.info().cwnd, cwnd);
    }
}

#[test]
fn takes_no_more_than_the_mark_unsent() {
    let mut hand = far(simple());
    hand.tcb.set_notsent_lowat(hand.now, 4_000);
    // A piece of half the peer's window, which goes; what is left over of it may be filled up again.
    assert_eq!(hand.tcb.send_room(), 10_000);
    send(&mut hand, 10_000, Boundary::None);
    assert_eq!((hand.tcb.unsent_len(), hand.tcb.send_room()), (0, 10_000));
    send(&mut hand, 3_000, Boundary::None);
    assert_eq!((hand.tcb.unsent_len(), hand.tcb.send_room()), (3_000, 7_000));
    send(&mut hand, 7_000, Boundary::None);
    assert_eq!(hand.tcb.send_room(), 0);
}

#[test]
fn paced_data_leaves_at_its_rate() {
    let config = Config { max_pacing_rate: Some(100_000), ..Config::default() };
    let mut pair = Pair::established_with(config, Config::default(), Pipe::default());
    let start = pair.now;
    let bytes = pattern(1_000_000);
    pair.send(0, &bytes);
    pair.run_until(|pair| pair.ends[1].received.len() == bytes.len());
    let took = pair.now.since(start);
    assert!((Duration::from_millis(9_800)..Duration::from_millis(10_100)).contains(&took), "{took:?}");
    assert_eq!(pair.tcb(0).info().total_retrans, 0);
}
