//! More SYNs than a listener can remember, and handshakes that find the accept queue full.

use sockeye_base::{Counter, SeqNum};
use sockeye_wire::ip as wire_ip;
use sockeye_wire::tcp::{Flags, Segment};

use super::*;

/// A SYN, or what follows it, from a port of `a` that no socket has.
fn segment(pair: &mut Pair, flags: Flags, source: u16, ack: SeqNum) {
    let seq = if flags.contains(Flags::SYN) { SeqNum(100) } else { SeqNum(101) };
    let segment = Segment { source, destination: 80, flags, seq, ack, window: 1000, ..Segment::default() };
    let ip = wire_ip::Header::new(super::ip("10.61.0.1"), super::ip("10.61.0.2")).unwrap();
    pair.b.input(pair.now, ETH0, Frame::packet(Packet::new(ip, segment)));
}

/// What `b` answered last.
fn answer(pair: &mut Pair) -> Option<Segment> {
    let frames = std::iter::from_fn(|| pair.b.poll_frame());
    frames.filter_map(|(_, frame)| frame.as_segment().cloned()).last()
}

/// `b` knows the way back to `a`.
fn acquainted() -> Pair {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 79, 0);
    pair.connect(at("10.61.0.2", 79));
    assert!(pair.b.tcp_accept(listener).is_some());
    pair.words();
    pair
}

#[test]
fn a_flood_takes_no_memory_and_shuts_nobody_out() {
    let mut pair = acquainted();
    let listener = pair.listen("0.0.0.0", 80, 10);
    let before = pair.b.tcp_len();
    for round in 0..20_000u32 {
        segment(&mut pair, Flags::SYN, (round % 60_000) as u16 + 1, SeqNum(0));
        while pair.b.poll_frame().is_some() {}
        assert!(pair.b.tcp_len() <= before + 11, "a backlog of 10 remembers 11");
    }
    assert_eq!(pair.b.counters()[Counter::SyncookiesSent], 20_000 - 11);
    assert_eq!(pair.b.counters()[Counter::ReqQFullDoCookies], 20_000 - 11);
    // An honest client, in the middle of it.
    let id = pair.connect(at("10.61.0.2", 80));
    assert_eq!(pair.a.tcp(id).map(|tcb| tcb.state()), Some(sockeye_tcp::State::Established));
    assert_eq!((pair.b.tcp_ready(listener), pair.b.counters()[Counter::SyncookiesRecv]), (1, 1));
    let accepted = pair.b.tcp_accept(listener).unwrap();
    assert_eq!(pair.b.tcp(accepted).map(|tcb| tcb.info().sack), Some(true), "the timestamp said so");
    // What is half open goes when nobody finishes it.
    pair.pass(Duration::from_secs(200));
    assert_eq!(pair.b.tcp_len(), before + 1);
}

#[test]
fn without_cookies_the_rest_is_dropped() {
    let mut pair = acquainted();
    pair.b.settings_mut().tcp_syncookies = 0;
    let listener = pair.listen("0.0.0.0", 80, 2);
    let answered = (1..10).filter(|port| {
        segment(&mut pair, Flags::SYN, *port, SeqNum(0));
        answer(&mut pair).is_some()
    });
    assert_eq!(answered.count(), 3);
    let counters = pair.b.counters();
    assert_eq!((counters[Counter::ReqQFullDrop], counters[Counter::ListenDrops]), (6, 6));
    // Three quarters of tcp_max_syn_backlog, and one, however long the backlog.
    pair.b.settings_mut().tcp_max_syn_backlog = 8;
    pair.b.tcp_set_backlog(listener, 100);
    let answered = (10..30).filter(|port| {
        segment(&mut pair, Flags::SYN, *port, SeqNum(0));
        answer(&mut pair).is_some()
    });
    assert_eq!(answered.count(), 4, "and the three from before");
}

#[test]
fn a_full_accept_queue() {
    for abort in [false, true] {
        let mut pair = acquainted();
        pair.b.settings_mut().tcp_abort_on_overflow = abort;
        let listener = pair.listen("0.0.0.0", 80, 1);
        let mut syn_acks = Vec::new();
        // The third, when the first is done.
        for (port, earlier) in [(1, None), (2, None), (3, Some(0))] {
            if let Some(earlier) = earlier {
                let (port, syn_ack): &(u16, Segment) = &syn_acks[earlier];
                segment(&mut pair, Flags::ACK, *port, syn_ack.seq + 1);
            }
            segment(&mut pair, Flags::SYN, port, SeqNum(0));
            syn_acks.push((port, answer(&mut pair).unwrap()));
        }
        segment(&mut pair, Flags::ACK, 2, syn_acks[1].1.seq + 1);
        assert_eq!(pair.b.tcp_ready(listener), 2);
        segment(&mut pair, Flags::ACK, 3, syn_acks[2].1.seq + 1);
        let reset = answer(&mut pair).filter(|answer| answer.flags.contains(Flags::RST));
        assert_eq!(reset.is_some(), abort);
        segment(&mut pair, Flags::SYN, 4, SeqNum(0));
        assert_eq!(answer(&mut pair), None, "no handshake begins that could not end");
        let counters = pair.b.counters();
        assert_eq!((counters[Counter::ListenOverflows], counters[Counter::ListenDrops]), (2, 2));
        assert_eq!(counters[Counter::EmbryonicRsts], u64::from(abort));
        // The SYN-ACK comes again, and by then there is room.
        pair.b.tcp_accept(listener);
        let again = pair.b.next_deadline().filter(|_| !abort);
        if let Some(at) = again {
            pair.now = at;
            pair.b.advance(at);
            assert_eq!(answer(&mut pair).map(|answer| answer.seq), Some(syn_acks[2].1.seq));
            segment(&mut pair, Flags::ACK, 3, syn_acks[2].1.seq + 1);
            assert_eq!(pair.b.tcp_ready(listener), 2);
        }
    }
}

#[test]
fn cookies_go_as_far_as_the_accept_queue() {
    let mut pair = acquainted();
    pair.b.settings_mut().tcp_syncookies = 2;
    let listener = pair.listen("0.0.0.0", 80, 0);
    let cookies: Vec<(u16, Segment)> = (1..4)
        .map(|port| {
            segment(&mut pair, Flags::SYN, port, SeqNum(0));
            (port, answer(&mut pair).unwrap())
        })
        .collect();
    for (port, cookie) in &cookies {
        segment(&mut pair, Flags::ACK, *port, cookie.seq + 1);
        assert_eq!(answer(&mut pair), None);
    }
    assert_eq!(pair.b.tcp_ready(listener), 1);
    let counters = pair.b.counters();
    assert_eq!((counters[Counter::SyncookiesRecv], counters[Counter::ListenOverflows]), (3, 2));
    // A false one is refused; two minutes after the last, nobody looks.
    segment(&mut pair, Flags::ACK, 9, SeqNum(12_345));
    assert!(answer(&mut pair).is_some_and(|answer| answer.flags.contains(Flags::RST)));
    pair.pass(Duration::from_secs(121));
    pair.words();
    segment(&mut pair, Flags::ACK, 9, SeqNum(12_345));
    assert_eq!(pair.b.counters()[Counter::SyncookiesFailed], 1);
}
