//! Pacing: data leaves at a rate instead of in bursts, as Linux does where SO_MAX_PACING_RATE asks for it and no queue
//! (sch_fq) does it for TCP. What is repeated after a timeout goes at once.

use sockeye_base::{Duration, Instant};

use crate::tcb::Tcb;
use crate::timers::Timer;

/// The round trip assumed while none was measured, microseconds.
const UNMEASURED: u64 = 1_000;
/// As Linux, and sch_fq before it, the first segments aren't paced.
const UNPACED: u32 = 10;

impl Tcb {
    /// Linux's sk_pacing_rate, bytes per second: twice the window per round trip in slow start, 1.2 times afterwards; at
    /// most what SO_MAX_PACING_RATE says.
    pub(crate) fn pacing_rate(&self) -> u64 {
        let srtt = self.rtt.srtt().map_or(UNMEASURED, super::sending::micros).max(1);
        let (starting, avoiding) = self.config.pacing_ratios;
        let percent = u64::from(if self.cwnd < self.ssthresh / 2 { starting } else { avoiding });
        let rate = u64::from(self.cwnd.max(self.flight())) * 10_000 * percent / srtt;
        rate.min(self.config.max_pacing_rate.unwrap_or(u64::MAX))
    }

    /// Whether what would be sent has to wait; then it is seen to that somebody asks again.
    pub(crate) fn is_paced_out(&mut self, now: Instant) -> bool {
        let Some(next) = self.rare.as_ref().and_then(|rare| rare.next_paced).filter(|&next| next > now)
        else {
            return false;
        };
        self.timers.set(Timer::Pacing, next);
        true
    }

    /// `len` bytes have left: the next follow when those would have, at the rate. Linux's tcp_update_skb_after_send: who
    /// was late catches up, by half of that time at most.
    pub(crate) fn pace(&mut self, now: Instant, len: u32) {
        let rate = self.pacing_rate();
        if self.counters.data_segs_out.0 < UNPACED || rate == 0 || rate == u64::MAX {
            return;
        }
        let nanos = u128::from(len) * 1_000_000_000 / u128::from(rate);
        let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let next = &mut self.rare().next_paced;
        let late = next.map_or(span, |next| now.since(next));
        *next = Some(now.max(next.unwrap_or(now)) + (span - late.min(span / 2)));
    }

    /// SO_MAX_PACING_RATE. From now on data is paced, whatever the rate.
    pub fn set_max_pacing_rate(&mut self, rate: Option<u64>) {
        self.config.change(|config| config.max_pacing_rate = rate);
    }
}
