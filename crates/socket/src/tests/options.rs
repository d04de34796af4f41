//! Options: every row of the table does something or fails.

use sockeye_abi::{Kind, OPTIONS, State, TcpInfo};

use super::*;
use Errno as E;

#[test]
fn every_row_is_enforced_or_rejected() {
    let mut n = Net::lone();
    for row in OPTIONS {
        for family in [Family::Inet, Family::Inet6] {
            for transport in [Transport::Tcp, Transport::Udp] {
                let s = n.socket(0, family, transport);
                let known = row.state == State::Enforced && row.applies(family, transport);
                let read = n.get(s, row.opt);
                assert_eq!(read.is_ok(), known && row.readable, "reading {} gave {read:?}", row.name);
                let value = match row.kind {
                    Kind::Flag | Kind::AnyInt => Value::Int(1),
                    Kind::Int(_, high) => Value::Int(high),
                    Kind::Linger => Value::Linger { on: true, seconds: 3 },
                    Kind::Timeval => Value::Time(Some(Duration::from_millis(1500))),
                    Kind::Name(_) => Value::Bytes(b"reno".to_vec()),
                    Kind::Struct(len) => Value::Bytes(vec![0; len]),
                };
                let set = n.set(s, row.opt, value.clone());
                if !known || !row.settable {
                    assert_eq!(set, Err(E::ENOPROTOOPT), "{}", row.name);
                } else {
                    assert_eq!(set, Ok(()), "{}", row.name);
                    let clamps =
                        [Opt::SoSndBuf, Opt::SoRcvBuf, Opt::SoBsdCompat, Opt::IpTos, Opt::Ipv6Tclass];
                    if !clamps.contains(&row.opt) {
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
            (-1, 425_984, 425_984),
            (i32::MAX, 425_984, 425_984),
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
    assert_eq!(n.get(c, Opt::SoSndBuf), Ok(Value::Int(2_621_440)));
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
