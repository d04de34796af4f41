//! Datagram sockets: UDP's calls, and the errors ICMP brings back (udp(7)).
//!
//! As Linux: an error is the result of the next call, whichever that is; without IP_RECVERR only those count that won't
//! pass by themselves.

use std::collections::VecDeque;
use std::net::SocketAddr;

use sockeye_abi::{Errno, Family, How, Opt};
use sockeye_base::{Chain, Instant};
use sockeye_stack::UdpId;

use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::stream::request_of;
use crate::{address, errors};

/// Error reports kept for MSG_ERRQUEUE; Linux bounds them by the receive buffer.
const REPORTS: usize = 64;
/// The longest length a UDP header can say.
const LONGEST: usize = 65_535;

/// A datagram socket.
#[derive(Debug, Default)]
pub(crate) struct Datagram {
    /// What the stack calls it, once it has a port.
    pub(crate) udp: Option<UdpId>,
    /// `bind` named the port, so `disconnect` keeps it.
    port_locked: bool,
    /// The address `bind` named.
    address_locked: Option<SocketAddr>,
    /// The peer, as `connect` named it.
    peer: Option<SocketAddr>,
    pub(crate) error: Option<Errno>,
    /// The error queue (IP_RECVERR).
    pub(crate) reports: VecDeque<ErrorReport>,
}

/// An entry of the error queue, which `recvmsg` with MSG_ERRQUEUE takes. The quoted datagram and the address of who
/// complained are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// The error.
    pub errno: Errno,
    /// Where the datagram had been sent.
    pub destination: SocketAddr,
}

impl Host {
    /// Takes the oldest entry of a datagram socket's error queue; EAGAIN if it's empty.
    pub fn receive_error(&mut self, id: SocketId) -> Result<ErrorReport> {
        self.collect_datagram_error(id);
        self.datagram_mut(id)?.reports.pop_front().ok_or(Errno::EAGAIN)
    }

    fn datagram(&self, id: SocketId) -> Result<(&Socket, &Datagram)> {
        let socket = self.get(id)?;
        match &socket.kind {
            Kind::Datagram(datagram) => Ok((socket, datagram)),
            Kind::Stream(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    fn datagram_mut(&mut self, id: SocketId) -> Result<&mut Datagram> {
        match &mut self.get_mut(id)?.kind {
            Kind::Datagram(datagram) => Ok(datagram),
            Kind::Stream(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(crate) fn bind_datagram(&mut self, now: Instant, id: SocketId, wanted: SocketAddr) -> Result<()> {
        let local = self.may_bind(id, wanted)?;
        let (socket, datagram) = self.datagram(id)?;
        if datagram.udp.is_some() {
            return Err(Errno::EINVAL);
        }
        if local.port() == 0 && socket.options.seldom.is_on(Opt::IpBindAddressNoPort) {
            if !self.stack.may_bind(&request_of(socket, local)) {
                return Err(Errno::EADDRNOTAVAIL);
            }
        } else {
            self.take_port(now, id, local)?;
        }
        let datagram = self.datagram_mut(id)?;
        datagram.port_locked = local.port() != 0;
        datagram.address_locked = Some(local).filter(|local| !local.ip().is_unspecified());
        self.keep_family(id, local)
    }

    pub(crate) fn connect_datagram(&mut self, now: Instant, id: SocketId, wanted: SocketAddr) -> Result<()> {
        // Linux takes the port first, whatever the address is worth.
        let udp = self.port_of(now, id)?;
        let remote = self.reachable(id, wanted)?;
        self.stack.udp_set_ip_options(udp, self.get(id)?.options.ip_options(remote.ip()));
        self.bind_to_peers_scope(id, wanted)?;
        let outgoing = self.get(id)?.options.interfaces.outgoing(remote.ip(), None);
        self.stack.udp_set_outgoing(udp, outgoing);
        self.stack.udp_connect(udp, remote).map_err(errors::of_connect)?;
        self.datagram_mut(id)?.peer = Some(remote);
        Ok(())
    }

    pub(crate) fn disconnect_datagram(&mut self, id: SocketId) -> Result<()> {
        let (_, datagram) = self.datagram(id)?;
        let (udp, keep) = (datagram.udp, datagram.port_locked);
        if let Some(udp) = udp {
            self.stack.udp_disconnect(udp);
            if !keep {
                self.stack.udp_close(udp);
                self.disown_udp(udp);
            }
        }
        let datagram = self.datagram_mut(id)?;
        datagram.peer = None;
        if !keep {
            datagram.udp = None;
        }
        Ok(())
    }

    /// Everything that can fail before a datagram's bytes are copied.
    pub(crate) fn before_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        len: usize,
        to: Option<SocketAddr>,
    ) -> Result<()> {
        self.port_of(now, id)?;
        if len > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        match to {
            Some(to) if to.port() == 0 => return Err(Errno::EINVAL),
            Some(to) => {
                self.reachable(id, to)?;
            }
            None if self.datagram(id)?.1.peer.is_none() => return Err(Errno::EDESTADDRREQ),
            None => {}
        }
        if let Some(error) = self.take_datagram_error(id) {
            return Err(error);
        }
        if self.get(id)?.shut.write { Err(Errno::EPIPE) } else { Ok(()) }
    }

    pub(crate) fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: Chain,
        to: Option<SocketAddr>,
    ) -> Result<usize> {
        let udp = self.port_of(now, id)?;
        let scope = to.and_then(address::scope);
        let to = to.map(|to| self.reachable(id, to)).transpose()?;
        let (socket, datagram) = self.datagram(id)?;
        if let Some(remote) = to.or(datagram.peer) {
            let ip = socket.options.ip_options(remote.ip());
            let outgoing = socket.options.interfaces.outgoing(remote.ip(), scope);
            self.stack.udp_set_ip_options(udp, ip);
            self.stack.udp_set_outgoing(udp, outgoing);
        }
        let len = bytes.len();
        self.stack.udp_send(now, udp, to, bytes).map_err(errors::of_send)?;
        Ok(len)
    }

    pub(crate) fn receive_datagram(&mut self, id: SocketId, peek: bool) -> Result<(Chain, SocketAddr)> {
        if let Some(error) = self.take_datagram_error(id) {
            return Err(error);
        }
        let (socket, datagram) = self.datagram(id)?;
        let family = socket.family;
        let udp = datagram.udp.ok_or(Errno::EAGAIN)?;
        let received = self.stack.udp_receive(udp, peek).ok_or(Errno::EAGAIN)?;
        let source = address::to_program(family, received.source);
        Ok((received.payload, address::with_scope(source, Some(received.interface))))
    }

    pub(crate) fn shutdown_datagram(&mut self, id: SocketId, how: How) -> Result<()> {
        self.shut(id, how)?;
        if self.datagram(id)?.1.peer.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    pub(crate) fn take_datagram_error(&mut self, id: SocketId) -> Option<Errno> {
        self.collect_datagram_error(id);
        self.datagram_mut(id).ok()?.error.take()
    }

    /// Moves what the stack learned from ICMP to the socket.
    pub(crate) fn collect_datagram_error(&mut self, id: SocketId) {
        let Ok((socket, datagram)) = self.datagram(id) else { return };
        let Some(udp) = datagram.udp else { return };
        let peer = datagram.peer.or_else(|| self.stack.udp_remote(udp));
        let over_v6 = peer.map_or(socket.family == Family::Inet6, |peer| peer.is_ipv6());
        let wants_all = socket.options.receives_errors(over_v6);
        let destination = address::to_program(socket.family, peer.unwrap_or(address::any(socket.family, 0)));
        let Some(error) = self.stack.udp_take_error(udp) else { return };
        let errno = errors::of_udp(error, over_v6);
        let Ok(datagram) = self.datagram_mut(id) else { return };
        if wants_all && datagram.reports.len() < REPORTS {
            datagram.reports.push_back(ErrorReport { errno, destination });
        }
        datagram.error = Some(errno);
    }

    pub(crate) fn end_datagram(&mut self, datagram: Datagram) {
        if let Some(udp) = datagram.udp {
            self.stack.udp_close(udp);
            self.disown_udp(udp);
        }
    }

    pub(crate) fn datagram_local(&self, family: Family, datagram: &Datagram) -> SocketAddr {
        let held = datagram.udp.and_then(|udp| self.stack.udp_local(udp));
        let named = datagram.address_locked.map(|local| SocketAddr::new(local.ip(), 0));
        held.or(named).unwrap_or_else(|| address::any(family, 0))
    }

    pub(crate) fn datagram_peer(&self, datagram: &Datagram) -> Option<SocketAddr> {
        // Port 0 is no peer to getpeername.
        datagram.peer.filter(|peer| peer.port() != 0)
    }

    /// Where a datagram to this address goes, if the socket may send there.
    fn reachable(&self, id: SocketId, wanted: SocketAddr) -> Result<SocketAddr> {
        let (socket, datagram) = self.datagram(id)?;
        let remote = address::destination(address::to_stack(socket.family, wanted)?);
        if socket.family == Family::Inet6 && remote.is_ipv4() {
            let local = datagram.udp.and_then(|udp| self.stack.udp_local(udp)).map(|local| local.ip());
            let v6_only = local.is_some_and(|local| local.is_ipv6() && !local.is_unspecified());
            if socket.options.v6only || v6_only {
                return Err(Errno::ENETUNREACH);
            }
        }
        if self.stack.is_broadcast(remote.ip()) && !socket.options.broadcast {
            return Err(Errno::EACCES);
        }
        Ok(remote)
    }

    /// The socket's port, taken now if it has none.
    fn port_of(&mut self, now: Instant, id: SocketId) -> Result<UdpId> {
        let (socket, datagram) = self.datagram(id)?;
        match datagram.udp {
            Some(udp) => Ok(udp),
            None => {
                let local = datagram.address_locked.unwrap_or(address::any(socket.family, 0));
                let local = SocketAddr::new(local.ip(), 0);
                // No port free is EAGAIN here (udp(7)).
                self.take_port(now, id, local).map_err(|error| match error {
                    Errno::EADDRINUSE => Errno::EAGAIN,
                    other => other,
                })
            }
        }
    }

    fn take_port(&mut self, now: Instant, id: SocketId, local: SocketAddr) -> Result<UdpId> {
        let (socket, _) = self.datagram(id)?;
        let buffer = socket.options.receive_buffer();
        let request = request_of(socket, local);
        let udp = self.stack.udp_bind(now, request).map_err(errors::of_bind)?;
        if let Some(bytes) = buffer {
            self.stack.udp_set_receive_buffer(udp, bytes);
        }
        if let Some(members) = self.get(id)?.members {
            self.stack.udp_set_members(udp, members);
        }
        self.own_udp(udp, id);
        self.datagram_mut(id)?.udp = Some(udp);
        Ok(udp)
    }
}
