//! Taking back a reduction that was mistaken: the peer says that it got everything twice (RFC 3708), or answers what
//! was sent before the first repetition (Eifel, RFC 4015, by timestamps).

use super::{Phase, Repeat};
use crate::state::State;
use crate::tcb::Tcb;

impl Tcb {
    /// From here on it may turn out to be a mistake.
    pub(super) fn begin_undo(&mut self) {
        let recovery = &mut self.recovery;
        let probing = recovery.probe_high.is_some() && recovery.probe_resent;
        let out = recovery.sent.resent() + u32::from(probing);
        let repair = recovery.repair_mut();
        repair.undo_marker = Some(self.snd_una);
        repair.undo_retrans = (out > 0).then_some(out);
    }

    fn may_undo(&self) -> bool {
        let repair = self.recovery.repair();
        repair.undo_marker.is_some() && (repair.undo_retrans == Some(0) || self.was_delayed())
    }

    /// What is acknowledged left before anything was repeated.
    fn was_delayed(&self) -> bool {
        match self.recovery.repair().retrans_stamp {
            Some(stamp) => self.echo_before(stamp),
            None => self.state != State::SynSent,
        }
    }

    fn undo_reduction(&mut self, unmark: bool) {
        if unmark {
            self.recovery.sent.change_all(|_, sent| sent.lost = false);
        }
        let repair = self.recovery.repair();
        if let Some(threshold) = repair.undo_ssthresh {
            self.cwnd = self.cwnd.max(repair.undo_cwnd);
            if threshold > self.ssthresh {
                self.ssthresh = threshold;
                self.withdraw_cwr();
            }
        }
        self.recovery.forget(|repair| repair.undo_marker = None);
        self.recovery.rack.advanced = true;
    }

    /// Something was repeated and may still be on its way.
    fn any_resent(&self) -> bool {
        let sent = &self.recovery.sent;
        sent.resent() > 0 || sent.first().is_some_and(|first| first.ever_resent)
    }

    /// RFC 2582, section 5: without SACK duplicates of our own repetitions would look like a loss, so the phase
    /// lasts until something above it is acknowledged.
    fn must_hold(&mut self) -> bool {
        let hold =
            !self.negotiated.sack && self.snd_una == self.recovery.high_seq && !self.recovery.sent.is_empty();
        if hold && !self.any_resent() {
            self.recovery.forget(|repair| repair.retrans_stamp = None);
        }
        hold
    }

    /// All of the recovery is acknowledged. Says whether the phase is held.
    pub(crate) fn try_undo_recovery(&mut self) -> bool {
        if self.may_undo() {
            self.undo_reduction(false);
        }
        if self.must_hold() {
            return true;
        }
        self.recovery.phase = Phase::Open;
        false
    }

    /// A part of the recovery is acknowledged. Says whether there is nothing more to do now.
    pub(super) fn try_undo_partial(&mut self, prior_una: sockeye_base::SeqNum) -> bool {
        if self.recovery.repair().undo_marker.is_none() || !self.was_delayed() {
            return false;
        }
        // The hole was filled by something late, not by what was repeated.
        let highest = self.recovery.sent.highest_sacked().unwrap_or(self.snd_una);
        if prior_una.before(highest) {
            self.note_reordering(prior_una, highest);
        }
        if self.recovery.sent.resent() > 0 {
            return true;
        }
        if !self.any_resent() {
            self.recovery.forget(|repair| repair.retrans_stamp = None);
        }
        self.undo_reduction(true);
        self.try_keep_open();
        false
    }

    /// The peer got all repetitions for nothing.
    pub(super) fn try_undo_dsack(&mut self) -> bool {
        let repair = self.recovery.repair();
        if repair.undo_marker.is_none() || repair.undo_retrans != Some(0) {
            return false;
        }
        self.rack_persist();
        self.undo_reduction(false);
        true
    }

    /// The timeout was mistaken; by F-RTO's judgement, or as above.
    pub(super) fn try_undo_loss(&mut self, by_frto: bool) -> bool {
        if !by_frto && !self.may_undo() {
            return false;
        }
        self.undo_reduction(true);
        self.recovery.timeouts = 0;
        self.rtt.backoff = 0;
        if self.must_hold() {
            return true;
        }
        if by_frto || self.negotiated.sack {
            self.recovery.phase = Phase::Open;
        }
        true
    }

    /// Nothing is lost. `echo`: but there is congestion.
    pub(super) fn try_to_open(&mut self, echo: bool) {
        if !self.any_resent() {
            self.recovery.forget(|repair| repair.retrans_stamp = None);
        }
        if echo {
            self.enter_cwr();
        }
        if self.recovery.phase != Phase::Cwr {
            self.try_keep_open();
        }
    }

    pub(super) fn try_keep_open(&mut self) {
        let recovery = &self.recovery;
        let doubt = recovery.sacked_out() + recovery.sent.lost() > 0 || self.any_resent();
        let phase = if doubt { Phase::Disorder } else { Phase::Open };
        if self.recovery.phase != phase {
            self.recovery.phase = phase;
            self.recovery.high_seq = self.snd_nxt;
        }
    }

    /// The path takes only smaller segments now: what was larger is lost, and no sign of congestion.
    pub(crate) fn resend_smaller(&mut self) {
        self.resend_longer(self.snd_mss());
    }

    /// Sends again all that is in flight, for another reason than congestion.
    pub(crate) fn resend_all(&mut self) {
        self.resend_longer(0);
    }

    fn resend_longer(&mut self, mss: u32) {
        for at in 0..self.recovery.sent.len() {
            if self.recovery.sent.get(at).is_some_and(|sent| sent.mss.min(sent.len) > mss) {
                self.recovery.mark_lost(at);
            }
        }
        if self.recovery.sent.lost() == 0 {
            return;
        }
        if !self.negotiated.sack {
            self.limit_reno_sacks();
        }
        if self.recovery.phase != Phase::Loss {
            self.recovery.high_seq = self.snd_nxt;
            self.ssthresh = self.current_ssthresh();
            self.recovery.forget(|repair| repair.undo_ssthresh = None);
            self.recovery.forget(|repair| repair.undo_marker = None);
            self.recovery.phase = Phase::Loss;
        }
        self.recovery.repeat = Repeat::Lost;
    }

    /// RFC 5682, sections 2.1 and 3.1: whether the timeout was mistaken; and what an acknowledgement in this phase means
    /// otherwise.
    pub(super) fn process_loss(&mut self, seen: &super::ack::Seen) {
        let recovered = self.snd_una.at_or_after(self.recovery.high_seq);
        if seen.advanced && self.try_undo_loss(false) {
            return;
        }
        if self.recovery.frto {
            // Step 3.b: something never repeated has arrived after all.
            if seen.original && self.try_undo_loss(true) {
                return;
            }
            if self.snd_nxt.after(self.recovery.high_seq) {
                // Step 3.a: the new data arrived, the old did not.
                if seen.sacked || seen.duplicates > 0 {
                    self.recovery.frto = false;
                }
            } else if seen.advanced && !recovered {
                // Step 2.b: new data will tell.
                self.recovery.high_seq = self.snd_nxt;
                if self.unsent() > 0 && self.usable_window() > 0 {
                    self.recovery.repeat = Repeat::NewFirst;
                    return;
                }
                self.recovery.frto = false;
            }
        }
        if recovered {
            self.try_undo_recovery();
            return;
        }
        if !self.negotiated.sack {
            if self.snd_nxt.after(self.recovery.high_seq) {
                self.add_reno_sacks(seen.duplicates);
            } else if seen.advanced {
                self.recovery.reno_sacked = 0;
            }
        }
        self.recovery.repeat = Repeat::Lost;
    }
}
