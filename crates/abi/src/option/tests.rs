use std::time::Duration;

use super::*;

/// Values worth trying of a kind.
fn samples(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Flag => vec![Value::Int(0), Value::Int(1)],
        Kind::AnyInt | Kind::Word => [-1, 0, 1, 255, 256, i32::MAX, i32::MIN].map(Value::Int).to_vec(),
        Kind::Int(low, high) => vec![Value::Int(low), Value::Int(high)],
        Kind::Linger => vec![Value::Linger { on: true, seconds: 5 }, Value::Linger { on: false, seconds: 0 }],
        Kind::Rate => vec![Value::Rate(5), Value::Rate(1 << 40), Value::Rate(u64::MAX)],
        Kind::Timeval => vec![Value::Time(None), Value::Time(Some(Duration::new(2, 500_000_000)))],
        Kind::Name(_) => vec![Value::Bytes(b"reno".to_vec())],
        Kind::Key => vec![Value::Bytes(vec![7; 16]), Value::Bytes(vec![7; 32])],
        Kind::Number => vec![Value::Bytes(vec![7; 8])],
        Kind::Peer => vec![],
        Kind::NetworkInt => vec![Value::Int(1), Value::Int(258)],
        Kind::Interface => vec![Value::Bytes(b"lo".to_vec()), Value::Bytes(Vec::new())],
        Kind::Device => vec![Value::Device(Device { index: 0, address: [127, 0, 0, 1].into() })],
        Kind::Group(Layout::IpMsfilter) => {
            vec![filter([239, 1, 2, 3].into(), [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()])]
        }
        // Their families depend on the level, and they are seen by a test of their own.
        Kind::Group(_) => Vec::new(),
        Kind::Struct(len) | Kind::Bits(len) => vec![Value::Bytes(vec![7; len])],
    }
}

fn filter(group: std::net::IpAddr, sources: [std::net::IpAddr; 2]) -> Value {
    let device = Device::index(0);
    Value::Filter(GroupFilter { group, device, include: true, sources: sources.to_vec(), count: 2 })
}

#[test]
fn rows_are_in_order_and_unique() {
    for (index, row) in OPTIONS.iter().enumerate() {
        assert_eq!(row.opt as usize, index);
        assert_eq!(row.opt.name(), row.name);
        let same =
            OPTIONS.iter().filter(|other| (other.level, other.number) == (row.level, row.number)).count();
        assert_eq!(same, 1, "{}", row.name);
        assert!(row.readable || row.settable);
    }
}

#[test]
fn values_round_trip() {
    for row in OPTIONS {
        for value in samples(row.kind) {
            let bytes = encode_value(row.opt, &value, 1000).expect("there is room");
            assert_eq!(decode_value(row.opt, &bytes), Ok(value.clone()), "{}", row.name);
            // A filter is as long as the program says, not as its buffer is.
            let cuts = if matches!(row.kind, Kind::Group(_)) { 0 } else { bytes.len() };
            for len in 0..cuts {
                assert!(
                    encode_value(row.opt, &value, len).is_ok_and(|cut| cut.len() <= len)
                        || matches!(row.kind, Kind::Number | Kind::Interface),
                    "{} cut to {len}",
                    row.name
                );
            }
            assert_eq!(row.check(&value), Ok(()), "{}", row.name);
        }
    }
}

#[test]
fn values_out_of_bounds_and_short_bytes() {
    for row in OPTIONS {
        if let Kind::Int(low, high) = row.kind {
            for n in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
                assert_eq!(decode_value(row.opt, &n.to_ne_bytes()), Err(Errno::EINVAL), "{} {n}", row.name);
            }
        }
        let family = row.family.unwrap_or(Family::Inet);
        let transport = [Transport::Tcp, Transport::Udp, Transport::Raw(1)]
            .into_iter()
            .find(|transport| row.sockets.include(*transport));
        let Some(transport) = transport else {
            assert_eq!(row.sockets, Sockets::Unix, "{}: somebody has it", row.name);
            continue;
        };
        let set = |bytes: &[u8]| decode_set(family, transport, (row.level, row.number), bytes);
        match row.state {
            State::Rejected => assert_eq!(set(&[1; 40]), Err(Errno::ENOPROTOOPT), "{}", row.name),
            State::Enforced | State::Kept if !row.settable => {
                assert_eq!(set(&[1; 40]), Err(Errno::ENOPROTOOPT), "{}", row.name)
            }
            // No name is no interface.
            State::Enforced if row.kind == Kind::Interface => {}
            // Streams have no groups.
            State::Enforced if matches!(row.opt, Opt::Ipv6MulticastIf | Opt::Ipv6MulticastHops) => {}
            State::Enforced | State::Kept
                if row.level != SOL_IP
                    && !value::SHORT_IS_ZERO.contains(&row.opt)
                    && !matches!(row.kind, Kind::Bits(_)) =>
            {
                assert_eq!(set(&[]), Err(Errno::EINVAL), "{}", row.name)
            }
            State::Enforced | State::Kept => {}
        }
    }
}

/// TCP_ULP takes "tls", which is shorter than an int: that is no reason for EINVAL.
#[test]
fn a_name_that_is_short_for_an_option_that_is_not_there() {
    let set = |number, bytes: &[u8]| decode_set(Family::Inet, Transport::Tcp, (SOL_TCP, number), bytes);
    assert_eq!(set(Opt::TcpUlp.row().number, b"tls"), Err(Errno::ENOPROTOOPT));
    assert_eq!(set(Opt::TcpInq.row().number, b"tls"), Err(Errno::EINVAL));
}

#[test]
fn what_is_not_looked_at_does_not_matter() {
    for row in OPTIONS {
        for transport in [Transport::Tcp, Transport::Udp, Transport::Raw(1)] {
            let family = row.family.unwrap_or(Family::Inet);
            for given in [0, 1, 4, 8, 16, 300] {
                let name = (row.level, row.number);
                let whole = vec![1; given];
                let mut part = whole.clone();
                part[value_size(family, transport, name, given)..].fill(0);
                let set = |bytes: &[u8]| decode_set(family, transport, name, bytes);
                assert_eq!(set(&whole), set(&part), "{}, {given} bytes", row.name);
            }
        }
    }
}

#[test]
fn levels_as_linux() {
    use Errno as E;
    let get = |family, transport, level, number| decode_get(family, transport, level, number);
    let set =
        |family, transport, level, number| decode_set(family, transport, (level, number), &[1, 0, 0, 0]);
    assert_eq!(get(Family::Inet, Transport::Tcp, SOL_TCP, 1), Ok(Opt::TcpNoDelay));
    assert_eq!(get(Family::Inet, Transport::Udp, SOL_TCP, 1), Err(E::EOPNOTSUPP));
    assert_eq!(get(Family::Inet6, Transport::Udp, SOL_TCP, 1), Err(E::ENOPROTOOPT));
    assert_eq!(get(Family::Inet, Transport::Tcp, SOL_IPV6, 26), Err(E::EOPNOTSUPP));
    assert_eq!(set(Family::Inet, Transport::Tcp, SOL_IPV6, 26), Err(E::ENOPROTOOPT));
    assert_eq!(set(Family::Inet6, Transport::Tcp, SOL_IPV6, 26), Ok((Opt::Ipv6V6Only, Value::Int(1))));
    assert_eq!(set(Family::Inet, Transport::Tcp, SOL_SOCKET, 3), Err(E::ENOPROTOOPT));
    assert_eq!(get(Family::Inet, Transport::Tcp, SOL_SOCKET, 250), Err(E::ENOPROTOOPT));
    assert_eq!(decode_set(Family::Inet, Transport::Tcp, (SOL_SOCKET, 250), &[1]), Err(E::EINVAL));
    assert_eq!(decode_set(Family::Inet, Transport::Udp, (SOL_TCP, 1), &[]), Err(E::ENOPROTOOPT));
    assert_eq!(set(Family::Inet, Transport::Udp, SOL_IP, 11), Ok((Opt::IpRecvErr, Value::Int(1))));
    let one_byte = decode_set(Family::Inet, Transport::Udp, (SOL_IP, 11), &[1]);
    assert_eq!(one_byte, Ok((Opt::IpRecvErr, Value::Int(1))));
}

#[test]
fn timevals_as_linux() {
    let timeval = |seconds: i64, micros: i64| [seconds.to_ne_bytes(), micros.to_ne_bytes()].concat();
    let decode = |seconds, micros| decode_value(Opt::SoRcvTimeo, &timeval(seconds, micros));
    assert_eq!(decode(0, 0), Ok(Value::Time(None)));
    assert_eq!(decode(-1, 0), Ok(Value::Time(Some(Duration::ZERO))));
    assert_eq!(decode(1, 1_000_000), Err(Errno::EDOM));
    assert_eq!(decode(1, -1), Err(Errno::EDOM));
    assert_eq!(
        decode(i64::MAX, 999_999)
            .and_then(|value| encode_value(Opt::SoRcvTimeo, &value, 16))
            .map(|bytes| bytes.len()),
        Ok(16)
    );
    assert_eq!(decode_value(Opt::SoRcvTimeo, &[0; 15]), Err(Errno::EINVAL));
}

#[test]
fn reading_into_short_buffers() {
    assert_eq!(encode_value(Opt::SoType, &Value::Int(1), 1), Ok(vec![1]));
    assert_eq!(encode_value(Opt::SoType, &Value::Int(1), 0), Ok(vec![]));
    assert_eq!(encode_value(Opt::IpTos, &Value::Int(16), 2), Ok(vec![16]));
    assert_eq!(encode_value(Opt::IpTos, &Value::Int(16), 4), Ok(vec![16, 0, 0, 0]));
    assert_eq!(
        encode_value(Opt::TcpCongestion, &Value::Bytes(b"reno".to_vec()), 100).map(|bytes| bytes.len()),
        Ok(16)
    );
    assert_eq!(decode_value(Opt::TcpCongestion, b"reno\0xx"), Ok(Value::Bytes(b"reno".to_vec())));
}

// The families and lengths that Linux 6.18 takes.
#[test]
fn groups_as_linux() {
    use Errno as E;
    let storage = |family: u16, at: usize, address: &[u8]| {
        let mut out = family.to_ne_bytes().to_vec();
        out.resize(at, 0);
        out.extend(address);
        out.resize(128, 0);
        out
    };
    let (v4, v6) = (storage(2, 4, &[239, 1, 1, 1]), storage(10, 8, &[0xff; 16]));
    let request = |index: i32, parts: &[&[u8]]| [&index.to_ne_bytes()[..], &[0; 4], &parts.concat()].concat();
    let group = |opt, parts: &[&[u8]]| decode_value(opt, &request(3, parts));
    let is = |value: Value, group: &str, source: Option<&str>| match value {
        Value::Group(asked) => {
            assert_eq!(asked.group, group.parse::<std::net::IpAddr>().expect("an address"));
            assert_eq!(asked.source, source.map(|source| source.parse().expect("an address")));
            assert_eq!(asked.device, Device::index(3));
        }
        other => panic!("{other:?}"),
    };
    is(group(Opt::IpMcastJoinGroup, &[&v4]).expect("a group"), "239.1.1.1", None);
    is(group(Opt::IpMcastJoinSourceGroup, &[&v4, &v4]).expect("both"), "239.1.1.1", Some("239.1.1.1"));
    assert_eq!(group(Opt::IpMcastJoinGroup, &[&v6]), Err(E::EINVAL));
    assert_eq!(group(Opt::Ipv6McastJoinGroup, &[&v4]), Err(E::EADDRNOTAVAIL));
    assert_eq!(group(Opt::IpMcastBlockSource, &[&v4, &v6]), Err(E::EADDRNOTAVAIL));
    assert_eq!(group(Opt::IpMcastBlockSource, &[&v4, &v4, &[0]]), Err(E::EINVAL));
    assert!(group(Opt::Ipv6McastBlockSource, &[&v6, &v6, &[0]]).is_ok());
    assert_eq!(group(Opt::Ipv6McastBlockSource, &[&v6, &v6[1..]]), Err(E::EINVAL));
    let tail = |mode: u32, count: u32| [mode.to_ne_bytes(), count.to_ne_bytes()].concat();
    let filter = group(Opt::IpMcastMsfilter, &[&v4, &tail(1, 2), &v4]);
    let Ok(Value::Filter(filter)) = filter else { panic!("{filter:?}") };
    assert_eq!((filter.sources.len(), filter.count, filter.include), (1, 2, true));
    assert_eq!(
        encode_value(Opt::IpMcastMsfilter, &Value::Filter(filter), 0).map(|bytes| bytes.len()),
        Ok(144 + 128)
    );
    assert_eq!(group(Opt::IpMcastMsfilter, &[&v4, &tail(2, 0)]), Err(E::EINVAL));
    let asked = decode_question(Opt::Ipv6McastMsfilter, &request(1, &[&v4, &tail(0, 0)]));
    assert_eq!(asked, Some(Err(E::EADDRNOTAVAIL)));
    assert_eq!(decode_question(Opt::IpMulticastTtl, &[]), None);
    assert_eq!(decode_value(Opt::IpUnicastIf, &[0, 0, 0, 1]), Ok(Value::Int(1)));
    let named = decode_value(Opt::IpMulticastIf, &[0, 0, 0, 0, 10, 0, 0, 1, 2, 0, 0, 0]);
    assert_eq!(named, Ok(Value::Device(Device { index: 2, address: [10, 0, 0, 1].into() })));
}
