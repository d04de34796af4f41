//! Steps two and four: RST and SYN where none is due (RFC 9293, section 3.10.7.4; RFC 5961, sections 3 and 4).

use sockeye_base::{Counter, Instant};
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step, may_answer_again};
use crate::error::Error;
use crate::state::State;
use crate::tcb::Tcb;

impl Tcb {
    /// RFC 5961, section 3.2: a reset counts if it is exactly what we expect next; elsewhere in the window the peer is
    /// asked to confirm it.
    pub(super) fn check_reset(&mut self, now: Instant, segment: &Segment) -> Step {
        if !segment.flags.contains(Flags::RST) {
            return Step::Continue(());
        }
        let after_fin = match self.state {
            // Some systems' resets ignore their own FIN; Linux believes them.
            State::CloseWait | State::LastAck | State::Closing => segment.seq == self.rcv_nxt - 1,
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::TimeWait
            | State::Closed => false,
        };
        if segment.seq != self.rcv_nxt && !after_fin {
            let old = segment.seq.before(self.rcv_nxt);
            if old || segment.seq.after(self.rcv_adv) {
                self.count(if old { Counter::OldSequence } else { Counter::InvalidSequence });
                return Step::Break(Outcome::default());
            }
            if self.counters.data_segs_in.0 == 0 && self.state == State::Established {
                self.note_swallowed();
            }
            return self.challenge(now);
        }
        let error = match self.state {
            State::SynSent => Error::Refused,
            State::CloseWait => Error::BrokenPipe,
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => Error::Reset,
        };
        self.fail(error);
        Step::Break(Outcome::default())
    }

    /// RFC 5961, section 4.2: a SYN in a synchronised state is answered by a challenge. Before that the peer may
    /// repeat its SYN, or both opened at once.
    pub(super) fn check_syn(&mut self, now: Instant, segment: &Segment) -> Step {
        if !segment.flags.contains(Flags::SYN) {
            return Step::Continue(());
        }
        if self.state == State::SynReceived && segment.seq == self.irs {
            if segment.flags.contains(Flags::ACK) {
                if !self.passive && segment.ack == self.snd_nxt {
                    // Its SYN came before: as Linux, that is told.
                    self.note_repeated_data(segment.seq, 1);
                    self.ack_now = true;
                    return Step::Continue(());
                }
            } else {
                // Our SYN-ACK was lost, or slow.
                if may_answer_again(&mut self.last_oow_ack, now) {
                    self.syn_due = true;
                    self.syn_repeated = true;
                } else {
                    self.count(Counter::AckSkippedSynRecv);
                }
                return Step::Break(Outcome::default());
            }
        }
        self.count(Counter::SynChallenge);
        self.challenge(now)
    }
}
