//! std's `UdpSocket`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{Opt, Transport};

use super::{ToSocketAddrs, family_of, first_of, none};
use crate::host::{self, Host};
use crate::open::Open;

/// A UDP socket, as [`std::net::UdpSocket`].
pub struct UdpSocket {
    pub(crate) open: Arc<Open>,
}

impl UdpSocket {
    common_methods!();
    time_limits!();

    /// A socket bound to the first of these addresses that can be.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        let host = host::here()?;
        let open = first_of(addr.to_socket_addrs()?, |address| bound(&host, address))?;
        Ok(UdpSocket { open })
    }

    /// Receives a datagram and who sent it; what is longer than the buffer is lost.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.open.receive_from(buf, false)
    }

    /// As [`UdpSocket::recv_from`], and leaves the datagram where it is (MSG_PEEK).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.open.receive_from(buf, true)
    }

    /// Sends a datagram to the first of these addresses.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        self.open.send_to(buf, addr.to_socket_addrs()?.next().ok_or_else(none)?)
    }

    /// The peer's address, if it is connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.open.peer_addr()
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(UdpSocket { open: self.open.clone() })
    }

    /// Allows datagrams to broadcast addresses (SO_BROADCAST).
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.open.set_flag(Opt::SoBroadcast, broadcast)
    }

    /// What [`UdpSocket::set_broadcast`] set.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.open.flag(Opt::SoBroadcast)
    }

    /// Fixes the peer: the first of these addresses that can be.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        first_of(addr.to_socket_addrs()?, |address| self.open.connect(address))
    }

    /// Sends a datagram to the peer.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.send(buf)
    }

    /// Receives a datagram of the peer's.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, false)
    }

    /// As [`UdpSocket::recv`], and leaves the datagram where it is (MSG_PEEK).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, true)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UdpSocket");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}

/// A datagram socket of a host, bound to an address.
pub(crate) fn bound(host: &Host, address: SocketAddr) -> io::Result<Arc<Open>> {
    let open = Open::new(&host.shared, host.id, family_of(address), Transport::Udp)?;
    open.call(|host, now, id| host.bind(now, id, address))?;
    Ok(open)
}
