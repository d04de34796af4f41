//! Fast retransmit and fast recovery (RFC 5681, section 3.2) with NewReno's partial acknowledgements (RFC 6582).

use sockeye_base::Instant;

use super::Phase;
use crate::tcb::Tcb;

/// RFC 5681, section 3.2: this many duplicates mean a loss.
const DUP_ACKS: u32 = 3;

impl Tcb {
    /// A duplicate acknowledgement came.
    pub(crate) fn on_duplicate_ack(&mut self) {
        self.recovery.dup_acks = self.recovery.dup_acks.saturating_add(1);
        match self.recovery.phase {
            Phase::Open => {
                // RFC 6582, section 3.2, step 1: not for what was in flight at the last loss; those duplicates may
                // come from our repeating.
                if self.recovery.dup_acks == DUP_ACKS && self.snd_una.after(self.recovery.recover) {
                    self.enter_fast_recovery();
                }
            }
            // Step 3: each tells that a segment has left the network.
            Phase::Fast => self.cwnd = self.cwnd.saturating_add(self.snd_mss()),
            Phase::Loss => {}
        }
    }

    /// New data is acknowledged: `acked` bytes of the `flight` that was out.
    pub(crate) fn on_progress(&mut self, now: Instant, acked: u32, flight: u32) {
        self.recovery.timeouts = 0;
        self.recovery.first_repeat_at = None;
        self.recovery.dup_acks = 0;
        let done = self.snd_una.at_or_after(self.recovery.recover);
        let mss = self.snd_mss();
        match self.recovery.phase {
            Phase::Open => {
                // Keep it close behind, where comparison modulo 2^32 can't mistake it.
                if self.snd_una.after(self.recovery.recover) {
                    self.recovery.recover = self.snd_una - 1;
                }
                self.grow_cwnd(now, acked, flight);
            }
            // RFC 6582, section 3.2, step 3, full acknowledgement: deflate, without leaving room for a burst.
            Phase::Fast if done => {
                self.recovery.phase = Phase::Open;
                self.cwnd = self.ssthresh.min(self.flight().max(mss) + mss);
            }
            // Partial acknowledgement: the next hole begins here. Deflate by what left, plus the segment to repeat.
            Phase::Fast => {
                self.recovery.resend = true;
                let refill = if acked >= mss { mss } else { 0 };
                self.cwnd = (self.cwnd.saturating_sub(acked) + refill).max(mss);
            }
            Phase::Loss => {
                self.recovery.rtx_nxt = self.recovery.rtx_nxt.max(self.snd_una);
                if done {
                    self.recovery.phase = Phase::Open;
                }
                self.grow_cwnd(now, acked, flight);
            }
        }
    }

    /// RFC 5681, section 3.2, steps 2 and 3.
    fn enter_fast_recovery(&mut self) {
        self.reduce_ssthresh();
        self.cwnd = self.ssthresh + DUP_ACKS * self.snd_mss();
        self.recovery.phase = Phase::Fast;
        self.recovery.recover = self.snd_nxt;
        self.recovery.resend = true;
        self.timed = None;
    }

    /// RFC 3042: what may be sent beyond cwnd: a segment for each of the first two duplicates.
    pub(crate) fn limited_transmit(&self) -> u32 {
        if self.recovery.phase == Phase::Open { self.recovery.dup_acks.min(2) * self.snd_mss() } else { 0 }
    }
}
