//! When it gives up, and what it does until then.

use sockeye_base::{Duration, Instant};
use sockeye_wire::tcp::Flags;

use super::hand::{Hand, IRS, ISS, segment, simple};
use super::pair::{Pair, Pipe};
use crate::{Buffer, Config, Error, Keepalive, State};

/// Milliseconds from `start` at which it sends, until it is closed, and when that is.
fn times(hand: &mut Hand, start: Instant) -> (Vec<u64>, u64) {
    let mut sent = Vec::new();
    loop {
        let out = hand.wait();
        let at = hand.now.since(start).as_millis() as u64;
        if hand.tcb.state() == State::Closed {
            return (sent, at);
        }
        sent.extend(out.iter().map(|_| at));
    }
}

#[test]
fn syn_as_linux() {
    let mut hand = Hand::connect(simple());
    assert_eq!(hand.sent().len(), 1);
    let start = hand.now;
    let (sent, end) = times(&mut hand, start);
    assert_eq!(sent, [1000, 2000, 3000, 4000, 5000, 7000, 11_000, 19_000, 35_000, 67_000]);
    assert_eq!((end, hand.tcb.error()), (131_000, Some(Error::TimedOut)));
    assert!(hand.tcb.is_finished());

    let mut hand = Hand::connect(Config { syn_linear_timeouts: 0, ..simple() });
    hand.sent();
    let start = hand.now;
    let (sent, end) = times(&mut hand, start);
    assert_eq!((sent, end), (vec![1000, 3000, 7000, 15_000, 31_000, 63_000], 127_000));
}

#[test]
fn syn_ack_as_linux() {
    let mut hand = Hand::accept(simple());
    assert_eq!(hand.sent()[0].flags, Flags::SYN | Flags::ACK);
    let start = hand.now;
    let (sent, end) = times(&mut hand, start);
    assert_eq!((sent, end), (vec![1000, 3000, 7000, 15_000, 31_000], 63_000));
}

#[test]
fn data_as_linux() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.sent();
    let start = hand.now;
    let (sent, end) = times(&mut hand, start);
    assert_eq!(sent[..4], [201, 603, 1407, 3015]);
    assert_eq!(sent.len(), 15);
    // 201 ms doubled nine times, then every 120 s: the first time past 924.6 s.
    assert_eq!((end, hand.tcb.error()), (925_623, Some(Error::TimedOut)));
}

#[test]
fn an_orphan_gives_up_earlier() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.tcb.close(hand.now);
    hand.sent();
    let start = hand.now;
    assert_eq!(times(&mut hand, start).1, 201 * 511);
}

#[test]
fn a_user_timeout_is_kept() {
    let mut hand = Hand::established(Config { user_timeout: Some(Duration::from_secs(5)), ..simple() });
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.sent();
    let start = hand.now;
    assert_eq!(times(&mut hand, start).1, 5201);
}

#[test]
fn keepalive_probes_and_gives_up() {
    let keepalive = Keepalive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), count: 3 };
    let mut hand = Hand::established(simple());
    let start = hand.now;
    hand.tcb.set_keepalive(hand.now, Some(keepalive));
    let probe = hand.wait();
    assert_eq!((probe.len(), probe[0].seq.0, probe[0].flags), (1, ISS, Flags::ACK));
    // An answer: all is well for another while.
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b"")), []);
    let (sent, end) = times(&mut hand, start);
    assert_eq!((sent, end), (vec![20_000, 22_000, 24_000], 26_000));
    assert_eq!(hand.tcb.error(), Some(Error::TimedOut));
    assert_eq!(hand.tcb.check_invariants(), Ok(()));
}

#[test]
fn zero_window_probes_back_off_and_an_answering_peer_is_kept() {
    let mut pair = Pair::established_with(
        simple(),
        Config { receive_buffer: Buffer::locked(10_000), ..simple() },
        Pipe::default(),
    );
    pair.ends[1].reads = 0;
    pair.send(0, &[3; 20_000]);
    pair.run_for(Duration::from_secs(3600));
    assert_eq!((pair.tcb(1).receive_len(), pair.tcb(1).info().rcv_wnd), (5000, 0));
    let start = pair.seen[0].at;
    let probes: Vec<u64> = pair
        .from(0)
        .filter(|seen| seen.segment.payload.is_empty())
        .map(|seen| seen.at.since(start).as_millis() as u64)
        .collect();
    let gaps: Vec<u64> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[..6].windows(2).all(|pair| pair[1] == pair[0] * 2), "{gaps:?}");
    assert_eq!(gaps.iter().max(), Some(&120_000));
    pair.ends[1].reads = usize::MAX;
    pair.settle();
    pair.run_for(Duration::from_secs(200));
    assert_eq!(pair.ends[1].received, [3; 20_000]);
}

#[test]
fn a_lost_window_update_is_found_by_probing() {
    let mut pair = Pair::established_with(simple(), simple(), Pipe::default());
    pair.ends[1].reads = 0;
    pair.send(0, &[3; 30_000]);
    pair.run_for(Duration::from_secs(1));
    pair.pipe.loss = 1000;
    pair.ends[1].reads = usize::MAX;
    pair.settle();
    pair.pipe.loss = 0;
    assert!(pair.ends[1].received.len() == 10_000);
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.ends[1].received.len(), 30_000);
}

#[test]
fn a_silent_peer_with_a_shut_window_is_given_up() {
    let mut hand = Hand::established(simple());
    let mut shut = segment(Flags::ACK, IRS + 1, ISS + 1, b"");
    shut.window = 0;
    hand.input(shut);
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.sent();
    let start = hand.now;
    let (sent, _) = times(&mut hand, start);
    assert_eq!((sent.len(), hand.tcb.error()), (15, Some(Error::TimedOut)));
}
