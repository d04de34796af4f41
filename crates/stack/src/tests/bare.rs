//! An interface without hardware address: packets without Ethernet headers, and nobody is asked who has an address.

use super::*;

/// Two hosts, each at its end of a TUN.
fn pair() -> Pair {
    let end = |n: u8| {
        let mut stack = Stack::new(Settings::default(), Rng::from_seed(n.into()));
        let addresses = [format!("10.61.0.{n}/24"), format!("fd61::{n}/64")];
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        stack.add_interface(Interface { name: "tun0".into(), mac: Mac::ZERO, mtu: 1500, addresses });
        stack
    };
    Pair { a: end(1), b: end(2), ..Pair::new() }
}

#[test]
fn connects_without_asking() {
    for (address, any) in [("10.61.0.2", "0.0.0.0"), ("fd61::2", "::")] {
        let mut pair = pair();
        pair.listen(any, 80, 1);
        pair.connect(at(address, 80));
        assert!(pair.wire.iter().all(|(_, _, frame)| frame.ethernet.is_none()));
        assert_eq!(pair.words(), [">syn", "<syn+ack", ">ack"]);
    }
}

#[test]
fn does_not_answer_who_asks_all_the_same() {
    let mut pair = pair();
    let target = "fd61::2".parse().unwrap();
    let ip = sockeye_wire::ip::Header::new(ip("fd61::1"), ip("fd61::2")).map(|mut ip| {
        ip.set_hop_limit(255);
        ip
    });
    let message = sockeye_wire::icmpv6::Message::NeighborSolicitation { target, source_mac: Some(mac(1)) };
    let packet = Packet::new(ip.unwrap(), message);
    pair.b.input(pair.now, ETH0, Frame::packet(packet));
    assert_eq!(pair.b.poll_frame(), None);
}
