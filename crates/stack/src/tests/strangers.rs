//! A host that answers for others: knocks, datagrams and echo requests for addresses that nobody has.

use sockeye_base::{Counter, SeqNum};
use sockeye_tcp::{Config, Error, State, Unreachable};
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{ip as wire_ip, udp};

use super::*;

/// `b` answers for others, and `a` sends there what is not for the link.
fn network() -> Pair {
    let mut pair = Pair::new();
    pair.b.answer_for_all();
    for (destination, via) in [("0.0.0.0/0", "10.61.0.2"), ("::/0", "fd61::2")] {
        let destination = destination.parse().unwrap();
        pair.a.add_route(Route { destination, via: Some(ip(via)), interface: ETH0 });
    }
    pair
}

fn knock(pair: &mut Pair) -> KnockId {
    match pair.b.poll_stranger() {
        Some(Stranger::Knock(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_admitted_knock_is_a_connection_in_another_name() {
    for far in ["192.0.2.1", "2001:db8::1"] {
        let mut pair = network();
        let id = pair.connect(at(far, 80));
        assert_eq!(pair.a.tcp(id).unwrap().state(), State::SynSent, "nobody has answered");
        let knock = knock(&mut pair);
        assert_eq!(pair.b.knock(knock).unwrap().1, at(far, 80));
        let other = pair.b.admit_knock(pair.now, knock, Config::default()).unwrap();
        pair.run();
        assert_eq!(pair.a.tcp(id).unwrap().state(), State::Established);
        assert_eq!(pair.b.tcp_endpoints(other).unwrap().0, at(far, 80));
        pair.a.with_tcp(pair.now, id, |tcb| tcb.send(pair.now, bytes("to there"))).unwrap().unwrap();
        pair.b.with_tcp(pair.now, other, |tcb| tcb.send(pair.now, bytes("and back"))).unwrap().unwrap();
        pair.run();
        assert_eq!(pair.b.tcp_receive(pair.now, other, 99).unwrap(), bytes("to there"));
        assert_eq!(pair.a.tcp_receive(pair.now, id, 99).unwrap(), bytes("and back"));
        // Over means over.
        assert!(pair.b.admit_knock(pair.now, knock, Config::default()).is_none());
    }
}

#[test]
fn a_knock_turned_away_says_why() {
    let cases = [
        (Refusal::Port, Error::Refused),
        (Refusal::Net, Error::Unreachable(Unreachable::Net)),
        (Refusal::Host, Error::Unreachable(Unreachable::Host)),
    ];
    for (refusal, error) in cases {
        for far in ["192.0.2.1", "2001:db8::1"] {
            let mut pair = network();
            let id = pair.connect(at(far, 80));
            let knock = knock(&mut pair);
            pair.b.turn_away(pair.now, knock, refusal);
            pair.run();
            let tcb = pair.a.tcp(id).unwrap();
            assert_eq!((tcb.state(), tcb.error()), (State::Closed, Some(error)), "{far} {refusal:?}");
        }
    }
}

#[test]
fn who_is_not_answered_knocks_again() {
    let mut pair = network();
    pair.connect(at("192.0.2.1", 80));
    let first = knock(&mut pair);
    pair.pass(Duration::from_secs(2));
    assert!(!pair.b.has_strangers(), "it is known by now");
    pair.b.forget_knock(first);
    pair.pass(Duration::from_secs(3));
    assert_ne!(knock(&mut pair), first);
}

#[test]
fn a_flood_is_bounded() {
    let mut pair = network();
    let header = |n: u32| {
        let far = IpAddr::from((0x0800_0000 + n).to_be_bytes());
        wire_ip::Header::new(ip("10.61.0.1"), far).unwrap()
    };
    for n in 0..100_000 {
        let seq = SeqNum(n);
        let segment =
            Segment { source: 9, destination: 80, flags: Flags::SYN, seq, window: 9, ..Segment::default() };
        pair.b.input(pair.now, ETH0, Frame::packet(Packet::new(header(n), segment)));
    }
    assert_eq!(pair.b.counters()[Counter::ReqQFullDrop], 100_000 - 1024);
    assert_eq!(std::iter::from_fn(|| pair.b.poll_stranger()).count(), 1024);
    assert_eq!(pair.b.tcp_len(), 0);
    for n in 0..100_000 {
        let datagram = udp::Datagram { source: 9, destination: n as u16, payload: bytes("x").clone() };
        pair.b.input(pair.now, ETH0, Frame::packet(Packet { ip: header(n), body: Body::Udp(datagram) }));
    }
    assert_eq!(std::iter::from_fn(|| pair.b.poll_stranger()).count(), 1024);
    assert!(pair.b.poll_frame().is_none(), "nobody was told anything");
}

#[test]
fn datagrams_are_answered_in_anothers_name() {
    let mut pair = network();
    let far = at("192.0.2.1", 99);
    let socket = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    pair.a.udp_connect(socket, far).unwrap();
    pair.a.udp_send(pair.now, socket, None, bytes("?")).unwrap();
    pair.run();
    let Some(Stranger::Datagram(asked)) = pair.b.poll_stranger() else { panic!("nothing came") };
    let own = SocketAddr::new(asked.source(), asked.ports().unwrap().0);
    assert_eq!((asked.destination(), asked.ports().unwrap().1), (far.ip(), far.port()));
    // Longer than a packet of the link.
    let long = Chain::from(vec![7; 5000]);
    pair.b.udp_send_as(pair.now, far, own, long.clone());
    pair.run();
    let received = pair.a.udp_receive(socket, false).unwrap();
    assert_eq!((received.source, received.payload), (far, long));
    pair.b.complain_as(pair.now, far.ip(), &asked, Refusal::Port);
    pair.run();
    assert_eq!(pair.a.udp_take_error(socket), Some(DatagramError::PortUnreachable));
}

#[test]
fn what_has_come_too_far_is_told_so() {
    let mut pair = network();
    let options = IpOptions { ttl: Some(1), ..IpOptions::default() };
    let far = at("192.0.2.1", 80);
    let id = pair.a.tcp_connect(pair.now, anywhere(&far), far, (Config::default(), options)).unwrap();
    pair.run();
    assert!(!pair.b.has_strangers());
    assert_eq!(pair.a.tcp(id).unwrap().error(), Some(Error::Unreachable(Unreachable::Host)));
}

#[test]
fn who_is_a_stranger() {
    let pair = network();
    for address in ["8.8.8.8", "10.61.1.9", "2001:db8::1", "fd61::9"] {
        assert!(pair.b.is_strange(ip(address)), "{address}");
    }
    let others = "127.0.0.1 127.9.9.9 0.0.0.0 0.1.2.3 10.61.0.2 10.61.0.255 255.255.255.255 224.0.0.1 240.0.0.1 ::1 :: \
                  ::ffff:127.0.0.1 ::ffff:8.8.8.8 fe80::1 ff02::1 fd61::2";
    for address in others.split_whitespace() {
        assert!(!pair.b.is_strange(ip(address)), "{address}");
    }
    assert!(!pair.a.is_strange(ip("8.8.8.8")), "it answers for nobody");
}

#[test]
fn its_own_ports_are_kept_where_it_has_no_socket() {
    let mut pair = network();
    pair.connect(at("10.61.0.2", 80));
    let knock = knock(&mut pair);
    assert_eq!(pair.b.knock(knock).unwrap().1, at("10.61.0.2", 80));
    // What a socket of its own takes is not.
    pair.listen("0.0.0.0", 81, 1);
    let id = pair.connect(at("10.61.0.2", 81));
    assert_eq!(pair.a.tcp(id).unwrap().state(), State::Established);
    // And one on all addresses isn't for those of others.
    let id = pair.connect(at("192.0.2.1", 81));
    assert_eq!(pair.a.tcp(id).unwrap().state(), State::SynSent);
}
