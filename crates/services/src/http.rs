//! HTTP/1.1 on port 80, over IPv6 and IPv4: an index that says what just happened, `/bytes/N` with bodies of any size,
//! uploads answered by their length and hash, and files that it is given, whole or in part. Not modelled: several ranges at
//! once, conditions, compression, TLS, HTTP/2; nor the Date field, since nothing here knows what day it is.

mod connection;
mod content;
mod head;
mod page;
mod pattern;
mod range;
mod response;
mod upload;

use std::sync::Arc;

use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::server::Server;
use connection::Connection;
use content::Content;
pub use range::ByteRange;

const PORT: u16 = 80;

/// The HTTP service.
pub struct Http {
    server: Server<Connection>,
}

impl Http {
    /// The service, not started yet.
    pub fn new() -> Http {
        Http::with_files([])
    }

    /// The same, with files ahead of what it has by itself: paths that begin with `/`, and what they hold.
    pub fn with_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Http {
        let content = Arc::new(Content::new(files));
        Http { server: Server::new(PORT, move |_| Connection::new(content.clone())) }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http::new()
    }
}

impl Service for Http {
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.server.start(host, now)
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        self.server.ready(host, now, socket)
    }
}
