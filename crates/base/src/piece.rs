//! One piece of a chain: bytes shared by all who hold them, or so few that they lie in the value itself.

use bytes::{Buf, Bytes};

/// So many bytes lie in the value: as many as leave it no larger.
pub(crate) const FEW: usize = 22;

#[derive(Clone)]
pub(crate) enum Piece {
    Shared(Bytes),
    Few(Few),
}

/// The bytes from `start` to `end`.
#[derive(Clone, Copy)]
pub(crate) struct Few {
    bytes: [u8; FEW],
    start: u8,
    end: u8,
}

impl Piece {
    /// A copy of at most [`FEW`] bytes; of more only so many.
    pub(crate) fn few(source: &[u8]) -> Piece {
        let len = source.len().min(FEW);
        let mut bytes = [0; FEW];
        bytes[..len].copy_from_slice(&source[..len]);
        Piece::Few(Few { bytes, start: 0, end: len as u8 })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Piece::Shared(bytes) => bytes,
            Piece::Few(few) => few.bytes.get(few.start.into()..few.end.into()).unwrap_or_default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Piece::Shared(bytes) => bytes.len(),
            Piece::Few(few) => usize::from(few.end - few.start),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `len` bytes from `start`, which it has.
    pub(crate) fn slice(&self, start: usize, len: usize) -> Piece {
        match self {
            Piece::Shared(bytes) => Piece::Shared(bytes.slice(start..start + len)),
            Piece::Few(few) => {
                let start = few.start + start as u8;
                Piece::Few(Few { start, end: start + len as u8, ..*few })
            }
        }
    }

    /// Takes off the first `n` bytes, which it has.
    pub(crate) fn split_to(&mut self, n: usize) -> Piece {
        match self {
            Piece::Shared(bytes) => Piece::Shared(bytes.split_to(n)),
            Piece::Few(few) => {
                let head = Few { end: few.start + n as u8, ..*few };
                few.start = head.end;
                Piece::Few(head)
            }
        }
    }

    /// Drops the first `n` bytes, which it has.
    pub(crate) fn advance(&mut self, n: usize) {
        match self {
            Piece::Shared(bytes) => bytes.advance(n),
            Piece::Few(few) => few.start += n as u8,
        }
    }

    /// Keeps the first `n` bytes, which it has.
    pub(crate) fn truncate(&mut self, n: usize) {
        match self {
            Piece::Shared(bytes) => bytes.truncate(n),
            Piece::Few(few) => few.end = few.start + n as u8,
        }
    }
}

impl Default for Piece {
    fn default() -> Piece {
        Piece::few(&[])
    }
}

impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Piece {
        Piece::Shared(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_take_no_more_room() {
        assert_eq!(size_of::<Piece>(), size_of::<Bytes>());
    }
}
