//! What is sent: a request of HTTP/1.1, or bytes as they are.

use super::reply::{Length, Reply};
use super::target::Target;

/// What each request sends, and which reply it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http { head_only: bool, may_repeat: bool },
    Raw(Length),
}

/// Why there can't be such a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a token of RFC 9110.
    #[error("{0:?} is no method")]
    Method(String),
    /// Not NAME: VALUE.
    #[error("{0:?} is no header: write it as NAME: VALUE")]
    Header(String),
}

impl Request {
    /// One of HTTP/1.1 (RFC 9112). `headers` are `NAME: VALUE`; those that this would add itself take its place. A body has its
    /// Content-Length.
    pub fn http(
        target: &Target,
        method: &str,
        headers: &[String],
        body: &[u8],
        keep_alive: bool,
    ) -> Result<Request, RequestError> {
        if !is_token(method) {
            return Err(RequestError::Method(method.to_owned()));
        }
        let mut own = vec![
            ("Host", target.authority()),
            ("User-Agent", "sockeye".to_owned()),
            ("Accept", "*/*".to_owned()),
        ];
        if !keep_alive {
            own.push(("Connection", "close".to_owned()));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            own.push(("Content-Length", body.len().to_string()));
        }
        let mut given = Vec::new();
        for header in headers {
            let pair = header.split_once(':').map(|(name, value)| (name, value.trim()));
            let sound = pair.filter(|(name, value)| {
                is_token(name) && !value.contains(|c: char| c.is_control() && c != '\t')
            });
            given.push(sound.ok_or_else(|| RequestError::Header(header.clone()))?);
        }
        own.retain(|(name, _)| !given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        let mut text = format!("{method} {} HTTP/1.1\r\n", target.path.as_deref().unwrap_or("/"));
        for (name, value) in own.iter().map(|(name, value)| (*name, value.as_str())).chain(given) {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        // RFC 9110, section 9.2.2.
        let may_repeat = matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE");
        Ok(Request { bytes, kind: Kind::Http { head_only: method == "HEAD", may_repeat } })
    }

    /// Bytes as they are, and how long the reply is.
    pub fn raw(bytes: Vec<u8>, reply: Length) -> Request {
        Request { bytes, kind: Kind::Raw(reply) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn reply(&self) -> Reply {
        match self.kind {
            Kind::Http { head_only, .. } => Reply::http(head_only),
            Kind::Raw(length) => Reply::raw(length),
        }
    }

    /// Whether it may be sent a second time if nobody knows what became of the first.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self.kind, Kind::Http { may_repeat: true, .. })
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_http() {
        let target: Target = "http://tekapo:81/a?b".parse().expect("a target");
        let request = Request::http(&target, "POST", &["host: other".to_owned()], b"kia ora", false)
            .expect("a request");
        let text = String::from_utf8_lossy(request.bytes()).into_owned();
        assert_eq!(
            text,
            "POST /a?b HTTP/1.1\r\nUser-Agent: sockeye\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 7\r\n\
             host: other\r\n\r\nkia ora"
        );
        let get = Request::http(&target, "GET", &[], b"", true).expect("a request");
        assert!(get.may_repeat() && !request.may_repeat());
        assert!(!String::from_utf8_lossy(get.bytes()).contains("Content-Length"));
    }

    #[test]
    fn nothing_is_smuggled_in() {
        let target: Target = "http://tekapo/".parse().expect("a target");
        let with =
            |method: &str, header: &str| Request::http(&target, method, &[header.to_owned()], b"", true);
        assert!(matches!(with("GET /x", "A: b"), Err(RequestError::Method(_))));
        for header in ["A", ": b", "A b: c", "A: b\r\nC: d", "A: b\0"] {
            assert!(matches!(with("GET", header), Err(RequestError::Header(_))), "{header:?}");
        }
    }
}
