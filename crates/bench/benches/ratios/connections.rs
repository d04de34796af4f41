//! Connect, exchange a byte each way, close: connections per second, one after the other.

use std::time::Duration;

use crate::pair::{Pair, Setup};
use crate::report::{Better, Row};
use crate::sampling::{Effort, cpu_seconds, rate};
use crate::{Figures, Rows, smol};

const BATCH: u64 = 20;
/// Of these the rate is taken, first and last.
const PART: usize = 50_000;

pub(crate) fn rows() -> Rows {
    let row = |name, peer_name, target| Row { name, unit: "1/s", better: Better::More, peer_name, target };
    vec![
        (
            row("connect, exchange, close", "smoltcp with 4 KiB buffers", 0.5),
            Box::new(|effort: &Effort| Some(effort.medians(sockeye, smol))),
        ),
        (
            row("connect, exchange, close, after a million", "Sockeye at the start", 0.8),
            Box::new(|effort: &Effort| Some(steady(effort.long))),
        ),
    ]
}

pub(crate) fn sockeye(sample: Duration) -> f64 {
    let mut pair = Pair::new(&Setup::new(1500));
    rate(sample, || {
        for _ in 0..BATCH {
            one(&mut pair);
        }
        BATCH
    })
}

fn one(pair: &mut Pair) {
    let ends = pair.connect();
    pair.round_trip(ends);
    pair.close(ends);
}

/// All connections of the run are in TIME-WAIT at its end, 7,800 to each of the server's addresses and ports: it takes
/// less than a minute of their time.
fn steady(count: usize) -> Figures {
    let mut pair = Pair::new(&Setup { addresses: 16, ..Setup::new(1500) });
    let mut part = |count: usize| {
        let begun = cpu_seconds();
        for _ in 0..count {
            one(&mut pair);
        }
        count as f64 / (cpu_seconds() - begun)
    };
    let first = part(PART);
    part(count.saturating_sub(2 * PART));
    Figures::new(part(PART), first)
}

/// It has no TIME-WAIT to keep: its sockets are dropped when both have closed.
fn smol(sample: Duration) -> f64 {
    let mut pair = smol::Pair::new(smol::Setup::new(1500, 4096));
    rate(sample, || {
        for _ in 0..BATCH {
            let ends = pair.connect();
            pair.round_trip(ends);
            pair.close(ends);
            pair.now += smoltcp::time::Duration::from_micros(1);
        }
        BATCH
    })
}
