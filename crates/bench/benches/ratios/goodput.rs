//! Goodput over a lossy link in virtual time: 1 % of the packets to the receiver lost at random, 50 ms there and back, no
//! limit to the rate, buffers of 1 MiB. Each seed is a run of its own.

use std::time::Duration;

use sockeye_base::Instant;
use sockeye_lab::{Direction, Loss};

use crate::pair::{Pair, Setup};
use crate::report::{Better, Row};
use crate::sampling::{Effort, median};
use crate::{Figures, Rows, smol};

const MIB: usize = 1 << 20;
const ONE_WAY: Duration = Duration::from_millis(25);
const LOSS_PER_MILLION: u32 = 10_000;
const KILO: f64 = 1e3;

pub(crate) fn rows() -> Rows {
    let row = |name, peer_name, target| Row { name, unit: "kB/s", better: Better::More, peer_name, target };
    vec![
        (
            row("goodput at 1 % loss, 50 ms", "smoltcp with CUBIC", 2.0),
            Box::new(|effort: &Effort| {
                let ours = seeds(effort, |seed| sockeye(effort, seed).0);
                Some(Figures::new(ours, seeds(effort, |seed| smol(effort, seed))))
            }),
        ),
        (
            row("goodput at 1 % loss, 50 ms, beside the model", "formula of Padhye et al.", 0.9),
            Box::new(|effort: &Effort| {
                let runs: Vec<(f64, f64)> = (1..=effort.seeds).map(|seed| sockeye(effort, seed)).collect();
                let ours = runs.iter().map(|(goodput, _)| *goodput).collect();
                let model = runs.iter().map(|(_, model)| *model).collect();
                Some(Figures::of(ours, model))
            }),
        ),
    ]
}

fn seeds(effort: &Effort, run: impl Fn(u64) -> f64) -> f64 {
    median((1..=effort.seeds).map(run).collect())
}

/// The goodput, and what the model says for the connection's segments and RTO.
fn sockeye(effort: &Effort, seed: u64) -> (f64, f64) {
    let direction =
        Direction { delay: ONE_WAY, loss: Loss::PerMillion(LOSS_PER_MILLION), ..Direction::default() };
    let mut setup = Setup { seed, ..Setup::new(1500) };
    setup.directions = [direction.clone(), Direction { loss: Loss::None, ..direction }];
    let mut pair = Pair::new_unopened(&setup);
    let ends = pair.connect();
    let (start, data) = (pair.now, vec![1; 64 * 1024]);
    let (client, server) = (pair.client, pair.server);
    let (mut received, mut rto) = (0, Vec::new());
    pair.lab.run_until(start, start + effort.virtual_time, |lab, now: Instant| {
        while lab.host_mut(client).send(now, ends.client, &data).is_ok() {}
        while let Ok(bytes) = lab.host_mut(server).receive(now, ends.server, MIB, false) {
            received += bytes.len();
        }
        if let Some(info) = lab.host(client).info(ends.client)
            && info.backoff == 0
        {
            rto.push(info.rto.as_secs_f64());
        }
        while lab.poll_changed().is_some() {}
        false
    });
    let goodput = received as f64 / effort.virtual_time.as_secs_f64() / KILO;
    let mss = f64::from(pair.info(ends).snd_mss);
    (goodput, padhye(mss, 2.0 * ONE_WAY.as_secs_f64(), median(rto)) / KILO)
}

/// The steady rate of a Reno sender in bytes per second (Padhye, Firoiu, Towsley, Kurose, 1998, equation 30), where
/// windows grow by a segment per round trip (b = 1, as with byte counting, RFC 3465).
fn padhye(mss: f64, round_trip: f64, rto: f64) -> f64 {
    let p = f64::from(LOSS_PER_MILLION) / 1e6;
    let b = 1.0;
    let fast = round_trip * (2.0 * b * p / 3.0).sqrt();
    let timeouts = rto * (3.0 * (3.0 * b * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
    mss / (fast + timeouts)
}

fn smol(effort: &Effort, seed: u64) -> f64 {
    let delay = smoltcp::time::Duration::from_micros(ONE_WAY.as_micros() as u64);
    let loss = [LOSS_PER_MILLION, 0];
    let setup = smol::Setup { cubic: true, delay, loss, seed, ..smol::Setup::new(1500, MIB) };
    let mut pair = smol::Pair::new(setup);
    let ends = pair.begin();
    let data = vec![1; 64 * 1024];
    let mut buffer = vec![0; MIB];
    let end = smoltcp::time::Instant::ZERO
        + smoltcp::time::Duration::from_micros(effort.virtual_time.as_micros() as u64);
    let mut received = 0;
    loop {
        pair.client.poll(pair.now);
        pair.server.poll(pair.now);
        while pair.client.socket(ends.client).send_slice(&data).is_ok_and(|n| n > 0) {}
        while let Ok(n @ 1..) = pair.server.socket(ends.server).recv_slice(&mut buffer) {
            received += n;
        }
        pair.client.poll(pair.now);
        pair.server.poll(pair.now);
        match pair.next_deadline() {
            Some(at) if at <= end => {
                pair.now = at.max(pair.now + smoltcp::time::Duration::from_micros(1));
            }
            Some(_) | None => return received as f64 / effort.virtual_time.as_secs_f64() / KILO,
        }
    }
}
