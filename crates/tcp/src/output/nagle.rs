//! How much to send at once: the sender's side of silly window avoidance (RFC 9293, section 3.8.6.2.1), and Nagle's
//! algorithm (section 3.7.4) in Minshall's variant, as Linux: a small segment waits only for another small one.

use crate::tcb::Tcb;

/// Most bytes of user data in a super-segment: 65,535 less the largest TCP header.
pub(crate) const MOST_AT_ONCE: u32 = 65_535 - 60;

impl Tcb {
    /// How many of the `unsent` bytes may go in the next segment (or super-segment), with `window` left of the peer's.
    pub(super) fn sendable(&self, unsent: u32, window: u32, fin_pending: bool) -> u32 {
        let mss = self.effective_mss();
        if unsent <= mss && unsent <= window && self.cwnd_takes_another() && !self.has_records() {
            // All there is, as most often; the rules below come to this.
            let goes = unsent == mss || fin_pending || self.urgent_mode() || self.small_may_go();
            return if goes { unsent } else { 0 };
        }
        // As Linux, cwnd counts segments, small ones too; and half of it goes at once at most.
        let room = self.cwnd_room();
        let cwnd = room.saturating_mul(mss);
        let urgent = self.urgent_mode();
        let segments = if unsent > mss && self.config.gso && !urgent {
            let half = self.cwnd / self.snd_mss() / 2;
            self.most_segments(mss).min(half).min(MOST_AT_ONCE / mss)
        } else {
            1
        };
        let at_once = segments.max(1) * mss;
        let (record, more_behind) = self.within_record(self.snd_nxt, unsent);
        let most = record.min(window).min(cwnd).min(at_once);
        let full = most / mss * mss;
        let tail_may_go = if most == record {
            // All there is: unless a small one is already out. What has something behind it can't grow.
            fin_pending || more_behind || urgent || self.small_may_go()
        } else {
            // Section 3.8.6.2.1, (3): half of the largest window seen.
            full == 0 && most == window && most >= self.max_snd_wnd.div_ceil(2)
        };
        if tail_may_go { most } else { full }
    }

    /// Payload of a full segment.
    pub(crate) fn effective_mss(&self) -> u32 {
        self.snd_mss().saturating_sub(self.sack_len()).max(1)
    }

    fn small_may_go(&self) -> bool {
        if self.sending.push_queued {
            return true;
        }
        if self.config.cork || self.sending.hold {
            return false;
        }
        let small_is_out = self.snd_sml.after(self.snd_una) && self.snd_sml.at_or_before(self.snd_nxt);
        self.config.nodelay || !small_is_out
    }
}
