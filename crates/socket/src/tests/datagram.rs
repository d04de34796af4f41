//! Datagram sockets.

use sockeye_abi::{Control, ExtendedError, MessageFlags, Origin};

use super::*;
use Errno as E;

/// A bound UDP socket on loopback, and its name.
fn bound(n: &mut Net) -> (Sock, String) {
    let s = n.udp();
    n.bind(s, "127.0.0.1:0").expect("bound");
    (s, n.local(s))
}

fn dead(n: &mut Net) -> String {
    let (s, name) = bound(n);
    n.close(s);
    name
}

#[test]
fn fresh() {
    let mut n = Net::lone();
    let s = n.udp();
    assert_eq!(n.poll(s), "OUT");
    assert!(n.hosts[0].readiness(s.1).contains(Readiness::WRBAND));
    assert_eq!(n.recv(s, 1), Err(E::EAGAIN));
    assert_eq!(n.local(s), "0.0.0.0:0");
    assert_eq!(n.send(s, b"x"), Err(E::EDESTADDRREQ));
    // The port was taken all the same.
    assert_ne!(port(&n.local(s)), 0);
    assert_eq!(n.peer(s), Err(E::ENOTCONN));
    assert_eq!(n.listen(s, 1), Err(E::EOPNOTSUPP));
    assert_eq!(n.accept(s), Err(E::EOPNOTSUPP));
    assert_eq!(n.hosts[0].unread(s.1), Ok(0));
    assert_eq!(n.shut(s, How::Read), Err(E::ENOTCONN));
    assert_eq!(n.shut(s, How::Write), Err(E::ENOTCONN));
    assert_eq!(n.send_to(s, b"x", "127.0.0.1:9"), Err(E::EPIPE));
    assert_eq!(n.poll(s), "IN|OUT|HUP|RDHUP");
}

#[test]
fn unconnected_sockets_hear_no_errors() {
    let mut n = Net::lone();
    let dead = dead(&mut n);
    let s = n.udp();
    assert_eq!(n.send_to(s, b"x", &dead), Ok(1));
    assert_eq!((n.poll(s).as_str(), n.error(s)), ("OUT", None));
    assert!(n.local(s).starts_with("0.0.0.0:"));
    assert_eq!(n.bind(s, "127.0.0.1:0"), Err(E::EINVAL));
    assert_eq!(n.send_to(s, b"x", "127.0.0.1:0"), Err(E::EINVAL));
}

#[test]
fn connected_sockets_hear_them_on_the_next_call() {
    let mut n = Net::lone();
    let dead = dead(&mut n);
    let s = n.udp();
    assert_eq!(n.connect(s, &dead), Ok(()));
    assert!(n.local(s).starts_with("127.0.0.1:"));
    assert_eq!(n.peer(s), Ok(dead.clone()));
    assert_eq!(n.send(s, b"x"), Ok(1));
    assert!(n.changed().contains(&s));
    assert_eq!(n.poll(s), "OUT|ERR");
    assert_eq!(n.send(s, b"x"), Err(E::ECONNREFUSED));
    assert_eq!(n.poll(s), "OUT");
    assert_eq!(n.recv(s, 1), Err(E::EAGAIN));
    n.pass(Duration::from_secs(5));
    assert_eq!(n.send(s, b"x"), Ok(1));
    n.changed();
    assert_eq!(n.error(s), Some(E::ECONNREFUSED));
    assert_eq!(n.shut(s, How::Write), Ok(()));
    assert_eq!(n.send(s, b"x"), Err(E::EPIPE));
    assert_eq!(n.send_to(s, b"x", &dead), Err(E::EPIPE));
    assert_eq!(n.shut(s, How::Read), Ok(()));
    assert_eq!(n.poll(s), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.recv(s, 1), Err(E::EAGAIN));
}

#[test]
fn the_error_queue() {
    let mut n = Net::lone();
    let dead = dead(&mut n);
    let s = n.udp();
    assert_eq!(n.set(s, Opt::IpRecvErr, Value::Int(1)), Ok(()));
    assert_eq!(n.connect(s, &dead), Ok(()));
    assert_eq!(n.send(s, b"x"), Ok(1));
    n.changed();
    assert_eq!(n.poll(s), "OUT|ERR");
    assert_eq!(n.recv(s, 1), Err(E::ECONNREFUSED));
    assert_eq!((n.poll(s).as_str(), n.recv(s, 1)), ("OUT|ERR", Err(E::EAGAIN)));
    let report = n.call(s, |host, now, id| host.receive_message(now, id, 9, MessageFlags::ERRQUEUE));
    let report = report.expect("a report");
    assert_eq!((report.payload.to_vec(), report.source), (b"x".to_vec(), Some(addr(&dead))));
    assert_eq!(report.flags, MessageFlags::ERRQUEUE);
    let offender = Some(addr("127.0.0.1:0"));
    let error = ExtendedError {
        errno: E::ECONNREFUSED,
        origin: Origin::Icmp,
        kind: 3,
        code: 3,
        info: 0,
        data: 0,
        offender,
    };
    assert_eq!(report.control, [Control::IpRecvErr(error)]);
    assert_eq!(n.poll(s), "OUT");
    let none = n.call(s, |host, now, id| host.receive_message(now, id, 9, MessageFlags::ERRQUEUE));
    assert_eq!(none, Err(E::EAGAIN));
}

#[test]
fn connect_filters_and_disconnect_undoes() {
    let mut n = Net::lone();
    let ((a, a_name), (b, b_name), (c, c_name)) = (bound(&mut n), bound(&mut n), bound(&mut n));
    assert_eq!(n.connect(a, &b_name), Ok(()));
    assert_eq!(n.send_to(c, b"no", &a_name), Ok(2));
    assert_eq!(n.send_to(b, b"yes", &a_name), Ok(3));
    assert_eq!(n.poll(a), "IN|OUT");
    assert_eq!(n.recv_from(a), Ok((b"yes".to_vec(), b_name.clone())));
    assert_eq!(n.recv(a, 9), Err(E::EAGAIN));
    assert_eq!(n.send_to(a, b"x", &c_name), Ok(1));
    assert_eq!(n.recv(c, 9), Ok(b"x".to_vec()));
    assert_eq!(n.connect(a, &c_name), Ok(()));
    assert_eq!(n.peer(a), Ok(c_name));

    let s = n.udp();
    assert_eq!(n.connect(s, &b_name), Ok(()));
    assert_eq!(n.bind(s, "127.0.0.1:0"), Err(E::EINVAL));
    assert_eq!(n.disconnect(s), Ok(()));
    assert_eq!((n.local(s).as_str(), n.peer(s)), ("0.0.0.0:0", Err(E::ENOTCONN)));
    assert_eq!(n.send(s, b"x"), Err(E::EDESTADDRREQ));

    let s = n.udp();
    assert_eq!(n.bind(s, "0.0.0.0:77"), Ok(()));
    assert_eq!(n.connect(s, &b_name), Ok(()));
    assert_eq!(n.local(s), "127.0.0.1:77");
    assert_eq!(n.disconnect(s), Ok(()));
    assert_eq!(n.local(s), "0.0.0.0:77");
    let s = n.udp();
    assert_eq!(n.connect(s, "127.0.0.1:0"), Ok(()));
    assert_eq!(n.peer(s), Err(E::ENOTCONN));
}

#[test]
fn sizes() {
    let mut n = Net::lone();
    let ((a, a_name), (b, _)) = (bound(&mut n), bound(&mut n));
    assert_eq!(n.send_to(b, b"", &a_name), Ok(0));
    assert_eq!(n.poll(a), "IN|OUT");
    assert_eq!(n.recv(a, 5), Ok(vec![]));
    assert_eq!(n.send_to(b, b"abcdef", &a_name), Ok(6));
    assert_eq!(n.hosts[0].unread(a.1), Ok(6));
    let peeked = n.call(a, |host, now, id| host.receive_from(now, id, true));
    assert_eq!(peeked.map(|(chain, _)| chain.to_vec()), Ok(b"abcdef".to_vec()));
    assert_eq!(n.recv(a, 6), Ok(b"abcdef".to_vec()));
    assert_eq!(n.send_to(b, &[1; 65_507], &a_name), Ok(65_507));
    assert_eq!(n.send_to(b, &[1; 65_508], &a_name), Err(E::EMSGSIZE));
    assert_eq!(n.send_to(b, &[1; 70_000], &a_name), Err(E::EMSGSIZE));
    assert_eq!(n.recv(a, 70_000).map(|bytes| bytes.len()), Ok(65_507));
}

#[test]
fn where_it_may_go() {
    let mut n = Net::lone();
    let s = n.udp();
    assert_eq!(n.send_to(s, b"x", "192.0.2.1:9"), Err(E::ENETUNREACH));
    assert_eq!(n.send_to(s, b"x", "255.255.255.255:9"), Err(E::ENETUNREACH));
    assert_eq!(n.connect(s, "255.255.255.255:9"), Err(E::ENETUNREACH));
    assert_eq!(n.send_to(s, b"x", "127.255.255.255:9"), Err(E::EACCES));
    assert_eq!(n.send_to(s, b"x", "[::1]:9"), Err(E::EAFNOSUPPORT));
    let s = n.udp6();
    assert_eq!(n.set(s, Opt::Ipv6V6Only, Value::Int(1)), Ok(()));
    assert_eq!(n.connect(s, "[::ffff:127.0.0.1]:9"), Err(E::ENETUNREACH));

    let mut n = Net::pair();
    let (s, far) = (n.udp(), n.socket(1, Family::Inet, Transport::Udp));
    assert_eq!(n.bind(far, "0.0.0.0:9"), Ok(()));
    for to in ["10.0.0.255:9", "255.255.255.255:9"] {
        assert_eq!(n.set(s, Opt::SoBroadcast, Value::Int(0)), Ok(()));
        // The limited address has no route without a default one, on Linux too.
        let limited = if to.starts_with("10.") { E::EACCES } else { E::ENETUNREACH };
        assert_eq!(n.send_to(s, b"x", to), Err(limited));
        assert_eq!(n.set(s, Opt::SoBroadcast, Value::Int(1)), Ok(()));
        let sent = n.send_to(s, b"x", to);
        assert_eq!(sent, if to.starts_with("10.") { Ok(1) } else { Err(E::ENETUNREACH) }, "{to}");
    }
    assert_eq!(n.recv(far, 9), Ok(b"x".to_vec()));
}

#[test]
fn mapped_addresses() {
    let mut n = Net::lone();
    let (v4, name) = bound(&mut n);
    let v6 = n.udp6();
    let mapped = format!("[::ffff:127.0.0.1]:{}", port(&name));
    assert_eq!(n.send_to(v6, b"hi", &mapped), Ok(2));
    assert!(n.local(v6).starts_with("[::]:"));
    let (bytes, from) = n.recv_from(v4).expect("a datagram");
    assert_eq!(bytes, b"hi");
    assert_eq!(from, format!("127.0.0.1:{}", port(&n.local(v6))));
    assert_eq!(n.send_to(v4, b"yo", &from), Ok(2));
    assert_eq!(n.recv_from(v6), Ok((b"yo".to_vec(), mapped.clone())));
    assert_eq!(n.connect(v6, &mapped), Ok(()));
    assert!(n.local(v6).starts_with("[::ffff:127.0.0.1]:"));
    assert_eq!(n.peer(v6), Ok(mapped));
}

#[test]
fn address_in_use() {
    let mut n = Net::lone();
    let (_, name) = bound(&mut n);
    let s = n.udp();
    assert_eq!(n.bind(s, &name), Err(E::EADDRINUSE));
    n.set(s, Opt::SoReuseAddr, Value::Int(1)).expect("set");
    assert_eq!(n.bind(s, &name), Err(E::EADDRINUSE));
    let (a, b) = (n.udp(), n.udp());
    for s in [a, b] {
        n.set(s, Opt::SoReuseAddr, Value::Int(1)).expect("set");
        assert_eq!(n.bind(s, "127.0.0.1:53"), Ok(()));
    }
    let s = n.udp();
    assert_eq!(n.bind(s, "10.99.0.1:0"), Err(E::EADDRNOTAVAIL));
}

#[test]
fn broadcasts_of_loopback_need_leave() {
    let mut n = Net::lone();
    let (s, heard) = (n.udp(), n.udp());
    n.bind(heard, "0.0.0.0:9999").expect("bound");
    let to = "127.255.255.255:9999";
    assert_eq!(n.send_to(s, b"x", to), Err(E::EACCES));
    assert_eq!(n.connect(s, to), Err(E::EACCES));
    n.set(s, Opt::SoBroadcast, Value::Int(1)).expect("set");
    assert_eq!(n.send_to(s, b"x", to), Ok(1));
    assert_eq!(n.recv(heard, 9), Ok(b"x".to_vec()));
    let t = n.tcp();
    assert_eq!(n.connect(t, to), Err(E::ENETUNREACH));
    assert_eq!(n.bind(t, to), Ok(()));
}

#[test]
fn shut_for_reading() {
    // Whoever blocks in a receive gets 0 (the caller's part: the socket is named as changed, and says it's shut); who
    // doesn't block gets EAGAIN; what comes all the same is received.
    let mut n = Net::lone();
    let s = n.udp();
    n.bind(s, "127.0.0.1:0").expect("bound");
    let own = n.local(s);
    assert_eq!(n.connect(s, &own), Ok(()));
    n.changed();
    assert_eq!(n.shut(s, How::Read), Ok(()));
    assert_eq!(n.changed(), [s]);
    assert_eq!(n.hosts[0].is_shut(s.1), (true, false));
    assert_eq!(n.poll(s), "IN|OUT|RDHUP");
    assert_eq!(n.recv(s, 9), Err(E::EAGAIN));
    assert_eq!(n.send(s, b"hey"), Ok(3));
    assert_eq!(n.recv(s, 9), Ok(b"hey".to_vec()));
}
