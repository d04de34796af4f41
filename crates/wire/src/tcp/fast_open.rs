//! The fast open option (RFC 7413, section 4.1.1): a cookie, or the wish for one.

use std::fmt;

/// Its kind.
pub(super) const KIND: u8 = 34;
/// The kind it had before it was given its own: shared by experiments, which a magic number tells apart (RFC 6994).
pub(super) const EXPERIMENT: u8 = 254;
/// The experiment's magic number.
pub(super) const MAGIC: u16 = 0xf989;

/// The shortest and the longest cookie.
const SHORTEST: usize = 4;
const LONGEST: usize = 16;

/// A server's cookie: 4 to 16 bytes, an even number of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    len: u8,
    bytes: [u8; LONGEST],
}

impl Cookie {
    /// A cookie of these bytes; `None` for a length that none has.
    pub fn new(bytes: &[u8]) -> Option<Cookie> {
        if !(SHORTEST..=LONGEST).contains(&bytes.len()) || !bytes.len().is_multiple_of(2) {
            return None;
        }
        let mut cookie = Cookie { len: bytes.len() as u8, bytes: [0; LONGEST] };
        cookie.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(cookie)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for Cookie {
    /// Hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpen {
    /// `None` asks for one.
    pub cookie: Option<Cookie>,
    /// It has the experiment's form.
    pub experimental: bool,
}

impl FastOpen {
    /// The option with this cookie, none if it is empty; `None` for a length that no cookie has.
    pub fn new(cookie: &[u8], experimental: bool) -> Option<FastOpen> {
        let cookie = if cookie.is_empty() { None } else { Some(Cookie::new(cookie)?) };
        Some(FastOpen { cookie, experimental })
    }

    fn cookie_bytes(&self) -> &[u8] {
        self.cookie.as_ref().map_or(&[], Cookie::as_bytes)
    }

    /// Its bytes in the header, without padding.
    pub(super) fn len(&self) -> usize {
        let head = if self.experimental { 4 } else { 2 };
        head + self.cookie_bytes().len()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let len = self.len() as u8;
        if self.experimental {
            out.extend([EXPERIMENT, len]);
            out.extend(MAGIC.to_be_bytes());
        } else {
            out.extend([KIND, len]);
        }
        out.extend(self.cookie_bytes());
    }
}
