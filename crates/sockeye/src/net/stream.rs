//! std's `TcpStream`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{Family, How, MessageFlags, Opt, Transport, Value};

use super::{ToSocketAddrs, first_of};
use crate::host;
use crate::open::Open;
use crate::waiting::Interest;

/// A TCP connection, as [`std::net::TcpStream`]. Closed when the last of its clones is dropped.
pub struct TcpStream {
    pub(crate) open: Arc<Open>,
}

impl TcpStream {
    common_methods!();
    time_limits!();

    /// Connects to the first of these addresses that accepts; the error is that of the last.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let host = host::here()?;
        first_of(addr.to_socket_addrs()?, |address| {
            let open = Open::new(&host.shared, host.id, family_of(address), Transport::Tcp)?;
            open.connect(address)?;
            Ok(TcpStream { open })
        })
    }

    /// Connects within a time; `TimedOut` if it was not enough, `InvalidInput` for none at all.
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        let host = host::here()?;
        let open = Open::new(&host.shared, host.id, family_of(*addr), Transport::Tcp)?;
        let until = host.shared.now() + timeout;
        let connected =
            open.block_until(Interest::Write, Some(until), |host, now, id| host.connect(now, id, *addr))?;
        match connected {
            Some(()) => Ok(TcpStream { open }),
            None => Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out")),
        }
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.open.peer_addr()
    }

    /// Shuts one direction or both (shutdown(2)).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.open.call(|host, now, id| host.shutdown(now, id, how_of(how)))
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(TcpStream { open: self.open.clone() })
    }

    /// Reads and leaves the bytes where they are (MSG_PEEK).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, true)
    }

    /// Writes bytes the last of which is urgent (MSG_OOB).
    pub fn send_out_of_band(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.send_message(buf, MessageFlags::OOB)
    }

    /// Reads the peer's urgent byte, out of its turn in the stream (MSG_OOB). Never waits: `InvalidInput` if there is
    /// none, `WouldBlock` if it was announced and has not come.
    pub fn recv_out_of_band(&self) -> io::Result<u8> {
        let byte = self.open.call(|host, now, id| host.receive_urgent(now, id, false))?.to_vec();
        byte.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Whether the next byte to be read is the urgent one, or, if that is out of line, the one behind it (SIOCATMARK).
    pub fn at_mark(&self) -> io::Result<bool> {
        self.open.call(|host, _, id| host.at_mark(id))
    }

    /// Leaves urgent bytes in the stream (SO_OOBINLINE).
    pub fn set_out_of_band_inline(&self, inline: bool) -> io::Result<()> {
        self.open.set_flag(Opt::SoOobInline, inline)
    }

    /// What [`TcpStream::set_out_of_band_inline`] set.
    pub fn out_of_band_inline(&self) -> io::Result<bool> {
        self.open.flag(Opt::SoOobInline)
    }

    /// Sends small segments at once (TCP_NODELAY).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.open.set_flag(Opt::TcpNoDelay, nodelay)
    }

    /// What [`TcpStream::set_nodelay`] set.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.open.flag(Opt::TcpNoDelay)
    }

    /// What dropping it does with unsent data (SO_LINGER): with a span of zero the connection is reset. The wait of
    /// other spans is not made: dropping returns at once, and the data go on being sent.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        let seconds = linger.map_or(0, |span| i32::try_from(span.as_secs()).unwrap_or(i32::MAX));
        self.open.set_option(Opt::SoLinger, Value::Linger { on: linger.is_some(), seconds })
    }

    /// What [`TcpStream::set_linger`] set, in whole seconds.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        match self.open.option(Opt::SoLinger)? {
            Value::Linger { on: true, seconds } => {
                Ok(Some(Duration::from_secs(seconds.unsigned_abs().into())))
            }
            _ => Ok(None),
        }
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, false)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = bufs.iter().fold(0usize, |sum, buf| sum.saturating_add(buf.len()));
        let mut chain = self.open.receive_chain(room, false)?;
        let length = chain.len();
        for buf in bufs {
            let copied = chain.copy_to(buf);
            chain.advance(copied);
        }
        Ok(length)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.open.send(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let pieces: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        self.open.send(&pieces.concat())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// The family of sockets for an address.
pub(crate) fn family_of(address: SocketAddr) -> Family {
    if address.is_ipv4() { Family::Inet } else { Family::Inet6 }
}

/// The directions as shutdown(2) knows them.
pub(crate) fn how_of(how: Shutdown) -> How {
    match how {
        Shutdown::Read => How::Read,
        Shutdown::Write => How::Write,
        Shutdown::Both => How::Both,
    }
}
