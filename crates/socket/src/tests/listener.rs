//! Listening and accepting.

use super::*;
use Errno as E;

#[test]
fn without_bind() {
    let mut n = Net::lone();
    let l = n.tcp();
    assert_eq!(n.listen(l, 3), Ok(()));
    assert!(n.local(l).starts_with("0.0.0.0:") && port(&n.local(l)) != 0);
    assert_eq!(n.poll(l), "-");
    assert_eq!(n.recv(l, 1), Err(E::ENOTCONN));
    assert_eq!(n.send(l, b"x"), Err(E::EPIPE));
    assert_eq!(n.connect(l, "127.0.0.1:9"), Err(E::EISCONN));
    assert_eq!(n.bind(l, "127.0.0.1:0"), Err(E::EINVAL));
    assert_eq!(n.listen(l, 9), Ok(()));
    assert_eq!(n.peer(l), Err(E::ENOTCONN));
    assert_eq!(n.accept(l), Err(E::EAGAIN));
    assert_eq!(n.error(l), None);
    assert_eq!(n.hosts[0].unread(l.1), Err(E::EINVAL));
    assert_eq!(n.hosts[0].unsent(l.1), Err(E::EINVAL));
    assert_eq!(n.get(l, Opt::SoAcceptConn), Ok(Value::Int(1)));

    assert_eq!(n.shut(l, How::Write), Ok(()));
    assert_eq!((n.poll(l).as_str(), n.accept(l)), ("-", Err(E::EAGAIN)));
    assert_eq!(n.shut(l, How::Read), Ok(()));
    assert_eq!((n.poll(l).as_str(), n.accept(l)), ("OUT|HUP", Err(E::EINVAL)));
    assert_ne!(port(&n.local(l)), 0);
    assert_eq!(n.listen(l, 1), Ok(()));
    assert_eq!(n.poll(l), "-");
}

#[test]
fn shut_or_closed_with_a_connection_waiting() {
    for close in [false, true] {
        let mut n = Net::lone();
        let (l, name) = n.listener();
        let c = n.tcp();
        assert_eq!(n.connect(c, &name), Err(E::EINPROGRESS));
        assert_eq!(n.poll(l), "IN");
        assert_eq!(n.hosts[0].pending(l.1), 1);
        if close {
            n.close(l);
        } else {
            assert_eq!(n.shut(l, How::Both), Ok(()));
            assert_eq!((n.poll(l).as_str(), n.accept(l)), ("OUT|HUP", Err(E::EINVAL)));
        }
        assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(n.recv(c, 1), Err(E::ECONNRESET));
        assert_eq!(n.poll(c), "IN|OUT|HUP|RDHUP");
        assert_eq!(n.recv(c, 1), Ok(vec![]));
        assert_eq!(n.send(c, b"x"), Err(E::EPIPE));
    }
}

/// A connect whose SYN finds the queue full: nothing is known yet.
fn waiting(n: &mut Net) -> (Sock, Sock, String) {
    let l = n.tcp();
    n.bind(l, "127.0.0.1:80").expect("bound");
    n.listen(l, 0).expect("listens");
    let first = n.tcp();
    assert_eq!(n.connect(first, "127.0.0.1:80"), Err(E::EINPROGRESS));
    assert_eq!(n.poll(first), "OUT");
    let c = n.tcp();
    assert_eq!(n.connect(c, "127.0.0.1:80"), Err(E::EINPROGRESS));
    (l, c, "127.0.0.1:80".to_owned())
}

#[test]
fn a_handshake_under_way() {
    let mut n = Net::lone();
    let (l, c, name) = waiting(&mut n);
    assert_eq!(n.poll(c), "-");
    assert_eq!(n.connect(c, &name), Err(E::EALREADY));
    assert_eq!(n.send(c, b"x"), Err(E::EAGAIN));
    assert_eq!(n.recv(c, 1), Err(E::EAGAIN));
    assert_eq!(n.peer(c), Err(E::ENOTCONN));
    assert!(n.local(c).starts_with("127.0.0.1:"));
    assert_eq!(n.bind(c, "127.0.0.1:0"), Err(E::EINVAL));
    assert_eq!(n.listen(c, 1), Err(E::EINVAL));
    assert_eq!(n.accept(c), Err(E::EINVAL));
    // Room is made, and the SYN comes again.
    assert!(n.accept(l).is_ok());
    n.pass(Duration::from_secs(2));
    assert_eq!(n.poll(c), "OUT");
    assert_eq!(n.connect(c, &name), Ok(()));
}

#[test]
fn shutting_a_handshake() {
    let mut n = Net::lone();
    let (_, c, name) = waiting(&mut n);
    assert_eq!(n.shut(c, How::Read), Ok(()));
    assert_eq!(n.poll(c), "OUT|ERR|HUP");
    assert_eq!(n.shut(c, How::Write), Err(E::ENOTCONN));
    assert_eq!(n.poll(c), "OUT|ERR|HUP");
    assert_eq!(n.connect(c, &name), Err(E::EINPROGRESS));
    assert_eq!(n.error(c), None);
    assert_eq!(n.recv(c, 1), Err(E::EAGAIN));
    assert_eq!(n.send(c, b"x"), Err(E::EAGAIN));
}

#[test]
fn options_are_inherited() {
    let mut n = Net::lone();
    let (l, name) = n.listener();
    let options = [
        (Opt::TcpNoDelay, 1, 1),
        (Opt::SoKeepAlive, 1, 1),
        (Opt::SoSndBuf, 50_000, 100_000),
        (Opt::SoRcvBuf, 60_000, 120_000),
        (Opt::TcpKeepIdle, 33, 33),
        (Opt::TcpKeepIntvl, 7, 7),
        (Opt::TcpKeepCnt, 3, 3),
        (Opt::SoReuseAddr, 1, 1),
        (Opt::SoReusePort, 1, 1),
        (Opt::TcpUserTimeout, 777, 777),
        (Opt::IpTos, 16, 16),
        (Opt::IpTtl, 9, 9),
        (Opt::TcpSynCnt, 3, 3),
        (Opt::TcpCork, 1, 1),
        (Opt::SoBroadcast, 1, 1),
    ];
    for (opt, set, _) in options {
        assert_eq!(n.set(l, opt, Value::Int(set)), Ok(()), "{}", opt.name());
    }
    let linger = Value::Linger { on: true, seconds: 5 };
    let timeout = Value::Time(Some(Duration::from_secs(3)));
    assert_eq!(n.set(l, Opt::SoLinger, linger.clone()), Ok(()));
    assert_eq!(n.set(l, Opt::SoRcvTimeo, timeout.clone()), Ok(()));
    let c = n.tcp();
    assert_eq!(n.connect(c, &name), Err(E::EINPROGRESS));
    let a = n.accept(l).expect("a connection");
    for (opt, _, read) in options {
        assert_eq!(n.get(a, opt), Ok(Value::Int(read)), "{}", opt.name());
    }
    assert_eq!(n.get(a, Opt::SoLinger), Ok(linger));
    assert_eq!(n.get(a, Opt::SoRcvTimeo), Ok(timeout));
    assert_eq!(n.get(a, Opt::SoAcceptConn), Ok(Value::Int(0)));
    let tcb = n.hosts[0].tcb(a.1).expect("a connection");
    assert!(tcb.config().nodelay && tcb.config().keepalive.is_some());
    assert_eq!((tcb.send_buffer(), tcb.receive_buffer()), (100_000, 120_000));
}

#[test]
fn a_connection_reset_before_it_was_accepted() {
    let mut n = Net::lone();
    let (l, name) = n.listener();
    let c = n.tcp();
    assert_eq!(n.connect(c, &name), Err(E::EINPROGRESS));
    n.call(c, Host::abort);
    assert_eq!(n.poll(l), "IN");
    let a = n.accept(l).expect("a connection");
    assert_eq!(n.poll(a), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(a, 1), Err(E::ECONNRESET));
}

#[test]
fn a_restarted_server_needs_reuse() {
    for reuse in [false, true] {
        let mut n = Net::lone();
        let server = |n: &mut Net| {
            let l = n.tcp();
            n.set(l, Opt::SoReuseAddr, reuse.into()).expect("set");
            let bound = n.bind(l, "0.0.0.0:80");
            (l, bound)
        };
        let (l, bound) = server(&mut n);
        assert_eq!(bound, Ok(()));
        assert_eq!(n.listen(l, 5), Ok(()));
        let c = n.tcp();
        assert_eq!(n.connect(c, "127.0.0.1:80"), Err(E::EINPROGRESS));
        let a = n.accept(l).expect("a connection");
        // The server closes first, so TIME-WAIT is on its side.
        n.close(a);
        n.close(c);
        n.close(l);
        let (l, bound) = server(&mut n);
        assert_eq!(bound, if reuse { Ok(()) } else { Err(E::EADDRINUSE) });
        n.close(l);
        n.pass(Duration::from_secs(61));
        assert_eq!(server(&mut n).1, Ok(()));
    }
}

#[test]
fn one_port_two_families() {
    let mut n = Net::lone();
    let dual = n.tcp6();
    assert_eq!(n.bind(dual, "[::]:80"), Ok(()));
    assert_eq!(n.listen(dual, 1), Ok(()));
    let v4 = n.tcp();
    assert_eq!(n.bind(v4, "0.0.0.0:80"), Err(E::EADDRINUSE));
    assert_eq!(n.bind(v4, "127.0.0.1:80"), Err(E::EADDRINUSE));
    let v6 = n.tcp6();
    assert_eq!(n.set(v6, Opt::Ipv6V6Only, Value::Int(1)), Ok(()));
    assert_eq!(n.bind(v6, "[::]:81"), Ok(()));
    assert_eq!(n.listen(v6, 1), Ok(()));
    assert_eq!(n.bind(v4, "0.0.0.0:81"), Ok(()));
    assert_eq!(n.listen(v4, 1), Ok(()));
    let c = n.tcp();
    assert_eq!(n.connect(c, "127.0.0.1:81"), Err(E::EINPROGRESS));
    assert_eq!((n.poll(v4).as_str(), n.poll(v6).as_str()), ("IN", "-"));
}
