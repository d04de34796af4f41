//! Async datagram sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::host;
use crate::net::{ToSocketAddrs, bound, first_of, none, resolve};
use crate::open::{Open, receiving, receiving_from};
use crate::waiting::Interest;

/// A UDP socket. Nothing is lost if one of its futures is dropped.
pub struct UdpSocket {
    open: Arc<Open>,
}

impl UdpSocket {
    /// A socket bound to the first of these addresses that can be.
    /// Host and addresses are those of the moment it is called.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<UdpSocket>> + use<A> {
        let (host, resolved) = (host::here(), resolve(addr));
        async move {
            let (host, addresses) = (host?, resolved.await?);
            let open = first_of(addresses, |address| bound(&host, address))?;
            Ok(UdpSocket { open })
        }
    }

    /// Fixes the peer: the first of these addresses that can be.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let addresses = resolve(addr).await?;
        first_of(addresses, |address| self.open.call(|host, now, id| host.connect(now, id, address)))
    }

    /// Sends a datagram to the peer.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Interest::Write, |host, now, id| host.send(now, id, buf)).await
    }

    /// Sends a datagram to the first of these addresses.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addresses = resolve(addr).await?;
        let to = addresses.first().copied().ok_or_else(none)?;
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
