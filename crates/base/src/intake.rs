//! Where bytes pass through on their way from a descriptor to a connection. Many at once go on in the memory that they were
//! read to, and other memory is read to next; few are copied.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use bytes::{Bytes, BytesMut};

use crate::Chain;

/// How much is read at a time, at most.
const PORTION: usize = 256 * 1024;
/// So many bytes are not copied: fewer would keep too much memory for what they are.
const MANY: usize = PORTION / 8;
/// How much memory may be on its way, in portions.
const LENT_MAX: usize = 64;
/// How much is kept that nobody holds.
const FREE_MAX: usize = 8;

/// A portion's memory, 256 KiB that may be read to, and what was lent of such.
pub struct Intake {
    bytes: BytesMut,
    /// All that is in use, or was when it was looked at last.
    lent: VecDeque<Bytes>,
    /// What nobody holds any more, what was held last at the end.
    free: Vec<BytesMut>,
}

impl Intake {
    /// Memory for one portion; more comes with what is lent.
    pub fn new() -> Intake {
        Intake { bytes: BytesMut::zeroed(PORTION), lent: VecDeque::new(), free: Vec::new() }
    }

    /// The first `n` bytes without a copy, if they are many and there is other memory to go on with.
    pub fn lend(&mut self, n: usize) -> Option<Chain> {
        let next = if n < MANY { None } else { self.next() }?;
        let whole = std::mem::replace(&mut self.bytes, next).freeze();
        let taken = whole.slice(..n.min(PORTION));
        self.lent.push_back(whole);
        Some(taken.into())
    }

    /// Memory that nobody holds any more, else new.
    fn next(&mut self) -> Option<BytesMut> {
        // A stream frees its bytes in their order, so the oldest are the likeliest to be free.
        for _ in 0..4.min(self.lent.len()) {
            match self.lent.pop_front()?.try_into_mut() {
                Ok(free) if self.free.len() < FREE_MAX => self.free.push(free),
                Ok(_) => {}
                Err(held) => {
                    self.lent.push_back(held);
                    break;
                }
            }
        }
        // What was used last is the likeliest to be in the processor's cache.
        let new = || (self.lent.len() < LENT_MAX).then(|| BytesMut::zeroed(PORTION));
        self.free.pop().or_else(new)
    }
}

impl Default for Intake {
    fn default() -> Intake {
        Intake::new()
    }
}

impl Deref for Intake {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Intake {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_are_lent_and_their_memory_is_used_again() {
        let mut intake = Intake::new();
        assert!(intake.lend(MANY - 1).is_none());
        for round in 0..100u8 {
            intake[..PORTION].fill(round);
            let chain = intake.lend(PORTION).expect("there is memory");
            intake.fill(0xff);
            assert!(chain.len() == PORTION && chain.to_vec().iter().all(|&byte| byte == round));
        }
        assert_eq!(intake.lent.len(), 1);
    }

    #[test]
    fn what_is_on_its_way_is_bounded() {
        let mut intake = Intake::new();
        let mut held: Vec<Chain> = std::iter::from_fn(|| intake.lend(MANY)).collect();
        assert_eq!(held.len(), LENT_MAX);
        held.clear();
        assert!(intake.lend(MANY).is_some() && intake.len() == PORTION);
        // And so is what is kept of it.
        (0..LENT_MAX).for_each(|_| drop(intake.lend(MANY)));
        assert!(intake.free.len() <= FREE_MAX && intake.lent.len() == 1);
    }
}
