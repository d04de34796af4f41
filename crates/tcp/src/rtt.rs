//! Round-trip time and retransmission timeout (RFC 6298), in nanoseconds and integers.
//!
//! Samples come from each acknowledgement of a segment that was never repeated (Karn), or else from a timestamp's echo
//! (RFC 7323), which repetition can't confuse. As there may be many in a round trip, RTTVAR is, as in Linux, the
//! largest deviation in each; it falls slowly.

use sockeye_base::{Duration, SeqNum, nanos};

use crate::config::Config;

/// The smallest sample, nanoseconds: a virtual network can be faster than any clock.
const SMALLEST: u64 = 1_000;

/// Spans in nanoseconds, to keep a connection small; 0: not known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    srtt: u64,
    /// The smoothed deviation of samples.
    rttvar: u64,
    /// Its largest value in this round trip, which ends when `round` is acknowledged; and that of those before.
    round_most: u64,
    most: u64,
    min: u64,
    round: SeqNum,
    /// How many times the RTO is doubled.
    pub(crate) backoff: u32,
    /// The SYN was repeated.
    distrusted: bool,
}

/// A millisecond.
const MILLI: u64 = 1_000_000;

/// Distrusting the handshake's time: RFC 6298, section 5.7.
const DISTRUSTFUL: Duration = Duration::from_secs(3);

impl Rtt {
    pub(crate) fn new() -> Rtt {
        Rtt {
            srtt: 0,
            rttvar: 0,
            round_most: 0,
            most: 0,
            min: 0,
            round: SeqNum(0),
            backoff: 0,
            distrusted: false,
        }
    }

    /// RFC 6298, sections 2.2 and 2.3: the first sample R gives SRTT = R and RTTVAR = R / 2; each later one moves
    /// RTTVAR by a quarter towards |SRTT - R| (as Linux, an eighth of that if R is shorter) and then SRTT by an eighth
    /// towards R. Backoff ends.
    pub(crate) fn sample(&mut self, nanos_taken: u64, config: &Config, snd_una: SeqNum, snd_nxt: SeqNum) {
        self.backoff = 0;
        self.note_min(nanos_taken);
        let sample = nanos_taken.max(SMALLEST);
        let least = nanos(config.rto_min) / 4;
        if self.srtt == 0 {
            self.srtt = sample;
            self.rttvar = sample / 2;
            self.most = self.rttvar.max(least);
            self.round_most = self.most;
            self.round = snd_nxt;
            return;
        }
        let deviation = self.srtt.abs_diff(sample);
        if deviation <= self.rttvar {
            self.rttvar -= (self.rttvar - deviation) / 4;
        } else {
            let weight = if sample < self.srtt { 32 } else { 4 };
            self.rttvar += (deviation - self.rttvar) / weight;
        }
        self.srtt = (self.srtt.saturating_mul(7).saturating_add(sample)) / 8;
        self.round_most = self.round_most.max(self.rttvar);
        self.most = self.most.max(self.round_most);
        if snd_una.after(self.round) {
            self.most -= (self.most - self.round_most) / 4;
            self.round = snd_nxt;
            self.round_most = least;
        }
    }

    /// A round trip that may be the smallest.
    pub(crate) fn note_min(&mut self, nanos_taken: u64) {
        let sample = nanos_taken.max(SMALLEST);
        self.min = if self.min == 0 { sample } else { self.min.min(sample) };
    }

    /// RFC 6298, section 5.7: when the SYN had to be repeated and nothing has been measured, data starts with 3 s.
    pub(crate) fn distrust_initial(&mut self) {
        self.backoff = 0;
        self.distrusted = true;
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| Duration::from_nanos(self.srtt))
    }

    pub(crate) fn rttvar(&self) -> Duration {
        Duration::from_nanos(self.rttvar)
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        (self.min > 0).then(|| Duration::from_nanos(self.min))
    }

    /// The timeout in force: RFC 6298, section 2.3, SRTT + 4 RTTVAR, where Linux's least value is for the second term
    /// alone; in whole milliseconds; doubled by each backoff, up to the largest.
    pub(crate) fn rto(&self, config: &Config) -> Duration {
        Duration::from_nanos(self.rto_nanos(config))
    }

    /// The same in nanoseconds.
    pub(crate) fn rto_nanos(&self, config: &Config) -> u64 {
        let base = match self.srtt {
            0 if self.distrusted => nanos(config.rto_initial.max(DISTRUSTFUL)),
            0 => nanos(config.rto_initial),
            srtt => {
                let variance = self.most.saturating_mul(4).max(nanos(config.rto_min));
                srtt.saturating_add(variance).div_ceil(MILLI).saturating_mul(MILLI)
            }
        };
        let (base, largest) = (base.max(MILLI), nanos(config.rto_max).max(MILLI));
        if self.backoff == 0 {
            base.min(largest)
        } else {
            base.saturating_mul(1 << self.backoff.min(30)).min(largest)
        }
    }

    /// The smoothed round trip, nanoseconds; 0: not known.
    pub(crate) fn srtt_nanos(&self) -> u64 {
        self.srtt
    }
}

/// `base` doubled `backoff` times, at most `largest` (but never less than a millisecond).
pub(crate) fn backed_off(base: Duration, backoff: u32, largest: Duration) -> Duration {
    let largest = largest.max(Duration::from_millis(1));
    if backoff == 0 { base.min(largest) } else { base.saturating_mul(1u32 << backoff.min(30)).min(largest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_rfc_6298() {
        let config = Config::default();
        let mut rtt = Rtt::new();
        assert_eq!(rtt.rto(&config), Duration::from_secs(1));
        rtt.sample(100 * MILLI, &config, SeqNum(0), SeqNum(1));
        assert_eq!((rtt.srtt(), rtt.rttvar()), (Some(Duration::from_millis(100)), Duration::from_millis(50)));
        assert_eq!(rtt.rto(&config), Duration::from_millis(300));
        rtt.sample(180 * MILLI, &config, SeqNum(1), SeqNum(2));
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
        let mut rtt = Rtt::new();
        rtt.sample(0, &config, SeqNum(0), SeqNum(1));
        assert_eq!(rtt.rto(&config), Duration::from_millis(201));
    }
}
