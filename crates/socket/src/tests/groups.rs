//! Multicast and link-local addresses between two hosts on a wire: who is in a group hears it, and nobody else.

use std::net::IpAddr;

use sockeye_abi::{Device, GroupRequest};

use super::*;
use Errno as E;

const ETH0: i32 = 2;

fn group(group: &str, source: Option<&str>) -> Value {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    Value::Group(GroupRequest {
        group: address(group),
        device: Device::index(ETH0),
        source: source.map(address),
    })
}

/// A socket of the far host, bound to a port.
fn far(n: &mut Net, family: Family) -> Sock {
    let s = n.socket(1, family, Transport::Udp);
    let any = if family == Family::Inet { "0.0.0.0:7" } else { "[::]:7" };
    n.bind(s, any).expect("bound");
    s
}

fn heard(n: &mut Net, sock: Sock) -> String {
    let mut all = Vec::new();
    while let Ok(bytes) = n.recv(sock, 100) {
        all.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    all.join(" ")
}

#[test]
fn members_hear_what_comes_by_the_wire() {
    let mut n = Net::pair();
    let sender = n.udp();
    assert_eq!(n.set(sender, Opt::IpMulticastIf, Device::index(ETH0).into()), Ok(()));
    let s = far(&mut n, Family::Inet);
    let say = |n: &mut Net, text: &str| {
        assert_eq!(n.send_to(sender, text.as_bytes(), "239.1.2.3:7"), Ok(text.len()));
        heard(n, s)
    };
    assert_eq!(say(&mut n, "too early"), "");
    assert_eq!(n.set(s, Opt::IpAddMembership, group("239.1.2.3", None)), Ok(()));
    assert_eq!(say(&mut n, "joined"), "joined");
    assert_eq!(n.set(s, Opt::IpBlockSource, group("239.1.2.3", Some("10.0.0.1"))), Ok(()));
    assert_eq!(say(&mut n, "blocked"), "");
    assert_eq!(n.set(s, Opt::IpUnblockSource, group("239.1.2.3", Some("10.0.0.1"))), Ok(()));
    assert_eq!(say(&mut n, "unblocked"), "unblocked");
    // Another socket's membership is enough for the host.
    let other = n.socket(1, Family::Inet, Transport::Udp);
    assert_eq!(n.set(other, Opt::IpAddMembership, group("239.1.2.3", None)), Ok(()));
    assert_eq!(n.set(s, Opt::IpDropMembership, group("239.1.2.3", None)), Ok(()));
    assert_eq!(say(&mut n, "by another's"), "by another's");
    assert_eq!(n.set(s, Opt::IpMulticastAll, Value::Int(0)), Ok(()));
    assert_eq!(say(&mut n, "not by another's"), "");
    assert_eq!(n.set(s, Opt::IpMulticastAll, Value::Int(1)), Ok(()));
    n.close(other);
    assert_eq!(say(&mut n, "it has gone"), "");
}

#[test]
fn what_may_not_hop_stays_at_home() {
    let mut n = Net::pair();
    let (sender, s) = (n.udp(), far(&mut n, Family::Inet));
    let home = n.udp();
    assert_eq!(n.bind(home, "0.0.0.0:7"), Ok(()));
    for sock in [s, home] {
        assert_eq!(n.set(sock, Opt::IpAddMembership, group("239.1.2.3", None)), Ok(()));
    }
    assert_eq!(n.set(sender, Opt::IpMulticastIf, Device::index(ETH0).into()), Ok(()));
    assert_eq!(n.set(sender, Opt::IpMulticastTtl, Value::Int(0)), Ok(()));
    assert_eq!(n.send_to(sender, b"home", "239.1.2.3:7"), Ok(4));
    assert_eq!((heard(&mut n, s).as_str(), heard(&mut n, home).as_str()), ("", "home"));
    assert_eq!(n.set(sender, Opt::IpMulticastTtl, Value::Int(1)), Ok(()));
    assert_eq!(n.set(sender, Opt::IpMulticastLoop, Value::Int(0)), Ok(()));
    assert_eq!(n.send_to(sender, b"away", "239.1.2.3:7"), Ok(4));
    assert_eq!((heard(&mut n, s).as_str(), heard(&mut n, home).as_str()), ("away", ""));
    // Longer than the wire takes: it goes in pieces, and comes back whole.
    assert_eq!(n.set(sender, Opt::IpMulticastLoop, Value::Int(1)), Ok(()));
    assert_eq!(n.send_to(sender, &[b'x'; 5000], "239.1.2.3:7"), Ok(5000));
    assert_eq!(n.recv(s, 9000).map(|bytes| bytes.len()), Ok(5000));
    assert_eq!(n.recv(home, 9000).map(|bytes| bytes.len()), Ok(5000));
}

#[test]
fn groups_of_ipv6_by_the_wire() {
    let mut n = Net::pair();
    let (sender, s) = (n.udp6(), far(&mut n, Family::Inet6));
    assert_eq!(n.set(s, Opt::Ipv6McastJoinSourceGroup, group("ff05::7", Some("fd61::1"))), Ok(()));
    assert_eq!(n.send_to(sender, b"chosen", "[ff05::7]:7"), Ok(6));
    assert_eq!(n.recv_from(s).map(|(_, from)| from.starts_with("[fd61::1]:")), Ok(true));
    assert_eq!(n.set(s, Opt::Ipv6McastLeaveSourceGroup, group("ff05::7", Some("fd61::1"))), Ok(()));
    assert_eq!(n.set(s, Opt::Ipv6McastJoinSourceGroup, group("ff05::7", Some("fd61::9"))), Ok(()));
    assert_eq!(n.send_to(sender, b"another's", "[ff05::7]:7"), Ok(9));
    assert_eq!(n.recv(s, 9), Err(E::EAGAIN));
    // All nodes are in theirs.
    assert_eq!(n.send_to(sender, b"all", "[ff02::1%2]:7"), Ok(3));
    assert_eq!(n.recv(s, 9), Ok(b"all".to_vec()));
}

#[test]
fn members_of_sockets_without_a_port_and_of_many() {
    let mut n = Net::pair();
    let sender = n.udp6();
    let sockets: Vec<Sock> = (0..3)
        .map(|_| {
            let s = n.socket(1, Family::Inet6, Transport::Udp);
            // Joined first, bound later.
            assert_eq!(n.set(s, Opt::Ipv6AddMembership, group("ff05::7", None)), Ok(()));
            assert_eq!(n.set(s, Opt::SoReuseAddr, Value::Int(1)), Ok(()));
            assert_eq!(n.bind(s, "[::]:7"), Ok(()));
            s
        })
        .collect();
    assert_eq!(n.send_to(sender, b"x", "[ff05::7]:7"), Ok(1));
    for s in &sockets {
        assert_eq!(heard(&mut n, *s), "x");
    }
    for s in sockets {
        n.close(s);
    }
    let s = far(&mut n, Family::Inet6);
    assert_eq!(n.send_to(sender, b"x", "[ff05::7]:7"), Ok(1));
    assert_eq!(n.recv(s, 9), Err(E::EAGAIN));
}
