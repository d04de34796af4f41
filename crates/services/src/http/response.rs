//! What goes back: a status, a few header fields, a body that is text, a file, or the pattern of `/bytes/N`.

use bytes::Bytes;

use super::pattern::Pattern;

/// A status code and its reason phrase (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

impl Status {
    pub(crate) const OK: Status = Status(200, "OK");
    pub(crate) const NO_CONTENT: Status = Status(204, "No Content");
    pub(crate) const BAD_REQUEST: Status = Status(400, "Bad Request");
    pub(crate) const NOT_FOUND: Status = Status(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
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
        Response { status, content_type: "text/plain; charset=utf-8", body: Body::Text(body.into()) }
    }

    /// The bytes that go first (the head, and a body of text), and what follows if the body is long.
    pub(crate) fn encode(self, manner: Manner) -> (Vec<u8>, Source) {
        let Status(code, reason) = self.status;
        let mut head =
            format!("HTTP/1.1 {code} {reason}\r\nServer: sockeye/{}\r\n", env!("CARGO_PKG_VERSION"));
        if matches!(self.status, Status::METHOD_NOT_ALLOWED | Status::NO_CONTENT) {
            head.push_str("Allow: GET, HEAD, POST, PUT, OPTIONS\r\n");
        }
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
