//! What came of requests: counts, and times by histogram.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use sockeye_abi::Errno;

/// Where a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Connecting.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the reply, or reading it.
    Receive,
}

impl Phase {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Send => "send",
            Phase::Receive => "receive",
        }
    }
}

/// Why a request failed: in which phase, and an errno's name or what was wrong in words.
pub(super) type Failure = (Phase, &'static str);

/// The time given for a request was up.
pub(super) const TIMED_OUT: &str = "no reply in time";
/// The peer closed before its reply was whole.
pub(super) const CLOSED: &str = "closed early";

/// The failure that an error is.
pub(super) fn failure(phase: Phase, error: &io::Error) -> Failure {
    (phase, error.raw_os_error().map_or("failed", |number| Errno(number).name()))
}

/// The longest time a histogram tells apart from longer ones: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;

/// What came of the requests of some connections.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) answered: u64,
    pub(super) failures: BTreeMap<Failure, u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Connections that were made.
    pub(super) connections: u64,
    /// Requests sent again, as a connection kept open turned out to be closed.
    pub(super) again: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) connect: Times,
    pub(super) first_byte: Times,
    pub(super) response: Times,
    /// Requests without an answer when the run ended.
    pub(super) unfinished: u64,
    /// How long it took.
    pub(super) elapsed: Duration,
}

/// Times of one kind, in nanoseconds, to three digits.
#[derive(Debug)]
pub(super) struct Times(Histogram<u64>);

impl Times {
    fn new() -> Times {
        Times(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that are sound"))
    }

    pub(super) fn note(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST).max(1));
    }
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            answered: 0,
            failures: BTreeMap::new(),
            statuses: BTreeMap::new(),
            connections: 0,
            again: 0,
            sent: 0,
            received: 0,
            connect: Times::new(),
            first_byte: Times::new(),
            response: Times::new(),
            unfinished: 0,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// This one and another of the same run.
    pub(super) fn and(mut self, other: Tally) -> Tally {
        self.answered += other.answered;
        other
            .failures
            .into_iter()
            .for_each(|(failure, count)| *self.failures.entry(failure).or_default() += count);
        other
            .statuses
            .into_iter()
            .for_each(|(status, count)| *self.statuses.entry(status).or_default() += count);
        self.connections += other.connections;
        self.again += other.again;
        self.sent += other.sent;
        self.received += other.received;
        for (mine, theirs) in [
            (&mut self.connect, other.connect),
            (&mut self.first_byte, other.first_byte),
            (&mut self.response, other.response),
        ] {
            mine.0.add(theirs.0).expect("the same bounds");
        }
        self.unfinished += other.unfinished;
        self.elapsed = self.elapsed.max(other.elapsed);
        self
    }
}

/// How times are spread, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub samples: u64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// The shortest.
    pub min: f64,
    /// Half of them are no longer; and so on.
    pub p50: f64,
    /// Three quarters.
    pub p75: f64,
    /// Nine tenths.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Spread {
    /// `None` without samples.
    pub(super) fn of(times: &Times) -> Option<Spread> {
        let times = &times.0;
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        let at = |share: f64| micros(times.value_at_quantile(share));
        (!times.is_empty()).then(|| Spread {
            samples: times.len(),
            mean: times.mean() / 1000.0,
            deviation: times.stdev() / 1000.0,
            min: micros(times.min()),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: micros(times.max()),
        })
    }
}
