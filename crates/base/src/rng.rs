//! The seeded generator and the keyed hash: the only sources of chance, handed in by whoever owns the network.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use siphasher::sip::{SipHasher13, SipHasher24};

/// A seeded generator (xoshiro256**, seeded by SplitMix64). The same seed gives the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator for this seed.
    pub fn from_seed(seed: u64) -> Rng {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Rng { state }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number below `bound`, evenly spread to within 2^-32 for bounds under 2^32; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A generator of its own, for a part whose draws must not disturb another's.
    pub fn fork(&mut self) -> Rng {
        Rng::from_seed(self.next_u64())
    }

    /// A key for [`KeyedMap`] and [`Key::hash`].
    pub fn key(&mut self) -> Key {
        Key(self.next_u64(), self.next_u64())
    }
}

/// A key for hashing (SipHash-1-3) that a peer can't guess, and that is the same for the same seed.
#[derive(Clone, Copy, Debug)]
pub struct Key(u64, u64);

impl Key {
    /// The keyed hash of a value.
    pub fn hash(&self, value: &impl Hash) -> u64 {
        self.hash_one(value)
    }
}

impl BuildHasher for Key {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

/// SipHash-2-4 of bytes, for where a protocol's peers, or others' tests, know what comes out.
pub fn siphash_2_4(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(bytes);
    hasher.finish()
}

/// A hash map whose key comes from the network's seed. Make it by `KeyedMap::with_hasher(rng.key())`; nothing may
/// depend on the order of its entries.
pub type KeyedMap<K, V> = HashMap<K, V, Key>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers() {
        let (mut a, mut b) = (Rng::from_seed(7), Rng::from_seed(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_ne!(a.next_u64(), Rng::from_seed(8).next_u64());
        assert!((0..1000).all(|_| a.below(10) < 10));
        assert_eq!(a.below(0), 0);
    }

    #[test]
    fn siphash_is_that_of_its_paper() {
        let key = std::array::from_fn(|i| i as u8);
        let bytes: Vec<u8> = (0..15).collect();
        assert_eq!(siphash_2_4(&key, &bytes), 0xa129_ca61_49be_45e5);
    }
}
