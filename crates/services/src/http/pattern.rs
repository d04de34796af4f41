//! The bodies of `/bytes/N`: bytes that anyone can compute again, made from one shared chunk whatever N is.
//!
//! Byte i is `(k ^ k >> 8) & 255` with `k = i mod 65521` (a prime, so that a block that was lost, doubled or moved shows
//! in a hash). In Python:
//!
//! ```text
//! p = bytes((k ^ k >> 8) & 255 for k in range(65521)); body = (p * (n // 65521 + 1))[:n]
//! ```

use bytes::Bytes;

/// How many bytes until the pattern repeats.
const PERIOD: u32 = 65_521;
/// The longest body.
const LONGEST: u64 = 1 << 40;

/// The chunk that all bodies share: one period.
pub(crate) fn chunk() -> Bytes {
    (0..PERIOD).map(|k| (k ^ (k >> 8)) as u8).collect()
}

/// What of a body is still to be sent: the bytes from `at` to `end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    at: u64,
    end: u64,
}

impl Pattern {
    /// A body of `len` bytes.
    pub(crate) fn new(len: u64) -> Pattern {
        Pattern { at: 0, end: len }
    }

    /// Goes on with this part of what is left alone.
    pub(crate) fn narrow(&mut self, offset: u64, length: u64) {
        self.at = self.at.saturating_add(offset).min(self.end);
        self.end = self.at.saturating_add(length).min(self.end);
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> u64 {
        self.end - self.at
    }

    /// The next bytes, up to the end of the period, as a piece of `chunk` (see [`chunk`]); `None` at the end.
    pub(crate) fn next(&mut self, chunk: &Bytes) -> Option<Bytes> {
        let from = usize::try_from(self.at % u64::from(PERIOD)).ok()?;
        let room = chunk.len().checked_sub(from)?;
        let len = usize::try_from(self.remaining()).unwrap_or(usize::MAX).min(room);
        self.at += len as u64;
        (len > 0).then(|| chunk.slice(from..from + len))
    }
}

/// Reads a size: digits, then K, M, G or T for powers of 1024. `None` if it is none, or over 1T.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    (size <= LONGEST).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in
            [("0", 0), ("7", 7), ("10K", 10_240), ("1m", 1 << 20), ("1G", 1 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(parse_size(text), Some(size));
        }
        for text in
            ["", "K", "-1", "+1", "1.5M", "1MB", "1 M", "2T", "1025G", "99999999999999999999", "é", "1é"]
        {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn pieces_make_the_body() {
        let chunk = chunk();
        let mut pattern = Pattern::new(200_000);
        let mut body = Vec::new();
        while let Some(piece) = pattern.next(&chunk) {
            body.extend_from_slice(&piece);
        }
        assert_eq!(body.len(), 200_000);
        let byte = |i: usize| ((i % 65_521) ^ ((i % 65_521) >> 8)) as u8;
        assert!(body.iter().enumerate().all(|(i, value)| *value == byte(i)));
        assert_eq!(Pattern::new(0).next(&chunk), None);
    }
}
