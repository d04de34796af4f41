//! Links by themselves, and the default network.

use sockeye_lab::{Direction, default_network};

use super::*;

/// One datagram of `len` bytes from a to b; `true` if it came.
fn datagram(pair: &mut Pair, len: usize) -> bool {
    let (a, b, now) = (pair.a, pair.b, pair.now);
    let address = pair.b_address(9);
    let receiver = pair.host(b).socket(Family::Inet, Transport::Udp).unwrap();
    pair.host(b).bind(now, receiver, address).unwrap();
    let sender = pair.host(a).socket(Family::Inet, Transport::Udp).unwrap();
    assert_eq!(pair.host(a).send_to(now, sender, &vec![1; len], Some(address)), Ok(len));
    pair.wait(ms(200));
    let now = pair.now;
    let came = pair.host(b).receive_from(now, receiver, false).is_ok();
    pair.host(a).close(now, sender);
    pair.host(b).close(now, receiver);
    came
}

#[test]
fn listed_frames_are_lost() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::Frames(vec![3, 5]));
    // Frame 1 is the ARP request.
    let came: Vec<bool> = (0..5).map(|_| datagram(&mut pair, 10)).collect();
    assert_eq!(came, [true, false, true, false, true]);
}

#[test]
fn each_direction_has_its_own() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::None);
    assert!(datagram(&mut pair, 10));
    let (a, b, link) = (pair.a, pair.b, pair.link);
    pair.lab.set_direction(link, b, Direction { delay: ms(1), loss: Loss::PerMillion(1_000_000) });
    assert!(datagram(&mut pair, 10));
    pair.lab.set_direction(link, a, Direction { delay: ms(1), loss: Loss::PerMillion(1_000_000) });
    assert!(!datagram(&mut pair, 10));
    pair.lab.set_direction(link, a, Direction { delay: ms(150), loss: Loss::None });
    assert!(datagram(&mut pair, 10));
}

#[test]
fn a_host_without_a_link_reaches_nobody() {
    let mut lab = Lab::new(1);
    let alone = lab.add_host(HostSpec::new("alone", vec!["10.0.0.1/24".parse().unwrap()]));
    lab.set_capture(true);
    let host = lab.host_mut(alone);
    let socket = host.socket(Family::Inet, Transport::Udp).unwrap();
    host.send_to(Instant::ZERO, socket, b"hello", Some(([10, 0, 0, 2], 9).into())).unwrap();
    lab.advance(Instant::ZERO);
    assert_eq!(lab.poll_captured().and_then(|captured| captured.dropped), Some("no link"));
    let end = Instant::from_millis(60_000);
    assert_eq!(lab.run_until(Instant::ZERO, end, |_, _| false), end);
}

#[test]
fn the_default_network() {
    let network = default_network(7);
    let lab = network.lab;
    assert_eq!(lab.find("pukaki"), Some(network.pukaki));
    assert_eq!(lab.find("tekapo"), Some(network.tekapo));
    assert_eq!(lab.find("aoraki"), None);
    let addresses: Vec<String> = lab.addresses(network.tekapo).iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.61.0.2/24", "fd61::2/64"]);
}
