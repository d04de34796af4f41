//! Segments and moments that are easily got wrong: each what an RFC or Linux says of it.

use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Timestamps};

use super::hand::{Hand, IRS, ISS, brief, segment, simple};
use super::pair::{Pair, Pipe, pattern};
use crate::{Config, Congestion, Error, State};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A connection with timestamps; the peer's SYN-ACK carried this one.
fn with_timestamps(value: u32) -> Hand {
    let mut hand = Hand::connect(Config { timestamps: true, ..simple() });
    hand.sent();
    let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
    let timestamps = Some(Timestamps { value, echo: 0 });
    syn_ack.options = Options { mss: Some(1000), timestamps, ..Options::default() };
    hand.input(syn_ack);
    assert_eq!(hand.tcb.state(), State::Established);
    hand
}

#[test]
fn a_strangers_timestamp_does_not_shut_the_peer_out() {
    let mut hand = with_timestamps(1000);
    // In the window, but it acknowledges what was never sent.
    let mut forged = segment(Flags::ACK, IRS + 1, ISS + 100_000, b"");
    forged.options.timestamps = Some(Timestamps { value: 1000 + (1 << 30), echo: 0 });
    hand.input(forged);
    let mut honest = segment(Flags::ACK, IRS + 1, ISS + 1, b"data");
    honest.options.timestamps = Some(Timestamps { value: 1001, echo: 0 });
    hand.input(honest);
    assert_eq!(hand.tcb.receive_len(), 4);
}

#[test]
fn a_timestamp_of_zero_in_the_syn_says_nothing() {
    let mut hand = with_timestamps(0);
    let mut data = segment(Flags::ACK, IRS + 1, ISS + 1, b"data");
    data.options.timestamps = Some(Timestamps { value: 0x9000_0000, echo: 0 });
    hand.input(data);
    assert_eq!(hand.tcb.receive_len(), 4);
}

#[test]
fn overtaken_within_a_tick_it_counts() {
    let mut hand = with_timestamps(1000);
    let data = |at: u32, value: u32| {
        let mut data = segment(Flags::ACK, IRS + 1 + at, ISS + 1, b"data");
        data.options.timestamps = Some(Timestamps { value, echo: 0 });
        data
    };
    hand.input(data(0, 1005));
    hand.input(data(4, 1004));
    assert_eq!((hand.tcb.receive_len(), hand.tcb.ts_recent), (8, 1005));
    hand.input(data(8, 1003));
    assert_eq!(hand.tcb.receive_len(), 8);
}

#[test]
fn an_old_acknowledgement_opens_no_window() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, pattern(2000).into()).unwrap();
    hand.sent();
    let mut shut = segment(Flags::ACK, IRS + 1, ISS + 2001, b"");
    shut.window = 0;
    hand.input(shut);
    // Newer data, but with an acknowledgement from before, as a middlebox or a forger makes it.
    let mut odd = segment(Flags::ACK, IRS + 2, ISS + 1001, b"data");
    odd.window = 20_000;
    hand.input(odd);
    assert_eq!(hand.tcb.info().snd_wnd, 0);
}

#[test]
fn an_acknowledgement_overtaken_by_data_counts() {
    let mut hand = Hand::established(simple());
    // Once acknowledgements are delayed, the peer can't know that its data came.
    hand.tcb.set_quick_ack(hand.now, false);
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.sent();
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b"data")), []);
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 2, b"")), []);
    assert_eq!(hand.tcb.unacked_len(), 0);
}

#[test]
fn an_mss_of_zero_is_none() {
    let mut hand = Hand::connect(simple());
    hand.sent();
    let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
    syn_ack.options = Options { mss: Some(0), ..Options::default() };
    hand.input(syn_ack);
    assert_eq!(hand.tcb.info().snd_mss, 536);
}

#[test]
fn idle_restarts_from_the_initial_window_whatever_was_lost() {
    // Two losses far apart, then silence.
    let mut pair = Pair::established(Pipe { drops: vec![1, 12, 30], ..Pipe::default() });
    pair.send(0, &pattern(300_000));
    pair.run_for(Duration::from_secs(5));
    assert!(pair.tcb(0).info().total_retrans > 1);
    let cwnd = pair.tcb(0).info().cwnd;
    assert!(cwnd > 2, "{cwnd}");
    pair.run_for(Duration::from_secs(60));
    pair.send(0, b"again");
    assert_eq!(pair.tcb(0).info().cwnd, cwnd.min(10));
}

#[test]
fn a_timeout_in_fast_recovery_does_not_cut_twice() {
    let mut hand = Hand::established(Config { congestion: Congestion::Reno, ..simple() });
    hand.tcb.send(hand.now, pattern(10_000).into()).unwrap();
    assert_eq!(hand.sent().len(), 10);
    for _ in 0..3 {
        hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b""));
    }
    assert_eq!(hand.tcb.info().ssthresh, 5);
    // Half of it is acknowledged, then the repeated segment is lost.
    hand.input(segment(Flags::ACK, IRS + 1, ISS + 5001, b""));
    hand.wait();
    assert_eq!((hand.tcb.info().ssthresh, hand.tcb.info().cwnd), (5, 1));
}

/// Answers each probe with a shut window until it gives up; when that is.
fn shut_out(hand: &mut Hand) -> Duration {
    let mut shut = segment(Flags::ACK, IRS + 1, ISS + 1, b"");
    shut.window = 0;
    hand.input(shut.clone());
    let start = hand.now;
    hand.tcb.send(hand.now, b"waits".to_vec().into()).unwrap();
    if hand.tcb.config().user_timeout.is_none() {
        hand.tcb.close(hand.now);
    }
    hand.sent();
    while hand.tcb.state() != State::Closed {
        hand.wait();
        hand.input(shut.clone());
        assert!(hand.now.since(start) < Duration::from_secs(3600), "held for ever");
    }
    hand.now.since(start)
}

#[test]
fn a_peer_can_not_hold_an_orphan_with_a_shut_window() {
    let mut hand = Hand::established(simple());
    // 201 ms doubled until it would be more than 120 s.
    let after = shut_out(&mut hand);
    assert!(after > Duration::from_secs(120) && after < Duration::from_secs(400), "{after:?}");
}

#[test]
fn the_user_timeout_bounds_the_wait_for_a_window() {
    let timeout = Duration::from_secs(10);
    let mut hand = Hand::established(Config { user_timeout: Some(timeout), ..simple() });
    let after = shut_out(&mut hand);
    assert_eq!(hand.tcb.error(), Some(Error::TimedOut));
    assert!(after >= timeout && after < timeout * 3, "{after:?}");
}

#[test]
fn quick_acks_as_told() {
    let mut hand = Hand::established(simple());
    assert!(hand.tcb.quick_ack());
    hand.tcb.set_quick_ack(hand.now, false);
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b"a")), []);
    hand.tcb.set_quick_ack(hand.now, true);
    assert_eq!(hand.sent().iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 2, 0)]);
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 2, ISS + 1, b"b")).len(), 1);

    let mut hand = Hand::connect(Config { quick_ack: false, ..simple() });
    hand.sent();
    assert_eq!(hand.input(segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"")), []);
    assert_eq!(hand.wait().iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 1, 0)]);
    assert_eq!(hand.tcb.last_ack_sent, SeqNum(IRS + 1));
}

#[test]
fn the_end_of_the_stream_outlives_a_reset() {
    for state in [State::CloseWait, State::LastAck, State::Closing] {
        let mut hand = Hand::in_state(state);
        assert!(hand.tcb.fin_received());
        hand.input(segment(Flags::RST, IRS + 2, 0, b""));
        assert_eq!((hand.tcb.state(), hand.tcb.fin_received()), (State::Closed, true), "{state}");
        hand.now += ms(1);
    }
    assert!(!Hand::in_state(State::FinWait2).tcb.fin_received());
}
