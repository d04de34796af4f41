//! What goes back: a status, a few header fields, a body that is text, a file, or the pattern of `/bytes/N`.

use bytes::Bytes;

use super::pattern::Pattern;
use super::range::ByteRange;

/// A status code and its reason phrase (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

impl Status {
    pub(crate) const OK: Status = Status(200, "OK");
    pub(crate) const NO_CONTENT: Status = Status(204, "No Content");
    const PARTIAL_CONTENT: Status = Status(206, "Partial Content");
    pub(crate) const MOVED_PERMANENTLY: Status = Status(301, "Moved Permanently");
    pub(crate) const BAD_REQUEST: Status = Status(400, "Bad Request");
    pub(crate) const NOT_FOUND: Status = Status(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
    const RANGE_NOT_SATISFIABLE: Status = Status(416, "Range Not Satisfiable");
    pub(crate) const HEAD_TOO_LARGE: Status = Status(431, "Request Header Fields Too Large");
    pub(crate) const NOT_IMPLEMENTED: Status = Status(501, "Not Implemented");
    pub(crate) const BAD_VERSION: Status = Status(505, "HTTP Version Not Supported");
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) content_type: &'static str,
    pub(crate) body: Body,
    /// Field lines of this answer alone.
    pub(crate) fields: String,
}

/// An answer's body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Text(String),
    /// What may be long, and is sent bit by bit.
    Long(Source),
}

/// Where a long body comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Pattern(Pattern),
    File(Bytes),
}

impl Default for Source {
    /// Nothing.
    fn default() -> Source {
        Source::File(Bytes::new())
    }
}

impl Source {
    /// How many bytes are still to come.
    pub(crate) fn remaining(&self) -> u64 {
        match self {
            Source::Pattern(pattern) => pattern.remaining(),
            Source::File(bytes) => bytes.len() as u64,
        }
    }

    /// Goes on with this part of them alone, which there is.
    fn narrow(&mut self, offset: u64, length: u64) {
        match self {
            Source::Pattern(pattern) => pattern.narrow(offset, length),
            Source::File(bytes) => {
                let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                *bytes = bytes.slice(at(offset)..at(offset.saturating_add(length)));
            }
        }
    }

    /// The next of them; `chunk` is a period of all patterns.
    pub(crate) fn next(&mut self, chunk: &Bytes) -> Option<Bytes> {
        match self {
            Source::Pattern(pattern) => pattern.next(chunk),
            Source::File(bytes) => {
                Some(bytes.split_to(bytes.len().min(chunk.len()))).filter(|next| !next.is_empty())
            }
        }
    }
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Only the head, as if the body followed (HEAD).
    pub(crate) head_only: bool,
    /// The connection goes on.
    pub(crate) keep_alive: bool,
    /// The client speaks HTTP/1.0, and is told that the connection goes on.
    pub(crate) http10: bool,
}

impl Response {
    /// An answer in plain text.
    pub(crate) fn text(status: Status, body: impl Into<String>) -> Response {
        let content_type = "text/plain; charset=utf-8";
        Response { status, content_type, body: Body::Text(body.into()), fields: String::new() }
    }

    /// One whose body may be long, whole or as far as it is asked for (RFC 9110, sections 14.4, 15.3.7 and 15.5.17).
    pub(crate) fn long(content_type: &'static str, mut source: Source, range: Option<ByteRange>) -> Response {
        let whole = source.remaining();
        let (status, fields) = match range.map(|range| range.within(whole)) {
            None => (Status::OK, "Accept-Ranges: bytes\r\n".to_owned()),
            Some(Some((offset, length))) => {
                source.narrow(offset, length);
                let last = (offset + length).saturating_sub(1);
                (Status::PARTIAL_CONTENT, format!("Content-Range: bytes {offset}-{last}/{whole}\r\n"))
            }
            Some(None) => {
                let refused =
                    Response::text(Status::RANGE_NOT_SATISFIABLE, format!("There are {whole} bytes.\n"));
                return Response { fields: format!("Content-Range: bytes */{whole}\r\n"), ..refused };
            }
        };
        Response { status, content_type, body: Body::Long(source), fields }
    }

    /// The bytes that go first (the head, and a body of text), and what follows if the body is long.
    pub(crate) fn encode(self, manner: Manner) -> (Vec<u8>, Source) {
        let Status(code, reason) = self.status;
        let mut head =
            format!("HTTP/1.1 {code} {reason}\r\nServer: sockeye/{}\r\n", env!("CARGO_PKG_VERSION"));
        if matches!(self.status, Status::METHOD_NOT_ALLOWED | Status::NO_CONTENT) {
            head.push_str("Allow: GET, HEAD, POST, PUT, OPTIONS\r\n");
        }
        head.push_str(&self.fields);
        if self.status != Status::NO_CONTENT {
            let length = match &self.body {
                Body::Text(text) => text.len() as u64,
                Body::Long(source) => source.remaining(),
            };
            head.push_str(&format!("Content-Type: {}\r\nContent-Length: {length}\r\n", self.content_type));
        }
        if !manner.keep_alive {
            head.push_str("Connection: close\r\n");
        } else if manner.http10 {
            head.push_str("Connection: keep-alive\r\n");
        }
        head.push_str("\r\n");
        match self.body {
            _ if manner.head_only => (head.into_bytes(), Source::default()),
            Body::Text(text) => {
                head.push_str(&text);
                (head.into_bytes(), Source::default())
            }
            Body::Long(source) => (head.into_bytes(), source),
        }
    }
}
