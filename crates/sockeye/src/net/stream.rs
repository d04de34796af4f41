//! std's `TcpStream`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{Family, How, MessageFlags, Opt, Transport, Value};

use super::{ToSocketAddrs, first_of};
use crate::host;
use crate::methods::{blocking_methods, socket_and_back, stream_io, stream_methods, time_limits};
use crate::open::{Open, scatter};
use crate::socket::Socket;
use crate::waiting::Interest;

/// A TCP connection, as [`std::net::TcpStream`]. Closed when the last of its clones is dropped.
pub struct TcpStream {
    pub(crate) open: Arc<Open>,
}

impl TcpStream {
    blocking_methods!();
    stream_methods!();
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
}

stream_io!(TcpStream);

socket_and_back!(TcpStream);

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
