//! Resets from either side, and `connect` to AF_UNSPEC.

use super::*;
use Errno as E;

const LINGER_0: Value = Value::Linger { on: true, seconds: 0 };

#[test]
fn by_a_peer_that_closes_with_unread_data() {
    let mut n = Net::lone();
    let dead = n.dead();
    let (c, a) = n.connected();
    assert_eq!(n.send(a, b"left"), Ok(4));
    assert_eq!(n.send(c, b"unread"), Ok(6));
    n.close(a);
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(c, 10), Ok(b"left".to_vec()));
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(c, 10), Err(E::ECONNRESET));
    assert_eq!(n.recv(c, 10), Ok(vec![]));
    assert_eq!(n.poll(c), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.send(c, b"x"), Err(E::EPIPE));
    assert_eq!(n.connect(c, &dead), Err(E::ECONNABORTED));
    assert_eq!(n.peer(c), Err(E::ENOTCONN));
}

#[test]
fn by_a_peer_that_lingers_for_no_time() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.set(a, Opt::SoLinger, LINGER_0), Ok(()));
    n.close(a);
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.send(c, b"x"), Err(E::ECONNRESET));
    assert_eq!(n.poll(c), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.send(c, b"x"), Err(E::EPIPE));
    assert_eq!(n.recv(c, 1), Ok(vec![]));

    let (c, a) = n.connected();
    n.call(a, Host::abort);
    assert_eq!(n.error(c), Some(E::ECONNRESET));
    assert_eq!(n.recv(c, 1), Ok(vec![]));
    assert_eq!(n.shut(c, How::Both), Err(E::ENOTCONN));
    assert_eq!(n.listen(c, 1), Err(E::EINVAL));
    // Linux: shut before its outcome was told, it never connects again.
    assert_eq!(n.connect(c, "127.0.0.1:1"), Err(E::EINVAL));
}

#[test]
fn by_a_peer_that_closed_before() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    n.close(a);
    assert_eq!(n.poll(c), "IN|OUT|RDHUP");
    assert_eq!(n.recv(c, 1), Ok(vec![]));
    assert_eq!(n.send(c, b"x"), Ok(1));
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(c, 1), Ok(vec![]));
    assert_eq!(n.send(c, b"x"), Err(E::EPIPE));
    assert_eq!(n.poll(c), "IN|OUT|HUP|RDHUP");
    assert_eq!(n.error(c), None);
}

#[test]
fn data_for_a_socket_shut_both_ways() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.shut(c, How::Both), Ok(()));
    assert_eq!(n.send(a, b"zz"), Ok(2));
    assert_eq!(n.poll(c), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(c, 9), Err(E::ECONNRESET));
    assert_eq!(n.poll(a), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.send(a, b"x"), Err(E::EPIPE));
}

#[test]
fn disconnect() {
    let mut n = Net::lone();
    let dead = n.dead();
    let (c, a) = n.connected();
    let name = n.local(c);
    assert_eq!(n.disconnect(c), Ok(()));
    assert_eq!(n.poll(c), "OUT|ERR|HUP");
    assert_eq!(n.local(c), format!("0.0.0.0:{}", port(&name)));
    assert_eq!(n.peer(c), Err(E::ENOTCONN));
    assert_eq!(n.poll(a), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(n.recv(a, 1), Err(E::ECONNRESET));
    assert_eq!(n.connect(c, &dead), Err(E::EINPROGRESS));

    let fresh = n.tcp();
    assert_eq!(n.disconnect(fresh), Ok(()));
    assert_eq!(n.poll(fresh), "OUT|HUP");

    let listener = n.tcp();
    assert_eq!(n.bind(listener, "127.0.0.1:99"), Ok(()));
    assert_eq!(n.listen(listener, 1), Ok(()));
    assert_eq!(n.disconnect(listener), Ok(()));
    assert_eq!(n.poll(listener), "OUT|HUP");
    assert_eq!(n.local(listener), "127.0.0.1:99");
    assert_eq!(n.accept(listener), Err(E::EINVAL));
    assert_eq!(n.listen(listener, 1), Ok(()));
    assert_eq!(n.poll(listener), "-");
}

#[test]
fn the_port_of_a_closed_socket_is_free() {
    let mut n = Net::lone();
    let s = n.tcp();
    assert_eq!(n.bind(s, "127.0.0.1:99"), Ok(()));
    assert_eq!(n.listen(s, 1), Ok(()));
    n.close(s);
    let s = n.tcp();
    assert_eq!(n.bind(s, "127.0.0.1:99"), Ok(()));
}

#[test]
fn by_a_peer_whose_fin_came_after_ours() {
    // LAST-ACK and CLOSING: the end of the stream first, then nothing more, as on Linux.
    let mut n = Net::pair();
    let listener = n.socket(1, Family::Inet, Transport::Tcp);
    n.bind(listener, "10.0.0.2:80").expect("bound");
    n.listen(listener, 1).expect("listens");
    for ours_first in [true, false] {
        let c = n.tcp();
        assert_eq!(n.connect(c, "10.0.0.2:80"), Err(E::EINPROGRESS));
        let a = n.accept(listener).expect("a connection");
        if ours_first {
            // Both FINs are on the wire at once: CLOSING. What acknowledges ours is lost.
            let now = n.now;
            n.hosts[0].shutdown(now, c.1, How::Write).expect("shut");
            n.hosts[1].shutdown(now, a.1, How::Write).expect("shut");
            while n.hosts[0].poll_frame().is_some() {}
            n.settle();
            assert_eq!(n.hosts[0].state(c.1), Some(sockeye_tcp::State::Closing));
        } else {
            assert_eq!(n.shut(a, How::Write), Ok(()));
            n.cut = true;
            assert_eq!(n.shut(c, How::Write), Ok(()));
            n.cut = false;
            assert_eq!(n.hosts[0].state(c.1), Some(sockeye_tcp::State::LastAck));
        }
        n.call(a, Host::abort);
        assert_eq!(n.hosts[0].state(c.1), Some(sockeye_tcp::State::Closed));
        assert_eq!(n.recv(c, 1), Ok(vec![]));
        assert_eq!(n.error(c), Some(E::ECONNRESET));
        assert_eq!(n.recv(c, 1), Ok(vec![]));
    }
}
