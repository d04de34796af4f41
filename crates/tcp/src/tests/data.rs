//! Data both ways, losses and their repair, windows, delayed acknowledgements, small segments.

use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use super::hand::{Hand, IRS, ISS, brief, segment, simple};
use super::pair::{Pair, Pipe, pattern};
use crate::{Buffer, Config, State};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn both_ways_through_the_wrap() {
    let mut pair = Pair::established(Pipe::default());
    let (there, back) = (pattern(3_000_000), pattern(500_000));
    pair.send(0, &there);
    pair.send(1, &back);
    pair.run_for(Duration::from_secs(20));
    assert!(pair.ends[1].received == there && pair.ends[0].received == back);
    let info = pair.tcb(0).info();
    assert_eq!((info.bytes_acked, info.total_retrans, info.unacked), (3_000_001, 0, 0));
    assert_eq!(pair.tcb(1).info().bytes_received, 3_000_000);
    assert_eq!(info.data_segs_out, pair.tcb(1).info().data_segs_in);
    assert!(info.data_segs_out >= 3_000_000 / 1448);
}

#[test]
fn starts_with_ten_segments_and_doubles() {
    let mut pair = Pair::established(Pipe { delay: ms(100), ..Pipe::default() });
    pair.send(0, &pattern(200_000));
    let first: usize = pair.from(0).map(|seen| seen.segment.count()).sum();
    assert_eq!(first, 10);
    pair.run_for(ms(250));
    let total: usize = pair.from(0).map(|seen| seen.segment.count()).sum();
    assert_eq!(total, 30);
}

#[test]
fn super_segments_have_whole_parts() {
    let mut pair = Pair::established(Pipe { delay: Duration::from_micros(10), ..Pipe::default() });
    pair.send(0, &pattern(7_000));
    let sent: Vec<&Segment> = pair.from(0).map(|seen| &seen.segment).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].gso_size, sent[0].count(), sent[0].payload.len()), (1448, 5, 7_000));
    assert!(sent[0].flags.contains(Flags::PSH));
    assert_eq!(pair.tcb(0).info().data_segs_out, 5);
}

#[test]
fn one_loss_is_repaired_without_a_timeout() {
    let config = Config { gso: false, ..Config::default() };
    let pipe = Pipe { drops: vec![2], ..Pipe::default() };
    let mut pair = Pair::established_with(config.clone(), config, pipe);
    let data = pattern(14_480);
    let start = pair.now;
    pair.send(0, &data);
    pair.run_until(|pair| pair.ends[1].received.len() == data.len());
    assert_eq!(pair.ends[1].received, data);
    assert_eq!(pair.now.since(start), ms(30), "the data, its duplicate acknowledgements, the repetition");
    pair.run_for(ms(100));
    let info = pair.tcb(0).info();
    // CUBIC keeps seven tenths of the twelve the window had grown to.
    assert_eq!((info.total_retrans, info.ssthresh), (1, 8));
}

#[test]
fn newreno_repairs_several_losses_of_a_window() {
    let config = Config { gso: false, sack: false, ..Config::default() };
    let pipe = Pipe { drops: vec![1, 4, 7], ..Pipe::default() };
    let mut pair = Pair::established_with(config.clone(), config, pipe);
    let data = pattern(14_480);
    let start = pair.now;
    pair.send(0, &data);
    pair.run_until(|pair| pair.ends[1].received.len() == data.len());
    assert_eq!(pair.now.since(start), ms(70), "a hole a round trip");
    assert_eq!(pair.tcb(0).info().total_retrans, 3);
}

#[test]
fn a_lost_tail_is_probed_for() {
    let pipe = Pipe { drops: vec![0], ..Pipe::default() };
    let mut pair = Pair::established(pipe);
    let start = pair.now;
    pair.send(0, b"tail");
    pair.run_until(|pair| pair.ends[1].received == b"tail");
    // Two round trips, 200 ms in which an acknowledgement may be delayed, but no later than the timeout; and the way.
    assert_eq!(pair.now.since(start), ms(230));
    pair.run_for(ms(100));
    let info = pair.tcb(0).info();
    assert_eq!((info.total_retrans, info.cwnd, info.backoff), (1, 10, 0));
}

#[test]
fn a_timeout_repeats_everything_slowly() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, pattern(5000).into()).unwrap();
    assert_eq!(hand.sent().len(), 5);
    let out = hand.wait();
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 1, 1000)]);
    let out = hand.input(segment(Flags::ACK, IRS + 1, ISS + 1001, b""));
    assert_eq!(out.iter().map(|segment| brief(segment).1).collect::<Vec<_>>(), [1001, 2001]);
    // The rest had come after all.
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 5001, b"")), []);
    assert_eq!(hand.deadline(), None);
}

#[test]
fn order_and_repetition_of_what_comes_do_not_matter() {
    let mut hand = Hand::established(simple());
    let part = |seq: u32, bytes: &[u8]| segment(Flags::ACK, IRS + 1 + seq, ISS + 1, bytes);
    let out = hand.input(part(3, b"de"));
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 1, 0)]);
    assert_eq!(hand.input(part(3, b"de")).len(), 1);
    let mut last = part(6, b"gh");
    last.flags |= Flags::FIN;
    assert_eq!(hand.input(last).len(), 1);
    let out = hand.input(part(0, b"abcd"));
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 6, 0)]);
    assert_eq!(hand.input(part(0, b"abc")).len(), 1, "an old one is answered");
    assert_eq!(hand.tcb.state(), State::Established);
    let out = hand.input(part(4, b"ef"));
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 10, 0)]);
    assert_eq!(hand.tcb.state(), State::CloseWait);
    assert_eq!(hand.tcb.peek(3).to_vec(), b"abc");
    assert_eq!(hand.tcb.receive(hand.now, 100).to_vec(), b"abcdefgh");
    assert!(hand.tcb.receive_closed());
}

#[test]
fn acknowledgements_are_delayed_once_it_is_an_exchange() {
    let mut hand = Hand::established(simple());
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b"a")).len(), 1, "at once at the start");
    hand.tcb.send(hand.now, b"answer".to_vec().into()).unwrap();
    hand.sent();
    assert_eq!(hand.input(segment(Flags::ACK, IRS + 2, ISS + 7, b"b")), []);
    assert_eq!(hand.deadline(), Some(hand.now + ms(40)));
    let out = hand.wait();
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 7, 3, 0)]);
    assert_eq!(hand.deadline(), None);
}

#[test]
fn every_second_full_segment_is_acknowledged() {
    let mut hand = Hand::established(simple());
    hand.tcb.quick_acks = 0;
    let full = [0; 1000];
    let mut answers = Vec::new();
    for i in 0..6 {
        let at_once = hand.input(segment(Flags::ACK, IRS + 1 + i * 1000, ISS + 1, &full)).len();
        // The first waits for the program to read, as it would take back a bit of the SYN's window.
        hand.tcb.receive(hand.now, 10_000);
        answers.push(at_once + hand.sent().len());
    }
    assert_eq!(answers, [0, 1, 0, 1, 0, 1]);
    let mut large = segment(Flags::ACK, IRS + 6001, ISS + 1, &[0; 3000]);
    large.gso_size = 1000;
    let at_once = hand.input(large).len();
    hand.tcb.receive(hand.now, 10_000);
    assert_eq!(at_once + hand.sent().len(), 1, "one value, three segments");
}

#[test]
fn the_window_closes_and_opens_without_shrinking() {
    let mut hand = Hand::established(simple());
    let mut edge = SeqNum(IRS + 1 + 10_000);
    for i in 0..10 {
        for answer in hand.input(segment(Flags::ACK, IRS + 1 + i * 1000, ISS + 1, &[1; 1000])) {
            let new = answer.ack + u32::from(answer.window);
            assert!(new.at_or_after(edge));
            edge = new;
        }
    }
    assert_eq!(hand.tcb.info().rcv_wnd, 0);
    let out = hand.input(segment(Flags::ACK, IRS + 10_001, ISS + 1, b"too much"));
    assert_eq!(out.iter().map(|out| (brief(out).2, out.window)).collect::<Vec<_>>(), [(10_001, 0)]);
    // Reading a little opens nothing: no silly windows.
    hand.tcb.receive(hand.now, 900);
    assert_eq!(hand.sent(), []);
    hand.tcb.receive(hand.now, 1200);
    assert_eq!(hand.sent().iter().map(|out| out.window).collect::<Vec<_>>(), [2000]);
    // A lone FIN gets in whatever the window.
    let mut hand = Hand::established(Config { receive_buffer: Buffer::locked(2304), ..simple() });
    hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, &[1; 1000]));
    hand.input(segment(Flags::FIN | Flags::ACK, IRS + 1001, ISS + 1, b""));
    assert_eq!(hand.tcb.state(), State::CloseWait);
}

/// The timestamps make a segment smaller than it is guessed to be: the window would be less than one, and stay shut.
#[test]
fn a_window_of_one_segment_opens_again() {
    let server =
        Config { mss: 536, receive_buffer: Buffer::locked(2000), window_scaling: false, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), server, Pipe::default());
    pair.ends[1].reads = 0;
    pair.send(0, &pattern(5000));
    pair.run_for(Duration::from_secs(1));
    pair.ends[1].reads = usize::MAX;
    pair.settle();
    pair.run_for(Duration::from_secs(10));
    assert!(pair.ends[1].received == pattern(5000));
}

/// A window of no more than a segment, of which a few bytes were left: once they came it is not they that are offered
/// again.
#[test]
fn the_rest_of_a_window_does_not_become_the_window() {
    let config = Config { receive_buffer: Buffer::locked(2304), mss: 800, ..simple() };
    let mut hand = Hand::established(config);
    let mut windows = Vec::new();
    let mut seq = IRS + 1;
    for len in [800, 792, 8] {
        let mut out = hand.input(segment(Flags::ACK, seq, ISS + 1, &vec![1; len]));
        seq += len as u32;
        hand.tcb.receive(hand.now, 1000);
        out.extend(hand.sent());
        if hand.deadline().is_some() {
            out.extend(hand.wait());
        }
        windows.push(out.last().map(|out| out.window));
    }
    assert_eq!(windows.last(), Some(&Some(800)), "{windows:?}");
}

#[test]
fn byte_by_byte_the_window_still_closes() {
    let config = Config { receive_buffer: Buffer::locked(600_000), ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), config, Pipe::default());
    pair.ends[1].reads = 0;
    pair.tcb(0).set_nodelay(sockeye_base::Instant::ZERO, true);
    pair.send(0, &[0; 299_000]);
    pair.run_for(Duration::from_secs(10));
    for _ in 0..1500 {
        pair.send(0, b"x");
        pair.run_for(ms(30));
    }
    let grain = 1 << pair.tcb(1).info().rcv_wscale.unwrap();
    let held = pair.tcb(1).receive_len();
    // The last sixteenth is no window to speak of.
    assert!((280_000..=300_000 + grain).contains(&held), "{held}");
    pair.ends[1].reads = usize::MAX;
    pair.settle();
    pair.run_for(Duration::from_secs(300));
    assert_eq!(pair.ends[1].received.len(), 300_500);
}

#[test]
fn small_segments_wait_for_small_ones() {
    let mut hand = Hand::established(simple());
    let write = |hand: &mut Hand, bytes: usize| {
        hand.tcb.send(hand.now, vec![0; bytes].into()).unwrap();
        hand.sent().iter().map(|out| out.payload.len()).collect::<Vec<_>>()
    };
    assert_eq!(write(&mut hand, 10), [10]);
    assert_eq!(write(&mut hand, 20), [0usize; 0], "one is out");
    assert_eq!(write(&mut hand, 1500), [1000], "a full one goes");
    let out = hand.input(segment(Flags::ACK, IRS + 1, ISS + 11, b""));
    assert_eq!(
        out.iter().map(|out| out.payload.len()).collect::<Vec<_>>(),
        [520],
        "Minshall: only full ones are out"
    );
    hand.tcb.set_nodelay(hand.now, true);
    assert_eq!(write(&mut hand, 5), [5]);
    hand.tcb.set_cork(hand.now, true);
    assert_eq!(write(&mut hand, 5), [0usize; 0]);
    hand.tcb.set_cork(hand.now, false);
    assert_eq!(hand.sent().len(), 1);
}

#[test]
fn a_cork_holds_for_a_fifth_of_a_second() {
    let mut hand = Hand::established(Config { cork: true, ..simple() });
    hand.tcb.send(hand.now, b"held".to_vec().into()).unwrap();
    assert_eq!(hand.sent(), []);
    assert_eq!(hand.deadline(), Some(hand.now + ms(201)));
    assert_eq!(hand.wait().len(), 1);
}

#[test]
fn a_window_that_shrinks_is_borne() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, pattern(8000).into()).unwrap();
    assert_eq!(hand.sent().len(), 8);
    let mut shrunk = segment(Flags::ACK, IRS + 1, ISS + 1001, b"");
    shrunk.window = 500;
    assert_eq!(hand.input(shrunk), []);
    // The first is repeated by the timer, the rest wait for the window.
    assert_eq!(hand.wait().iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1001, 1, 1000)]);
    let out = hand.input(segment(Flags::ACK, IRS + 1, ISS + 8001, b""));
    assert_eq!(out, []);
    assert_eq!(hand.tcb.unacked_len(), 0);
}

#[test]
fn acknowledgements_of_nothing_are_challenged() {
    let mut hand = Hand::established(simple());
    let out = hand.input(segment(Flags::ACK, IRS + 1, ISS + 100, b"data"));
    assert_eq!(out.iter().map(brief).collect::<Vec<_>>(), [(Flags::ACK, 1, 1, 0)]);
    assert_eq!(hand.tcb.receive_len(), 0);
    hand.now += ms(500);
    let out = hand.input(segment(Flags::ACK, IRS + 1, ISS.wrapping_sub(100_000), b"data"));
    assert_eq!((out.len(), hand.tcb.receive_len()), (1, 0));
}

#[test]
fn old_timestamps_mark_duplicates() {
    let mut pair = Pair::established(Pipe::default());
    pair.run_for(Duration::from_secs(5));
    pair.send(0, b"new");
    pair.run_for(ms(100));
    let mut old = pair.from(0).next().unwrap().segment.clone();
    old.seq += 3;
    let timestamps = old.options.timestamps.as_mut().unwrap();
    // One tick is borne.
    timestamps.value -= 2;
    let now = pair.now;
    let reply = pair.tcb(1).input(now, old.clone()).reply;
    assert!(reply.is_some());
    assert_eq!(pair.ends[1].received, b"new");
    assert_eq!(pair.tcb(1).receive_len(), 0);
    old.options.timestamps.as_mut().unwrap().value += 3;
    pair.tcb(1).input(now, old);
    assert_eq!(pair.tcb(1).receive_len(), 3);
}

#[test]
fn a_smaller_path_is_used_at_once() {
    let mut hand = Hand::established(simple());
    hand.tcb.send(hand.now, pattern(2000).into()).unwrap();
    assert_eq!(hand.sent().len(), 2);
    hand.tcb.path_mtu(hand.now, 500);
    let out = hand.sent();
    assert_eq!(out.iter().map(|out| out.payload.len()).collect::<Vec<_>>(), [500; 4]);
    assert_eq!(hand.tcb.info().cwnd, 20);
}

#[test]
fn a_window_larger_than_the_field_can_say_is_not_told_anew() {
    let first = Buffer { least: 4096, first: 131_072, most: 1 << 20, locked: false };
    let mut hand = Hand::established(Config { receive_buffer: first, ..simple() });
    hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, &[1; 100]));
    hand.sent();
    // As the program reads more in a round trip the buffer grows, and the window would, too.
    hand.tcb.grow_receive_buffer(200_000);
    hand.tcb.window.ssthresh = 200_000;
    assert_eq!(hand.tcb.receive(hand.now, 100).len(), 100);
    assert!(hand.sent().is_empty(), "an acknowledgement for a window that is known");
}
