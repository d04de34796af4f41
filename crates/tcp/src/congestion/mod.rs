//! Congestion control: how much may be in flight (RFC 5681). A trait, and a file per algorithm. Losses are found, and
//! the window is steered through them, in `recovery`; an algorithm says how the window grows and where it falls to.

mod cubic;
mod hystart;
mod reno;

use sockeye_base::{Duration, Instant, SeqNum};

use crate::tcb::Tcb;
use cubic::Cubic;
use reno::Reno;

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

/// Which algorithm a connection uses (TCP_CONGESTION).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// RFC 5681.
    Reno,
    /// RFC 9438; Linux's default.
    #[default]
    Cubic,
}

impl Congestion {
    /// All of them, under Linux's names.
    const NAMES: [(&'static str, Congestion); 2] = [("cubic", Congestion::Cubic), ("reno", Congestion::Reno)];

    /// Its name, as Linux has it.
    pub fn name(self) -> &'static str {
        match self {
            Congestion::Reno => "reno",
            Congestion::Cubic => "cubic",
        }
    }

    /// The algorithm of this name.
    pub fn from_name(name: &[u8]) -> Option<Congestion> {
        Congestion::NAMES
            .into_iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, algorithm)| algorithm)
    }

    pub(crate) fn control(self, now: Instant, snd_nxt: SeqNum) -> Control {
        match self {
            Congestion::Reno => Control::Reno(Reno),
            Congestion::Cubic => Control::Cubic(Cubic::new(now, snd_nxt)),
        }
    }
}

/// An algorithm at work, in its connection's own place.
#[derive(Debug)]
pub(crate) enum Control {
    Reno(Reno),
    Cubic(Cubic),
}

impl Control {
    pub(crate) fn algorithm(&mut self) -> &mut dyn CongestionControl {
        match self {
            Control::Reno(reno) => reno,
            Control::Cubic(cubic) => cubic,
        }
    }

    /// As [`Tcb::look_ahead`].
    pub(crate) fn look_ahead(&self) -> u32 {
        match self {
            Control::Reno(Reno) => 0,
            Control::Cubic(cubic) => cubic.look_ahead(),
        }
    }
}

/// What an acknowledgement tells an algorithm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) now: Instant,
    /// Bytes acknowledged.
    pub(crate) bytes: u32,
    pub(crate) mss: u32,
    /// The smoothed round-trip time.
    pub(crate) rtt: Duration,
}

/// A round trip that was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) now: Instant,
    /// Of the last segment newly acknowledged, nanoseconds.
    pub(crate) rtt: u64,
    pub(crate) snd_una: SeqNum,
    pub(crate) snd_nxt: SeqNum,
    /// Bytes per second, in slow start with a window that isn't small; whether it is kept to.
    pub(crate) pacing_rate: Option<u64>,
    pub(crate) is_paced: bool,
}

/// An algorithm.
pub(crate) trait CongestionControl {
    /// Data was acknowledged while the window was the limit: widen it.
    fn on_ack(&mut self, window: &mut Window, ack: Ack);

    /// A round trip was measured; before the window grows.
    fn on_sample(&mut self, _window: &mut Window, _sample: &Sample) {}

    /// All that is out is in doubt.
    fn on_timeout(&mut self, _now: Instant, _snd_nxt: SeqNum) {}

    /// Nothing was in flight for so many nanoseconds, and now something is again.
    fn on_idle(&mut self, _idle: u64) {}

    /// A loss was found: the new slow start threshold. As Linux, a share of the window, not of what is in flight.
    fn on_loss(&mut self, window: &Window, mss: u32) -> u32;
}

impl Tcb {
    /// RFC 6928, section 2: ten segments; Linux keeps to one when the SYN had to be repeated more than once.
    pub(crate) fn initial_cwnd(&self) -> u32 {
        if self.counters.total_retrans > 1 { self.snd_mss() } else { self.restart_cwnd() }
    }

    /// RFC 5681, section 4.1: the window to start again with after an idle time, whatever was lost before it.
    pub(crate) fn restart_cwnd(&self) -> u32 {
        self.snd_mss() * 10
    }

    /// Takes another algorithm; the window stays as it is.
    pub fn set_congestion(&mut self, now: Instant, congestion: Congestion) {
        if self.config.congestion != congestion {
            self.config.change(|config| config.congestion = congestion);
            self.control = congestion.control(now, self.snd_nxt);
        }
    }

    /// Widens the window for `acked` bytes, if it was what limited us.
    pub(crate) fn grow_cwnd(&mut self, now: Instant, acked: u32) {
        let mss = self.snd_mss();
        if self.is_cwnd_limited() {
            let mut window = self.window();
            let rtt = self.rtt.srtt().unwrap_or_default();
            self.control.algorithm().on_ack(&mut window, Ack { now, bytes: acked, mss, rtt });
            self.cwnd = window.cwnd.clamp(mss, MOST.max(mss));
            self.cwnd_credit = window.credit;
        }
    }

    /// Tells the algorithm of a round trip.
    pub(crate) fn sample_for_control(&mut self, now: Instant, rtt: u64) {
        let grows = self.cwnd < self.ssthresh && self.cwnd >= hystart::LOW_WINDOW * self.snd_mss();
        let sample = Sample {
            now,
            rtt,
            snd_una: self.snd_una,
            snd_nxt: self.snd_nxt,
            pacing_rate: grows.then(|| self.pacing_rate()),
            is_paced: self.config.max_pacing_rate.is_some(),
        };
        let mut window = self.window();
        self.control.algorithm().on_sample(&mut window, &sample);
        self.ssthresh = window.ssthresh;
    }

    /// Takes the new threshold for a loss: whole segments, two at least.
    pub(crate) fn reduce_ssthresh(&mut self) {
        let (window, mss) = (self.window(), self.snd_mss());
        self.ssthresh = (self.control.algorithm().on_loss(&window, mss) / mss).max(2) * mss;
        self.cwnd_credit = 0;
    }

    fn window(&self) -> Window {
        Window { cwnd: self.cwnd, ssthresh: self.ssthresh, credit: self.cwnd_credit }
    }
}

/// Section 3.1 of RFC 5681: below the threshold the window grows by what is acknowledged (Linux doesn't cap it at one
/// segment per ACK, and with super-segments it couldn't). Gives the bytes that count above the threshold.
fn slow_start(window: &mut Window, acked: u32) -> u32 {
    let room = window.ssthresh.saturating_sub(window.cwnd).min(acked);
    window.cwnd = window.cwnd.saturating_add(room);
    acked - room
}
