//! Initial sequence numbers and timestamp offsets that a stranger can't guess (RFC 6528; RFC 7323, section 5.4).

use std::hash::Hash;

use sockeye_base::{Instant, Key, SeqNum};

/// Makes initial sequence numbers. One per host, keyed from its seed.
#[derive(Clone, Debug)]
pub struct IsnGenerator {
    key: Key,
}

impl IsnGenerator {
    /// A generator with this secret.
    pub fn new(key: Key) -> IsnGenerator {
        IsnGenerator { key }
    }

    /// The initial sequence number for a connection with this 4-tuple.
    ///
    /// RFC 6528, section 3: a clock that goes up once in 4 microseconds, plus a keyed hash of the tuple: numbers of one
    /// tuple grow, those of another tell nothing about them.
    pub fn isn(&self, now: Instant, tuple: &impl Hash) -> SeqNum {
        let hash = self.key.hash(&(0u8, tuple)) as u32;
        SeqNum(hash.wrapping_add((now.as_nanos() / 4_000) as u32))
    }

    /// Where the timestamp clock of a connection with this 4-tuple starts, so that it doesn't tell our uptime.
    pub fn timestamp_offset(&self, tuple: &impl Hash) -> u32 {
        self.key.hash(&(1u8, tuple)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_base::Rng;

    #[test]
    fn grows_per_tuple_and_differs_between_tuples() {
        let isns = IsnGenerator::new(Rng::from_seed(1).key());
        let (a, b) = ((1u8, 80u16), (1u8, 81u16));
        let first = isns.isn(Instant::ZERO, &a);
        assert_eq!(isns.isn(Instant::from_millis(4), &a).offset_from(first), 1000);
        assert_ne!(isns.isn(Instant::ZERO, &b), first);
        assert_eq!(isns.timestamp_offset(&a), isns.timestamp_offset(&a));
        assert_ne!(isns.timestamp_offset(&a), isns.timestamp_offset(&b));
    }
}
