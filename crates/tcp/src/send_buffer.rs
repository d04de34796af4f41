//! What the user queued and the peer has not acknowledged. Segments, first and repeated, share its pieces.

use std::collections::VecDeque;

use sockeye_base::Chain;

/// Bytes by their distance from the oldest unacknowledged one. Each call's chain keeps its own entry, so that finding
/// a distance among many small writes takes a binary search.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    /// What is left of the oldest call's data: mostly all there is, so it needs no memory of its own.
    front: Chain,
    #[expect(clippy::box_collection, reason = "mostly there is none, and it should take no room then")]
    behind: Option<Box<VecDeque<Entry>>>,
    /// Stream offset of the first byte held.
    base: u64,
}

#[derive(Debug)]
struct Entry {
    start: u64,
    data: Chain,
}

impl SendBuffer {
    pub(crate) fn len(&self) -> usize {
        let last = self.behind.as_ref().and_then(|behind| behind.back());
        last.map_or(self.front.len(), |last| (last.start - self.base) as usize + last.data.len())
    }

    /// As [`crate::Tcb::look_farther_ahead`].
    pub(crate) fn look_ahead(&self) -> u64 {
        self.front.look_ahead()
    }

    pub(crate) fn push(&mut self, data: Chain) {
        if self.front.is_empty() {
            self.front = data;
        } else if !data.is_empty() {
            let start = self.base + self.len() as u64;
            self.behind.get_or_insert_default().push_back(Entry { start, data });
        }
    }

    /// Drops the first `n` bytes: they are acknowledged.
    pub(crate) fn advance(&mut self, n: usize) {
        self.base += n.min(self.len()) as u64;
        self.front.advance(n);
        let Some(behind) = &mut self.behind else { return };
        while self.front.is_empty()
            && let Some(Entry { start, data }) = behind.pop_front()
        {
            self.front = data;
            self.front.advance(usize::try_from(self.base - start).unwrap_or(usize::MAX));
        }
        if behind.is_empty() {
            self.behind = None;
        }
    }

    /// `len` bytes, or what there is of them, from `offset` after the oldest.
    pub(crate) fn slice(&self, offset: usize, len: usize) -> Chain {
        let mut out = self.front.slice(offset, len);
        let Some(behind) = self.behind.as_ref().filter(|_| out.len() < len) else { return out };
        let mut at = self.base + offset as u64 + out.len() as u64;
        let first = behind.partition_point(|entry| entry.start <= at).saturating_sub(1);
        for entry in behind.range(first..) {
            if out.len() >= len {
                break;
            }
            let part = entry.data.slice((at - entry.start) as usize, len - out.len());
            at += part.len() as u64;
            out.append(part);
        }
        out
    }

    pub(crate) fn clear(&mut self) {
        *self = SendBuffer::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_as_one_piece(writes: Vec<Vec<u8>>, drops: Vec<u8>, at in 0usize..300, len in 0usize..300) {
            let mut flat = Vec::new();
            let mut buffer = SendBuffer::default();
            let mut drops = drops.into_iter();
            for write in writes {
                flat.extend_from_slice(&write);
                buffer.push(write.into());
                let n = usize::from(drops.next().unwrap_or(0)).min(flat.len());
                flat.drain(..n);
                buffer.advance(n);
                prop_assert_eq!(buffer.len(), flat.len());
            }
            let at = at.min(flat.len());
            let end = (at + len).min(flat.len());
            prop_assert_eq!(buffer.slice(at, len).to_vec(), &flat[at..end]);
        }
    }
}
