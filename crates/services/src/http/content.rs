//! What a server has to give, shared by its connections: files in memory, and the pattern of `/bytes/N`.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::head::Request;
use super::pattern;
use super::response::{Response, Source, Status};

pub(crate) struct Content {
    /// One period of all patterns.
    pub(crate) chunk: Bytes,
    files: BTreeMap<String, Bytes>,
}

impl Content {
    pub(crate) fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Content {
        let files = files.into_iter().map(|(path, bytes)| (path, Bytes::from(bytes))).collect();
        Content { chunk: pattern::chunk(), files }
    }

    /// What is at a path as it stands in a request: a file (of a folder its `index.html`), or where to ask for it.
    pub(crate) fn find(&self, request: &Request) -> Option<Response> {
        if self.files.is_empty() {
            return None;
        }
        let path = percent_encoding::percent_decode_str(&request.path).decode_utf8().ok()?;
        let is_folder = path.ends_with('/');
        let index = if is_folder { format!("{path}index.html") } else { format!("{path}/index.html") };
        let path = if is_folder { index.as_str() } else { &path };
        let Some(bytes) = self.files.get(path) else {
            return self.files.contains_key(&index).then(|| {
                // What a page leads to from there is asked for beside it.
                let moved = Response::text(Status::MOVED_PERMANENTLY, "It is a folder.\n");
                Response { fields: format!("Location: {}/\r\n", request.path), ..moved }
            });
        };
        let content_type = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
        Some(Response::long(content_type, Source::File(bytes.clone()), request.range))
    }

    /// Whether a host says something of its own where nothing else is asked for.
    pub(crate) fn has_index(&self) -> bool {
        self.files.contains_key("/index.html")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    #[test]
    fn files_and_folders() {
        let files = [("/index.html", "at the top"), ("/sub/index.html", "below"), ("/sub/a b", "a file")];
        let content = Content::new(files.map(|(path, bytes)| (path.to_owned(), bytes.as_bytes().to_vec())));
        let find = |path: &str| {
            let head = format!("GET {path} HTTP/1.0\r\n\r\n");
            let request = head::parse(head.as_bytes()).ok().flatten().expect("a request").0;
            content.find(&request).map(|found| (found.status.0, found.fields))
        };
        let whole = Some((200, "Accept-Ranges: bytes\r\n".to_owned()));
        for path in ["/", "/index.html", "/?x=1", "/sub/", "/sub/a%20b"] {
            assert_eq!(find(path), whole, "{path}");
        }
        assert_eq!(find("/sub?x=1"), Some((301, "Location: /sub/\r\n".to_owned())));
        for path in ["/nothing", "/sub/a", "/sub/a%20b/", "/%ff", "//sub"] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
