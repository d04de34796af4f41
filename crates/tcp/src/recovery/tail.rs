//! Tail loss probes (RFC 8985, section 7): nothing behind the last segments tells of their loss, so after two silent
//! round trips one more segment is sent, for an answer long before the timeout.

use sockeye_base::{Instant, SeqNum, nanos};
use sockeye_wire::tcp::Segment;

use super::ack::Seen;
use super::rack::SHORTEST;
use super::{Armed, Phase};
use crate::tcb::Tcb;
use crate::timers::Timer;

/// No probe is due at once: nanoseconds.
const SOONEST: u64 = 1_000;

impl Tcb {
    /// Something was acknowledged: the timer starts again, for a probe if one is sensible.
    pub(super) fn set_transmit_timer(&mut self, now: Instant) {
        if !self.schedule_tail_probe(now, true) {
            self.rearm_timeout(now);
        }
    }

    /// New data has left, `was_idle` with nothing in flight before.
    pub(crate) fn on_new_data_sent(&mut self, now: Instant, was_idle: bool) {
        self.timers.clear(Timer::Persist);
        if self.recovery.armed == Armed::SynAck {
            return;
        }
        let stopped = !self.timers.is_set(Timer::Retransmit) || self.recovery.armed == Armed::Probe;
        if !self.schedule_tail_probe(now, false) && (was_idle || stopped) {
            if was_idle {
                self.recovery.armed = Armed::Timeout;
            }
            self.rearm_timeout(now);
        }
    }

    /// Section 7.2: two round trips, and the time a lone segment's acknowledgement may be delayed; not later than
    /// the timeout. Only where SACK makes the answer tell something, and while nothing is being repaired.
    fn schedule_tail_probe(&mut self, now: Instant, advancing: bool) -> bool {
        let recovery = &self.recovery;
        let Some(head) = recovery.sent.first() else { return false };
        let off = !self.negotiated.sack || !matches!(self.config.early_retrans, 3 | 4);
        if off || !matches!(recovery.phase, Phase::Open | Phase::Cwr) {
            return false;
        }
        let slack = if recovery.sent.packets() == 1 { self.config.rto_min } else { SHORTEST };
        let wait = match self.rtt.srtt_nanos() {
            0 => nanos(self.config.rto_initial),
            srtt => srtt.saturating_mul(2).saturating_add(nanos(slack)),
        };
        let (from, probe) = (if advancing { now } else { head.sent_at }, now.plus_nanos(wait));
        let timeout = from.plus_nanos(self.rtt.rto_nanos(&self.config));
        let at = if timeout > now { timeout.min(probe) } else { probe };
        self.timers.set(Timer::Retransmit, at.max(now.plus_nanos(SOONEST)));
        self.recovery.armed = Armed::Probe;
        true
    }

    /// The probe's time has come; one at a time.
    pub(super) fn on_probe_timer(&mut self, now: Instant) {
        self.recovery.probe_tail = self.recovery.probe_high.is_none();
        self.rearm_timeout(now);
    }

    /// Section 7.3: new data if there is some and the peer's window takes it, else the last segment again.
    pub(super) fn next_tail_probe(&mut self, now: Instant) -> Option<Segment> {
        let mss = self.effective_mss();
        let unsent = self.unsent();
        let fits = unsent.min(mss);
        self.recovery.probe_resent = false;
        let probe = if fits > 0 && self.usable_window() >= fits {
            self.send_new(now, fits, false)
        } else {
            let at = self.recovery.sent.len().checked_sub(1)?;
            let last = *self.recovery.sent.get(at)?;
            let at = self.recovery.sent.isolate(at, last.last_seq(), last.end())?;
            let probe = self.repeat(now, at, 1, true)?;
            self.recovery.probe_resent = true;
            probe
        };
        self.recovery.probe_high = Some(self.snd_nxt);
        self.restart_retransmit_timer(now);
        Some(probe)
    }

    /// Section 7.4: whether the probe repaired a loss: then that counts as one.
    pub(super) fn judge_tail_probe(&mut self, ack: SeqNum, seen: &Seen) {
        let Some(high) = self.recovery.probe_high.filter(|high| ack.at_or_after(*high)) else { return };
        if !self.recovery.probe_resent || seen.dsack_of_probe {
            // It was new data, or came twice: nothing was lost.
            self.recovery.probe_high = None;
        } else if ack.after(high) {
            let phase = self.recovery.phase;
            if matches!(phase, Phase::Open | Phase::Disorder | Phase::Cwr) {
                self.begin_reduction();
                self.recovery.forget(|repair| repair.undo_ssthresh = None);
                self.end_reduction();
                self.try_keep_open();
            }
            self.recovery.probe_high = None;
        } else if !seen.advanced && !seen.not_duplicate && !seen.sacked {
            // The last one and its probe both arrived.
            self.recovery.probe_high = None;
        }
    }
}
