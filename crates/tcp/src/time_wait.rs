//! What is left of a connection in TIME-WAIT: as little as answers old and repeated segments, as Linux does (RFC 9293,
//! section 3.10.7.4; RFC 6191; RFC 1337). There may be very many of them.

use sockeye_base::{Duration, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment, Timestamps};

use crate::config::Ports;
use crate::input::{is_older, may_answer_again};

/// A connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    pub(crate) ports: Ports,
    pub(crate) snd_nxt: SeqNum,
    pub(crate) rcv_nxt: SeqNum,
    /// The window field, as it was last.
    pub(crate) window: u16,
    /// The two had agreed on timestamps.
    pub(crate) timestamps: bool,
    pub(crate) timestamp_offset: u32,
    pub(crate) ts_recent: u32,
    pub(crate) ts_recent_at: Instant,
    /// When something was last answered that may be a stranger's.
    pub(crate) last_oow_ack: Option<Instant>,
    pub(crate) ends: Instant,
    /// How long it lasts after each sign that the peer is not done yet.
    pub(crate) lasts: Duration,
}

/// What came of a segment that arrived in TIME-WAIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Late {
    /// TIME-WAIT goes on; this is to be sent.
    Waits(Option<Segment>),
    /// The same, but there were too many to answer.
    Skipped,
    /// A reset ended it.
    Ended,
    /// An acceptable new SYN ended it (RFC 6191): hand the segment to the listener. A connection it makes starts at
    /// [`TimeWait::restart_iss`].
    Restart,
}

impl TimeWait {
    /// When it ends.
    pub fn ends(&self) -> Instant {
        self.ends
    }

    /// RFC 6191, section 2: what a connection that takes this one's place starts at or after, so that no old segment can
    /// fall in its window (Linux's 65535 + 2).
    pub fn restart_iss(&self) -> SeqNum {
        self.snd_nxt + 65_537
    }

    /// Whether a new connection of the same ends may take the place of this one: timestamps must tell old segments from
    /// new ones, so the peer's clock must have gone on for `delay` (RFC 6191, section 2).
    pub fn may_be_replaced(&self, now: Instant, delay: Duration) -> bool {
        self.timestamps && now.since(self.ts_recent_at) >= delay
    }

    /// A segment arrives.
    pub fn input(&mut self, now: Instant, segment: &Segment) -> Late {
        let flags = segment.flags;
        let stamp = segment.options.timestamps.filter(|_| self.timestamps).map(|timestamps| timestamps.value);
        let old = stamp.is_some_and(|stamp| is_older(now, stamp, (self.ts_recent, self.ts_recent_at), 0));
        if flags.contains(Flags::RST) {
            // RFC 1337 would ignore it; Linux's default (tcp_rfc1337=0) lets the exact reset end TIME-WAIT.
            let exact = !old && segment.seq == self.rcv_nxt;
            return if exact { Late::Ended } else { Late::Waits(None) };
        }
        // RFC 6191, section 2: a SYN that can't be an old one, by its sequence number or its timestamp, may start anew.
        if flags.contains(Flags::SYN) && !flags.contains(Flags::ACK) && !old {
            let later = stamp.is_some_and(|stamp| stamp.wrapping_sub(self.ts_recent).cast_signed() > 0);
            if later || segment.seq.after(self.rcv_nxt) {
                return Late::Restart;
            }
        }
        if flags.contains(Flags::ACK) {
            // RFC 9293, section 3.10.7.4: the peer repeats its FIN, it has not heard us: acknowledge, and wait anew.
            self.ends = now + self.lasts;
            if segment.sequence_len() == 0 && segment.seq == self.rcv_nxt {
                return Late::Waits(None);
            }
            if let Some(stamp) = stamp.filter(|_| !old && segment.seq.at_or_before(self.rcv_nxt)) {
                self.ts_recent = stamp;
                self.ts_recent_at = now;
            }
        }
        // Data can't be part of a loop of acknowledgements; anything else is answered within limits.
        let answered = (segment.sequence_len() > 0 && !flags.contains(Flags::SYN))
            || may_answer_again(&mut self.last_oow_ack, now);
        if answered { Late::Waits(Some(self.acknowledgement(now))) } else { Late::Skipped }
    }

    fn acknowledgement(&self, now: Instant) -> Segment {
        let mut segment = Segment {
            source: self.ports.local,
            destination: self.ports.remote,
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: self.window,
            ..Segment::default()
        };
        let clock = (now.as_millis() as u32).wrapping_add(self.timestamp_offset);
        segment.options.timestamps =
            self.timestamps.then_some(Timestamps { value: clock, echo: self.ts_recent });
        segment
    }
}
