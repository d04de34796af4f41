//! UDP (RFC 768): sockets, who gets a datagram, their queues and errors.
//!
//! Every socket is bound, at least to a port of the ephemeral range.

mod send;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_base::{Chain, Counter, Instant, Table};
use sockeye_wire::{Body, Packet, ip, udp};

pub(crate) use send::LONGEST;
pub use send::{Directions, Ready};

use crate::inbox::Inbox;
use crate::output::{IpOptions, MtuDiscovery, Outgoing, Transport};
use crate::ports::{BindRequest, Claim};
use crate::raw::Raw;
use crate::route::least_mtu;
use crate::stack::{BindId, Event, MembersId, SocketId, Stack, UdpId};
use crate::{Arrival, BindError, ConnectError, DatagramError, ErrorReport, InterfaceId, Received};

/// Whom a wildcard socket last heard from at which of many addresses: so many are remembered.
const ASKED: usize = 1024;

/// A UDP socket; or a raw or ping socket, which has `raw` and no `bind`.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) bind: BindId,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) inbox: Inbox,
    /// Of datagrams over IPv4, over IPv6: whether all errors are queued (IP_RECVERR, IPV6_RECVERR).
    queues_errors: (bool, bool),
    pub(crate) options: IpOptions,
    /// None: the defaults.
    pub(crate) outgoing: Option<Box<Outgoing>>,
    pub(crate) members: Option<MembersId>,
    /// The last that a router said of a path's MTU: where the path leads, and when.
    path_mtu: Option<(IpAddr, usize, Instant)>,
    /// The socket that has it.
    socket: SocketId,
    /// An event of it stands in the queue.
    announced: bool,
    /// Where those who asked an address that is only ours by [`Stack::accept_any_destination`] must be answered from.
    asked: VecDeque<(SocketAddr, IpAddr)>,
    /// What it is instead of a UDP socket.
    pub(crate) raw: Option<Box<Raw>>,
}

/// The UDP sockets of a host.
#[derive(Debug, Default)]
pub(crate) struct UdpTable {
    sockets: Table<UdpId, Socket>,
    /// The sockets on each port, in the order they were bound.
    by_port: BTreeMap<u16, Vec<UdpId>>,
}

impl Socket {
    fn new(bind: BindId, inbox: Inbox) -> Socket {
        Socket {
            bind,
            remote: None,
            inbox,
            queues_errors: (false, false),
            options: IpOptions::default(),
            outgoing: None,
            members: None,
            path_mtu: None,
            socket: SocketId::default(),
            announced: false,
            asked: VecDeque::new(),
            raw: None,
        }
    }

    /// A raw or ping socket.
    pub(crate) fn raw(raw: Raw, receive_buffer: usize) -> Socket {
        Socket { raw: Some(Box::new(raw)), ..Socket::new(BindId::default(), Inbox::plain(receive_buffer)) }
    }

    fn queues_errors_of(&self, remote: SocketAddr) -> bool {
        if remote.is_ipv4() { self.queues_errors.0 } else { self.queues_errors.1 }
    }
}

impl UdpTable {
    /// Its event has been taken.
    pub(crate) fn reported(&mut self, id: UdpId) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.announced = false;
        }
    }

    /// Says whose it is.
    pub(crate) fn set_socket_of(&mut self, id: UdpId, socket: SocketId) {
        if let Some(own) = self.sockets.get_mut(id) {
            own.socket = socket;
        }
    }

    pub(crate) fn socket_of(&self, id: UdpId) -> Option<SocketId> {
        self.sockets.get(id).map(|own| own.socket)
    }

    pub(crate) fn insert(&mut self, socket: Socket) -> UdpId {
        self.sockets.insert(socket)
    }

    pub(crate) fn get(&self, id: UdpId) -> Option<&Socket> {
        self.sockets.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: UdpId) -> Option<&mut Socket> {
        self.sockets.get_mut(id)
    }
}

impl Stack {
    /// A UDP socket with an address; port 0 takes an ephemeral one.
    pub fn udp_bind(&mut self, _now: Instant, request: BindRequest) -> Result<UdpId, BindError> {
        if !self.may_bind(&request) {
            return Err(BindError::NotLocal);
        }
        let range = request.range.within(self.settings.ip_local_port_range);
        let claim = Claim::from(&request);
        let bind =
            self.udp_ports.bind(claim, request.local.port(), range, &mut self.rng).ok_or(BindError::InUse)?;
        let port = self.udp_ports.get(bind).map_or(0, |bind| bind.port);
        let inbox = Inbox::new(self.settings.rmem_default);
        let id = self.udp.insert(Socket::new(bind, inbox));
        self.udp.by_port.entry(port).or_default().push(id);
        Ok(id)
    }

    /// SO_REUSEADDR and SO_REUSEPORT set after binding.
    pub fn udp_set_reuse(&mut self, socket: UdpId, reuse_address: bool, reuse_port: bool) {
        if let Some(socket) = self.udp.sockets.get(socket) {
            self.udp_ports.set_reuse(socket.bind, reuse_address, reuse_port);
        }
        self.raw_set_reuse(socket, reuse_address);
    }

    /// SO_BINDTODEVICE set after binding.
    pub fn udp_set_device(&mut self, socket: UdpId, device: Option<InterfaceId>) {
        if let Some(socket) = self.udp.sockets.get(socket) {
            self.udp_ports.set_device(socket.bind, device.into());
        }
        self.raw_set_device(socket, device.into());
    }

    /// Fixes the peer: only its datagrams are heard. Also fixes the local address, until [`Stack::udp_disconnect`]:
    /// connecting again keeps it (as Linux). What was queued stays.
    pub fn udp_connect(&mut self, socket: UdpId, remote: SocketAddr) -> Result<(), ConnectError> {
        let entry = self.udp.sockets.get(socket).ok_or(ConnectError::NoSource)?;
        let (bind, options) = (entry.bind, entry.options);
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let is_raw = entry.raw.is_some();
        let (_, claim) = self.udp_place(entry).ok_or(ConnectError::NoSource)?;
        if !claim.reaches(remote.ip()) {
            return Err(ConnectError::NoRoute);
        }
        let remote = meant(remote);
        let bound = specific(&claim, remote.ip()).filter(|address| !self.is_group(*address));
        let way = self.outgoing(remote.ip(), (bound, claim.device), &outgoing);
        let to = (remote.ip(), if is_raw { 0 } else { remote.port() });
        let (_, source) = self.path_and_source(Transport::Udp, to, way, options)?;
        if claim.address.is_unspecified() {
            self.udp_ports.narrow(bind, source);
            self.raw_narrow(socket, source);
        }
        if let Some(entry) = self.udp.sockets.get_mut(socket) {
            entry.remote = Some(remote);
        }
        Ok(())
    }

    /// Back to hearing everybody, and to the address it was bound to, unless that is to stay as it is.
    pub fn udp_disconnect(&mut self, socket: UdpId, stay: bool) {
        if let Some(entry) = self.udp.sockets.get_mut(socket)
            && entry.remote.take().is_some()
            && !stay
        {
            self.udp_ports.widen(entry.bind);
        }
        self.raw_disconnect(socket);
    }

    /// The first datagram waiting; `peek` leaves it there.
    pub fn udp_receive(&mut self, socket: UdpId, peek: bool) -> Option<Received> {
        let entry = self.udp.sockets.get_mut(socket)?;
        if peek {
            return entry.inbox.first().cloned();
        }
        let received = entry.inbox.pop()?;
        let destination = received.arrival.destination;
        if entry.raw.is_none() {
            let v4 = destination.is_ipv4();
            self.counters.add(if v4 { Counter::UdpInDatagrams } else { Counter::Udp6InDatagrams });
        }
        let port = self.udp_ports.get(entry.bind).map_or(0, |bind| bind.port);
        if self.any_destination.contains(&port) {
            entry.asked.retain(|(who, _)| *who != received.source);
            entry.asked.truncate(ASKED - 1);
            entry.asked.push_front((received.source, destination));
        }
        Some(received)
    }

    /// Drops the first datagram waiting, as one that found the receive buffer full.
    pub fn udp_drop_first(&mut self, socket: UdpId) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.inbox.drop_first();
            self.count(Counter::UdpRcvbufErrors);
            self.count(Counter::UdpInErrors);
        }
    }

    /// So many bytes of its receive buffer are taken by what was taken over for its owner, and not read yet.
    pub fn udp_set_elsewhere(&mut self, socket: UdpId, bytes: usize) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.inbox.set_elsewhere(bytes);
        }
    }

    /// What its receive buffer holds, in bytes with overhead.
    pub fn udp_receive_buffer(&self, socket: UdpId) -> usize {
        self.udp.sockets.get(socket).map_or(0, |socket| socket.inbox.limit())
    }

    /// What of its receive buffer is taken, in bytes with overhead.
    pub fn udp_charged(&self, socket: UdpId) -> usize {
        self.udp.sockets.get(socket).map_or(0, |socket| socket.inbox.charged())
    }

    /// How many datagrams found no room in it.
    pub fn udp_drops(&self, socket: UdpId) -> u32 {
        self.udp.sockets.get(socket).map_or(0, |socket| socket.inbox.drops())
    }

    /// How many datagrams wait.
    pub fn udp_queue_len(&self, socket: UdpId) -> usize {
        self.udp.sockets.get(socket).map_or(0, |socket| socket.inbox.len())
    }

    /// Bytes of the first datagram waiting.
    pub fn udp_next_len(&self, socket: UdpId) -> Option<usize> {
        Some(self.udp.sockets.get(socket)?.inbox.first()?.payload.len())
    }

    /// The error that waits to be told.
    pub fn udp_error(&self, socket: UdpId) -> Option<DatagramError> {
        self.udp.sockets.get(socket)?.inbox.pending()
    }

    /// The error that waits to be told; it is told once.
    pub fn udp_take_error(&mut self, socket: UdpId) -> Option<DatagramError> {
        self.udp.sockets.get_mut(socket)?.inbox.take_pending()
    }

    /// Whether its error queue has an entry.
    pub fn udp_has_reports(&self, socket: UdpId) -> bool {
        self.udp.sockets.get(socket).is_some_and(|socket| socket.inbox.has_errors())
    }

    /// Takes the first entry of its error queue.
    pub fn udp_take_report(&mut self, socket: UdpId) -> Option<ErrorReport> {
        self.udp.sockets.get_mut(socket)?.inbox.pop_error()
    }

    /// Whether all errors about datagrams over IPv4, and over IPv6, are queued (IP_RECVERR, IPV6_RECVERR). What was queued
    /// is dropped with the wish.
    pub fn udp_queue_errors(&mut self, socket: UdpId, v4: bool, v6: bool) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            let before = std::mem::replace(&mut socket.queues_errors, (v4, v6));
            if (before.0 && !v4) || (before.1 && !v6) {
                socket.inbox.drop_errors();
            }
        }
    }

    /// The address it is bound to; `connect` makes the wildcard specific.
    pub fn udp_local(&self, socket: UdpId) -> Option<SocketAddr> {
        let (port, claim) = self.udp_place(self.udp.sockets.get(socket)?)?;
        Some(SocketAddr::new(claim.address, port))
    }

    /// The port and what is claimed of it; for a raw socket its protocol, for a ping socket its identifier.
    fn udp_place(&self, socket: &Socket) -> Option<(u16, Claim)> {
        match &socket.raw {
            Some(raw) => Some(raw.place()),
            None => self.udp_ports.get(socket.bind).map(|bind| (bind.port, bind.claim)),
        }
    }

    /// The peer it is connected to.
    pub fn udp_remote(&self, socket: UdpId) -> Option<SocketAddr> {
        self.udp.sockets.get(socket)?.remote
    }

    /// How much its queue holds, in bytes with overhead (SO_RCVBUF as the kernel counts it, doubled).
    pub fn udp_set_receive_buffer(&mut self, socket: UdpId, bytes: usize) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.inbox.set_limit(bytes);
        }
    }

    /// Where its packets leave.
    pub fn udp_set_outgoing(&mut self, socket: UdpId, outgoing: Outgoing) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            let is_default = outgoing == Outgoing::default();
            socket.outgoing = (!is_default).then(|| Box::new(outgoing));
        }
    }

    /// The groups it is in.
    pub fn udp_set_members(&mut self, socket: UdpId, members: MembersId) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.members = Some(members);
        }
    }

    /// What its packets' IP headers say.
    pub fn udp_set_ip_options(&mut self, socket: UdpId, options: IpOptions) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.options = options;
        }
    }

    /// Ends a socket and frees its port.
    pub fn udp_close(&mut self, socket: UdpId) {
        let Some(entry) = self.udp.sockets.remove(socket) else { return };
        if let Some(raw) = &entry.raw {
            return self.raw_closed(socket, raw);
        }
        if let Some(port) = self.udp_ports.get(entry.bind).map(|bind| bind.port)
            && let Some(sockets) = self.udp.by_port.get_mut(&port)
        {
            sockets.retain(|id| *id != socket);
            if sockets.is_empty() {
                self.udp.by_port.remove(&port);
            }
        }
        self.udp_ports.release(entry.bind);
    }

    /// Ends a socket whose owner was gone when its queue was delivered: what is in it is answered as a datagram to a port
    /// that nobody has.
    pub fn udp_refuse(&mut self, now: Instant, socket: UdpId) {
        let Some(entry) = self.udp.sockets.get_mut(socket) else { return };
        let (queue, port) = (entry.inbox.drain(), self.udp_ports.get(entry.bind).map(|bind| bind.port));
        self.udp_close(socket);
        for Received { source, payload, arrival, .. } in queue {
            if let (Some(port), Some(ip)) = (port, ip::Header::new(source.ip(), arrival.destination)) {
                let datagram = udp::Datagram { source: source.port(), destination: port, payload };
                self.port_unreachable(now, &Packet { ip, body: Body::Udp(datagram) });
            }
        }
        self.settle(now);
    }

    /// A datagram has arrived.
    pub(crate) fn udp_input(&mut self, arrival: Arrival, packet: Packet) {
        let Body::Udp(datagram) = &packet.body else { return };
        let interface = self.device_of(arrival.interface, packet.destination());
        let arrival = Arrival { interface, ..arrival };
        let source = SocketAddr::new(packet.source(), datagram.source);
        let local = SocketAddr::new(packet.destination(), datagram.destination);
        // To a group: every socket that wants it gets a copy.
        if self.is_group(local.ip()) {
            let Some(sockets) = self.udp.by_port.get(&local.port()).cloned() else { return };
            for id in sockets {
                if self.udp_score(id, Some(interface), (local, source)).is_some()
                    && self.udp_hears(id, (interface, local.ip()), source.ip())
                {
                    self.udp_deliver(id, source, datagram.payload.clone(), arrival);
                }
            }
            return;
        }
        let found = self.udp_lookup(Some(arrival.interface), local, source);
        match found.filter(|id| self.udp_answers(*id, local)) {
            Some(id) => self.udp_deliver(id, source, datagram.payload.clone(), arrival),
            None => {
                let Some(packet) = self.take_datagram(packet) else { return };
                self.count(Counter::UdpNoPorts);
                self.port_unreachable(arrival.at, &packet);
            }
        }
    }

    /// A router takes only packets of this size. Says whether the socket is to hear of it, and if so, whether also without
    /// IP_RECVERR, as Linux has it.
    pub(crate) fn udp_path_mtu_input(
        &mut self,
        now: Instant,
        id: UdpId,
        (source, destination): (IpAddr, IpAddr),
        mtu: usize,
    ) -> Option<bool> {
        let socket = self.udp.sockets.get_mut(id)?;
        let discovery = socket.options.discovery;
        if discovery.believes_routers() {
            socket.path_mtu = Some((destination, mtu.max(least_mtu(source)), now));
        }
        let tells = discovery != MtuDiscovery::Dont;
        if source.is_ipv4() { tells.then_some(true) } else { discovery.believes_routers().then_some(tells) }
    }

    /// The socket that may have sent a datagram.
    pub(crate) fn udp_sender(&self, local: SocketAddr, remote: SocketAddr) -> Option<UdpId> {
        self.udp_lookup(None, local, remote)
    }

    /// An error about a datagram of ours has come: who queues errors is told of all, others only of hard ones, and only
    /// while they are connected (`__udp4_lib_err`).
    pub(crate) fn udp_error_input(&mut self, id: UdpId, report: ErrorReport, is_hard: bool) {
        let Some(socket) = self.udp.sockets.get_mut(id) else { return };
        let queues = socket.queues_errors_of(report.destination);
        let is_told = queues || (is_hard && socket.remote.is_some());
        if !is_told {
            return;
        }
        socket.inbox.set_pending(report.error);
        if queues {
            socket.inbox.push_error(report);
        }
        self.udp_announce(id);
    }

    /// The socket a datagram is for: the one that says most about it; of equals the one bound last, or, if they share
    /// by SO_REUSEPORT, always the same for one sender.
    fn udp_lookup(
        &self,
        interface: Option<InterfaceId>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<UdpId> {
        let sockets = self.udp.by_port.get(&local.port())?;
        let scores =
            sockets.iter().filter_map(|id| Some((self.udp_score(*id, interface, (local, remote))?, *id)));
        let best = scores.clone().map(|(score, _)| score).max()?;
        let equals: Vec<UdpId> = scores.filter(|(score, _)| *score == best).map(|(_, id)| id).collect();
        let shares = |id: &UdpId| {
            let bind = self.udp.sockets.get(*id).and_then(|socket| self.udp_ports.get(socket.bind));
            bind.is_some_and(|bind| bind.claim.reuse_port)
        };
        let connected = best.1;
        if equals.len() > 1 && !connected && equals.iter().all(shares) {
            return equals.get(self.tcp.spread((local, remote), equals.len())).copied();
        }
        equals.last().copied()
    }

    /// Whether a socket that a group's datagram fits wants it.
    pub(crate) fn udp_hears(&self, id: UdpId, to: (InterfaceId, IpAddr), source: IpAddr) -> bool {
        let Some(socket) = self.udp.sockets.get(id) else { return false };
        // IP_MULTICAST_ALL is off in a new socket of AF_INET6.
        let of_v6 = self.udp_ports.get(socket.bind).is_some_and(|bind| bind.claim.dual);
        let hears_all = to.1.is_ipv6() || !of_v6;
        !to.1.is_multicast() || self.members_hear((socket.members, hears_all), to, source)
    }

    /// Whether a socket that fits a datagram gets it: on all addresses it is not for those that aren't ours.
    fn udp_answers(&self, id: UdpId, local: SocketAddr) -> bool {
        let is_on = |address| {
            let socket = self.udp.sockets.get(id)?;
            Some(self.udp_ports.get(socket.bind)?.claim.address == address)
        };
        !self.is_strange(local.ip())
            || self.any_destination.contains(&local.port())
            || is_on(local.ip()) == Some(true)
    }

    /// How well a socket fits a datagram: (its address is the datagram's, it is connected, it is bound to the interface,
    /// it is of AF_INET); `None` if it does not fit. (Linux's `compute_score`.) Without an interface all are meant.
    fn udp_score(
        &self,
        id: UdpId,
        interface: Option<InterfaceId>,
        (local, remote): (SocketAddr, SocketAddr),
    ) -> Option<(bool, bool, bool, bool)> {
        let socket = self.udp.sockets.get(id)?;
        let claim = self.udp_ports.get(socket.bind)?.claim;
        let hears = interface.is_none_or(|interface| claim.device.takes(interface));
        if !hears || !claim.takes(local.ip()) || socket.remote.is_some_and(|peer| peer != remote) {
            return None;
        }
        let is_bound = claim.device.one().is_some();
        let of_v4 = claim.address.is_ipv4() && !claim.dual;
        Some((!claim.address.is_unspecified(), socket.remote.is_some(), is_bound, of_v4))
    }

    /// Queues a datagram, or drops it if the queue is full.
    fn udp_deliver(&mut self, id: UdpId, source: SocketAddr, payload: Chain, arrival: Arrival) {
        let Some(socket) = self.udp.sockets.get_mut(id) else { return };
        if !socket.inbox.push(source, payload, arrival) {
            self.count(Counter::UdpRcvbufErrors);
            self.count(Counter::UdpInErrors);
            return;
        }
        self.udp_announce(id);
    }

    pub(crate) fn udp_announce(&mut self, id: UdpId) {
        if let Some(socket) = self.udp.sockets.get_mut(id)
            && !std::mem::replace(&mut socket.announced, true)
        {
            self.events.push_back(Event::Udp(id));
        }
    }
}

/// The address that is meant: the unspecified one means this host (as Linux's `ip_route_output` has it).
pub(crate) fn meant(remote: SocketAddr) -> SocketAddr {
    let ip = match remote.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    // Without flow label and scope, which take no part in comparing.
    SocketAddr::new(ip, remote.port())
}

/// The claim's address towards another, unless it is the wildcard or of the other family.
pub(crate) fn specific(claim: &Claim, remote: IpAddr) -> Option<IpAddr> {
    let fits = |address: &IpAddr| !address.is_unspecified() && address.is_ipv4() == remote.is_ipv4();
    Some(claim.address).filter(fits)
}
