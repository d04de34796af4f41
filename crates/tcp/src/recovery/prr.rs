//! Proportional rate reduction (RFC 6937, with RFC 9937's bound as Linux has it): in recovery what is sent follows what
//! arrives, so that the window has come down when recovery ends.

use super::{Phase, Repair};
use crate::tcb::Tcb;

impl Tcb {
    /// A reduction begins: the new threshold.
    pub(super) fn begin_reduction(&mut self) {
        let recovery = &mut self.recovery;
        recovery.high_seq = self.snd_nxt;
        recovery.probe_high = None;
        let repair = recovery.repair_mut();
        repair.prr_delivered = 0;
        repair.prr_out = 0;
        repair.undo_cwnd = self.cwnd;
        self.queue_cwr();
        self.reduce_ssthresh();
    }

    /// RFC 3168, section 6.1.2: congestion without a loss: the window is reduced as for one, once in a round trip, and
    /// for good.
    pub(super) fn enter_cwr(&mut self) {
        match self.recovery.phase {
            Phase::Open | Phase::Disorder => {
                self.recovery.forget(|repair| repair.undo_marker = None);
                self.begin_reduction();
                self.recovery.phase = Phase::Cwr;
            }
            Phase::Cwr | Phase::Recovery | Phase::Loss => {}
        }
    }

    /// The window has come down.
    pub(super) fn end_reduction(&mut self) {
        self.cwnd = self.ssthresh.max(self.snd_mss());
    }

    /// `delivered` segments have arrived. While more are in flight than the threshold, a share of that goes; then as
    /// much as arrives, and one more if all seems well.
    pub(super) fn reduce_cwnd(&mut self, delivered: u32, new_loss: bool, advanced: bool) {
        if delivered == 0 {
            return;
        }
        let (mss, pipe) = (self.snd_mss(), self.recovery.pipe());
        let threshold = self.ssthresh / mss;
        let Repair { undo_cwnd, prr_delivered, prr_out, .. } = self.recovery.repair_mut();
        *prr_delivered = prr_delivered.saturating_add(delivered);
        let count = if pipe > threshold {
            let share = (u64::from(threshold) * u64::from(*prr_delivered))
                .div_ceil(u64::from((*undo_cwnd / mss).max(1)));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(*prr_out)
        } else {
            let count = prr_delivered.saturating_sub(*prr_out).max(delivered);
            let grown = count + u32::from(advanced && !new_loss);
            grown.min(threshold - pipe)
        };
        // The first segment of a recovery goes at once.
        let count = count.max(u32::from(*prr_out == 0));
        self.cwnd = (pipe + count).max(1).saturating_mul(mss);
    }
}
