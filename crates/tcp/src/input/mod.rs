//! What comes in: a file for each step of RFC 9293, section 3.10.7. LISTEN's step is [`Tcb::accept`].
//!
//! Each step either goes on or breaks off with what came of the segment.

mod ack;
mod data;
mod expected;
mod fin;
mod rst_syn;
mod syn_sent;
mod time_wait;
mod window;

use std::ops::ControlFlow;

use sockeye_base::{Counter, Duration, Instant, SeqNum};
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::{Flags, Segment};

use crate::state::State;
use crate::tcb::Tcb;
pub(crate) use window::is_older;

/// What came of a segment, besides the connection's change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To be sent at once: a reset, a challenge, a duplicate acknowledgement.
    pub reply: Option<Segment>,
    /// TIME-WAIT met an acceptable new SYN and ended, see [`crate::Late::Restart`]: a connection it makes starts here.
    pub restart: Option<SeqNum>,
}

impl From<Option<Segment>> for Outcome {
    fn from(reply: Option<Segment>) -> Outcome {
        Outcome { reply, restart: None }
    }
}

/// Whether a segment goes to the next step.
pub(crate) type Step = ControlFlow<Outcome>;

/// How often segments out of the window are answered: RFC 5961, section 7, wants a limit; this is Linux's, per
/// connection (tcp_invalid_ratelimit).
const OUT_OF_WINDOW_PAUSE: Duration = Duration::from_millis(500);

/// The answer to a segment for which there is no connection (RFC 9293, section 3.10.7.1); none to a reset.
pub fn reset_for(segment: &Segment) -> Option<Segment> {
    if segment.flags.contains(Flags::RST) {
        return None;
    }
    let mut reset = Segment {
        source: segment.destination,
        destination: segment.source,
        flags: Flags::RST,
        ..Segment::default()
    };
    if segment.flags.contains(Flags::ACK) {
        reset.seq = segment.ack;
    } else {
        reset.flags |= Flags::ACK;
        reset.ack = segment.seq + segment.sequence_len();
    }
    Some(reset)
}

impl Tcb {
    /// A segment arrives. Afterwards send the reply, then ask [`Tcb::decide`].
    pub fn input(&mut self, now: Instant, mut segment: Segment) -> Outcome {
        self.input_marked(now, &mut segment, Ecn::NotEct)
    }

    /// The same, in a packet whose header says `ecn`. The data is taken out of the segment, which stays where it is.
    pub fn input_marked(&mut self, now: Instant, segment: &mut Segment, ecn: Ecn) -> Outcome {
        self.note_arrival(segment, ecn);
        if self.take_expected(now, segment) {
            return Outcome::default();
        }
        self.arrive(now, segment)
    }

    /// The same without header prediction, which must make no difference.
    #[cfg(test)]
    pub(crate) fn input_unexpected(&mut self, now: Instant, segment: &mut Segment, ecn: Ecn) -> Outcome {
        self.note_arrival(segment, ecn);
        self.arrive(now, segment)
    }

    fn note_arrival(&mut self, segment: &Segment, ecn: Ecn) {
        let count = segment.count() as u32;
        self.note_ecn(ecn);
        self.counters.segs_in += count;
        if !segment.payload.is_empty() {
            self.counters.data_segs_in += count;
        }
    }

    /// The steps of section 3.10.7, one by one.
    fn arrive(&mut self, now: Instant, segment: &mut Segment) -> Outcome {
        let step = match self.state {
            State::Closed => Step::Break(reset_for(segment).into()),
            State::SynSent => self.in_syn_sent(now, segment),
            State::TimeWait => self.in_time_wait(now, segment),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.in_other_states(now, segment),
        };
        match step {
            Step::Break(outcome) => outcome,
            Step::Continue(()) => Outcome::default(),
        }
    }

    /// RFC 9293, section 3.10.7.4.
    fn in_other_states(&mut self, now: Instant, segment: &mut Segment) -> Step {
        self.check_timestamp(now, segment)?;
        if self.handshake_pending() {
            self.check_repeated_syn(now, segment)?;
        }
        self.check_sequence(now, segment)?;
        self.check_reset(now, segment)?;
        self.check_syn(now, segment)?;
        self.last_heard = now;
        self.probes = 0;
        self.process_ack(now, segment)?;
        self.take_cwr(segment);
        if segment.flags.contains(Flags::URG) || self.urgent.is_some() {
            self.forget_urgent();
            self.process_urgent(segment);
        }
        self.sending.hold = false;
        self.forget_records();
        self.process_data(now, segment)
    }

    /// An acknowledgement to be sent at once for each segment that causes it.
    fn acknowledge(&mut self, now: Instant) -> Step {
        Step::Break(Some(self.build_ack(now)).into())
    }

    /// RFC 5961, section 3.2: asks the peer to show that the segment is its own; within limits.
    fn challenge(&mut self, now: Instant) -> Step {
        let step = self.acknowledge_within_limits(now, Counter::AckSkippedChallenge);
        if matches!(&step, Step::Break(outcome) if outcome.reply.is_some()) {
            self.count(Counter::ChallengeAck);
        }
        step
    }

    /// An acknowledgement, or what is counted for want of it.
    fn acknowledge_within_limits(&mut self, now: Instant, skipped: Counter) -> Step {
        if !may_answer_again(&mut self.last_oow_ack, now) {
            self.count(skipped);
            return Step::Break(Outcome::default());
        }
        self.acknowledge(now)
    }

    /// The answer to a segment that is not acceptable. Data can't be part of a loop of acknowledgements and is always
    /// answered (as Linux); anything else within limits.
    fn answer_unacceptable(&mut self, now: Instant, segment: &Segment, skipped: Counter) -> Step {
        if segment.sequence_len() > 0 && segment.seq.before(self.rcv_nxt) {
            self.count(Counter::DelayedAckLost);
        }
        if segment.sequence_len() > 0 && !segment.flags.contains(Flags::SYN) {
            self.acknowledge(now)
        } else {
            self.acknowledge_within_limits(now, skipped)
        }
    }
}

/// Keeps the limit on answers that a stranger's segments could cause; `last` is when there was one.
pub(crate) fn may_answer_again(last: &mut Option<Instant>, now: Instant) -> bool {
    let may = last.is_none_or(|last| now.since(last) >= OUT_OF_WINDOW_PAUSE);
    if may {
        *last = Some(now);
    }
    may
}
