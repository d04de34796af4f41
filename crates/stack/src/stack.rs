//! The host itself: what it owns, how it is set up, and how it is driven: frames in, frames out, events, deadlines.
//!
//! Every call that takes `now` leaves the stack settled: packets of the host to itself have been delivered (one after
//! the other from a queue, never by recursion), and what is to leave stands ready in [`Stack::poll_frame`].

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use slotmap::{Key as _, new_key_type};
use sockeye_base::{Counter, Counters, Instant, Key, Rng, Short, Table};
use sockeye_tcp::Config;
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Frame, Packet, Payload};

use crate::counting::{IcmpCounts, InterfaceCounts};
use crate::fragments::Fragments;
use crate::groups::{Groups, Members};
use crate::icmp::Limiter;
use crate::input::Sender;
use crate::interface::Device;
use crate::neighbour::Neighbours;
use crate::ports::{Ports, Rules};
use crate::raw::RawTable;
use crate::route::{Path, Routes, select_source};
use crate::strangers::Strangers;
use crate::tcp::TcpTable;
use crate::timers::{Popped, TimerKey, Timers};
use crate::udp::UdpTable;
use crate::{Cidr, Interface, InterfaceId, Policy, Route, Settings};

new_key_type! {
    /// A reserved TCP address.
    pub struct BindId;
    /// A TCP connection.
    pub struct ConnectionId;
    /// A TCP listener.
    pub struct ListenerId;
    /// The groups that a socket is in.
    pub struct MembersId;
    /// An open socket of the host above the stack, to whom connections, listeners and UDP sockets belong.
    pub struct SocketId;
    /// A UDP socket; or a raw or ping socket, which stand among them.
    pub struct UdpId;
}

/// Something changed: look at it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A connection that belongs to a socket.
    Connection(ConnectionId),
    /// A listener: its accept queue grew.
    Listener(ListenerId),
    /// A UDP socket.
    Udp(UdpId),
}

/// How far it is looked ahead ([`Stack::look_ahead`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// What lies in the host itself.
    Itself,
    /// The tables of its interfaces, sockets and connections.
    Tables,
    /// The socket and the connection.
    Entries,
    /// What the connection keeps elsewhere.
    Beyond,
}

impl Round {
    /// All, in their order.
    pub const ALL: [Round; 4] = [Round::Itself, Round::Tables, Round::Entries, Round::Beyond];
}

/// Most packets delivered over `lo` in one call; the rest is due at once.
const LOOPBACK_BURST: usize = 10_000;

/// One host's network stack. What every packet goes through stands together: of thousands of hosts each line of the cache that
/// a packet needs comes from memory.
#[derive(Debug)]
#[repr(C)]
pub struct Stack {
    /// Shared by hosts that have the same.
    pub(crate) settings: Arc<Settings>,
    pub(crate) links: Vec<Link>,
    pub(crate) output: Short<(InterfaceId, Box<Frame>)>,
    /// The box of a frame that has come, for the next to be sent.
    pub(crate) spare: Option<Box<Frame>>,
    /// What comes back to this host, and where it comes in: `lo`, or the interface a group's packet left by.
    pub(crate) loopback: Short<(InterfaceId, Box<Frame>)>,
    pub(crate) events: Short<Event>,
    /// The last moment we were told of.
    now: Instant,
    pub(crate) timers: Timers,
    /// What has come for others, if it answers for them.
    pub(crate) strangers: Option<Box<Strangers>>,
    pub(crate) tap: Option<Box<Tap>>,
    /// Addresses were taken away: what a connection began with may not be ours any more.
    pub(crate) renumbered: bool,
    pub(crate) raw: RawTable,
    pub(crate) tcp: TcpTable,
    pub(crate) counters: Counters,
    pub(crate) rng: Rng,
    pub(crate) routes: Routes,
    /// Ports for which every destination address is ours.
    pub(crate) any_destination: BTreeSet<u16>,
    pub(crate) tcp_ports: Ports,
    pub(crate) udp_ports: Ports,
    pub(crate) udp: UdpTable,
    pub(crate) members: Table<MembersId, Members>,
    pub(crate) icmp: Limiter,
    pub(crate) fragments: Fragments,
    pub(crate) icmp_counts: IcmpCounts,
}

/// Copies of frames on `lo` that wait to be taken.
pub(crate) type Tap = VecDeque<(InterfaceId, Frame)>;

/// An interface and who lives on it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Link {
    pub(crate) interface: Interface,
    pub(crate) counts: InterfaceCounts,
    pub(crate) neighbours: Neighbours,
    pub(crate) groups: Groups,
}

impl Link {
    /// As [`Stack::look_ahead`].
    fn look_ahead(&self) -> u64 {
        self.counts.rx_packets ^ u64::from(self.interface.mac.0[0]) ^ self.neighbours.look_ahead()
    }

    fn new(interface: Interface, key: Key) -> Link {
        let neighbours = Neighbours::new(key);
        Link { interface, neighbours, groups: Groups::default(), counts: InterfaceCounts::default() }
    }
}

impl Stack {
    /// A generator of its own for what is beside the stack on its host.
    pub fn fork_rng(&mut self) -> Rng {
        self.rng.fork()
    }

    /// A host that has only its loopback interface, `lo`.
    pub fn new(settings: impl Into<Arc<Settings>>, mut rng: Rng) -> Stack {
        let tcp = TcpTable::new(&mut rng);
        let mut stack = Stack {
            settings: settings.into(),
            rng,
            // `lo` and one more, mostly.
            links: Vec::with_capacity(2),
            routes: Routes::default(),
            renumbered: false,
            any_destination: BTreeSet::new(),
            strangers: None,
            tcp_ports: Ports::default(),
            udp_ports: Ports::new(Rules::Udp),
            tcp,
            udp: UdpTable::default(),
            raw: RawTable::default(),
            members: Table::default(),
            icmp: Limiter::default(),
            fragments: Fragments::default(),
            timers: Timers::default(),
            output: Short::default(),
            spare: None,
            loopback: Short::default(),
            tap: None,
            events: Short::default(),
            counters: Counters::default(),
            icmp_counts: IcmpCounts::default(),
            now: Instant::ZERO,
        };
        let addresses =
            [Cidr::new(Ipv4Addr::LOCALHOST.into(), 8), Cidr::new(Ipv6Addr::LOCALHOST.into(), 128)]
                .into_iter();
        let addresses = addresses.flatten().collect();
        stack.add_interface(Interface { name: "lo".into(), mac: Mac::ZERO, mtu: 65_536, addresses });
        stack
    }

    /// The same host after it was switched off: it has its settings, interfaces, routes and rules, and nothing of what
    /// went on.
    pub fn rebooted(&self, rng: Rng) -> Stack {
        let mut stack = Stack::new(Arc::clone(&self.settings), rng);
        for (id, interface) in self.interfaces().skip(1) {
            let key = stack.rng.key();
            stack.links.push(Link::new(interface.clone(), key));
            debug_assert_eq!(stack.links.len(), id.0 + 1);
        }
        stack.tcp.set_usual(self.tcp.usual());
        stack.routes = self.routes.clone();
        stack.any_destination = self.any_destination.clone();
        stack.strangers = self.strangers.is_some().then(Box::default);
        stack.tap = self.tap.is_some().then(Box::default);
        stack
    }

    /// Says what most connections will begin with, so that they have it in one place: that of a stack made before, if it has
    /// the same settings.
    pub fn expect(&mut self, other: Option<&Stack>, config: impl FnOnce(&Settings) -> Config) {
        let alike = other.filter(|other| Arc::ptr_eq(&other.settings, &self.settings));
        let usual = alike.and_then(|other| other.tcp.usual());
        self.tcp.set_usual(Some(usual.unwrap_or_else(|| Arc::new(config(&self.settings)))));
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its settings, to change while it runs: what is made from now on begins with them.
    pub fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Its interfaces, `lo` first.
    pub fn interfaces(&self) -> impl Iterator<Item = (InterfaceId, &Interface)> + Clone {
        self.links.iter().enumerate().map(|(i, link)| (InterfaceId(i), &link.interface))
    }

    /// Adds an interface, and routes to the networks of its addresses.
    pub fn add_interface(&mut self, interface: Interface) -> InterfaceId {
        let id = InterfaceId(self.links.len());
        for destination in &interface.addresses {
            self.routes.add(Route { destination: *destination, via: None, interface: id });
        }
        let key = self.rng.key();
        self.links.push(Link::new(interface, key));
        id
    }

    /// Gives an interface these addresses instead of those it has; the routes to their networks change with them, those by
    /// routers stay. What is bound to an old address stays, too, but nothing comes to it and its segments find no route.
    pub fn set_addresses(&mut self, id: InterfaceId, addresses: Vec<Cidr>) {
        let Some(link) = self.links.get_mut(id.0) else { return };
        let old = std::mem::replace(&mut link.interface.addresses, addresses);
        self.routes.remove_networks(id, &old);
        self.renumbered = true;
        for destination in &link.interface.addresses {
            self.routes.add(Route { destination: *destination, via: None, interface: id });
        }
    }

    /// Adds a route. Connections that stand keep their way.
    pub fn add_route(&mut self, route: Route) {
        self.routes.add(route);
    }

    /// Adds a rule ahead of all routes.
    pub fn add_policy(&mut self, policy: Policy) {
        self.routes.add_policy(policy);
    }

    /// A packet to this port is ours, TCP or UDP, whichever address it is for: sockets bound to the wildcard get it and
    /// answer from the address that was asked.
    pub fn accept_any_destination(&mut self, port: u16) {
        self.any_destination.insert(port);
    }

    /// Whether a socket has this port, of TCP or of UDP.
    pub fn is_port_taken(&self, port: u16) -> bool {
        self.tcp_ports.is_bound(port) || self.udp_ports.is_bound(port)
    }

    /// Whether the address is one of ours (all of 127/8 is).
    pub fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self
                .links
                .iter()
                .any(|link| link.interface.addresses.iter().any(|own| own.address() == address))
    }

    /// The interface that has an address; `lo` has all of 127/8.
    pub fn interface_of(&self, address: IpAddr) -> Option<InterfaceId> {
        if address.is_loopback() { Some(InterfaceId::LOOPBACK) } else { self.owner(address) }
    }

    /// Whether it is the limited broadcast address, or that of a network we are on.
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let directed =
                    |link: &Link| link.interface.addresses.iter().any(|own| own.broadcast() == Some(address));
                address.is_broadcast() || self.links.iter().any(directed)
            }
            IpAddr::V6(_) => false,
        }
    }

    /// The address of ours that a packet to `remote` comes from if its socket is bound to none. Policies don't count.
    pub fn route_source(&self, remote: IpAddr) -> Option<IpAddr> {
        self.source_for(&self.path(remote, Device::default())?, remote)
    }

    /// Does what is due.
    pub fn advance(&mut self, now: Instant) {
        self.now = now;
        while let Some((at, key)) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            match key {
                TimerKey::Connection(id) => self.tcp_timer(now, id, at),
                TimerKey::Fragments => self.fragments_timer(now, at),
                TimerKey::TimeWaits => self.time_waits_timer(now, at),
                TimerKey::Reports(interface, v4) => self.report_timer(now, (interface, v4), at),
                TimerKey::Neighbour(interface, address) => self.neighbour_timer(now, interface, address, at),
            }
        }
        self.settle(now);
    }

    /// The next frame to put on a link. Those of `lo` never show up here.
    pub fn poll_frame(&mut self) -> Option<(InterfaceId, Box<Frame>)> {
        self.output.pop_front()
    }

    /// Whether copies of frames on `lo` are kept for [`Stack::poll_tap`].
    pub fn set_tap(&mut self, on: bool) {
        self.tap = on.then(Box::default);
    }

    /// The next copy of a frame on `lo`.
    pub fn poll_tap(&mut self) -> Option<(InterfaceId, Frame)> {
        self.tap.as_mut()?.pop_front()
    }

    /// When [`Stack::advance`] is to be called next.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.drop_stale_timers();
        self.earliest_deadline()
    }

    /// The same or earlier, without looking whether the timer still means something: by then it may have moved on.
    pub fn earliest_deadline(&self) -> Option<Instant> {
        if self.loopback.is_empty() { self.timers.first() } else { Some(self.now) }
    }

    /// Whether anything is to be sent, delivered to itself, or copied.
    pub fn has_output(&self) -> bool {
        let copies = self.tap.as_ref().is_some_and(|tap| !tap.is_empty());
        copies || !self.output.is_empty() || !self.loopback.is_empty()
    }

    /// Whether [`Stack::poll_event`] would give one.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next thing to look at. Each stands here once until it is taken; it may be gone by then.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match event {
            Event::Connection(id) => self.tcp.reported(id),
            Event::Listener(id) => self.tcp.listener_reported(id),
            Event::Udp(id) => self.udp.reported(id),
        }
        Some(event)
    }

    /// Says whose it is.
    pub fn set_socket_of(&mut self, what: Event, socket: SocketId) {
        match what {
            Event::Connection(id) => self.tcp.set_socket_of(id, socket),
            Event::Listener(id) => self.tcp.set_socket_of_listener(id, socket),
            Event::Udp(id) => self.udp.set_socket_of(id, socket),
        }
    }

    /// The socket that has it, if it is told of it and hasn't given it back.
    pub fn socket_of(&self, what: Event) -> Option<SocketId> {
        let socket = match what {
            Event::Connection(id) => self.tcp.socket_of(id),
            Event::Listener(id) => self.tcp.socket_of_listener(id),
            Event::Udp(id) => self.udp.socket_of(id),
        };
        socket.filter(|socket| !socket.is_null())
    }

    /// Delivers what the host sent to itself. Ends every call that takes `now`.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.now = now;
        for _ in 0..LOOPBACK_BURST {
            let Some((interface, frame)) = self.loopback.pop_front() else { break };
            if let Payload::Packet(packet) = frame.payload {
                self.packet_input(now, (interface, Sender::Here), packet);
            }
        }
    }

    /// A packet as a frame, made in the place where it stays on all its way.
    pub(crate) fn pack(&mut self, packet: Packet) -> Box<Frame> {
        match self.spare.take() {
            Some(mut frame) => {
                *frame = Frame::packet(packet);
                frame
            }
            None => Box::new(Frame::packet(packet)),
        }
    }

    /// Reads once what a frame that comes in by an interface will need of this host, and gives something made of it, so that
    /// it is read: of many hosts it comes into the processor's cache at the same time, where otherwise one would be waited for
    /// after the other. Where one place leads to the next, that is read in the next round.
    pub fn look_ahead(&self, interface: InterfaceId, round: Round) -> u64 {
        let own = match round {
            Round::Itself => {
                let counted = [Counter::IpInReceives, Counter::TcpInSegs, Counter::Ip6OutOctets];
                let counted = counted.into_iter().fold(0, |seen, counter| seen ^ self.counters[counter]);
                let own = [self.has_output(), self.has_events(), self.renumbered, self.raw.is_empty()];
                let tables = self.links.len() as u64;
                own.into_iter().fold(counted ^ tables, |seen, is| seen << 1 | u64::from(is))
            }
            Round::Tables => self.links.get(interface.0).map_or(0, Link::look_ahead),
            Round::Entries | Round::Beyond => 0,
        };
        own ^ self.tcp.look_ahead(round)
    }

    /// The connection that had the segment before, whose the next probably is.
    pub fn latest_connection(&self) -> Option<ConnectionId> {
        self.tcp.latest()
    }

    /// Whether there is a way to an address.
    pub fn has_route(&self, destination: IpAddr) -> bool {
        self.path(destination, Device::default()).is_some()
    }

    /// The way to an address for who is bound to a device or not; `None` without a route. As Linux: an address of ours
    /// is on `lo` and on the interface that has it, and to a device IPv4 needs no route (`ip_route_output_key`).
    pub(crate) fn path(&self, destination: IpAddr, device: Device) -> Option<Path> {
        let Some(interface) = device.one() else {
            if let (IpAddr::V6(_), true) = (destination, destination.is_multicast()) {
                return self.group_path(destination);
            }
            if self.is_local(destination) {
                return Some(Path { interface: InterfaceId::LOOPBACK, next_hop: destination });
            }
            return self.routes.lookup(destination, device);
        };
        let is_lo = interface == InterfaceId::LOOPBACK;
        if self.owner(destination) == Some(interface) || (is_lo && destination.is_ipv4()) {
            return Some(Path { interface: InterfaceId::LOOPBACK, next_hop: destination });
        }
        let on_link = Path { interface, next_hop: destination };
        let exists = self.links.get(interface.0).is_some();
        // (Groups of IPv6 have one on every interface but `lo`.)
        let needs_none = destination.is_ipv4() || (destination.is_multicast() && !is_lo);
        self.routes.lookup(destination, device).or((exists && needs_none).then_some(on_link))
    }

    /// Where packets to a group of IPv6 go if nothing is said: by the first interface that is no loopback and speaks IPv6.
    fn group_path(&self, group: IpAddr) -> Option<Path> {
        let speaks = |interface: &Interface| interface.addresses.iter().any(|own| own.address().is_ipv6());
        let mut links = self.interfaces().skip(1);
        let (interface, _) = links.find(|(_, interface)| speaks(interface))?;
        Some(Path { interface, next_hop: group })
    }

    /// The interface that packets to a group leave by if nothing is said, which is where it is joined.
    pub fn group_interface(&self, group: IpAddr) -> Option<InterfaceId> {
        Some(self.path(group, Device::default())?.interface)
    }

    /// The interface that sockets bound to a device go by, of a packet for this address: what comes over `lo` for an address
    /// of another interface is that one's (`inet_iif`, `inet6_iif`).
    pub(crate) fn device_of(&self, interface: InterfaceId, destination: IpAddr) -> InterfaceId {
        if interface != InterfaceId::LOOPBACK {
            return interface;
        }
        self.owner(destination).unwrap_or(interface)
    }

    /// The interface that has an address.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<InterfaceId> {
        let has = |link: &Link| link.interface.addresses.iter().any(|own| own.address() == address);
        self.links.iter().position(has).map(InterfaceId)
    }

    pub(crate) fn source_for(&self, path: &Path, destination: IpAddr) -> Option<IpAddr> {
        select_source(self.links.iter().map(|link| &link.interface), path, destination)
    }

    /// The hardware address of an interface that has one.
    pub(crate) fn mac(&self, interface: InterfaceId) -> Option<Mac> {
        self.links.get(interface.0)?.interface.mac()
    }

    pub(crate) fn mtu(&self, path: &Path) -> usize {
        self.links.get(path.interface.0).map_or(0, |link| link.interface.mtu)
    }

    /// Takes timers off the front of the queue that mean nothing any more, so that `next_deadline` tells the truth.
    fn drop_stale_timers(&mut self) {
        while let Some((at, key)) = self.timers.peek() {
            let timer = match key {
                TimerKey::Connection(id) => self.tcp.timer_mut(id),
                TimerKey::Fragments => Some(&mut self.fragments.timer),
                TimerKey::TimeWaits => Some(self.tcp.time_waits_timer_mut()),
                TimerKey::Reports(interface, v4) => {
                    self.links.get_mut(interface.0).and_then(|link| link.groups.timer_mut(v4))
                }
                TimerKey::Neighbour(interface, address) => {
                    self.links.get_mut(interface.0).and_then(|link| link.neighbours.timer_mut(address))
                }
            };
            match timer {
                Some(timer) if timer.is_current(at) => return,
                Some(timer) => {
                    self.timers.pop();
                    if let Popped::Later(deadline) = timer.popped(at) {
                        self.timers.put_back(key, deadline);
                    }
                }
                None => {
                    self.timers.pop();
                }
            }
        }
    }
}
