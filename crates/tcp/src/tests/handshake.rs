//! Opening: actively, passively, both at once; what the SYNs agree on.

use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::Flags;

use super::hand::{Hand, ISS, segment, simple};
use super::pair::{Pair, Pipe};
use crate::{Config, State};

#[test]
fn three_segments() {
    let mut pair = Pair::plain();
    pair.connect(0);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.states(), [State::Established; 2]);
    let flags: Vec<Flags> = pair.seen.iter().map(|seen| seen.segment.flags).collect();
    assert_eq!(flags, [Flags::SYN, Flags::SYN | Flags::ACK, Flags::ACK]);
    let syn = &pair.seen[0].segment;
    assert_eq!((syn.window, syn.options.mss, syn.options.window_scale), (64_240, Some(1460), Some(10)));
    assert_eq!(pair.seen[1].segment.window, 65_160);
    let info = pair.tcb(0).info();
    assert_eq!(info.handshake, Some(Duration::from_millis(20)));
    assert_eq!(info.rtt, Some(Duration::from_millis(20)));
    assert_eq!((info.snd_mss, info.cwnd, info.snd_wscale, info.timestamps), (1448, 10, Some(10), true));
    assert_eq!(pair.tcb(1).info().handshake, Some(Duration::from_millis(20)));
    // Scaled from the first ACK on: the SYN's window, in whole KiB.
    assert_eq!(pair.tcb(1).info().snd_wnd, 64_512);
}

#[test]
fn without_options() {
    let mut pair = Pair::new(
        Config { window_scaling: false, timestamps: false, ..Config::default() },
        Config::default(),
        Pipe::default(),
        1,
    );
    pair.connect(0);
    pair.run_for(Duration::from_secs(1));
    let info = pair.tcb(1).info();
    assert_eq!((info.snd_mss, info.snd_wscale, info.timestamps, info.snd_wnd), (1460, None, false, 64_240));
}

#[test]
fn both_open_at_once() {
    let mut pair = Pair::plain();
    pair.ends[1].listens = false;
    pair.connect(0);
    pair.connect(1);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!(pair.tcb(0).snd_una(), SeqNum(1001));
    pair.send(0, b"one");
    pair.send(1, b"two");
    pair.run_for(Duration::from_secs(1));
    assert_eq!((&pair.ends[0].received[..], &pair.ends[1].received[..]), (&b"two"[..], &b"one"[..]));
}

#[test]
fn each_segment_lost_once() {
    for drops in [vec![0], vec![1], vec![2], vec![0, 1, 2], vec![1, 2, 3]] {
        let mut pair = Pair::new(Config::default(), Config::default(), Pipe { drops, ..Pipe::default() }, 1);
        pair.connect(0);
        pair.send(0, b"hello");
        pair.run_until(|pair| pair.ends[1].received == b"hello");
        assert_eq!(pair.states(), [State::Established; 2]);
    }
}

#[test]
fn data_queued_before_the_handshake_waits_for_it() {
    let mut hand = Hand::connect(simple());
    assert_eq!(hand.tcb.send_room(), 0);
    hand.tcb.send(hand.now, b"early".to_vec().into()).unwrap();
    assert!(hand.sent().iter().all(|segment| segment.payload.is_empty()));
    let out = hand.input(segment(Flags::SYN | Flags::ACK, 9000, ISS + 1, b""));
    assert_eq!(out.len(), 1, "the data carries the acknowledgement");
    assert_eq!(out[0].payload.to_vec(), b"early");
}

#[test]
fn close_while_shaking_hands() {
    let mut hand = Hand::accept(simple());
    hand.sent();
    hand.tcb.close(hand.now);
    assert_eq!(hand.tcb.state(), State::SynReceived);
    let out = hand.input(segment(Flags::ACK, 9001, ISS + 1, b""));
    assert_eq!(hand.tcb.state(), State::FinWait1);
    assert_eq!(out[0].flags, Flags::FIN | Flags::ACK);
    let mut hand = Hand::connect(simple());
    hand.sent();
    hand.tcb.close(hand.now);
    assert!(hand.tcb.is_finished() && hand.sent().is_empty());
}

/// With what the congestion control keeps.
#[test]
fn small_when_idle() {
    assert!(size_of::<crate::Tcb>() <= 792, "{}", size_of::<crate::Tcb>());
}

#[test]
fn a_repeated_syn_gets_the_syn_ack_again_within_limits() {
    let mut hand = Hand::accept(simple());
    hand.sent();
    let syn = segment(Flags::SYN, super::hand::IRS, 0, b"");
    assert_eq!(hand.input(syn.clone()).len(), 1);
    assert_eq!(hand.input(syn.clone()).len(), 0);
    hand.now += Duration::from_millis(500);
    assert_eq!(hand.input(syn)[0].flags, Flags::SYN | Flags::ACK);
    hand.input(segment(Flags::ACK, super::hand::IRS + 1, ISS + 1, b""));
    assert_eq!(hand.tcb.info().rtt, None, "which one was acknowledged?");
}
