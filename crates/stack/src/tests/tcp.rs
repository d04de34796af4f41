use sockeye_base::SeqNum;
use sockeye_tcp::{Config, Error, State};
use sockeye_wire::ip as wire_ip;
use sockeye_wire::tcp::{Flags, Segment};

use super::*;

fn state(stack: &Stack, id: ConnectionId) -> State {
    stack.tcp(id).unwrap().state()
}

fn send(pair: &mut Pair, id: ConnectionId, text: &str) {
    let now = pair.now;
    pair.a.with_tcp(now, id, |tcb| tcb.send(now, bytes(text))).unwrap().unwrap();
    pair.run();
}

#[test]
fn handshake_data_and_close() {
    for (any, server) in [("0.0.0.0", "10.61.0.2"), ("::", "fd61::2"), ("::", "10.61.0.2")] {
        let mut pair = Pair::new();
        let listener = pair.listen(any, 80, 5);
        let id = pair.connect(at(server, 80));
        assert_eq!(pair.words()[2..], [">syn", "<syn+ack", ">ack"]);
        assert_eq!(
            (pair.a.poll_event(), pair.b.poll_event()),
            (Some(Event::Connection(id)), Some(Event::Listener(listener)))
        );
        assert_eq!(pair.b.tcp_ready(listener), 1);
        let accepted = pair.b.tcp_accept(listener).unwrap();
        assert_eq!((pair.b.tcp_accept(listener), pair.b.tcp_ready(listener)), (None, 0));
        let (local, remote) = pair.a.tcp_endpoints(id).unwrap();
        assert_eq!(pair.b.tcp_endpoints(accepted), Some((remote, local)));
        assert_eq!(remote, at(server, 80));
        assert_eq!(pair.a.tcp(id).unwrap().config().mss, if server.contains(':') { 1440 } else { 1460 });

        send(&mut pair, id, "hello");
        assert_eq!(pair.b.poll_event(), Some(Event::Connection(accepted)));
        let now = pair.now;
        assert_eq!(pair.b.with_tcp(now, accepted, |tcb| tcb.receive(now, 100)), Some(bytes("hello")));
        pair.a.tcp_release(pair.now, id);
        pair.run();
        assert!(pair.b.tcp(accepted).unwrap().receive_closed());
        pair.b.tcp_release(pair.now, accepted);
        pair.run();
        // The first to close waits out its minute; the other is gone.
        assert_eq!((pair.a.tcp_time_waits(), pair.b.tcp_time_waits()), (1, 0));
        assert!(pair.b.tcp(accepted).is_none());
        pair.pass(Duration::from_secs(61));
        assert_eq!((pair.a.tcp_time_waits(), pair.a.tcp(id).is_none()), (0, true));
        assert_eq!((pair.a.next_deadline(), pair.b.next_deadline()), (None, None));
        assert!(!pair.a.tcp_ports.is_bound(local.port()));
    }
}

#[test]
fn refused() {
    for server in ["10.61.0.2", "fd61::2", "127.0.0.1", "::1", "10.61.0.1"] {
        let mut pair = Pair::new();
        let id = pair.connect(at(server, 80));
        assert_eq!(pair.a.tcp(id).unwrap().error(), Some(Error::Refused), "{server}");
        assert_eq!(pair.a.poll_event(), Some(Event::Connection(id)));
        let port = pair.a.tcp_endpoints(id).unwrap().0.port();
        assert!(!pair.a.tcp_ports.is_bound(port));
        pair.a.tcp_release(pair.now, id);
        assert!(pair.a.tcp(id).is_none());
    }
}

#[test]
fn no_way_there() {
    let mut stack = host(1);
    let mut connect = |to: SocketAddr| {
        stack.tcp_connect(Instant::ZERO, anywhere(&to), to, (Config::default(), IpOptions::default()))
    };
    for nowhere in ["8.8.8.8", "2001:db8::1", "10.61.0.255", "255.255.255.255", "224.0.0.1"] {
        assert_eq!(connect(at(nowhere, 80)), Err(ConnectError::NoRoute), "{nowhere}");
    }
    let lo = stack.bind_tcp(request("127.0.0.1", 0)).unwrap();
    let to = at("10.61.0.2", 80);
    assert_eq!(
        stack.tcp_connect(Instant::ZERO, Origin::Bound(lo), to, (Config::default(), IpOptions::default())),
        Err(ConnectError::BadSource)
    );
    assert_eq!(stack.bind_tcp(request("10.61.0.2", 0)), Err(BindError::NotLocal));
}

#[test]
fn loopback() {
    for (any, own) in [
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "10.61.0.1"),
        ("::", "::1"),
        ("::", "fd61::1"),
        ("::", "0.0.0.0"),
    ] {
        let mut stack = host(1);
        stack.set_tap(true);
        let now = Instant::ZERO;
        let bind = stack.bind_tcp(request(any, 80)).unwrap();
        let listener = stack.tcp_listen(now, bind, 5, Config::default()).unwrap();
        let id = stack
            .tcp_connect(now, anywhere(&at(own, 80)), at(own, 80), (Config::default(), IpOptions::default()))
            .unwrap();
        // All of it happens within the call, and nothing leaves.
        assert_eq!(state(&stack, id), State::Established, "{own}");
        assert_eq!(stack.poll_frame(), None);
        let accepted = stack.tcp_accept(listener).unwrap();
        let (local, remote) = stack.tcp_endpoints(id).unwrap();
        assert_eq!(local.ip(), remote.ip());
        assert_eq!(stack.tcp(id).unwrap().config().mss, if own.contains(':') { 65_476 } else { 65_495 });
        let mut seen = 0;
        while let Some((interface, frame)) = stack.poll_tap() {
            assert_eq!((interface, frame.ethernet), (InterfaceId::LOOPBACK, None));
            seen += 1;
        }
        assert_eq!(seen, 3);
        stack.with_tcp(now, id, |tcb| tcb.send(now, Chain::from(vec![7; 1000]))).unwrap().unwrap();
        assert_eq!(stack.tcp(accepted).unwrap().receive_len(), 1000);
    }
}

#[test]
fn a_backlog_of_two_admits_three() {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 2);
    let ids = [(); 5].map(|()| pair.connect(at("10.61.0.2", 80)));
    let open = ids.map(|id| state(&pair.a, id) == State::Established);
    assert_eq!(open, [true, true, true, false, false]);
    assert_eq!(pair.b.tcp_ready(listener), 3);
    // Room is used when the client tries again.
    pair.b.tcp_accept(listener).unwrap();
    pair.b.tcp_accept(listener).unwrap();
    pair.pass(Duration::from_secs(2));
    assert_eq!(ids.map(|id| state(&pair.a, id)), [State::Established; 5]);
}

#[test]
fn the_end_of_a_listener_resets_who_waits() {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 5);
    let accepted = pair.connect(at("10.61.0.2", 80));
    pair.b.tcp_accept(listener).unwrap();
    let waiting = pair.connect(at("10.61.0.2", 80));
    pair.b.tcp_unlisten(pair.now, listener);
    pair.run();
    assert_eq!(pair.a.tcp(waiting).unwrap().error(), Some(Error::Reset));
    assert_eq!(state(&pair.a, accepted), State::Established);
    let late = pair.connect(at("10.61.0.2", 80));
    assert_eq!(pair.a.tcp(late).unwrap().error(), Some(Error::Refused));
}

#[test]
fn a_reset_one_stays_in_the_accept_queue() {
    let mut pair = Pair::new();
    let listener = pair.listen("0.0.0.0", 80, 5);
    let id = pair.connect(at("10.61.0.2", 80));
    pair.a.tcp_abort(pair.now, id);
    pair.run();
    assert!(pair.a.tcp(id).is_none());
    assert_eq!(pair.b.tcp_ready(listener), 1);
    let accepted = pair.b.tcp_accept(listener).unwrap();
    assert_eq!(pair.b.tcp(accepted).unwrap().error(), Some(Error::Reset));
}

#[test]
fn ports_run_out_per_destination() {
    let settings = Settings { ip_local_port_range: (40_000, 40_003), ..Settings::default() };
    let mut stack = Stack::new(settings, Rng::from_seed(1));
    let now = Instant::ZERO;
    let mut listen = |port| {
        let bind = stack.bind_tcp(request("127.0.0.1", port)).unwrap();
        stack.tcp_listen(now, bind, 100, Config::default()).unwrap();
    };
    listen(80);
    listen(81);
    let mut connect = |port| {
        stack.tcp_connect(
            now,
            anywhere(&at("127.0.0.1", port)),
            at("127.0.0.1", port),
            (Config::default(), IpOptions::default()),
        )
    };
    let ids: Vec<ConnectionId> = (0..4).map(|_| connect(80).unwrap()).collect();
    assert_eq!(connect(80), Err(ConnectError::NoPorts));
    // Another destination may share them.
    assert!((0..4).all(|_| connect(81).is_ok()));
    assert_eq!(connect(81), Err(ConnectError::NoPorts));
    assert_eq!(stack.bind_tcp(request("127.0.0.1", 0)), Err(BindError::InUse));
    stack.tcp_abort(now, ids[2]);
    stack
        .tcp_connect(
            now,
            anywhere(&at("127.0.0.1", 80)),
            at("127.0.0.1", 80),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
}

#[test]
fn a_bound_port_connects_once_to_a_destination() {
    let mut pair = Pair::new();
    pair.listen("0.0.0.0", 80, 5);
    let share = BindRequest { reuse_address: true, ..request("0.0.0.0", 5000) };
    let [one, two] = [(); 2].map(|()| pair.a.bind_tcp(share).unwrap());
    let id = pair
        .a
        .tcp_connect(
            pair.now,
            Origin::Bound(one),
            at("10.61.0.2", 80),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
    assert_eq!(pair.a.bound_address(one), Some(at("10.61.0.1", 5000)));
    let again = pair.a.tcp_connect(
        pair.now,
        Origin::Bound(two),
        at("10.61.0.2", 80),
        (Config::default(), IpOptions::default()),
    );
    assert_eq!(again, Err(ConnectError::TupleInUse));
    assert!(
        pair.a
            .tcp_connect(
                pair.now,
                Origin::Bound(two),
                at("10.61.0.2", 81),
                (Config::default(), IpOptions::default())
            )
            .is_ok()
    );
    pair.run();
    pair.a.unbind(one);
    pair.a.unbind(two);
    assert!(pair.a.tcp_ports.is_bound(5000));
    pair.a.tcp_abort(pair.now, id);
    pair.run();
    assert!(!pair.a.tcp_ports.is_bound(5000));
}

#[test]
fn time_wait_holds_the_port_and_gives_way_to_a_new_syn() {
    let mut pair = Pair::new();
    let bind = pair.b.bind_tcp(request("0.0.0.0", 80)).unwrap();
    let listener = pair.b.tcp_listen(pair.now, bind, 5, Config::default()).unwrap();
    let client = pair.a.bind_tcp(request("0.0.0.0", 5000)).unwrap();
    let id = pair
        .a
        .tcp_connect(
            pair.now,
            Origin::Bound(client),
            at("10.61.0.2", 80),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
    pair.run();
    let accepted = pair.b.tcp_accept(listener).unwrap();
    pair.b.tcp_release(pair.now, accepted);
    pair.run();
    pair.a.tcp_release(pair.now, id);
    pair.run();
    assert_eq!(pair.b.tcp_time_waits(), 1);
    pair.pass(Duration::from_secs(2));
    let again = pair
        .a
        .tcp_connect(
            pair.now,
            Origin::Bound(client),
            at("10.61.0.2", 80),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
    pair.run();
    assert_eq!(state(&pair.a, again), State::Established);
    assert_eq!(pair.b.tcp_time_waits(), 0);
    let fresh = pair.b.tcp_accept(listener).unwrap();
    // The server goes, closing first again: without SO_REUSEADDR it can't come back for a minute.
    pair.b.tcp_release(pair.now, fresh);
    pair.run();
    pair.a.tcp_release(pair.now, again);
    pair.run();
    pair.b.tcp_unlisten(pair.now, listener);
    pair.b.unbind(bind);
    assert_eq!(pair.b.bind_tcp(request("0.0.0.0", 80)), Err(BindError::InUse));
    pair.pass(Duration::from_secs(61));
    assert!(pair.b.bind_tcp(request("0.0.0.0", 80)).is_ok());
}

#[test]
fn the_best_fitting_listener_gets_it() {
    let mut pair = Pair::new();
    let v6only = BindRequest { dual: false, ..request("::", 80) };
    let all_v4 = pair.listen("0.0.0.0", 80, 5);
    let bind = pair.b.bind_tcp(v6only).unwrap();
    let all_v6 = pair.b.tcp_listen(pair.now, bind, 5, Config::default()).unwrap();
    pair.connect(at("10.61.0.2", 80));
    pair.connect(at("fd61::2", 80));
    assert_eq!((pair.b.tcp_ready(all_v4), pair.b.tcp_ready(all_v6)), (1, 1));
    let share = BindRequest { reuse_port: true, ..request("10.61.0.2", 81) };
    let shared = [(); 2].map(|()| {
        let bind = pair.b.bind_tcp(share).unwrap();
        pair.b.tcp_listen(pair.now, bind, 100, Config::default()).unwrap()
    });
    for _ in 0..40 {
        pair.connect(at("10.61.0.2", 81));
    }
    let ready = shared.map(|id| pair.b.tcp_ready(id));
    assert_eq!(ready[0] + ready[1], 40);
    assert!(ready.iter().all(|n| *n > 5), "{ready:?}");
}

#[test]
fn an_icmp_error_is_believed_if_it_quotes_what_is_under_way() {
    use sockeye_wire::icmpv4;
    let quote = |seq: SeqNum, port: u16| {
        let segment = Segment { source: port, destination: 80, seq, flags: Flags::SYN, ..Segment::default() };
        let ip = wire_ip::Header::new(ip("10.61.0.1"), ip("10.61.0.2")).unwrap();
        let message = icmpv4::Message::DestinationUnreachable {
            code: icmpv4::Unreachable::Port,
            original: icmpv4::quote(&Packet { ip, body: Body::Tcp(segment) }),
        };
        let ip = wire_ip::Header::new(super::ip("10.61.0.2"), super::ip("10.61.0.1")).unwrap();
        Frame::between(mac(2), mac(1), Packet { ip, body: Body::Icmpv4(message) })
    };
    let mut pair = Pair::new();
    let id = pair
        .a
        .tcp_connect(
            pair.now,
            anywhere(&at("10.61.0.2", 80)),
            at("10.61.0.2", 80),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
    let (port, iss) = (pair.a.tcp_endpoints(id).unwrap().0.port(), pair.a.tcp(id).unwrap().snd_una());
    pair.a.input(pair.now, ETH0, quote(iss + 5000, port));
    assert_eq!(pair.a.tcp(id).unwrap().error(), None);
    pair.a.input(pair.now, ETH0, quote(iss, port));
    assert_eq!(pair.a.tcp(id).unwrap().error(), Some(Error::Refused));
}

#[test]
fn bulk_over_the_wire_and_over_loopback() {
    for server in ["10.61.0.2", "fd61::2"] {
        let mut pair = Pair::new();
        let listener = pair.listen("::", 80, 5);
        let id = pair.connect(at(server, 80));
        let accepted = pair.b.tcp_accept(listener).unwrap();
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i >> 3) as u8).collect();
        let (mut sent, mut got) = (0, Vec::new());
        while got.len() < data.len() {
            let now = pair.now;
            let room = pair.a.tcp(id).unwrap().send_room().min(data.len() - sent);
            let piece = Chain::from(data[sent..sent + room].to_vec());
            pair.a.with_tcp(now, id, |tcb| tcb.send(now, piece)).unwrap().unwrap();
            sent += room;
            pair.pass(Duration::from_millis(1));
            let now = pair.now;
            got.extend(pair.b.with_tcp(now, accepted, |tcb| tcb.receive(now, usize::MAX)).unwrap().to_vec());
            assert!(pair.now < Instant::from_millis(60_000), "stuck at {}", got.len());
        }
        assert!(got == data);
    }
}

#[test]
fn a_port_may_connect_to_itself() {
    // Simultaneous open with oneself, as on Linux.
    let mut stack = host(1);
    let now = Instant::ZERO;
    let bind = stack.bind_tcp(request("127.0.0.1", 5000)).unwrap();
    let id = stack
        .tcp_connect(
            now,
            Origin::Bound(bind),
            at("127.0.0.1", 5000),
            (Config::default(), IpOptions::default()),
        )
        .unwrap();
    assert_eq!(state(&stack, id), State::Established);
    stack.with_tcp(now, id, |tcb| tcb.send(now, bytes("echo"))).unwrap().unwrap();
    assert_eq!(stack.with_tcp(now, id, |tcb| tcb.receive(now, 10)), Some(bytes("echo")));
}
