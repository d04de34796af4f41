//! Losses and how they are repaired: what is repeated, and when; what is taken back.

use sockeye_base::{Duration, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Segment};

use super::hand::{Hand, IRS, ISS, segment, simple};
use super::pair::{Pair, Pipe, pattern};
use crate::{Buffer, Config, Congestion};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Single segments of 1000 bytes, no timestamps, SACK.
fn plain() -> Config {
    Config { sack: true, congestion: Congestion::Reno, ..simple() }
}

/// Established, the handshake took 100 ms, SACK on.
fn hand(config: Config) -> Hand {
    let mut hand = Hand::connect(config);
    hand.sent();
    hand.now += ms(100);
    let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
    syn_ack.options = Options { mss: Some(1000), sack_permitted: true, ..Options::default() };
    hand.input(syn_ack);
    assert!(hand.tcb.info().sack);
    hand
}

/// An acknowledgement up to `ack` bytes, with blocks of bytes.
fn ack(ack: u32, blocks: &[(u32, u32)]) -> Segment {
    let mut segment = segment(Flags::ACK, IRS + 1, ISS + 1 + ack, b"");
    let at = |byte: u32| SeqNum(ISS + 1 + byte);
    segment.options.sack = blocks.iter().map(|&(left, right)| (at(left), at(right))).collect();
    segment
}

/// The first bytes of what is sent, in thousands.
fn sent(out: &[Segment]) -> Vec<u32> {
    out.iter().map(|out| out.seq.offset_from(SeqNum(ISS + 1)) / 1000).collect()
}

fn ten_out(config: Config) -> Hand {
    let mut hand = hand(config);
    hand.tcb.send(hand.now, pattern(100_000).into()).unwrap();
    assert_eq!(sent(&hand.sent()), (0..10).collect::<Vec<_>>());
    hand.now += ms(100);
    hand
}

#[test]
fn the_third_overtaker_tells_of_a_loss() {
    let mut hand = ten_out(plain());
    assert_eq!(sent(&hand.input(ack(0, &[(1000, 2000)]))), [10], "limited transmit");
    assert_eq!(hand.tcb.info().recovery, 1);
    assert_eq!(sent(&hand.input(ack(0, &[(1000, 3000)]))), [11]);
    assert_eq!(sent(&hand.input(ack(0, &[(1000, 4000)]))), [0]);
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.ssthresh, info.sacked, info.lost, info.retrans), (3, 5, 3, 1, 1));
    assert_eq!(info.unacked, 12);
    hand.now += ms(100);
    // Proportional rate reduction: one for two that arrive.
    let more: Vec<u32> = (5..=12).flat_map(|end| sent(&hand.input(ack(0, &[(1000, end * 1000)])))).collect();
    assert_eq!(more, [12, 13, 14, 15]);
    hand.input(ack(12_000, &[]));
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.cwnd, info.total_retrans, info.lost), (0, 5, 1, 0));
}

#[test]
fn several_holes_are_filled_in_a_round_trip() {
    for holes in [&[0][..], &[0, 4], &[1, 4, 7], &[0, 1, 2]] {
        let mut pair = Pair::established_with(
            Config { gso: false, ..Config::default() },
            Config::default(),
            Pipe { drops: holes.to_vec(), ..Pipe::default() },
        );
        let start = pair.now;
        pair.send(0, &pattern(14_480));
        pair.run_until(|pair| pair.ends[1].received.len() == 14_480);
        let took = pair.now.since(start);
        assert!(took <= ms(32), "{holes:?}: {took:?}");
        let info = pair.tcb(0).info();
        assert_eq!(info.total_retrans as usize, holes.len(), "{holes:?}");
    }
}

#[test]
fn a_lost_tail_of_a_window_is_probed_for() {
    let mut hand = ten_out(plain());
    hand.input(ack(10_000, &[]));
    // All of what is out now is lost. Two round trips and 2 ms later new data probes.
    let before = hand.now;
    let out = hand.wait();
    assert_eq!((out.len(), hand.now.since(before)), (1, ms(202)));
    let next = sent(&out)[0];
    // The answer shows that the rest is lost.
    hand.now += ms(100);
    let out = hand.input(ack(10_000, &[(next * 1000, next * 1000 + 1000)]));
    assert_eq!(sent(&out), [10], "the window comes down");
    assert_eq!(hand.tcb.info().recovery, 3);
}

#[test]
fn a_probe_that_repaired_counts_as_a_loss() {
    let mut hand = hand(plain());
    hand.tcb.send(hand.now, pattern(10_000).into()).unwrap();
    hand.sent();
    hand.now += ms(100);
    hand.input(ack(9000, &[]));
    let out = hand.wait();
    assert_eq!(sent(&out), [9]);
    hand.now += ms(100);
    hand.input(ack(10_000, &[]));
    hand.tcb.send(hand.now, pattern(1000).into()).unwrap();
    hand.sent();
    let cwnd = hand.tcb.info().cwnd;
    hand.now += ms(100);
    hand.input(ack(11_000, &[]));
    assert!(hand.tcb.info().ssthresh == cwnd / 2, "{:?}", hand.tcb.info());
}

#[test]
fn a_probe_for_nothing_costs_nothing() {
    let mut hand = hand(plain());
    hand.tcb.send(hand.now, pattern(3000).into()).unwrap();
    hand.sent();
    assert_eq!(sent(&hand.wait()), [2]);
    hand.input(ack(3000, &[]));
    hand.input(ack(3000, &[(2000, 3000)]));
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.ssthresh, info.dsack_dups), (0, u32::MAX, 1));
}

#[test]
fn a_lost_window_is_sent_again_by_the_timer() {
    let mut hand = ten_out(Config { sack: true, ..plain() });
    // The probe, and then the timeout.
    assert_eq!(sent(&hand.wait()), [10]);
    let out = hand.wait();
    assert_eq!(sent(&out), [0]);
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.cwnd, info.lost, info.retrans), (4, 1, 11, 1));
    hand.now += ms(100);
    assert_eq!(sent(&hand.input(ack(1000, &[]))), [11, 12], "F-RTO: new data");
    hand.now += ms(100);
    assert_eq!(sent(&hand.input(ack(1000, &[(11_000, 12_000)]))), [1], "it was real");
    hand.now += ms(100);
    assert_eq!(sent(&hand.input(ack(2000, &[(11_000, 13_000)]))).first(), Some(&2));
}

#[test]
fn a_mistaken_timeout_is_taken_back() {
    let mut hand = ten_out(plain());
    hand.wait();
    assert_eq!(sent(&hand.wait()), [0]);
    hand.now += ms(1);
    assert_eq!(sent(&hand.input(ack(1000, &[]))), [11, 12]);
    hand.input(ack(2000, &[]));
    let info = hand.tcb.info();
    assert_eq!((info.recovery <= 1, info.ssthresh, info.total_retrans), (true, u32::MAX, 1), "{info:?}");
    assert!(info.cwnd >= 10);
}

#[test]
fn a_lost_repetition_is_repeated() {
    let mut hand = ten_out(plain());
    for end in 2..=4 {
        hand.input(ack(0, &[(1000, end * 1000)]));
    }
    assert_eq!(hand.tcb.info().retrans, 1);
    hand.now += ms(20);
    for end in 5..=12 {
        hand.input(ack(0, &[(1000, end * 1000)]));
    }
    let total = hand.tcb.info().total_retrans;
    // What was sent after the repetition arrives, the repetition does not.
    hand.now += ms(101);
    let mut out = Vec::new();
    for end in 13..=15 {
        out.extend(sent(&hand.input(ack(0, &[(1000, end * 1000)]))));
    }
    assert!(out.contains(&0), "{out:?}");
    assert_eq!((hand.tcb.info().total_retrans, hand.tcb.info().recovery), (total + 1, 3));
}

#[test]
fn reordering_is_no_loss_once_it_is_known() {
    let mut pair = Pair::established_with(
        Config { gso: false, ..Config::default() },
        Config::default(),
        Pipe { delay: ms(20), jitter: ms(4), ..Pipe::default() },
    );
    pair.send(0, &pattern(2_000_000));
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.ends[1].received.len(), 2_000_000);
    let info = pair.tcb(0).info();
    assert!(info.reord_seen > 0 && info.total_retrans < 30, "{info:?}");
}

#[test]
fn one_overtaken_is_not_repeated() {
    let mut hand = ten_out(plain());
    assert_eq!(sent(&hand.input(ack(0, &[(1000, 2000)]))), [10]);
    assert_eq!(sent(&hand.input(ack(0, &[(1000, 3000)]))), [11]);
    hand.input(ack(3000, &[]));
    let info = hand.tcb.info();
    assert_eq!((info.total_retrans, info.reord_seen, info.recovery, info.ssthresh), (0, 1, 0, u32::MAX));
}

#[test]
fn a_needless_repetition_is_taken_back() {
    let mut hand = ten_out(plain());
    for end in 2..=4 {
        hand.input(ack(0, &[(1000, end * 1000)]));
    }
    assert_eq!((hand.tcb.info().recovery, hand.tcb.info().ssthresh), (3, 5));
    hand.input(ack(10_000, &[]));
    // The peer got it twice.
    hand.input(ack(10_000, &[(0, 1000)]));
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.dsack_dups, info.ssthresh), (0, 1, u32::MAX));
    assert!(info.cwnd >= 10, "{info:?}");
}

#[test]
fn a_peer_that_throws_away_what_it_had_gets_it_again() {
    let mut hand = ten_out(plain());
    hand.input(ack(0, &[(1000, 3000)]));
    hand.input(ack(1000, &[]));
    let out = hand.wait();
    assert_eq!(sent(&out), [1]);
    let info = hand.tcb.info();
    assert_eq!((info.recovery, info.sacked), (4, 0));
}

#[test]
fn blocks_are_told_latest_first() {
    let mut hand = hand(plain());
    let blocks = |out: &[Segment]| -> Vec<(u32, u32)> {
        let from = |seq: SeqNum| seq.offset_from(SeqNum(IRS + 1));
        out[0].options.sack.iter().map(|&(left, right)| (from(left), from(right))).collect()
    };
    let part = |seq: u32, len: usize| segment(Flags::ACK, IRS + 1 + seq, ISS + 1, &vec![0; len]);
    assert_eq!(blocks(&hand.input(part(100, 100))), [(100, 200)]);
    assert_eq!(blocks(&hand.input(part(300, 100))), [(300, 400), (100, 200)]);
    assert_eq!(blocks(&hand.input(part(500, 100))), [(500, 600), (300, 400), (100, 200)]);
    assert_eq!(blocks(&hand.input(part(200, 100))), [(100, 400), (500, 600)]);
    assert_eq!(blocks(&hand.input(part(150, 100))), [(150, 250), (100, 400), (500, 600)], "twice");
    assert_eq!(blocks(&hand.input(part(0, 100))), [(500, 600)]);
    assert_eq!(blocks(&hand.input(part(50, 100))), [(50, 150), (500, 600)], "below");
    assert_eq!(blocks(&hand.input(part(400, 100))), []);
    for at in [700, 900, 1100, 1300, 1500] {
        hand.input(part(at, 100));
    }
    let out = hand.input(part(1700, 100));
    assert_eq!(blocks(&out), [(1700, 1800), (1500, 1600), (1300, 1400), (1100, 1200)]);
}

#[test]
fn without_sack_none_are_told_or_believed() {
    let mut hand = Hand::established(plain());
    assert!(!hand.tcb.info().sack);
    let out = hand.input(segment(Flags::ACK, IRS + 101, ISS + 1, b"later"));
    assert_eq!(out[0].options.sack, []);
    hand.tcb.send(hand.now, pattern(5000).into()).unwrap();
    hand.sent();
    hand.input(ack(0, &[(1000, 5000)]));
    assert_eq!(hand.tcb.info().sacked, 1, "a duplicate acknowledgement, no more");
}

/// Goodput at 1 % loss of single segments and 50 ms, kB/s.
fn goodput(congestion: Congestion, seed: u64) -> u64 {
    let config = Config {
        gso: false,
        send_buffer: Buffer::locked(1 << 20),
        receive_buffer: Buffer::locked(2 << 20),
        congestion,
        ..Config::default()
    };
    let mut pair = Pair::new(config.clone(), config, Pipe { delay: ms(25), ..Pipe::default() }, seed);
    pair.connect(0);
    pair.run_for(ms(200));
    pair.pipe.loss = 10;
    pair.pipe.data_only = true;
    let start = pair.now;
    let chunk = pattern(1 << 20);
    while pair.now.since(start) < Duration::from_secs(60) {
        if pair.ends[0].to_send.len() < chunk.len() {
            pair.ends[0].to_send.append(chunk.clone().into());
            pair.settle();
        }
        let end: Instant = pair.now + ms(100);
        while pair.step(end) {}
        pair.seen.clear();
    }
    pair.ends[1].received.len() as u64 / 60_000
}

#[test]
fn goodput_under_random_loss() {
    for (congestion, least) in [(Congestion::Reno, 290), (Congestion::Cubic, 320)] {
        let all: Vec<u64> = (1..=5).map(|seed| goodput(congestion, seed)).collect();
        let mean = all.iter().sum::<u64>() / 5;
        assert!(mean >= least, "{congestion:?}: {mean} kB/s of {all:?}");
    }
}
