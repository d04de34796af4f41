//! Segments that arrive in SYN-SENT (RFC 9293, section 3.10.7.3).

use sockeye_base::{Duration, Instant};
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step, reset_for};
use crate::error::Error;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

/// The longest that an acknowledgement waits (Linux's TCP_DELACK_MAX).
const LONGEST_DELAY: Duration = Duration::from_millis(200);

impl Tcb {
    pub(super) fn in_syn_sent(&mut self, now: Instant, segment: &mut Segment) -> Step {
        let flags = segment.flags;
        // First: an acknowledgement of anything but our SYN belongs to another connection.
        let acknowledges = segment.ack.after(self.snd_una) && segment.ack.at_or_before(self.snd_nxt);
        if flags.contains(Flags::ACK) && (!acknowledges || !self.echo_is_ours(now, segment)) {
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
            // As Linux: who doesn't want quick acknowledgements, has something to send, or set TCP_DEFER_ACCEPT, lets this
            // one wait for that. Those that follow are quick.
            if self.interactive || self.more_follows_syn() || self.config.defer_accept > 0 {
                self.interactive = false;
                self.timers.set(Timer::DelayedAck, now + LONGEST_DELAY);
                // As Linux: the SYN-ACK counts as something received, so that data that follow it begin an exchange.
                self.last_data_received = Some(now);
            } else {
                self.ack_now = true;
            }
            self.process_urgent(segment);
            // Section 3.10.7.3 lets data of a SYN-ACK wait for its repetition. As Linux, it counts where the SYN asked
            // for speed.
            if self.opens_fast() && segment.sequence_len() > 1 {
                self.note_syn_ack_data();
                return self.process_data(now, segment);
            }
            return Step::Continue(());
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
        self.snd_una = self.iss + 1;
        self.syn_due = false;
        self.timers.clear(Timer::Retransmit);
        self.note_handshake(now, segment);
        self.recovery.high_seq = self.iss;
        if self.config.mtu_probing > 1 && !self.passive {
            self.begin_mtu_search(now);
            self.set_snd_mss();
        }
        self.cwnd = self.initial_cwnd();
        self.size_buffers(now);
        self.settle_syn_data(now, segment);
        if self.passive {
            self.forget_fast_open();
        }
        self.start_keepalive(now);
        // The user closed meanwhile.
        if self.fin_wanted {
            self.state = State::FinWait1;
        }
    }

    /// The handshake is over: how long it took.
    pub(crate) fn note_handshake(&mut self, now: Instant, segment: &Segment) {
        self.established_at = Some(now);
        // As Linux counts: an active opener's SYN is a byte that was acknowledged.
        self.counters.bytes_acked += u64::from(!self.passive);
        self.recovery.deliver(1);
        self.sample_handshake(now, segment);
        if self.rtt.srtt().is_none() && self.recovery.syn_timeouts > 0 {
            self.rtt.distrust_initial();
        }
        self.end_timeouts(now);
    }

    /// RFC 7323, section 5.8, and as Linux: a timestamp's echo that none of our SYNs can have caused marks the answer to
    /// an older connection.
    fn echo_is_ours(&self, now: Instant, segment: &Segment) -> bool {
        let Some(timestamps) = segment.options.timestamps.filter(|_| self.config.timestamps) else {
            return true;
        };
        let first = self.timestamp_clock(self.opened_at);
        let span = self.timestamp_clock(now).wrapping_sub(first);
        timestamps.echo == 0 || timestamps.echo.wrapping_sub(first) <= span
    }
}
