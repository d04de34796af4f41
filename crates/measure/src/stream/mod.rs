//! Throughput over message sizes: what carries messages from a sender to a receiver, measured in turn.
//!
//! Each [`Medium`] is first asked for more and more messages of a size until they take as long as a sample should; then
//! all are sampled in turn, so that what else the machine does meets all alike.

mod findings;
mod media;

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::statistics::Summary;
pub use findings::{Finding, findings};
use media::{Channel, Opener};
pub use media::{Medium, serve};

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What carries.
    pub media: Vec<Medium>,
    /// The sizes of messages, in bytes; not 0.
    pub sizes: Vec<usize>,
    /// How many samples of each size over each medium.
    pub runs: usize,
    /// How long a sample takes, about.
    pub time: Duration,
    /// TCP_NODELAY on the sender.
    pub nodelay: bool,
    /// The command that runs [`serve`] under `sockeye run`; its argument is appended. For [`Medium::RunTcp`].
    pub worker: Vec<OsString>,
}

/// What messages of one size got over one medium.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The message's bytes.
    pub size: usize,
    /// What carried it.
    pub medium: Medium,
    /// The samples, in bits of messages per second.
    pub rate: Summary,
    /// Its median by that of the kernel's TCP with messages of this size, if that was measured.
    pub ratio: Option<f64>,
}

/// A medium that is being measured with messages of a size.
struct Lane {
    medium: Medium,
    channel: Box<dyn Channel>,
    /// As many as take a sample's time.
    messages: u64,
    samples: Vec<f64>,
}

impl Plan {
    /// How many steps [`Plan::measure`] tells of.
    pub fn steps(&self) -> usize {
        self.sizes.len() * self.media.len() * (self.runs + 1)
    }

    /// Measures all of it, and tells after each step, until somebody wants it to stop: then it gives what there is. Which
    /// media couldn't be opened comes back, too, with why.
    ///
    /// # Errors
    /// Those of the calls that are measured.
    pub fn measure(&self, stop: &AtomicBool, mut step: impl FnMut()) -> io::Result<Measured> {
        let opener = Opener::new(&self.worker, self.nodelay);
        let mut measured = Measured { rows: Vec::new(), failed: Vec::new() };
        for &size in &self.sizes {
            let mut lanes = Vec::new();
            for &medium in &self.media {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if measured.has_failed(medium) {
                    continue;
                }
                match self.lane(&opener, medium, size, stop) {
                    Ok(lane) => lanes.push(lane),
                    Err(error) => measured.failed.push((medium, error)),
                }
                step();
            }
            for _ in 0..self.runs {
                for lane in &mut lanes {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    lane.sample(size)?;
                    step();
                }
            }
            measured.rows.extend(rows(size, &lanes));
        }
        Ok(measured)
    }

    /// Opens one, and finds how many messages take as long as a sample should.
    fn lane(&self, opener: &Opener, medium: Medium, size: usize, stop: &AtomicBool) -> io::Result<Lane> {
        let mut channel = opener.open(medium, size)?;
        let wanted = channel.sample(self.time);
        let mut messages = 1;
        while messages < u64::MAX / 4 && !stop.load(Ordering::Relaxed) {
            // The shorter of two: once may have been long because the machine had something else to do.
            let enough = |took: Duration| took >= wanted / 2;
            if enough(channel.carry(messages)?) && enough(channel.carry(messages)?) {
                break;
            }
            messages *= 2;
        }
        Ok(Lane { medium, channel, messages, samples: Vec::new() })
    }
}

/// What was measured, by sizes, and which media could not be.
pub struct Measured {
    /// What there is.
    pub rows: Vec<Row>,
    /// Which could not be opened, and why.
    pub failed: Vec<(Medium, io::Error)>,
}

impl Measured {
    fn has_failed(&self, medium: Medium) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == medium)
    }
}

impl Lane {
    fn sample(&mut self, size: usize) -> io::Result<()> {
        let took = self.channel.carry(self.messages)?;
        self.samples.push((self.messages * size as u64 * 8) as f64 / took.as_secs_f64().max(1e-9));
        Ok(())
    }
}

fn rows(size: usize, lanes: &[Lane]) -> Vec<Row> {
    let rate = |lane: &Lane| Summary::of(&lane.samples);
    let kernel = lanes.iter().find(|lane| lane.medium == Medium::KernelTcp).and_then(rate);
    let row = |lane: &Lane| {
        let rate = rate(lane)?;
        Some(Row { size, medium: lane.medium, rate, ratio: kernel.map(|kernel| rate.median / kernel.median) })
    };
    lanes.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(media: &[Medium], runs: usize) -> Plan {
        let time = Duration::from_micros(100);
        Plan { media: media.to_vec(), sizes: vec![500, 3000], runs, time, nodelay: false, worker: Vec::new() }
    }

    #[test]
    fn everything_carries() {
        let mut media = Medium::ALL.to_vec();
        media.retain(|medium| *medium != Medium::RunTcp);
        let (plan, mut steps) = (plan(&media, 2), 0);
        let measured = plan.measure(&AtomicBool::new(false), || steps += 1).expect("measured");
        assert_eq!((measured.rows.len(), measured.failed.len(), steps), (18, 0, plan.steps()));
        for row in &measured.rows {
            assert!(row.rate.samples == 2 && row.rate.median > 0.0, "{row:?}");
        }
        // All of an Ethernet's 10 Mb/s but the headers: 52 bytes of TCP and IP and 14 of Ethernet in each packet.
        let lan = measured.rows.iter().rfind(|row| row.medium == Medium::Lan).expect("a row");
        assert!((9.5e6..=10e6 * 1448.0 / 1514.0).contains(&lan.rate.median), "{lan:?}");
    }

    #[test]
    fn what_cant_be_opened_is_left_out() {
        let measured = plan(&[Medium::RunTcp, Medium::Copy], 1).measure(&AtomicBool::new(false), || ());
        let measured = measured.expect("measured");
        assert!(matches!(measured.failed[..], [(Medium::RunTcp, _)]));
        assert_eq!(measured.rows.len(), 2);
    }

    #[test]
    fn stopping_gives_what_there_is() {
        let (stop, mut steps) = (AtomicBool::new(false), 0);
        let measured = plan(&[Medium::Copy], 100).measure(&stop, || {
            steps += 1;
            stop.store(steps > 3, Ordering::Relaxed);
        });
        let rows = measured.expect("measured").rows;
        assert_eq!((rows.len(), rows[0].rate.samples, steps), (1, 3, 4));
    }
}
