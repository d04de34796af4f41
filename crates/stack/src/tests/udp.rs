use sockeye_wire::icmpv4::{Message, Unreachable};

use super::*;

#[test]
fn an_exchange_over_both_families() {
    for (client, server) in [("10.61.0.1", "10.61.0.2"), ("fd61::1", "fd61::2")] {
        let mut pair = Pair::new();
        let any = if server.contains(':') { "::" } else { "0.0.0.0" };
        let b = pair.b.udp_bind(pair.now, request(any, 7)).unwrap();
        let a = pair.a.udp_bind(pair.now, request(any, 0)).unwrap();
        pair.a.udp_connect(a, at(server, 7)).unwrap();
        let local = pair.a.udp_local(a).unwrap();
        assert_eq!(local.ip(), ip(client));
        pair.a.udp_send(pair.now, a, None, bytes("ping")).unwrap();
        pair.run();
        assert_eq!(pair.b.poll_event(), Some(Event::Udp(b)));
        assert_eq!(pair.b.poll_event(), None);
        let got = pair.b.udp_receive(b, false).unwrap();
        assert_eq!((got.source, got.arrival.destination, got.payload), (local, ip(server), bytes("ping")));
        pair.b.udp_send(pair.now, b, Some(local), bytes("pong")).unwrap();
        pair.run();
        assert_eq!((pair.a.udp_queue_len(a), pair.a.udp_next_len(a)), (1, Some(4)));
        assert_eq!(pair.a.udp_receive(a, true), pair.a.udp_receive(a, false));
        assert_eq!(pair.a.udp_receive(a, false), None);
        let words = pair.words();
        let ask = if any == "::" { [">ns", "<na"] } else { [">arp-request", "<arp-reply"] };
        // Who was asked knows who asked.
        assert_eq!(words, [ask[0], ask[1], ">udp", "<udp"]);
    }
}

#[test]
fn port_unreachable_reaches_a_connected_socket_only() {
    for (any, server) in
        [("0.0.0.0", "10.61.0.2"), ("::", "fd61::2"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")]
    {
        let mut pair = Pair::new();
        let open = pair.a.udp_bind(pair.now, request(any, 0)).unwrap();
        pair.a.udp_send(pair.now, open, Some(at(server, 9)), bytes("x")).unwrap();
        pair.run();
        assert_eq!(pair.a.udp_take_error(open), None);
        pair.a.udp_connect(open, at(server, 9)).unwrap();
        pair.a.udp_send(pair.now, open, None, bytes("x")).unwrap();
        pair.run();
        assert_eq!(pair.a.poll_event(), Some(Event::Udp(open)), "{server}");
        assert_eq!(pair.a.udp_take_error(open), Some(DatagramError::PortUnreachable));
        assert_eq!(pair.a.udp_take_error(open), None);
    }
}

#[test]
fn errors_come_at_a_bounded_rate() {
    let mut pair = Pair::new();
    let a = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    let burst = |pair: &mut Pair| {
        (0..20).for_each(|_| pair.a.udp_send(pair.now, a, Some(at("10.61.0.2", 9)), bytes("x")).unwrap());
        pair.run();
        pair.words().iter().filter(|word| *word == "<icmp").count()
    };
    assert_eq!(burst(&mut pair), 6);
    pair.pass(Duration::from_millis(2500));
    assert_eq!(burst(&mut pair), 2);
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    let mut pair = Pair::new();
    let b = pair.b.udp_bind(pair.now, request("0.0.0.0", 7)).unwrap();
    pair.b.udp_connect(b, at("10.61.0.1", 1000)).unwrap();
    assert_eq!(pair.b.udp_local(b), Some(at("10.61.0.2", 7)));
    for (port, heard) in [(1000, 1), (1001, 0)] {
        let a = pair.a.udp_bind(pair.now, request("0.0.0.0", port)).unwrap();
        pair.a.udp_send(pair.now, a, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
        pair.run();
        assert_eq!(pair.b.udp_queue_len(b), heard);
        pair.b.udp_receive(b, false);
    }
    pair.b.udp_disconnect(b, false);
    assert_eq!((pair.b.udp_local(b), pair.b.udp_remote(b)), (Some(at("0.0.0.0", 7)), None));
}

#[test]
fn the_best_fit_gets_it() {
    let mut pair = Pair::new();
    let now = pair.now;
    let share = |address: &str| BindRequest { reuse_address: true, ..request(address, 7) };
    let dual = pair.b.udp_bind(now, share("::")).unwrap();
    let all = pair.b.udp_bind(now, share("0.0.0.0")).unwrap();
    let exact = pair.b.udp_bind(now, share("10.61.0.2")).unwrap();
    let last = pair.b.udp_bind(now, share("10.61.0.2")).unwrap();
    let connected = pair.b.udp_bind(now, share("10.61.0.2")).unwrap();
    pair.b.udp_connect(connected, at("10.61.0.1", 1000)).unwrap();
    let one = pair.a.udp_bind(now, request("0.0.0.0", 1000)).unwrap();
    let other = pair.a.udp_bind(now, request("0.0.0.0", 2000)).unwrap();
    let mut expect = |from: UdpId, at_b: UdpId| {
        pair.a.udp_send(now, from, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
        pair.run();
        assert_eq!(pair.b.poll_event(), Some(Event::Udp(at_b)));
        assert!(pair.b.udp_receive(at_b, false).is_some());
    };
    expect(one, connected);
    // Of equals the one bound last (FAQ 4.11 says otherwise; seen on Linux).
    expect(other, last);
    pair.b.udp_close(last);
    let mut expect = |at_b: UdpId| {
        pair.a.udp_send(now, other, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
        pair.run();
        assert!(pair.b.udp_receive(at_b, false).is_some());
        pair.b.udp_close(at_b);
    };
    expect(exact);
    expect(all);
    expect(dual);
}

#[test]
fn queues_are_bounded() {
    let mut stack = host(1);
    let id = stack.udp_bind(Instant::ZERO, request("127.0.0.1", 7)).unwrap();
    // As measured on Linux 6.18.
    for (len, held) in
        [(1, 256), (100, 256), (500, 166), (1400, 92), (4000, 25), (9000, 12), (30_000, 6), (60_000, 3)]
    {
        for _ in 0..300 {
            stack.udp_send(Instant::ZERO, id, Some(at("127.0.0.1", 7)), Chain::from(vec![0; len])).unwrap();
        }
        assert_eq!(stack.udp_queue_len(id), held, "{len}");
        while stack.udp_receive(id, false).is_some() {}
    }
    stack.udp_set_receive_buffer(id, 1);
    stack.udp_send(Instant::ZERO, id, Some(at("127.0.0.1", 7)), Chain::from(vec![0; 65_507])).unwrap();
    assert_eq!(stack.udp_next_len(id), Some(65_507));
}

#[test]
fn what_can_not_be_sent() {
    let mut stack = host(1);
    let now = Instant::ZERO;
    let id = stack.udp_bind(now, request("0.0.0.0", 0)).unwrap();
    let mut send =
        |to: Option<SocketAddr>, len: usize| stack.udp_send(now, id, to, Chain::from(vec![0; len]));
    assert_eq!(send(None, 1), Err(SendError::NoDestination));
    assert_eq!(send(Some(at("8.8.8.8", 53)), 1), Err(SendError::NoRoute));
    assert_eq!(send(Some(at("fd61::2", 53)), 1), Err(SendError::NoRoute));
    assert_eq!(send(Some(at("127.0.0.1", 7)), 65_508), Err(SendError::TooLong));
    assert_eq!(send(Some(at("10.61.0.2", 7)), 65_508), Err(SendError::TooLong));
    assert_eq!(send(Some(at("10.61.0.2", 7)), 1473), Ok(()));
    let lo = stack.udp_bind(now, request("127.0.0.1", 0)).unwrap();
    assert_eq!(stack.udp_send(now, lo, Some(at("10.61.0.2", 7)), bytes("x")), Err(SendError::BadSource));
    assert_eq!(stack.udp_connect(lo, at("10.61.0.2", 7)), Err(ConnectError::BadSource));
    assert_eq!(stack.udp_bind(now, request("10.61.0.2", 7)), Err(BindError::NotLocal));
    assert_eq!(stack.udp_bind(now, request("fd61::2", 7)), Err(BindError::NotLocal));
}

#[test]
fn the_unspecified_address_means_this_host() {
    let mut stack = host(1);
    for (any, local) in [("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
        let id = stack.udp_bind(Instant::ZERO, request(any, 0)).unwrap();
        stack.udp_connect(id, at(any, 53)).unwrap();
        assert_eq!(
            (stack.udp_local(id).unwrap().ip(), stack.udp_remote(id)),
            (ip(local), Some(at(local, 53)))
        );
    }
    let id = stack.udp_bind(Instant::ZERO, request("0.0.0.0", 0)).unwrap();
    stack.udp_connect(id, at("127.0.0.53", 53)).unwrap();
    assert_eq!(stack.udp_local(id).unwrap().ip(), ip("127.0.0.1"));
}

#[test]
fn connecting_again_keeps_the_local_address() {
    // Seen on Linux 6.18; AF_UNSPEC in between is the way out.
    let mut stack = host(1);
    let id = stack.udp_bind(Instant::ZERO, request("0.0.0.0", 0)).unwrap();
    stack.udp_connect(id, at("127.0.0.1", 53)).unwrap();
    assert_eq!(stack.udp_connect(id, at("10.61.0.2", 53)), Err(ConnectError::BadSource));
    assert_eq!(stack.udp_remote(id), Some(at("127.0.0.1", 53)));
    stack.udp_disconnect(id, false);
    stack.udp_connect(id, at("10.61.0.2", 53)).unwrap();
    stack.udp_connect(id, at("127.0.0.1", 53)).unwrap();
    assert_eq!(stack.udp_local(id).unwrap().ip(), ip("10.61.0.1"));
}

#[test]
fn broadcast_reaches_all_who_listen() {
    let mut pair = Pair::new();
    let now = pair.now;
    let share = BindRequest { reuse_address: true, ..request("0.0.0.0", 7) };
    let both = [(); 2].map(|()| pair.b.udp_bind(now, share).unwrap());
    let a = pair.a.udp_bind(now, request("0.0.0.0", 0)).unwrap();
    pair.a.udp_send(now, a, Some(at("10.61.0.255", 7)), bytes("x")).unwrap();
    pair.a.udp_send(now, a, Some(at("10.61.0.255", 8)), bytes("x")).unwrap();
    pair.run();
    // No port unreachable answers a broadcast.
    assert_eq!(pair.words(), [">udp", ">udp"]);
    assert_eq!(both.map(|id| pair.b.udp_queue_len(id)), [1, 1]);
}

#[test]
fn echo_and_unknown_protocols_are_answered() {
    let mut pair = Pair::new();
    let header = || sockeye_wire::ip::Header::new(ip("10.61.0.1"), ip("10.61.0.2")).unwrap();
    let echo = Message::EchoRequest { id: 1, sequence: 2, payload: bytes("hello") };
    pair.a.send_routed(pair.now, Packet { ip: header(), body: Body::Icmpv4(echo) });
    pair.a.send_routed(
        pair.now,
        Packet { ip: header(), body: Body::Other { protocol: 99, payload: bytes("x") } },
    );
    pair.run();
    let answers: Vec<Body> = pair
        .wire
        .iter()
        .filter(|(_, from_a, _)| !from_a)
        .filter_map(|(_, _, frame)| match &frame.payload {
            Payload::Packet(packet) => Some(packet.body.clone()),
            Payload::Arp(_) | Payload::Bytes(_) => None,
        })
        .collect();
    let reply = Message::EchoReply { id: 1, sequence: 2, payload: bytes("hello") };
    assert_eq!(answers.first(), Some(&Body::Icmpv4(reply)));
    let Some(Body::Icmpv4(Message::DestinationUnreachable { code, .. })) = answers.get(1) else {
        panic!("{answers:?}")
    };
    assert_eq!(*code, Unreachable::Protocol);
}

/// As Linux 6.18 was seen to do it: who says DF, in datagrams and in segments behind the handshake, and whose datagrams
/// are cut.
#[test]
fn path_mtu_discovery_says_df() {
    let marked = |pair: &mut Pair| {
        pair.run();
        let all = std::mem::take(&mut pair.wire).into_iter().filter_map(|(_, from_a, frame)| {
            let Payload::Packet(Packet { ip: sockeye_wire::ip::Header::V4(header), .. }) = frame.payload
            else {
                return None;
            };
            from_a.then_some(header.dont_fragment)
        });
        all.collect::<Vec<_>>()
    };
    let expected =
        [(false, false, true), (true, true, true), (true, true, false), (true, false, false)].into_iter();
    let expected = expected.chain([(false, false, false), (false, false, true)]);
    for (discovery, (datagrams, segments, cuts)) in MtuDiscovery::ALL.into_iter().zip(expected) {
        let mut pair = Pair::new();
        let options = IpOptions { discovery, ..IpOptions::default() };
        let a = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
        pair.a.udp_set_ip_options(a, options);
        let to = Some(at("10.61.0.2", 9));
        pair.a.udp_send(pair.now, a, to, Chain::from(vec![0; 1472])).unwrap();
        assert_eq!(marked(&mut pair), [datagrams], "{discovery:?}");
        let long = pair.a.udp_send(pair.now, a, to, Chain::from(vec![0; 1473]));
        assert_eq!(long, if cuts { Ok(()) } else { Err(SendError::TooLong) }, "{discovery:?}");
        assert_eq!(marked(&mut pair), vec![false; if cuts { 2 } else { 0 }]);
        let with = (sockeye_tcp::Config::default(), options);
        pair.a.tcp_connect(pair.now, anywhere(&at("10.61.0.2", 80)), at("10.61.0.2", 80), with).unwrap();
        assert_eq!(marked(&mut pair), [segments], "{discovery:?}");
    }
}
