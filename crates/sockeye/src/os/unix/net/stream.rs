//! std's `UnixStream`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{MessageFlags, Opt, SocketType, Value};

use super::{Credentials, SocketAddr, path};
use crate::methods::{
    blocking_methods, socket_and_back, stream_io, time_limits, unix_peer_methods, urgent_methods,
};
use crate::net::how_of;
use crate::open::{Open, os_error, scatter};
use crate::socket::Socket;
use crate::unix;

/// A Unix-domain stream, as [`std::os::unix::net::UnixStream`]. Closed when the last of its clones is dropped.
pub struct UnixStream {
    pub(crate) open: Arc<Open>,
}

impl UnixStream {
    blocking_methods!();
    unix_peer_methods!();
    urgent_methods!();
    time_limits!();

    /// Connects to who listens under a path; waits while its queue is full.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr(self::path(path)?))
    }

    /// Connects to who listens under an address.
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        let open = unix::open(SocketType::Stream)?;
        open.connect_unix(&socket_addr.0)?;
        Ok(UnixStream { open })
    }

    /// Two connected to each other, without names.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = unix::pair(SocketType::Stream)?;
        Ok((UnixStream { open: a }, UnixStream { open: b }))
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        Ok(UnixStream { open: self.open.clone() })
    }

    /// Who connected, or listened (SO_PEERCRED).
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        peer_credentials(&self.open)
    }

    /// Reads and leaves the bytes where they are (MSG_PEEK).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, true)
    }

    /// Writes bytes the last of which is urgent (MSG_OOB).
    pub fn send_out_of_band(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.send_message(buf, MessageFlags::OOB)
    }
}

stream_io!(UnixStream);

socket_and_back!(UnixStream);

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UnixStream");
        let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
        local.map(|address| shown.field("local", &address));
        peer.map(|address| shown.field("peer", &address));
        shown.finish()
    }
}

/// SO_PEERCRED.
pub(crate) fn peer_credentials(open: &Open) -> io::Result<Credentials> {
    let Value::Bytes(bytes) = open.option(Opt::SoPeerCred)? else {
        return Err(os_error(sockeye_abi::Errno::EINVAL));
    };
    let mut words = bytes.as_chunks::<4>().0.iter().copied();
    let mut word = || words.next().unwrap_or_default();
    let pid = i32::from_ne_bytes(word());
    Ok(Credentials { pid, uid: u32::from_ne_bytes(word()), gid: u32::from_ne_bytes(word()) })
}
