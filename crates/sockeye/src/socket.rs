//! The socket below std's types: every call and every option, one by one.

mod bytes;
mod message;
mod unix;
mod unix_bytes;

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use crate::host::{self, Host};
use crate::net::how_of;
use crate::open::Open;

pub use sockeye_abi::{
    Control, Credentials, Errno, ExtendedError, Family, Kind, MessageFlags, Numbers, OPTIONS, Opt, Origin,
    PktInfo, PktInfo6, Readiness, Row, Sockets, State, Transport, Value,
};

pub use bytes::ReceivedBytes;
pub use message::{Message, Received};
pub use sockeye_abi::{SocketType, UnixAddress};
pub use unix::{Passed, UnixMessage, UnixReceived};

/// A socket, call by call (socket(7)): for what std's types have no method for.
#[derive(Clone)]
pub struct Socket {
    pub(crate) open: Arc<Open>,
}

impl Socket {
    /// Opens a socket on the host entered (socket(2)).
    pub fn new(family: Family, transport: Transport) -> io::Result<Socket> {
        let host = host::here()?;
        Ok(Socket { open: Open::new(&host.shared, host.id, family, transport)? })
    }

    /// The host it is on.
    pub fn host(&self) -> Host {
        Host::new(&self.open.shared, self.open.host)
    }

    /// bind(2).
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.open.call(|host, now, id| host.bind(now, id, address))
    }

    /// connect(2). EINPROGRESS on a non-blocking stream; then [`Socket::readiness`] and [`Socket::take_error`] tell.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.open.connect(address)
    }

    /// connect(2) to AF_UNSPEC: back to a socket without a peer.
    pub fn disconnect(&self) -> io::Result<()> {
        self.open.call(|host, now, id| host.disconnect(now, id))
    }

    /// listen(2).
    pub fn listen(&self, backlog: i32) -> io::Result<()> {
        self.open.call(|host, now, id| host.listen(now, id, backlog))
    }

    /// accept(2).
    pub fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (open, peer) = self.open.accept()?;
        Ok((Socket { open }, peer))
    }

    /// send(2) with flags: as [`Socket::send_message`].
    pub fn send(&self, bytes: &[u8], flags: MessageFlags) -> io::Result<usize> {
        self.send_message(&Message::new(bytes).flags(flags))
    }

    /// sendto(2) with flags: as [`Socket::send_message`].
    pub fn send_to(&self, bytes: &[u8], to: Option<SocketAddr>, flags: MessageFlags) -> io::Result<usize> {
        let message = Message::new(bytes).flags(flags);
        self.send_message(&to.map_or(message, |to| message.to(to)))
    }

    /// recvfrom(2) with flags: as [`Socket::receive_message`]. With MSG_TRUNC a datagram's whole length is given.
    pub fn recv_from(
        &self,
        buffer: &mut [u8],
        flags: MessageFlags,
    ) -> io::Result<(usize, Option<SocketAddr>)> {
        let received = self.receive_message(buffer, flags)?;
        let whole = flags.contains(MessageFlags::TRUNC);
        Ok((if whole { received.full_length } else { received.length }, received.source))
    }

    /// shutdown(2).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.open.call(|host, now, id| host.shutdown(now, id, how_of(how)))
    }

    /// setsockopt(2): any option of the table [`sockeye_abi::OPTIONS`]. ENOPROTOOPT for one that is not supported.
    pub fn set_option(&self, option: Opt, value: Value) -> io::Result<()> {
        self.open.set_option(option, value)
    }

    /// getsockopt(2).
    pub fn option(&self, option: Opt) -> io::Result<Value> {
        self.open.option(option)
    }

    /// The pending error (SO_ERROR), which is none afterwards.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.open.take_error()
    }

    /// What poll(2) would say now.
    pub fn readiness(&self) -> io::Result<Readiness> {
        self.open.call(|host, _, id| Ok(host.readiness(id)))
    }

    /// Bytes that can be read now (FIONREAD).
    pub fn unread(&self) -> io::Result<usize> {
        self.open.call(|host, _, id| host.unread(id))
    }

    /// Bytes the peer has not acknowledged (SIOCOUTQ).
    pub fn unacknowledged(&self) -> io::Result<usize> {
        self.open.call(|host, _, id| host.unsent(id).map(|(all, _)| all))
    }

    /// O_NONBLOCK.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.open.set_nonblocking(on);
        Ok(())
    }

    /// Whether O_NONBLOCK is set.
    pub fn is_nonblocking(&self) -> bool {
        self.open.is_nonblocking()
    }

    /// getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.open.local_addr()
    }

    /// getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.open.peer_addr()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.open.id).finish_non_exhaustive()
    }
}
