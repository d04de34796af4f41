//! What sending remembers beside its sequence numbers: where it pushed, where records end, what the last call wished,
//! and how much of the congestion window was used.

use std::collections::VecDeque;

use sockeye_base::{Duration, Instant, SeqNum};

use super::Limit;
use crate::tcb::Tcb;

/// A super-segment lasts no longer than about a millisecond at the pacing rate (Linux's sk_pacing_shift).
const PACING_SHIFT: u32 = 10;
/// It may be longer by this much, halved for each 512 us of the smallest round-trip time (Linux's tcp_tso_rtt_log).
const MOST_FOR_SHORT_PATHS: u64 = 65_536;
/// Segments the send buffer has room for at least (TCP_INIT_CWND).
const FEWEST_BUFFERED: u32 = 10;
/// What Linux adds to a segment's payload in a card's buffer: MAX_TCP_HEADER and skb_shared_info, 320 each...
const HEADERS_AND_SHARED_INFO: u32 = 640;
/// ...and, after rounding up to a power of two, sk_buff.
const SEGMENT_HEAD: u32 = 256;

/// What a call that sends says of where its data ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    /// Nothing.
    #[default]
    None,
    /// More is coming (MSG_MORE): a small rest waits for it, as if corked.
    More,
    /// A record ends (MSG_EOR): no segment holds what is before and what is behind.
    Record,
    /// Its last byte is urgent (MSG_OOB).
    Urgent,
}

#[derive(Debug)]
pub(crate) struct Sending {
    /// Bytes, overhead included (sk_sndbuf).
    pub(crate) buffer: u32,
    /// What sending waits for since when; how long it was the network alone.
    pub(crate) limit: Limit,
    pub(crate) limit_since: Instant,
    pub(crate) busy: Duration,
    /// The program was refused room and waits for it (SOCK_NOSPACE).
    pub(crate) no_space: bool,
    /// How often it was told that there is some again; it wraps around.
    pub(crate) rooms: u8,
    /// When something last left, all that was queued went, though more might have.
    starved: bool,
    /// Bytes in the last piece of the queue, were none of it sent.
    pub(crate) tail: u32,
    /// Something was acknowledged since the buffer's size was last looked at.
    pub(crate) acknowledged: bool,
    /// Up to where all was pushed at least by its length.
    pushed: SeqNum,
    /// Hardly anybody has them.
    records: Option<Box<Records>>,
    /// The last call said that more is coming (MSG_MORE): its end isn't pushed...
    tail_open: bool,
    /// ...and waits as if corked, until another call or an acknowledgement.
    pub(crate) hold: bool,
    /// What is queued goes at once, corked or not: TCP_NODELAY was set after it came.
    pub(crate) push_queued: bool,
    /// Something was sent since the use of the window was last looked at.
    sent: bool,
    /// The last time the window counted, it was full.
    cwnd_limited: bool,
    /// Otherwise the most segments in flight...
    most_out: u32,
    /// ...in the round trip that ends when this is acknowledged.
    usage_until: SeqNum,
}

/// Records (MSG_EOR) not acknowledged yet, in order: no segment reaches across an end.
#[derive(Debug, Default)]
struct Records {
    ends: VecDeque<SeqNum>,
}

impl Sending {
    pub(crate) fn new(iss: SeqNum, buffer: u32) -> Sending {
        Sending {
            buffer,
            limit: Limit::Idle,
            limit_since: Instant::ZERO,
            busy: Duration::ZERO,
            no_space: false,
            rooms: 0,
            starved: false,
            tail: 0,
            acknowledged: false,
            pushed: iss,
            records: None,
            tail_open: false,
            hold: false,
            push_queued: false,
            sent: false,
            cwnd_limited: false,
            most_out: 0,
            usage_until: iss,
        }
    }

    /// A call queued data that ends at `end`.
    pub(crate) fn note_call(&mut self, end: SeqNum, boundary: Boundary) {
        self.tail_open = boundary == Boundary::More;
        self.hold = self.tail_open;
        self.push_queued = false;
        if boundary == Boundary::Record {
            let ends = &mut self.records.get_or_insert_default().ends;
            if ends.back() != Some(&end) {
                ends.push_back(end);
            }
        }
    }

    fn records(&self) -> impl Iterator<Item = SeqNum> {
        self.records.iter().flat_map(|records| records.ends.iter().copied())
    }
}

impl Tcb {
    /// Whether any record (MSG_EOR) isn't acknowledged yet.
    pub(super) fn has_records(&self) -> bool {
        self.sending.records.is_some()
    }

    /// Whether what ends at `end` is pushed. RFC 9293, section 3.9.1.2: when nothing follows yet; as Linux also once half
    /// of the peer's window went without.
    pub(super) fn pushes_new(&mut self, end: SeqNum) -> bool {
        let record_ends = self.sending.records().any(|record| record == end);
        let by_call = record_ends || (end == self.send_end() && !self.sending.tail_open);
        let by_length = end.after(self.sending.pushed + self.max_snd_wnd / 2);
        if by_call || by_length {
            self.sending.pushed = end;
        }
        by_call || by_length
    }

    /// How many of `len` bytes from `seq` belong to one record, and whether it ends there with more behind it.
    pub(crate) fn within_record(&self, seq: SeqNum, len: u32) -> (u32, bool) {
        match self.sending.records().find(|end| end.after(seq)) {
            Some(end) if end.offset_from(seq) < len => (end.offset_from(seq), true),
            Some(_) | None => (len, false),
        }
    }

    /// Forgets records that are acknowledged.
    pub(crate) fn forget_records(&mut self) {
        if let Some(records) = &mut self.sending.records {
            while records.ends.front().is_some_and(|end| end.at_or_before(self.snd_una)) {
                records.ends.pop_front();
            }
            if records.ends.is_empty() {
                self.sending.records = None;
            }
        }
    }

    /// Most segments of a super-segment (Linux's tcp_tso_autosize): over a long path a millisecond's worth, so that
    /// they don't arrive as bursts; over a short one as many as there is room for.
    pub(super) fn most_segments(&self, mss: u32) -> u32 {
        let min_rtt = self.rtt.min().map_or(u64::MAX, micros);
        let extra = match min_rtt >> 9 {
            shift @ 0..=31 => MOST_FOR_SHORT_PATHS >> shift,
            _ => 0,
        };
        if extra == MOST_FOR_SHORT_PATHS {
            return u32::MAX;
        }
        let bytes = (self.pacing_rate() >> PACING_SHIFT) + extra;
        u32::try_from(bytes / u64::from(mss.max(1)))
            .unwrap_or(u32::MAX)
            .max(u32::from(self.config.min_tso_segs))
    }

    pub(super) fn note_sent(&mut self) {
        self.sending.sent = true;
    }

    /// All is sent that may be: how much of the window does that use? Linux's tcp_cwnd_validate: a full window counts
    /// for the round trip, else the most that was out in it.
    pub(super) fn note_window_use(&mut self) {
        let out = self.recovery.sent.packets();
        let full = !self.cwnd_takes_another();
        if !std::mem::take(&mut self.sending.sent) && !full {
            return;
        }
        self.sending.starved = !full && self.unsent() == 0;
        let (una, nxt) = (self.snd_una, self.snd_nxt);
        let sending = &mut self.sending;
        let round_over = una.at_or_after(sending.usage_until);
        if round_over || full || (!sending.cwnd_limited && out > sending.most_out) {
            sending.cwnd_limited = full;
            sending.most_out = out;
            sending.usage_until = nxt;
        }
    }

    /// Linux's tcp_sndbuf_expand: room for two congestion windows, reckoned by segments as a plain card would hold them.
    pub(crate) fn expand_send_buffer(&mut self) {
        let buffer = self.config.send_buffer;
        let segments =
            FEWEST_BUFFERED.max(self.cwnd / self.snd_mss()).max(self.recovery.reordering.saturating_add(1));
        let payload = u32::from(self.negotiated.peer_mss).max(self.snd_mss());
        let each = (payload + HEADERS_AND_SHARED_INFO).next_power_of_two() + SEGMENT_HEAD;
        let wanted = segments.saturating_mul(2 * each).min(buffer.most);
        if !buffer.locked && self.sending.buffer < wanted {
            self.sending.buffer = wanted;
        }
    }

    /// Linux's tcp_check_space: after an acknowledgement a buffer that holds the program back, while the congestion
    /// window would let more go, grows.
    pub(super) fn check_send_space(&mut self) {
        if !std::mem::take(&mut self.sending.acknowledged) || !self.sending.no_space {
            return;
        }
        if self.cwnd_room() > 0 {
            self.expand_send_buffer();
        }
        self.sending.no_space = !self.is_writable();
        self.sending.rooms = self.sending.rooms.wrapping_add(u8::from(!self.sending.no_space));
    }

    /// The program waits for room in the buffer, which alone keeps us from sending.
    pub(super) fn is_starved(&self) -> bool {
        self.sending.no_space && self.sending.starved
    }

    /// Whether the congestion window held us back in the last round trip (RFC 7661's concern). In slow start it may grow
    /// to twice what was out.
    pub(crate) fn is_cwnd_limited(&self) -> bool {
        // Whole segments of cwnd, without dividing.
        let doubled =
            || u64::from(self.cwnd) < u64::from(self.snd_mss()) * u64::from(self.sending.most_out) * 2;
        self.sending.cwnd_limited || (self.cwnd < self.ssthresh && doubled())
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
