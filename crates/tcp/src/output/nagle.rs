//! How much to send at once: the sender's side of silly window avoidance (RFC 9293, section 3.8.6.2.1), and Nagle's
//! algorithm (section 3.7.4) in Minshall's variant, as Linux: a small segment waits only for another small one.

use crate::tcb::Tcb;

/// Most bytes of user data in a super-segment: 65,535 less the largest TCP header.
const MOST_AT_ONCE: u32 = 65_535 - 60;

impl Tcb {
    /// How many of the `unsent` bytes may go in the next segment (or super-segment), with `window` left of the peer's.
    pub(super) fn sendable(&self, unsent: u32, window: u32, fin_pending: bool) -> u32 {
        let mss = self.effective_mss();
        let flight = self.flight();
        let cwnd = self.cwnd.saturating_add(self.limited_transmit()).saturating_sub(flight);
        let at_once = if self.config.gso { (MOST_AT_ONCE / mss).max(1) * mss } else { mss };
        let most = unsent.min(window).min(cwnd).min(at_once);
        let full = most / mss * mss;
        let tail_may_go = if most == unsent {
            // All there is: unless a small one is already out.
            fin_pending || self.small_may_go()
        } else {
            // Section 3.8.6.2.1, (3): half of the largest window seen.
            full == 0 && most == window && most >= self.max_snd_wnd.div_ceil(2)
        };
        if tail_may_go { most } else { full }
    }

    /// Payload of a full segment. As Linux, at most half of the largest window the peer ever offered, so that a small
    /// window doesn't mean stop and go.
    pub(crate) fn effective_mss(&self) -> u32 {
        let bound = if self.max_snd_wnd > 536 { self.max_snd_wnd / 2 } else { self.max_snd_wnd };
        self.snd_mss().min(bound.max(u32::from(crate::options::SMALLEST_MSS)))
    }

    fn small_may_go(&self) -> bool {
        if self.config.cork {
            return false;
        }
        let small_is_out = self.snd_sml.after(self.snd_una) && self.snd_sml.at_or_before(self.snd_nxt);
        self.config.nodelay || !small_is_out
    }
}
