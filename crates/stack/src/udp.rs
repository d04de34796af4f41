//! UDP (RFC 768): sockets, who gets a datagram, their queues and errors.
//!
//! Every socket is bound, at least to a port of the ephemeral range. Not modelled: IP_RECVERR, corking.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use slotmap::SlotMap;
use sockeye_base::{Chain, Counter, Duration, Instant};
use sockeye_wire::{Body, Packet, ip, udp};

use crate::output::{IpOptions, MtuDiscovery, Outgoing, Transport};
use crate::ports::{BindRequest, Claim};
use crate::route::{Path, least_mtu, longest_packet};
use crate::stack::{BindId, Event, MembersId, Stack, UdpId};
use crate::{BindError, ConnectError, InterfaceId, SendError, UdpError};

/// Most data in a datagram over IPv4: 65,535 less the headers; IPv6's payload length leaves 20 bytes more.
const MAX_V4: usize = 65_507;
const MAX_V6: usize = 65_527;
/// How long a router is believed (`mtu_expires`).
const PATH_MTU_LASTS: Duration = Duration::from_secs(600);
/// Whom a wildcard socket last heard from at which of many addresses: so many are remembered.
const ASKED: usize = 1024;

/// A datagram taken from a socket's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address of ours it was sent to.
    pub destination: IpAddr,
    /// Where it came in.
    pub interface: InterfaceId,
    /// Its data.
    pub payload: Chain,
}

#[derive(Debug)]
struct Socket {
    bind: BindId,
    remote: Option<SocketAddr>,
    queue: VecDeque<Received>,
    queued_bytes: usize,
    receive_buffer: usize,
    error: Option<UdpError>,
    options: IpOptions,
    /// None: the defaults.
    outgoing: Option<Box<Outgoing>>,
    members: Option<MembersId>,
    /// The last that a router said of a path's MTU: where the path leads, and when.
    path_mtu: Option<(IpAddr, usize, Instant)>,
    /// An event of it stands in the queue.
    announced: bool,
    /// Where those who asked an address that is only ours by [`Stack::accept_any_destination`] must be answered from.
    asked: VecDeque<(SocketAddr, IpAddr)>,
}

/// The UDP sockets of a host.
#[derive(Debug, Default)]
pub(crate) struct UdpTable {
    sockets: SlotMap<UdpId, Socket>,
    /// The sockets on each port, in the order they were bound.
    by_port: BTreeMap<u16, Vec<UdpId>>,
}

impl UdpTable {
    /// Its event has been taken.
    pub(crate) fn reported(&mut self, id: UdpId) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.announced = false;
        }
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
        let id = self.udp.sockets.insert(Socket {
            bind,
            remote: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            receive_buffer: self.settings.rmem_default,
            error: None,
            options: IpOptions::default(),
            outgoing: None,
            members: None,
            path_mtu: None,
            announced: false,
            asked: VecDeque::new(),
        });
        self.udp.by_port.entry(port).or_default().push(id);
        Ok(id)
    }

    /// SO_REUSEADDR and SO_REUSEPORT set after binding.
    pub fn udp_set_reuse(&mut self, socket: UdpId, reuse_address: bool, reuse_port: bool) {
        if let Some(socket) = self.udp.sockets.get(socket) {
            self.udp_ports.set_reuse(socket.bind, reuse_address, reuse_port);
        }
    }

    /// SO_BINDTODEVICE set after binding.
    pub fn udp_set_device(&mut self, socket: UdpId, device: Option<InterfaceId>) {
        if let Some(socket) = self.udp.sockets.get(socket) {
            self.udp_ports.set_device(socket.bind, device.into());
        }
    }

    /// Fixes the peer: only its datagrams are heard. Also fixes the local address, until [`Stack::udp_disconnect`]:
    /// connecting again keeps it (as Linux). What was queued stays.
    pub fn udp_connect(&mut self, socket: UdpId, remote: SocketAddr) -> Result<(), ConnectError> {
        let entry = self.udp.sockets.get(socket).ok_or(ConnectError::NoSource)?;
        let (bind, options) = (entry.bind, entry.options);
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let claim = self.udp_ports.get(bind).ok_or(ConnectError::NoSource)?.claim;
        if !claim.takes_family(remote.ip()) {
            return Err(ConnectError::NoRoute);
        }
        let remote = meant(remote);
        let bound = specific(&claim).filter(|address| !self.is_group(*address));
        let way = self.outgoing(remote.ip(), (bound, claim.device), &outgoing);
        let to = (remote.ip(), remote.port());
        let (_, source) = self.path_and_source(Transport::Udp, to, way, options)?;
        if claim.address.is_unspecified() {
            self.udp_ports.narrow(bind, source);
        }
        if let Some(entry) = self.udp.sockets.get_mut(socket) {
            entry.remote = Some(remote);
        }
        Ok(())
    }

    /// Back to hearing everybody.
    pub fn udp_disconnect(&mut self, socket: UdpId) {
        if let Some(entry) = self.udp.sockets.get_mut(socket)
            && entry.remote.take().is_some()
        {
            self.udp_ports.widen(entry.bind);
        }
    }

    /// Sends a datagram, to the peer if `to` is none.
    pub fn udp_send(
        &mut self,
        now: Instant,
        socket: UdpId,
        to: Option<SocketAddr>,
        payload: Chain,
    ) -> Result<(), SendError> {
        let entry = self.udp.sockets.get(socket).ok_or(SendError::NoSocket)?;
        let remote = meant(to.or(entry.remote).ok_or(SendError::NoDestination)?);
        let bind = self.udp_ports.get(entry.bind).ok_or(SendError::NoSocket)?;
        let (port, claim, options) = (bind.port, bind.claim, entry.options);
        if payload.len() > if remote.is_ipv4() { MAX_V4 } else { MAX_V6 } {
            return Err(SendError::TooLong);
        }
        if !claim.takes_family(remote.ip()) {
            return Err(SendError::NoRoute);
        }
        let asked = entry.asked.iter().find(|(who, _)| *who == remote).map(|(_, address)| *address);
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let bound = specific(&claim).filter(|address| !self.is_group(*address));
        let way = self.outgoing(remote.ip(), (bound, claim.device), &outgoing);
        let to = (remote.ip(), remote.port());
        let (path, source) = self.path_and_source(Transport::Udp, to, way, options)?;
        let source = asked.filter(|_| bound.is_none()).unwrap_or(source);
        let mtu = self.udp_mtu(now, socket, (remote.ip(), &path));
        let mut ip = self.ip_header(source, remote.ip(), options).ok_or(SendError::NoSource)?;
        match &mut ip {
            ip::Header::V4(header) => {
                header.dont_fragment = options.discovery.marks_datagrams();
                // RFC 6864: what may be cut on the way needs a number of its own.
                if !header.dont_fragment {
                    header.id = self.rng.next_u32() as u16;
                }
            }
            ip::Header::V6(_) if options.no_flow_label => {}
            ip::Header::V6(header) => header.flow_label = self.tcp.flow_label(&(source, port, remote)),
        }
        let datagram = udp::Datagram { source: port, destination: remote.port(), payload };
        let packet = Packet { ip, body: Body::Udp(datagram) };
        if packet.len() > mtu && !options.discovery.cuts() {
            return Err(SendError::TooLong);
        }
        if remote.ip().is_multicast() && outgoing.multicast_loop {
            self.loop_back(path.interface, &packet);
        }
        self.transmit_cut(now, &path, mtu, packet);
        self.settle(now);
        Ok(())
    }

    /// The longest packet a socket's datagrams to this address may be, by the link and what routers said lately.
    fn udp_mtu(&self, now: Instant, socket: UdpId, (remote, path): (IpAddr, &Path)) -> usize {
        let link = self.mtu(path).min(longest_packet(remote));
        let Some(entry) = self.udp.sockets.get(socket) else { return link };
        let told = entry.path_mtu.filter(|(to, _, at)| *to == remote && now.since(*at) < PATH_MTU_LASTS);
        match told {
            Some((_, mtu, _)) if entry.options.discovery.heeds_routers() => link.min(mtu),
            Some(_) | None => link,
        }
    }

    /// The same for the peer of a connected socket (IP_MTU).
    pub fn udp_path_mtu(&self, now: Instant, socket: UdpId) -> Option<usize> {
        let entry = self.udp.sockets.get(socket)?;
        let (remote, options) = (entry.remote?, entry.options);
        let claim = self.udp_ports.get(entry.bind)?.claim;
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let way = self.outgoing(remote.ip(), (None, claim.device), &outgoing);
        let to = (remote.ip(), remote.port());
        let (path, _) = self.path_and_source(Transport::Udp, to, way, options).ok()?;
        Some(self.udp_mtu(now, socket, (remote.ip(), &path)))
    }

    /// The first datagram waiting; `peek` leaves it there.
    pub fn udp_receive(&mut self, socket: UdpId, peek: bool) -> Option<Received> {
        let entry = self.udp.sockets.get_mut(socket)?;
        if peek {
            return entry.queue.front().cloned();
        }
        let received = entry.queue.pop_front()?;
        entry.queued_bytes -= truesize(&received.payload);
        let destination = received.destination;
        let port = self.udp_ports.get(entry.bind).map_or(0, |bind| bind.port);
        if self.any_destination.contains(&port) {
            entry.asked.retain(|(who, _)| *who != received.source);
            entry.asked.truncate(ASKED - 1);
            entry.asked.push_front((received.source, destination));
        }
        Some(received)
    }

    /// How many datagrams wait.
    pub fn udp_queue_len(&self, socket: UdpId) -> usize {
        self.udp.sockets.get(socket).map_or(0, |socket| socket.queue.len())
    }

    /// Bytes of the first datagram waiting.
    pub fn udp_next_len(&self, socket: UdpId) -> Option<usize> {
        Some(self.udp.sockets.get(socket)?.queue.front()?.payload.len())
    }

    /// The error that waits to be told.
    pub fn udp_error(&self, socket: UdpId) -> Option<UdpError> {
        self.udp.sockets.get(socket)?.error
    }

    /// The error that waits to be told; it is told once.
    pub fn udp_take_error(&mut self, socket: UdpId) -> Option<UdpError> {
        self.udp.sockets.get_mut(socket)?.error.take()
    }

    /// The address it is bound to; `connect` makes the wildcard specific.
    pub fn udp_local(&self, socket: UdpId) -> Option<SocketAddr> {
        Some(self.udp_ports.get(self.udp.sockets.get(socket)?.bind)?.local())
    }

    /// The peer it is connected to.
    pub fn udp_remote(&self, socket: UdpId) -> Option<SocketAddr> {
        self.udp.sockets.get(socket)?.remote
    }

    /// How much its queue holds, in bytes with overhead (SO_RCVBUF as the kernel counts it, doubled).
    pub fn udp_set_receive_buffer(&mut self, socket: UdpId, bytes: usize) {
        if let Some(socket) = self.udp.sockets.get_mut(socket) {
            socket.receive_buffer = bytes;
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
        let (queue, port) =
            (std::mem::take(&mut entry.queue), self.udp_ports.get(entry.bind).map(|bind| bind.port));
        self.udp_close(socket);
        for Received { source, destination, payload, .. } in queue {
            if let (Some(port), Some(ip)) = (port, ip::Header::new(source.ip(), destination)) {
                let datagram = udp::Datagram { source: source.port(), destination: port, payload };
                self.port_unreachable(now, &Packet { ip, body: Body::Udp(datagram) });
            }
        }
        self.settle(now);
    }

    /// A datagram has arrived.
    pub(crate) fn udp_input(&mut self, now: Instant, interface: InterfaceId, packet: Packet) {
        let Body::Udp(datagram) = &packet.body else { return };
        let interface = self.device_of(interface, packet.destination());
        let source = SocketAddr::new(packet.source(), datagram.source);
        let local = SocketAddr::new(packet.destination(), datagram.destination);
        let received = |datagram: &udp::Datagram| {
            let payload = datagram.payload.clone();
            Received { source, destination: local.ip(), interface, payload }
        };
        // To a group: every socket that wants it gets a copy.
        if self.is_group(local.ip()) {
            let Some(sockets) = self.udp.by_port.get(&local.port()).cloned() else { return };
            for id in sockets {
                if self.udp_score(id, Some(interface), (local, source)).is_some()
                    && self.udp_hears(id, (interface, local.ip()), source.ip())
                {
                    self.udp_deliver(id, received(datagram));
                }
            }
            return;
        }
        match self.udp_lookup(Some(interface), local, source) {
            Some(id) => self.udp_deliver(id, received(datagram)),
            None => {
                self.count(Counter::UdpNoPorts);
                self.port_unreachable(now, &packet);
            }
        }
    }

    /// A router takes only packets of this size. Says whether the socket is to hear of it, as Linux has it.
    pub(crate) fn udp_path_mtu_input(
        &mut self,
        now: Instant,
        (source, source_port, destination, destination_port): (IpAddr, u16, IpAddr, u16),
        mtu: usize,
    ) -> bool {
        let (local, remote) =
            (SocketAddr::new(source, source_port), SocketAddr::new(destination, destination_port));
        let Some(id) = self.udp_lookup(None, local, remote) else { return false };
        let Some(socket) = self.udp.sockets.get_mut(id) else { return false };
        let discovery = socket.options.discovery;
        if discovery.believes_routers() {
            socket.path_mtu = Some((destination, mtu.max(least_mtu(source)), now));
        }
        discovery != MtuDiscovery::Dont && (source.is_ipv4() || discovery.believes_routers())
    }

    /// An ICMP error came for a datagram of ours; only a connected socket is told (`udp_err`).
    pub(crate) fn udp_error_input(
        &mut self,
        (source, source_port, destination, destination_port): (IpAddr, u16, IpAddr, u16),
        error: UdpError,
    ) {
        let (local, remote) =
            (SocketAddr::new(source, source_port), SocketAddr::new(destination, destination_port));
        let Some(id) = self.udp_lookup(None, local, remote) else { return };
        if let Some(socket) = self.udp.sockets.get_mut(id)
            && socket.remote == Some(remote)
        {
            socket.error = Some(error);
            self.udp_announce(id);
        }
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
    fn udp_hears(&self, id: UdpId, to: (InterfaceId, IpAddr), source: IpAddr) -> bool {
        let members = self.udp.sockets.get(id).and_then(|socket| socket.members);
        !to.1.is_multicast() || self.members_hear(members, to, source)
    }

    /// How well a socket fits a datagram: (its address is the datagram's, it is connected, it is bound to the interface,
    /// it is of IPv4 alone); `None` if it does not fit. (Linux's `compute_score`.) Without an interface all are meant.
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
        Some((!claim.address.is_unspecified(), socket.remote.is_some(), is_bound, claim.address.is_ipv4()))
    }

    /// Queues a datagram, or drops it if the queue is full.
    fn udp_deliver(&mut self, id: UdpId, received: Received) {
        let Some(socket) = self.udp.sockets.get_mut(id) else { return };
        let size = truesize(&received.payload);
        if !socket.queue.is_empty() && socket.queued_bytes + size > socket.receive_buffer {
            self.count(Counter::UdpRcvbufErrors);
            self.count(Counter::UdpInErrors);
            return;
        }
        socket.queued_bytes += size;
        socket.queue.push_back(received);
        self.udp_announce(id);
    }

    fn udp_announce(&mut self, id: UdpId) {
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

/// The claim's address unless it is the wildcard.
pub(crate) fn specific(claim: &Claim) -> Option<IpAddr> {
    Some(claim.address).filter(|address| !address.is_unspecified())
}

/// What a datagram takes of the receive buffer, as Linux counts it: its buffer, which is a small one of fixed size or a
/// power of two with room for headers and the shared info, and the `sk_buff` itself. (Measured on Linux 6.18: a
/// default buffer holds 256 datagrams of up to 196 bytes, 92 of 1,000, 3 of 60,000.)
pub(crate) fn truesize(payload: &Chain) -> usize {
    const HEADERS: usize = 60;
    const SHARED_INFO: usize = 320;
    const SMALL: usize = 256;
    const SK_BUFF: usize = 256;
    let data = payload.len() + HEADERS;
    if data <= SMALL {
        SMALL + SHARED_INFO + SK_BUFF
    } else {
        (data + SHARED_INFO).next_power_of_two() + SK_BUFF
    }
}
