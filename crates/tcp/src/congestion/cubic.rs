//! CUBIC (RFC 9438): above the threshold the window follows a cubic function of the time since the last loss, flat
//! where that loss happened; in the region where Reno would have more, as much as Reno.
//!
//! In integers: windows in bytes, times in milliseconds. Slow start is Reno's, with an end by HyStart.

use sockeye_base::{Duration, Instant, SeqNum};

use super::hystart::HyStart;
use super::{Ack, CongestionControl, Sample, Window, slow_start};

/// Section 4.6: what is left of the window after a loss, beta = 0.7.
const BETA: (u64, u64) = (7, 10);
/// Section 4.3: Reno's equal grows by 3 (1 - beta) / (1 + beta) = 9 / 17 segments per window.
const ALPHA: (u64, u64) = (9, 17);
/// The cubic's scale, C = 0.4 segments / s^3, with times in milliseconds: 4 / 10^10 per cubic millisecond.
const C: (i128, i128) = (4, 10_000_000_000);

/// So long after congestion avoidance began delays say nothing of the empty path.
const SETTLING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Cubic {
    /// The window at the last loss, or less if the losses come closer together; bytes.
    w_max: u32,
    /// The smallest delay measured, microseconds; 0: none was.
    delay_min: u32,
    /// Many connections end before there is one.
    epoch: Option<Box<Epoch>>,
    hystart: HyStart,
}

/// Congestion avoidance since the last loss.
#[derive(Debug)]
struct Epoch {
    began: Instant,
    /// Where the cubic is flat: when, after the beginning, in milliseconds, and at which window.
    k: u32,
    origin: u32,
    /// The window Reno would have, in bytes, and the part of a byte that is left over.
    w_est: u32,
    w_est_rest: u64,
}

impl Cubic {
    pub(crate) fn new(now: Instant, snd_nxt: SeqNum) -> Cubic {
        Cubic { w_max: 0, delay_min: 0, epoch: None, hystart: HyStart::new(now, snd_nxt) }
    }

    /// As [`crate::Tcb::look_ahead`].
    pub(crate) fn look_ahead(&self) -> u32 {
        self.w_max
    }
}

impl CongestionControl for Cubic {
    fn on_ack(&mut self, window: &mut Window, ack: Ack) {
        let acked = slow_start(window, ack.bytes);
        if acked == 0 {
            return;
        }
        let (cwnd, mss) = (u64::from(window.cwnd), u64::from(ack.mss));
        let w_max = u64::from(self.w_max);
        let epoch = self.epoch.get_or_insert_with(|| Box::new(Epoch::new(ack.now, cwnd, w_max, mss)));
        epoch.grow_estimate(u64::from(acked), cwnd, mss, w_max);

        // Section 4.2: where the cubic will be a round trip from now, at most half as much again.
        let elapsed = ack.now.since(epoch.began);
        let target = epoch.window_at(elapsed + ack.rtt, mss).clamp(cwnd, cwnd + cwnd / 2);
        let wanted = if epoch.window_at(elapsed, mss) < u64::from(epoch.w_est) {
            // Section 4.3.
            cwnd.max(u64::from(epoch.w_est))
        } else {
            // Sections 4.4 and 4.5: the way to the target, spread over a window's worth of acknowledgements.
            let credit = u64::from(window.credit) + (target - cwnd) * u64::from(acked);
            window.credit = u32::try_from(credit % cwnd).unwrap_or(0);
            cwnd + credit / cwnd
        };
        window.cwnd = window_of(wanted);
    }

    fn on_loss(&mut self, window: &Window, _mss: u32) -> u32 {
        let cwnd = u64::from(window.cwnd);
        let share = |(numerator, denominator): (u64, u64)| window_of(cwnd * numerator / denominator);
        // Section 4.7, fast convergence: a flow that loses before it is back where it was makes room for others.
        let yields = window.cwnd < self.w_max;
        self.w_max = if yields { share((BETA.1 + BETA.0, 2 * BETA.1)) } else { window.cwnd };
        self.epoch = None;
        share(BETA)
    }

    fn on_sample(&mut self, window: &mut Window, sample: &Sample) {
        if self.epoch.as_ref().is_some_and(|epoch| sample.now.since(epoch.began) < SETTLING) {
            return;
        }
        let delay = u32::try_from(sample.rtt / 1_000).unwrap_or(u32::MAX).max(1);
        if self.delay_min == 0 || delay < self.delay_min {
            self.delay_min = delay;
        }
        if window.cwnd < window.ssthresh && self.hystart.is_over(sample, delay, self.delay_min) {
            window.ssthresh = window.cwnd;
        }
    }

    fn on_timeout(&mut self, now: Instant, snd_nxt: SeqNum) {
        // As Linux: all that was known of the path is in doubt.
        *self = Cubic::new(now, snd_nxt);
    }

    fn on_idle(&mut self, idle: u64) {
        // Section 5.8: time without data is no time on the curve.
        if let Some(epoch) = &mut self.epoch {
            epoch.began = epoch.began.plus_nanos(idle);
        }
    }
}

impl Epoch {
    /// Equation 2: K is the time from a window of `cwnd` to the flat part at `w_max`.
    fn new(now: Instant, cwnd: u64, w_max: u64, mss: u64) -> Epoch {
        let (k, origin) = match w_max.checked_sub(cwnd) {
            Some(below) if below > 0 => {
                let cube = i128::from(below) * C.1 / (C.0 * i128::from(mss.max(1)));
                (cube_root(u64::try_from(cube).unwrap_or(u64::MAX)), window_of(w_max))
            }
            _ => (0, window_of(cwnd)),
        };
        Epoch { began: now, k, origin, w_est: window_of(cwnd), w_est_rest: 0 }
    }

    /// Equation 1: W_cubic(t) = C (t - K)^3 + W_max, in bytes.
    fn window_at(&self, elapsed: Duration, mss: u64) -> u64 {
        // An hour is far beyond any window; it keeps the cube in bounds.
        let t = i128::try_from(elapsed.as_millis().min(3_600_000)).unwrap_or(0);
        let from_k = t - i128::from(self.k);
        let bytes = i128::from(self.origin) + C.0 * from_k.pow(3) * i128::from(mss) / C.1;
        u64::try_from(bytes.max(0)).unwrap_or(u64::MAX)
    }

    /// Equation 4, per acknowledgement; once past the window of the last loss, Reno's own pace.
    fn grow_estimate(&mut self, acked: u64, cwnd: u64, mss: u64, w_max: u64) {
        let (numerator, denominator) = if u64::from(self.w_est) >= w_max { (1, 1) } else { ALPHA };
        let share = cwnd.max(1) * denominator;
        let sum = self.w_est_rest + numerator * acked * mss;
        self.w_est = self.w_est.saturating_add(window_of(sum / share));
        self.w_est_rest = sum % share;
    }
}

/// Windows are less than 2^32 bytes.
fn window_of(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The largest integer whose cube is at most `n`.
fn cube_root(n: u64) -> u32 {
    let mut root: u32 = 0;
    for bit in (0..=21).rev() {
        let candidate = root | 1 << bit;
        if u64::from(candidate).checked_pow(3).is_some_and(|cube| cube <= n) {
            root = candidate;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_base::nanos;

    const MSS: u32 = 1_000;
    const RTT: Duration = Duration::from_millis(100);

    /// Acknowledges a window's worth every round trip; gives the windows, in segments.
    fn rounds(cubic: &mut Cubic, window: &mut Window, from: Instant, count: u32) -> Vec<u32> {
        let mut now = from;
        let mut seen = Vec::new();
        for _ in 0..count {
            now += RTT;
            for _ in 0..window.cwnd / MSS {
                cubic.on_ack(window, Ack { now, bytes: MSS, mss: MSS, rtt: RTT });
            }
            seen.push(window.cwnd / MSS);
        }
        seen
    }

    #[test]
    fn cube_roots() {
        for (n, root) in
            [(0, 0), (1, 1), (7, 1), (8, 2), (26, 2), (27, 3), (1_000_000_000, 1_000), (u64::MAX, 2_642_245)]
        {
            assert_eq!(cube_root(n), root, "{n}");
        }
    }

    #[test]
    fn the_way_back_is_concave_then_flat_then_convex() {
        let mut cubic = Cubic::new(Instant::ZERO, SeqNum(0));
        let mut window = Window { cwnd: 400 * MSS, ssthresh: 300 * MSS, credit: 0 };
        assert_eq!(cubic.on_loss(&window, MSS), 280 * MSS);
        (window.cwnd, window.ssthresh) = (280 * MSS, 280 * MSS);
        // K = cbrt(120 / 0.4) = 6.7 s
        let seen = rounds(&mut cubic, &mut window, Instant::ZERO, 140);
        let at = |seconds: usize| seen[seconds * 10 - 1];
        assert!((395..=402).contains(&at(7)), "{}", at(7));
        assert!(at(2) - at(1) > at(6) - at(5), "concave: {seen:?}");
        assert!(at(13) - at(12) > at(9) - at(8), "convex: {seen:?}");
        // W(13 s) = 0.4 * 6.3^3 + 400 = 500
        assert!((490..=505).contains(&at(13)), "{}", at(13));
    }

    #[test]
    fn a_small_window_is_as_fast_as_renos_equal() {
        let mut cubic = Cubic::new(Instant::ZERO, SeqNum(0));
        let mut window = Window { cwnd: 10 * MSS, ssthresh: 10 * MSS, credit: 0 };
        cubic.on_loss(&window, MSS);
        (window.cwnd, window.ssthresh) = (7 * MSS, 7 * MSS);
        let short = Duration::from_millis(1);
        let mut now = Instant::ZERO;
        for _ in 0..20 {
            now += short;
            for _ in 0..window.cwnd / MSS {
                cubic.on_ack(&mut window, Ack { now, bytes: MSS, mss: MSS, rtt: short });
            }
        }
        // Three segments at 9/17 per round trip take six, and then it is one each.
        assert!((22..=25).contains(&(window.cwnd / MSS)), "{}", window.cwnd);
    }

    #[test]
    fn losses_in_a_row_make_room() {
        let mut cubic = Cubic::new(Instant::ZERO, SeqNum(0));
        let mut window = Window { cwnd: 100 * MSS, ssthresh: 100 * MSS, credit: 0 };
        cubic.on_loss(&window, MSS);
        assert_eq!(cubic.w_max, 100_000);
        window.cwnd = 80 * MSS;
        cubic.on_loss(&window, MSS);
        assert_eq!(cubic.w_max, 68_000);
    }

    #[test]
    fn idle_time_does_not_count() {
        let grown = |idle: Duration| {
            let mut cubic = Cubic { w_max: 100_000, ..Cubic::new(Instant::ZERO, SeqNum(0)) };
            let mut window = Window { cwnd: 70 * MSS, ssthresh: 70 * MSS, credit: 0 };
            rounds(&mut cubic, &mut window, Instant::ZERO, 10);
            cubic.on_idle(nanos(idle));
            rounds(&mut cubic, &mut window, Instant::from_millis(1_000) + idle, 10);
            window.cwnd
        };
        assert_eq!(grown(Duration::ZERO), grown(Duration::from_secs(30)));
    }
}
