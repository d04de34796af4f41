//! One question, "what now?", answers both what to send and when to look again, so the two can't disagree.

use sockeye_base::{Instant, SeqNum, nanos};
use sockeye_wire::tcp::Segment;

use crate::recovery::{Armed, Repeat, Sent};
use crate::state::State;
use crate::tcb::Tcb;

/// What a connection wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send this, and ask again.
    Send(Segment),
    /// Nothing to send; ask again then, or when something has happened to the connection.
    Wait(Option<Instant>),
}

/// A millisecond, in nanoseconds.
const MILLI: u64 = 1_000_000;

impl Tcb {
    /// Runs the timers that are due and says what to do: call until it says `Wait`, whose moment is later than `now`.
    /// Repetitions come before new data, which comes before mere acknowledgements.
    pub fn decide(&mut self, now: Instant) -> Decision {
        let (unsent, next) = (self.unsent(), self.timers.next());
        if unsent == 0 && next.is_none_or(|next| next > now) && self.is_quiet() {
            self.note_window_use();
            self.check_send_space();
            self.note_limits(now, unsent);
            return Decision::Wait(next);
        }
        self.act(now)
    }

    /// Whether all the other questions [`Tcb::act`] asks are known to be answered by no, if nothing is unsent and no timer
    /// due: most often there is nothing to do.
    fn is_quiet(&self) -> bool {
        let recovery = &self.recovery;
        let due = self.ack_now | self.probe_due | self.syn_due | recovery.probe_tail | recovery.resend_head;
        self.state == State::Established && !due && recovery.repeat == Repeat::Nothing
    }

    fn act(&mut self, now: Instant) -> Decision {
        self.run_timers(now);
        match self.next_segment(now) {
            Some(segment) => Decision::Send(segment),
            None => self.wait(now),
        }
    }

    fn wait(&mut self, now: Instant) -> Decision {
        self.check_send_space();
        self.note_limits(now, self.unsent());
        Decision::Wait(self.timers.next())
    }

    fn next_segment(&mut self, now: Instant) -> Option<Segment> {
        match self.state {
            State::SynSent | State::SynReceived => self.next_syn(now),
            State::Established | State::FinWait1 | State::CloseWait | State::Closing | State::LastAck => {
                // The SYN-ACK of one that opened fast.
                if self.syn_due {
                    return self.next_syn(now);
                }
                // Not `or_else`, which would move each segment through all that could follow.
                if let Some(again) = self.next_retransmission(now) {
                    return Some(again);
                }
                if let Some(new) = self.next_new(now) {
                    return Some(new);
                }
                self.next_probe(now).or_else(|| self.next_ack(now))
            }
            State::FinWait2 | State::TimeWait => self.next_probe(now).or_else(|| self.next_ack(now)),
            State::Closed => std::mem::take(&mut self.reset_due).then(|| self.build_reset(now)),
        }
    }

    fn next_syn(&mut self, now: Instant) -> Option<Segment> {
        if !std::mem::take(&mut self.syn_due) {
            return if self.state == State::SynReceived { self.next_ack(now) } else { None };
        }
        let segment = self.build_syn(now);
        match self.recovery.armed {
            Armed::SynAck => self.start_syn_ack_timer(now),
            Armed::Timeout | Armed::Probe | Armed::Reordering => self.start_retransmit_timer(now),
        }
        Some(segment)
    }

    /// New data, and FIN behind the last of it, as far as both windows and the rules against small segments let it.
    pub(crate) fn next_new(&mut self, now: Instant) -> Option<Segment> {
        let fin_pending = self.fin_wanted && !self.fin_sent && !self.fin_waits();
        let unsent = self.unsent();
        if unsent == 0 && !fin_pending {
            self.note_window_use();
            return None;
        }
        let window = self.usable_window();
        if window > 0 {
            self.restart_after_idle(now);
        }
        if self.rare.is_some() {
            match self.next_mtu_probe(now) {
                Ok(None) => {}
                Ok(probe) => return probe,
                Err(()) => {
                    self.note_window_use();
                    return None;
                }
            }
        }
        let len = self.sendable(unsent, window, fin_pending);
        let fin = fin_pending && len == unsent && window > len;
        if len == 0 && !fin {
            // RFC 9293, section 3.8.6.1: if nothing is in flight no acknowledgement will wake us.
            if self.timers.is_idle_to_send() && self.flight() == 0 {
                self.start_persist_timer(now);
            }
            self.note_window_use();
            return None;
        }
        if self.is_paced_out(now) {
            self.note_window_use();
            return None;
        }
        Some(self.send_new(now, len, fin))
    }

    /// Sends the next `len` bytes, and FIN.
    pub(crate) fn send_new(&mut self, now: Instant, len: u32, fin: bool) -> Segment {
        self.send_sized(now, len, self.effective_mss(), fin)
    }

    /// The same in segments of `mss` bytes.
    pub(crate) fn send_sized(&mut self, now: Instant, len: u32, mss: u32, fin: bool) -> Segment {
        let seq = self.snd_nxt;
        let push = len > 0 && self.pushes_new(seq + len);
        // Super-segments are always pushed, as in Linux.
        let mut segment = self.build_data(now, (seq, len), (push || len > mss, fin));
        if len > 0 {
            self.mark_new_data(&mut segment);
        }
        self.snd_nxt = seq + len + u32::from(fin);
        self.fin_sent |= fin;
        if len > mss {
            segment.gso_size = mss as u16;
        }
        if len < mss || !len.is_multiple_of(mss) {
            self.snd_sml = self.snd_nxt;
        }
        self.persist_backoff = 0;
        self.note_open_window();
        self.probe_due = false;
        self.note_new(now, (seq, mss), len, (push, fin));
        self.note_sent();
        self.count_sent(&segment);
        if self.config.max_pacing_rate.is_some() {
            self.pace(now, len);
        }
        if len > 0 {
            self.last_data_sent = Some(now);
            // Data right after data: an exchange, in which acknowledgements can wait for an answer to ride on.
            let delay = nanos(self.config.delayed_ack);
            if self.last_data_received.is_some_and(|at| now.nanos_since(at) < delay) {
                self.interactive = true;
            }
        }
        segment
    }

    /// Our SYN carries the first `len` bytes.
    pub(crate) fn note_syn_data(&mut self, now: Instant, len: u32) {
        let seq = self.iss + 1;
        self.snd_nxt = seq + len;
        self.recovery.sent.push(Sent::new(now, seq, (len, len), (true, false)));
        self.last_data_sent = Some(now);
    }

    /// As Linux: `shutdown` of a connection whose handshake isn't over takes effect when it is; `close` at once.
    fn fin_waits(&self) -> bool {
        !self.orphan && self.handshake_pending()
    }

    /// What has left is kept in mind until it is acknowledged.
    fn note_new(&mut self, now: Instant, (seq, mss): (SeqNum, u32), len: u32, (push, fin): (bool, bool)) {
        let sent = Sent::new(now, seq, (len, mss), (push, fin));
        let was_idle = self.recovery.sent.is_empty();
        if self.recovery.phase.reduces() {
            self.recovery.repair_mut().prr_out += sent.count();
        }
        self.recovery.sent.push(sent);
        self.on_new_data_sent(now, was_idle);
    }

    fn next_ack(&mut self, now: Instant) -> Option<Segment> {
        self.ack_now.then(|| self.build_ack(now))
    }

    /// How much of the peer's window is not in use; nothing if it has shrunk below that.
    pub(crate) fn usable_window(&self) -> u32 {
        self.snd_wnd.saturating_sub(self.flight())
    }

    /// RFC 5681, section 4.1: after an RTO without sending, cwnd says nothing about the path any more. As Linux it
    /// halves for each RTO, down to the initial window.
    fn restart_after_idle(&mut self, now: Instant) {
        let Some(last) = self.last_data_sent.filter(|_| self.flight() == 0) else { return };
        let mut idle = now.nanos_since(last);
        self.control.algorithm().on_idle(idle);
        // No RTO is shorter, and to reckon it takes a while.
        if idle <= MILLI || !self.config.slow_start_after_idle {
            return;
        }
        let rto = self.rtt.rto_nanos(&self.config);
        let floor = self.restart_cwnd().min(self.cwnd);
        self.ssthresh = self.ssthresh.max(self.cwnd / 4 * 3);
        while idle > rto && self.cwnd > floor {
            idle -= rto.max(MILLI);
            self.cwnd = (self.cwnd / 2).max(floor);
        }
    }
}
