//! Segments that arrive in TIME-WAIT (RFC 9293, section 3.10.7.4; RFC 6191; RFC 1337), as Linux answers them.

use sockeye_base::Instant;
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step};
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    pub(super) fn in_time_wait(&mut self, now: Instant, segment: &Segment) -> Step {
        let flags = segment.flags;
        let old = self.is_old_duplicate(now, segment, 0);
        if flags.contains(Flags::RST) {
            // RFC 1337 would ignore it; Linux's default (tcp_rfc1337=0) lets the exact reset end TIME-WAIT.
            if !old && segment.seq == self.rcv_nxt {
                self.enter_closed();
            }
            return Step::Break(Outcome::default());
        }
        // RFC 6191, section 2: a SYN that can't be an old one, by its sequence number or its timestamp, may start anew.
        if flags.contains(Flags::SYN) && !flags.contains(Flags::ACK) && !old {
            let later = segment.options.timestamps.is_some_and(|timestamps| {
                self.negotiated.timestamps && timestamps.value.wrapping_sub(self.ts_recent).cast_signed() > 0
            });
            if later || segment.seq.after(self.rcv_nxt) {
                self.enter_closed();
                return Step::Break(Outcome { reply: None, restart: true });
            }
        }
        if !flags.contains(Flags::ACK) {
            return self.answer_unacceptable(now, segment);
        }
        // RFC 9293, section 3.10.7.4: the peer repeats its FIN, it has not heard us: acknowledge, and wait anew.
        self.timers.set(Timer::TimeWait, now + self.config.time_wait);
        if segment.sequence_len() == 0 && segment.seq == self.rcv_nxt {
            return Step::Break(Outcome::default());
        }
        if !old {
            self.note_timestamp(now, segment);
        }
        self.answer_unacceptable(now, segment)
    }
}
