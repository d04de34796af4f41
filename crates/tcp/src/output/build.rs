//! Making segments: headers, the window field, and the bookkeeping each acknowledgement brings.

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    /// A header where we stand. Every acknowledgement we send goes through here and settles what is owed.
    #[inline]
    pub(super) fn build(&mut self, now: Instant, seq: SeqNum, mut flags: Flags) -> Segment {
        let with_ack = flags.contains(Flags::ACK);
        self.echo_ecn(&mut flags);
        let mut segment = Segment {
            source: self.ports.local,
            destination: self.ports.remote,
            seq,
            flags,
            options: self.segment_options(now, with_ack),
            ..Segment::default()
        };
        if with_ack {
            segment.ack = self.rcv_nxt;
            segment.window = self.select_window();
            self.last_ack_sent = self.rcv_nxt;
            self.reassembly.told();
            self.ack_now = false;
            self.timers.clear(Timer::DelayedAck);
            self.quick_acks = self.quick_acks.saturating_sub(1);
        }
        if self.urgent.is_some() {
            self.point_to_urgent(&mut segment);
        }
        segment
    }

    /// A mere acknowledgement.
    pub(crate) fn build_ack(&mut self, now: Instant) -> Segment {
        self.build_empty(now, Flags::ACK)
    }

    /// RFC 9293, section 3.10.5: the reset of a connection the peer knows.
    pub(super) fn build_reset(&mut self, now: Instant) -> Segment {
        let mut segment = self.build_empty(now, Flags::RST | Flags::ACK);
        // Linux's tcp_acceptable_seq: a reset past a window that shrank wouldn't be believed.
        let edge = self.snd_una + self.snd_wnd;
        if self.snd_wnd > 0 && self.snd_nxt.after(edge) {
            segment.seq = edge;
        }
        segment
    }

    /// SYN, or SYN-ACK once the peer's SYN has been seen. The window of both is unscaled.
    pub(super) fn build_syn(&mut self, now: Instant) -> Segment {
        let with_ack = self.state != State::SynSent;
        let flags = if with_ack { Flags::SYN | Flags::ACK } else { Flags::SYN } | self.syn_ecn(with_ack);
        let mut segment = Segment {
            source: self.ports.local,
            destination: self.ports.remote,
            seq: self.iss,
            flags,
            options: self.syn_options(now, with_ack),
            window: self.syn_window(),
            ..Segment::default()
        };
        if with_ack {
            segment.ack = self.rcv_nxt;
            self.last_ack_sent = self.rcv_nxt;
            self.ack_now = false;
        }
        self.add_fast_open(now, &mut segment);
        self.count_sent(&segment);
        segment
    }

    /// `len` bytes of the send buffer from `seq`, pushed, and FIN.
    pub(crate) fn build_data(
        &mut self,
        now: Instant,
        (seq, len): (SeqNum, u32),
        (push, fin): (bool, bool),
    ) -> Segment {
        let offset = seq.offset_from(self.send_base());
        let payload = self.send_buffer.slice(offset as usize, len as usize);
        let mut flags = Flags::ACK;
        flags.set(Flags::FIN, fin);
        flags.set(Flags::PSH, push);
        let mut segment = self.build(now, seq, flags);
        segment.payload = payload;
        segment
    }

    pub(crate) fn count_sent(&mut self, segment: &Segment) {
        let counters = &mut self.counters;
        let (count, len) = (segment.count() as u32, segment.payload.len() as u64);
        counters.segs_out += count;
        if len > 0 {
            counters.data_segs_out += count;
            counters.bytes_sent += len;
        }
    }
}
