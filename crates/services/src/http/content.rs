//! What a server has to give, shared by its connections: files in memory, and the pattern of `/bytes/N`.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::pattern;
use super::response::{Body, Response, Source, Status};

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

    /// The file at a path as it stands in a request: `/` is `/index.html`, what follows `?` doesn't count.
    pub(crate) fn find(&self, path: &str) -> Option<Response> {
        if self.files.is_empty() {
            return None;
        }
        let path = path.split('?').next().unwrap_or(path);
        let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
        let path = if path.ends_with('/') { path + "index.html" } else { path };
        let bytes = self.files.get(path.as_ref())?.clone();
        let content_type =
            mime_guess::from_path(path.as_ref()).first_raw().unwrap_or("application/octet-stream");
        Some(Response { status: Status::OK, content_type, body: Body::Long(Source::File(bytes)) })
    }
}
