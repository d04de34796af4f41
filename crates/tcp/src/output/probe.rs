//! Asking a peer that says nothing: zero-window probes (RFC 9293, section 3.8.6.1) and keepalive (section 3.8.4).

use sockeye_base::{Duration, Instant};
use sockeye_wire::tcp::{Flags, Segment};

use crate::error::Error;
use crate::rtt::backed_off;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    /// The first probe goes after an RTO, each further one after twice as long.
    pub(super) fn start_persist_timer(&mut self, now: Instant) {
        let rto = self.rtt.rto(&self.config);
        self.timers.set(Timer::Persist, now + backed_off(rto, self.persist_backoff, self.config.rto_max));
    }

    pub(crate) fn on_persist_timer(&mut self, now: Instant) {
        let pending = self.unsent() > 0 || (self.fin_wanted && !self.fin_sent);
        if !self.state.may_transmit() || !pending || self.flight() > 0 {
            return;
        }
        // Every segment heard sets the count back: a peer that answers is never given up, a silent one is. But nobody
        // waits for an orphan's data: as Linux, it ends when its probes have become as rare as they get.
        let most = self.config.retries(self.orphan);
        let rare = backed_off(self.rtt.rto(&self.config), self.persist_backoff, self.config.rto_max);
        let pinned = self.orphan && rare >= self.config.rto_max;
        // tcp(7): TCP_USER_TIMEOUT also bounds how long data waits for a window.
        let shut_since = *self.rare().shut_since.get_or_insert(now);
        let user_limit = self.config.user_timeout.is_some_and(|timeout| now.since(shut_since) >= timeout);
        if self.probes >= most || pinned || user_limit {
            self.fail(Error::TimedOut);
            return;
        }
        self.probe_due = true;
        self.probes += 1;
        self.persist_backoff += 1;
        self.start_persist_timer(now);
    }

    /// The probe that is due. If the window is open but too small for our taste, what fits in it goes; otherwise, as
    /// Linux, an empty segment just before the window, which must be answered.
    pub(super) fn next_probe(&mut self, now: Instant) -> Option<Segment> {
        if !std::mem::take(&mut self.probe_due) {
            return None;
        }
        let fits = self.unsent().min(self.usable_window()).min(self.effective_mss());
        if self.state.may_transmit() && self.flight() == 0 && fits > 0 {
            let mut probe = self.send_new(now, fits, false);
            probe.flags |= Flags::PSH;
            return Some(probe);
        }
        let seq = self.probe_seq();
        let probe = self.build(now, seq, Flags::ACK);
        self.count_sent(&probe);
        Some(probe)
    }

    /// Starts to watch over a silent peer, where that is wanted and sensible.
    pub(crate) fn start_keepalive(&mut self, now: Instant) {
        let Some(keepalive) = self.config.keepalive else { return };
        match self.state {
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {
                let due = (self.last_heard + keepalive.idle).max(now + Duration::from_millis(1));
                self.timers.set(Timer::Keepalive, due);
            }
            State::SynSent | State::SynReceived | State::TimeWait | State::Closed => {}
        }
    }

    pub(crate) fn on_keepalive_timer(&mut self, now: Instant) {
        let Some(keepalive) = self.config.keepalive else { return };
        let silence = now.since(self.last_heard);
        // What is in flight or waiting has a timer of its own.
        if self.flight() > 0 || self.unsent() > 0 || silence < keepalive.idle {
            let wait = if silence < keepalive.idle { keepalive.idle - silence } else { keepalive.idle };
            self.timers.set(Timer::Keepalive, now + wait.max(Duration::from_millis(1)));
            return;
        }
        let enough = match self.config.user_timeout {
            Some(timeout) => self.probes > 0 && silence >= timeout,
            None => self.probes >= u32::from(keepalive.count),
        };
        if enough {
            self.fail(Error::TimedOut);
            self.reset_due = true;
            return;
        }
        self.probe_due = true;
        self.probes += 1;
        self.timers.set(Timer::Keepalive, now + keepalive.interval.max(Duration::from_millis(1)));
    }

    /// An empty segment with these flags, where we stand.
    pub(crate) fn build_empty(&mut self, now: Instant, flags: Flags) -> Segment {
        let segment = self.build(now, self.snd_nxt, flags);
        self.count_sent(&segment);
        segment
    }
}
