//! The halves of a stream: one reads, the other writes; owned, for two tasks, or borrowed.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use sockeye_abi::Errno;
use sockeye_base::{Chain, Instant};
use sockeye_lab::HostId;
use sockeye_socket::{Host, SocketId};

use super::ready::{Interest, Ready, readable_methods, ready_methods, writable_methods};
use super::stream::TcpStream;
use crate::engine::Shared;
use crate::net::how_of;
use crate::open::{Open, os_error, receiving, scatter};
use crate::waiting::{Interest as Wanted, Ticket};

/// The half of a stream that reads. A task that polls it takes the place of the one before.
pub struct OwnedReadHalf(Half);

/// The half of a stream that writes. As tokio's, one that was split off shuts its direction when it is dropped, unless it is
/// forgotten ([`OwnedWriteHalf::forget`]).
pub struct OwnedWriteHalf {
    half: Half,
    /// It was split off.
    shuts: bool,
}

/// The half of a borrowed stream that reads ([`TcpStream::split`]).
#[derive(Debug)]
pub struct ReadHalf<'a>(pub(super) &'a mut OwnedReadHalf);

/// The half of a borrowed stream that writes ([`TcpStream::split`]). Dropping it shuts nothing.
#[derive(Debug)]
pub struct WriteHalf<'a>(pub(super) &'a mut OwnedWriteHalf);

/// These halves are not of one stream.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

/// A socket, and a poller's place among those who wait for it.
struct Half {
    open: Arc<Open>,
    /// Where that is, as it says itself: each call asks, and of very many sockets it would have to come from memory.
    shared: Arc<Shared>,
    place: (HostId, SocketId),
    ticket: Option<Ticket>,
}

impl Half {
    fn new(open: Arc<Open>) -> Half {
        Half { shared: open.shared.clone(), place: (open.host, open.id), open, ticket: None }
    }

    /// [`Open::poll`] of a socket that nobody's identity matters to.
    fn poll<T>(
        &mut self,
        interest: Wanted,
        context: &mut Context<'_>,
        call: impl FnOnce(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> Poll<io::Result<T>> {
        self.shared.poll(self.place, (interest, &mut self.ticket), context, call).map_err(os_error)
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.forget(self.place, ticket);
        }
    }
}

/// Both halves of a stream.
pub(super) fn halves(open: Arc<Open>) -> (OwnedReadHalf, OwnedWriteHalf) {
    let read = OwnedReadHalf(Half::new(open.clone()));
    (read, OwnedWriteHalf { half: Half::new(open), shuts: false })
}

/// The addresses at both ends.
macro_rules! names {
    () => {
        /// Its own address.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.open().local_addr()
        }

        /// The peer's address.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.open().peer_addr()
        }
    };
}

impl OwnedReadHalf {
    names!();
    ready_methods!();
    readable_methods!();

    pub(super) fn open(&self) -> &Arc<Open> {
        &self.0.open
    }

    /// Reads what is there, at least a byte; 0 at the end.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open().wait(Wanted::Read, receiving(buf.len(), false)).await?;
        Ok(chain.copy_to(buf))
    }

    /// Reads what is there, and leaves it there (MSG_PEEK).
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open().wait(Wanted::Read, receiving(buf.len(), true)).await?;
        Ok(chain.copy_to(buf))
    }

    /// Reads what is there; `WouldBlock` if there is nothing yet.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_receive(buf.len()).map(|chain| chain.copy_to(buf))
    }

    /// The same into several buffers, one after the other.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = bufs.iter().fold(0usize, |sum, buf| sum.saturating_add(buf.len()));
        self.try_receive(room).map(|chain| scatter(chain, bufs))
    }

    fn try_receive(&self, max: usize) -> io::Result<Chain> {
        self.open().call(receiving(max, false))
    }

    /// Puts the stream together again; gives the halves back if they are not of one.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if Arc::ptr_eq(self.open(), other.open()) {
            Ok(TcpStream::of_halves(self, other.unsplit()))
        } else {
            Err(ReuniteError(self, other))
        }
    }

    /// [`OwnedReadHalf::read`] of at most so many bytes, as a poll and without a copy.
    #[cfg(feature = "tokio")]
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>, max: usize) -> Poll<io::Result<Chain>> {
        // Who has waited gives the place up by the longer way.
        if self.0.ticket.is_none()
            && let (host, id) = self.0.place
            && let Some(chain) = self.0.shared.glance(host, |host| host.receive_plain(id, max))
        {
            return Poll::Ready(Ok(chain));
        }
        self.poll_call(context, max, false)
    }

    /// [`OwnedReadHalf::peek`] as a poll.
    pub(super) fn poll_call(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
        peek: bool,
    ) -> Poll<io::Result<Chain>> {
        self.0.poll(Wanted::Read, context, receiving(max, peek))
    }
}

impl OwnedWriteHalf {
    names!();
    ready_methods!();
    writable_methods!();

    pub(super) fn open(&self) -> &Arc<Open> {
        &self.half.open
    }

    /// Writes what there is room for, at least a byte.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.open().wait(Wanted::Write, |host, now, id| host.send(now, id, buf)).await
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let written = self.write(buf).await?;
            buf = buf.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes what there is room for; `WouldBlock` if there is none.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.open().call(|host, now, id| host.send(now, id, buf))
    }

    /// The same from several buffers, one after the other.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let pieces: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        self.try_write(&pieces.concat())
    }

    /// Shuts the direction (shutdown(2) with SHUT_WR): the peer reads the end.
    pub fn shut(&self) -> io::Result<()> {
        self.open().call(|host, now, id| host.shutdown(now, id, how_of(Shutdown::Write)))
    }

    /// Drops it without shutting the direction.
    pub fn forget(self) {
        drop(self.unsplit());
    }

    /// Puts the stream together again; gives the halves back if they are not of one.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// It stands for itself from now on.
    pub(super) fn split_off(mut self) -> OwnedWriteHalf {
        self.shuts = true;
        self
    }

    pub(super) fn unsplit(mut self) -> OwnedWriteHalf {
        self.shuts = false;
        self
    }

    /// [`OwnedWriteHalf::write`] as a poll.
    #[cfg(feature = "tokio")]
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.half.poll(Wanted::Write, context, |host, now, id| host.send(now, id, buf))
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shuts {
            // A connection that is over already has nothing to shut.
            let _ = self.shut();
        }
    }
}

impl ReadHalf<'_> {
    names!();
    ready_methods!();
    readable_methods!();

    fn open(&self) -> &Open {
        self.0.open()
    }

    /// [`OwnedReadHalf::read`].
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }

    /// [`OwnedReadHalf::peek`].
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buf).await
    }

    /// [`OwnedReadHalf::try_read`].
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

impl WriteHalf<'_> {
    names!();
    ready_methods!();
    writable_methods!();

    fn open(&self) -> &Open {
        self.0.open()
    }

    /// [`OwnedWriteHalf::write`].
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    /// [`OwnedWriteHalf::write_all`].
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.0.write_all(buf).await
    }

    /// [`OwnedWriteHalf::try_write`].
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl std::error::Error for ReuniteError {}

impl fmt::Debug for OwnedReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReadHalf").field("addr", &self.local_addr().ok()).finish()
    }
}

impl fmt::Debug for OwnedWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWriteHalf").field("addr", &self.local_addr().ok()).finish()
    }
}
