//! Step seven: the data (RFC 9293, section 3.10.7.4, seventh), and when to acknowledge it (section 3.8.6.3).

use sockeye_base::{Chain, Counter, Duration, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use super::{Step, reset_for};
use crate::error::Error;
use crate::reassembly::Kept;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    pub(super) fn process_data(&mut self, now: Instant, segment: &mut Segment) -> Step {
        let mut seq = Tcb::data_seq(segment);
        let mut fin = segment.flags.contains(Flags::FIN);
        let len = segment.payload.len() as u32;
        if len == 0 && !fin {
            return Step::Continue(());
        }
        if !self.state.may_receive() {
            // The peer said that nothing would follow its FIN: this repeats what we have, or is nonsense.
            self.count(Counter::OldData);
            return self.acknowledge(now);
        }
        self.refuse_data(segment, seq + len)?;
        self.measure_receive_echo(now, segment);
        self.measure_rcv_mss(segment);
        let mut payload = std::mem::take(&mut segment.payload);
        if seq.before(self.rcv_nxt) {
            let old = self.rcv_nxt.offset_from(seq);
            self.note_repeated_data(seq, len);
            if old > len || (old == len && !fin) {
                self.count(Counter::OldData);
                self.count(Counter::DelayedAckLost);
                return self.acknowledge(now);
            }
            payload.advance(old as usize);
            seq = self.rcv_nxt;
        }
        if !payload.is_empty() {
            self.note_mark();
        }
        let room = self.rcv_adv.offset_from(seq) as usize;
        if payload.len() > room {
            // Beyond the window; FIN with it.
            payload.truncate(room);
            fin = false;
            if payload.is_empty() {
                self.count(Counter::OverWindow);
                if self.rcv_wnd() == 0 {
                    self.count(Counter::ZeroWindowDrop);
                }
                return self.acknowledge(now);
            }
        }
        if payload.len() < len as usize {
            payload.detach_from(len as usize);
        }
        let gap = !self.reassembly.is_empty() || self.reassembly.fin.is_some();
        if fin {
            self.reassembly.fin.get_or_insert(seq + payload.len() as u32);
        }
        if !payload.is_empty() {
            self.last_data_received = Some(now);
        }
        if seq == self.rcv_nxt {
            self.take_in_order(now, payload, gap);
            Step::Continue(())
        } else {
            self.keep_for_later(now, seq, payload, fin)
        }
    }

    /// The user is gone, or has shut both ways: nobody will ever read this. RFC 9293, section 3.6.1, and RFC 2525,
    /// section 2.17: the peer must know. (After shutting only for reading data is kept, as in Linux.)
    fn refuse_data(&mut self, segment: &Segment, data_end: SeqNum) -> Step {
        let nobody_reads = self.receive_shutdown && self.fin_wanted;
        if nobody_reads && !segment.payload.is_empty() && data_end.after(self.rcv_nxt) {
            match self.state {
                State::FinWait1 | State::FinWait2 => {
                    self.fail(Error::Reset);
                    self.count(Counter::AbortOnData);
                    return Step::Break(reset_for(segment).into());
                }
                State::SynSent
                | State::SynReceived
                | State::Established
                | State::CloseWait
                | State::Closing
                | State::LastAck
                | State::TimeWait
                | State::Closed => {}
            }
        }
        Step::Continue(())
    }

    pub(super) fn take_in_order(&mut self, now: Instant, payload: Chain, filled_gap: bool) {
        let len = payload.len() as u32;
        self.deliver(payload);
        if filled_gap {
            let more = self.reassembly.take(self.rcv_nxt);
            self.deliver(more);
        }
        self.measure_receive_window(now);
        self.grow_window(len);
        if self.reassembly.fin.is_some_and(|fin| self.rcv_nxt.at_or_after(fin)) {
            self.process_fin(now);
        } else if !filled_gap {
            self.acknowledge_soon(now);
        }
        // RFC 5681, section 4.2: whoever waits for a gap to close should hear at once.
        self.ack_now |= filled_gap;
    }

    pub(crate) fn deliver(&mut self, payload: Chain) {
        self.rcv_nxt += payload.len() as u32;
        self.counters.bytes_received += payload.len() as u64;
        self.receive_queue.append(payload);
        self.receive_queue.gather();
    }

    /// RFC 5681, section 4.2: each segment out of order is answered at once, so that the peer can count.
    fn keep_for_later(&mut self, now: Instant, seq: SeqNum, payload: Chain, fin: bool) -> Step {
        self.counters.out_of_order += 1;
        let len = payload.len() as u32;
        self.count(Counter::OfoQueue);
        match self.reassembly.insert(seq, payload, fin) {
            Kept::Apart => {}
            Kept::Overlapping => self.count(Counter::OfoMerge),
            Kept::Not => self.count(Counter::OfoDrop),
        }
        if !self.config.dsack {
            self.reassembly.forget_duplicate();
        }
        self.grow_window(len);
        if !self.orphan && self.window.read > 0 {
            self.grow_receive_buffer(self.window.read);
        }
        self.quick_acks = crate::tcb::QUICK_ACKS;
        self.interactive = false;
        self.acknowledge(now)
    }

    /// RFC 9293, section 3.8.6.3: at least every second full segment is acknowledged at once (a super-segment is
    /// several) unless that would hold the window back until the program reads, anything within the delay. At the start
    /// of a connection, while the peer's window is still small, at once (as Linux).
    pub(super) fn acknowledge_soon(&mut self, now: Instant) {
        let waiting = self.rcv_nxt.offset_from(self.last_ack_sent);
        let quick = self.quick_acks > 0 && !self.interactive;
        if quick || (waiting > self.rcv_mss && self.window_stays_open()) {
            self.ack_now = true;
        } else {
            self.acknowledge_within(now, self.config.delayed_ack);
        }
    }

    /// Acknowledges after so long, if there's no other reason to do it earlier.
    pub(super) fn acknowledge_within(&mut self, now: Instant, delay: Duration) {
        if delay.is_zero() {
            self.ack_now = true;
        } else if !self.timers.is_set(Timer::DelayedAck) {
            self.timers.set(Timer::DelayedAck, now + delay);
        }
    }

    /// RFC 2883, section 4: what of this has come before is told to the peer.
    pub(super) fn note_repeated_data(&mut self, seq: SeqNum, len: u32) {
        let end = seq + len;
        let right = if end.after(self.rcv_nxt) { self.rcv_nxt } else { end };
        if self.negotiated.sack && self.config.dsack && seq.before(right) {
            self.reassembly.note_duplicate(seq, right);
        }
    }

    /// The largest segments that come tell what a full one is.
    pub(crate) fn measure_rcv_mss(&mut self, segment: &Segment) {
        let len = match segment.gso_size {
            0 => segment.payload.len() as u32,
            size => u32::from(size).min(segment.payload.len() as u32),
        };
        if len > self.rcv_mss {
            self.rcv_mss = len.min(u32::from(self.config.mss));
        }
    }
}
