//! How long to measure, how often, and what of it counts.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Figures;

/// How much is done for one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Samples of each side.
    pub(crate) samples: usize,
    /// Length of one sample.
    pub(crate) sample: Duration,
    /// Connections that stand idle where many do.
    pub(crate) idle: usize,
    /// Connections where memory is measured with many.
    pub(crate) many: usize,
    /// Connections one after the other where the last are compared with the first.
    pub(crate) long: usize,
    /// Seeds where chance decides.
    pub(crate) seeds: u64,
    /// Length of a run in virtual time.
    pub(crate) virtual_time: Duration,
    /// Leave the peers out where both sides are sampled in turn: for profilers. Nothing is written then.
    pub(crate) alone: bool,
}

impl Effort {
    /// What the rows are defined by.
    pub(crate) fn full() -> Effort {
        Effort {
            samples: 7,
            sample: Duration::from_millis(300),
            idle: 10_000,
            many: 100_000,
            long: 1_000_000,
            seeds: 20,
            virtual_time: Duration::from_secs(60),
            alone: false,
        }
    }

    /// A tenth of it, for a look; memory and goodput of fewer connections and seeds.
    pub(crate) fn quick() -> Effort {
        Effort {
            samples: 3,
            sample: Duration::from_millis(60),
            idle: 2_000,
            many: 20_000,
            long: 200_000,
            seeds: 5,
            virtual_time: Duration::from_secs(30),
            alone: false,
        }
    }

    /// Samples both sides in turn, so that whatever else the machine does falls on both; the medians.
    pub(crate) fn medians(
        &self,
        mut sockeye: impl FnMut(Duration) -> f64,
        mut peer: impl FnMut(Duration) -> f64,
    ) -> Figures {
        let mut peer = |sample| if self.alone { f64::NAN } else { peer(sample) };
        let samples = (0..self.samples).map(|_| (sockeye(self.sample), peer(self.sample)));
        let (ours, theirs): (Vec<f64>, Vec<f64>) = samples.unzip();
        Figures::of(ours, theirs)
    }
}

/// Repeats `step` for about this long, after a fifth of it for warming up; the sum of what it returns, per second of
/// this program's processor time.
pub(crate) fn rate(sample: Duration, mut step: impl FnMut() -> u64) -> f64 {
    let warm = Instant::now();
    while warm.elapsed() < sample / 5 {
        step();
    }
    let (start, begun, mut total) = (Instant::now(), cpu_seconds(), 0);
    while start.elapsed() < sample {
        total += step();
    }
    total as f64 / (cpu_seconds() - begun)
}

/// Processor time that this program has used so far. All that is measured happens on one CPU, so on a quiet machine it
/// passes as real time does; on a busy one what others do counts less.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The middle half of the figures, as a part of the middle one: how far they lie apart.
pub(crate) fn spread(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let count = figures.len();
    if count < 2 {
        return f64::NAN;
    }
    (figures[count - 1 - count / 4] - figures[count / 4]) / figures[count / 2]
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
