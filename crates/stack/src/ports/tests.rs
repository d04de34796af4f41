//! The table of Linux 6.18, taken down by a program that bound every pair on the kernel.

use super::*;

const RANGE: (u16, u16) = (32_768, 60_999);
/// Address and IPV6_V6ONLY.
const KINDS: [(&str, bool); 6] =
    [("0.0.0.0", true), ("127.0.0.1", true), ("127.0.0.2", true), ("::", false), ("::", true), ("::1", true)];
/// SO_REUSEADDR and SO_REUSEPORT.
const FLAGS: [(bool, bool); 3] = [(false, false), (true, false), (false, true)];

fn claim((address, v6only): (&str, bool), (reuse_address, reuse_port): (bool, bool)) -> Claim {
    Claim::new(address.parse().unwrap(), !v6only, reuse_address, reuse_port)
}

fn bind(ports: &mut Ports, claim: Claim) -> Option<BindId> {
    ports.bind(claim, 80, RANGE, &mut Rng::from_seed(1))
}

#[test]
fn which_addresses_clash() {
    // A row per first bind, a column per second; o: allowed, x: EADDRINUSE.
    let linux = ["xxxxoo", "xxoxoo", "xoxxoo", "xxxxxx", "oooxxx", "oooxxx"];
    for (first, row) in KINDS.into_iter().zip(linux) {
        for (second, expected) in KINDS.into_iter().zip(row.chars()) {
            let mut ports = Ports::default();
            bind(&mut ports, claim(first, FLAGS[0])).unwrap();
            let got = if bind(&mut ports, claim(second, FLAGS[0])).is_some() { 'o' } else { 'x' };
            assert_eq!(got, expected, "{first:?} then {second:?}");
        }
    }
}

#[test]
fn which_flags_share() {
    // The wildcard against the wildcard; what stands there is bound, listening, or an accepted connection whose
    // listener is closed (in TIME_WAIT or not).
    let linux = [
        ("bound", ["xxx", "xox", "xxo"]),
        ("listen", ["xxx", "xxx", "xxo"]),
        ("accepted", ["xxx", "xox", "xxo"]),
    ];
    for (state, rows) in linux {
        for (first, row) in FLAGS.into_iter().zip(rows) {
            for (second, expected) in FLAGS.into_iter().zip(row.chars()) {
                let mut ports = Ports::default();
                let id = bind(&mut ports, claim(KINDS[0], first)).unwrap();
                if state != "bound" {
                    assert!(ports.listen(id));
                }
                if state == "accepted" {
                    ports.inherit(id, "127.0.0.1".parse().unwrap()).unwrap();
                    ports.release(id);
                }
                let got = if bind(&mut ports, claim(KINDS[0], second)).is_some() { 'o' } else { 'x' };
                assert_eq!(got, expected, "{state} {first:?} then {second:?}");
            }
        }
    }
}

#[test]
fn of_two_that_share_by_so_reuseaddr_one_may_listen() {
    let mut ports = Ports::default();
    let first = bind(&mut ports, claim(KINDS[0], (true, false))).unwrap();
    let second = bind(&mut ports, claim(KINDS[0], (true, false))).unwrap();
    assert!(ports.listen(first));
    assert!(!ports.listen(second));
    ports.unlisten(first);
    assert!(ports.listen(second));
    // With SO_REUSEPORT both may.
    let mut ports = Ports::default();
    let both = [(); 2].map(|()| bind(&mut ports, claim(KINDS[0], (false, true))).unwrap());
    assert!(both.into_iter().all(|id| ports.listen(id)));
}

#[test]
fn ephemeral_ports() {
    let mut ports = Ports::default();
    let mut rng = Rng::from_seed(3);
    let range = (40_000, 40_005);
    let any = claim(KINDS[0], FLAGS[1]);
    // bind takes the odd half first, and shares nothing, whatever the flags.
    let mut taken: Vec<u16> = (0..6)
        .map(|_| ports.bind(any, 0, range, &mut rng).and_then(|id| ports.get(id)).unwrap().port)
        .collect();
    assert!(taken[..3].iter().all(|port| port % 2 == 1), "{taken:?}");
    taken.sort_unstable();
    assert_eq!(taken, [40_000, 40_001, 40_002, 40_003, 40_004, 40_005]);
    assert!(ports.bind(any, 0, range, &mut rng).is_none());
    // An address that clashes with none of them still finds room.
    assert!(ports.bind(claim(KINDS[5], FLAGS[0]), 0, range, &mut rng).is_some());
    for bad in [(5, 4), (0, 0)] {
        assert!(Ports::default().bind(any, 0, bad, &mut rng).is_none());
    }
    assert!(Ports::default().bind(any, 0, (65_535, 65_535), &mut rng).is_some());
}

#[test]
fn connects_share_ports_with_connects_only() {
    let mut ports = Ports::default();
    let mut rng = Rng::from_seed(3);
    let (range, from) = ((40_000, 40_001), claim(("10.0.0.1", true), FLAGS[0]));
    let server = ports.bind(claim(("10.0.0.1", true), FLAGS[1]), 40_000, range, &mut rng).unwrap();
    let first = ports.bind_for_connect(from, range, 99, |_| true).unwrap();
    assert_eq!(ports.get(first).unwrap().port, 40_001);
    let second = ports.bind_for_connect(from, range, 99, |_| true).unwrap();
    assert_eq!(ports.get(second).unwrap().port, 40_001);
    assert!(ports.bind_for_connect(from, range, 99, |_| false).is_none());
    // Nobody binds it while they stand, with or without the flag, but on another address.
    for (address, flag, expected) in [
        ("10.0.0.1", false, false),
        ("10.0.0.1", true, false),
        ("0.0.0.0", true, false),
        ("10.0.0.2", false, true),
    ] {
        let got = ports.bind(claim((address, true), (flag, false)), 40_001, range, &mut rng);
        assert_eq!(got.is_some(), expected, "{address} {flag}");
        got.into_iter().for_each(|id| ports.release(id));
    }
    [server, first, second].into_iter().for_each(|id| ports.release(id));
    assert!(ports.buckets.is_empty() && ports.binds.is_empty());
}

#[test]
fn connect_takes_a_port_again_as_late_as_can_be() {
    let from = claim(("10.0.0.1", true), FLAGS[0]);
    let mut ports = Ports::default();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..2 {
        for _ in 0..10 {
            let id = ports.bind_for_connect(from, (40_000, 40_019), 0x1234_5678_9abc, |_| true).unwrap();
            let port = ports.get(id).unwrap().port;
            assert_eq!(seen.insert(port), round == 0);
            ports.release(id);
        }
    }
    assert!(seen.iter().all(|port| port % 2 == 0));
}
