//! Congestion control: how much may be in flight (RFC 5681). A trait, and a file per algorithm. Losses are found, and
//! the window is steered through them, in `recovery`; an algorithm says how the window grows and where it falls to.

mod reno;

use std::fmt;

pub(crate) use reno::Reno;

use crate::tcb::Tcb;

/// Largest window: the largest a peer can offer.
const MOST: u32 = 1 << 30;

/// The window of a connection, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) cwnd: u32,
    pub(crate) ssthresh: u32,
    /// Bytes acknowledged in congestion avoidance that have not widened the window yet.
    pub(crate) credit: u32,
}

/// An algorithm.
pub(crate) trait CongestionControl: fmt::Debug + Send + Sync {
    /// `acked` bytes were acknowledged while the window was the limit: widen it.
    fn on_ack(&mut self, window: &mut Window, acked: u32, mss: u32);

    /// A loss was found with `flight` bytes in flight: the new slow start threshold.
    fn on_loss(&mut self, window: &Window, flight: u32, mss: u32) -> u32;
}

impl Tcb {
    /// RFC 6928, section 2: ten segments; Linux keeps to one when the SYN had to be repeated more than once.
    pub(crate) fn initial_cwnd(&self) -> u32 {
        let segments = if self.counters.total_retrans > 1 { 1 } else { 10 };
        self.snd_mss() * segments
    }

    /// Widens the window for `acked` bytes, if it was what limited us: with `flight` bytes out, RFC 7661's concern,
    /// by Linux's rule: less than twice that in slow start, less than a segment more otherwise.
    pub(crate) fn grow_cwnd(&mut self, acked: u32, flight: u32) {
        let mss = self.snd_mss();
        let limited = if self.cwnd < self.ssthresh {
            self.cwnd < flight.saturating_mul(2)
        } else {
            self.cwnd <= flight.saturating_add(mss)
        };
        if limited {
            let mut window = self.window();
            self.control.on_ack(&mut window, acked, mss);
            self.cwnd = window.cwnd.clamp(mss, MOST.max(mss));
            self.cwnd_credit = window.credit;
        }
    }

    /// Takes the new threshold for a loss.
    pub(crate) fn reduce_ssthresh(&mut self) {
        let (window, flight, mss) = (self.window(), self.flight(), self.snd_mss());
        self.ssthresh = self.control.on_loss(&window, flight, mss).max(2 * mss);
        self.cwnd_credit = 0;
    }

    fn window(&self) -> Window {
        Window { cwnd: self.cwnd, ssthresh: self.ssthresh, credit: self.cwnd_credit }
    }
}
