//! Interfaces as the crate tells of them, and groups among hosts on a switch.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use sockeye::net::UdpSocket;
use sockeye::{InterfaceFlags, Lab, LinkOptions};

#[test]
fn interfaces_of_a_host() {
    let lab = Lab::new(1);
    let host = lab.host("a", ["10.0.0.1/24", "fd00::1/64"]).unwrap();
    let [lo, eth0] = host.interfaces().try_into().expect("two");
    assert_eq!((lo.name.as_str(), lo.index, lo.mtu), ("lo", 1, 65_536));
    assert!(lo.flags.contains(InterfaceFlags::LOOPBACK | InterfaceFlags::UP));
    assert_eq!((eth0.name.as_str(), eth0.index, eth0.mtu), ("eth0", 2, 1500));
    assert!(eth0.flags.contains(InterfaceFlags::MULTICAST | InterfaceFlags::RUNNING));
    let addresses: Vec<String> = eth0.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect();
    assert_eq!(addresses, ["10.0.0.1/24", "fd00::1/64", "fe80::ff:fe00:1/64"]);
    assert_eq!(eth0.mac, [2, 0, 0, 0, 0, 1]);
}

#[test]
fn a_group_among_hosts_on_a_switch() {
    let lab = Lab::new(1);
    let switch = lab.switch("s");
    let hosts = [1, 2, 3].map(|n| {
        let host = lab.host(&format!("h{n}"), [format!("10.0.0.{n}/24"), format!("fd00::{n}/64")]).unwrap();
        lab.link(&host, &switch, &LinkOptions::new());
        host
    });
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let sockets = hosts.each_ref().map(|host| {
        host.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:7").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
    });
    sockets[1].join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED).unwrap();
    sockets[2].join_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, 3)).unwrap();
    sockets[0].send_to(b"hello", (group, 7)).unwrap();
    let mut buffer = [0; 16];
    for socket in &sockets[1..] {
        assert_eq!(socket.recv_from(&mut buffer).unwrap(), (5, "10.0.0.1:7".parse().unwrap()));
    }
    assert_eq!(sockets[0].recv_from(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    sockets[2].leave_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, 3)).unwrap();
    sockets[0].send_to(b"again", (group, 7)).unwrap();
    assert!(sockets[1].recv_from(&mut buffer).is_ok() && sockets[2].recv_from(&mut buffer).is_err());
}

#[test]
fn link_local_addresses_have_a_scope() {
    let lab = Lab::new(1);
    let (a, b) = crate::pair(&lab, &LinkOptions::new());
    let addresses = b.interfaces().into_iter().flat_map(|interface| interface.addresses);
    let link_local = addresses.filter_map(|(ip, _)| match ip {
        std::net::IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(ip),
        _ => None,
    });
    let there: Vec<Ipv6Addr> = link_local.collect();
    let server = b.run(|| UdpSocket::bind("[::]:7").unwrap());
    let client = a.run(|| UdpSocket::bind("[::]:0").unwrap());
    let scoped = SocketAddr::V6(SocketAddrV6::new(there[0], 7, 0, 2));
    client.send_to(b"x", scoped).unwrap();
    let mut buffer = [0; 16];
    let (_, SocketAddr::V6(from)) = server.recv_from(&mut buffer).unwrap() else { panic!("of IPv6") };
    assert!(from.ip().is_unicast_link_local() && from.scope_id() == 2);
    server.send_to(b"y", from).unwrap();
    assert_eq!(client.recv_from(&mut buffer).unwrap(), (1, scoped));
}
