//! Round-trip time and retransmission timeout (RFC 6298), in nanoseconds and integers.
//!
//! Samples come from one timed segment per round trip, never one that was repeated (Karn), or else from a timestamp's
//! echo (RFC 7323), which repetition can't confuse.

use sockeye_base::Duration;

use crate::config::Config;

/// The smallest sample: a virtual network can be faster than any clock.
const SMALLEST: Duration = Duration::from_micros(1);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    srtt: Option<Duration>,
    rttvar: Duration,
    min: Option<Duration>,
    initial: Duration,
    /// How many times the RTO is doubled.
    pub(crate) backoff: u32,
}

impl Rtt {
    pub(crate) fn new(config: &Config) -> Rtt {
        Rtt { srtt: None, rttvar: Duration::ZERO, min: None, initial: config.rto_initial, backoff: 0 }
    }

    /// RFC 6298, sections 2.2 and 2.3: the first sample R gives SRTT = R and RTTVAR = R / 2; each later one moves
    /// RTTVAR by a quarter towards |SRTT - R| and then SRTT by an eighth towards R. Backoff ends.
    pub(crate) fn sample(&mut self, sample: Duration) {
        let sample = sample.max(SMALLEST);
        self.backoff = 0;
        self.min = Some(self.min.map_or(sample, |min| min.min(sample)));
        match self.srtt {
            None => {
                self.srtt = Some(sample);
                self.rttvar = sample / 2;
            }
            Some(srtt) => {
                self.rttvar = (self.rttvar * 3 + srtt.abs_diff(sample)) / 4;
                self.srtt = Some((srtt * 7 + sample) / 8);
            }
        }
    }

    /// RFC 6298, section 5.7: when the SYN had to be repeated and nothing has been measured, data starts with 3 s.
    pub(crate) fn distrust_initial(&mut self) {
        self.backoff = 0;
        self.initial = self.initial.max(Duration::from_secs(3));
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt
    }

    pub(crate) fn rttvar(&self) -> Duration {
        self.rttvar
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        self.min
    }

    /// The timeout in force: RFC 6298, section 2.3, SRTT + 4 RTTVAR, where Linux's least value is for the second term
    /// alone; in whole milliseconds; doubled by each backoff, up to the largest.
    pub(crate) fn rto(&self, config: &Config) -> Duration {
        let base = match self.srtt {
            None => self.initial,
            Some(srtt) => whole_millis(srtt + (self.rttvar * 4).max(config.rto_min)),
        };
        backed_off(base.max(Duration::from_millis(1)), self.backoff, config.rto_max)
    }
}

/// `base` doubled `backoff` times, at most `largest` (but never less than a millisecond).
pub(crate) fn backed_off(base: Duration, backoff: u32, largest: Duration) -> Duration {
    let largest = largest.max(Duration::from_millis(1));
    if backoff == 0 { base.min(largest) } else { base.saturating_mul(1u32 << backoff.min(30)).min(largest) }
}

fn whole_millis(span: Duration) -> Duration {
    let part = u64::from(span.subsec_nanos().div_ceil(1_000_000));
    Duration::from_millis(span.as_secs().saturating_mul(1000).saturating_add(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_rfc_6298() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        assert_eq!(rtt.rto(&config), Duration::from_secs(1));
        rtt.sample(Duration::from_millis(100));
        assert_eq!((rtt.srtt(), rtt.rttvar()), (Some(Duration::from_millis(100)), Duration::from_millis(50)));
        assert_eq!(rtt.rto(&config), Duration::from_millis(300));
        rtt.sample(Duration::from_millis(180));
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(110)));
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
        rtt.backoff = 2;
        assert_eq!(rtt.rto(&config), Duration::from_millis(340 * 4));
        rtt.backoff = 40;
        assert_eq!(rtt.rto(&config), Duration::from_secs(120));
    }

    #[test]
    fn a_loopback_gets_201_ms() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        rtt.sample(Duration::ZERO);
        assert_eq!(rtt.rto(&config), Duration::from_millis(201));
    }
}
