//! The Internet checksum (RFC 1071) and the pseudo-headers of TCP, UDP and ICMPv6 (RFC 9293, section 3.1; RFC 8200,
//! section 8.1).

use sockeye_base::Chain;

use crate::ip;

/// Who sees to the checksums of TCP and UDP. (Those of IP and ICMP are always made and checked where bytes are.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Made and checked where bytes are written and read.
    Here,
    /// The other side of a virtual device. What is written has the sum of the pseudo-header in its place, for whoever
    /// puts it on a real link to finish; what is read is believed.
    Elsewhere,
}

/// A checksum under way. Bytes may come in pieces of any length, odd ones too.
///
/// Words are summed up as this machine reads them, which swaps the bytes of the sum at most (RFC 1071, section 2 B).
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    sum: u64,
    odd: bool,
}

impl Checksum {
    /// Over no bytes yet.
    pub fn new() -> Checksum {
        Checksum::default()
    }

    /// Over the pseudo-header of a protocol that carries `len` bytes, its header included.
    pub fn pseudo_header(ip: &ip::Header, protocol: u8, len: usize) -> Checksum {
        let mut sum = Checksum::new();
        match ip {
            ip::Header::V4(header) => {
                sum.add(&header.source.octets());
                sum.add(&header.destination.octets());
            }
            ip::Header::V6(header) => {
                sum.add(&header.source.octets());
                sum.add(&header.destination.octets());
            }
        }
        // Version 4 has 16 bits for the length and version 6 has 32; the sum is the same.
        sum.add(&(len as u32).to_be_bytes());
        sum.add(&[0, protocol]);
        sum
    }

    /// Adds the bytes that come next.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.odd
            && let Some((first, rest)) = bytes.split_first()
        {
            self.sum += u64::from(u16::from_ne_bytes([0, *first]));
            self.odd = false;
            bytes = rest;
        }
        let (words, rest) = bytes.as_chunks::<4>();
        words.chunks(WORDS_AT_ONCE).for_each(|words| self.sum += sum_of(words));
        let (pairs, rest) = rest.as_chunks::<2>();
        self.sum += pairs.iter().map(|pair| u64::from(u16::from_ne_bytes(*pair))).sum::<u64>();
        if let [last] = rest {
            self.sum += u64::from(u16::from_ne_bytes([*last, 0]));
            self.odd = true;
        }
    }

    /// Adds a number of two bytes that comes next, where no odd byte went before.
    pub(crate) fn add_word(&mut self, word: u16) {
        self.sum += u64::from(word.to_be());
    }

    /// The same of four bytes.
    pub(crate) fn add_long(&mut self, word: u32) {
        self.sum += u64::from(word.to_be());
    }

    /// Adds the bytes of a chain.
    pub fn add_chain(&mut self, chain: &Chain) {
        chain.pieces().for_each(|piece| self.add(piece));
    }

    /// The checksum as it stands in a header; 0 over bytes that hold their right checksum.
    pub fn finish(self) -> u16 {
        !self.unfinished()
    }

    /// The sum so far, for somebody else to go on from.
    pub(crate) fn unfinished(self) -> u16 {
        let mut sum = self.sum;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        u16::from_be(sum as u16)
    }

    /// What goes into `header`, which comes next, and data behind it: the checksum, or the sum up to here.
    pub(crate) fn field(mut self, header: &[u8], data: &Chain, by: Transport) -> u16 {
        match by {
            Transport::Here => {
                self.add(header);
                self.add_chain(data);
                self.finish()
            }
            Transport::Elsewhere => self.unfinished(),
        }
    }

    /// Whether `message`, which comes next, holds its right checksum, or is believed to.
    pub(crate) fn accepts(mut self, message: &[u8], by: Transport) -> bool {
        by == Transport::Elsewhere || {
            self.add(message);
            self.finish() == 0
        }
    }
}

/// So many words of four bytes have halves whose sum has 32 bits.
const WORDS_AT_ONCE: usize = 1 << 16;

/// The sum of both halves of all these words. The upper ones are summed by themselves, the lower ones are what is left of the
/// sum of the wholes, modulo 2 to the power of 32: three instructions for as many words as a register of the machine holds.
fn sum_of(words: &[[u8; 4]]) -> u64 {
    let (mut wholes, mut upper) = (0_u32, 0_u32);
    for word in words {
        let word = u32::from_ne_bytes(*word);
        wholes = wholes.wrapping_add(word);
        upper = upper.wrapping_add(word >> 16);
    }
    u64::from(wholes.wrapping_sub(upper << 16)) + u64::from(upper)
}

/// The checksum over these bytes.
pub fn of(bytes: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add(bytes);
    sum.finish()
}

/// Puts a checksum, computed with zeros in its place, where it belongs; or another number of two bytes.
pub(crate) fn put(message: &mut [u8], at: usize, sum: u16) {
    if let Some(field) = message.get_mut(at..at + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071, section 4.1, word by word.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn of_the_rfcs_example() {
        // RFC 1071, section 3: these bytes sum up to ddf2.
        assert_eq!(of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn of_more_than_fits_a_word() {
        for len in [262_144, 262_148, 600_001] {
            let bytes = vec![0xff; len];
            assert_eq!(of(&bytes), naive(&bytes), "{len}");
        }
    }

    proptest! {
        #[test]
        fn pieces_sum_up_as_the_whole(pieces: Vec<Vec<u8>>) {
            let mut chain = Chain::new();
            pieces.iter().for_each(|piece| chain.push(piece.clone().into()));
            let mut sum = Checksum::new();
            sum.add_chain(&chain);
            prop_assert_eq!(sum.finish(), naive(&pieces.concat()));
            prop_assert_eq!(of(&pieces.concat()), naive(&pieces.concat()));
        }
    }
}
