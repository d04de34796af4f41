//! Reno (RFC 5681).

use super::{CongestionControl, Window};

#[derive(Debug)]
pub(crate) struct Reno;

impl CongestionControl for Reno {
    fn on_ack(&mut self, window: &mut Window, acked: u32, mss: u32) {
        let mut acked = acked;
        // Section 3.1: below the threshold the window grows by what is acknowledged (Linux doesn't cap it at one
        // segment per ACK, and with super-segments it couldn't).
        if window.cwnd < window.ssthresh {
            let room = (window.ssthresh - window.cwnd).min(acked);
            window.cwnd = window.cwnd.saturating_add(room);
            acked -= room;
        }
        // Above it, by one segment for each window's worth.
        if acked > 0 {
            window.credit = window.credit.saturating_add(acked);
            if window.credit >= window.cwnd {
                window.credit -= window.cwnd;
                window.cwnd = window.cwnd.saturating_add(mss);
            }
        }
    }

    fn on_loss(&mut self, _window: &Window, flight: u32, mss: u32) -> u32 {
        // Equation 4: half of what is in flight, two segments at least.
        (flight / 2).max(2 * mss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_start_then_one_segment_a_window() {
        let mut window = Window { cwnd: 10_000, ssthresh: 12_000, credit: 0 };
        Reno.on_ack(&mut window, 1_000, 1_000);
        assert_eq!(window.cwnd, 11_000);
        Reno.on_ack(&mut window, 2_000, 1_000);
        assert_eq!((window.cwnd, window.credit), (12_000, 1_000));
        for _ in 0..11 {
            Reno.on_ack(&mut window, 1_000, 1_000);
        }
        assert_eq!((window.cwnd, window.credit), (13_000, 0));
        assert_eq!(Reno.on_loss(&window, 13_000, 1_000), 6_500);
        assert_eq!(Reno.on_loss(&window, 1_000, 1_000), 2_000);
    }
}
