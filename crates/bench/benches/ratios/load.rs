//! What else the machine did while we measured.

use std::fmt;
use std::fs::read_to_string;
use std::time::Instant;

use crate::sampling::cpu_seconds;

/// Ticks of `/proc/stat` per second (USER_HZ: the same on all machines we know).
const TICKS: f64 = 100.0;

/// Since when.
pub(crate) struct Load {
    since: Instant,
    busy: Option<f64>,
    own: f64,
}

impl Load {
    pub(crate) fn begin() -> Load {
        Load { since: Instant::now(), busy: busy_seconds(), own: cpu_seconds() }
    }
}

/// Seconds in which a processor of this machine worked, or was taken from it by its own host.
fn busy_seconds() -> Option<f64> {
    let stat = read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guests are in the first two (proc_stat(5)).
    let [user, nice, system, _, _, irq, softirq, steal] = *ticks.first_chunk()?;
    Some((user + nice + system + irq + softirq + steal) / TICKS)
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elapsed = self.since.elapsed().as_secs_f64();
        let own = (cpu_seconds() - self.own) / elapsed;
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        match self.busy.zip(busy_seconds()) {
            Some((before, now)) => {
                let foreign = ((now - before) / elapsed - own).max(0.0);
                write!(f, "of {count} processors we used {own:.2} in the mean, others {foreign:.2}")
            }
            None => write!(f, "of {count} processors we used {own:.2} in the mean; others are not known of"),
        }
    }
}
