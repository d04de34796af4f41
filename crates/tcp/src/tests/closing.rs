//! Closing: either side first, both at once, by halves, without the user, and TIME-WAIT.

use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Timestamps};

use super::hand::{Hand, IRS, ISS, segment};
use super::pair::{Pair, Pipe};
use crate::{Buffer, Config, Error, State};

#[test]
fn either_side_first() {
    for first in 0..2 {
        let mut pair = Pair::established(Pipe::default());
        pair.with(first, |tcb, now| tcb.shutdown_send(now));
        pair.run_for(Duration::from_millis(15));
        let mut expected = [State::CloseWait; 2];
        expected[first] = State::FinWait1;
        assert_eq!(pair.states(), expected);
        pair.run_for(Duration::from_millis(100));
        expected[first] = State::FinWait2;
        assert_eq!(pair.states(), expected);
        pair.with(1 - first, |tcb, now| tcb.shutdown_send(now));
        pair.run_for(Duration::from_millis(100));
        expected = [State::Closed; 2];
        expected[first] = State::TimeWait;
        assert_eq!(pair.states(), expected);
        let (since, end) = (pair.now, pair.now + Duration::from_secs(100));
        while pair.states()[first] == State::TimeWait {
            assert!(pair.step(end));
        }
        assert!(pair.now.since(since) > Duration::from_secs(59));
        assert!(pair.now.since(since) < Duration::from_secs(60));
        assert!(pair.tcb(0).is_finished() && pair.tcb(1).is_finished());
        assert_eq!((pair.tcb(0).error(), pair.tcb(1).error()), (None, None));
    }
}

#[test]
fn both_at_once() {
    let mut pair = Pair::established(Pipe::default());
    pair.with(0, |tcb, now| tcb.shutdown_send(now));
    pair.with(1, |tcb, now| tcb.shutdown_send(now));
    assert_eq!(pair.states(), [State::FinWait1; 2]);
    pair.run_for(Duration::from_millis(10));
    assert_eq!(pair.states(), [State::Closing; 2]);
    pair.run_for(Duration::from_millis(10));
    assert_eq!(pair.states(), [State::TimeWait; 2]);
    pair.run();
    assert_eq!(pair.states(), [State::Closed; 2]);
}

#[test]
fn half_closed_it_still_receives() {
    let mut pair = Pair::established(Pipe::default());
    pair.ends[0].closes = true;
    pair.send(0, b"question");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.states(), [State::FinWait2, State::CloseWait]);
    assert!(pair.tcb(1).receive_closed() && !pair.tcb(0).receive_closed());
    pair.send(1, &[7; 100_000]);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.ends[0].received.len(), 100_000);
    pair.with(1, |tcb, now| tcb.shutdown_send(now));
    pair.run();
    assert_eq!(pair.states(), [State::Closed; 2]);
}

#[test]
fn lost_fins_and_acks_are_repaired() {
    for drop in 0..4 {
        let mut pair = Pair::established(Pipe { drops: vec![drop], ..Pipe::default() });
        pair.with(0, |tcb, now| tcb.close(now));
        pair.run_for(Duration::from_secs(1));
        pair.with(1, |tcb, now| tcb.close(now));
        pair.run();
        assert_eq!(pair.states(), [State::Closed; 2], "without segment {drop}");
        assert_eq!(pair.tcb(1).error(), None);
    }
}

#[test]
fn a_late_fin_restarts_time_wait() {
    let mut hand = Hand::in_state(State::TimeWait);
    let ends = hand.deadline().unwrap();
    assert_eq!(ends, hand.now + Duration::from_secs(60));
    hand.now += Duration::from_secs(30);
    let out = hand.input(segment(Flags::FIN | Flags::ACK, IRS + 1, ISS + 2, b""));
    assert_eq!((out.len(), out[0].flags), (1, Flags::ACK));
    assert_eq!(hand.deadline(), Some(ends + Duration::from_secs(30)));
}

#[test]
fn a_new_syn_may_end_time_wait() {
    let mut hand = Hand::in_state(State::TimeWait);
    let old = segment(Flags::SYN, IRS + 1, 0, b"");
    assert_eq!(hand.tcb.input(hand.now, old).restart, None);
    assert_eq!(hand.tcb.state(), State::TimeWait);
    let new = segment(Flags::SYN, IRS + 5000, 0, b"");
    assert_eq!(hand.tcb.input(hand.now, new).restart, Some(SeqNum(ISS + 2 + 65_537)));
    assert!(hand.tcb.is_finished());
}

#[test]
fn a_timestamp_tells_a_new_syn() {
    let mut pair = Pair::established(Pipe::default());
    pair.with(0, |tcb, now| tcb.close(now));
    pair.run_for(Duration::from_millis(100));
    pair.with(1, |tcb, now| tcb.close(now));
    pair.run_for(Duration::from_secs(2));
    let now = pair.now;
    let tcb = pair.tcb(0);
    assert_eq!(tcb.state(), State::TimeWait);
    let mut syn = segment(Flags::SYN, 0, 0, b"");
    syn.seq = tcb.rcv_nxt - 5000;
    syn.options =
        Options { timestamps: Some(Timestamps { value: tcb.ts_recent, echo: 0 }), ..Options::default() };
    assert_eq!(tcb.input(now, syn.clone()).restart, None);
    syn.options.timestamps = Some(Timestamps { value: tcb.ts_recent + 1, echo: 0 });
    assert!(tcb.input(now, syn).restart.is_some());
}

#[test]
fn unread_data_makes_close_a_reset() {
    let mut pair = Pair::established(Pipe::default());
    pair.ends[1].reads = 0;
    pair.send(0, b"never read");
    pair.run_for(Duration::from_millis(100));
    pair.with(1, |tcb, now| tcb.close(now));
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.states(), [State::Closed; 2]);
    assert_eq!(pair.tcb(0).error(), Some(Error::Reset));
}

#[test]
fn data_for_nobody_is_reset() {
    let mut pair = Pair::established(Pipe::default());
    pair.with(1, |tcb, now| tcb.close(now));
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.states(), [State::CloseWait, State::FinWait2]);
    pair.send(0, b"anyone there?");
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.states(), [State::Closed; 2]);
    assert_eq!(pair.tcb(0).error(), Some(Error::BrokenPipe));
}

#[test]
fn after_shutdown_for_reading_data_is_kept() {
    let mut pair = Pair::established(Pipe::default());
    pair.with(1, |tcb, _| tcb.shutdown_receive());
    assert!(pair.tcb(1).receive_closed());
    pair.ends[1].reads = 0;
    pair.send(0, b"late");
    pair.run_for(Duration::from_millis(100));
    assert_eq!((pair.tcb(1).receive_len(), pair.tcb(1).receive_closed()), (4, false));
    assert_eq!(pair.tcb(0).unacked_len(), 0);
}

#[test]
fn an_orphan_leaves_fin_wait_2() {
    let mut pair = Pair::established(Pipe::default());
    pair.with(0, |tcb, now| tcb.close(now));
    pair.run_for(Duration::from_secs(59));
    assert_eq!(pair.states()[0], State::FinWait2);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.states()[0], State::Closed);
    // One that is held doesn't.
    let mut pair = Pair::established(Pipe::default());
    pair.with(0, |tcb, now| tcb.shutdown_send(now));
    pair.run_for(Duration::from_secs(10_000));
    assert_eq!(pair.states()[0], State::FinWait2);
}

#[test]
fn fin_follows_what_is_queued() {
    let config = Config { send_buffer: Buffer::locked(1 << 20), ..Config::default() };
    let mut pair = Pair::established_with(config, Config::default(), Pipe::default());
    pair.send(0, &[1; 200_000]);
    pair.with(0, |tcb, now| tcb.close(now));
    assert_eq!(pair.tcb(0).send_room(), 0);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.ends[1].received.len(), 200_000);
    assert_eq!(pair.states(), [State::FinWait2, State::CloseWait]);
}
