//! A request's head, as far as a server of files cares.

use sockeye_services::ByteRange;

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
    pub(super) range: Option<ByteRange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    /// None of ours.
    Other,
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
    let range = (method == Method::Get).then(|| value("range").and_then(ByteRange::parse)).flatten();
    let line = format!("{name} {target} HTTP/1.{version}");
    Parsed::Whole(Request { method, path: path.as_bytes().to_vec(), line, keep, range }, length)
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
        assert_eq!((get.range, get.line.as_str()), (Some(ByteRange::From(2, None)), "GET /a?b HTTP/1.1"));
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

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let mut request = b"GET / HTTP/1.1\r\nHost: x\r\nRange: ".to_vec();
            request.extend_from_slice(&bytes);
            let _ = parse(&request);
        }
    }
}
