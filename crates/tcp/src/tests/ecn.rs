//! Explicit congestion notification between two connections, over a pipe that marks.

use sockeye_base::Duration;
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::Flags;

use super::pair::{Pair, Pipe, pattern};
use crate::{Config, EcnMode};

fn config(ecn: EcnMode) -> Config {
    Config { ecn, gso: false, ..Config::default() }
}

#[test]
fn one_must_ask_and_the_other_grant() {
    use EcnMode::{Off, On, Passive};
    for (client, server, on) in
        [(On, On, true), (On, Passive, true), (On, Off, false), (Passive, On, false), (Off, On, false)]
    {
        let mut pair = Pair::established_with(config(client), config(server), Pipe::default());
        let seen = [0, 1].map(|end| pair.tcb(end).info().ecn);
        assert_eq!(seen, [on; 2], "{client:?} {server:?}");
        pair.send(0, b"hello");
        assert_eq!(pair.seen[0].ecn == Ecn::Ect0, on);
    }
}

#[test]
fn both_open_at_once() {
    let mut pair = Pair::new(config(EcnMode::On), config(EcnMode::On), Pipe::default(), 1);
    pair.ends[1].listens = false;
    pair.connect(0);
    pair.connect(1);
    pair.run_for(Duration::from_millis(100));
    assert_eq!([0, 1].map(|end| pair.tcb(end).info().ecn), [true; 2]);
}

#[test]
fn marks_slow_down_without_a_loss() {
    let (client, server) = (config(EcnMode::On), config(EcnMode::Passive));
    let mut pair = Pair::established_with(client, server, Pipe { marks: 20, ..Pipe::default() });
    let bytes = pattern(3_000_000);
    pair.send(0, &bytes);
    let mut phases = [false; 5];
    pair.run_until(|pair| {
        phases[usize::from(pair.tcb(0).info().recovery)] = true;
        pair.ends[1].received.len() == bytes.len()
    });
    assert!(pair.ends[1].received == bytes);
    let info = pair.tcb(0).info();
    assert_eq!((info.total_retrans, phases), (0, [true, false, true, false, false]));
    assert!(info.delivered_ce > 0 && info.delivered_ce < info.delivered);
    assert!(info.cwnd < 400 && info.ssthresh < 400, "{} {}", info.cwnd, info.ssthresh);
    assert!(pair.tcb(1).info().ecn_seen);
    // Data may be marked, nothing else; each CWR ends the echo that began with a mark.
    assert!(pair.seen.iter().all(|seen| (seen.ecn == Ecn::Ect0) != seen.segment.payload.is_empty()));
    let echoes = pair.from(1).filter(|seen| seen.segment.flags.contains(Flags::ECE)).count();
    let reductions = pair.from(0).filter(|seen| seen.segment.flags.contains(Flags::CWR)).count();
    assert!(echoes > reductions && reductions > 2, "{echoes} {reductions}");
}

#[test]
fn what_is_repeated_may_not_be_marked() {
    let (client, server) = (config(EcnMode::On), config(EcnMode::Passive));
    let mut pair = Pair::established_with(
        client,
        server,
        Pipe { loss: 30, marks: 10, data_only: true, ..Pipe::default() },
    );
    let bytes = pattern(500_000);
    pair.send(0, &bytes);
    pair.run_until(|pair| pair.ends[1].received.len() == bytes.len());
    assert!(pair.ends[1].received == bytes);
    let mut highest = None;
    for seen in pair.from(0).filter(|seen| !seen.segment.payload.is_empty()) {
        let new = highest.is_none_or(|high| seen.segment.seq.at_or_after(high));
        assert_eq!(seen.ecn == Ecn::Ect0, new, "{:?}", seen.segment);
        if new {
            highest = Some(seen.segment.end());
        }
    }
}
