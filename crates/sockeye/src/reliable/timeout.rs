//! How long to wait for a reply: RFC 6298, section 2, for requests.

use std::time::Duration;

use super::Config;

/// The time-out, from what was measured.
#[derive(Clone, Debug)]
pub(super) struct Timeout {
    /// The smoothed round trip and its deviation.
    measured: Option<(Duration, Duration)>,
    first: Duration,
    least: Duration,
    most: Duration,
}

impl Timeout {
    pub(super) fn new(config: &Config) -> Timeout {
        Timeout { measured: None, first: config.first, least: config.least, most: config.most }
    }

    /// A round trip: the first gives SRTT = R and RTTVAR = R / 2, each later one moves RTTVAR by a quarter towards |SRTT - R|
    /// and then SRTT by an eighth towards R.
    pub(super) fn sample(&mut self, round_trip: Duration) {
        self.measured = Some(match self.measured {
            None => (round_trip, round_trip / 2),
            Some((srtt, rttvar)) => {
                let rttvar = (rttvar * 3 + srtt.abs_diff(round_trip)) / 4;
                ((srtt * 7 + round_trip) / 8, rttvar)
            }
        });
    }

    /// The smoothed round trip.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.measured.map(|(srtt, _)| srtt)
    }

    /// The time-out of a request that was sent so many times: SRTT + 4 RTTVAR within bounds, doubled for each but the first
    /// (section 5.5).
    pub(super) fn after(&self, times: u32) -> Duration {
        let base = self.measured.map_or(self.first, |(srtt, rttvar)| (srtt + rttvar * 4).max(self.least));
        base.saturating_mul(1 << times.saturating_sub(1).min(30)).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn adapts_and_backs_off() {
        let config = Config { least: ms(10), ..Config::default() };
        let mut timeout = Timeout::new(&config);
        assert_eq!([1, 2, 3, 7, 8, 99].map(|times| timeout.after(times).as_secs()), [1, 2, 4, 60, 60, 60]);
        timeout.sample(ms(100));
        assert_eq!(
            (timeout.round_trip(), timeout.after(1), timeout.after(2)),
            (Some(ms(100)), ms(300), ms(600))
        );
        timeout.sample(ms(100));
        assert_eq!(timeout.after(1), Duration::from_micros(250_000));
        for _ in 0..100 {
            timeout.sample(ms(1));
        }
        assert_eq!(timeout.after(1), ms(10));
    }
}
