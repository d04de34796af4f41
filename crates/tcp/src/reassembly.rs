//! Data that came before the data it follows (RFC 9293, section 3.10.7.4). The window bounds its bytes (what reaches
//! past the right edge was cut off before it came here), a fixed number its pieces.

use std::collections::VecDeque;

use sockeye_base::{Chain, SeqNum};

/// Most separate pieces held. A peer that sends every other byte could otherwise make us keep millions; what doesn't
/// fit is as if it were lost.
const MOST_BLOCKS: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// The sequence number of the peer's FIN, once seen.
    pub(crate) fin: Option<SeqNum>,
    /// Nothing, as long as all comes in order.
    held: Option<Box<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    /// In order, with gaps between them.
    blocks: VecDeque<Block>,
    /// Where the blocks that changed last begin, the latest first (RFC 2018, section 4).
    recent: [SeqNum; MOST_SACKS],
    recents: u8,
    /// What came twice, to be told once (RFC 2883).
    duplicate: Option<(SeqNum, SeqNum)>,
}

/// What became of data that came early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is new.
    Apart,
    /// It is kept, and some or all of it was there before.
    Overlapping,
    /// There was no room for another piece.
    Not,
}

/// Most blocks that fit in a header.
const MOST_SACKS: usize = 4;

#[derive(Debug)]
struct Block {
    seq: SeqNum,
    /// Nothing, where the FIN came alone.
    data: Chain,
    /// The peer's FIN follows the data. It is told to the peer as a byte is (RFC 9293, section 3.4).
    fin: bool,
}

impl Block {
    fn data_end(&self) -> SeqNum {
        self.seq + self.data.len() as u32
    }

    /// Where it ends for the peer.
    fn end(&self) -> SeqNum {
        self.data_end() + u32::from(self.fin)
    }

    /// Joins a block whose data overlaps or touches this one's; where both have a byte the one that starts first keeps
    /// it. A FIN that isn't at the end is none.
    fn join(self, other: Block) -> Block {
        let (mut first, mut second) =
            if self.seq.at_or_before(other.seq) { (self, other) } else { (other, self) };
        if second.data_end().after(first.data_end()) {
            let whole = second.data.len();
            second.data.advance(first.data_end().offset_from(second.seq) as usize);
            second.data.detach_from(whole);
            first.data.append(second.data);
            first.data.gather();
            first.fin = second.fin;
        } else {
            first.fin |= second.fin && second.data_end() == first.data_end();
        }
        first
    }
}

impl Reassembly {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.blocks.is_empty())
    }

    /// Where the data of the last of them ends.
    pub(crate) fn end(&self) -> Option<SeqNum> {
        self.held.as_ref()?.blocks.back().map(Block::data_end)
    }

    /// Keeps data that starts after what has been received, and the FIN behind it; either may be missing.
    pub(crate) fn insert(&mut self, seq: SeqNum, data: Chain, fin: bool) -> Kept {
        if data.is_empty() && !fin {
            return Kept::Apart;
        }
        self.held.get_or_insert_default().insert(Block { seq, data, fin })
    }

    /// RFC 2883, section 4: what came twice is told to the peer, once.
    pub(crate) fn note_duplicate(&mut self, left: SeqNum, right: SeqNum) {
        self.held.get_or_insert_default().duplicate = Some((left, right));
    }

    /// Nobody is to be told of what came twice.
    pub(crate) fn forget_duplicate(&mut self) {
        if let Some(held) = &mut self.held {
            held.duplicate = None;
        }
    }

    /// All there was to tell has been told.
    pub(crate) fn told(&mut self) {
        if let Some(held) = &mut self.held {
            held.duplicate = None;
            if held.blocks.is_empty() {
                self.held = None;
            }
        }
    }

    /// RFC 2018, section 4: the block of the latest segment first, then those before it; RFC 2883: ahead of them what
    /// came twice. At most `most`.
    pub(crate) fn sack_blocks(&self, most: usize) -> Vec<(SeqNum, SeqNum)> {
        self.held.as_ref().map_or_else(Vec::new, |held| held.sack_blocks(most))
    }

    /// How many blocks there are to tell of.
    pub(crate) fn sack_count(&self) -> usize {
        let count = |held: &Held| usize::from(held.duplicate.is_some()) + usize::from(held.recents);
        self.held.as_deref().map_or(0, count)
    }

    /// Takes what now follows without a gap.
    pub(crate) fn take(&mut self, rcv_nxt: SeqNum) -> Chain {
        self.held.as_mut().map_or_else(Chain::new, |held| held.take(rcv_nxt))
    }

    pub(crate) fn clear(&mut self) {
        *self = Reassembly::default();
    }

    /// What must always hold: blocks after `rcv_nxt`, apart from each other, in order, within the window.
    pub(crate) fn check(&self, rcv_nxt: SeqNum, rcv_adv: SeqNum) -> Result<(), String> {
        let mut edge = rcv_nxt;
        for block in self.held.iter().flat_map(|held| &held.blocks) {
            let (empty, end) = (block.data.is_empty() && !block.fin, block.data_end());
            if !block.seq.after(edge) || empty || end.after(rcv_adv) {
                return Err(format!("block {:?}..{end:?} after {edge:?}", block.seq));
            }
            edge = end;
        }
        Ok(())
    }
}

impl Held {
    fn insert(&mut self, mut block: Block) -> Kept {
        let at = self.blocks.partition_point(|held| held.data_end().before(block.seq));
        let overlaps = self.note_duplicate(at, &block);
        while let Some(held) = self.blocks.get(at) {
            if held.seq.after(block.data_end()) {
                break;
            }
            if let Some(held) = self.blocks.remove(at) {
                block = block.join(held);
            }
        }
        if self.blocks.len() >= MOST_BLOCKS {
            return Kept::Not;
        }
        self.note_recent(block.seq, block.end());
        self.blocks.insert(at, block);
        if overlaps { Kept::Overlapping } else { Kept::Apart }
    }

    /// RFC 2883, section 4: what of this the blocks from `at` on have. Says whether they have any.
    fn note_duplicate(&mut self, at: usize, block: &Block) -> bool {
        let overlaps = |held: &&Block| held.end().after(block.seq) && held.seq.before(block.end());
        let Some(held) = self.blocks.range(at..).take(2).find(overlaps) else { return false };
        let left = held.seq.max(block.seq);
        let right = if held.end().before(block.end()) { held.end() } else { block.end() };
        self.duplicate = Some((left, right));
        true
    }

    fn note_recent(&mut self, left: SeqNum, right: SeqNum) {
        let within = |start: &SeqNum| start.at_or_after(left) && start.at_or_before(right);
        let others: Vec<SeqNum> = self.recent().filter(|start| !within(start)).collect();
        self.set_recent(std::iter::once(left).chain(others));
    }

    fn recent(&self) -> impl Iterator<Item = SeqNum> {
        self.recent.into_iter().take(usize::from(self.recents))
    }

    fn set_recent(&mut self, starts: impl Iterator<Item = SeqNum>) {
        self.recents = 0;
        for (slot, start) in self.recent.iter_mut().zip(starts) {
            *slot = start;
            self.recents += 1;
        }
    }

    fn sack_blocks(&self, most: usize) -> Vec<(SeqNum, SeqNum)> {
        let held = |start: SeqNum| {
            let at = self.blocks.partition_point(|held| held.seq.before(start));
            self.blocks.get(at).filter(|held| held.seq == start).map(|held| (held.seq, held.end()))
        };
        let recent = self.recent().filter_map(held);
        self.duplicate.into_iter().chain(recent).take(most).collect()
    }

    fn take(&mut self, rcv_nxt: SeqNum) -> Chain {
        let mut out = Chain::new();
        while let Some(front) = self.blocks.front() {
            let next = rcv_nxt + out.len() as u32;
            if front.seq.after(next) {
                break;
            }
            let skip = next.offset_from(front.seq) as usize;
            if let Some(mut block) = self.blocks.pop_front() {
                block.data.advance(skip);
                out.append(block.data);
            }
        }
        let first = self.blocks.front().map(|block| block.seq);
        let held = |start: &SeqNum| first.is_some_and(|first| start.at_or_after(first));
        let left: Vec<SeqNum> = self.recent().filter(held).collect();
        self.set_recent(left.into_iter());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_order_gives_the_stream(parts in prop::collection::vec((0usize..200, 1usize..60), 0..60), base: u32) {
            let stream: Vec<u8> = (0..=255).collect();
            let base = SeqNum(base);
            let mut reassembly = Reassembly::default();
            let mut have = vec![false; 256];
            for (at, len) in parts {
                let (at, end) = (at + 1, (at + 1 + len).min(256));
                prop_assert_ne!(reassembly.insert(base + at as u32, stream[at..end].to_vec().into(), end == 256), Kept::Not);
                have[at..end].fill(true);
                prop_assert_eq!(reassembly.check(base, base + 256), Ok(()));
            }
            prop_assert_eq!(reassembly.take(base).len(), 0);
            have[0] = true;
            let run = have.iter().take_while(|&&have| have).count();
            prop_assert_eq!(reassembly.take(base + 1).to_vec(), &stream[1..run]);
            prop_assert_eq!(reassembly.check(base + run as u32, base + 256), Ok(()));
        }
    }
}
