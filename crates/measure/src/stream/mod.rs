//! Throughput over message sizes: what carries messages from a sender to a receiver, measured in turn.
//!
//! A [`Channel`] carries messages of one size. Each is first asked for more and more of them until that takes as long as a
//! sample should; then all are sampled in turn, so that what else the machine does meets all alike.

mod copy;

use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::statistics::Summary;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A copy from one buffer to another: the bound of all that copies once.
    Copy,
}

impl Medium {
    /// All, in the order in which they are shown.
    pub const ALL: [Medium; 1] = [Medium::Copy];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Medium::Copy => "copy",
        }
    }

    fn open(self, size: usize) -> Box<dyn Channel> {
        match self {
            Medium::Copy => Box::new(copy::Copy::new(size)),
        }
    }
}

/// Messages of one size, on their way.
trait Channel {
    /// Carries so many messages; gives the time from before the first was written to when the last had been read.
    fn carry(&mut self, messages: u64) -> io::Result<Duration>;
}

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
}

/// What messages of one size got over one medium, in bits per second.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The message's bytes.
    pub size: usize,
    /// What carried it.
    pub medium: Medium,
    /// The samples, in bits per second.
    pub rate: Summary,
}

impl Plan {
    /// Measures all of it.
    ///
    /// # Errors
    /// Those of the calls that were measured.
    pub fn measure(&self) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for &size in &self.sizes {
            rows.extend(self.measure_size(size)?);
        }
        Ok(rows)
    }

    fn measure_size(&self, size: usize) -> io::Result<Vec<Row>> {
        let mut lanes = Vec::new();
        for &medium in &self.media {
            let mut channel = medium.open(size);
            let messages = self.messages(channel.as_mut())?;
            lanes.push((medium, channel, messages, Vec::new()));
        }
        for _ in 0..self.runs {
            for (_, channel, messages, samples) in &mut lanes {
                let took = channel.carry(*messages)?;
                samples.push((*messages * size as u64 * 8) as f64 / took.as_secs_f64());
            }
        }
        let rows = lanes.into_iter().filter_map(|(medium, _, _, samples)| {
            Summary::of(&samples).map(|rate| Row { size, medium, rate })
        });
        Ok(rows.collect())
    }

    /// How many messages take as long as a sample should.
    fn messages(&self, channel: &mut dyn Channel) -> io::Result<u64> {
        let mut messages = 1;
        loop {
            let took = channel.carry(messages)?;
            if took >= self.time / 2 || messages > u64::MAX / 4 {
                return Ok(messages);
            }
            messages *= 2;
        }
    }
}
