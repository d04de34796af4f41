//! Step one: does the segment fall in the window (RFC 9293, section 3.10.7.4, first; RFC 7323, section 5.3)?

use sockeye_base::{Counter, Duration, Instant};
use sockeye_wire::tcp::{Flags, Segment};

use super::Step;
use crate::tcb::Tcb;

/// RFC 7323, section 5.5: after so long an idle time the peer's clock may have wrapped.
const TIMESTAMP_LIFE: Duration = Duration::from_secs(24 * 24 * 3600);

/// Segments that overtook each other within a tick of the peer's clock are let pass (Linux's TCP_PAWS_WINDOW).
const CLOCK_SLACK: i32 = 1;

impl Tcb {
    /// RFC 7323, section 5.3, R1: a timestamp older than the latest marks an old duplicate. A reset is looked at all the
    /// same. A segment without one passes, as in Linux.
    pub(super) fn check_timestamp(&mut self, now: Instant, segment: &Segment) -> Step {
        if !self.is_old_duplicate(now, segment, CLOCK_SLACK) || segment.flags.contains(Flags::RST) {
            return Step::Continue(());
        }
        self.count(Counter::PawsEstab);
        self.answer_unacceptable(now, segment, Counter::AckSkippedPaws)
    }

    /// Whether it has a timestamp that is more than `slack` ticks older than the latest.
    pub(super) fn is_old_duplicate(&self, now: Instant, segment: &Segment, slack: i32) -> bool {
        let Some(timestamps) = segment.options.timestamps.filter(|_| self.negotiated.timestamps) else {
            return false;
        };
        is_older(now, timestamps.value, (self.ts_recent, self.ts_recent_at), slack)
    }

    /// RFC 7323, section 4.3: the timestamp to echo is that of the segment that moved the window's left edge.
    pub(super) fn note_timestamp(&mut self, now: Instant, segment: &Segment) {
        if let Some(timestamps) = segment.options.timestamps.filter(|_| self.negotiated.timestamps)
            && segment.seq.at_or_before(self.last_ack_sent)
            && !self.is_old_duplicate(now, segment, 0)
        {
            self.ts_recent = timestamps.value;
            self.ts_recent_at = now;
        }
    }

    /// A segment is acceptable if it ends at or after what the peer knows that we expect and starts at or before the window's right edge.
    /// That is a little wider than the RFC's table, and Linux's: an acknowledgement from a peer that has filled our window
    /// counts, as does a repeated segment's acknowledgement. The data step takes only what is in the window.
    pub(super) fn check_sequence(&mut self, now: Instant, segment: &Segment) -> Step {
        let end = segment.seq + segment.sequence_len();
        if end.at_or_after(self.last_ack_sent) && segment.seq.at_or_before(self.rcv_adv) {
            return Step::Continue(());
        }
        if segment.flags.contains(Flags::RST) {
            // Its own step knows where a reset may stand.
            return Step::Continue(());
        }
        self.note_repeated_data(Tcb::data_seq(segment), segment.payload.len() as u32);
        let old = end.before(self.last_ack_sent);
        self.count(if old { Counter::OldSequence } else { Counter::InvalidSequence });
        self.answer_unacceptable(now, segment, Counter::AckSkippedSeq)
    }
}

/// Whether a timestamp is more than `slack` ticks older than `recent`, which came then. One that was 0 says nothing (some
/// systems send that in a SYN).
pub(crate) fn is_older(now: Instant, stamp: u32, (recent, at): (u32, Instant), slack: i32) -> bool {
    let age = stamp.wrapping_sub(recent).cast_signed();
    age < -slack && recent != 0 && now.since(at) < TIMESTAMP_LIFE
}
