//! A request's head, as far as a server of files cares.

/// The longest head, bytes, and the most fields.
const HEAD: usize = 8 << 10;
const FIELDS: usize = 64;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The target's path, its query cut off.
    pub(super) path: Vec<u8>,
    /// `METHOD TARGET HTTP/1.x`, for the log.
    pub(super) line: String,
    /// The connection is to be kept open.
    pub(super) keep: bool,
    /// What of the file, if not all of it.
    pub(super) range: Option<Range>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    /// None of ours.
    Other,
}

/// A range of bytes: RFC 9110, section 14.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// From an offset, to one (which belongs to it) or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

/// What bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole head of so many bytes.
    Whole(Request, usize),
    /// Some of one.
    Partial,
    /// No head; the status that says so.
    Wrong(u16),
}

/// Reads a head of HTTP/1.0 or 1.1 (RFC 9112).
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD => return Parsed::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Parsed::Wrong(431),
        Err(httparse::Error::Version) => return Parsed::Wrong(505),
        Err(_) => return Parsed::Wrong(400),
    };
    let (Some(name), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Parsed::Wrong(400);
    };
    let method = match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    // The absolute form has a host before its path (RFC 9112, section 3.2.2).
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let value = |name: &str| {
        let mut of_name = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        of_name.next().map(|field| field.value)
    };
    if version == 1 && value("host").is_none() {
        return Parsed::Wrong(400);
    }
    let has = |token: &str| {
        let parts = value("connection").unwrap_or_default().split(|byte| *byte == b',');
        parts.map(<[u8]>::trim_ascii).any(|part| part.eq_ignore_ascii_case(token.as_bytes()))
    };
    // A body that nobody reads would be taken for the next request.
    let bodiless =
        value("transfer-encoding").is_none() && value("content-length").is_none_or(|value| value == b"0");
    let keep = bodiless && if version == 1 { !has("close") } else { has("keep-alive") };
    let range = (method == Method::Get).then(|| value("range").and_then(range)).flatten();
    let line = format!("{name} {target} HTTP/1.{version}");
    Parsed::Whole(Request { method, path: path.as_bytes().to_vec(), line, keep, range }, length)
}

/// One range of bytes. Of others, and of several, the field is ignored, as it may be.
fn range(value: &[u8]) -> Option<Range> {
    let text = std::str::from_utf8(value).ok()?.trim().strip_prefix("bytes=")?;
    let (from, to) = text.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (from.is_empty(), to.is_empty()) {
        (true, _) => Some(Range::Last(number(to)?)),
        (false, true) => Some(Range::From(number(from)?, None)),
        (false, false) => {
            let (from, to) = (number(from)?, number(to)?);
            (from <= to).then_some(Range::From(from, Some(to)))
        }
    }
}

impl Range {
    /// Offset and length within a file of this length; `None` if it has none of these bytes.
    pub(super) fn within(self, length: u64) -> Option<(u64, u64)> {
        match self {
            Range::From(from, to) if from < length => {
                let end = to.map_or(length, |to| length.min(to.saturating_add(1)));
                end.checked_sub(from).map(|count| (from, count))
            }
            Range::Last(count) if count > 0 && length > 0 => {
                let count = count.min(length);
                Some((length - count, count))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Parsed::Whole(request, length) if length == text.len() => request,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_asked() {
        let get = whole("GET /a?b HTTP/1.1\r\nHost: x\r\nRange: bytes=2-\r\n\r\n");
        assert_eq!((get.method, get.path.as_slice(), get.keep), (Method::Get, &b"/a"[..], true));
        assert_eq!((get.range, get.line.as_str()), (Some(Range::From(2, None)), "GET /a?b HTTP/1.1"));
        assert_eq!(whole("GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n").path, b"/a");
        assert!(!whole("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, close\r\n\r\n").keep);
        assert!(!whole("GET / HTTP/1.0\r\n\r\n").keep);
        assert!(whole("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep);
        assert!(!whole("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n").keep);
    }

    #[test]
    fn what_is_wrong() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost:"), Parsed::Partial);
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Parsed::Wrong(400));
        assert_eq!(parse(b"\x16\x03\x01\x02"), Parsed::Wrong(400));
        assert_eq!(parse(b"GET / HTTP/3.0\r\n\r\n"), Parsed::Wrong(505));
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(HEAD));
        assert_eq!(parse(long.as_bytes()), Parsed::Wrong(431));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS + 1));
        assert_eq!(parse(many.as_bytes()), Parsed::Wrong(431));
    }

    #[test]
    fn ranges() {
        let within = |text: &str, length| range(text.as_bytes()).map(|range| range.within(length));
        assert_eq!(within("bytes=0-0", 5), Some(Some((0, 1))));
        assert_eq!(within("bytes=3-99999999999999999999", 5), Some(Some((3, 2))));
        assert_eq!(within("bytes=-2", 5), Some(Some((3, 2))));
        assert_eq!(within("bytes=-9", 5), Some(Some((0, 5))));
        assert_eq!(within("bytes=5-", 5), Some(None));
        assert_eq!(within("bytes=-0", 5), Some(None));
        for ignored in ["bytes=", "bytes=2-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-", "bytes=+1-"] {
            assert_eq!(within(ignored, 5), None, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), from: u64, to: u64, length: u64) {
            let _ = parse(&bytes);
            let mut request = b"GET / HTTP/1.1\r\nHost: x\r\nRange: ".to_vec();
            request.extend_from_slice(&bytes);
            let _ = parse(&request);
            for range in [Range::From(from, Some(to)), Range::From(from, None), Range::Last(to)] {
                if let Some((offset, count)) = range.within(length) {
                    prop_assert!(offset.checked_add(count).is_some_and(|end| end <= length));
                }
            }
        }
    }
}
