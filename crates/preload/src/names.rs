//! The abstract names of carriers (unix(7)), by which the supervisor knows what it didn't make itself.

use core::str;

/// Digits of a cookie: no machine lives to see more.
const DIGITS: usize = 13;

/// The name of a carrier, without the zero byte at its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name([u8; DIGITS + 1]);

/// What a stream that the object has made stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// TCP over IPv4.
    Inet,
    /// TCP over IPv6.
    Inet6,
}

impl Name {
    /// Of a stream that the object has made: its cookie, and what it stands for.
    pub fn of_stream(cookie: u64, stream: Stream) -> Name {
        let mut name = [0; DIGITS + 1];
        for (place, digit) in name.iter_mut().zip((0..DIGITS).rev()) {
            *place = HEX[(cookie >> (4 * digit) & 0xf) as usize];
        }
        name[DIGITS] = stream.letter();
        Name(name)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a socket with this cookie and this name stands for, if the object has made it.
    pub fn stream(cookie: u64, name: &[u8]) -> Option<Stream> {
        [Stream::Inet, Stream::Inet6]
            .into_iter()
            .find(|&stream| Name::of_stream(cookie, stream).as_bytes() == name)
    }

    /// Whether this looks like the name of such a stream, whatever its cookie.
    pub fn is_of_stream(name: &[u8]) -> bool {
        let Some((&letter, digits)) = name.split_last() else { return false };
        let cookie = str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
        [Stream::Inet, Stream::Inet6].iter().any(|stream| stream.letter() == letter)
            && cookie.is_some_and(|cookie| Name::stream(cookie, name).is_some())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Stream {
    fn letter(self) -> u8 {
        match self {
            Stream::Inet => b't',
            Stream::Inet6 => b'v',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let name = Name::of_stream(0x2a, Stream::Inet);
        assert_eq!(name.as_bytes(), b"000000000002at");
        assert_eq!(Name::stream(0x2a, name.as_bytes()), Some(Stream::Inet));
        assert_eq!(Name::stream(0x2b, name.as_bytes()), None);
        assert_eq!(Name::stream(0x2a, b"000000000002av"), Some(Stream::Inet6));
        assert_eq!(Name::stream(0x2a, b"000000000002a"), None);
        assert!(Name::is_of_stream(name.as_bytes()));
        for another in
            [&b""[..], b"t", b"000000000002a", b"+00000000002at", b"000000000002ax", b"0000000000002at"]
        {
            assert!(!Name::is_of_stream(another), "{another:?}");
        }
    }
}
