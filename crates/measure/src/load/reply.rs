//! A reply as its bytes come: how long it is, and whether the connection is good for another.
//!
//! Bodies are counted, not kept. A head is kept until it is whole; it may be 64 KiB long.

use std::ops::ControlFlow;

/// The longest head of a response, bytes.
const HEAD: usize = 64 << 10;
/// Fields of a head, at most.
const FIELDS: usize = 128;
/// The longest line that says how long a chunk is, and the longest of a trailer, bytes.
const LINE: usize = 8 << 10;

/// What a reply to bytes as they are is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Bytes(u64),
    /// All until the peer closes.
    UntilClose,
}

/// What is wrong with a reply.
pub(super) type Garbage = &'static str;

/// A whole reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// HTTP's status.
    pub(super) status: Option<u16>,
    /// Whether the connection may be used again.
    pub(super) again: bool,
}

/// A reply of which some has come.
#[derive(Debug)]
pub(super) struct Reply {
    part: Part,
    status: Option<u16>,
    again: bool,
    /// The request was HEAD: the body stays away.
    head_only: bool,
    /// What came of a head, or of a line.
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    /// So many bytes are missing.
    Body(u64),
    UntilClose,
    ChunkSize,
    /// So many bytes of a chunk, its line's end included, are missing.
    Chunk(u64),
    Trailer,
    Whole,
}

impl Reply {
    /// One in HTTP/1.1.
    pub(super) fn http(head_only: bool) -> Reply {
        Reply { part: Part::Head, status: None, again: true, head_only, kept: Vec::new() }
    }

    /// One in bytes as they are.
    pub(super) fn raw(length: Length) -> Reply {
        let part = match length {
            Length::Bytes(0) => Part::Whole,
            Length::Bytes(count) => Part::Body(count),
            Length::UntilClose => Part::UntilClose,
        };
        Reply { part, status: None, again: true, head_only: false, kept: Vec::new() }
    }

    /// Whether nothing is missing.
    pub(super) fn whole(&self) -> Option<Whole> {
        (self.part == Part::Whole).then_some(Whole { status: self.status, again: self.again })
    }

    /// These bytes came.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Garbage> {
        while !bytes.is_empty() {
            bytes = match self.part {
                Part::Head => match self.head(bytes)? {
                    ControlFlow::Continue(rest) => rest,
                    ControlFlow::Break(()) => return Ok(()),
                },
                Part::Body(missing) | Part::Chunk(missing) => {
                    let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
                    let left = missing - taken as u64;
                    self.part = match self.part {
                        Part::Chunk(_) if left == 0 => Part::ChunkSize,
                        Part::Chunk(_) => Part::Chunk(left),
                        _ if left == 0 => Part::Whole,
                        _ => Part::Body(left),
                    };
                    &bytes[taken..]
                }
                Part::UntilClose => &[],
                Part::ChunkSize | Part::Trailer => self.line(bytes)?,
                Part::Whole => return Err("more than was asked for"),
            };
        }
        Ok(())
    }

    /// The peer has closed: the end of a body that has no other, or too early.
    pub(super) fn end(&mut self) -> Option<Whole> {
        if self.part == Part::UntilClose {
            (self.part, self.again) = (Part::Whole, false);
        }
        self.whole()
    }

    /// More of a head; the bytes behind it when it is whole.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<ControlFlow<(), &'a [u8]>, Garbage> {
        let before = self.kept.len();
        // Mostly it comes at once, and nothing is kept.
        let all = if before == 0 {
            bytes
        } else {
            self.kept.extend_from_slice(bytes);
            &self.kept
        };
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(all) {
            Ok(httparse::Status::Complete(length)) => {
                let (part, again) = framing(&response, self.head_only)?;
                let status = response.code.unwrap_or(0);
                self.kept.clear();
                // 1xx: another follows (RFC 9110, section 15.2).
                if (100..200).contains(&status) {
                    if status == 101 {
                        return Err("another protocol (101)");
                    }
                } else {
                    (self.part, self.again, self.status) = (part, again, Some(status));
                }
                Ok(ControlFlow::Continue(&bytes[length - before..]))
            }
            Ok(httparse::Status::Partial) => {
                if all.len() > HEAD {
                    return Err("a head over 64 KiB");
                }
                if before == 0 {
                    self.kept.extend_from_slice(bytes);
                }
                Ok(ControlFlow::Break(()))
            }
            Err(httparse::Error::TooManyHeaders) => Err("over 128 fields"),
            Err(_) => Err("not HTTP"),
        }
    }

    /// A line of the chunked coding (RFC 9112, section 7.1); the bytes behind it.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Garbage> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.kept.extend_from_slice(bytes);
            return if self.kept.len() > LINE { Err("a line over 8 KiB") } else { Ok(&[]) };
        };
        self.kept.extend_from_slice(&bytes[..end]);
        let line = self.kept.strip_suffix(b"\r").unwrap_or(&self.kept);
        self.part = match self.part {
            Part::Trailer if line.is_empty() => Part::Whole,
            Part::Trailer => Part::Trailer,
            _ => match chunk_size(line).ok_or("no chunk's size")? {
                0 => Part::Trailer,
                size => Part::Chunk(size.checked_add(2).ok_or("no chunk's size")?),
            },
        };
        self.kept.clear();
        Ok(&bytes[end + 1..])
    }
}

/// The size at the start of a chunk's line; extensions follow a semicolon.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// How long the body is, and whether the connection stays (RFC 9112, sections 6.3 and 9.3).
fn framing(response: &httparse::Response<'_, '_>, head_only: bool) -> Result<(Part, bool), Garbage> {
    let mut again = response.version == Some(1);
    let (mut length, mut chunked, mut coded) = (None, false, false);
    for field in response.headers.iter() {
        let has = |token: &str| {
            field
                .value
                .split(|byte| *byte == b',')
                .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        if field.name.eq_ignore_ascii_case("connection") {
            again = (again || has("keep-alive")) && !has("close");
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            (chunked, coded) = (has("chunked"), true);
        } else if field.name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(field.value.trim_ascii()).ok();
            let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let value: u64 = digits.and_then(|text| text.parse().ok()).ok_or("no Content-Length")?;
            if length.is_some_and(|other| other != value) {
                return Err("two Content-Lengths");
            }
            length = Some(value);
        }
    }
    let bodiless = head_only || matches!(response.code, Some(204 | 304));
    Ok(match (bodiless, chunked, coded, length) {
        (true, ..) | (_, _, false, Some(0)) => (Part::Whole, again),
        (_, true, ..) => (Part::ChunkSize, again),
        (_, _, false, Some(length)) => (Part::Body(length), again),
        _ => (Part::UntilClose, false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(status: u16, again: bool) -> Option<Whole> {
        Some(Whole { status: Some(status), again })
    }

    /// However it is cut.
    fn fed(text: &[u8], head_only: bool) -> Result<Option<Whole>, Garbage> {
        let mut all = Reply::http(head_only);
        let at_once = all.feed(text).map(|()| all.whole().or_else(|| all.end()));
        let mut bytewise = Reply::http(head_only);
        let in_bytes = text.iter().try_for_each(|byte| bytewise.feed(&[*byte]));
        let in_bytes = in_bytes.map(|()| bytewise.whole().or_else(|| bytewise.end()));
        assert_eq!(at_once, in_bytes);
        at_once
    }

    #[test]
    fn bodies_end_where_they_say() {
        let body = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(fed(body, false), Ok(whole(200, true)));
        assert_eq!(fed(&body[..body.len() - 3], true), Ok(whole(200, true)));
        assert_eq!(fed(&body[..body.len() - 1], false), Ok(None));
        assert_eq!(fed(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false), Ok(whole(200, false)));
        let kept = b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(fed(kept, false), Ok(whole(200, true)));
        assert_eq!(
            fed(b"HTTP/1.1 404 No\r\nConnection: close\r\n\r\nall of it", false),
            Ok(whole(404, false))
        );
        assert_eq!(fed(b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 204 Done\r\n\r\n", false), Ok(whole(204, true)));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(fed(chunked, false), Ok(whole(200, true)));
    }

    #[test]
    fn garbage_is_told() {
        for (text, why) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "not HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "two Content-Lengths"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n", "no Content-Length"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "no Content-Length"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", "more than was asked for"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no chunk's size"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "no chunk's size"),
            (b"HTTP/1.1 101 Upgraded\r\n\r\n", "another protocol (101)"),
        ] {
            assert_eq!(fed(text, false), Err(why), "{}", String::from_utf8_lossy(text));
        }
        let mut endless = Reply::http(false);
        let line = b"HTTP/1.1 200 OK\r\nField: ";
        let grown = endless.feed(line).and_then(|()| (0..100).try_for_each(|_| endless.feed(&[b'x'; 1000])));
        assert_eq!(grown, Err("a head over 64 KiB"));
    }

    #[test]
    fn bytes_as_they_are() {
        let mut echo = Reply::raw(Length::Bytes(3));
        assert_eq!((echo.feed(b"ab"), echo.whole()), (Ok(()), None));
        assert_eq!((echo.feed(b"c"), echo.whole()), (Ok(()), Some(Whole { status: None, again: true })));
        assert_eq!(echo.feed(b"d"), Err("more than was asked for"));
        let mut all = Reply::raw(Length::UntilClose);
        assert_eq!((all.feed(b"ab"), all.whole()), (Ok(()), None));
        assert_eq!(all.end(), Some(Whole { status: None, again: false }));
    }

    proptest! {
        #[test]
        fn nothing_panics(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8), chunked: bool) {
            let mut reply = Reply::http(false);
            if chunked {
                let _ = reply.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            }
            for piece in pieces {
                if reply.feed(&piece).is_err() {
                    break;
                }
            }
            let _ = reply.end();
        }
    }
}
