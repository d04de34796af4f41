//! What the user queued and the peer has not acknowledged. Segments, first and repeated, share its pieces.

use std::collections::VecDeque;

use sockeye_base::Chain;

/// Bytes by their distance from the oldest unacknowledged one. Each call's chain keeps its own entry, so that finding
/// a distance among many small writes takes a binary search.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    entries: VecDeque<Entry>,
    /// Stream offset of the first byte held.
    base: u64,
    len: usize,
}

#[derive(Debug)]
struct Entry {
    start: u64,
    data: Chain,
}

impl SendBuffer {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, data: Chain) {
        if !data.is_empty() {
            let start = self.base + self.len as u64;
            self.len += data.len();
            if self.entries.capacity() == 0 {
                // Mostly one call is acknowledged before the next.
                self.entries.reserve_exact(1);
            }
            self.entries.push_back(Entry { start, data });
        }
    }

    /// Drops the first `n` bytes: they are acknowledged.
    pub(crate) fn advance(&mut self, n: usize) {
        let n = n.min(self.len);
        self.base += n as u64;
        self.len -= n;
        while let Some(front) = self.entries.front_mut() {
            let gone = usize::try_from(self.base.saturating_sub(front.start)).unwrap_or(usize::MAX);
            if gone < front.data.len() {
                front.data.advance(gone);
                front.start += gone as u64;
                return;
            }
            self.entries.pop_front();
        }
        self.entries = VecDeque::new();
    }

    /// `len` bytes, or what there is of them, from `offset` after the oldest.
    pub(crate) fn slice(&self, offset: usize, len: usize) -> Chain {
        let mut out = Chain::new();
        let mut at = self.base + offset as u64;
        let first = self.entries.partition_point(|entry| entry.start <= at).saturating_sub(1);
        for entry in self.entries.range(first..) {
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
