//! Request heads (RFC 9112): bytes in, what the server needs to know out. `httparse` reads the grammar; the rules about
//! framing, connections and Host are here.

use super::range::ByteRange;
use super::response::Status;

/// The longest request head, in bytes.
pub(crate) const HEAD_LIMIT: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// What a request head says, as far as this server cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path without query, as it was sent.
    pub(crate) path: String,
    /// The version is HTTP/1.0.
    pub(crate) http10: bool,
    /// The connection may go on after the answer.
    pub(crate) keep_alive: bool,
    /// The client waits for 100 (Continue) before it sends the body.
    pub(crate) expects_continue: bool,
    /// The client likes HTML: browsers name it, `*/*` alone gets plain text.
    pub(crate) likes_html: bool,
    /// What of a body is asked for, if not all of it.
    pub(crate) range: Option<ByteRange>,
    pub(crate) framing: Framing,
}

/// The methods this server tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// POST or PUT.
    Upload,
    Options,
    Other,
}

/// How the end of a request's body is known (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// What is wrong with a head: the status to answer and the reason in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad(pub(crate) Status, pub(crate) &'static str);

/// Reads a head from the front of `input`: the request and how many bytes it took, or `None` if more must come.
pub(crate) fn parse(input: &[u8]) -> Result<Option<(Request, usize)>, Bad> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(input) {
        Ok(httparse::Status::Complete(len)) if len <= HEAD_LIMIT => len,
        Ok(httparse::Status::Partial) if input.len() <= HEAD_LIMIT => return Ok(None),
        Ok(_) => return Err(Bad(Status::HEAD_TOO_LARGE, "The request's head is longer than 16 KiB.")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Bad(Status::HEAD_TOO_LARGE, "The request has more than 100 header fields."));
        }
        Err(httparse::Error::Version) => {
            return Err(Bad(Status::BAD_VERSION, "Only HTTP/1.1 and HTTP/1.0 are spoken here."));
        }
        Err(_) => return Err(Bad(Status::BAD_REQUEST, "This is not an HTTP request.")),
    };
    let request = interpret(&parsed)?;
    Ok(Some((request, len)))
}

fn interpret(parsed: &httparse::Request<'_, '_>) -> Result<Request, Bad> {
    let http10 = parsed.version == Some(0);
    let fields = Fields(parsed.headers);
    // RFC 9112, section 3.2: a 1.1 request names its host once; none may name two.
    let hosts = fields.all("host").count();
    if hosts > 1 || hosts == 0 && !http10 {
        return Err(Bad(Status::BAD_REQUEST, "There must be one Host field."));
    }
    let method = match parsed.method.unwrap_or_default() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" => Method::Upload,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    };
    let keep_alive =
        !fields.lists("connection", "close") && (!http10 || fields.lists("connection", "keep-alive"));
    Ok(Request {
        method,
        path: path(parsed.path.unwrap_or_default()).to_owned(),
        http10,
        keep_alive,
        expects_continue: !http10 && fields.lists("expect", "100-continue"),
        likes_html: fields.tokens("accept").any(|token| media_type(token).eq_ignore_ascii_case(b"text/html")),
        range: if method == Method::Get { range(&fields) } else { None },
        framing: framing(&fields, http10)?,
    })
}

/// RFC 9112, section 6.3: how long the body is. What two readers might understand differently is refused.
fn framing(fields: &Fields<'_>, http10: bool) -> Result<Framing, Bad> {
    let mut codings = fields.tokens("transfer-encoding").peekable();
    let mut lengths = fields.tokens("content-length").peekable();
    if codings.peek().is_some() {
        if http10 || lengths.peek().is_some() {
            return Err(Bad(Status::BAD_REQUEST, "The length of the body is said in two ways."));
        }
        return match (codings.next(), codings.next()) {
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            _ => Err(Bad(Status::NOT_IMPLEMENTED, "The only transfer coding known here is chunked.")),
        };
    }
    let mut length = None;
    for token in lengths {
        let value = decimal(token).ok_or(Bad(Status::BAD_REQUEST, "Content-Length is not a number."))?;
        if length.is_some_and(|other| other != value) {
            return Err(Bad(Status::BAD_REQUEST, "There are two different Content-Lengths."));
        }
        length = Some(value);
    }
    Ok(Framing::Length(length.unwrap_or(0)))
}

/// RFC 9110, section 14.2. No answer has a validator, so what depends on one (If-Range) is sent whole.
fn range(fields: &Fields<'_>) -> Option<ByteRange> {
    let mut ranges = fields.all("range");
    match (ranges.next(), ranges.next(), fields.all("if-range").next()) {
        (Some(value), None, None) => ByteRange::parse(value),
        _ => None,
    }
}

/// The path of a target in origin form or absolute form (RFC 9112, section 3.2), without its query.
fn path(target: &str) -> &str {
    let rest = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    rest.split(['?', '#']).next().unwrap_or(rest)
}

fn media_type(token: &[u8]) -> &[u8] {
    token.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

struct Fields<'a>(&'a [httparse::Header<'a>]);

impl<'a> Fields<'a> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The members of a field that is a list (RFC 9110, section 5.6.1).
    fn tokens(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let members = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        members.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
    }

    fn lists(&self, name: &'static str, token: &str) -> bool {
        self.tokens(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(head: &str) -> Result<Request, u16> {
        match parse(head.as_bytes()) {
            Ok(Some((request, len))) => {
                assert_eq!(len, head.len());
                Ok(request)
            }
            Ok(None) => panic!("{head:?} is not whole"),
            Err(Bad(status, _)) => Err(status.0),
        }
    }

    #[test]
    fn ordinary_heads() {
        let curl = request("GET /bytes/1M?x=1 HTTP/1.1\r\nHost: tekapo\r\nAccept: */*\r\n\r\n").unwrap();
        assert_eq!(curl.path, "/bytes/1M");
        assert_eq!((curl.method, curl.keep_alive, curl.likes_html), (Method::Get, true, false));
        assert_eq!(curl.framing, Framing::Length(0));
        let browser = "GET http://tekapo/ HTTP/1.1\r\nHost: tekapo\r\nConnection: Close\r\n\
                       Accept: application/xhtml+xml, text/html;q=0.9\r\n\r\n";
        let browser = request(browser).unwrap();
        assert_eq!((browser.path.as_str(), browser.keep_alive, browser.likes_html), ("/", false, true));
        let upload =
            "PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
        let upload = request(upload).unwrap();
        assert_eq!((upload.method, upload.expects_continue), (Method::Upload, true));
        assert_eq!(upload.framing, Framing::Chunked);
        let old = request("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(old.http10 && !old.keep_alive);
        assert!(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().keep_alive);
        assert_eq!(request("GET http://tekapo HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().path, "/");
    }

    #[test]
    fn parts() {
        let part = |head: &str| request(&format!("{head}\r\nHost: x\r\n\r\n")).unwrap().range;
        assert_eq!(part("GET /a HTTP/1.1\r\nRange: bytes=2-4"), Some(ByteRange::From(2, Some(4))));
        assert_eq!(part("HEAD /a HTTP/1.1\r\nRange: bytes=2-4"), None);
        assert_eq!(part("GET /a HTTP/1.1\r\nRange: bytes=2-4\r\nIf-Range: \"x\""), None);
        assert_eq!(part("GET /a HTTP/1.1\r\nRange: bytes=2-4\r\nRange: bytes=0-"), None);
    }

    #[test]
    fn bad_heads() {
        for (head, code) in [
            ("hello\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ] {
            assert_eq!(request(head), Err(code), "{head:?}");
        }
        let twice = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n";
        assert_eq!(request(twice).unwrap().framing, Framing::Length(7));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
        assert_eq!(request(&many), Err(431));
    }

    #[test]
    fn long_heads() {
        let head = |padding: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat(padding));
        let frame = head(0).len();
        assert!(request(&head(HEAD_LIMIT - frame)).is_ok());
        assert_eq!(request(&head(HEAD_LIMIT - frame + 1)), Err(431));
        assert_eq!(parse(&[b'x'; HEAD_LIMIT]), Ok(None));
        assert!(parse(&[b'x'; HEAD_LIMIT + 1]).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn random_fields_do_no_harm(target in "[ -~]{0,20}", fields in proptest::collection::vec("[ -~]{0,30}", 0..6)) {
            let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nAccept:{}\r\n\r\n", fields.join("\r\nContent-Length:"));
            let _ = parse(head.as_bytes());
            prop_assert!(path(&target).len() <= target.len().max(1));
        }
    }
}
