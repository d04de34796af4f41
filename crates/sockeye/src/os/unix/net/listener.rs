//! std's `UnixListener`.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sockeye_abi::{SocketType, UnixAddress};

use super::{SocketAddr, UnixStream, path};
use crate::methods::{blocking_methods, socket_and_back, unix_methods};
use crate::open::Open;
use crate::socket::Socket;
use crate::unix;

/// As std on Linux: as many as the host allows.
const BACKLOG: i32 = -1;

/// A Unix-domain socket that listens, as [`std::os::unix::net::UnixListener`].
pub struct UnixListener {
    pub(crate) open: Arc<Open>,
}

impl UnixListener {
    blocking_methods!();
    unix_methods!();

    /// Listens under a path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Ok(UnixListener { open: listening(&self::path(path)?)? })
    }

    /// Listens under an address.
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        Ok(UnixListener { open: listening(&socket_addr.0)? })
    }

    /// Takes the next connection.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (open, peer) = self.open.accept_unix()?;
        Ok((UnixStream { open }, SocketAddr(peer)))
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        Ok(UnixListener { open: self.open.clone() })
    }

    /// All connections to come; never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

/// The connections of [`UnixListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

socket_and_back!(UnixListener);

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UnixListener");
        self.local_addr().ok().map(|address| shown.field("local", &address));
        shown.finish()
    }
}

/// A socket that listens under an address.
pub(crate) fn listening(address: &UnixAddress) -> io::Result<Arc<Open>> {
    let open = unix::open(SocketType::Stream)?;
    open.bind_unix(address)?;
    open.call(|host, now, id| host.listen(now, id, BACKLOG))?;
    Ok(open)
}
