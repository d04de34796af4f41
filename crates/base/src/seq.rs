//! TCP sequence numbers: 32 bits that wrap (RFC 9293, section 3.4).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A sequence number. Comparison is modulo 2^32 and so no order in the sense of `Ord`: it has methods of its own, and
/// is right for two numbers less than 2^31 apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// How far this number is past `base`, modulo 2^32.
    pub fn offset_from(self, base: SeqNum) -> u32 {
        self.0.wrapping_sub(base.0)
    }

    /// The signed distance from `base` to this number.
    pub fn distance_from(self, base: SeqNum) -> i32 {
        self.0.wrapping_sub(base.0).cast_signed()
    }

    /// self < other
    pub fn before(self, other: SeqNum) -> bool {
        self.distance_from(other) < 0
    }

    /// self <= other
    pub fn at_or_before(self, other: SeqNum) -> bool {
        self.distance_from(other) <= 0
    }

    /// self > other
    pub fn after(self, other: SeqNum) -> bool {
        self.distance_from(other) > 0
    }

    /// self >= other
    pub fn at_or_after(self, other: SeqNum) -> bool {
        self.distance_from(other) >= 0
    }

    /// The later of the two.
    pub fn max(self, other: SeqNum) -> SeqNum {
        if self.after(other) { self } else { other }
    }
}

impl Add<u32> for SeqNum {
    type Output = SeqNum;
    fn add(self, n: u32) -> SeqNum {
        SeqNum(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for SeqNum {
    type Output = SeqNum;
    fn sub(self, n: u32) -> SeqNum {
        SeqNum(self.0.wrapping_sub(n))
    }
}

impl fmt::Debug for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_wraps() {
        let high = SeqNum(u32::MAX - 1);
        let low = high + 5;
        assert_eq!(low, SeqNum(3));
        assert!(high.before(low) && low.after(high) && high.at_or_before(high));
        assert_eq!(low.offset_from(high), 5);
        assert_eq!(high.distance_from(low), -5);
        assert_eq!(high.max(low), low);
    }
}
