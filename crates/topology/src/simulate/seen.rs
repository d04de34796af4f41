//! Which datagrams came: each carries its number, so that one that comes twice is one.

/// Numbers that were seen, a bit for each up to the highest.
#[derive(Default)]
pub(super) struct Seen {
    words: Vec<u64>,
    count: u64,
}

impl Seen {
    /// How many different ones were seen.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a number is new; from now on it isn't.
    pub(super) fn is_new(&mut self, number: u64) -> bool {
        let bit = 1 << (number % u64::from(u64::BITS));
        let Ok(place) = usize::try_from(number / u64::from(u64::BITS)) else { return false };
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        let is_new = self.words[place] & bit == 0;
        self.words[place] |= bit;
        self.count += u64::from(is_new);
        is_new
    }
}

/// How many bytes the highest number of so many datagrams takes.
pub(crate) fn number_bytes(count: u64) -> usize {
    (count.saturating_sub(1).checked_ilog2().map_or(0, |bit| bit / u8::BITS + 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_not_new() {
        let mut seen = Seen::default();
        let new: Vec<_> =
            [0, 64, 63, 64, 0, 1000].into_iter().filter(|number| seen.is_new(*number)).collect();
        assert_eq!((new, seen.count(), seen.words.len()), (vec![0, 64, 63, 1000], 4, 16));
    }

    #[test]
    fn numbers_take_what_the_highest_takes() {
        for (count, bytes) in [(1, 0), (2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3), (u64::MAX, 8)] {
            assert_eq!(number_bytes(count), bytes, "{count}");
        }
    }
}
