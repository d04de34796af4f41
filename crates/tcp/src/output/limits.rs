//! How long sending was busy, and what held it back meanwhile (Linux's tcp_chrono).

use sockeye_base::{Duration, Instant};

use crate::tcb::Tcb;

/// What sending waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// The program: nothing is queued, nothing in flight.
    #[default]
    Idle,
    /// The network.
    Busy,
    /// The peer's window.
    PeerWindow,
    /// The program, which has more than the send buffer takes.
    SendBuffer,
}

impl Tcb {
    /// All is sent that may be: accounts for the time if it is something else now that is waited for.
    #[inline]
    pub(super) fn note_limits(&mut self, now: Instant, unsent: u32) {
        let limit = self.limit(unsent);
        let sending = &mut self.sending;
        if limit == sending.limit {
            return;
        }
        let before = std::mem::replace(&mut sending.limit, limit);
        let span = now.since(std::mem::replace(&mut sending.limit_since, now));
        match before {
            Limit::Idle => {}
            Limit::Busy => sending.busy += span,
            Limit::PeerWindow => self.rare().limited_by_window += span,
            Limit::SendBuffer => self.rare().limited_by_buffer += span,
        }
    }

    fn limit(&self, unsent: u32) -> Limit {
        if !self.state.may_transmit() || (unsent == 0 && self.flight() == 0) {
            return Limit::Idle;
        }
        if self.is_starved() {
            return Limit::SendBuffer;
        }
        if unsent == 0 {
            return Limit::Busy;
        }
        let next = unsent.min(self.effective_mss());
        if self.usable_window() < next && self.cwnd_room() > 0 { Limit::PeerWindow } else { Limit::Busy }
    }

    /// How long it was the network alone that sending waited for, the peer's window, the send buffer; without what is
    /// going on.
    pub(crate) fn limited(&self) -> [Duration; 3] {
        let rare = self.rare.as_ref();
        [
            self.sending.busy,
            rare.map_or(Duration::ZERO, |rare| rare.limited_by_window),
            rare.map_or(Duration::ZERO, |rare| rare.limited_by_buffer),
        ]
    }
}
