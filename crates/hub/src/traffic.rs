//! What hosts send and are sent: all in all, and in the last second.

use sockeye_base::{Duration, Instant};
use sockeye_wire::Frame;

/// Frames and their bytes.
pub(crate) type Carried = (u64, u64);

/// How often it is looked at what has passed, while something passes.
const EVERY: Duration = Duration::from_secs(1);

/// What a host has sent and was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) sent: Carried,
    pub(crate) received: Carried,
    /// The same when it was looked at last, and before that.
    marks: [(Carried, Carried); 2],
}

impl Traffic {
    fn mark(&mut self) {
        self.marks = [self.marks[1], (self.sent, self.received)];
    }
}

/// Counts a frame, or those it stands for.
pub(crate) fn count(carried: &mut Carried, frame: &Frame) {
    add(carried, (frame.count() as u64, frame.len() as u64));
}

/// Counts so many. (Who tells how many may say what he likes.)
pub(crate) fn add(carried: &mut Carried, (frames, bytes): Carried) {
    *carried = (carried.0.saturating_add(frames), carried.1.saturating_add(bytes));
}

/// When it was looked at what has passed.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// The last time, and that before.
    marks: [Instant; 2],
    /// Something has passed since.
    busy: bool,
}

impl Clock {
    /// Something passes.
    pub(crate) fn note(&mut self) {
        self.busy = true;
    }

    /// When to look.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.busy.then(|| self.marks[1] + EVERY)
    }

    /// Looks at it, if it is time.
    pub(crate) fn look<'t>(&mut self, now: Instant, traffic: impl Iterator<Item = &'t mut Traffic>) {
        if self.next().is_some_and(|at| at <= now) {
            self.busy = false;
            // While nothing passed it wasn't looked: the last time might be long ago.
            let second_ago = Instant::ZERO + now.since(Instant::ZERO + EVERY);
            self.marks = [self.marks[1].max(second_ago), now];
            traffic.for_each(Traffic::mark);
        }
    }

    /// What was sent and received a second, in the last one or two.
    pub(crate) fn rates(&self, now: Instant, traffic: &Traffic) -> (Carried, Carried) {
        let from = if now.since(self.marks[1]) >= EVERY { 1 } else { 0 };
        let span = now.since(self.marks[from]).max(Duration::from_millis(1)).as_nanos();
        let rate = |now: u64, then: u64| {
            let passed = u128::from(now.saturating_sub(then)) * 1_000_000_000;
            u64::try_from(passed / span).unwrap_or(u64::MAX)
        };
        let rates = |now: Carried, then: Carried| (rate(now.0, then.0), rate(now.1, then.1));
        let (sent, received) = traffic.marks[from];
        (rates(traffic.sent, sent), rates(traffic.received, received))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// A network in which 10 frames of 100 bytes pass each 100 ms, from 5 s to 8 s.
    #[test]
    fn rates_are_those_of_the_last_second() {
        let (mut clock, mut traffic) = (Clock::default(), Traffic::default());
        let mut rates = Vec::new();
        for at in (0..12_000).step_by(100) {
            if (5000..8000).contains(&at) {
                add(&mut traffic.sent, (10, 1000));
                clock.note();
            }
            // It works when something passes, and when it said that it is time.
            if clock.next().is_some_and(|next| next <= ms(at)) {
                clock.look(ms(at), [&mut traffic].into_iter());
            }
            rates.push(clock.rates(ms(at + 50), &traffic));
        }
        let frames = |at: usize| rates[at / 100].0.0;
        assert_eq!((frames(1000), frames(4900)), (0, 0));
        assert!((5..=100).contains(&frames(5000)), "{}", frames(5000));
        for at in (6100..7900).step_by(100) {
            assert!((90..=115).contains(&frames(at)), "{at}: {}", frames(at));
            assert_eq!(rates[at / 100].0.1 / 100, frames(at));
        }
        assert!(frames(9000) < 70, "{}", frames(9000));
        assert_eq!((frames(10_200), frames(11_900)), (0, 0));
        assert!(rates.iter().all(|(_, received)| *received == (0, 0)));
    }

    #[test]
    fn counts_that_cannot_be_are_bounded() {
        let mut carried = (1, 1);
        add(&mut carried, (u64::MAX, u64::MAX));
        assert_eq!(carried, (u64::MAX, u64::MAX));
        let traffic = Traffic { sent: carried, ..Traffic::default() };
        assert_eq!(Clock::default().rates(ms(500), &traffic).0, (u64::MAX, u64::MAX));
    }
}
