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
    pair.lab.set_direction(link, b, lossy());
    assert!(datagram(&mut pair, 10));
    pair.lab.set_direction(link, a, lossy());
    assert!(!datagram(&mut pair, 10));
    pair.lab.set_direction(link, a, Direction { delay: ms(150), ..Direction::default() });
    assert!(datagram(&mut pair, 10));
}

fn lossy() -> Direction {
    Direction { delay: ms(1), loss: Loss::PerMillion(1_000_000), ..Direction::default() }
}

/// Sends datagrams of 986 bytes at once (1,028 on the Ethernet) from a to b; when each came.
fn burst(direction: Direction, count: usize) -> Vec<Duration> {
    let mut pair = Pair::new(1, Version::V4, ms(0), Loss::None);
    assert!(datagram(&mut pair, 10));
    let (a, b, link, began) = (pair.a, pair.b, pair.link, pair.now);
    pair.lab.set_direction(link, a, direction);
    let address = pair.b_address(9);
    let receiver = pair.host(b).socket(Family::Inet, Transport::Udp).unwrap();
    pair.host(b).bind(began, receiver, address).unwrap();
    let sender = pair.host(a).socket(Family::Inet, Transport::Udp).unwrap();
    for _ in 0..count {
        pair.host(a).send_to(began, sender, &[1; 986], Some(address)).unwrap();
    }
    let mut came = Vec::new();
    pair.lab.run_until(began, began + ms(60_000), |lab, now| {
        while lab.host_mut(b).receive_from(now, receiver, false).is_ok() {
            came.push(now.since(began));
        }
        came.len() == count
    });
    came
}

#[test]
fn a_rate_spaces_frames_and_a_full_queue_drops_them() {
    // 8.224 Mbit/s: one of them each millisecond.
    let slow = Direction { rate: std::num::NonZeroU64::new(8_224_000), ..Direction::default() };
    assert_eq!(burst(slow.clone(), 5), (1..=5).map(ms).collect::<Vec<_>>());
    let late = Direction { delay: ms(20), ..slow.clone() };
    assert_eq!(burst(late, 3), [21, 22, 23].map(ms));
    // The first is being sent, three wait.
    let short = Direction { queue: 4 * 1028, ..slow };
    assert_eq!(burst(short, 9), [1, 2, 3, 4].map(ms));
}

#[test]
fn jitter_spreads_and_keeps_the_order() {
    let shaky = Direction { delay: ms(20), jitter: ms(5), ..Direction::default() };
    let came = burst(shaky, 100);
    assert_eq!(came.len(), 100);
    assert!(came.is_sorted() && came[0] >= ms(15) && came[99] <= ms(25) && came[0] < came[99], "{came:?}");
}

#[test]
fn what_takes_for_ever_never_comes() {
    let slow = Direction { delay: Duration::MAX, jitter: ms(5), ..Direction::default() };
    assert_eq!(burst(slow, 3), []);
}

#[test]
fn a_timetable_cuts_and_mends() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::None);
    let link = pair.link;
    assert!(datagram(&mut pair, 10));
    let now = pair.now;
    pair.lab.plan(now + ms(100), sockeye_lab::Change::Cut(link));
    pair.lab.plan(now + ms(700), sockeye_lab::Change::Mend(link));
    // Each takes 200 ms.
    let came: Vec<bool> = (0..5).map(|_| datagram(&mut pair, 10)).collect();
    assert_eq!(came, [true, false, false, false, true]);
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
