//! CoDel (RFC 8289) for a queue whose rate is known: when a frame's turn comes is known as it enters, so what the
//! algorithm does as it takes frames out is done as they come in, in the same order and at the times their turn will be.

use sockeye_base::{Duration, Instant, nanos};

use super::CoDel;

/// The state of section 5.2.
#[derive(Debug, Default)]
pub(super) struct State {
    /// When waits will have been too long for an interval; `None`: the last was not.
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Instant,
    /// Drops since dropping began.
    count: u64,
    /// The same, when it began last.
    last_count: u64,
}

impl State {
    /// Whether a frame is dropped whose turn is at `turn` after it `waited`. `full` is how long a full frame takes.
    pub(super) fn drops(
        &mut self,
        codel: CoDel,
        turn: Instant,
        (waited, full): (Duration, Duration),
    ) -> bool {
        let too_long = self.is_above(codel, turn, waited < codel.target.max(full));
        if self.dropping {
            if !too_long {
                self.dropping = false;
            } else if turn >= self.drop_next {
                self.count += 1;
                self.drop_next += self.until_next(codel);
                return true;
            }
            return false;
        }
        if !too_long {
            return false;
        }
        self.dropping = true;
        // Section 5.5: who has been dropping lately goes on from about where that ended.
        let lately = turn.since(self.drop_next) < codel.interval.saturating_mul(16);
        let delta = self.count.saturating_sub(self.last_count);
        self.count = if delta > 1 && lately { delta } else { 1 };
        self.drop_next = turn + self.until_next(codel);
        self.last_count = self.count;
        true
    }

    /// Whether waits have been too long for an interval.
    fn is_above(&mut self, codel: CoDel, turn: Instant, fine: bool) -> bool {
        if fine {
            self.first_above = None;
            return false;
        }
        let first = *self.first_above.get_or_insert(turn + codel.interval);
        turn >= first
    }

    /// The interval by the square root of the count.
    fn until_next(&self, codel: CoDel) -> Duration {
        let root = (self.count.max(1) << 32).isqrt();
        Duration::from_nanos(
            (u128::from(nanos(codel.interval)) << 16).checked_div(root.into()).map_or(0, |n| n as u64),
        )
    }
}
