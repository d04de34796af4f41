//! Options that are rarely set, and what they do.

use super::*;
use Errno as E;

const ON: Value = Value::Int(1);

#[test]
fn addresses_that_are_not_ours() {
    let mut n = Net::pair();
    for (transport, family, address, opt) in [
        (Transport::Tcp, Family::Inet, "192.0.2.1:80", Opt::IpFreeBind),
        (Transport::Udp, Family::Inet, "192.0.2.1:80", Opt::IpTransparent),
        (Transport::Tcp, Family::Inet6, "[2001:db8::1]:81", Opt::Ipv6FreeBind),
        (Transport::Udp, Family::Inet6, "[2001:db8::1]:81", Opt::Ipv6Transparent),
    ] {
        let s = n.socket(0, family, transport);
        assert_eq!(n.bind(s, address), Err(E::EADDRNOTAVAIL));
        n.set(s, opt, ON).expect("set");
        assert_eq!(n.get(s, opt), Ok(ON));
        assert_eq!(n.bind(s, address), Ok(()));
        assert_eq!(n.local(s), address);
    }
    // Only IP_TRANSPARENT may send from there.
    for (opt, outcome) in [(Opt::IpFreeBind, Err(E::ENETUNREACH)), (Opt::IpTransparent, Ok(()))] {
        let s = n.udp();
        n.set(s, opt, ON).expect("set");
        n.bind(s, "192.0.2.1:0").expect("bound");
        assert_eq!(n.connect(s, "10.0.0.2:7"), outcome);
    }
}

#[test]
fn a_port_is_taken_later() {
    let mut n = Net::lone();
    for transport in [Transport::Tcp, Transport::Udp] {
        let s = n.socket(0, Family::Inet, transport);
        n.set(s, Opt::IpBindAddressNoPort, ON).expect("set");
        for address in ["127.0.0.2", "127.0.0.3"] {
            assert_eq!(n.bind(s, &format!("{address}:0")), Ok(()));
            assert_eq!(n.local(s), format!("{address}:0"));
        }
        assert_eq!(n.bind(s, "10.9.9.9:0"), Err(E::EADDRNOTAVAIL));
        let _ = n.connect(s, "127.0.0.1:9");
        assert!(n.local(s).starts_with("127.0.0.3:"), "{}", n.local(s));
        assert_ne!(port(&n.local(s)), 0);
    }
    let s = n.tcp();
    n.set(s, Opt::IpBindAddressNoPort, ON).expect("set");
    n.bind(s, "127.0.0.4:0").expect("bound");
    n.listen(s, 1).expect("listens");
    assert!(n.local(s).starts_with("127.0.0.4:") && port(&n.local(s)) != 0);
}

#[test]
fn ports_from_a_range_of_ones_own() {
    let mut n = Net::lone();
    let s = n.udp();
    assert_eq!(n.set(s, Opt::IpLocalPortRange, Value::Int(100 << 16 | 200)), Err(E::EINVAL));
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut last = Ok(());
        for _ in 0..3 {
            let s = n.socket(0, Family::Inet, transport);
            n.set(s, Opt::IpLocalPortRange, Value::Int(40_001 << 16 | 40_000)).expect("set");
            last = n.bind(s, "127.0.0.1:0");
            if last.is_ok() {
                assert!((40_000..=40_001).contains(&port(&n.local(s))));
            }
        }
        assert_eq!(last, Err(E::EADDRINUSE));
        // Bounds outside of the host's don't count.
        let s = n.socket(0, Family::Inet, transport);
        n.set(s, Opt::IpLocalPortRange, Value::Int(7 << 16 | 5)).expect("set");
        n.bind(s, "127.0.0.1:0").expect("bound");
        assert!(port(&n.local(s)) >= 32_768);
    }
}

#[test]
fn hosts_behind_a_router_are_out_of_reach() {
    let mut n = Net::pair();
    let via = "10.0.0.2".parse().expect("an address");
    let all = "0.0.0.0/0".parse().expect("a cidr");
    n.hosts[0].stack_mut().add_route(sockeye_stack::Route {
        destination: all,
        via: Some(via),
        interface: InterfaceId(1),
    });
    let (s, u) = (n.tcp(), n.udp());
    assert_eq!(n.connect(u, "192.0.2.1:7"), Ok(()));
    for sock in [s, u] {
        n.set(sock, Opt::SoDontRoute, ON).expect("set");
        assert_eq!(n.connect(sock, "192.0.2.1:7"), Err(E::ENETUNREACH));
    }
    assert_eq!(n.send(u, b"x"), Err(E::ENETUNREACH));
    assert_eq!(n.connect(u, "10.0.0.2:7"), Ok(()));
    assert_eq!(n.send(u, b"x"), Ok(1));
    assert_eq!(n.connect(s, "10.0.0.2:7"), Err(E::EINPROGRESS));
}

#[test]
fn who_is_too_far_is_not_heard() {
    let mut n = Net::lone();
    let (listener, name) = n.listener();
    n.set(listener, Opt::IpMinTtl, Value::Int(255)).expect("set");
    let far = n.tcp();
    assert_eq!(n.connect(far, &name), Err(E::EINPROGRESS));
    assert_eq!(n.poll(far), "-");
    let near = n.tcp();
    n.set(near, Opt::IpTtl, Value::Int(255)).expect("set");
    assert_eq!(n.connect(near, &name), Err(E::EINPROGRESS));
    assert_eq!(n.poll(near), "OUT");
    let server = n.accept(listener).expect("a connection");
    assert_eq!(n.get(server, Opt::IpMinTtl), Ok(Value::Int(255)));
    n.set(near, Opt::IpTtl, Value::Int(64)).expect("set");
    n.send(near, b"x").expect("sent");
    assert_eq!(n.recv(server, 9), Err(E::EAGAIN));
    assert!(n.hosts[0].counters().by_name("TcpExtTCPMinTTLDrop").is_some_and(|count| count >= 2));
}

#[test]
fn readable_from_a_mark_on() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    n.set(a, Opt::SoRcvLowat, Value::Int(3)).expect("set");
    n.send(c, b"ab").expect("sent");
    assert_eq!(n.poll(a), "OUT");
    n.send(c, b"c").expect("sent");
    assert_eq!(n.poll(a), "IN|OUT");
    assert_eq!(n.recv(a, 1), Ok(b"a".to_vec()));
    assert_eq!(n.poll(a), "OUT");
    n.set(a, Opt::SoRcvLowat, Value::Int(0)).expect("set");
    assert_eq!(n.get(a, Opt::SoRcvLowat), Ok(ON));
    assert_eq!(n.poll(a), "IN|OUT");
    // The end is always told.
    n.set(a, Opt::SoRcvLowat, Value::Int(100)).expect("set");
    n.close(c);
    assert_eq!(n.poll(a), "IN|OUT|RDHUP");
}

#[test]
fn a_buffer_grows_with_the_mark() {
    let mut n = Net::lone();
    let s = n.tcp();
    for (wish, lowat, buffer) in
        [(60_000, 60_000, 131_072), (200_000, 200_000, 400_000), (-1, 16_777_216, 33_554_432)]
    {
        n.set(s, Opt::SoRcvLowat, Value::Int(wish)).expect("set");
        assert_eq!(n.get(s, Opt::SoRcvLowat), Ok(Value::Int(lowat)));
        assert_eq!(n.get(s, Opt::SoRcvBuf), Ok(Value::Int(buffer)));
    }
    let (_c, a) = n.connected();
    n.set(a, Opt::SoRcvLowat, Value::Int(200_000)).expect("set");
    assert_eq!(n.get(a, Opt::SoRcvBuf), Ok(Value::Int(400_000)));
    n.set(a, Opt::SoRcvBuf, Value::Int(5000)).expect("set");
    n.set(a, Opt::SoRcvLowat, Value::Int(200_000)).expect("set");
    assert_eq!(n.get(a, Opt::SoRcvLowat), Ok(Value::Int(5000)));
    assert_eq!(n.get(a, Opt::SoRcvBuf), Ok(Value::Int(10_000)));
}

#[test]
fn a_socket_that_speaks_ipv4_becomes_one() {
    let mut n = Net::lone();
    let (_listener, name) = n.listener();
    let s = n.tcp6();
    let wish = Value::Int(2);
    assert_eq!(n.set(s, Opt::Ipv6AddrForm, ON), Err(E::EINVAL));
    assert_eq!(n.set(s, Opt::Ipv6AddrForm, wish.clone()), Err(E::ENOTCONN));
    assert_eq!(n.connect(s, &format!("[::ffff:127.0.0.1]:{}", port(&name))), Err(E::EINPROGRESS));
    assert_eq!(n.get(s, Opt::Ipv6AddrForm), Ok(Value::Int(10)));
    assert_eq!(n.set(s, Opt::Ipv6AddrForm, wish.clone()), Ok(()));
    assert_eq!((n.get(s, Opt::SoDomain), n.peer(s)), (Ok(Value::Int(2)), Ok(name)));
    assert_eq!(n.set(s, Opt::Ipv6AddrForm, wish.clone()), Err(E::ENOPROTOOPT));
    let u = n.udp6();
    n.connect(u, "[::1]:9").expect("connected");
    assert_eq!(n.set(u, Opt::Ipv6AddrForm, wish), Err(E::EADDRNOTAVAIL));
}

#[test]
fn what_a_type_of_service_does_to_priority() {
    let mut n = Net::lone();
    let s = n.udp();
    for (tos, priority) in [(0x10, 6), (0x08, 2), (0x18, 4), (0xe0, 0)] {
        n.set(s, Opt::IpTos, Value::Int(tos)).expect("set");
        assert_eq!(n.get(s, Opt::SoPriority), Ok(Value::Int(priority)), "{tos:#x}");
    }
    n.set(s, Opt::SoPriority, Value::Int(5)).expect("set");
    // The same again changes nothing.
    n.set(s, Opt::IpTos, Value::Int(0xe0)).expect("set");
    assert_eq!(n.get(s, Opt::SoPriority), Ok(Value::Int(5)));
}

#[test]
fn cookies_are_ones_own() {
    let mut n = Net::lone();
    let (one, other) = (n.tcp(), n.udp());
    assert_eq!(n.get(one, Opt::SoCookie), n.get(one, Opt::SoCookie));
    assert_ne!(n.get(one, Opt::SoCookie), n.get(other, Opt::SoCookie));
}

#[test]
fn packets_no_longer_than_told() {
    let mut n = Net::pair();
    let s = n.udp6();
    n.set(s, Opt::Ipv6Mtu, Value::Int(1279)).expect_err("too short");
    n.set(s, Opt::Ipv6Mtu, Value::Int(1280)).expect("set");
    n.connect(s, "[fd61::2]:7").expect("connected");
    assert_eq!(n.get(s, Opt::Ipv6Mtu), Ok(Value::Int(1500)));
    n.send(s, b"to find the neighbour").expect("sent");
    assert_eq!(n.error(s), Some(E::ECONNREFUSED));
    let (now, host) = (n.now, &mut n.hosts[0]);
    host.send(now, s.1, &[0; 1400]).expect("sent");
    let lengths: Vec<usize> = std::iter::from_fn(|| host.poll_frame())
        .filter_map(|(_, frame)| frame.as_packet().map(sockeye_wire::Packet::len))
        .collect();
    assert_eq!(lengths.len(), 2);
    assert!(lengths.iter().all(|len| *len <= 1280), "{lengths:?}");
}
