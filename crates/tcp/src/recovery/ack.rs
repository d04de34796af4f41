//! What an acknowledgement says: what has arrived, how long it took, what follows from that. In the order in which
//! Linux looks at it.

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use super::sent::Covered;
use super::{Phase, Repeat};
use crate::tcb::Tcb;

/// What one acknowledgement brought to light.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) prior_una: SeqNum,
    /// SND.UNA moved.
    pub(super) advanced: bool,
    /// The peer says that something beyond SND.UNA has arrived.
    pub(super) sacked: bool,
    /// Something from before the current recovery has arrived that was never repeated.
    pub(super) original: bool,
    /// Something that was repeated is acknowledged.
    pub(super) resent_acked: bool,
    /// It tells of congestion (RFC 3168).
    pub(super) echo: bool,
    /// The peer got something twice (RFC 2883).
    pub(super) dsack: bool,
    /// The tail's probe, namely.
    pub(super) dsack_of_probe: bool,
    /// The peer no longer has what it said it had (RFC 2018, section 8).
    pub(super) reneged: bool,
    /// The timer starts anew.
    pub(super) set_timer: bool,
    /// A repetition was lost.
    pub(super) lost_again: bool,
    /// Duplicate acknowledgements: one or none.
    pub(super) duplicates: u32,
    /// It brings data, or a window.
    pub(super) not_duplicate: bool,
    /// The lowest segment that others overtook.
    pub(super) reordered: SeqNum,
    /// When the first and the last of what is newly acknowledged left; of what is newly at the peer beyond SND.UNA.
    pub(super) acked_sent: Option<(Instant, Instant)>,
    pub(super) sacked_sent: Option<(Instant, Instant)>,
}

impl Tcb {
    /// An acknowledgement of something not older than SND.UNA, or with news of what lies beyond that.
    pub(crate) fn on_ack(&mut self, now: Instant, segment: &Segment, window_changed: bool) {
        let mut seen = Seen {
            prior_una: self.snd_una,
            advanced: segment.ack.after(self.snd_una),
            sacked: false,
            original: false,
            resent_acked: false,
            echo: segment.ack.at_or_after(self.snd_una) && self.is_echo(segment),
            dsack: false,
            dsack_of_probe: false,
            reneged: false,
            set_timer: false,
            lost_again: false,
            duplicates: 0,
            not_duplicate: segment.sequence_len() > 0 || window_changed,
            reordered: self.snd_nxt,
            acked_sent: None,
            sacked_sent: None,
        };
        let (delivered, lost) = (self.recovery.delivered, self.recovery.lost_in_all);
        self.recovery.echo =
            segment.options.timestamps.filter(|_| self.negotiated.timestamps).map(|ts| ts.echo);
        self.recovery.repeat = Repeat::Nothing;
        if self.negotiated.sack && !segment.options.sack.is_empty() {
            self.mark_sacked(now, segment, &mut seen);
        }
        if seen.advanced {
            self.take_acknowledged(now, segment, &mut seen);
        }
        if seen.advanced {
            self.note_mtu_probe_acked();
        }
        self.take_samples(now, &mut seen);
        self.rack_widen(seen.advanced || seen.sacked || seen.dsack);
        self.judge_tail_probe(segment.ack, &seen);
        if self.is_dubious(&seen) {
            if !seen.advanced && !seen.not_duplicate && !seen.dsack && !self.recovery.sent.is_empty() {
                seen.duplicates = 1;
            }
            self.alert(now, &mut seen);
        }
        if seen.set_timer {
            self.set_transmit_timer(now);
        }
        let delivered = self.recovery.delivered.wrapping_sub(delivered);
        if seen.echo {
            self.count_echoed(delivered);
        }
        if self.recovery.phase.reduces() {
            self.reduce_cwnd(delivered, self.recovery.lost_in_all != lost, seen.advanced);
        } else if seen.advanced || (seen.sacked && self.recovery.reordering > self.config.reordering) {
            let mss = self.snd_mss();
            self.grow_cwnd(now, delivered.saturating_mul(mss));
        }
    }

    /// An acknowledgement that tells nothing but that this has arrived, where nothing is in doubt ([`Tcb::expects`]): what
    /// [`Tcb::on_ack`] then comes to.
    pub(crate) fn take_covered(&mut self, now: Instant, ack: SeqNum, covered: &Covered) {
        let bytes = (ack.offset_from(self.snd_una) as usize).min(self.send_buffer.len());
        self.send_buffer.advance(bytes);
        self.counters.bytes_acked += bytes as u64;
        self.snd_una = ack;
        self.end_timeouts(now);
        self.sending.acknowledged = true;
        self.recovery.sent.take(covered);
        self.recovery.deliver(covered.packets);
        self.rack_advance(now, &covered.last);
        self.sample_for_control(now, now.nanos_since(covered.last.sent_at));
        self.rtt.note_min(now.nanos_since(covered.last.sent_at));
        self.rtt.sample(now.nanos_since(covered.first), &self.config, self.snd_una, self.snd_nxt);
        self.rack_widen(true);
        self.set_transmit_timer(now);
        let mss = self.snd_mss();
        self.grow_cwnd(now, covered.packets.saturating_mul(mss));
    }

    /// Whether there is anything to think about.
    fn is_dubious(&self, seen: &Seen) -> bool {
        !(seen.advanced || seen.not_duplicate)
            || seen.sacked
            || seen.dsack
            || seen.echo
            || self.recovery.phase != Phase::Open
    }

    /// SND.UNA moves.
    fn take_acknowledged(&mut self, now: Instant, segment: &Segment, seen: &mut Seen) {
        let acked = segment.ack.offset_from(self.snd_una);
        let bytes = (acked as usize).min(self.send_buffer.len());
        self.send_buffer.advance(bytes);
        self.counters.bytes_acked += bytes as u64;
        let highest = self.recovery.sent.highest_sacked().unwrap_or(self.snd_una);
        self.snd_una = segment.ack;
        self.end_timeouts(now);
        seen.set_timer = true;
        self.sending.acknowledged = true;
        let mut count = 0;
        while let Some(sent) = self.recovery.sent.pop_before(segment.ack) {
            count += sent.count();
            if sent.ever_resent {
                seen.resent_acked = true;
            } else if !sent.sacked {
                let first = seen.acked_sent.map_or(sent.sent_at, |(first, _)| first);
                seen.acked_sent = Some((first, sent.sent_at));
                if sent.seq.before(seen.reordered) {
                    seen.reordered = sent.seq;
                }
                seen.original |= sent.end().at_or_before(self.recovery.high_seq);
            }
            if self.negotiated.sack && !sent.sacked {
                self.recovery.deliver(sent.count());
                if !(sent.ever_resent && self.echo_before(self.timestamp_clock(sent.sent_at))) {
                    self.rack_advance(now, &sent);
                }
            }
        }
        if self.negotiated.sack {
            if seen.reordered.before(highest) {
                let highest = self.recovery.sent.highest_sacked().unwrap_or(self.snd_una);
                self.note_reordering(seen.reordered, highest);
            }
        } else {
            self.remove_reno_sacks(count);
            // Without SACK nothing tells the first from the repeated.
            seen.original &= !seen.resent_acked;
        }
        seen.reneged = self.recovery.sent.first().is_some_and(|sent| sent.sacked);
    }

    /// Round trips: of the oldest segment newly acknowledged if none was repeated (Karn); else of what is newly at the
    /// peer; else by the echoed timestamp (RFC 7323, section 4.1), whose clock counts milliseconds.
    fn take_samples(&mut self, now: Instant, seen: &mut Seen) {
        let acked = seen.acked_sent.filter(|_| !seen.resent_acked);
        if let (None, Some((first, _)), Some(head)) = (acked, seen.sacked_sent, self.recovery.sent.first()) {
            // As Linux: only if it left before the head did, or repairing could put off the timeout for ever.
            seen.set_timer |= !seen.advanced && first < head.sent_at;
        }
        if let Some((_, last)) = seen.sacked_sent.or(acked) {
            self.sample_for_control(now, now.nanos_since(last));
        }
        if let Some((first, last)) = acked.or(seen.sacked_sent) {
            self.rtt.note_min(now.nanos_since(last));
            self.rtt.sample(now.nanos_since(first), &self.config, self.snd_una, self.snd_nxt);
            return;
        }
        let Some(echo) = self.recovery.echo.filter(|&echo| echo != 0 && seen.advanced) else { return };
        let millis = self.timestamp_clock(now).wrapping_sub(echo);
        if u128::from(millis) <= now.since(self.opened_at).as_millis() {
            let sample = u64::from(millis.max(1)) * 1_000_000;
            self.rtt.note_min(sample);
            self.rtt.sample(sample, &self.config, self.snd_una, self.snd_nxt);
        }
    }

    /// Whether the latest acknowledgement answers something sent before `at` of our timestamps' clock (RFC 3522).
    pub(super) fn echo_before(&self, at: u32) -> bool {
        self.recovery.echo.is_some_and(|echo| echo != 0 && echo.wrapping_sub(at).cast_signed() < 0)
    }
}
