//! std's `UdpSocket`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{Opt, Transport};

use super::{ToSocketAddrs, family_of, first_of, none};
use crate::host::{self, Host};
use crate::methods::{blocking_methods, datagram_methods, socket_and_back, time_limits};
use crate::open::Open;
use crate::socket::Socket;

/// A UDP socket, as [`std::net::UdpSocket`].
pub struct UdpSocket {
    pub(crate) open: Arc<Open>,
}

impl UdpSocket {
    blocking_methods!();
    datagram_methods!();
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

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(UdpSocket { open: self.open.clone() })
    }

    /// Joins a group on the interface with this address, or one of the system's choice if that is unspecified
    /// (IP_ADD_MEMBERSHIP).
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.open.set_group_v4(Opt::IpAddMembership, *multiaddr, *interface)
    }

    /// Joins a group on the interface of this number, or one of the system's choice if that is 0 (IPV6_JOIN_GROUP).
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.open.set_group_v6(Opt::Ipv6AddMembership, *multiaddr, interface)
    }

    /// Leaves a group (IP_DROP_MEMBERSHIP).
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.open.set_group_v4(Opt::IpDropMembership, *multiaddr, *interface)
    }

    /// Leaves a group (IPV6_LEAVE_GROUP).
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.open.set_group_v6(Opt::Ipv6DropMembership, *multiaddr, interface)
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

socket_and_back!(UdpSocket);

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
