//! Reno (RFC 5681).

use super::{Ack, CongestionControl, Window, slow_start};

#[derive(Debug)]
pub(crate) struct Reno;

impl CongestionControl for Reno {
    fn on_ack(&mut self, window: &mut Window, ack: Ack) {
        let acked = slow_start(window, ack.bytes);
        // Above the threshold, by one segment for each window's worth.
        if acked > 0 {
            window.credit = window.credit.saturating_add(acked);
            if window.credit >= window.cwnd {
                window.credit -= window.cwnd;
                window.cwnd = window.cwnd.saturating_add(ack.mss);
            }
        }
    }

    fn on_loss(&mut self, window: &Window, mss: u32) -> u32 {
        // Equation 4: half, two segments at least.
        (window.cwnd / 2).max(2 * mss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_base::{Duration, Instant};

    fn ack(bytes: u32) -> Ack {
        Ack { now: Instant::ZERO, bytes, mss: 1_000, rtt: Duration::ZERO }
    }

    #[test]
    fn slow_start_then_one_segment_a_window() {
        let mut window = Window { cwnd: 10_000, ssthresh: 12_000, credit: 0 };
        Reno.on_ack(&mut window, ack(1_000));
        assert_eq!(window.cwnd, 11_000);
        Reno.on_ack(&mut window, ack(2_000));
        assert_eq!((window.cwnd, window.credit), (12_000, 1_000));
        for _ in 0..11 {
            Reno.on_ack(&mut window, ack(1_000));
        }
        assert_eq!((window.cwnd, window.credit), (13_000, 0));
        assert_eq!(Reno.on_loss(&window, 1_000), 6_500);
        window.cwnd = 1_000;
        assert_eq!(Reno.on_loss(&window, 1_000), 2_000);
    }
}
