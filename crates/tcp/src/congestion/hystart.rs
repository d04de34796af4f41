//! HyStart: CUBIC leaves slow start before it loses anything, when acknowledgements show that the path is full: by how
//! long their train is, or by how much later they come than at first. As Linux does it (its `hystart` parameters'
//! defaults); RFC 9406's HyStart++ is another.

use sockeye_base::{Instant, SeqNum};

use super::Sample;

/// Below so many segments it doesn't look.
pub(super) const LOW_WINDOW: u32 = 16;
/// Acknowledgements of one train are no farther apart.
const TRAIN_GAP: u64 = 2_000;
/// Samples of a round trip before its delay counts.
const MIN_SAMPLES: u8 = 8;
/// By how much more than the smallest delay is a sign, microseconds: an eighth of that within these.
const THRESHOLD: (u32, u32) = (4_000, 16_000);
/// What four of the largest super-segments may take longer to arrive than small ones, at most; microseconds.
const MOST_CUSHION: u64 = 1_000;
const FOUR_SUPER_SEGMENTS: u64 = 4 * 65_536;

/// Times in microseconds.
#[derive(Debug)]
pub(super) struct HyStart {
    /// When this round trip began...
    began: Instant,
    /// ...and the last acknowledgement of its train came, after that.
    last: u32,
    /// It ends when something behind this is acknowledged.
    round: SeqNum,
    /// The smallest delay of this round trip.
    least: u32,
    samples: u8,
    /// It is over; at the end slow start isn't looked at any more.
    found: bool,
}

impl HyStart {
    pub(super) fn new(now: Instant, snd_nxt: SeqNum) -> HyStart {
        HyStart { began: now, last: 0, round: snd_nxt, least: u32::MAX, samples: 0, found: false }
    }

    /// A delay was measured in slow start; `delay_min` is the smallest of all. Says whether slow start is to end.
    pub(super) fn is_over(&mut self, sample: &Sample, delay: u32, delay_min: u32) -> bool {
        if self.found {
            return false;
        }
        if sample.snd_una.after(self.round) {
            *self = HyStart::new(sample.now, sample.snd_nxt);
        }
        let Some(rate) = sample.pacing_rate else {
            return false;
        };
        let into = sample.now.nanos_since(self.began) / 1_000;
        if into.saturating_sub(u64::from(self.last)) <= TRAIN_GAP {
            self.last = u32::try_from(into).unwrap_or(u32::MAX);
            let cushion = (FOUR_SUPER_SEGMENTS * 1_000_000 / rate.max(1)).min(MOST_CUSHION);
            let threshold = u64::from(delay_min) + cushion;
            // What is paced may itself have taken half of the round trip to leave.
            let threshold = if sample.is_paced { threshold } else { threshold / 2 };
            self.found |= into > threshold;
        }
        self.least = self.least.min(delay);
        if self.samples < MIN_SAMPLES {
            self.samples += 1;
        } else {
            let more = (delay_min / 8).clamp(THRESHOLD.0, THRESHOLD.1);
            self.found |= self.least > delay_min.saturating_add(more);
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: u32 = 100;

    /// Samples `gap` apart with this delay, until slow start ends or there were 30; gives how many there were.
    fn samples(hystart: &mut HyStart, from: u64, gap: u64, delay: u32) -> Option<u64> {
        (0..30).find(|i| {
            let sample = Sample {
                now: Instant::from_nanos((from + i * gap) * 1_000),
                rtt: u64::from(delay) * 1_000,
                snd_una: SeqNum(ROUND),
                snd_nxt: SeqNum(ROUND + 1),
                pacing_rate: Some(1 << 40),
                is_paced: false,
            };
            hystart.is_over(&sample, delay, 40_000)
        })
    }

    fn hystart() -> HyStart {
        HyStart::new(Instant::ZERO, SeqNum(ROUND))
    }

    #[test]
    fn a_long_train_ends_slow_start() {
        // A train of 2 ms steps passes half of 40 ms with its eleventh.
        assert_eq!(samples(&mut hystart(), 0, 2_000, 40_000), Some(11));
        assert_eq!(samples(&mut hystart(), 0, 2_001, 40_000), None);
    }

    #[test]
    fn a_longer_delay_ends_slow_start() {
        assert_eq!(samples(&mut hystart(), 10_000, 3_000, 45_000), None);
        assert_eq!(samples(&mut hystart(), 10_000, 3_000, 45_001), Some(8));
    }

    #[test]
    fn a_round_trip_begins_anew() {
        let mut hystart = hystart();
        assert_eq!(samples(&mut hystart, 0, 3_000, 45_000), None);
        hystart.round = SeqNum(ROUND - 1);
        assert_eq!(samples(&mut hystart, 100_000, 3_000, 45_001), Some(8));
        assert_eq!(samples(&mut hystart, 200_000, 1_000, 90_000), None, "once");
    }
}
