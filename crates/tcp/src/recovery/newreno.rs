//! Without SACK (RFC 6582), as Linux: each duplicate acknowledgement stands for a segment that the peer has beyond the
//! hole, nobody knows which; each partial acknowledgement for another hole.

use super::Phase;
use crate::tcb::Tcb;

impl Tcb {
    /// Duplicates came: so many segments have arrived.
    pub(super) fn add_reno_sacks(&mut self, count: u32) {
        let before = self.recovery.reno_sacked;
        self.recovery.reno_sacked += count;
        if self.limit_reno_sacks() {
            // More arrived than can have overtaken a lost one.
            let most = self.recovery.sent.packets() + count;
            self.recovery.reordering = self.recovery.reordering.max(most.min(self.config.max_reordering));
            self.recovery.reord_seen = self.recovery.reord_seen.saturating_add(1);
        }
        self.recovery.deliver(self.recovery.reno_sacked.saturating_sub(before));
    }

    /// There is a hole, so not all can have arrived.
    pub(super) fn limit_reno_sacks(&mut self) -> bool {
        let packets = self.recovery.sent.packets();
        let holes = self.recovery.sent.lost().max(1).min(packets);
        let over = self.recovery.reno_sacked + holes > packets;
        if over {
            self.recovery.reno_sacked = packets - holes;
        }
        over
    }

    /// `acked` segments are acknowledged: one was the hole, of the others the duplicates told.
    pub(super) fn remove_reno_sacks(&mut self, acked: u32) {
        if acked > 0 {
            let known = self.recovery.reno_sacked;
            self.recovery.deliver(acked.saturating_sub(known).max(1));
            self.recovery.reno_sacked = known.saturating_sub(acked - 1);
        }
        self.limit_reno_sacks();
    }

    /// Whether the first segment is lost: after three duplicates, or (RFC 6582, section 3.2, step 3) because a partial
    /// acknowledgement in recovery leads up to it.
    pub(super) fn newreno_mark_lost(&mut self, advanced: bool) {
        let lost = match self.recovery.phase {
            Phase::Open | Phase::Disorder | Phase::Cwr => {
                self.recovery.reno_sacked >= self.recovery.reordering
            }
            Phase::Recovery => advanced,
            Phase::Loss => false,
        };
        let Some(&first) = self.recovery.sent.first().filter(|sent| lost && !sent.lost) else { return };
        let edge = first.seq + first.mss.min(first.len);
        let edge = if first.count() == 1 { first.end() } else { edge };
        if let Some(at) = self.recovery.sent.isolate(0, first.seq, edge) {
            self.recovery.mark_lost(at);
            self.limit_reno_sacks();
        }
    }
}
