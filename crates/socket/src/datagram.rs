//! Datagram sockets: UDP's calls, and the errors ICMP brings back (udp(7)).
//!
//! As Linux: an error is the result of the next call, whichever that is; without IP_RECVERR only those count that won't
//! pass by themselves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{
    Control, Errno, ExtendedError, Family, How, MessageFlags, Opt, Origin, Transport, decode_connect,
};
use sockeye_base::{Chain, Duration, Instant, Pool};
use sockeye_stack::{Arrival, Directions, ErrorReport, Event, Ready, Received, UdpId};

use crate::control::Wishes;
use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::message::{Incoming, Outgoing};
use crate::stream::request_of;
use crate::{address, errors};

/// The longest length a UDP header can say.
pub(crate) const LONGEST: usize = 65_535;

/// A datagram socket; or a raw one, which has no port.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) transport: Transport,
    /// What the stack calls it, once it has a port.
    pub(crate) udp: Option<UdpId>,
    /// `bind` named the port, so `disconnect` keeps it.
    pub(crate) port_locked: bool,
    /// The address `bind` named.
    address_locked: Option<SocketAddr>,
    /// The peer, as `connect` named it.
    pub(crate) peer: Option<SocketAddr>,
    /// The pending error that outlived the port.
    pub(crate) error: Option<Errno>,
    /// UDP_CORK, MSG_MORE: what waits for more.
    pub(crate) cork: Option<Box<Cork>>,
    last: Last,
}

/// When the last datagram came that was read, as far as it was noted.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    #[default]
    Never,
    Unknown,
    At(Instant),
}

/// A datagram that grows.
#[derive(Debug)]
pub(crate) struct Cork {
    pub(crate) ready: Ready,
    pub(crate) data: Chain,
}

impl Datagram {
    pub(crate) fn new(transport: Transport) -> Datagram {
        Datagram {
            transport,
            udp: None,
            port_locked: false,
            address_locked: None,
            peer: None,
            error: None,
            cork: None,
            last: Last::Never,
        }
    }
}

impl Host {
    pub(crate) fn datagram(&self, id: SocketId) -> Result<(&Socket, &Datagram)> {
        let socket = self.get(id)?;
        match &socket.kind {
            Kind::Datagram(datagram) => Ok((socket, datagram)),
            Kind::Stream(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(crate) fn datagram_mut(&mut self, id: SocketId) -> Result<&mut Datagram> {
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
        datagram.address_locked = Some(local).filter(|_| address::is_named(wanted));
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
        if self.stack.is_broadcast(remote.ip()) && !self.get(id)?.options.broadcast {
            let way = Directions { to: Some(remote), ..Directions::default() };
            self.stack.udp_prepare(now, udp, way).map_err(errors::of_send)?;
            return Err(Errno::EACCES);
        }
        self.stack.udp_connect(udp, remote).map_err(errors::of_connect)?;
        self.datagram_mut(id)?.peer = Some(remote);
        Ok(())
    }

    pub(crate) fn disconnect_datagram(&mut self, id: SocketId) -> Result<()> {
        let (_, datagram) = self.datagram(id)?;
        let keep = datagram.port_locked || matches!(datagram.transport, Transport::Raw(_));
        let (udp, named) = (datagram.udp, datagram.address_locked.is_some());
        if let Some(udp) = udp {
            if named {
                // Who bound to `::ffff:0.0.0.0` stays where `connect` has brought it.
                let local = self.stack.udp_local(udp);
                self.datagram_mut(id)?.address_locked = local;
            }
            self.stack.udp_disconnect(udp, named);
            if !keep {
                let error = self.take_datagram_error(id);
                self.datagram_mut(id)?.error = error;
                self.stack.udp_close(udp);
            }
        }
        let datagram = self.datagram_mut(id)?;
        datagram.peer = None;
        if !keep {
            datagram.udp = None;
        }
        Ok(())
    }

    /// Whether a UDP socket's message that names no destination has one all the same: its peer, or that of what waits for more.
    /// True of other sockets.
    pub fn has_destination(&self, id: SocketId) -> bool {
        let datagram = self.datagram(id).map(|(_, datagram)| datagram);
        datagram.map_or(true, |datagram| {
            datagram.transport != Transport::Udp || datagram.peer.is_some() || datagram.cork.is_some()
        })
    }

    /// Sends `length` bytes, which are fetched when nothing can fail any more.
    pub(crate) fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        message: &Outgoing<'_>,
        (length, fetch): (usize, impl FnOnce(&mut Pool) -> Chain),
    ) -> Result<usize> {
        let udp = self.port_of(now, id)?;
        if self.datagram(id)?.0.family == Family::Inet {
            check_ipv4_message(message, length)?;
        }
        let waits_for_more = message.flags.contains(MessageFlags::MORE) || self.get(id)?.options.cork;
        let cork = match self.datagram_mut(id)?.cork.take() {
            // Where it goes is decided; one that grows too long is given up.
            Some(mut cork) => {
                let length = cork.data.len() + length;
                self.stack.udp_check_length(&cork.ready, length).map_err(errors::of_send)?;
                cork.data.append(fetch(&mut self.pool));
                cork
            }
            None => {
                let ready = self.prepare_datagram(now, (id, udp), (message, length))?;
                if message.flags.contains(MessageFlags::PROBE) {
                    return Ok(length);
                }
                self.stack.udp_check_length(&ready, length).map_err(errors::of_send)?;
                self.ready_to_send(id)?;
                let data = fetch(&mut self.pool);
                if !waits_for_more {
                    self.stack.udp_transmit(now, ready, data);
                    return Ok(length);
                }
                Box::new(Cork { ready, data })
            }
        };
        self.datagram_mut(id)?.cork = Some(cork);
        if !waits_for_more {
            self.push_cork(now, id)?;
        }
        Ok(length)
    }

    /// What comes before anything is sent: a pending error, and the end of sending.
    pub(crate) fn ready_to_send(&mut self, id: SocketId) -> Result<()> {
        match self.take_datagram_error(id) {
            Some(error) => Err(error),
            None if self.get(id)?.shut.write => Err(Errno::EPIPE),
            None => Ok(()),
        }
    }

    /// Sends what waits for more.
    pub(crate) fn push_cork(&mut self, now: Instant, id: SocketId) -> Result<()> {
        if let Some(cork) = self.datagram_mut(id)?.cork.take() {
            self.stack.udp_transmit(now, cork.ready, cork.data);
        }
        Ok(())
    }

    /// What can fail before a datagram's length is looked at, in Linux's order. Gives the way it goes.
    pub(crate) fn prepare_datagram(
        &mut self,
        now: Instant,
        (id, udp): (SocketId, UdpId),
        (message, length): (&Outgoing<'_>, usize),
    ) -> Result<Ready> {
        let (socket, datagram) = self.datagram(id)?;
        let peer = match message.to {
            Some(to) if to.port() == 0 && datagram.transport == Transport::Udp => return Err(Errno::EINVAL),
            Some(to) => self.reachable(id, to)?,
            None => datagram.peer.ok_or(Errno::EDESTADDRREQ)?,
        };
        if peer.is_ipv4() {
            check_ipv4_message(message, length)?;
        }
        let wishes = Wishes::of_datagram(socket.family, peer.is_ipv4(), message.control)?;
        let mut options = socket.options.ip_options(peer.ip());
        options.dont_route |= message.flags.contains(MessageFlags::DONTROUTE);
        let (own, segment) = (socket.options.dont_fragment, socket.options.segment);
        let outgoing = socket.options.interfaces.outgoing(peer.ip(), message.to.and_then(address::scope));
        self.stack.udp_set_ip_options(udp, options);
        self.stack.udp_set_outgoing(udp, outgoing);
        let to = message.to.is_some().then_some(peer);
        let Wishes { source, interface, dont_fragment, .. } = wishes;
        let dont_fragment = peer.is_ipv6() && dont_fragment.unwrap_or(own);
        let header = Some(wishes.apply(options));
        let segment = wishes.segment.unwrap_or(segment);
        let outgoing = Directions { to, options: header, source, interface, dont_fragment, segment };
        let forbidden = self.stack.is_broadcast(peer.ip()) && !self.get(id)?.options.broadcast;
        let ready = self.stack.udp_prepare(now, udp, outgoing).map_err(errors::of_send)?;
        if forbidden { Err(Errno::EACCES) } else { Ok(ready) }
    }

    pub(crate) fn receive_datagram(&mut self, id: SocketId, peek: bool) -> Result<Received> {
        if let Some(error) = self.take_datagram_error(id) {
            return Err(error);
        }
        let udp = self.datagram(id)?.1.udp.ok_or(Errno::EAGAIN)?;
        let received = self.stack.udp_receive(udp, peek).ok_or(Errno::EAGAIN)?;
        self.note_read(id, received.arrival.at);
        Ok(received)
    }

    /// What the stack calls it; EAGAIN while it has no port.
    pub(crate) fn udp_of(&self, id: SocketId) -> Result<UdpId> {
        self.datagram(id)?.1.udp.ok_or(Errno::EAGAIN)
    }

    /// A datagram was read that had come at this moment.
    pub(crate) fn note_read(&mut self, id: SocketId, at: Instant) {
        let keeps = self.get(id).is_ok_and(|socket| socket.options.timestamps.is_some());
        if let Ok(datagram) = self.datagram_mut(id) {
            let keeps = keeps || matches!(datagram.last, Last::At(_));
            datagram.last = if keeps { Last::At(at) } else { Last::Unknown };
        }
    }

    /// A datagram as the program sees it.
    pub(crate) fn shown(&self, id: SocketId, received: Received, max: usize) -> Result<Incoming> {
        let (socket, _) = self.datagram(id)?;
        let Received { source, mut payload, arrival, dropped } = received;
        let mut control = self.controls(socket, &arrival, dropped);
        if socket.options.asks_anything() {
            let port = self.local_addr(id).map_or(0, |local| local.port());
            control.extend(self.ip_controls(socket, &arrival, port));
        }
        let (length, mut flags) = (payload.len(), MessageFlags::empty());
        if length > max {
            payload.truncate(max);
            flags |= MessageFlags::TRUNC;
        }
        let source = self.seen_source(socket, source, &arrival);
        Ok(Incoming { payload, length, source: Some(source), control, flags })
    }

    /// Who sent what arrived, as the program sees it.
    pub(crate) fn seen_source(&self, socket: &Socket, source: SocketAddr, arrival: &Arrival) -> SocketAddr {
        address::with_scope(address::to_program(socket.family, source), Some(arrival.interface))
    }

    /// Takes the first entry of the error queue, as the program sees it; EAGAIN if there is none. It is not an error if it is
    /// the pending one: that is told no more.
    pub(crate) fn receive_report(&mut self, id: SocketId, max: usize) -> Result<Incoming> {
        let udp = self.datagram(id)?.1.udp.ok_or(Errno::EAGAIN)?;
        let report = self.stack.udp_take_report(udp).ok_or(Errno::EAGAIN)?;
        let (socket, _) = self.datagram(id)?;
        let ErrorReport { error, complaint, info, destination, mut payload } = report;
        let shown = |ip| address::to_program(socket.family, SocketAddr::new(ip, 0));
        let origin = match complaint {
            None => Origin::Local,
            Some(_) if destination.is_ipv4() => Origin::Icmp,
            Some(_) => Origin::Icmp6,
        };
        let error = ExtendedError {
            errno: errors::of_datagram(error),
            origin,
            kind: complaint.map_or(0, |complaint| complaint.kind),
            code: complaint.map_or(0, |complaint| complaint.code),
            info,
            data: 0,
            offender: complaint.map(|complaint| shown(complaint.offender)),
        };
        let mut control = Vec::new();
        if let Some(complaint) = &complaint {
            control = self.controls(socket, &complaint.arrival, 0);
            control.extend(self.ip_controls(socket, &complaint.arrival, 0));
            // As Linux: nobody has worked out the local address.
            for told in &mut control {
                if let Control::IpPktInfo(info) = told {
                    info.local = Ipv4Addr::UNSPECIFIED;
                }
            }
        }
        control.push(match socket.family {
            Family::Inet => Control::IpRecvErr(error),
            Family::Inet6 => Control::Ipv6RecvErr(error),
        });
        let (length, mut flags) = (payload.len(), MessageFlags::ERRQUEUE);
        if length > max {
            payload.truncate(max);
            flags |= MessageFlags::TRUNC;
        }
        let source = Some(address::to_program(socket.family, destination));
        Ok(Incoming { payload, length, source, control, flags })
    }

    pub(crate) fn shutdown_datagram(&mut self, id: SocketId, how: How) -> Result<()> {
        self.shut(id, how)?;
        if self.datagram(id)?.1.peer.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    /// Makes an error the pending one, as recvmmsg(2) does with one that comes late. Streams keep theirs by themselves.
    pub fn set_error(&mut self, id: SocketId, error: Errno) -> Result<()> {
        if let Ok(datagram) = self.datagram_mut(id) {
            datagram.error = Some(error);
        }
        Ok(())
    }

    /// When the last datagram came that was read (SIOCGSTAMP), since 1970. ENOENT before the first. As Linux: what was read
    /// before this, or SO_TIMESTAMP, was asked for the first time, came now.
    pub fn last_arrival(&mut self, now: Instant, id: SocketId) -> Result<Duration> {
        let at = match self.datagram_mut(id) {
            Ok(datagram) => match datagram.last {
                Last::Never => return Err(Errno::ENOENT),
                Last::Unknown => {
                    datagram.last = Last::At(now);
                    now
                }
                Last::At(at) => at,
            },
            Err(_) => return Err(Errno::ENOENT),
        };
        Ok(self.wall_clock(at))
    }

    pub(crate) fn take_datagram_error(&mut self, id: SocketId) -> Option<Errno> {
        let datagram = self.datagram_mut(id).ok()?;
        let kept = datagram.error.take();
        let udp = datagram.udp;
        let told = udp.and_then(|udp| self.stack.udp_take_error(udp));
        kept.or(told.map(errors::of_datagram))
    }

    pub(crate) fn end_datagram(&mut self, datagram: Datagram) {
        if let Some(udp) = datagram.udp {
            self.stack.udp_close(udp);
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
        let local = datagram.udp.and_then(|udp| self.stack.udp_local(udp)).map(|local| local.ip());
        let bound = local.filter(|ip| !self.stack.is_group(*ip));
        let remote = address::destination(address::to_stack(socket.family, wanted)?, bound);
        if remote.is_ipv6() && local.is_some_and(|local| local.is_ipv4()) {
            return Err(self.or_unreachable(remote, Errno::EAFNOSUPPORT));
        }
        if remote.is_ipv4() && socket.options.v6only {
            return Err(Errno::ENETUNREACH);
        }
        Ok(remote)
    }

    /// This error, unless the address can't be reached at all.
    pub(crate) fn or_unreachable(&self, remote: SocketAddr, error: Errno) -> Errno {
        if self.stack.has_route(remote.ip()) { error } else { Errno::ENETUNREACH }
    }

    /// The address of a `connect`, from its bytes; `None` is AF_UNSPEC. Where it is refused a datagram socket has taken a port
    /// all the same.
    pub fn decode_connect(&mut self, now: Instant, id: SocketId, bytes: &[u8]) -> Result<Option<SocketAddr>> {
        let socket = self.get(id)?;
        let is_mapped = |to: &SocketAddr| matches!(to.ip(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        let decoded = match decode_connect(socket.family, socket.transport(), bytes) {
            // Written as AF_INET; as a mapped address it would be unreachable.
            Ok(Some(to)) if socket.options.v6only && is_mapped(&to) && !starts_with_inet6(bytes) => {
                Err(Errno::EAFNOSUPPORT)
            }
            decoded => decoded,
        };
        if decoded.is_err() && bytes.len() >= size_of::<u16>() && self.datagram(id).is_ok() {
            self.port_of(now, id)?;
        }
        decoded
    }

    /// The socket's port, taken now if it has none.
    pub(crate) fn port_of(&mut self, now: Instant, id: SocketId) -> Result<UdpId> {
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
        let (socket, datagram) = self.datagram(id)?;
        let options = Arc::clone(&socket.options);
        let request = request_of(socket, local);
        let bound = match datagram.transport {
            Transport::Ping => self.stack.ping_bind(&request),
            _ => self.stack.udp_bind(now, request),
        };
        let udp = bound.map_err(errors::of_bind)?;
        if let Some(bytes) = options.receive_buffer() {
            self.stack.udp_set_receive_buffer(udp, bytes);
        }
        if let Some(members) = self.get(id)?.members {
            self.stack.udp_set_members(udp, members);
        }
        self.stack.udp_queue_errors(udp, options.receives_errors(false), options.receives_errors(true));
        self.stack.set_socket_of(Event::Udp(udp), id);
        self.datagram_mut(id)?.udp = Some(udp);
        Ok(udp)
    }
}

/// What Linux looks at first, on the way of IPv4 alone.
fn check_ipv4_message(message: &Outgoing<'_>, length: usize) -> Result<()> {
    if length > LONGEST {
        return Err(Errno::EMSGSIZE);
    }
    if message.flags.contains(MessageFlags::OOB) { Err(Errno::EOPNOTSUPP) } else { Ok(()) }
}

/// Whether these bytes are an address of AF_INET6.
fn starts_with_inet6(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|family| i32::from(u16::from_ne_bytes(*family)) == Family::Inet6.number())
}
