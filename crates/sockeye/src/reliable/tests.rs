//! Both machines in a world of their own, where a datagram may be lost, come twice or late: each request is carried out once,
//! each is answered or given up, and order is kept where asked.

use std::collections::BTreeMap;
use std::time::Duration;

use sockeye_base::{Instant, Rng};

use super::Config;
use super::packet::{Head, Kind, written};
use super::requester::Requester;
use super::responder::Responder;

/// Of so many a million.
struct Chances {
    lost: u64,
    twice: u64,
}

/// What is on its way: when it arrives, and whether at the server.
type Way = BTreeMap<(Instant, u64), (bool, Vec<u8>)>;

struct World {
    rng: Rng,
    chances: Chances,
    way: Way,
    count: u64,
}

impl World {
    fn send(&mut self, now: Instant, to_server: bool, datagram: &[u8]) {
        let copies = 1 + u64::from(self.rng.below(1_000_000) < self.chances.twice);
        for _ in 0..copies {
            if self.rng.below(1_000_000) >= self.chances.lost {
                self.count += 1;
                let at = now + Duration::from_micros(100 + self.rng.below(300_000));
                self.way.insert((at, self.count), (to_server, datagram.to_vec()));
            }
        }
    }
}

/// Runs a client with so many requests against a server that takes its time; the numbers carried out, in order.
fn run(seed: u64, requests: u64, ordered: bool) -> Vec<u64> {
    let mut rng = Rng::from_seed(seed);
    let chances = Chances { lost: rng.below(500_000), twice: rng.below(500_000) };
    let mut world = World { rng, chances, way: Way::new(), count: 0 };
    let config = Config { ordered, patience: Duration::from_secs(3000), ..Config::default() };
    let mut client = Requester::new(seed, config);
    let mut server = Responder::new();
    let (mut now, mut started, mut answered) = (Instant::ZERO, 0, 0);
    let mut carried_out = Vec::new();
    let mut at_work = Vec::new();
    while answered < requests {
        while started < requests && client.start(now, &(started + 1).to_be_bytes()).is_ok() {
            started += 1;
        }
        while let Some(datagram) = client.transmit(now) {
            world.send(now, true, &datagram);
        }
        while let Some(asked) = server.next() {
            carried_out.push(asked.number);
            at_work.push(asked);
        }
        // It finishes what it has in any order, sooner or later.
        while !at_work.is_empty() && world.rng.below(3) > 0 {
            let asked = at_work.swap_remove(world.rng.below(at_work.len() as u64) as usize);
            if let Some(datagram) = server.answer(&asked, &asked.payload) {
                world.send(now, false, &datagram);
            }
        }
        while let Some((number, outcome)) = client.finished() {
            assert_eq!(outcome.expect("a reply"), number.to_be_bytes());
            answered += 1;
        }
        let arrival = world.way.first_key_value().map(|((at, _), _)| *at);
        let next = [arrival, client.deadline()].into_iter().flatten().min();
        now = now.max(next.unwrap_or(now)) + Duration::from_micros(1);
        while let Some(entry) = world.way.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to_server, datagram) = entry.remove();
            if to_server {
                if let Some(back) = server.input(now, 'c', &datagram) {
                    world.send(now, false, &back);
                }
            } else {
                client.input(now, &datagram);
            }
        }
    }
    carried_out
}

#[test]
fn each_once_whatever_becomes_of_datagrams() {
    for seed in 0..40 {
        let ordered = seed % 2 == 1;
        let mut carried_out = run(seed, 200, ordered);
        assert!(!ordered || carried_out.is_sorted(), "seed {seed}");
        carried_out.sort_unstable();
        assert_eq!(carried_out, (1..=200).collect::<Vec<_>>(), "seed {seed}");
    }
}

fn request(session: u64, number: u64, back: u16, ordered: bool, payload: &[u8]) -> Vec<u8> {
    written(&Head { kind: Kind::Request, ordered, stamp: 0, session, number, back }, payload)
}

/// Whoever asks from many sessions, with much, has but so much kept.
#[test]
fn what_is_kept_has_a_bound() {
    let mut server = Responder::new();
    let now = Instant::ZERO;
    let payload = vec![0; 60_000];
    for session in 0..1500 {
        server.input(now, 'c', &request(session, 2, 1, true, &payload));
        server.input(now, 'c', &request(session, 3, 2, false, &payload));
        if session % 2 == 0
            && let Some(asked) = server.next()
        {
            server.answer(&asked, &payload);
        }
    }
    let (sessions, kept, ready) = server.held();
    assert!(sessions <= 1024 && kept <= 64 << 20 && ready <= 1024, "{sessions} {kept} {ready}");
    // After silence nothing is left but who speaks.
    server.input(now + Duration::from_secs(7200), 'd', &request(1, 1, 0, true, b""));
    assert_eq!(server.held(), (1, 0, 1));
}

#[test]
fn numbers_out_of_the_window_are_ignored() {
    let mut server = Responder::new();
    let now = Instant::ZERO;
    server.input(now, 'c', &request(1, 100, 0, false, b"a"));
    assert_eq!(server.next().map(|asked| asked.number), Some(100));
    for (number, back) in [(99, 0), (164, 64), (u64::MAX, u16::MAX)] {
        assert_eq!(server.input(now, 'c', &request(1, number, back, false, b"a")), None);
    }
    // The last of them moved the window, as a client's that has given up on all before.
    assert!(server.next().is_none());
    server.input(now, 'c', &request(1, u64::MAX, 3, false, b"a"));
    assert_eq!(server.next().map(|asked| asked.number), Some(u64::MAX));
}
