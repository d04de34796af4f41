//! What links do to frames, counted: each against what its chance says, from a fixed seed, so that none can fail by
//! chance.

use sockeye_lab::{Bursts, CoDel, Direction, Discipline, Reorder, Spread};

use super::*;

/// What came of numbered datagrams sent from a to b, one each millisecond: their numbers in the order they came, and
/// how long each took.
fn numbered(direction: Direction, count: u64) -> Vec<(u64, Duration)> {
    let mut pair = Pair::new(7, Version::V4, ms(0), Loss::None);
    let (a, b, link) = (pair.a, pair.b, pair.link);
    let address = pair.b_address(9);
    let now = pair.now;
    let receiver = pair.host(b).socket(Family::Inet, Transport::Udp).unwrap();
    pair.host(b).bind(now, receiver, address).unwrap();
    let sender = pair.host(a).socket(Family::Inet, Transport::Udp).unwrap();
    // The first asks for the address.
    pair.host(a).send_to(now, sender, &[], Some(address)).unwrap();
    pair.wait(ms(10));
    let began = pair.now;
    pair.host(b).receive_from(began, receiver, false).unwrap();
    pair.lab.set_direction(link, a, direction);
    let mut came = Vec::new();
    let mut take = |lab: &mut Lab, now: Instant| {
        while let Ok((data, _)) = lab.host_mut(b).receive_from(now, receiver, false) {
            let number = u64::from_be_bytes(data.to_vec().try_into().unwrap());
            came.push((number, now.since(began + ms(number))));
        }
    };
    for number in 0..count {
        let at = began + ms(number);
        pair.host(a).send_to(at, sender, &number.to_be_bytes(), Some(address)).unwrap();
        let end = pair.lab.run_until(at, at + ms(1), |lab, now| {
            take(lab, now);
            false
        });
        assert_eq!(end, at + ms(1));
    }
    pair.lab.run_until(began + ms(count), began + ms(count + 10_000), |lab, now| {
        take(lab, now);
        false
    });
    came
}

/// Pearson's sum over cells of what was seen and what was to be expected.
fn chi_squared(cells: &[(f64, f64)]) -> f64 {
    cells.iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum()
}

/// Of `count` trials with this chance of a million, so many hit: within what one of a thousand runs would exceed.
fn is_likely(hits: u64, count: u64, of_a_million: u64) -> bool {
    let expected = count as f64 * of_a_million as f64 / 1e6;
    chi_squared(&[(hits as f64, expected), ((count - hits) as f64, count as f64 - expected)]) < 10.83
}

const COUNT: u64 = 10_000;

#[test]
fn losses_by_themselves() {
    let came = numbered(Direction { loss: Loss::PerMillion(30_000), ..Direction::default() }, COUNT);
    let lost = COUNT - came.len() as u64;
    assert!(is_likely(lost, COUNT, 30_000), "{lost}");
    // None more likely after another: gaps of two are of the chance squared.
    let twice = came.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 2).count() as u64;
    assert!(is_likely(twice, COUNT, 900), "{twice}");
}

#[test]
fn losses_in_bursts() {
    let bursts = Bursts { begins: 10_000, ends: 200_000, good: 0, bad: 1_000_000 };
    let came = numbered(Direction { loss: Loss::Bursts(bursts), ..Direction::default() }, COUNT);
    let gaps: Vec<u64> =
        came.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1).filter(|gap| *gap > 0).collect();
    // A gap ends after 1, 2, 3 … frames with the chances 0.2, 0.8 * 0.2, 0.8^2 * 0.2 …
    let total = gaps.len() as f64;
    let mut cells: Vec<(f64, f64)> = (1..=5)
        .map(|length| {
            let seen = gaps.iter().filter(|gap| **gap == length).count() as f64;
            (seen, total * 0.2 * 0.8_f64.powi(length as i32 - 1))
        })
        .collect();
    cells.push((gaps.iter().filter(|gap| **gap > 5).count() as f64, total * 0.8_f64.powi(5)));
    // Five degrees of freedom, one of a thousand.
    assert!(chi_squared(&cells) < 20.5, "{cells:?}");
    // A good time ends once in a hundred frames.
    let good = came.len() as u64;
    assert!(is_likely(gaps.len() as u64, good, 10_000), "{} of {good}", gaps.len());
}

#[test]
fn duplicates_come_right_behind() {
    let came = numbered(Direction { duplicate: 50_000, delay: ms(3), ..Direction::default() }, COUNT);
    let twice = came.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    assert_eq!(came.len() as u64, COUNT + twice);
    assert!(is_likely(twice, COUNT, 50_000), "{twice}");
}

#[test]
fn the_reordered_are_late_and_hold_nobody_up() {
    let reorder = Reorder { chance: 20_000, by: ms(5) };
    let came = numbered(Direction { reorder, delay: ms(10), ..Direction::default() }, COUNT);
    assert_eq!(came.len() as u64, COUNT);
    let late = came.iter().filter(|(_, took)| *took == ms(15)).count() as u64;
    assert!(came.iter().all(|(_, took)| *took == ms(10) || *took == ms(15)));
    assert!(is_likely(late, COUNT, 20_000), "{late}");
    let overtaken = came.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
    assert!(overtaken > 100, "{overtaken}");
}

#[test]
fn the_corrupted_are_noticed() {
    let came = numbered(Direction { corrupt: 100_000, ..Direction::default() }, COUNT);
    // Checksums find all of them: one bit is never missed, nor are those of the addresses.
    let lost = COUNT - came.len() as u64;
    assert!(is_likely(lost, COUNT, 100_000), "{lost}");
}

#[test]
fn jitter_has_the_shape_asked_for() {
    // Far enough apart not to wait for each other.
    let shaky = |spread| Direction {
        delay: ms(50),
        jitter: Duration::from_micros(100),
        spread,
        ..Direction::default()
    };
    let took = |spread| numbered(shaky(spread), COUNT).into_iter().map(|(_, took)| took).collect::<Vec<_>>();
    let within = |took: &[Duration], from: i64, to: i64| {
        let micros = |took: &Duration| took.as_nanos() as i64 - 50_000_000;
        took.iter().filter(|took| (from * 1000..to * 1000).contains(&micros(took))).count() as f64
    };
    let uniform = took(Spread::Uniform);
    let cells: Vec<_> =
        (-5..5).map(|at| (within(&uniform, at * 20, at * 20 + 20), COUNT as f64 / 10.0)).collect();
    // Nine degrees of freedom.
    assert!(chi_squared(&cells) < 27.9, "{cells:?}");
    let normal = took(Spread::Normal);
    // The bell's shares beyond -1, 0 and 1 standard deviations.
    let shares = [(-600, -100, 0.1587), (-100, 0, 0.3413), (0, 100, 0.3413), (100, 600, 0.1587)];
    let cells: Vec<_> =
        shares.iter().map(|(from, to, share)| (within(&normal, *from, *to), share * COUNT as f64)).collect();
    assert!(chi_squared(&cells) < 16.3, "{cells:?}");
}

#[test]
fn codel_keeps_waits_short() {
    // 60 bytes a millisecond come, 54 leave: without CoDel the queue grows without end.
    let rate = std::num::NonZeroU64::new(8 * 45_000);
    let slow = |discipline| Direction { rate, discipline, ..Direction::default() };
    let without = numbered(slow(Discipline::DropTail), 5000);
    let with = numbered(slow(Discipline::CoDel(CoDel::default())), 5000);
    let longest = |came: &[(u64, Duration)]| came.iter().skip(came.len() / 2).map(|(_, took)| *took).max();
    assert!(longest(&without) > Some(ms(500)), "{:?}", longest(&without));
    assert!(longest(&with) < Some(ms(200)), "{:?}", longest(&with));
    assert!(with.len() > 4000, "{}", with.len());
}

#[test]
fn the_third_data_segment_is_lost() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::None);
    let (a, link) = (pair.a, pair.link);
    let loss = Loss::Data(vec![3]);
    pair.lab.set_direction(link, a, Direction { delay: ms(1), loss, ..Direction::default() });
    let (client, _server) = pair.connection();
    for _ in 0..4 {
        let now = pair.now;
        pair.host(a).send(now, client, b"hello").unwrap();
        pair.wait(ms(10));
    }
    // The fourth waits for it (Nagle).
    pair.wait(ms(1000));
    pair.collect();
    let data = pair.trace.iter().filter(|captured| {
        captured.end.host() == Some(a)
            && captured.frame.as_segment().is_some_and(|segment| !segment.payload.is_empty())
    });
    let fates: Vec<_> = data.take(4).map(|captured| captured.dropped).collect();
    assert_eq!(fates, [None, None, Some("lost on the link"), None]);
}
