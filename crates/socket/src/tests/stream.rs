//! A stream socket before, during and after its connection.

use super::*;
use Errno as E;

#[test]
fn fresh() {
    let mut n = Net::lone();
    let s = n.tcp();
    assert_eq!(n.poll(s), "OUT|HUP");
    assert_eq!(n.recv(s, 1), Err(E::ENOTCONN));
    assert_eq!(n.send(s, b"x"), Err(E::EPIPE));
    assert_eq!(n.send_to(s, b"x", "127.0.0.1:1"), Err(E::EPIPE));
    assert_eq!(n.accept(s), Err(E::EINVAL));
    assert_eq!(n.peer(s), Err(E::ENOTCONN));
    assert_eq!(n.local(s), "0.0.0.0:0");
    for how in [How::Read, How::Write, How::Both] {
        assert_eq!(n.shut(s, how), Err(E::ENOTCONN));
    }
    // Refused, but done all the same.
    assert_eq!(n.poll(s), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.recv(s, 1), Ok(vec![]));
}

#[test]
fn bound() {
    let mut n = Net::lone();
    let s = n.tcp();
    assert_eq!(n.bind(s, "127.0.0.1:0"), Ok(()));
    assert_ne!(port(&n.local(s)), 0);
    assert_eq!(n.poll(s), "OUT|HUP");
    assert_eq!(n.bind(s, "127.0.0.1:0"), Err(E::EINVAL));
    assert_eq!(n.bind(s, "10.99.0.1:0"), Err(E::EADDRNOTAVAIL));
    assert_eq!(n.recv(s, 1), Err(E::ENOTCONN));
    assert_eq!(n.send(s, b"x"), Err(E::EPIPE));
    let other = n.tcp();
    assert_eq!(n.bind(other, "10.99.0.1:0"), Err(E::EADDRNOTAVAIL));
    assert_eq!(n.bind(other, "[::1]:0"), Err(E::EAFNOSUPPORT));
}

#[test]
fn address_in_use() {
    let mut n = Net::lone();
    let reuse = |n: &mut Net| {
        let s = n.tcp();
        n.set(s, Opt::SoReuseAddr, Value::Int(1)).expect("set");
        s
    };
    let first = n.tcp();
    assert_eq!(n.bind(first, "127.0.0.1:80"), Ok(()));
    let plain = n.tcp();
    assert_eq!(n.bind(plain, "127.0.0.1:80"), Err(E::EADDRINUSE));
    assert_eq!(n.bind(plain, "0.0.0.0:80"), Err(E::EADDRINUSE));
    let one = reuse(&mut n);
    assert_eq!(n.bind(one, "127.0.0.1:80"), Err(E::EADDRINUSE));
    let (a, b, c) = (reuse(&mut n), reuse(&mut n), reuse(&mut n));
    assert_eq!(n.bind(a, "127.0.0.1:81"), Ok(()));
    assert_eq!(n.bind(b, "127.0.0.1:81"), Ok(()));
    assert_eq!(n.listen(a, 1), Ok(()));
    assert_eq!(n.listen(b, 1), Err(E::EADDRINUSE));
    assert_eq!(n.bind(c, "127.0.0.1:81"), Err(E::EADDRINUSE));
}

#[test]
fn connects() {
    let mut n = Net::lone();
    let (listener, name) = n.listener();
    let c = n.tcp();
    assert_eq!(n.connect(c, &name), Err(E::EINPROGRESS));
    assert_eq!(n.poll(c), "OUT");
    assert!(n.changed().contains(&c));
    assert_eq!(n.error(c), None);
    assert_eq!(n.connect(c, &name), Ok(()));
    assert_eq!(n.connect(c, &name), Err(E::EISCONN));
    assert_eq!(n.poll(listener), "IN");
    let a = n.accept(listener).expect("a connection");
    assert_eq!(n.accept(listener), Err(E::EAGAIN));
    assert_eq!(n.connect(a, &name), Err(E::EISCONN));
    assert_eq!((n.peer(c), n.peer(a)), (Ok(name.clone()), Ok(n.local(c))));
    assert_eq!(n.local(a), name);
    for s in [c, a] {
        assert_eq!(n.bind(s, "127.0.0.1:0"), Err(E::EINVAL));
        assert_eq!(n.listen(s, 1), Err(E::EINVAL));
        assert_eq!(n.accept(s), Err(E::EINVAL));
        assert_eq!(n.recv(s, 1), Err(E::EAGAIN));
        assert_eq!(n.recv(s, 0), Err(E::EAGAIN));
    }
    assert_eq!(n.send_to(c, b"hello", "9.9.9.9:9"), Ok(5));
    assert_eq!(n.poll(a), "IN|OUT");
    assert_eq!(n.hosts[0].unread(a.1), Ok(5));
    let peeked = n.call(a, |host, now, id| host.receive(now, id, 3, true));
    assert_eq!(peeked.map(|chain| chain.to_vec()), Ok(b"hel".to_vec()));
    assert_eq!(n.recv(a, 2), Ok(b"he".to_vec()));
    assert_eq!(n.recv(a, 9), Ok(b"llo".to_vec()));
    assert_eq!(n.poll(a), "OUT");
}

#[test]
fn refused() {
    let mut n = Net::lone();
    let dead = n.dead();
    let (_, good) = n.listener();
    let s = n.tcp();
    assert_eq!(n.connect(s, &dead), Err(E::EINPROGRESS));
    assert_eq!(n.poll(s), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.send(s, b"x"), Err(E::ECONNREFUSED));
    assert_eq!(n.poll(s), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.error(s), None);
    assert_eq!(n.send(s, b"x"), Err(E::EPIPE));
    assert_eq!(n.recv(s, 1), Ok(vec![]));
    assert_eq!(n.peer(s), Err(E::ENOTCONN));
    assert!(n.local(s).starts_with("127.0.0.1:"));

    // The error unread: connect tells it, and the next begins anew.
    let s = n.tcp();
    assert_eq!(n.connect(s, &dead), Err(E::EINPROGRESS));
    assert_eq!(n.connect(s, &dead), Err(E::ECONNREFUSED));
    assert_eq!(n.poll(s), "OUT|HUP");
    assert_eq!(n.connect(s, &dead), Err(E::EINPROGRESS));
    assert_eq!(n.error(s), Some(E::ECONNREFUSED));
    // The error read: connect says ECONNABORTED once.
    assert_eq!(n.connect(s, &good), Err(E::ECONNABORTED));
    assert_eq!(n.poll(s), "OUT|HUP");
    assert_eq!(n.connect(s, &good), Err(E::EINPROGRESS));
    assert_eq!(n.connect(s, &good), Ok(()));

    let s = n.tcp();
    assert_eq!(n.connect(s, &dead), Err(E::EINPROGRESS));
    assert_eq!(n.recv(s, 1), Err(E::ECONNREFUSED));
    assert_eq!(n.recv(s, 1), Ok(vec![]));

    let s = n.tcp();
    assert_eq!(n.connect(s, &dead), Err(E::EINPROGRESS));
    assert_eq!(n.listen(s, 1), Err(E::EINVAL));
    assert_eq!(n.bind(s, "127.0.0.1:0"), Ok(()));
}

#[test]
fn half_closed() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.send(c, b"x"), Ok(1));
    assert_eq!(n.shut(c, How::Write), Ok(()));
    assert_eq!((n.poll(c).as_str(), n.poll(a).as_str()), ("OUT", "IN|OUT|RDHUP"));
    assert_eq!(n.send(c, b"x"), Err(E::EPIPE));
    assert_eq!(n.shut(c, How::Write), Ok(()));
    assert_eq!(n.recv(a, 10), Ok(b"x".to_vec()));
    assert_eq!(n.recv(a, 10), Ok(vec![]));
    assert_eq!(n.poll(a), "IN|OUT|RDHUP");
    assert_eq!(n.send(a, b"y"), Ok(1));
    assert_eq!(n.poll(c), "IN|OUT");
    assert_eq!(n.recv(c, 5), Ok(b"y".to_vec()));
    assert_eq!(n.shut(a, How::Write), Ok(()));
    assert_eq!((n.poll(c).as_str(), n.poll(a).as_str()), ("IN|OUT|HUP|RDHUP", "IN|OUT|HUP|RDHUP"));
    assert_eq!(n.recv(c, 1), Ok(vec![]));
    assert_eq!(n.shut(c, How::Read), Err(E::ENOTCONN));
    assert_eq!((n.peer(c), n.peer(a)), (Err(E::ENOTCONN), Err(E::ENOTCONN)));
    assert_eq!(n.send(a, b"x"), Err(E::EPIPE));
    assert_eq!(n.connect(c, "127.0.0.1:1"), Err(E::EISCONN));
    assert_eq!(n.connect(a, "127.0.0.1:1"), Err(E::EISCONN));
}

#[test]
fn shut_for_reading() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.shut(c, How::Read), Ok(()));
    assert_eq!((n.poll(c).as_str(), n.poll(a).as_str()), ("IN|OUT|RDHUP", "OUT"));
    assert_eq!(n.recv(c, 1), Ok(vec![]));
    // What comes later can still be read, as on Linux.
    assert_eq!(n.send(a, b"abc"), Ok(3));
    assert_eq!(n.recv(c, 10), Ok(b"abc".to_vec()));
    assert_eq!(n.recv(c, 10), Ok(vec![]));
}

#[test]
fn shut_both_ways() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.shut(c, How::Both), Ok(()));
    assert_eq!((n.poll(c).as_str(), n.poll(a).as_str()), ("IN|OUT|HUP|RDHUP", "IN|OUT|RDHUP"));
}

#[test]
fn to_itself_and_to_nobody() {
    let mut n = Net::lone();
    let listener = n.tcp6();
    assert_eq!(n.bind(listener, "[::]:80"), Ok(()));
    assert_eq!(n.listen(listener, 5), Ok(()));
    let c = n.tcp();
    assert_eq!(n.connect(c, "0.0.0.0:80"), Err(E::EINPROGRESS));
    assert_eq!(n.peer(c).as_deref(), Ok("127.0.0.1:80"));
    let a = n.accept(listener).expect("a connection");
    assert_eq!(n.local(a), "[::ffff:127.0.0.1]:80");
    assert!(n.peer(a).expect("a peer").starts_with("[::ffff:127.0.0.1]:"));
    for (to, peer) in [
        ("[::]:80", "[::1]:80"),
        ("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80"),
        ("[::ffff:0.0.0.0]:80", "[::ffff:127.0.0.1]:80"),
    ] {
        let c = n.tcp6();
        assert_eq!(n.connect(c, to), Err(E::EINPROGRESS));
        assert_eq!(n.peer(c).as_deref(), Ok(peer));
    }
    for to in ["192.0.2.1:9", "255.255.255.255:9", "224.0.0.1:9"] {
        let c = n.tcp();
        assert_eq!(n.connect(c, to), Err(E::ENETUNREACH), "{to}");
        assert_eq!(n.poll(c), "OUT|HUP");
    }
    let c = n.tcp();
    assert_eq!(n.connect(c, "[::1]:80"), Err(E::EAFNOSUPPORT));
    let c = n.tcp6();
    assert_eq!(n.connect(c, "127.0.0.1:80"), Err(E::EAFNOSUPPORT));
}

#[test]
fn one_family_of_two() {
    let mut n = Net::lone();
    let s = n.tcp6();
    assert_eq!(n.set(s, Opt::Ipv6V6Only, Value::Int(1)), Ok(()));
    assert_eq!(n.connect(s, "[::ffff:127.0.0.1]:9"), Err(E::ENETUNREACH));
    assert_eq!(n.bind(s, "[::ffff:127.0.0.1]:0"), Err(E::EINVAL));
    assert_eq!(n.bind(s, "[::1]:0"), Ok(()));
    assert_eq!(n.set(s, Opt::Ipv6V6Only, Value::Int(0)), Err(E::EINVAL));
    let s = n.tcp6();
    assert_eq!(n.bind(s, "[::1]:0"), Ok(()));
    assert_eq!(n.connect(s, "[::ffff:127.0.0.1]:9"), Err(E::ENETUNREACH));
    let s = n.tcp6();
    assert_eq!(n.bind(s, "[::ffff:127.0.0.1]:0"), Ok(()));
    assert!(n.local(s).starts_with("[::ffff:127.0.0.1]:"));
    assert_eq!(n.connect(s, "[::1]:9"), Err(E::EAFNOSUPPORT));
}

#[test]
fn sends_until_full() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    let block = [7; 10_000];
    let mut sent = 0;
    let last = loop {
        match n.send(c, &block) {
            Ok(len) => sent += len,
            Err(error) => break error,
        }
    };
    assert_eq!(last, E::EAGAIN);
    assert_eq!(n.poll(c), "-");
    n.changed();
    let mut got = 0;
    while n.poll(c) == "-" {
        got += n.recv(a, 65_536).expect("data").len();
    }
    assert!(got > 0);
    assert!(n.changed().contains(&c));
    loop {
        match n.recv(a, usize::MAX) {
            Ok(bytes) => got += bytes.len(),
            Err(error) => break assert_eq!(error, E::EAGAIN),
        }
        n.pass(Duration::from_millis(250));
    }
    assert_eq!(got, sent);
    assert_eq!(n.hosts[0].unsent(c.1), Ok((0, 0)));
}

#[test]
fn closed_ids_are_bad_descriptors() {
    let mut n = Net::lone();
    let s = n.tcp();
    n.close(s);
    assert_eq!(n.hosts[0].readiness(s.1), Readiness::NVAL);
    assert_eq!(n.send(s, b"x"), Err(E::EBADF));
    assert_eq!(n.connect(s, "127.0.0.1:1"), Err(E::EBADF));
    assert_eq!(n.get(s, Opt::SoError), Err(E::EBADF));
    n.close(s);
}
