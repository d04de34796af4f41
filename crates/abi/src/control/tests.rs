use proptest::prelude::*;

use super::*;

fn samples() -> Vec<Control> {
    let (v4, v6) =
        (SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9), SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 0));
    let error = |offender: Option<SocketAddr>| ExtendedError {
        errno: Errno::ECONNREFUSED,
        origin: if offender.is_some() { Origin::Icmp } else { Origin::Local },
        kind: 3,
        code: 3,
        info: 0,
        data: 0,
        offender,
    };
    let at = Duration::new(1_700_000_000, 123_456_000);
    vec![
        Control::IpPktInfo(PktInfo { interface: 1, local: *v4.ip(), destination: *v4.ip() }),
        Control::IpTtl(64),
        Control::IpTos(0x10),
        Control::IpOrigDstAddr(v4),
        Control::IpRecvErr(error(Some(v4.into()))),
        Control::IpRecvErr(error(None)),
        Control::IpFragSize(1500),
        Control::Ipv6PktInfo(PktInfo6 { address: *v6.ip(), interface: 1 }),
        Control::Ipv6HopLimit(-1),
        Control::Ipv6Tclass(255),
        Control::Ipv6DontFrag(true),
        Control::Ipv6OrigDstAddr(v6),
        Control::Ipv6RecvErr(error(Some(v6.into()))),
        Control::Ipv6PathMtu(v6, 1280),
        Control::Ipv6FragSize(1280),
        Control::Timestamp(at, Numbers::Old),
        Control::Timestamp(at, Numbers::New),
        Control::TimestampNs(at, Numbers::Old),
        Control::TimestampNs(at, Numbers::New),
        Control::RxqOvfl(3),
        Control::Mark(4),
        Control::Priority(5),
        Control::UdpSegment(1000),
        Control::UdpGro(1000),
        Control::Rights(vec![3, 4, 5]),
        Control::Credentials(Credentials { pid: 1, uid: 2, gid: 3 }),
        Control::Other { level: 99, kind: 7, data: vec![1, 2, 3] },
    ]
}

#[test]
fn all_kinds_round_trip() {
    let all = samples();
    let (bytes, cut) = Control::encode_all(&all, usize::MAX);
    assert!(!cut);
    assert_eq!(Control::decode_all(&bytes), Ok(all));
}

// Where the bytes end, as put_cmsg has it (seen on Linux 6.18 with IP_PKTINFO and IP_TTL in rooms of 0 to 64 bytes).
#[test]
fn what_does_not_fit_is_cut() {
    let all = &samples()[..2];
    let room = |room| {
        let (bytes, cut) = Control::encode_all(all, room);
        (bytes.len(), cut)
    };
    assert_eq!(room(64), (56, false));
    assert_eq!(room(56), (56, false));
    assert_eq!(room(52), (52, false));
    assert_eq!(room(51), (51, true));
    assert_eq!(room(40), (32, true));
    assert_eq!(room(32), (32, true));
    assert_eq!(room(28), (28, true));
    assert_eq!(room(20), (20, true));
    assert_eq!(room(16), (16, true));
    assert_eq!(room(15), (0, true));
    assert_eq!(room(0), (0, true));
}

#[test]
fn lengths_that_lie_are_refused() {
    let with_length = |length: u64, room: usize| {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&[0; 8]);
        bytes.resize(room, 0);
        Control::decode_all(&bytes)
    };
    for length in [0, 15, 25, 1 << 31, u64::MAX, u64::MAX - 7] {
        assert_eq!(with_length(length, 24), Err(Errno::EINVAL), "{length}");
    }
    assert_eq!(with_length(1, 15), Ok(vec![]));
    let other = |data: usize| Control::Other { level: 0, kind: 0, data: vec![0; data] };
    assert_eq!(with_length(17, 24), Ok(vec![other(1)]));
    // A second header that isn't whole is none.
    assert_eq!(with_length(17, 39), Ok(vec![other(1)]));
    assert_eq!(with_length(17, 40), Err(Errno::EINVAL));
}

#[test]
fn what_is_not_as_long_as_its_kind_stays_as_it_came() {
    assert!(matches!(Control::decode(SOL_IP, n::IP_TTL, &[1]), Control::Other { .. }));
    assert_eq!(Control::decode(SOL_IP, n::IP_TOS, &[1]), Control::IpTos(1));
    assert_eq!(Control::decode(SOL_IP, n::IP_TOS, &[1, 0, 0, 0]), Control::IpTos(1));
    assert!(matches!(Control::decode(SOL_IP, n::IP_TOS, &[0, 1, 0, 0]), Control::Other { .. }));
    assert!(matches!(Control::decode(SOL_IPV6, n::IPV6_HOPLIMIT, &[0, 1, 0, 0]), Control::Other { .. }));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0i32..110,
                                       level in prop::sample::select(vec![0, 1, 17, 41, 6])) {
        let _ = Control::decode_all(&bytes);
        let control = Control::decode(level, kind, &bytes);
        // What is understood is written as it was read, but for lengths that Linux lets differ.
        prop_assert_eq!(Control::decode(control.number().0, control.number().1, &control.data()), control);
    }

    #[test]
    fn no_room_is_overrun(room in 0usize..300) {
        let (bytes, _) = Control::encode_all(&samples(), room);
        prop_assert!(bytes.len() <= room);
    }
}
