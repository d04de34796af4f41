use sockeye_wire::arp;

use super::*;

fn arp(operation: arp::Operation, sender: (u8, &str), target: (Mac, &str), to: Mac) -> Frame {
    let packet = arp::Packet {
        operation,
        sender_mac: mac(sender.0),
        sender_ip: sender.1.parse().unwrap(),
        target_mac: target.0,
        target_ip: target.1.parse().unwrap(),
    };
    Frame::between(mac(sender.0), to, Payload::Arp(packet))
}

/// Sends a datagram from `a`; says what left at once.
fn send(pair: &mut Pair, id: UdpId, to: &str) -> Vec<(Mac, String)> {
    pair.a.udp_send(pair.now, id, Some(at(to, 7)), bytes("x")).unwrap();
    let mut out = Vec::new();
    while let Some((_, frame)) = pair.a.poll_frame() {
        let destination = frame.ethernet.unwrap().destination;
        pair.wire.push((pair.now, true, *frame));
        out.push((destination, pair.words().pop().unwrap()));
    }
    out
}

#[test]
fn three_probes_then_unreachable() {
    for (any, missing, probe) in [("0.0.0.0", "10.61.0.9", ">arp-request"), ("::", "fd61::9", ">ns")] {
        let mut pair = Pair::new();
        let start = pair.now;
        let id = pair.connect(at(missing, 80));
        let udp = pair.a.udp_bind(pair.now, request(any, 0)).unwrap();
        pair.a.udp_connect(udp, at(missing, 80)).unwrap();
        pair.a.udp_send(pair.now, udp, None, bytes("x")).unwrap();
        pair.pass(Duration::from_millis(2999));
        assert_eq!(pair.a.tcp(id).unwrap().error(), None);
        pair.pass(Duration::from_millis(1));
        let times: Vec<Duration> = pair.wire.iter().map(|(at, ..)| at.since(start)).collect();
        assert_eq!(times, [0, 1, 2].map(Duration::from_secs));
        assert!(pair.words().iter().all(|word| word == probe));
        // Linux 6.18: EHOSTUNREACH after 3.07 s; a connected UDP socket hears nothing.
        let error = sockeye_tcp::Error::Unreachable(sockeye_tcp::Unreachable::Host);
        assert_eq!(pair.a.tcp(id).unwrap().error(), Some(error));
        assert!(pair.a.tcp(id).unwrap().is_finished());
        assert_eq!(pair.a.poll_event(), Some(Event::Connection(id)));
        assert_eq!((pair.a.poll_event(), pair.a.udp_take_error(udp)), (None, None));
        // The next one asks anew.
        pair.connect(at(missing, 80));
        assert_eq!(pair.words(), [probe]);
    }
}

#[test]
fn what_waits_is_bounded_and_goes_in_order() {
    let mut pair = Pair::new();
    let b = pair.b.udp_bind(pair.now, request("0.0.0.0", 7)).unwrap();
    let a = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    for i in 0..150 {
        pair.a.udp_send(pair.now, a, Some(at("10.61.0.2", 7)), bytes(&i.to_string())).unwrap();
    }
    pair.run();
    assert_eq!(pair.b.udp_queue_len(b), 101);
    // The oldest made room.
    assert_eq!(pair.b.udp_receive(b, false).unwrap().payload, bytes("49"));
}

#[test]
fn a_known_neighbour_is_probed_when_it_has_been_silent() {
    let mut pair = Pair::new();
    let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    pair.b.udp_bind(pair.now, request("0.0.0.0", 7)).unwrap();
    pair.a.udp_send(pair.now, id, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
    pair.pass(Duration::from_secs(100));
    assert_eq!(pair.words(), [">arp-request", "<arp-reply", ">udp"]);
    assert_eq!(pair.a.next_deadline(), None);
    // Stale: used at once, asked directly 5 s later.
    pair.a.udp_send(pair.now, id, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
    pair.pass(Duration::from_millis(4999));
    assert_eq!(pair.words(), [">udp"]);
    pair.pass(Duration::from_millis(1));
    assert_eq!(
        pair.wire.first().and_then(|(_, _, frame)| frame.ethernet).map(|header| header.destination),
        Some(mac(2))
    );
    assert_eq!(pair.words(), [">arp-request", "<arp-reply"]);
    // Gone: three direct probes, then it is unknown.
    pair.pass(Duration::from_secs(100));
    pair.cut = true;
    pair.a.udp_send(pair.now, id, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
    pair.pass(Duration::from_secs(20));
    assert_eq!(pair.words(), [">udp", ">arp-request", ">arp-request", ">arp-request"]);
    pair.a.udp_send(pair.now, id, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
    pair.run();
    let last = pair.wire.last().and_then(|(_, _, frame)| frame.ethernet).unwrap();
    assert_eq!(last.destination, Mac::BROADCAST);
}

#[test]
fn acknowledged_data_confirms() {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 1);
    let id = pair.connect(at("10.61.0.2", 80));
    let accepted = pair.b.tcp_accept(listener).unwrap();
    pair.pass(Duration::from_secs(100));
    pair.words();
    for _ in 0..20 {
        pair.a.with_tcp(pair.now, id, |tcb| tcb.send(Instant::ZERO, bytes("x"))).unwrap().unwrap();
        pair.pass(Duration::from_secs(3));
        pair.b.with_tcp(pair.now, accepted, |tcb| tcb.receive(Instant::ZERO, 10)).unwrap();
    }
    let asked = pair.words().into_iter().filter(|word| word == ">arp-request").count();
    assert_eq!(asked, 0);
}

#[test]
fn who_is_remembered() {
    use arp::Operation::{Reply, Request};
    let zero = Mac([0; 6]);
    let cases = [
        ("who asked for us", arp(Request, (9, "10.61.0.9"), (zero, "10.61.0.1"), Mac::BROADCAST), true),
        ("who asked for another", arp(Request, (9, "10.61.0.9"), (zero, "10.61.0.3"), Mac::BROADCAST), false),
        ("who announced itself", arp(Request, (9, "10.61.0.9"), (zero, "10.61.0.9"), Mac::BROADCAST), false),
        ("who answered unasked", arp(Reply, (9, "10.61.0.9"), (mac(1), "10.61.0.1"), mac(1)), false),
        ("not for this host", arp(Request, (9, "10.61.0.9"), (zero, "10.61.0.1"), mac(5)), false),
    ];
    for (what, frame, known) in cases {
        let mut pair = Pair::new();
        let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
        pair.a.input(pair.now, ETH0, frame);
        while pair.a.poll_frame().is_some() {}
        let expected =
            if known { (mac(9), ">udp".to_owned()) } else { (Mac::BROADCAST, ">arp-request".to_owned()) };
        assert_eq!(send(&mut pair, id, "10.61.0.9"), [expected], "{what}");
    }
}

#[test]
fn a_new_address_is_believed_after_a_second() {
    let mut pair = Pair::new();
    let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    pair.a.udp_send(pair.now, id, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
    pair.run();
    let moved = || arp(arp::Operation::Request, (8, "10.61.0.2"), (Mac([0; 6]), "10.61.0.2"), Mac::BROADCAST);
    for (after, expected) in [(500, mac(2)), (600, mac(8))] {
        pair.pass(Duration::from_millis(after));
        pair.a.input(pair.now, ETH0, moved());
        assert_eq!(send(&mut pair, id, "10.61.0.2"), [(expected, ">udp".to_owned())]);
    }
}

#[test]
fn the_table_is_bounded() {
    let mut pair = Pair::new();
    for host in 0..5000u32 {
        let sender = std::net::Ipv4Addr::from_bits(0x0a3e_0000 + host).to_string();
        let frame = arp(arp::Operation::Request, (9, &sender), (Mac([0; 6]), "10.61.0.1"), Mac::BROADCAST);
        pair.a.input(pair.now, ETH0, frame);
        while pair.a.poll_frame().is_some() {}
    }
    assert_eq!(pair.a.links[1].neighbours.len(), 1024);
}

#[test]
fn our_own_address_stays_ours() {
    let mut pair = Pair::new();
    let claim = arp(arp::Operation::Request, (9, "10.61.0.1"), (Mac([0; 6]), "10.61.0.1"), Mac::BROADCAST);
    pair.a.input(pair.now, ETH0, claim);
    assert_eq!(pair.a.links[1].neighbours.len(), 0);
}
