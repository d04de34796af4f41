//! Async streams and their halves.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{Opt, Transport};

use crate::host;
use crate::net::{ToSocketAddrs, family_of, how_of, none, resolve};
use crate::open::{Open, receiving};
use crate::waiting::{Interest, Ticket};

/// A TCP connection. Closed when it, or the last of its halves, is dropped.
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

/// The half of a stream that reads. A task that polls it takes the place of the one before.
pub struct OwnedReadHalf {
    open: Arc<Open>,
    ticket: Option<Ticket>,
}

/// The half of a stream that writes. Dropping it does not shut the direction; [`OwnedWriteHalf::shutdown`] does.
pub struct OwnedWriteHalf {
    open: Arc<Open>,
    ticket: Option<Ticket>,
}

impl TcpStream {
    pub(crate) fn new(open: Arc<Open>) -> TcpStream {
        let read = OwnedReadHalf { open: open.clone(), ticket: None };
        TcpStream { read, write: OwnedWriteHalf { open, ticket: None } }
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
                match open.wait(Interest::Write, |host, now, id| host.connect(now, id, address)).await {
                    Ok(()) => return Ok(TcpStream::new(open)),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(none))
        }
    }

    /// Reads what is there, at least a byte; 0 at the end.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read.read(buf).await
    }

    /// Writes what there is room for, at least a byte.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write.write(buf).await
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.write.write_all(buf).await
    }

    /// Shuts one direction or both (shutdown(2)).
    pub fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.open().call(|host, now, id| host.shutdown(now, id, how_of(how)))
    }

    /// Takes it apart, for two tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }

    /// Its own address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.open().local_addr()
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.open().peer_addr()
    }

    /// Sends small segments at once (TCP_NODELAY).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.open().set_flag(Opt::TcpNoDelay, nodelay)
    }

    /// What [`TcpStream::set_nodelay`] set.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.open().flag(Opt::TcpNoDelay)
    }

    fn open(&self) -> &Open {
        &self.read.open
    }
}

impl OwnedReadHalf {
    /// Reads what is there, at least a byte; 0 at the end.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open.wait(Interest::Read, receiving(buf.len(), false)).await?;
        Ok(chain.copy_to(buf))
    }

    /// [`OwnedReadHalf::read`] of at most so many bytes, as a poll and without a copy.
    #[cfg(feature = "tokio")]
    fn poll_receive(
        &mut self,
        context: &mut std::task::Context<'_>,
        max: usize,
    ) -> std::task::Poll<io::Result<sockeye_base::Chain>> {
        // Who has waited gives the place up by the longer way.
        if self.ticket.is_none()
            && let Some(chain) = self.open.receive_plain(max)
        {
            return std::task::Poll::Ready(Ok(chain));
        }
        self.open.poll((Interest::Read, &mut self.ticket), context, receiving(max, false))
    }
}

impl OwnedWriteHalf {
    /// Writes what there is room for, at least a byte.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Interest::Write, |host, now, id| host.send(now, id, buf)).await
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let written = self.write(buf).await?;
            buf = buf.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Shuts the direction (shutdown(2) with SHUT_WR): the peer reads the end.
    pub fn shut(&self) -> io::Result<()> {
        self.open.call(|host, now, id| host.shutdown(now, id, how_of(Shutdown::Write)))
    }

    /// [`OwnedWriteHalf::write`] as a poll.
    #[cfg(feature = "tokio")]
    fn poll_send(
        &mut self,
        context: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        self.open.poll((Interest::Write, &mut self.ticket), context, |host, now, id| host.send(now, id, buf))
    }
}

impl Drop for OwnedReadHalf {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.open.shared.forget((self.open.host, self.open.id), ticket);
        }
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.open.shared.forget((self.open.host, self.open.id), ticket);
        }
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

#[cfg(feature = "tokio")]
mod tokio_io {
    //! tokio's traits.

    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

    impl AsyncRead for OwnedReadHalf {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let chain = ready!(self.poll_receive(context, buf.remaining()))?;
            chain.pieces().for_each(|piece| buf.put_slice(piece));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for OwnedWriteHalf {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_send(context, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.shut())
        }
    }

    impl AsyncRead for TcpStream {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.read).poll_read(context, buf)
        }
    }

    impl AsyncWrite for TcpStream {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.write).poll_write(context, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.write).poll_shutdown(context)
        }
    }
}
