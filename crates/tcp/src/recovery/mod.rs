//! Finding and repairing losses: by timer (`rto`), by duplicate acknowledgements (`newreno`). The place for SACK's
//! scoreboard, when there is one.

mod newreno;
mod rto;

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use crate::tcb::Tcb;

/// How losses are being repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None is known.
    Open,
    /// Fast recovery (RFC 6582): one segment a round trip.
    Fast,
    /// After a timeout (RFC 5681, section 3.1): everything in flight again, from slow start.
    Loss,
}

/// What is known about losses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    pub(crate) phase: Phase,
    /// Duplicate acknowledgements in a row.
    pub(crate) dup_acks: u32,
    /// SND.NXT when the last loss was noticed: repair ends there (RFC 6582).
    pub(crate) recover: SeqNum,
    /// In `Loss`: what to repeat next.
    pub(crate) rtx_nxt: SeqNum,
    /// In `Fast`: the segment at SND.UNA is to be repeated.
    pub(crate) resend: bool,
    /// Timeouts since the last progress.
    pub(crate) timeouts: u32,
    /// When the first repetition since the last progress was made: giving up counts from there.
    pub(crate) first_repeat_at: Option<Instant>,
    /// Timeouts of the SYN.
    pub(crate) syn_timeouts: u32,
}

impl Recovery {
    pub(crate) fn new(iss: SeqNum) -> Recovery {
        Recovery {
            phase: Phase::Open,
            dup_acks: 0,
            recover: iss,
            rtx_nxt: iss,
            resend: false,
            timeouts: 0,
            first_repeat_at: None,
            syn_timeouts: 0,
        }
    }

    /// Everything in flight is to be sent again.
    pub(crate) fn resend_all(&mut self, snd_una: SeqNum, snd_nxt: SeqNum) {
        self.phase = Phase::Loss;
        self.recover = snd_nxt;
        self.rtx_nxt = snd_una;
        self.resend = false;
        self.dup_acks = 0;
    }
}

impl Tcb {
    /// The next segment to repeat, if the windows let it go.
    pub(crate) fn next_retransmission(&mut self, now: Instant) -> Option<Segment> {
        let seq = match self.recovery.phase {
            Phase::Open => return None,
            Phase::Fast => {
                if !std::mem::take(&mut self.recovery.resend) {
                    return None;
                }
                self.snd_una
            }
            Phase::Loss => {
                let next = self.recovery.rtx_nxt;
                // The first always goes, also into a window that has shrunk meanwhile (RFC 9293, section 3.8.6).
                let room = self.cwnd.min(self.snd_wnd);
                if next != self.snd_una && next.offset_from(self.snd_una) + self.snd_mss() > room {
                    return None;
                }
                next
            }
        };
        let segment = self.build_repeat(now, seq)?;
        self.recovery.rtx_nxt = seq + segment.sequence_len();
        Some(segment)
    }
}
