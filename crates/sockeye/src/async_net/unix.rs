//! Async Unix-domain sockets, as `tokio::net::unix`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;

use sockeye_abi::{Errno, MessageFlags, Opt, SocketType, UnixAddress};
use sockeye_base::Instant;
use sockeye_socket::{Host, SocketId, UnixMessage, UnixReceived};

use super::halves::{self, halves};
use super::ready::{Interest, Ready, readable_methods, ready_methods, writable_methods};
use crate::methods::{unix_methods, unix_peer_methods, urgent_methods};
use crate::net::how_of;
use crate::open::Open;
use crate::os::unix::net::{self, Credentials, listening, path, peer_credentials};
use crate::unix;
use crate::waiting::Interest as Wanted;

pub use crate::os::unix::net::SocketAddr;

/// A Unix-domain socket that listens.
pub struct UnixListener {
    open: Arc<Open>,
}

/// A Unix-domain stream. Closed when it, or the last of its halves, is dropped.
pub struct UnixStream {
    read: halves::OwnedReadHalf,
    write: halves::OwnedWriteHalf,
}

/// A Unix-domain datagram socket. Nothing is lost if one of its futures is dropped.
pub struct UnixDatagram {
    open: Arc<Open>,
}

/// The half of a stream that reads.
pub struct OwnedReadHalf(pub(super) halves::OwnedReadHalf);

/// The half of a stream that writes. Dropping it shuts its direction, unless it is forgotten ([`OwnedWriteHalf::forget`]).
pub struct OwnedWriteHalf(pub(super) halves::OwnedWriteHalf);

/// The half of a borrowed stream that reads ([`UnixStream::split`]).
pub struct ReadHalf<'a>(pub(super) &'a mut halves::OwnedReadHalf);

/// The half of a borrowed stream that writes ([`UnixStream::split`]). Dropping it shuts nothing.
pub struct WriteHalf<'a>(pub(super) &'a mut halves::OwnedWriteHalf);

/// These halves are not of one stream.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

/// What is done by the half that reads.
macro_rules! reads {
    ($($half:tt)*) => {
        readable_methods!();

        /// Reads what is there, at least a byte; 0 at the end.
        pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.$($half)*.read(buf).await
        }

        /// Reads what is there; `WouldBlock` if there is nothing yet.
        pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
            self.$($half)*.try_read(buf)
        }

        /// The same into several buffers, one after the other.
        pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
            self.$($half)*.try_read_vectored(bufs)
        }
    };
}

/// What is done by the half that writes.
macro_rules! writes {
    ($($half:tt)*) => {
        writable_methods!();

        /// Writes what there is room for, at least a byte.
        pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.$($half)*.write(buf).await
        }

        /// Writes all of it.
        pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
            self.$($half)*.write_all(buf).await
        }

        /// Writes what there is room for; `WouldBlock` if there is none.
        pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
            self.$($half)*.try_write(buf)
        }

        /// The same from several buffers, one after the other.
        pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            self.$($half)*.try_write_vectored(bufs)
        }
    };
}

/// The names at both ends, and what either half is ready for.
macro_rules! half {
    () => {
        ready_methods!();

        /// Its own name.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.open().local_unix().map(SocketAddr)
        }

        /// The peer's name.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.open().peer_unix().map(SocketAddr)
        }

        fn open(&self) -> &Arc<Open> {
            self.0.open()
        }
    };
}

impl UnixListener {
    unix_methods!();

    /// Listens under a path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Ok(UnixListener { open: listening(&self::path(path)?)? })
    }

    /// Listens under an address.
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        Ok(UnixListener { open: listening(&socket_addr.0)? })
    }

    /// The same socket as one that blocks, and back.
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        Ok(UnixListener { open: listener.open })
    }

    /// The same socket, as one that blocks.
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        Ok(net::UnixListener { open: self.open })
    }

    /// Takes the next connection. Nothing is lost if the future is dropped.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let accepted = self.open.wait(Wanted::Read, unix::accepting).await?;
        let (open, peer) = self.open.accepted_unix(accepted);
        Ok((UnixStream::new(open), SocketAddr(peer)))
    }

    fn open(&self) -> &Open {
        &self.open
    }
}

impl UnixStream {
    unix_peer_methods!();
    urgent_methods!();
    ready_methods!();
    reads!(read);
    writes!(write);

    fn new(open: Arc<Open>) -> UnixStream {
        let (read, write) = halves(open);
        UnixStream { read, write }
    }

    fn open(&self) -> &Arc<Open> {
        self.read.open()
    }

    /// Connects to who listens under a path; waits while its queue is full. The host is that of the moment it is called.
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> + use<P> {
        let opened = self::path(path).and_then(|to| Ok((unix::open(SocketType::Stream)?, to)));
        async move {
            let (open, to) = opened?;
            open.wait(Wanted::Write, unix::connecting(&to)).await?;
            Ok(UnixStream::new(open))
        }
    }

    /// Two connected to each other, without names.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = unix::pair(SocketType::Stream)?;
        Ok((UnixStream::new(a), UnixStream::new(b)))
    }

    /// The same connection as one that blocks, and back.
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        Ok(UnixStream::new(stream.open))
    }

    /// The same connection, as one that blocks.
    pub fn into_std(self) -> io::Result<net::UnixStream> {
        Ok(net::UnixStream { open: self.open().clone() })
    }

    /// Borrows it as two halves, for two futures of one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(&mut self.read), WriteHalf(&mut self.write))
    }

    /// Takes it apart, for two tasks. The half that writes shuts its direction when it is dropped.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (OwnedReadHalf(self.read), OwnedWriteHalf(self.write.split_off()))
    }

    /// Who connected, or listened (SO_PEERCRED).
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        peer_credentials(self.open())
    }

    /// Both halves, for tokio's traits.
    #[cfg(feature = "tokio")]
    pub(super) fn halves_mut(&mut self) -> (&mut halves::OwnedReadHalf, &mut halves::OwnedWriteHalf) {
        (&mut self.read, &mut self.write)
    }
}

impl OwnedReadHalf {
    half!();
    reads!(0);

    /// Puts the stream together again; gives the halves back if they are not of one.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<UnixStream, ReuniteError> {
        if Arc::ptr_eq(self.open(), other.open()) {
            Ok(UnixStream { read: self.0, write: other.0.unsplit() })
        } else {
            Err(ReuniteError(self, other))
        }
    }
}

impl OwnedWriteHalf {
    half!();
    writes!(0);

    /// Drops it without shutting the direction.
    pub fn forget(self) {
        self.0.forget();
    }

    /// Puts the stream together again; gives the halves back if they are not of one.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<UnixStream, ReuniteError> {
        other.reunite(self)
    }
}

impl ReadHalf<'_> {
    half!();
    reads!(0);
}

impl WriteHalf<'_> {
    half!();
    writes!(0);
}

impl UnixDatagram {
    unix_peer_methods!();
    ready_methods!();
    readable_methods!();
    writable_methods!();

    /// A socket bound to a path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.open.bind_unix(&self::path(path)?)?;
        Ok(socket)
    }

    /// A socket without a name.
    pub fn unbound() -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { open: unix::open(SocketType::Datagram)? })
    }

    /// Two connected to each other, without names.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = unix::pair(SocketType::Datagram)?;
        Ok((UnixDatagram { open: a }, UnixDatagram { open: b }))
    }

    /// Fixes the peer: who is bound to a path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.open.connect_unix(&self::path(path)?)
    }

    /// Sends a datagram to the peer; waits while there is no room.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Wanted::Write, sending(buf, None)).await
    }

    /// Sends a datagram to who is bound to a path; waits while there is no room.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let to = self::path(target)?;
        self.open.wait(Wanted::Write, sending(buf, Some(&to))).await
    }

    /// Receives a datagram; what is longer than the buffer is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buf).await.map(|(length, _)| length)
    }

    /// Receives a datagram and who sent it; what is longer than the buffer is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = self.open.wait(Wanted::Read, receiving(buf.len())).await?;
        Ok(told(&received, buf))
    }

    /// Sends a datagram to the peer; `WouldBlock` if there is no room.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.call(sending(buf, None))
    }

    /// Sends a datagram to who is bound to a path; `WouldBlock` if there is no room.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let to = self::path(target)?;
        self.open.call(sending(buf, Some(&to)))
    }

    /// Receives a datagram; `WouldBlock` if there is none.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_recv_from(buf).map(|(length, _)| length)
    }

    /// Receives a datagram and who sent it; `WouldBlock` if there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = self.open.call(receiving(buf.len()))?;
        Ok(told(&received, buf))
    }

    /// The same socket as one that blocks, and back.
    pub fn from_std(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { open: datagram.open })
    }

    /// The same socket, as one that blocks.
    pub fn into_std(self) -> io::Result<net::UnixDatagram> {
        Ok(net::UnixDatagram { open: self.open })
    }

    fn open(&self) -> &Open {
        &self.open
    }
}

/// A `sendto`.
fn sending(
    bytes: &[u8],
    to: Option<&UnixAddress>,
) -> impl FnMut(&mut Host, Instant, SocketId) -> Result<usize, Errno> {
    move |host, now, id| host.unix_send(now, id, bytes, &UnixMessage { to, ..UnixMessage::default() })
}

/// A `recvfrom`.
fn receiving(max: usize) -> impl FnMut(&mut Host, Instant, SocketId) -> Result<UnixReceived, Errno> {
    move |host, now, id| match host.unix_receive(now, id, max, (MessageFlags::empty(), 0)) {
        Err(Errno::EAGAIN) if host.is_shut(id).0 => Ok(UnixReceived::default()),
        outcome => outcome,
    }
}

fn told(received: &UnixReceived, buf: &mut [u8]) -> (usize, SocketAddr) {
    let source = received.source.as_deref().cloned().unwrap_or(UnixAddress::Unnamed);
    (received.bytes.copy_to(buf), SocketAddr(source))
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UnixListener");
        self.local_addr().ok().map(|address| shown.field("local", &address));
        shown.finish()
    }
}

/// As std's.
macro_rules! shown {
    ($($socket:ident),*) => {$(
        impl fmt::Debug for $socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($socket));
                let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
                local.map(|address| shown.field("local", &address));
                peer.map(|address| shown.field("peer", &address));
                shown.finish()
            }
        }
    )*};
}

shown!(UnixStream, UnixDatagram, OwnedReadHalf, OwnedWriteHalf);

impl fmt::Debug for ReadHalf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").field("local", &self.local_addr().ok()).finish()
    }
}

impl fmt::Debug for WriteHalf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").field("local", &self.local_addr().ok()).finish()
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl std::error::Error for ReuniteError {}
