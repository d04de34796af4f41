//! Segments that arrive in SYN-SENT (RFC 9293, section 3.10.7.3).

use sockeye_base::Instant;
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step, reset_for};
use crate::error::Error;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    pub(super) fn in_syn_sent(&mut self, now: Instant, segment: &mut Segment) -> Step {
        let flags = segment.flags;
        // First: an acknowledgement of anything but our SYN belongs to another connection.
        if flags.contains(Flags::ACK) && segment.ack != self.snd_nxt {
            return Step::Break(reset_for(segment).into());
        }
        // Second: a reset counts if it acknowledges our SYN.
        if flags.contains(Flags::RST) {
            if flags.contains(Flags::ACK) {
                self.fail(Error::Refused);
            }
            return Step::Break(Outcome::default());
        }
        if !flags.contains(Flags::SYN) {
            return Step::Break(Outcome::default());
        }
        // Fourth: the peer's SYN.
        self.last_heard = now;
        self.negotiate(now, segment);
        if flags.contains(Flags::ACK) {
            self.establish(now, segment);
            // As Linux: who doesn't want quick acknowledgements lets this one wait for the request.
            if self.interactive {
                self.acknowledge_soon(now);
            } else {
                self.ack_now = true;
            }
            self.process_urgent(segment);
            return self.process_data(now, segment);
        }
        // Both opened at once (section 3.5): say SYN again, with an acknowledgement.
        self.state = State::SynReceived;
        self.syn_due = true;
        self.timers.clear(Timer::Retransmit);
        self.rtt.backoff = 0;
        Step::Continue(())
    }

    /// Our SYN is acknowledged: the connection is established.
    pub(super) fn establish(&mut self, now: Instant, segment: &Segment) {
        self.state = State::Established;
        self.snd_una = segment.ack;
        self.syn_due = false;
        self.timers.clear(Timer::Retransmit);
        self.established_at = Some(now);
        // As Linux counts: an active opener's SYN is a byte that was acknowledged.
        self.counters.bytes_acked += u64::from(!self.passive);
        self.recovery.deliver(1);
        self.sample_handshake(now, segment);
        if self.rtt.srtt().is_none() && self.recovery.syn_timeouts > 0 {
            self.rtt.distrust_initial();
        }
        self.end_timeouts(now);
        self.recovery.high_seq = self.iss;
        if self.config.mtu_probing > 1 && !self.passive {
            self.begin_mtu_search(now);
            self.set_snd_mss();
        }
        self.cwnd = self.initial_cwnd();
        self.size_buffers(now);
        self.start_keepalive(now);
        // The user closed meanwhile.
        if self.fin_wanted {
            self.state = State::FinWait1;
        }
    }
}
