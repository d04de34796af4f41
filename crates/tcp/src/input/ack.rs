//! Step five: the acknowledgement (RFC 9293, section 3.10.7.4, fifth; RFC 5961, section 5).

use sockeye_base::{Counter, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step, reset_for};
use crate::state::State;
use crate::tcb::Tcb;

impl Tcb {
    pub(super) fn process_ack(&mut self, now: Instant, segment: &Segment) -> Step {
        if !segment.flags.contains(Flags::ACK) {
            self.count(Counter::TcpFlags);
            return Step::Break(Outcome::default());
        }
        let ack = segment.ack;
        if self.state == State::SynReceived {
            // An acknowledgement of something else than our SYN gets a reset.
            if !ack.after(self.snd_una) || ack.after(self.snd_nxt) {
                return Step::Break(reset_for(segment).into());
            }
            self.note_timestamp(now, segment);
            if self.defers(segment) {
                self.count(Counter::DeferAcceptDrop);
                self.rare().deferred = true;
                return Step::Break(Outcome::default());
            }
            self.establish(now, segment);
            self.set_window(segment);
            return Step::Continue(());
        }
        if self.handshake_pending() {
            self.end_fast_handshake(now, segment)?;
        }
        // RFC 5961, section 5.2: what was never sent can't be acknowledged, and old acknowledgements can't be older
        // than a window, nor than the first byte (as Linux).
        let oldest = u64::from(self.max_snd_wnd).min(self.counters.bytes_acked) as u32;
        let unsent = ack.after(self.snd_nxt);
        if unsent || ack.before(self.snd_una - oldest) {
            self.count(if unsent { Counter::AckUnsentData } else { Counter::OldAck });
            return self.challenge(now);
        }
        // Only now is it sure to be the peer's: a stranger's timestamp would shut the peer out.
        self.note_timestamp(now, segment);
        let window_changed = self.update_window(segment);
        if ack.at_or_after(self.snd_una) || !segment.options.sack.is_empty() {
            self.on_ack(now, segment, window_changed);
        }
        if self.fin_acked() {
            return self.on_fin_acked(now, segment);
        }
        Step::Continue(())
    }

    /// TCP_DEFER_ACCEPT: whether an acknowledgement says too little to finish the handshake yet.
    pub fn defers(&self, segment: &Segment) -> bool {
        self.passive
            && self.recovery.syn_timeouts < u32::from(self.config.defer_accept)
            && segment.seq + segment.sequence_len() == self.rcv_nxt
    }

    /// RFC 9293, section 3.10.7.4: the window of the latest segment counts, not that of one overtaken, nor of one whose
    /// acknowledgement is old. Says whether it changed.
    pub(super) fn update_window(&mut self, segment: &Segment) -> bool {
        let newer = self.snd_wl1.before(segment.seq)
            || (self.snd_wl1 == segment.seq && self.snd_wl2.at_or_before(segment.ack));
        newer && segment.ack.at_or_after(self.snd_una) && self.set_window(segment)
    }

    fn set_window(&mut self, segment: &Segment) -> bool {
        let shift = if segment.flags.contains(Flags::SYN) { 0 } else { self.snd_shift() };
        let window = u32::from(segment.window) << shift;
        let changed = window != self.snd_wnd;
        self.snd_wnd = window;
        self.snd_wl1 = segment.seq;
        self.snd_wl2 = segment.ack;
        if window > self.max_snd_wnd {
            self.max_snd_wnd = window;
            self.change_mss();
        }
        if changed {
            self.persist_backoff = 0;
        }
        if window > 0 {
            self.note_open_window();
        }
        changed
    }

    /// Measures the round trip of the handshake: by our SYN, else, when that was repeated, by the echoed timestamp
    /// (RFC 7323, section 4.1), whose clock counts milliseconds.
    pub(super) fn sample_handshake(&mut self, now: Instant, segment: &Segment) {
        if !self.syn_repeated {
            self.rtt.sample(now.nanos_since(self.opened_at), &self.config, self.snd_una, self.snd_nxt);
            return;
        }
        let usable = self.recovery.timeouts > 0 && self.negotiated.timestamps;
        let Some(timestamps) = segment.options.timestamps.filter(|_| usable) else { return };
        let millis = self.timestamp_clock(now).wrapping_sub(timestamps.echo);
        let lived = now.since(self.opened_at).as_millis();
        if timestamps.echo != 0 && u128::from(millis) <= lived {
            let sample = u64::from(millis.max(1)) * 1_000_000;
            self.rtt.sample(sample, &self.config, self.snd_una, self.snd_nxt);
        }
    }

    /// Our FIN is acknowledged.
    fn on_fin_acked(&mut self, now: Instant, segment: &Segment) -> Step {
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if self.orphan {
                    self.limit_fin_wait_2(now);
                }
                if self.state == State::Closed {
                    // As Linux: the segment is answered like one for nobody.
                    self.reset_due = false;
                    return Step::Break(reset_for(segment).into());
                }
                Step::Continue(())
            }
            State::Closing => {
                self.enter_time_wait(now);
                Step::Break(Outcome::default())
            }
            State::LastAck => {
                let repeated = segment.sequence_len() > 0 && segment.seq.before(self.rcv_nxt);
                let reply = repeated.then(|| self.build_ack(now));
                self.enter_closed();
                Step::Break(reply.into())
            }
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait2
            | State::CloseWait
            | State::TimeWait
            | State::Closed => Step::Continue(()),
        }
    }

    /// Where the data of a segment begins: behind its SYN.
    pub(crate) fn data_seq(segment: &Segment) -> SeqNum {
        segment.seq + u32::from(segment.flags.contains(Flags::SYN))
    }
}
