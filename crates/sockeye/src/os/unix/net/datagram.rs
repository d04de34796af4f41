//! std's `UnixDatagram`.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{MessageFlags, Opt, SocketType, UnixAddress};
use sockeye_socket::UnixMessage;

use super::{SocketAddr, path};
use crate::methods::{blocking_methods, socket_and_back, time_limits, unix_peer_methods};
use crate::net::how_of;
use crate::open::Open;
use crate::socket::Socket;
use crate::unix;

/// A Unix-domain datagram socket, as [`std::os::unix::net::UnixDatagram`].
pub struct UnixDatagram {
    pub(crate) open: Arc<Open>,
}

impl UnixDatagram {
    blocking_methods!();
    unix_peer_methods!();
    time_limits!();

    /// A socket bound to a path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_addr(&SocketAddr(self::path(path)?))
    }

    /// A socket bound to an address.
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.open.bind_unix(&socket_addr.0)?;
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

    /// Fixes the peer: who is bound to an address.
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.open.connect_unix(&socket_addr.0)
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { open: self.open.clone() })
    }

    /// Receives a datagram and who sent it; what is longer than the buffer is lost.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(buf, MessageFlags::empty())
    }

    /// Receives a datagram; what is longer than the buffer is lost.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, MessageFlags::empty()).map(|(length, _)| length)
    }

    /// As [`UnixDatagram::recv`], and leaves the datagram where it is (MSG_PEEK).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, MessageFlags::PEEK).map(|(length, _)| length)
    }

    /// As [`UnixDatagram::recv_from`], and leaves the datagram where it is (MSG_PEEK).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(buf, MessageFlags::PEEK)
    }

    /// Sends a datagram to who is bound to a path; waits while its queue is full.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr(self::path(path)?))
    }

    /// Sends a datagram to who is bound to an address.
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        self.open.send_unix(buf, &UnixMessage { to: Some(&socket_addr.0), ..UnixMessage::default() })
    }

    /// Sends a datagram to the peer.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.send_unix(buf, &UnixMessage::default())
    }

    fn receive(&self, buf: &mut [u8], flags: MessageFlags) -> io::Result<(usize, SocketAddr)> {
        let received = self.open.receive_unix(buf.len(), flags, 0)?;
        let source = received.source.as_deref().cloned().unwrap_or(UnixAddress::Unnamed);
        Ok((received.bytes.copy_to(buf), SocketAddr(source)))
    }
}

socket_and_back!(UnixDatagram);

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UnixDatagram");
        let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
        local.map(|address| shown.field("local", &address));
        peer.map(|address| shown.field("peer", &address));
        shown.finish()
    }
}
