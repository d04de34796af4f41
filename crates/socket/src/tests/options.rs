//! Options: every row of the table does something or fails.

use sockeye_abi::{Device, Kind, OPTIONS, State, TcpInfo};

use super::*;
use Errno as E;

#[test]
fn every_row_is_enforced_or_rejected() {
    let mut n = Net::lone();
    // IP_HDRINCL can be read of all sockets, and is set on raw ones.
    for row in OPTIONS.iter().filter(|row| row.opt != Opt::IpHdrIncl) {
        for family in [Family::Inet, Family::Inet6] {
            for transport in [Transport::Tcp, Transport::Udp] {
                let s = n.socket(0, family, transport);
                // These ask for more than a new socket, or are refused by name.
                let special = [Opt::SoTxRehash, Opt::SoReserveMem, Opt::Ipv6AddrForm, Opt::Ipv6Mtu];
                if special.contains(&row.opt) {
                    continue;
                }
                let known = row.state != State::Rejected && row.applies(family, transport);
                let read = n.get(s, row.opt);
                // IP_MTU and IPV6_MTU ask for a peer.
                // What a filter is asked of stands in the question.
                let works = read.is_ok() || matches!(read, Err(E::ENOTCONN | E::EINVAL));
                assert_eq!(works, known && row.readable, "reading {} gave {read:?}", row.name);
                let value = match row.kind {
                    Kind::Flag | Kind::AnyInt | Kind::Word => Value::Int(1),
                    Kind::Int(_, high) => Value::Int(high),
                    Kind::Linger => Value::Linger { on: true, seconds: 3 },
                    Kind::Timeval => Value::Time(Some(Duration::from_millis(1500))),
                    Kind::Rate => Value::Rate(1 << 40),
                    Kind::Name(_) => Value::Bytes(b"reno".to_vec()),
                    Kind::Number | Kind::Peer => Value::Bytes(vec![0; 8]),
                    Kind::Key => Value::Bytes(vec![0; 16]),
                    Kind::Struct(len) | Kind::Bits(len) => Value::Bytes(vec![0; len]),
                    Kind::NetworkInt => Value::Int(1),
                    Kind::Interface => Value::Bytes(b"lo".to_vec()),
                    Kind::Device => Device { index: 0, address: [127, 0, 0, 1].into() }.into(),
                    // They have tests of their own.
                    Kind::Group(_) => continue,
                };
                let set = n.set(s, row.opt, value.clone());
                let of_datagrams = match row.opt {
                    Opt::IpMulticastIf | Opt::IpMulticastTtl => Some(E::EINVAL),
                    Opt::Ipv6MulticastIf | Opt::Ipv6MulticastHops => Some(E::ENOPROTOOPT),
                    _ => None,
                };
                if let (Some(error), true, true) = (of_datagrams, known, transport == Transport::Tcp) {
                    assert_eq!(set, Err(error), "{}", row.name);
                } else if !known || !row.settable {
                    assert_eq!(set, Err(E::ENOPROTOOPT), "{}", row.name);
                } else {
                    assert_eq!(set, Ok(()), "{}", row.name);
                    let clamps = [
                        Opt::SoSndBuf,
                        Opt::SoRcvBuf,
                        Opt::SoBsdCompat,
                        Opt::TcpThinDupAck,
                        Opt::Ipv6AddrPreferences,
                        Opt::IpTos,
                        Opt::Ipv6Tclass,
                        Opt::TcpWindowClamp,
                    ];
                    if row.readable && !clamps.contains(&row.opt) {
                        assert_eq!(n.get(s, row.opt), Ok(value), "{}", row.name);
                    }
                }
                n.close(s);
            }
        }
    }
}

#[test]
fn what_a_new_socket_says() {
    let mut n = Net::lone();
    let (tcp, udp6) = (n.tcp(), n.udp6());
    for (opt, tcp_says, udp6_says) in [
        (Opt::SoType, 1, 2),
        (Opt::SoDomain, 2, 10),
        (Opt::SoProtocol, 6, 17),
        (Opt::SoSndBuf, 16_384, 212_992),
        (Opt::SoRcvBuf, 131_072, 212_992),
        (Opt::SoSndLowat, 1, 1),
        (Opt::SoRcvLowat, 1, 1),
        (Opt::IpTtl, 64, 64),
    ] {
        assert_eq!(n.get(tcp, opt), Ok(Value::Int(tcp_says)), "{}", opt.name());
        assert_eq!(n.get(udp6, opt), Ok(Value::Int(udp6_says)), "{}", opt.name());
    }
    for (opt, says) in [
        (Opt::TcpMaxSeg, 536),
        (Opt::TcpKeepIdle, 7200),
        (Opt::TcpKeepIntvl, 75),
        (Opt::TcpKeepCnt, 9),
        (Opt::TcpSynCnt, 6),
        (Opt::TcpUserTimeout, 0),
    ] {
        assert_eq!(n.get(tcp, opt), Ok(Value::Int(says)), "{}", opt.name());
    }
}

#[test]
fn buffers_are_doubled_within_bounds() {
    let mut n = Net::lone();
    for s in [n.tcp(), n.udp()] {
        for (set, sndbuf, rcvbuf) in [
            (0, 4608, 2304),
            (1, 4608, 2304),
            (-1, 8_388_608, 8_388_608),
            (i32::MAX, 8_388_608, 8_388_608),
            (100_000, 200_000, 200_000),
        ] {
            n.set(s, Opt::SoSndBuf, Value::Int(set)).expect("set");
            n.set(s, Opt::SoRcvBuf, Value::Int(set)).expect("set");
            assert_eq!(n.get(s, Opt::SoSndBuf), Ok(Value::Int(sndbuf)));
            assert_eq!(n.get(s, Opt::SoRcvBuf), Ok(Value::Int(rcvbuf)));
        }
    }
}

#[test]
fn values_as_linux_takes_them() {
    let mut n = Net::lone();
    let s = n.tcp();
    assert_eq!(n.set(s, Opt::IpTos, Value::Int(0x13)), Ok(()));
    assert_eq!(n.get(s, Opt::IpTos), Ok(Value::Int(0x10)));
    assert_eq!(n.set(s, Opt::IpTos, Value::Int(0x1ff)), Ok(()));
    assert_eq!(n.get(s, Opt::IpTos), Ok(Value::Int(0xfc)));
    assert_eq!(n.set(s, Opt::IpTtl, Value::Int(0)), Err(E::EINVAL));
    assert_eq!(n.set(s, Opt::IpTtl, Value::Int(9)), Ok(()));
    assert_eq!(n.set(s, Opt::IpTtl, Value::Int(-1)), Ok(()));
    assert_eq!(n.get(s, Opt::IpTtl), Ok(Value::Int(64)));
    assert_eq!(n.set(s, Opt::SoKeepAlive, Value::Int(7)), Ok(()));
    assert_eq!(n.get(s, Opt::SoKeepAlive), Ok(Value::Int(1)));
    assert_eq!(n.set(s, Opt::TcpKeepCnt, Value::Int(128)), Err(E::EINVAL));
    assert_eq!(n.set(s, Opt::TcpCongestion, Value::Bytes(b"nope".to_vec())), Err(E::ENOENT));
    assert_eq!(n.set(s, Opt::SoLinger, Value::Linger { on: false, seconds: 5 }), Ok(()));
    assert_eq!(n.get(s, Opt::SoLinger), Ok(Value::Linger { on: false, seconds: 0 }));
    let u = n.udp();
    assert_eq!(n.set(u, Opt::IpTos, Value::Int(0x13)), Ok(()));
    assert_eq!(n.get(u, Opt::IpTos), Ok(Value::Int(0x13)));
}

#[test]
fn tcp_info_has_the_connections_numbers() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.send(c, b"12345"), Ok(5));
    assert_eq!(n.recv(a, 9), Ok(b"12345".to_vec()));
    n.pass(Duration::from_secs(1));
    let Ok(Value::Bytes(bytes)) = n.get(c, Opt::TcpInfo) else { panic!("no struct") };
    assert_eq!((bytes.len(), bytes[0]), (TcpInfo::LEN, 1));
    let acked = u64::from_ne_bytes(bytes[120..128].try_into().expect("8 bytes"));
    assert!(acked == 5 || acked == 6, "{acked} bytes acknowledged");
    assert!(n.get(c, Opt::TcpMaxSeg).is_ok_and(|value| value.int().is_ok_and(|mss| mss > 1000)));
    assert_eq!(n.get(c, Opt::SoSndBuf), Ok(Value::Int(2_626_560)));
}

#[test]
fn nodelay_and_cork_reach_a_connection() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.set(c, Opt::TcpCork, Value::Int(1)), Ok(()));
    assert_eq!(n.send(c, b"abc"), Ok(3));
    assert_eq!(n.recv(a, 9), Err(E::EAGAIN));
    assert_eq!(n.set(c, Opt::TcpCork, Value::Int(0)), Ok(()));
    assert_eq!(n.recv(a, 9), Ok(b"abc".to_vec()));
}

#[test]
fn the_syn_carries_ttl_and_tos() {
    for (family, to) in [(Family::Inet, "10.0.0.2:80"), (Family::Inet6, "[fd61::2]:80")] {
        let mut n = Net::pair();
        let s = n.socket(0, family, Transport::Tcp);
        let (ttl, tos) = match family {
            Family::Inet => (Opt::IpTtl, Opt::IpTos),
            Family::Inet6 => (Opt::Ipv6UnicastHops, Opt::Ipv6Tclass),
        };
        n.set(s, ttl, Value::Int(9)).expect("set");
        n.set(s, tos, Value::Int(0x20)).expect("set");
        let now = n.now;
        assert_eq!(n.hosts[0].connect(now, s.1, addr(to)), Err(E::EINPROGRESS));
        // The neighbour must be known before the SYN can go.
        let mut syn = None;
        while syn.is_none() {
            let (_, frame) = n.hosts[0].poll_frame().expect("a frame");
            syn = frame.as_packet().filter(|packet| packet.as_segment().is_some()).cloned();
            n.hosts[1].input(now, InterfaceId(1), frame);
            while let Some((_, answer)) = n.hosts[1].poll_frame() {
                n.hosts[0].input(now, InterfaceId(1), answer);
            }
        }
        let ip = syn.expect("a SYN").ip;
        assert_eq!((ip.hop_limit(), ip.traffic_class()), (9, 0x20));
    }
}

#[test]
fn the_segment_is_bounded_as_told() {
    let mut n = Net::pair();
    let (c, listener) = (n.tcp(), n.socket(1, Family::Inet, Transport::Tcp));
    for (wish, outcome, says) in [
        (-1, Err(E::EINVAL), 536),
        (0, Ok(()), 536),
        (87, Err(E::EINVAL), 536),
        (88, Ok(()), 88),
        (32_768, Err(E::EINVAL), 88),
        (1000, Ok(()), 1000),
    ] {
        assert_eq!(n.set(c, Opt::TcpMaxSeg, Value::Int(wish)), outcome, "{wish}");
        assert_eq!(n.get(c, Opt::TcpMaxSeg), Ok(Value::Int(says)), "{wish}");
    }
    n.bind(listener, "10.0.0.2:80").expect("bound");
    n.set(listener, Opt::TcpMaxSeg, Value::Int(1200)).expect("set");
    n.listen(listener, 3).expect("listens");
    assert_eq!(n.get(listener, Opt::TcpMaxSeg), Ok(Value::Int(1200)));
    assert_eq!(n.connect(c, "10.0.0.2:80"), Err(E::EINPROGRESS));
    let a = n.accept(listener).expect("a connection");
    let both = (n.get(c, Opt::TcpMaxSeg), n.get(a, Opt::TcpMaxSeg));
    assert_eq!(both, (Ok(Value::Int(988)), Ok(Value::Int(988))));
    // For a connection that stands it comes too late.
    assert_eq!(n.set(c, Opt::TcpMaxSeg, Value::Int(500)), Ok(()));
    assert_eq!(n.get(c, Opt::TcpMaxSeg), Ok(Value::Int(988)));
    let unbounded = n.tcp();
    assert_eq!(n.connect(unbounded, "10.0.0.2:80"), Err(E::EINPROGRESS));
    assert_eq!(n.get(unbounded, Opt::TcpMaxSeg), Ok(Value::Int(1188)));
}

#[test]
fn quick_acknowledgements_read_as_on_linux() {
    let mut n = Net::lone();
    let (c, a) = n.connected();
    assert_eq!(n.get(c, Opt::TcpQuickAck), Ok(Value::Int(1)));
    for on in [0, 1] {
        assert_eq!(n.set(c, Opt::TcpQuickAck, Value::Int(on)), Ok(()));
        assert_eq!(n.get(c, Opt::TcpQuickAck), Ok(Value::Int(on)));
    }
    // The peer's FIN ends it.
    n.close(a);
    assert_eq!(n.get(c, Opt::TcpQuickAck), Ok(Value::Int(0)));
}
