//! What the peer says it has beyond SND.UNA (RFC 2018), and what it got twice (RFC 2883). Blocks that lie outside of
//! what is in flight, or are turned around, say nothing.

use sockeye_base::{Counter, Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use super::Phase;
use super::ack::Seen;
use crate::tcb::Tcb;

type Block = (SeqNum, SeqNum);

impl Tcb {
    /// Reads the blocks of an acknowledgement.
    pub(super) fn mark_sacked(&mut self, now: Instant, segment: &Segment, seen: &mut Seen) {
        let mut blocks: Vec<Block> = segment.options.sack.iter().copied().take(4).collect();
        let inside = |&(_, right): &Block, una: SeqNum| right.after(una);
        if let Some(duplicate) = self.duplicate_block(segment.ack, &blocks) {
            if self.note_duplicate(duplicate, seen) && inside(&duplicate, self.snd_una) {
                self.duplicate_in_flight(duplicate, seen);
            }
            blocks.remove(0);
        }
        let (una, nxt) = (self.snd_una, self.snd_nxt);
        // Old ones on an acknowledgement that was overtaken are no lies.
        let overtaken = segment.ack != una;
        let valid = |&(left, right): &Block| left.before(right) && left.after(una) && right.at_or_before(nxt);
        if !blocks.iter().all(|block| valid(block) || overtaken && block.1.at_or_before(una)) {
            self.count(Counter::SackDiscard);
        }
        blocks.retain(valid);
        blocks.sort_by_key(|&(left, _)| left.offset_from(una));
        let mut highest = self.recovery.sent.highest_sacked().unwrap_or(una);
        for block in blocks {
            self.mark_block(now, block, &mut highest, seen);
        }
        if (self.recovery.phase != Phase::Loss || self.recovery.repair().undo_marker.is_some())
            && seen.reordered.before(highest)
        {
            self.note_reordering(seen.reordered, highest);
        }
    }

    /// RFC 2883, section 4: the first block tells of a duplicate if it lies below the acknowledgement, or within the
    /// second block.
    fn duplicate_block(&self, ack: SeqNum, blocks: &[Block]) -> Option<Block> {
        let &(left, right) = blocks.first()?;
        let within = |&(l, r): &Block| right.at_or_before(r) && left.at_or_after(l);
        let duplicate = left.before(ack) || blocks.get(1).is_some_and(within);
        (duplicate && left.before(right)).then_some((left, right))
    }

    /// The peer got this twice. Says whether that can be true of something we repeated.
    fn note_duplicate(&mut self, (left, right): Block, seen: &mut Seen) -> bool {
        let len = right.offset_from(left);
        if len > self.max_snd_wnd || right.after(self.snd_nxt) {
            self.count(Counter::DsackIgnored);
            return false;
        }
        let count = len.div_ceil(self.snd_mss());
        let of_probe = count == 1 && self.recovery.probe_high == Some(right);
        seen.dsack_of_probe |= of_probe;
        self.recovery.dsack_dups = self.recovery.dsack_dups.saturating_add(count);
        // The network doubles segments too.
        if self.recovery.dsack_dups > self.counters.total_retrans {
            return false;
        }
        self.recovery.rack.dsack_seen |= self.recovery.reord_seen > 0 && !of_probe;
        seen.dsack = true;
        self.recovery.deliver(count);
        if right.at_or_before(self.snd_una)
            && self.recovery.repair().undo_marker.is_some_and(|marker| right.after(marker))
        {
            self.needless(count);
        }
        true
    }

    /// The duplicate is of something still in flight.
    fn duplicate_in_flight(&mut self, (left, right): Block, seen: &mut Seen) {
        let mut at = self.recovery.sent.find(left);
        while let Some(&sent) = self.recovery.sent.get(at).filter(|sent| sent.seq.before(right)) {
            at += 1;
            if !sent.ever_resent || sent.seq.before(left) || sent.end().after(right) {
                continue;
            }
            if self.recovery.repair().undo_marker.is_some_and(|marker| sent.end().after(marker)) {
                self.needless(sent.count());
            }
            if sent.sacked && sent.seq.before(seen.reordered) {
                seen.reordered = sent.seq;
            }
        }
    }

    /// So many repetitions were needless.
    fn needless(&mut self, count: u32) {
        if let Some(left) = &mut self.recovery.repair_mut().undo_retrans {
            *left = left.saturating_sub(count);
        }
    }

    /// Marks what lies in a block; whole segments only.
    fn mark_block(&mut self, now: Instant, (left, right): Block, highest: &mut SeqNum, seen: &mut Seen) {
        let mut next = left;
        while next.before(right) {
            let found = self.recovery.sent.find(next);
            let Some(sent) = self.recovery.sent.get(found).filter(|sent| sent.seq.before(right)) else {
                return;
            };
            next = sent.end();
            if sent.sacked {
                continue;
            }
            let Some(at) = self.recovery.sent.isolate(found, left, right) else { continue };
            let Some(&sent) = self.recovery.sent.get(at) else { return };
            self.rack_advance(now, &sent);
            if !sent.ever_resent {
                // It was in a hole and was not repeated: it was overtaken.
                if sent.seq.before(*highest) && sent.seq.before(seen.reordered) {
                    seen.reordered = sent.seq;
                }
                seen.original |= sent.end().at_or_before(self.recovery.high_seq);
                let first = seen.sacked_sent.map_or(sent.sent_at, |(first, _)| first);
                seen.sacked_sent = Some((first, sent.sent_at));
            }
            *highest = highest.max(sent.end());
            seen.sacked = true;
            self.recovery.deliver(sent.count());
            self.recovery.sent.change(at, |sent| {
                sent.sacked = true;
                sent.lost = false;
                sent.resent = false;
            });
            self.recovery.sent.join(at);
        }
    }

    /// A segment at `low` arrived after one at `highest`.
    pub(super) fn note_reordering(&mut self, low: SeqNum, highest: SeqNum) {
        let metric = highest.offset_from(low).div_ceil(self.snd_mss());
        if metric > self.recovery.reordering {
            self.recovery.reordering = metric.min(self.config.max_reordering);
        }
        self.recovery.reord_seen = self.recovery.reord_seen.saturating_add(1);
    }
}
