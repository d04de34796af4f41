//! A response, and how it leaves: a small file in one write with its head, a larger by sendfile(2) behind it.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};

use super::clock::with_date;
use super::files::{Files, Found, Missing};
use super::request::{Method, Request};

/// Up to so many bytes, copying a file costs less than a call more.
const SMALL: u64 = 16 << 10;
/// What sendfile(2) is asked for at once, at most.
const AT_ONCE: u64 = 1 << 30;

/// A response, as far as it has not left yet.
pub(super) struct Response {
    pub(super) status: u16,
    /// Bytes of the body, for the log.
    pub(super) length: u64,
    /// Another request may follow.
    pub(super) keep: bool,
    /// The head, with the body if that is small; and how much of it has left.
    head: Vec<u8>,
    gone: usize,
    /// The body, from an offset, so many bytes.
    body: Option<(File, u64, u64)>,
}

impl Response {
    /// The answer to a request. `keep`: the server would keep the connection.
    pub(super) fn to(request: &Request, files: &Files, keep: bool) -> Response {
        let keep = keep && request.keep;
        if request.method == Method::Other {
            return Response::error(405, keep);
        }
        let found = match files.find(&request.path) {
            Ok(found) => found,
            Err(missing) => {
                let status = match missing {
                    Missing::Malformed => 400,
                    Missing::Forbidden => 403,
                    Missing::NotThere => 404,
                    Missing::Busy => 503,
                };
                return Response::error_for(request, status, keep);
            }
        };
        let whole = (0, found.length);
        let (status, (offset, length)) = match request.range.map(|range| range.within(found.length)) {
            None => (200, whole),
            Some(Some(part)) => (206, part),
            Some(None) => return Response::unsatisfiable(found.length, keep),
        };
        let mut fields = format!("Content-Type: {}\r\nAccept-Ranges: bytes\r\n", found.media_type);
        if status == 206 {
            fields += &format!("Content-Range: bytes {offset}-{}/{}\r\n", offset + length - 1, found.length);
        }
        let mut response = Response::new(status, (&fields, length), keep);
        if request.method == Method::Head {
            response.length = 0;
        } else {
            response.attach(found, offset, length);
        }
        response
    }

    /// One that says what is wrong, in a line.
    pub(super) fn error(status: u16, keep: bool) -> Response {
        Response::told(status, "", keep)
    }

    fn error_for(request: &Request, status: u16, keep: bool) -> Response {
        let mut response = Response::error(status, keep);
        if request.method == Method::Head {
            let end = response.head.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
            response.head.truncate(end);
            response.length = 0;
        }
        response
    }

    fn unsatisfiable(length: u64, keep: bool) -> Response {
        Response::told(416, &format!("Content-Range: bytes */{length}\r\n"), keep)
    }

    fn told(status: u16, fields: &str, keep: bool) -> Response {
        let text = format!("{status} {}\n", reason(status));
        let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let fields = format!("Content-Type: text/plain\r\n{allow}{fields}");
        let mut response = Response::new(status, (&fields, text.len() as u64), keep);
        response.head.extend_from_slice(text.as_bytes());
        response
    }

    fn new(status: u16, (fields, length): (&str, u64), keep: bool) -> Response {
        let connection = if keep { "keep-alive" } else { "close" };
        let head = with_date(|date| {
            format!(
                "HTTP/1.1 {status} {}\r\nServer: sockeye\r\nDate: {date}\r\n{fields}Content-Length: {length}\r\n\
                 Connection: {connection}\r\n\r\n",
                reason(status)
            )
        });
        Response { status, length, keep, head: head.into_bytes(), gone: 0, body: None }
    }

    /// Sends this of a file.
    fn attach(&mut self, found: Found, offset: u64, length: u64) {
        if length > SMALL {
            self.body = Some((found.file, offset, length));
            return;
        }
        let end = self.head.len();
        self.head.resize(end + length as usize, 0);
        if found.file.read_exact_at(&mut self.head[end..], offset).is_err() {
            // It has become shorter. The head hasn't left: say so.
            *self = Response::error(503, false);
        }
    }

    /// Sends as much as there is room for; `true` when all is gone. An error if the peer is, or the file has shrunk.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        while self.gone < self.head.len() {
            // The file follows: head and body leave together (send(2), MSG_MORE).
            let more = if self.body.is_some() { SendFlags::MORE } else { SendFlags::empty() };
            self.gone += send(socket, &self.head[self.gone..], SendFlags::NOSIGNAL | more)?;
        }
        while let Some((file, offset, left)) = &mut self.body {
            let asked = usize::try_from((*left).min(AT_ONCE)).unwrap_or(usize::MAX);
            match sendfile(socket, &*file, Some(offset), asked)? as u64 {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                sent if sent >= *left => self.body = None,
                sent => *left -= sent,
            }
        }
        Ok(true)
    }
}

/// RFC 9110, section 15.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
