//! The network's DNS: port 53 of any address leads to one host.

use super::*;

/// `b` is the DNS of `a`.
fn network() -> Pair {
    let mut pair = Pair::new();
    let via = ("10.61.0.2".parse().unwrap(), "fd61::2".parse().unwrap());
    pair.a.add_policy(Policy { port: 53, via, interface: ETH0, except: None });
    pair.b.accept_any_destination(53);
    pair
}

const ASKED: [&str; 7] =
    ["127.0.0.53", "::1", "8.8.8.8", "2001:db8::53", "10.61.0.1", "10.61.0.2", "fd61::2"];

#[test]
fn udp_is_answered_from_the_address_asked() {
    let mut pair = network();
    let server = pair.b.udp_bind(pair.now, request("::", 53)).unwrap();
    for (asked, connected) in ASKED.into_iter().flat_map(|asked| [(asked, true), (asked, false)]) {
        let id = pair.a.udp_bind(pair.now, request("::", 0)).unwrap();
        if connected {
            pair.a.udp_connect(id, at(asked, 53)).unwrap();
        }
        pair.a.udp_send(pair.now, id, Some(at(asked, 53)), bytes("?")).unwrap();
        pair.run();
        let query = pair.b.udp_receive(server, false).expect(asked);
        assert_eq!(query.arrival.destination, ip(asked));
        pair.b.udp_send(pair.now, server, Some(query.source), bytes("!")).unwrap();
        pair.run();
        let answer = pair.a.udp_receive(id, false).expect(asked);
        assert_eq!((answer.source, answer.payload), (at(asked, 53), bytes("!")));
    }
}

/// A host may be its own DNS, for whichever address is asked.
#[test]
fn a_host_answers_itself() {
    let mut pair = Pair::new();
    let via = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
    pair.a.add_policy(Policy { port: 53, via, interface: InterfaceId::LOOPBACK, except: None });
    pair.a.accept_any_destination(53);
    let server = pair.a.udp_bind(pair.now, request("::", 53)).unwrap();
    for (asked, connected) in ASKED.into_iter().flat_map(|asked| [(asked, true), (asked, false)]) {
        let id = pair.a.udp_bind(pair.now, request("::", 0)).unwrap();
        if connected {
            pair.a.udp_connect(id, at(asked, 53)).unwrap();
        }
        pair.a.udp_send(pair.now, id, Some(at(asked, 53)), bytes("?")).unwrap();
        pair.run();
        let query = pair.a.udp_receive(server, false).expect(asked);
        pair.a.udp_send(pair.now, server, Some(query.source), bytes("!")).unwrap();
        pair.run();
        let answer = pair.a.udp_receive(id, false).expect(asked);
        assert_eq!((answer.source, answer.payload), (at(asked, 53), bytes("!")));
    }
}

#[test]
fn one_client_asking_two_servers() {
    let mut pair = network();
    let server = pair.b.udp_bind(pair.now, request("0.0.0.0", 53)).unwrap();
    let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    for asked in ["1.1.1.1", "8.8.8.8"] {
        pair.a.udp_send(pair.now, id, Some(at(asked, 53)), bytes("?")).unwrap();
    }
    pair.run();
    for asked in ["1.1.1.1", "8.8.8.8"] {
        let query = pair.b.udp_receive(server, false).unwrap();
        pair.b.udp_send(pair.now, server, Some(query.source), bytes("!")).unwrap();
        pair.run();
        assert_eq!(pair.a.udp_receive(id, false).unwrap().source, at(asked, 53));
    }
}

#[test]
fn tcp_too() {
    let mut pair = network();
    let listener = pair.listen("::", 53, 10);
    for asked in ASKED {
        let id = pair.connect(at(asked, 53));
        assert_eq!(pair.a.tcp(id).unwrap().state(), sockeye_tcp::State::Established, "{asked}");
        let accepted = pair.b.tcp_accept(listener).unwrap();
        assert_eq!(pair.b.tcp_endpoints(accepted).unwrap().0, at(asked, 53));
    }
}

#[test]
fn without_a_server_it_is_refused() {
    let mut pair = network();
    for asked in ASKED {
        let id = pair.connect(at(asked, 53));
        assert_eq!(pair.a.tcp(id).unwrap().error(), Some(sockeye_tcp::Error::Refused), "{asked}");
        let id = pair.a.udp_bind(pair.now, request("::", 0)).unwrap();
        pair.a.udp_connect(id, at(asked, 53)).unwrap();
        pair.a.udp_send(pair.now, id, None, bytes("?")).unwrap();
        pair.pass(Duration::from_secs(2));
        assert_eq!(pair.a.udp_take_error(id), Some(DatagramError::PortUnreachable), "{asked}");
    }
}

#[test]
fn a_local_server_comes_first() {
    let mut pair = network();
    let server = pair.a.udp_bind(pair.now, request("127.0.0.1", 53)).unwrap();
    let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    pair.a.udp_send(pair.now, id, Some(at("127.0.0.1", 53)), bytes("?")).unwrap();
    assert_eq!(pair.a.udp_queue_len(server), 1);
    assert_eq!(pair.a.poll_frame(), None);
}

/// What answers for a host asks somebody else itself.
#[test]
fn one_address_is_excepted() {
    let mut pair = Pair::new();
    let via = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
    let except = Some(ip("10.61.0.2"));
    pair.a.add_policy(Policy { port: 53, via, interface: InterfaceId::LOOPBACK, except });
    pair.a.accept_any_destination(53);
    let here = pair.a.udp_bind(pair.now, request("::", 53)).unwrap();
    let there = pair.b.udp_bind(pair.now, request("::", 53)).unwrap();
    let id = pair.a.udp_bind(pair.now, request("0.0.0.0", 0)).unwrap();
    for (asked, counts) in [("10.61.0.2", (0, 1)), ("10.61.0.3", (1, 1))] {
        pair.a.udp_send(pair.now, id, Some(at(asked, 53)), bytes("?")).unwrap();
        pair.run();
        assert_eq!((pair.a.udp_queue_len(here), pair.b.udp_queue_len(there)), counts, "{asked}");
    }
}
