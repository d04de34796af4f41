//! The abstract names of carriers and of their other ends (unix(7)), by which supervisor and object tell what the other has made.

/// Digits of a cookie: no machine lives to see more.
const COOKIE: usize = 13;
/// Digits of a place among those where it is said that a connection was accepted.
const PLACE: usize = 4;
/// The longest address of a peer (`sizeof(struct sockaddr_in6)`).
const ADDRESS_MAX: usize = 28;
/// What parts a cookie and a place.
const WAITS: u8 = b'w';

/// A name, without the zero byte at its beginning. It has the cookie of its socket in it, so no other ever has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name {
    bytes: [u8; COOKIE + 1 + PLACE + 2 * ADDRESS_MAX],
    length: usize,
}

/// What a stream that the object has made stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// TCP over IPv4.
    Inet,
    /// TCP over IPv6.
    Inet6,
}

/// What the name of an end says that waits in a listener's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The end's cookie.
    pub end: u64,
    /// Where the object is to say that it has accepted it.
    pub place: u16,
    address: [u8; ADDRESS_MAX],
    length: usize,
}

impl Name {
    /// Of a stream that the object has made: its cookie, and what it stands for.
    pub fn of_stream(cookie: u64, stream: Stream) -> Name {
        let mut name = Name::of_cookie(cookie);
        name.push(stream.letter());
        name
    }

    /// Of an end that waits in a listener's queue: its cookie, its place, and the peer's address (a `struct sockaddr_in` or `sockaddr_in6`).
    pub fn of_waiting(cookie: u64, place: u16, address: &[u8]) -> Name {
        let mut name = Name::of_cookie(cookie);
        name.push(WAITS);
        name.push_digits(place.into(), PLACE);
        address.iter().for_each(|&byte| name.push_digits(byte.into(), 2));
        name
    }

    fn of_cookie(cookie: u64) -> Name {
        let mut name = Name { bytes: [0; COOKIE + 1 + PLACE + 2 * ADDRESS_MAX], length: 0 };
        name.push_digits(cookie, COOKIE);
        name
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What a socket with this cookie and this name stands for, if the object has made it.
    pub fn stream(cookie: u64, name: &[u8]) -> Option<Stream> {
        Stream::ALL.into_iter().find(|&stream| Name::of_stream(cookie, stream).as_bytes() == name)
    }

    /// Whether this is the name of such a stream, whatever its cookie.
    pub fn is_of_stream(name: &[u8]) -> bool {
        let Some((&letter, cookie)) = name.split_last() else { return false };
        cookie.len() == COOKIE
            && number(cookie).is_some()
            && Stream::ALL.iter().any(|stream| stream.letter() == letter)
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn push_digits(&mut self, number: u64, digits: usize) {
        for digit in (0..digits).rev() {
            self.push(b"0123456789abcdef"[(number >> (4 * digit) & 0xf) as usize]);
        }
    }
}

impl Stream {
    const ALL: [Stream; 2] = [Stream::Inet, Stream::Inet6];

    fn letter(self) -> u8 {
        match self {
            Stream::Inet => b't',
            Stream::Inet6 => b'v',
        }
    }
}

impl Waiting {
    /// What a name says, if it is that of an end that waits.
    pub fn read(name: &[u8]) -> Option<Waiting> {
        let (cookie, rest) = name.split_at_checked(COOKIE)?;
        let end = number(cookie)?;
        let (place, digits) = rest.strip_prefix(&[WAITS])?.split_at_checked(PLACE)?;
        let mut waiting =
            Waiting { end, place: number(place)?.try_into().ok()?, address: [0; ADDRESS_MAX], length: 0 };
        for pair in digits.chunks(2) {
            *waiting.address.get_mut(waiting.length)? = number(pair).filter(|_| pair.len() == 2)? as u8;
            waiting.length += 1;
        }
        Some(waiting)
    }

    /// The peer's address.
    pub fn address(&self) -> &[u8] {
        self.address.get(..self.length).unwrap_or_default()
    }
}

/// What some hexadecimal digits say, that are no more than fit.
fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        b'a'..=b'f' => Some(u64::from(byte - b'a') + 10),
        _ => None,
    };
    digits.iter().try_fold(0, |number: u64, &byte| Some(number << 4 | digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_stands_for() {
        let name = Name::of_stream(0x2a, Stream::Inet);
        assert_eq!(name.as_bytes(), b"000000000002at");
        assert_eq!(Name::stream(0x2a, name.as_bytes()), Some(Stream::Inet));
        assert_eq!(Name::stream(0x2b, name.as_bytes()), None);
        assert_eq!(Name::stream(0x2a, b"000000000002av"), Some(Stream::Inet6));
        assert_eq!(Name::stream(0x2a, b"000000000002a"), None);
        assert!(Name::is_of_stream(name.as_bytes()) && Waiting::read(name.as_bytes()).is_none());
        for another in
            [&b""[..], b"t", b"000000000002a", b"+00000000002at", b"000000000002ax", b"0000000000002at"]
        {
            assert!(!Name::is_of_stream(another), "{another:?}");
        }
    }

    #[test]
    fn a_name_says_who_the_peer_is() {
        let address: [u8; ADDRESS_MAX] = core::array::from_fn(|at| at as u8 * 9);
        for length in [16, ADDRESS_MAX] {
            let name = Name::of_waiting(u64::MAX >> 12, 4095, &address[..length]);
            let waiting = Waiting::read(name.as_bytes()).expect("its own");
            assert_eq!((waiting.end, waiting.place), (u64::MAX >> 12, 4095));
            assert_eq!(waiting.address(), &address[..length]);
            for end in 0..COOKIE + 1 + PLACE {
                assert_eq!(Waiting::read(&name.as_bytes()[..end]), None);
            }
            assert_eq!(Waiting::read(&name.as_bytes()[..name.as_bytes().len() - 1]), None);
        }
        let mut longer = Name::of_waiting(1, 1, &address).as_bytes().to_vec();
        longer.extend(b"00");
        assert_eq!(Waiting::read(&longer), None);
    }
}
