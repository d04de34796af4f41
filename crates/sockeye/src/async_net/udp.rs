//! Async datagram sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use sockeye_abi::Opt;

use super::ready::{Interest, Ready, readable_methods, ready_methods, writable_methods};
use crate::host;
use crate::methods::datagram_methods;
use crate::net::{self, ToSocketAddrs, bound, first_of, none, resolve};
use crate::open::{Open, receiving, receiving_from};
use crate::waiting::{Interest as Wanted, Ticket};

/// Places of [`UdpSocket::tickets`].
const RECEIVES: usize = 0;
const SENDS: usize = 1;

/// A UDP socket, as `tokio::net::UdpSocket`. Nothing is lost if one of its futures is dropped.
pub struct UdpSocket {
    open: Arc<Open>,
    /// The places of who polls it to receive, and to send.
    tickets: [Mutex<Option<Ticket>>; 2],
}

impl UdpSocket {
    datagram_methods!();
    ready_methods!();
    readable_methods!();
    writable_methods!();

    /// A socket bound to the first of these addresses that can be.
    /// Host and addresses are those of the moment it is called.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<UdpSocket>> + use<A> {
        let (host, resolved) = (host::here(), resolve(addr));
        async move {
            let (host, addresses) = (host?, resolved.await?);
            let open = first_of(addresses, |address| bound(&host, address))?;
            Ok(UdpSocket::new(open))
        }
    }

    fn new(open: Arc<Open>) -> UdpSocket {
        UdpSocket { open, tickets: [Mutex::new(None), Mutex::new(None)] }
    }

    fn open(&self) -> &Open {
        &self.open
    }

    /// The same socket as one that blocks, and back.
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        Ok(UdpSocket::new(socket.open))
    }

    /// The same socket, as one that blocks.
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        Ok(net::UdpSocket { open: self.open.clone() })
    }

    /// Fixes the peer: the first of these addresses that can be.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let addresses = resolve(addr).await?;
        first_of(addresses, |address| self.open.call(|host, now, id| host.connect(now, id, address)))
    }

    /// Sends a datagram to the peer.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Wanted::Write, |host, now, id| host.send(now, id, buf)).await
    }

    /// Sends a datagram to the peer; `WouldBlock` if there is no room.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.call(|host, now, id| host.send(now, id, buf))
    }

    /// Sends a datagram to the first of these addresses.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addresses = resolve(addr).await?;
        let to = addresses.first().copied().ok_or_else(none)?;
        self.open.wait(Wanted::Write, |host, now, id| host.send_to(now, id, buf, Some(to))).await
    }

    /// Sends a datagram to an address; `WouldBlock` if there is no room.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.open.call(|host, now, id| host.send_to(now, id, buf, Some(target)))
    }

    /// Receives a datagram of the peer's; what is longer than the buffer is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open.wait(Wanted::Read, receiving(buf.len(), false)).await?;
        Ok(chain.copy_to(buf))
    }

    /// As [`UdpSocket::recv`], and leaves the datagram where it is (MSG_PEEK).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open.wait(Wanted::Read, receiving(buf.len(), true)).await?;
        Ok(chain.copy_to(buf))
    }

    /// Receives a datagram of the peer's; `WouldBlock` if there is none.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.call(receiving(buf.len(), false)).map(|chain| chain.copy_to(buf))
    }

    /// Receives a datagram and who sent it; what is longer than the buffer is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (chain, source) = self.open.wait(Wanted::Read, receiving_from(false)).await?;
        Ok((chain.copy_to(buf), source))
    }

    /// As [`UdpSocket::recv_from`], and leaves the datagram where it is (MSG_PEEK).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (chain, source) = self.open.wait(Wanted::Read, receiving_from(true)).await?;
        Ok((chain.copy_to(buf), source))
    }

    /// Receives a datagram and who sent it; `WouldBlock` if there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.open.call(receiving_from(false)).map(|(chain, source)| (chain.copy_to(buf), source))
    }

    /// [`UdpSocket::recv_from`] as a poll. The task that polled last to receive is woken.
    pub fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut ticket = self.tickets[RECEIVES].lock().unwrap_or_else(PoisonError::into_inner);
        let poll = self.open.poll((Wanted::Read, &mut ticket), context, receiving_from(false));
        poll.map_ok(|(chain, source)| (chain.copy_to(buf), source))
    }

    /// [`UdpSocket::send_to`] as a poll. The task that polled last to send is woken.
    pub fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let mut ticket = self.tickets[SENDS].lock().unwrap_or_else(PoisonError::into_inner);
        let send = |host: &mut sockeye_socket::Host, now, id| host.send_to(now, id, buf, Some(target));
        self.open.poll((Wanted::Write, &mut ticket), context, send)
    }

    /// Joins a group on the interface with this address, or one of the system's choice if that is unspecified
    /// (IP_ADD_MEMBERSHIP).
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.open.set_group_v4(Opt::IpAddMembership, multiaddr, interface)
    }

    /// Joins a group on the interface of this number, or one of the system's choice if that is 0 (IPV6_JOIN_GROUP).
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.open.set_group_v6(Opt::Ipv6AddMembership, *multiaddr, interface)
    }

    /// Leaves a group (IP_DROP_MEMBERSHIP).
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.open.set_group_v4(Opt::IpDropMembership, multiaddr, interface)
    }

    /// Leaves a group (IPV6_LEAVE_GROUP).
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.open.set_group_v6(Opt::Ipv6DropMembership, *multiaddr, interface)
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        for ticket in &mut self.tickets {
            if let Some(ticket) = ticket.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
                self.open.shared.forget((self.open.host, self.open.id), ticket);
            }
        }
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UdpSocket");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}
