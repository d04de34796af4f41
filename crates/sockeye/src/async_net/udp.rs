//! Async datagram sockets.

use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::net::{ToSocketAddrs, bound, first_of, none};
use crate::open::{Open, receiving, receiving_from};
use crate::waiting::Interest;

/// A UDP socket. Nothing is lost if one of its futures is dropped.
pub struct UdpSocket {
    open: Arc<Open>,
}

impl UdpSocket {
    /// A socket bound to the first of these addresses that can be.
    /// It is done by the time this returns.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> Ready<io::Result<UdpSocket>> {
        ready(first_of(addr, bound).map(|open| UdpSocket { open }))
    }

    /// Fixes the peer: the first of these addresses that can be.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        first_of(addr, |address| self.open.connect(address))
    }

    /// Sends a datagram to the peer.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Interest::Write, |host, now, id| host.send(now, id, buf)).await
    }

    /// Sends a datagram to the first of these addresses.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let to = addr.to_socket_addrs()?.next().ok_or_else(none)?;
        self.open.wait(Interest::Write, |host, now, id| host.send_to(now, id, buf, Some(to))).await
    }

    /// Receives a datagram of the peer's; what is longer than the buffer is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open.wait(Interest::Read, receiving(buf.len(), false)).await?;
        Ok(chain.copy_to(buf))
    }

    /// Receives a datagram and who sent it; what is longer than the buffer is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (chain, source) = self.open.wait(Interest::Read, receiving_from(false)).await?;
        Ok((chain.copy_to(buf), source))
    }

    /// Its own address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.open.local_addr()
    }

    /// The peer's address, if it is connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.open.peer_addr()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UdpSocket");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}
