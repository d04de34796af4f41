//! A chain of reference-counted pieces of bytes: how user data travels without being copied.

use std::collections::{VecDeque, vec_deque};
use std::fmt;

use bytes::Bytes;

use crate::piece::{FEW, Piece};

/// A piece of fewer bytes costs more than it holds, about.
const SMALL: usize = 512;
/// So many pieces may be small.
const MOST_SMALL: usize = 1024;

/// Bytes in order, held in shared immutable pieces. Cloning, splitting and joining copy no byte, unless they are very few
/// ([`Chain::copy_of_few`]). Holds no empty piece.
///
/// Most chains are of one piece, which lies in the value itself; only more need memory of their own.
#[derive(Clone, Default)]
pub struct Chain {
    /// Empty only if all is.
    first: Piece,
    #[expect(clippy::box_collection, reason = "mostly there is none, and it should take no room then")]
    rest: Option<Box<VecDeque<Piece>>>,
    len: usize,
}

impl Chain {
    /// A chain without bytes. Allocates nothing.
    pub fn new() -> Chain {
        Chain::default()
    }

    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy of so few bytes that the chain itself holds them; `None` of more.
    pub fn copy_of_few(bytes: &[u8]) -> Option<Chain> {
        (bytes.len() <= FEW).then(|| Chain { first: Piece::few(bytes), rest: None, len: bytes.len() })
    }

    /// Puts a piece behind the last.
    pub fn push(&mut self, piece: Bytes) {
        self.push_piece(piece.into());
    }

    fn push_piece(&mut self, piece: Piece) {
        if self.is_empty() {
            self.len = piece.len();
            self.first = piece;
        } else if !piece.is_empty() {
            self.len += piece.len();
            self.rest.get_or_insert_default().push_back(piece);
        }
    }

    /// Puts another chain behind this one.
    pub fn append(&mut self, mut other: Chain) {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            self.len += other.len;
            let rest = self.rest.get_or_insert_default();
            rest.push_back(other.first);
            if let Some(more) = &mut other.rest {
                rest.append(more);
            }
        }
    }

    /// How many pieces hold them.
    pub fn piece_count(&self) -> usize {
        usize::from(!self.is_empty()) + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Makes one piece of very many small ones: for queues that a stranger fills, so that holding the bytes doesn't take
    /// many times their room.
    pub fn gather(&mut self) {
        let count = self.piece_count();
        if count > MOST_SMALL && self.len / count < SMALL {
            *self = self.to_vec().into();
        }
    }

    /// What is left of `whole` bytes gets memory of its own if it is less than half: so that it doesn't keep all of theirs.
    pub fn detach_from(&mut self, whole: usize) {
        if self.len < whole / 2 {
            *self = self.to_vec().into();
        }
    }

    /// Takes the first `n` bytes off, or all if there are fewer.
    pub fn split_to(&mut self, n: usize) -> Chain {
        if n >= self.len {
            return std::mem::take(self);
        }
        let mut head = Chain::new();
        while head.len < n {
            let wanted = n - head.len;
            if self.first.len() <= wanted {
                head.push_piece(self.pop_first());
            } else {
                self.len -= wanted;
                head.push_piece(self.first.split_to(wanted));
            }
        }
        head
    }

    /// Drops the first `n` bytes, or all if there are fewer.
    pub fn advance(&mut self, n: usize) {
        let mut left = n.min(self.len);
        while left > 0 {
            if self.first.len() <= left {
                left -= self.pop_first().len();
            } else {
                self.first.advance(left);
                self.len -= left;
                left = 0;
            }
        }
    }

    /// Keeps the first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        while self.len > n {
            let surplus = self.len - n;
            let rest = self.rest.as_mut();
            let back = rest.and_then(|rest| rest.back_mut()).unwrap_or(&mut self.first);
            if back.len() > surplus {
                back.truncate(back.len() - surplus);
                self.len = n;
            } else {
                self.len -= back.len();
                if self.rest.as_mut().and_then(|rest| rest.pop_back()).is_none() {
                    self.first = Piece::default();
                }
            }
        }
    }

    /// The bytes from `start`, at most `len` of them, sharing the pieces.
    pub fn slice(&self, start: usize, len: usize) -> Chain {
        let len = len.min(self.len.saturating_sub(start));
        if start + len <= self.first.len() {
            return Chain { first: self.first.slice(start, len), rest: None, len };
        }
        let mut out = Chain::new();
        let (mut skip, mut left) = (start, len);
        for piece in self.shared_pieces() {
            if left == 0 {
                break;
            }
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let take = left.min(piece.len() - skip);
            out.push_piece(piece.slice(skip, take));
            left -= take;
            skip = 0;
        }
        out
    }

    /// Reads once how many hold the first of its bytes, and gives something made of it, so that it is read.
    pub fn look_ahead(&self) -> u64 {
        match &self.first {
            Piece::Shared(bytes) => u64::from(bytes.is_unique()),
            Piece::Few(_) => 0,
        }
    }

    /// The pieces in order, as slices.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.shared_pieces().map(Piece::as_slice)
    }

    fn shared_pieces(&self) -> impl Iterator<Item = &Piece> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        std::iter::once(&self.first).filter(|first| !first.is_empty()).chain(rest)
    }

    /// Reads it from the front, taking nothing off.
    pub fn reader(&self) -> ChainReader<'_> {
        ChainReader { current: self.first.as_slice(), rest: self.rest.as_ref().map(|rest| rest.iter()) }
    }

    /// Takes the first piece off.
    fn pop_first(&mut self) -> Piece {
        let next = self.rest.as_mut().and_then(|rest| rest.pop_front()).unwrap_or_default();
        let first = std::mem::replace(&mut self.first, next);
        self.len -= first.len();
        first
    }

    /// Copies the front into `target`, taking nothing off; says how much was copied.
    pub fn copy_to(&self, target: &mut [u8]) -> usize {
        let mut done = 0;
        for piece in self.pieces() {
            let n = piece.len().min(target.len() - done);
            target[done..done + n].copy_from_slice(&piece[..n]);
            done += n;
            if done == target.len() {
                break;
            }
        }
        done
    }

    /// Puts a copy of the first `n` bytes behind `out`, or of all if there are fewer.
    pub fn write_head(&self, n: usize, out: &mut Vec<u8>) {
        self.reader().take(n, |part| out.extend_from_slice(part));
    }

    /// All bytes in one piece of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len);
        self.pieces().for_each(|piece| out.extend_from_slice(piece));
        out
    }
}

/// A chain being read: see [`Chain::reader`].
#[derive(Clone)]
pub struct ChainReader<'a> {
    current: &'a [u8],
    rest: Option<vec_deque::Iter<'a, Piece>>,
}

impl ChainReader<'_> {
    /// Shows the next `n` bytes, piece by piece, or all if there are fewer.
    pub fn take(&mut self, n: usize, mut each: impl FnMut(&[u8])) {
        let mut left = n;
        while left > 0 {
            if self.current.is_empty() {
                let next = self.rest.as_mut().and_then(|rest| rest.next());
                let Some(next) = next else { return };
                self.current = next.as_slice();
            }
            let (part, rest) = self.current.split_at(left.min(self.current.len()));
            each(part);
            left -= part.len();
            self.current = rest;
        }
    }
}

impl From<Bytes> for Chain {
    fn from(piece: Bytes) -> Chain {
        let mut chain = Chain::new();
        chain.push(piece);
        chain
    }
}

impl From<Vec<u8>> for Chain {
    fn from(bytes: Vec<u8>) -> Chain {
        Bytes::from(bytes).into()
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Chain) -> bool {
        self.len == other.len && self.pieces().flatten().eq(other.pieces().flatten())
    }
}

impl Eq for Chain {}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(pieces: &[Vec<u8>]) -> Chain {
        let mut chain = Chain::new();
        for piece in pieces {
            match Chain::copy_of_few(piece).filter(|_| piece.len() % 2 == 0) {
                Some(few) => chain.append(few),
                None => chain.push(Bytes::copy_from_slice(piece)),
            }
        }
        chain
    }

    proptest! {
        #[test]
        fn behaves_as_one_piece(pieces: Vec<Vec<u8>>, at in 0usize..200, len in 0usize..200) {
            let flat: Vec<u8> = pieces.concat();
            let whole = chain(&pieces);
            prop_assert_eq!(whole.len(), flat.len());
            let at = at.min(flat.len());
            let end = (at + len).min(flat.len());

            let mut tail = whole.clone();
            let head = tail.split_to(at);
            prop_assert_eq!(head.to_vec(), &flat[..at]);
            prop_assert_eq!(tail.to_vec(), &flat[at..]);

            let mut rest = whole.clone();
            rest.advance(at);
            prop_assert_eq!(rest, tail.clone());

            let mut short = whole.clone();
            short.truncate(at);
            prop_assert_eq!(&short, &head);

            prop_assert_eq!(whole.slice(at, len).to_vec(), &flat[at..end]);
            let mut buffer = vec![0; len];
            let n = tail.copy_to(&mut buffer);
            prop_assert_eq!(&buffer[..n], &flat[at..end]);
            let mut written = b"before".to_vec();
            tail.write_head(len, &mut written);
            prop_assert_eq!(&written[6..], &flat[at..end]);

            let mut joined = head;
            joined.append(tail);
            prop_assert_eq!(joined, whole);
        }
    }
}
