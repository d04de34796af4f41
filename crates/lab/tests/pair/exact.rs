//! Exact segments at exact times.

use sockeye_abi::How;
use sockeye_socket::Result;
use sockeye_tcp::State;

use super::*;

#[test]
fn a_connection_from_syn_to_time_wait() {
    let mut pair = Pair::new(1, Version::V4, ms(10), Loss::None);
    let (a, b) = (pair.a, pair.b);
    let (client, server) = pair.connection();
    // The asker's address is learned from its question (RFC 826), so b need not ask.
    assert_eq!(
        pair.lines(),
        [
            "0 a arp Request",
            "10 b arp Reply",
            "20 a S 0 len 0",
            "30 b S. 0 ack 1 len 0",
            "40 a . 1 ack 1 len 0"
        ]
    );

    let now = pair.now;
    assert_eq!(pair.host(a).send(now, client, b"hello"), Ok(5));
    pair.run(|pair| pair.lab.host(b).unread(server) == Ok(5));
    let now = pair.now;
    assert_eq!(pair.host(b).receive(now, server, 100, false).unwrap().to_vec(), b"hello");
    assert_eq!(pair.host(b).send(now, server, b"world!"), Ok(6));
    pair.run(|pair| pair.lab.host(a).unread(client) == Ok(6));
    let now = pair.now;
    let world = pair.host(a).receive(now, client, 100, false);
    assert_eq!(world.map(|data| data.to_vec()), Ok(b"world!".to_vec()));
    pair.wait(ms(100));
    let lines = relative(pair.lines());
    assert_eq!(lines[0], "50 a P. len 5");
    assert!(lines.contains(&"60 b P. len 6".to_owned()), "{lines:?}");
    assert!(lines.len() <= 4, "{lines:?}");

    let now = pair.now;
    assert_eq!(pair.host(a).shutdown(now, client, How::Write), Ok(()));
    pair.run(|pair| pair.lab.host(b).state(server) == Some(State::CloseWait));
    let now = pair.now;
    assert_eq!(pair.host(b).receive(now, server, 100, false).map(|data| data.len()), Ok(0));
    pair.host(b).close(now, server);
    pair.run(|pair| pair.lab.host(a).state(client) == Some(State::TimeWait));
    pair.wait(ms(100));
    let lines = relative(pair.lines());
    let start = 170;
    assert_eq!(lines[0], format!("{start} a F. len 0"));
    assert!(lines.contains(&format!("{} b F. len 0", start + 10)), "{lines:?}");
    assert_eq!(lines.last(), Some(&format!("{} a . len 0", start + 20)));
}

/// The lines of a connection whose beginning is not among them, without sequence numbers.
fn relative(lines: Vec<String>) -> Vec<String> {
    let strip = |line: String| {
        let words: Vec<&str> = line.split(' ').collect();
        let length = words.iter().position(|word| *word == "len").expect("a TCP segment");
        [&words[..3], &words[length..]].concat().join(" ")
    };
    lines.into_iter().map(strip).collect()
}

#[test]
fn a_lost_syn_is_repeated_after_a_second() {
    for version in BOTH {
        // In each direction: 1 is the neighbour's resolution.
        let mut pair = Pair::new(1, version, ms(1), Loss::Frames(vec![2]));
        pair.listen();
        let client = pair.connect(PORT);
        assert_eq!(pair.outcome(client), Ok(()));
        let syns: Vec<String> = pair.lines().into_iter().filter(|line| line.contains(" S")).collect();
        assert_eq!(syns[0], "2 a S 0 len 0 (lost on the link)");
        // The timer runs since the SYN was made, which waited for the neighbour's address.
        assert_eq!(syns[1], "1000 a S 0 len 0");
        // The SYN-ACK is the second frame of the other direction, and lost too.
        assert_eq!(syns[2], "1001 b S. 0 ack 1 len 0 (lost on the link)");
    }
}

#[test]
fn loopback_is_captured_and_stays_inside() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::None);
    let (b, address) = (pair.b, pair.b_address(PORT));
    let listener = pair.listen();
    let client = pair.host(b).socket(Family::Inet, Transport::Tcp).unwrap();
    let _: Result<()> = pair.host(b).connect(Instant::ZERO, client, address);
    pair.run(|pair| pair.host(b).pending(listener) == 1);
    assert!(pair.trace.iter().all(|captured| captured.name == "lo"));
    let lines = pair.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
}
