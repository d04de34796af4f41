//! Bytes in are bytes out, whatever the link does; and the same seed gives the same run.

use super::*;

const LEN: usize = 300_000;
/// Bytes that fit in the buffers a connection begins with.
const SHORT: usize = 60_000;

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 255) as u8).collect()
}

/// Sends data from a to b and closes; returns what came, and the trace.
fn transfer(pair: &mut Pair, data: &[u8]) -> Vec<u8> {
    let (a, b) = (pair.a, pair.b);
    let (client, server) = pair.connection();
    let mut sent = 0;
    let mut came = Vec::new();
    pair.run(|pair| {
        let now = pair.now;
        while sent < data.len() {
            match pair.host(a).send(now, client, &data[sent..]) {
                Ok(n) => sent += n,
                Err(Errno::EAGAIN) => break,
                Err(errno) => panic!("{errno:?}"),
            }
            if sent == data.len() {
                pair.host(a).close(now, client);
            }
        }
        loop {
            match pair.host(b).receive(now, server, 1 << 16, false) {
                Ok(piece) if piece.is_empty() => return true,
                Ok(piece) => came.extend(piece.to_vec()),
                Err(Errno::EAGAIN) => return false,
                Err(errno) => panic!("{errno:?} after {} bytes", came.len()),
            }
        }
    });
    let now = pair.now;
    pair.host(b).close(now, server);
    // Until both ends are through, TIME-WAIT and all.
    pair.wait(Duration::from_secs(300));
    assert_eq!(pair.lab.next_deadline(), None);
    came
}

#[test]
fn a_tenth_lost_and_all_arrives() {
    for version in BOTH {
        let run = |seed| {
            let mut pair = Pair::new(seed, version, ms(20), Loss::PerMillion(100_000));
            assert!(transfer(&mut pair, &data(LEN)) == data(LEN));
            pair.trace.iter().map(|captured| format!("{captured:?}\n")).collect::<String>()
        };
        let first = run(1);
        assert!(first.contains("lost on the link"));
        assert!(first == run(1), "the same seed gave another run");
        assert!(first != run(2), "another seed gave the same run");
    }
}

#[test]
fn a_perfect_link_carries_super_segments() {
    let mut pair = Pair::new(1, Version::V4, Duration::ZERO, Loss::None);
    assert!(transfer(&mut pair, &data(5_000_000)) == data(5_000_000));
    assert!(pair.trace.iter().any(|captured| captured.frame.count() > 10));
    assert!(pair.trace.iter().all(|captured| captured.dropped.is_none()));
}

#[test]
fn capturing_changes_nothing() {
    let run = |capture: bool| {
        let mut pair = Pair::new(5, Version::V4, ms(5), Loss::PerMillion(50_000));
        pair.lab.set_capture(capture);
        let (client, server) = pair.connection();
        let (a, b) = (pair.a, pair.b);
        let now = pair.now;
        assert_eq!(pair.host(a).send(now, client, &data(SHORT)), Ok(SHORT));
        let mut steps = Vec::new();
        pair.run(|pair| {
            let [sender, receiver] = [(a, client), (b, server)].map(|(host, end)| pair.host(host).info(end));
            steps.push((pair.now, sender, receiver));
            pair.lab.host(b).unread(server) == Ok(SHORT)
        });
        steps
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_coarse_clock_arrives_too() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::PerMillion(20_000));
    let (client, server) = pair.connection();
    let (a, b) = (pair.a, pair.b);
    let now = pair.now;
    pair.host(a).send(now, client, &data(SHORT)).unwrap();
    for _ in 0..3_000 {
        pair.now += ms(77);
        pair.lab.advance(pair.now);
    }
    assert_eq!(pair.lab.host(b).unread(server), Ok(SHORT));
}
