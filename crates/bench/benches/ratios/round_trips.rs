//! Round trips of one byte, per second: with one connection, and with thousands that stand idle.

use std::time::Duration;

use crate::pair::{Pair, Setup};
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};
use crate::{Figures, Rows, smol};

const BATCH: u64 = 100;

pub(crate) fn rows() -> Rows {
    let row = |name, peer_name, target| Row { name, unit: "1/s", better: Better::More, peer_name, target };
    vec![
        (
            row("1-byte round trips", "smoltcp", 1.0),
            Box::new(|effort: &Effort| {
                Some(effort.medians(|sample| sockeye(sample, 0), |sample| smol(sample, 0, BATCH)))
            }),
        ),
        (
            row("1-byte round trips, 10,000 idle connections", "Sockeye without idle ones", 0.8),
            Box::new(|effort: &Effort| {
                let idle = effort.idle;
                Some(effort.medians(|sample| sockeye(sample, idle), |sample| sockeye(sample, 0)))
            }),
        ),
        (
            row("1-byte round trips, 10,000 idle, beside smoltcp", "smoltcp", 100.0),
            Box::new(|effort: &Effort| {
                // Its thousands take long to set up, and the figure is far off: one sample of it is enough.
                let (sample, idle) = (effort.sample, effort.idle);
                let ours = (0..effort.samples).map(|_| sockeye(sample, idle)).collect();
                Some(Figures::of(ours, vec![smol(sample, idle, 1)]))
            }),
        ),
    ]
}

fn sockeye(sample: Duration, idle: usize) -> f64 {
    let mut pair = Pair::new(&Setup::new(1500));
    pair.connect_idle(idle);
    let ends = pair.connect();
    rate(sample, || {
        for _ in 0..BATCH {
            pair.round_trip(ends);
        }
        pair.drain();
        BATCH
    })
}

fn smol(sample: Duration, idle: usize, batch: u64) -> f64 {
    let mut pair = smol::Pair::new(smol::Setup::new(1500, 64));
    pair.connect_idle(idle);
    let ends = pair.connect();
    rate(sample, || {
        for _ in 0..batch {
            pair.round_trip(ends);
            pair.now += smoltcp::time::Duration::from_micros(1);
        }
        batch
    })
}
