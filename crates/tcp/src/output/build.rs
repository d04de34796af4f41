//! Making segments: headers, the window field, and the bookkeeping each acknowledgement brings.

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    /// A header where we stand. Every acknowledgement we send goes through here and settles what is owed.
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
        let with_ack = self.state == State::SynReceived;
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
            self.ack_now = false;
        }
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
        // Super-segments are always pushed, as in Linux.
        flags.set(Flags::PSH, push || len > self.effective_mss());
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

    /// The window of our SYN: as much as 16 bits say, in whole segments (Linux: 64240 for an MSS of 1460).
    pub(crate) fn syn_window(&self) -> u16 {
        let options = if self.negotiated.timestamps { crate::options::TIMESTAMPS_LEN } else { 0 };
        let mss = self.config.mss.saturating_sub(options).max(1);
        let most = u16::try_from(self.config.receive_buffer).unwrap_or(u16::MAX);
        if most < mss { most } else { most / mss * mss }
    }

    /// Whether the window has opened so far that the peer should hear of it without being asked: by two segments or
    /// half of the buffer, and (as Linux, lest every read make an acknowledgement) to twice what the peer knows.
    pub(crate) fn window_update_due(&self) -> bool {
        let (known, open) = (self.rcv_wnd(), self.open_window());
        let worth = (2 * self.rcv_mss.max(u32::from(self.config.mss))).min(self.half_buffer());
        open >= known.saturating_add(worth) && open / 2 >= known
    }

    /// The window field. RFC 9293, section 3.8.6.2.2: the right edge moves only by a segment or half of the buffer; it
    /// never moves left (section 3.8.6).
    fn select_window(&mut self) -> u16 {
        let shift = self.rcv_shift();
        let grain = 1u32 << shift;
        let (known, open) = (self.rcv_wnd(), self.open_window());
        let step = u32::from(self.config.mss).min(self.half_buffer());
        let mut window =
            if open >= known.saturating_add(step) { known.max(open / grain * grain) } else { known };
        if window % grain != 0 {
            // RFC 7323, section 2.4: rounding must not take back what was offered, so up; unless byte by byte that
            // would lead beyond the buffer.
            let up = window.next_multiple_of(grain);
            let slack = self.receive_queue.len() as u64 + u64::from(up);
            let within = slack <= self.config.receive_buffer as u64 + u64::from(grain);
            window = if within { up } else { window / grain * grain };
        }
        let field = (window >> shift).min(u32::from(u16::MAX));
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt + (field << shift));
        field as u16
    }

    /// What the buffer still takes, as far as the field can say it.
    fn open_window(&self) -> u32 {
        let free = self.config.receive_buffer.saturating_sub(self.receive_queue.len());
        let most = u32::from(u16::MAX) << self.rcv_shift();
        u32::try_from(free).unwrap_or(u32::MAX).min(most)
    }

    fn half_buffer(&self) -> u32 {
        u32::try_from(self.config.receive_buffer / 2).unwrap_or(u32::MAX).max(1)
    }
}
