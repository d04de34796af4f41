//! The way out: from a packet and its path to `lo`'s queue, or by the neighbour's hardware address to a link.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_base::{Counter, Instant};
use sockeye_wire::ethernet::{self, Mac};
use sockeye_wire::tcp::Segment;
use sockeye_wire::{Body, Frame, Packet, Payload, arp, icmpv6, ip};

use crate::interface::Device;
use crate::neighbour::{Action, Context};
use crate::route::Path;
use crate::stack::Stack;
use crate::{ConnectError, InterfaceId};

/// Frames that wait to be taken, per host, and packets on `lo`; more are dropped, as a full interface queue does.
const QUEUE_LEN: usize = 65_536;

/// Copies of loopback frames that wait to be taken.
const TAP_LEN: usize = 262_144;

/// What a socket sets in the IP headers of what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct IpOptions {
    /// IP_TTL, IPV6_UNICAST_HOPS; none: the host's default.
    pub ttl: Option<u8>,
    /// IP_TOS, IPV6_TCLASS.
    pub tos: u8,
    /// IP_MTU_DISCOVER, IPV6_MTU_DISCOVER.
    pub discovery: MtuDiscovery,
    /// Segments that come with a smaller TTL are dropped (IP_MINTTL, IPV6_MINHOPCOUNT).
    pub min_ttl: u8,
    /// Only to hosts on the link (SO_DONTROUTE; IPv4 alone, as Linux).
    pub dont_route: bool,
    /// Packets may come from an address that isn't ours (IP_TRANSPARENT).
    pub any_source: bool,
    /// Datagrams go in packets no longer than this (IPV6_MTU); 0: as long as the path takes.
    pub longest_packet: u16,
    /// IPv6's flow label stays 0 (IPV6_AUTOFLOWLABEL off).
    pub no_flow_label: bool,
}

impl IpOptions {
    /// Those of a SYN-ACK, which always says DF (as Linux's small packets do).
    pub(crate) fn of_syn_ack(self) -> IpOptions {
        IpOptions { discovery: MtuDiscovery::Want, ..self }
    }
}

/// How a socket finds the largest packet that its path takes (`IP_PMTUDISC_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MtuDiscovery {
    /// Not at all: routers may cut its packets.
    Dont,
    /// What is too long for the path is cut here.
    #[default]
    Want,
    /// What is too long for the path is refused.
    Do,
    /// As `Do`, but only the link counts: what routers say is for the program to judge.
    Probe,
    /// What is too long for the link is refused, and routers are neither asked nor heeded.
    Interface,
    /// As `Interface`, but what is too long is cut.
    Omit,
}

impl MtuDiscovery {
    /// All, in the order of their numbers.
    pub const ALL: [MtuDiscovery; 6] = {
        use MtuDiscovery::{Do, Dont, Interface, Omit, Probe, Want};
        [Dont, Want, Do, Probe, Interface, Omit]
    };

    /// Whether segments say DF.
    pub(crate) fn marks_segments(self) -> bool {
        matches!(self, MtuDiscovery::Want | MtuDiscovery::Do)
    }

    /// Whether datagrams that aren't cut say DF.
    pub(crate) fn marks_datagrams(self) -> bool {
        self.marks_segments() || self == MtuDiscovery::Probe
    }

    /// Whether datagrams may be cut here.
    pub(crate) fn cuts(self) -> bool {
        matches!(self, MtuDiscovery::Dont | MtuDiscovery::Want | MtuDiscovery::Omit)
    }

    /// Whether what is sent heeds what routers said.
    pub(crate) fn heeds_routers(self) -> bool {
        matches!(self, MtuDiscovery::Dont | MtuDiscovery::Want | MtuDiscovery::Do)
    }

    /// Whether what a router says is believed.
    pub(crate) fn believes_routers(self) -> bool {
        !matches!(self, MtuDiscovery::Interface | MtuDiscovery::Omit)
    }
}

/// Where a datagram socket's packets leave if neither an address nor a device it is bound to says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To one host: IP_UNICAST_IF, IPV6_UNICAST_IF; the scope of a link-local destination.
    pub unicast: Option<InterfaceId>,
    /// To a group: IP_MULTICAST_IF, IPV6_MULTICAST_IF.
    pub multicast: Option<InterfaceId>,
    /// Which source address packets to a group have (IP_MULTICAST_IF by address).
    pub multicast_source: Option<IpAddr>,
    /// What is sent to a group is heard here, too: IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP.
    pub multicast_loop: bool,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing { unicast: None, multicast: None, multicast_source: None, multicast_loop: true }
    }
}

/// Which transport asks the way: policies look at the ports bound in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Stack {
    /// The way a socket's packets go to this address and port, policies included, and the address they come from:
    /// `bound` if the socket is bound to one, and may use it by its `options`. A device it is bound to goes before policies.
    pub(crate) fn path_and_source(
        &self,
        transport: Transport,
        (destination, port): (IpAddr, u16),
        (bound, device): (Option<IpAddr>, Device),
        options: IpOptions,
    ) -> Result<(Path, IpAddr), ConnectError> {
        let ports = match transport {
            Transport::Tcp => &self.tcp_ports,
            Transport::Udp => &self.udp_ports,
        };
        let served_here = self.is_local(destination) && ports.is_bound(port);
        let policy = match device.one() {
            None if !served_here => self.routes.policy(port, destination),
            None | Some(_) => None,
        };
        let path = policy.or_else(|| self.path(destination, device)).ok_or(ConnectError::NoRoute)?;
        let by_router = !path.is_local() && path.next_hop != destination;
        if options.dont_route && destination.is_ipv4() && by_router {
            return Err(ConnectError::NoRoute);
        }
        let Some(bound) = bound.filter(|address| !address.is_unspecified()) else {
            // A policy may lead back to this host, for an address that isn't its.
            let towards = if path.is_local() && policy.is_some() { path.next_hop } else { destination };
            return Ok((path, self.source_for(&path, towards).ok_or(ConnectError::NoSource)?));
        };
        if bound.is_ipv4() != destination.is_ipv4() {
            return Err(ConnectError::NoRoute);
        }
        // As Linux: for IPv6 an address that isn't ours will do.
        if bound.is_ipv4() && !options.any_source && !self.is_local(bound) {
            return Err(ConnectError::NoRoute);
        }
        // As Linux: a loopback address must not get onto a link (RFC 1122, section 3.2.1.3). For IPv6 it lets them go,
        // and the other side drops them.
        if bound.is_ipv4() && bound.is_loopback() && !path.is_local() {
            return Err(ConnectError::BadSource);
        }
        Ok((path, bound))
    }

    /// The device and the source that a datagram socket's packets to this address go by (`udp_sendmsg`,
    /// `ip_route_output_key`): those it is bound to, then what its options say. To a group, and to all on a link, its
    /// source address names the interface.
    pub(crate) fn outgoing(
        &self,
        destination: IpAddr,
        (bound, device): (Option<IpAddr>, Device),
        outgoing: &Outgoing,
    ) -> (Option<IpAddr>, Device) {
        let is_multicast = destination.is_multicast();
        let source = bound.or(outgoing.multicast_source.filter(|_| is_multicast));
        if device.one().is_some() {
            return (source, device);
        }
        let wish = if is_multicast { outgoing.multicast } else { outgoing.unicast };
        let by_source = || match source {
            Some(source) if source.is_ipv4() && (is_multicast || destination == LIMITED_BROADCAST) => {
                self.interface_of(source)
            }
            Some(_) | None => None,
        };
        (source, wish.or_else(by_source).into())
    }

    /// A packet to a group is heard by this host's members, too: as it was before any link cut it in pieces.
    pub(crate) fn loop_back(&mut self, interface: InterfaceId, packet: &Packet) {
        let heard = self.hears_group(interface, packet.destination(), packet.source());
        if interface != InterfaceId::LOOPBACK && heard && self.loopback.len() < QUEUE_LEN {
            self.loopback.push_back((interface, Box::new(Frame::packet(packet.clone()))));
        }
    }

    /// An IP header as a socket wants it.
    pub(crate) fn ip_header(
        &self,
        source: IpAddr,
        destination: IpAddr,
        options: IpOptions,
    ) -> Option<ip::Header> {
        let mut header = ip::Header::new(source, destination)?;
        let ttl = options.ttl.unwrap_or(self.settings.default_ttl);
        match &mut header {
            ip::Header::V4(header) => {
                (header.ttl, header.tos) = (ttl, options.tos);
                header.dont_fragment = options.discovery.marks_segments();
            }
            ip::Header::V6(header) => (header.hop_limit, header.traffic_class) = (ttl, options.tos),
        }
        Some(header)
    }

    /// Sends a packet the way its destination says.
    pub(crate) fn send_routed(&mut self, now: Instant, packet: Packet) {
        if let Some(path) = self.path(packet.destination(), Device::default()) {
            self.transmit(now, &path, packet);
        }
    }

    /// Sends a packet along a way, in pieces if the link takes no more.
    pub(crate) fn transmit(&mut self, now: Instant, path: &Path, packet: Packet) {
        self.transmit_cut(now, path, self.mtu(path), packet);
    }

    /// The same, in pieces no longer than `mtu`.
    pub(crate) fn transmit_cut(&mut self, now: Instant, path: &Path, mtu: usize, packet: Packet) {
        self.count_out(&packet);
        if packet.len() <= mtu {
            return self.transmit_one(now, path, packet);
        }
        // RFC 7739: nobody should guess the next.
        let id = self.rng.next_u32();
        let is_v4 = packet.destination().is_ipv4();
        let pieces = packet.fragment(mtu, id);
        self.count_cut(is_v4, pieces.len());
        for piece in pieces {
            self.transmit_one(now, path, piece);
        }
    }

    pub(crate) fn transmit_one(&mut self, now: Instant, path: &Path, packet: Packet) {
        let group = if path.is_local() { None } else { self.group_mac(packet.destination()) };
        let frame = self.pack(packet);
        let Some(mac) = group else { return self.transmit_to_one(now, path, frame) };
        // A group's packet that may not hop stays on this host (RFC 1112, section 6.1).
        if let Some(packet) = frame.as_packet()
            && stays_here(packet)
        {
            return;
        }
        // A broadcast is for us too.
        if mac == Mac::BROADCAST && self.loopback.len() < QUEUE_LEN {
            self.loopback.push_back((path.interface, frame.clone()));
        }
        self.put(path.interface, mac, frame);
    }

    /// Sends a packet of TCP along a way: its segments are for one host and fit the link by themselves (several of them
    /// may stand in one value).
    pub(crate) fn transmit_segment(&mut self, now: Instant, path: &Path, ip: ip::Header, segment: Segment) {
        self.counters.add_many(Counter::TcpOutSegs, segment.count() as u64);
        let packet = Packet { ip, body: Body::Tcp(segment) };
        self.count_out(&packet);
        let frame = self.pack(packet);
        self.transmit_to_one(now, path, frame);
    }

    /// [`Stack::put`] gives the frame its header.
    fn transmit_to_one(&mut self, now: Instant, path: &Path, frame: Box<Frame>) {
        if path.is_local() {
            let has_room = self.loopback.len() < QUEUE_LEN;
            self.count_frame_out(InterfaceId::LOOPBACK, &frame, has_room);
            if has_room {
                self.count_frame_in(InterfaceId::LOOPBACK, &frame);
                if let Some(tap) = self.tap.as_mut().filter(|tap| tap.len() < TAP_LEN) {
                    tap.push_back((InterfaceId::LOOPBACK, Frame::clone(&frame)));
                }
                self.loopback.push_back((path.interface, frame));
            }
            return;
        }
        if self.mac(path.interface).is_none() {
            return self.put(path.interface, Mac::ZERO, frame);
        }
        let resolved = self.neighbours(now, path.interface, |neighbours, context| {
            neighbours.resolve(context, path.next_hop, frame)
        });
        match resolved.flatten() {
            Some((mac, frame)) => self.put(path.interface, mac, frame),
            None => self.run_neighbour_actions(now, path.interface),
        }
    }

    pub(crate) fn neighbour_timer(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        address: IpAddr,
        at: Instant,
    ) {
        self.neighbours(now, interface, |neighbours, context| neighbours.popped(context, address, at));
        self.run_neighbour_actions(now, interface);
    }

    /// Works on an interface's neighbour table.
    pub(crate) fn neighbours<R>(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        work: impl FnOnce(&mut crate::neighbour::Neighbours, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let link = self.links.get_mut(interface.0)?;
        let (settings, timers, rng) = (&self.settings, &mut self.timers, &mut self.rng);
        let mut context = Context { now, interface, settings, timers, rng };
        Some(work(&mut link.neighbours, &mut context))
    }

    /// Does what the neighbour table asks for.
    pub(crate) fn run_neighbour_actions(&mut self, now: Instant, interface: InterfaceId) {
        while let Some(action) =
            self.links.get_mut(interface.0).and_then(|link| link.neighbours.poll_action())
        {
            match action {
                Action::Transmit(mac, frame) => self.put(interface, mac, frame),
                Action::Solicit(address, mac) => self.solicit(interface, address, mac),
                Action::Fail(frame) => {
                    self.count(Counter::NeighbourFailed);
                    if let Payload::Packet(packet) = &frame.payload {
                        self.host_unreachable(now, packet);
                    }
                }
                Action::Overflowed => self.count(Counter::NeighbourQueueFull),
            }
        }
    }

    /// Puts a frame on a link.
    pub(crate) fn put(&mut self, interface: InterfaceId, destination: Mac, mut frame: Box<Frame>) {
        let Some(link) = self.links.get(interface.0) else { return };
        if let Some(source) = link.interface.mac() {
            frame.set_ethernet(ethernet::Header { destination, source, ether_type: 0 });
        }
        let has_room = self.output.len() < QUEUE_LEN;
        self.count_frame_out(interface, &frame, has_room);
        if has_room {
            self.output.push_back((interface, frame));
        }
    }

    /// Asks who has an address: everybody (RFC 826; for IPv6 its solicited-node group, RFC 4861, section 4.3), or the
    /// neighbour that is said to have it.
    fn solicit(&mut self, interface: InterfaceId, address: IpAddr, known: Option<Mac>) {
        let Some(sender_mac) = self.mac(interface) else { return };
        let Some(source) = self.source_for(&Path { interface, next_hop: address }, address) else { return };
        match (source, address) {
            (IpAddr::V4(sender_ip), IpAddr::V4(target_ip)) => {
                let (operation, target_mac) = (arp::Operation::Request, Mac::ZERO);
                let request = arp::Packet { operation, sender_mac, sender_ip, target_mac, target_ip };
                self.put(
                    interface,
                    known.unwrap_or(Mac::BROADCAST),
                    Box::new(Frame::bare(Payload::Arp(request))),
                );
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                let group = solicited_node(target);
                let message = icmpv6::Message::NeighborSolicitation { target, source_mac: Some(sender_mac) };
                let destination = if known.is_some() { target } else { group };
                let mac = known.unwrap_or_else(|| Mac::for_ipv6_multicast(group));
                self.put_neighbour_message(interface, mac, (source, destination), message);
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
        }
    }

    /// RFC 4861, section 4.3: messages of neighbour discovery have a hop limit of 255, which no router lets through.
    pub(crate) fn put_neighbour_message(
        &mut self,
        interface: InterfaceId,
        mac: Mac,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        message: icmpv6::Message,
    ) {
        let options = IpOptions { ttl: Some(255), ..IpOptions::default() };
        let Some(ip) = self.ip_header(source.into(), destination.into(), options) else { return };
        let packet = Packet { ip, body: Body::Icmpv6(message) };
        self.count_out(&packet);
        self.put(interface, mac, Box::new(Frame::packet(packet)));
    }

    /// The hardware address of a group, for broadcast and multicast destinations.
    fn group_mac(&self, destination: IpAddr) -> Option<Mac> {
        match destination {
            IpAddr::V4(address) if address.is_multicast() => Some(Mac::for_ipv4_multicast(address)),
            IpAddr::V6(address) if address.is_multicast() => Some(Mac::for_ipv6_multicast(address)),
            address if self.is_broadcast(address) => Some(Mac::BROADCAST),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

/// Whether a packet must not get onto a link.
fn stays_here(packet: &Packet) -> bool {
    let of_this_host = match packet.destination() {
        IpAddr::V4(_) => false,
        // Scopes 0 and 1 (RFC 4291, section 2.7).
        IpAddr::V6(group) => group.is_multicast() && group.octets()[1] & 0xf <= 1,
    };
    of_this_host || (packet.destination().is_multicast() && packet.ip.hop_limit() == 0)
}

/// 255.255.255.255.
const LIMITED_BROADCAST: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

/// The group an address's owner listens to (RFC 4291, section 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let prefix = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).to_bits();
    Ipv6Addr::from_bits(prefix | (address.to_bits() & 0xff_ffff))
}
