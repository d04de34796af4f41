//! Async streams.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_abi::{MessageFlags, Opt, Transport, Value};
use sockeye_socket::Outgoing;

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, halves};
use super::ready::{Interest, Ready, readable_methods, ready_methods, writable_methods};
use crate::host;
use crate::methods::stream_methods;
use crate::net::{self, ToSocketAddrs, family_of, how_of, none, resolve};
use crate::open::{Open, receiving};
use crate::waiting::Interest as Wanted;

/// A TCP connection, as `tokio::net::TcpStream`. Closed when it, or the last of its halves, is dropped.
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl TcpStream {
    stream_methods!();
    ready_methods!();
    readable_methods!();
    writable_methods!();

    pub(crate) fn new(open: Arc<Open>) -> TcpStream {
        open.never_lingers();
        let (read, write) = halves(open);
        TcpStream::of_halves(read, write)
    }

    pub(super) fn of_halves(read: OwnedReadHalf, write: OwnedWriteHalf) -> TcpStream {
        TcpStream { read, write }
    }

    fn open(&self) -> &Arc<Open> {
        self.read.open()
    }

    /// Connects to the first of these addresses that accepts; the error is that of the last. Host and addresses are
    /// those of the moment it is called.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpStream>> + use<A> {
        let (host, resolved) = (host::here(), resolve(addr));
        async move {
            let (host, addresses) = (host?, resolved.await?);
            let mut last = None;
            for address in addresses {
                let open = Open::new(&host.shared, host.id, family_of(address), Transport::Tcp)?;
                match open.wait(Wanted::Write, |host, now, id| host.connect(now, id, address)).await {
                    Ok(()) => return Ok(TcpStream::new(open)),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(none))
        }
    }

    /// The same connection as one that blocks, and back.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream::new(stream.open))
    }

    /// The same connection, as one that blocks.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        Ok(net::TcpStream { open: self.open().clone() })
    }

    /// Reads what is there, at least a byte; 0 at the end.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read.read(buf).await
    }

    /// Reads what is there, and leaves it there (MSG_PEEK).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open().wait(Wanted::Read, receiving(buf.len(), true)).await?;
        Ok(chain.copy_to(buf))
    }

    /// [`TcpStream::peek`] as a poll. Takes the place of a read that waits.
    pub fn poll_peek(&mut self, context: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let poll = self.read.poll_call(context, buf.len(), true);
        poll.map(|result| result.map(|chain| chain.copy_to(buf)))
    }

    /// Writes what there is room for, at least a byte.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write.write(buf).await
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.write.write_all(buf).await
    }

    /// Reads what is there; `WouldBlock` if there is nothing yet.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read.try_read(buf)
    }

    /// The same into several buffers, one after the other.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read.try_read_vectored(bufs)
    }

    /// Writes what there is room for; `WouldBlock` if there is none.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.write.try_write(buf)
    }

    /// The same from several buffers, one after the other.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write.try_write_vectored(bufs)
    }

    /// Writes bytes the last of which is urgent (MSG_OOB). The peer waits for it by [`TcpStream::ready`] with
    /// [`Interest::PRIORITY`].
    pub async fn send_out_of_band(&self, buf: &[u8]) -> io::Result<usize> {
        let message = Outgoing { bytes: buf, flags: MessageFlags::OOB, ..Outgoing::default() };
        self.open().wait(Wanted::Write, |host, now, id| host.send_message(now, id, &message)).await
    }

    /// Shuts one direction or both (shutdown(2)).
    pub fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.open().call(|host, now, id| host.shutdown(now, id, how_of(how)))
    }

    /// Borrows it as two halves, for two futures of one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(&mut self.read), WriteHalf(&mut self.write))
    }

    /// Takes it apart, for two tasks. The half that writes shuts its direction when it is dropped.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write.split_off())
    }

    /// Both halves, for tokio's traits.
    #[cfg(feature = "tokio")]
    pub(super) fn halves_mut(&mut self) -> (&mut OwnedReadHalf, &mut OwnedWriteHalf) {
        (&mut self.read, &mut self.write)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TcpStream");
        let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
        local.map(|address| shown.field("addr", &address));
        peer.map(|address| shown.field("peer", &address));
        shown.finish()
    }
}
