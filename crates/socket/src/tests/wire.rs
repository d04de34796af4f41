//! Two hosts on a wire.

use super::*;
use Errno as E;

/// A connection over the wire: the client on host 0, the server on host 1, its listener.
fn connected(n: &mut Net, family: Family, to: &str) -> (Sock, Sock, Sock) {
    let listener = n.socket(1, family, Transport::Tcp);
    let any = if family == Family::Inet { "0.0.0.0:80" } else { "[::]:80" };
    n.bind(listener, any).expect("bound");
    n.listen(listener, 16).expect("listens");
    let client = n.socket(0, family, Transport::Tcp);
    assert_eq!(n.connect(client, to), Err(E::EINPROGRESS));
    let server = n.accept(listener).expect("a connection");
    (client, server, listener)
}

#[test]
fn both_families() {
    for (family, to) in [
        (Family::Inet, "10.0.0.2:80"),
        (Family::Inet6, "[fd61::2]:80"),
        (Family::Inet6, "[::ffff:10.0.0.2]:80"),
    ] {
        let mut n = Net::pair();
        let (c, a, _) = connected(&mut n, family, to);
        assert_eq!((n.peer(c).as_deref(), n.local(a).as_str()), (Ok(to), to));
        assert_eq!(n.send(c, b"ping"), Ok(4));
        assert_eq!(n.recv(a, 9), Ok(b"ping".to_vec()));
        assert_eq!(n.send(a, b"pong"), Ok(4));
        assert_eq!(n.recv(c, 9), Ok(b"pong".to_vec()));
        n.close(c);
        assert_eq!(n.recv(a, 9), Ok(vec![]));
        n.close(a);
        n.pass(Duration::from_secs(200));
    }
}

#[test]
fn bytes_in_are_bytes_out() {
    let mut n = Net::pair();
    let (c, a, _) = connected(&mut n, Family::Inet, "10.0.0.2:80");
    let text: Vec<u8> = (0..10_000_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
    let (mut sent, mut got) = (0, Vec::new());
    while got.len() < text.len() {
        match n.send(c, &text[sent..(sent + 200_000).min(text.len())]) {
            Ok(len) => sent += len,
            Err(error) => assert_eq!(error, E::EAGAIN),
        }
        match n.recv(a, 150_000) {
            Ok(bytes) => got.extend(bytes),
            Err(error) => {
                assert_eq!(error, E::EAGAIN);
                n.pass(Duration::from_millis(50));
            }
        }
    }
    assert!(got == text);
}

#[test]
fn refused_over_the_wire() {
    let mut n = Net::pair();
    let s = n.tcp();
    assert_eq!(n.connect(s, "10.0.0.2:9"), Err(E::EINPROGRESS));
    assert_eq!(n.error(s), Some(E::ECONNREFUSED));
    let u = n.udp();
    assert_eq!(n.connect(u, "10.0.0.2:9"), Ok(()));
    assert_eq!(n.send(u, b"x"), Ok(1));
    assert_eq!(n.recv(u, 9), Err(E::ECONNREFUSED));
}

#[test]
fn nobody_there() {
    let mut n = Net::pair();
    let s = n.tcp();
    assert_eq!(n.connect(s, "10.0.0.9:80"), Err(E::EINPROGRESS));
    assert_eq!(n.poll(s), "-");
    n.pass(Duration::from_millis(3500));
    assert_eq!(n.poll(s), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.connect(s, "10.0.0.9:80"), Err(E::EHOSTUNREACH));
}

#[test]
fn a_cut_wire_times_out() {
    let mut n = Net::pair();
    let (c, _, _) = connected(&mut n, Family::Inet, "10.0.0.2:80");
    n.set(c, Opt::TcpUserTimeout, Value::Int(5000)).expect("set");
    n.cut = true;
    assert_eq!(n.send(c, b"lost"), Ok(4));
    n.pass(Duration::from_secs(60));
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert!(matches!(n.recv(c, 1), Err(E::ETIMEDOUT | E::EHOSTUNREACH)));
    assert_eq!(n.recv(c, 1), Ok(vec![]));
}

#[test]
fn datagrams_both_ways() {
    let mut n = Net::pair();
    let server = n.socket(1, Family::Inet6, Transport::Udp);
    assert_eq!(n.bind(server, "[::]:53"), Ok(()));
    for (family, to) in [(Family::Inet, "10.0.0.2:53"), (Family::Inet6, "[fd61::2]:53")] {
        let client = n.socket(0, family, Transport::Udp);
        assert_eq!(n.connect(client, to), Ok(()));
        assert_eq!(n.send(client, b"q"), Ok(1));
        let (bytes, from) = n.recv_from(server).expect("a query");
        assert_eq!(bytes, b"q");
        assert_eq!(n.send_to(server, b"answer", &from), Ok(6));
        assert!(n.changed().contains(&client));
        assert_eq!(n.recv_from(client), Ok((b"answer".to_vec(), to.to_owned())));
    }
}

#[test]
fn every_change_of_readiness_is_announced() {
    let mut n = Net::pair();
    let (c, a, listener) = connected(&mut n, Family::Inet, "10.0.0.2:80");
    let announced = n.changed();
    assert!([c, a, listener].iter().all(|sock| announced.contains(sock)), "{announced:?}");
    assert_eq!(n.changed(), []);
    assert_eq!(n.send(c, b"x"), Ok(1));
    assert!(n.changed().contains(&a));
    assert_eq!(n.shut(c, How::Write), Ok(()));
    assert!(n.changed().contains(&a));
    assert_eq!(n.recv(a, 9), Ok(b"x".to_vec()));
    assert_eq!(n.send(a, b"y"), Ok(1));
    assert!(n.changed().contains(&c));
    // Unread data: the other side is reset.
    n.close(c);
    assert!(n.changed().contains(&a));
    assert_eq!(n.poll(a), "IN|OUT|ERR|HUP|RDHUP");
}

#[test]
fn a_silent_peer_is_probed() {
    let mut n = Net::pair();
    let (c, _, _) = connected(&mut n, Family::Inet6, "[fd61::2]:80");
    for (opt, value) in
        [(Opt::SoKeepAlive, 1), (Opt::TcpKeepIdle, 10), (Opt::TcpKeepIntvl, 2), (Opt::TcpKeepCnt, 3)]
    {
        n.set(c, opt, Value::Int(value)).expect("set");
    }
    n.pass(Duration::from_secs(60));
    assert_eq!(n.poll(c), "OUT");
    n.cut = true;
    n.pass(Duration::from_secs(30));
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert!(matches!(n.recv(c, 1), Err(E::ETIMEDOUT | E::EHOSTUNREACH)));
}

#[test]
fn ip_options_are_on_the_packets() {
    use sockeye_wire::ip::Header;
    let mut n = Net::lone();
    n.hosts[0].set_tap(true);
    let marks = |n: &mut Net, call: &mut dyn FnMut(&mut Net)| -> Vec<(u8, u8)> {
        while n.hosts[0].poll_tap().is_some() {}
        call(n);
        let mut out = Vec::new();
        while let Some((_, frame)) = n.hosts[0].poll_tap() {
            if let sockeye_wire::Payload::Packet(packet) = frame.payload {
                out.push(match packet.ip {
                    Header::V4(v4) => (v4.ttl, v4.tos),
                    Header::V6(v6) => (v6.hop_limit, v6.traffic_class),
                });
            }
        }
        out
    };
    let (c, a) = n.connected();
    n.set(c, Opt::IpTtl, Value::Int(9)).expect("set");
    n.set(c, Opt::IpTos, Value::Int(0x10)).expect("set");
    let seen = marks(&mut n, &mut |n| assert_eq!(n.send(c, b"x"), Ok(1)));
    assert_eq!(seen.first(), Some(&(9, 0x10)));
    let seen = marks(&mut n, &mut |n| assert_eq!(n.send(a, b"x"), Ok(1)));
    assert_eq!(seen.first(), Some(&(64, 0)));

    // One socket, both families, each with its own.
    let u = n.udp6();
    for (opt, value) in
        [(Opt::Ipv6UnicastHops, 7), (Opt::Ipv6Tclass, 0x20), (Opt::IpTtl, 8), (Opt::IpTos, 0x30)]
    {
        n.set(u, opt, Value::Int(value)).expect("set");
    }
    let seen = marks(&mut n, &mut |n| assert_eq!(n.send_to(u, b"x", "[::1]:9"), Ok(1)));
    assert_eq!(seen.first(), Some(&(7, 0x20)));
    let seen = marks(&mut n, &mut |n| assert_eq!(n.send_to(u, b"x", "[::ffff:127.0.0.1]:9"), Ok(1)));
    assert_eq!(seen.first(), Some(&(8, 0x30)));
}
