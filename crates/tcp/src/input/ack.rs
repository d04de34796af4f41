//! Step five: the acknowledgement (RFC 9293, section 3.10.7.4, fifth; RFC 5961, section 5).

use sockeye_base::{Duration, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use super::{Outcome, Step, reset_for};
use crate::recovery::Phase;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    pub(super) fn process_ack(&mut self, now: Instant, segment: &Segment) -> Step {
        if !segment.flags.contains(Flags::ACK) {
            return Step::Break(Outcome::default());
        }
        let ack = segment.ack;
        if self.state == State::SynReceived {
            // An acknowledgement of something else than our SYN gets a reset.
            if ack != self.snd_nxt {
                return Step::Break(reset_for(segment).into());
            }
            self.note_timestamp(now, segment);
            self.establish(now, segment);
            self.set_window(segment);
            return Step::Continue(());
        }
        // RFC 5961, section 5.2: what was never sent can't be acknowledged, and old acknowledgements can't be older
        // than a window.
        if ack.after(self.snd_nxt) || ack.before(self.snd_una - self.max_snd_wnd) {
            return self.challenge(now);
        }
        // Only now is it sure to be the peer's: a stranger's timestamp would shut the peer out.
        self.note_timestamp(now, segment);
        let window_changed = self.update_window(segment);
        if ack.after(self.snd_una) {
            self.on_new_ack(now, segment);
        } else if self.is_duplicate(segment, window_changed) {
            self.on_duplicate_ack();
        }
        if self.fin_acked() {
            return self.on_fin_acked(now, segment);
        }
        Step::Continue(())
    }

    /// RFC 9293, section 3.10.7.4: the window of the latest segment counts, not that of one overtaken, nor of one whose
    /// acknowledgement is old. Says whether it changed.
    fn update_window(&mut self, segment: &Segment) -> bool {
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
        self.max_snd_wnd = self.max_snd_wnd.max(window);
        if changed {
            self.persist_backoff = 0;
        }
        if window > 0 {
            self.shut_since = None;
        }
        changed
    }

    /// RFC 5681, section 2: data is out, the segment brings none, and acknowledges and offers what the last one did.
    fn is_duplicate(&self, segment: &Segment, window_changed: bool) -> bool {
        segment.ack == self.snd_una
            && self.flight() > 0
            && segment.sequence_len() == 0
            && !window_changed
            && segment.seq == self.snd_wl1
    }

    fn on_new_ack(&mut self, now: Instant, segment: &Segment) {
        let flight = self.flight();
        let acked = segment.ack.offset_from(self.snd_una);
        self.sample_rtt(now, segment);
        let bytes = (acked as usize).min(self.send_buffer.len());
        self.send_buffer.advance(bytes);
        self.counters.bytes_acked += bytes as u64;
        self.snd_una = segment.ack;
        self.on_progress(now, acked, flight);
        // RFC 6298, sections 5.2 and 5.3.
        if self.flight() == 0 {
            self.timers.clear(Timer::Retransmit);
        } else {
            self.restart_retransmit_timer(now);
        }
    }

    /// Measures a round trip: by the segment being timed if this acknowledges it, else, when something was repeated, by
    /// the echoed timestamp (RFC 7323, section 4.1), whose clock counts milliseconds.
    pub(super) fn sample_rtt(&mut self, now: Instant, segment: &Segment) {
        if let Some((end, sent)) = self.timed {
            if segment.ack.at_or_after(end) {
                self.timed = None;
                self.rtt.sample(now.since(sent));
            }
            return;
        }
        let repairing = self.recovery.phase != Phase::Open || self.recovery.timeouts > 0;
        let usable = repairing && self.negotiated.timestamps;
        let Some(timestamps) = segment.options.timestamps.filter(|_| usable) else { return };
        let millis = self.timestamp_clock(now).wrapping_sub(timestamps.echo);
        let lived = now.since(self.opened_at).as_millis();
        if timestamps.echo != 0 && u128::from(millis) <= lived {
            self.rtt.sample(Duration::from_millis(u64::from(millis.max(1))));
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
    pub(super) fn data_seq(segment: &Segment) -> SeqNum {
        segment.seq + u32::from(segment.flags.contains(Flags::SYN))
    }
}
