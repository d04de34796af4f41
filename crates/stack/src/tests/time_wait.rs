//! What is left of connections that closed first: it answers, it lasts, it ends.

use sockeye_tcp::Config;
use sockeye_wire::tcp::{Flags, Segment};

use super::*;

/// `b` closed first, so it is in TIME-WAIT; the FIN of `a`, as it went.
fn parted() -> (Pair, ListenerId, Packet) {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 5);
    let client = pair.connect(at("10.61.0.2", 80));
    let server = pair.b.tcp_accept(listener).unwrap();
    pair.b.tcp_release(pair.now, server);
    pair.run();
    pair.wire.clear();
    pair.a.tcp_release(pair.now, client);
    pair.run();
    let fin = pair.wire.first().map(|(.., frame)| frame.payload.clone());
    let Some(Payload::Packet(fin)) = fin else { panic!("{fin:?}") };
    pair.wire.clear();
    assert_eq!((pair.b.tcp_time_waits(), pair.b.tcp(server).is_none()), (1, true));
    (pair, listener, fin)
}

/// Sends a changed copy to `b`; the answers.
fn late(pair: &mut Pair, packet: &Packet, change: impl FnOnce(&mut Segment)) -> Vec<String> {
    let mut packet = packet.clone();
    let Body::Tcp(segment) = &mut packet.body else { panic!("{packet:?}") };
    change(segment);
    let frame = Frame::packet(packet);
    pair.b.input(pair.now, ETH0, frame);
    while let Some((_, frame)) = pair.b.poll_frame() {
        pair.wire.push((pair.now, false, *frame));
    }
    pair.words()
}

#[test]
fn a_repeated_fin_is_acknowledged_and_puts_off_the_end() {
    let (mut pair, _, fin) = parted();
    pair.pass(Duration::from_secs(30));
    assert_eq!(late(&mut pair, &fin, |_| {}), ["<ack"]);
    pair.pass(Duration::from_secs(59));
    assert_eq!(pair.b.tcp_time_waits(), 1);
    pair.pass(Duration::from_secs(2));
    assert_eq!((pair.b.tcp_time_waits(), pair.b.next_deadline()), (0, None));
    // Now nobody knows it.
    assert_eq!(late(&mut pair, &fin, |_| {}), ["<rst"]);
}

#[test]
fn only_the_exact_reset_ends_it() {
    let (mut pair, _, fin) = parted();
    let reset = |pair: &mut Pair, off: u32| {
        late(pair, &fin, |segment| {
            segment.flags = Flags::RST;
            segment.seq += 1 + off;
        })
    };
    assert_eq!(reset(&mut pair, 1), [""; 0]);
    assert_eq!(pair.b.tcp_time_waits(), 1);
    assert_eq!(reset(&mut pair, 0), [""; 0]);
    assert_eq!(pair.b.tcp_time_waits(), 0);
}

#[test]
fn strangers_are_answered_twice_a_second() {
    let (mut pair, _, fin) = parted();
    let old_syn = |pair: &mut Pair| {
        late(pair, &fin, |segment| {
            segment.flags = Flags::SYN;
            segment.options.timestamps = None;
        })
    };
    assert_eq!(old_syn(&mut pair), ["<ack"]);
    assert_eq!(old_syn(&mut pair), [""; 0]);
    pair.now += Duration::from_millis(500);
    assert_eq!(old_syn(&mut pair), ["<ack"]);
}

#[test]
fn they_end_in_their_own_time() {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 5);
    // The second is told to wait less long than the first.
    for seconds in [60, 10, 30] {
        let config = Config { time_wait: Duration::from_secs(seconds), ..Config::default() };
        pair.b.tcp_set_listener_config(listener, config);
        let client = pair.connect(at("10.61.0.2", 80));
        let server = pair.b.tcp_accept(listener).unwrap();
        pair.b.tcp_release(pair.now, server);
        pair.run();
        pair.a.tcp_release(pair.now, client);
        pair.run();
    }
    for (after, left) in [(9, 3), (2, 2), (18, 2), (2, 1), (28, 1), (2, 0)] {
        pair.pass(Duration::from_secs(after));
        assert_eq!(pair.b.tcp_time_waits(), left, "{after} s later");
    }
}
