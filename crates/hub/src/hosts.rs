//! The network itself: the hosts that are in it, and those that processes are or were plugged in as.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant};
use sockeye_gateway::{Gateway, Outlet};
use sockeye_lab::{
    Captured, Capturing, Direction, End, HostId, HostSpec, Lab, LinkSpec, OutsideId, SwitchId,
};
use sockeye_services::Services;
use sockeye_stack::Cidr;
use sockeye_topology::{Built, Event, Files, Service, Topology, What};
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use crate::beside::{Pair, Pairs, Port};
use crate::message::{Attached, HostReport, Joined, Names, VERSION};
use crate::traffic::{Clock, Traffic, add, count};

/// Hosts that a network remembers, if it takes those it doesn't know.
const MOST_GUESTS: usize = 250;
/// The longest name of a host (RFC 1035's label).
const LONGEST_NAME: usize = 63;
/// The hosts there are from the beginning: their last numbers.
const PUKAKI: u8 = 1;
const TEKAPO: u8 = 2;
const GATEWAY: u8 = 254;
/// The port of DNS.
const DNS: u16 = 53;

pub(crate) struct Hosts {
    lab: Lab,
    services: Services,
    known: Vec<Known>,
    /// Whose interface a way out leads to.
    ways: BTreeMap<OutsideId, Port>,
    /// The same by hardware addresses.
    macs: BTreeMap<Mac, Port>,
    /// Who has a way of his own to whom.
    pairs: Pairs,
    clock: Clock,
    /// What leads to the machine's network.
    outlet: Option<Outlet>,
    /// How hosts that aren't known are taken in, if they are.
    guests: Option<Guests>,
    /// What happens to hosts, in the order of time, and which of it is next.
    events: Vec<Event>,
    event: usize,
    /// Who leaves does so because all is over.
    over: Arc<AtomicBool>,
}

/// What an event is to a process that is plugged in as a host.
pub(crate) enum Concern {
    /// The host is switched off.
    Off(usize),
    /// An interface of it has these addresses, each with its network.
    Addresses(usize, usize, Vec<String>),
}

/// A host of the network.
struct Known {
    /// What a process is told that is plugged in as it; nothing if none can be.
    joined: Option<Joined>,
    name: String,
    addresses: Vec<IpAddr>,
    /// It is in the lab, until somebody is plugged in as it.
    inside: Option<HostId>,
    ways: Vec<OutsideId>,
    program: Option<(String, i32)>,
    /// It has left because all was over.
    done: bool,
    traffic: Traffic,
}

struct Guests {
    switch: SwitchId,
    direction: Direction,
    mtu: usize,
    /// What they do with what is for others.
    routes: Vec<(String, IpAddr, usize)>,
}

impl Hosts {
    /// `tekapo` on a switch, to which other hosts come by links like this, with this MTU in bytes; and perhaps `gateway`, their
    /// way out.
    pub(crate) fn default_network(
        seed: u64,
        (direction, mtu): (Direction, usize),
        gateway: Option<Gateway>,
    ) -> Result<Hosts, Errno> {
        let mut lab = Lab::new(seed);
        let tekapo = lab.add_host(HostSpec { mtu, ..HostSpec::new("tekapo", networks(TEKAPO)) });
        let switch = lab.add_switch("switch");
        lab.add_link(LinkSpec { mtu, ..LinkSpec::new(tekapo, switch) });
        lab.host_mut(tekapo).stack_mut().accept_any_destination(DNS);
        let leads_out = gateway.as_ref().is_some_and(Gateway::leads_out);
        let outlet = gateway.map(|gateway| {
            let host = lab.add_host(HostSpec { mtu, ..HostSpec::new("gateway", networks(GATEWAY)) });
            lab.add_link(LinkSpec { mtu, ..LinkSpec::new(host, switch) });
            lab.host_mut(host).stack_mut().answer_for_all();
            Outlet::new(&mut lab, host, gateway)
        });
        let upstream = leads_out.then(|| SocketAddr::new(v4(GATEWAY).into(), DNS));
        let mut services = match upstream {
            Some(upstream) => Services::tekapo_forwarding(&lab, tekapo, upstream),
            None => Services::tekapo(&lab, tekapo),
        };
        services.start(&mut lab, Instant::ZERO)?;
        let routes = outlet.as_ref().map(|_| default_routes()).unwrap_or_default();
        let own = Known::new("tekapo", vec![v4(TEKAPO).into(), v6(TEKAPO).into()]);
        let mac =
            lab.host(tekapo).stack().interfaces().nth(lab.eth0().0).map(|(_, interface)| interface.mac.0);
        let attached = Attached {
            addresses: networks(TEKAPO).iter().map(ToString::to_string).collect(),
            mac: mac.unwrap_or_default(),
            mtu,
        };
        let joined = Joined {
            services: Service::ALL.iter().map(|(name, _)| (*name).to_owned()).collect(),
            routes: routes.clone(),
            upstream,
            ..Joined::new("tekapo", attached)
        };
        let way = lab.add_outside();
        let guests = Some(Guests { switch, direction, mtu, routes });
        let known = outlet.as_ref().map(|outlet| Known {
            inside: Some(outlet.host()),
            ..Known::new("gateway", vec![v4(GATEWAY).into(), v6(GATEWAY).into()])
        });
        let mut hosts = Hosts { outlet, guests, ..Hosts::new(lab, services) };
        hosts.add(Known { inside: Some(tekapo), joined: Some(joined), ways: vec![way], ..own });
        known.into_iter().for_each(|gateway| hosts.add(gateway));
        Ok(hosts)
    }

    fn new(lab: Lab, services: Services) -> Hosts {
        Hosts {
            lab,
            services,
            known: Vec::new(),
            ways: BTreeMap::new(),
            macs: BTreeMap::new(),
            pairs: Pairs::default(),
            clock: Clock::default(),
            outlet: None,
            guests: None,
            events: Vec::new(),
            event: 0,
            over: Arc::default(),
        }
    }

    /// Frames that did not arrive, by reason.
    pub(crate) fn dropped(&self) -> BTreeMap<&'static str, u64> {
        self.lab.dropped()
    }

    /// Whoever sets it says that hosts leave because all is over.
    pub(crate) fn over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.over)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// What the clocks of all hosts in this process said when the network's time began, since 1970.
    pub(crate) fn set_epoch(&mut self, epoch: Duration) {
        self.lab.set_epoch(epoch);
    }

    /// What is published of it leads to its addresses.
    fn add(&mut self, known: Known) {
        let host = self.known.len();
        let attached = known.joined.iter().flat_map(|joined| &joined.interfaces);
        for (interface, (way, attached)) in known.ways.iter().zip(attached).enumerate() {
            let port = Port { host, interface, way: *way };
            self.ways.insert(*way, port);
            self.macs.insert(Mac(attached.mac), port);
        }
        self.outlet.iter_mut().for_each(|outlet| outlet.lead_to(&known.name, &known.addresses));
        self.known.push(known);
    }

    /// A file's hosts and links.
    pub(crate) fn of(
        topology: &Topology,
        seed: u64,
        files: Files,
        gateway: Option<Gateway>,
    ) -> Result<Hosts, Errno> {
        let Built { mut lab, mut services, hosts, gateway: way_out, .. } = topology.build(seed, files);
        services.start(&mut lab, Instant::ZERO)?;
        let outlet = way_out.zip(gateway).map(|(host, gateway)| Outlet::new(&mut lab, host, gateway));
        let events = topology.events.clone();
        let mut all = Hosts { events, outlet, ..Hosts::new(lab, services) };
        for (number, inside) in hosts.into_iter().enumerate() {
            let joined = joined(topology, number, &all.lab, inside);
            let host = Known::new(&joined.name, topology.addresses(number).collect());
            if topology.is_gateway(number) {
                all.add(Known { inside: Some(inside), ..host });
                continue;
            }
            let own: Vec<_> = joined.interfaces.iter().map(|_| all.lab.add_outside()).collect();
            name_ways(&mut all.lab, &joined.name, &own);
            all.add(Known { joined: Some(joined), inside: Some(inside), ways: own, ..host });
        }
        Ok(all)
    }

    /// What tells of the machine's own network, if something leads there.
    pub(crate) fn outside(&self) -> Option<BorrowedFd<'_>> {
        self.outlet.as_ref().map(Outlet::as_fd)
    }

    /// Takes in what the machine's network has to say.
    pub(crate) fn attend_outside(&mut self, now: Instant) {
        self.outlet.iter_mut().for_each(|outlet| outlet.attend(&mut self.lab, now));
    }

    /// Something the user should know, once.
    pub(crate) fn poll_note(&mut self) -> Option<&'static str> {
        self.outlet.as_mut()?.poll_note()
    }

    /// Who watches is shown these frames.
    pub(crate) fn capture(&mut self, what: Capturing) {
        self.lab.capture(what);
    }

    /// What there is to be seen of the network. What is in a host that a process is plugged in as, that process knows.
    pub(crate) fn seen(&mut self, now: Instant) -> (Vec<sockeye_look::Host>, Vec<sockeye_look::Link>) {
        self.count_beside();
        let mut inside = sockeye_look::hosts(&mut self.lab, now, |_| None);
        let host = |known: &Known| {
            let own = inside.iter().position(|host| host.name == known.name).map(|own| inside.remove(own));
            let up = known.inside.is_some() && own.as_ref().is_some_and(|own| own.up);
            let (program, pid) = known.program.clone().unzip();
            sockeye_look::Host {
                name: known.name.clone(),
                up: up || pid.is_some(),
                pid: pid.and_then(|pid| u32::try_from(pid).ok()),
                program,
                ..own.unwrap_or_default()
            }
        };
        let mut hosts: Vec<_> = self.known.iter().map(host).collect();
        hosts.extend(inside);
        (hosts, sockeye_look::links(&self.lab))
    }

    /// The next frame that was captured, and the lab it was in.
    pub(crate) fn poll_captured(&mut self) -> Option<(&Lab, Captured)> {
        let captured = self.lab.poll_captured()?;
        Some((&self.lab, captured))
    }

    /// When something is due.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        let event = self.events.get(self.event).map(|event| Instant::ZERO + event.at);
        let outside = self.outlet.as_ref().and_then(Outlet::next_deadline);
        [self.lab.next_deadline(), event, outside, self.clock.next()].into_iter().flatten().min()
    }

    /// The next event of the timetable, by its place there, and what of it concerns a process.
    pub(crate) fn happen(&mut self, now: Instant) -> Option<(usize, Option<Concern>)> {
        let number = self.event;
        let event = self.events.get(number).filter(|event| Instant::ZERO + event.at <= now)?;
        self.event += 1;
        let concern = match &event.what {
            What::Off(host) => self.is_process(*host).then_some(Concern::Off(*host)),
            What::Readdress(host, interface, addresses) => {
                let (host, interface) = (*host, *interface);
                if interface == 0 {
                    let addresses: Vec<_> = addresses.iter().map(Cidr::address).collect();
                    let name = &self.known[host].name;
                    self.outlet.iter_mut().for_each(|outlet| outlet.lead_to(name, &addresses));
                }
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                let joined = self.known[host].joined.as_mut();
                if let Some(own) = joined.and_then(|joined| joined.interfaces.get_mut(interface)) {
                    own.addresses.clone_from(&addresses);
                }
                self.is_process(host).then_some(Concern::Addresses(host, interface, addresses))
            }
            What::On(_)
            | What::Pause(_)
            | What::Resume(_)
            | What::Cut(_)
            | What::Mend(_)
            | What::Change(..) => None,
        };
        Some((number, concern))
    }

    /// Whether a host is, or was, a process's: then it isn't in the lab.
    fn is_process(&self, host: usize) -> bool {
        self.known[host].inside.is_none()
    }

    /// Makes a process a host: which, and what it is told.
    pub(crate) fn join(
        &mut self,
        name: &str,
        program: &str,
        process: i32,
    ) -> Result<(usize, Joined), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) || name.starts_with('-') {
            return Err(format!("{name:?} is no name of a host: letters, digits and -"));
        }
        let name = name.to_ascii_lowercase();
        if name == "localhost" {
            return Err(format!("{name} can't be joined as"));
        }
        let host = match self.known.iter().position(|known| known.name == name) {
            Some(host) => host,
            None => self.add_guest(&name)?,
        };
        let known = &mut self.known[host];
        let Some(joined) = known.joined.clone() else {
            return Err(format!("{name} is the network's own host"));
        };
        if let Some((program, process)) = &known.program {
            return Err(format!("{name} is there already: process {process}, {program}"));
        }
        known.program = Some((program.chars().take(256).collect(), process));
        if let Some(inside) = known.inside.take() {
            // What it serves moves to the process.
            for (interface, way) in known.ways.iter().enumerate() {
                let id = sockeye_stack::InterfaceId(self.lab.eth0().0 + interface);
                self.lab.replug(End::Interface(inside, id), *way);
            }
            self.lab.power(inside, false);
        }
        Ok((host, joined))
    }

    /// The process has left: the host is off.
    pub(crate) fn leave(&mut self, host: usize) {
        self.known[host].done = self.is_over();
        self.known[host].program = None;
    }

    /// A host that was never there, with the next free address.
    fn add_guest(&mut self, name: &str) -> Result<usize, String> {
        let Some(guests) = &self.guests else {
            let names: Vec<_> = self.known.iter().map(|known| known.name.as_str()).collect();
            return Err(format!("the network has no host {name}; there are {}", names.join(", ")));
        };
        let full = || "the network has no address left".to_owned();
        if self.known.len() > MOST_GUESTS {
            return Err(full());
        }
        let taken = |number: u8| self.known.iter().any(|known| known.addresses.contains(&v4(number).into()));
        let first = if name == "pukaki" { PUKAKI } else { TEKAPO + 1 };
        let number = (first..=254).find(|number| !taken(*number)).ok_or_else(full)?;
        let way = self.lab.add_outside();
        name_ways(&mut self.lab, name, &[way]);
        let directions = [guests.direction.clone(), guests.direction.clone()];
        let ends = [way.into(), guests.switch.into()];
        self.lab.add_link(LinkSpec { ends, mtu: guests.mtu, directions });
        let addresses = vec![v4(number).into(), v6(number).into()];
        self.services.learn(name, &addresses);
        let attached = Attached {
            addresses: networks(number).iter().map(ToString::to_string).collect(),
            mac: [0x02, 0, 1, 0, 0, number],
            mtu: guests.mtu,
        };
        let dns = Some((v4(TEKAPO), v6(TEKAPO)));
        let joined = Joined { dns, routes: guests.routes.clone(), ..Joined::new(name, attached) };
        self.add(Known { joined: Some(joined), ways: vec![way], ..Known::new(name, addresses) });
        Ok(self.known.len() - 1)
    }

    /// All hosts, for who has to know their names.
    pub(crate) fn names(&self) -> Names {
        self.known.iter().map(|known| (known.name.clone(), known.addresses.clone())).collect()
    }

    /// Which host serves names for a process that was plugged in as it, and so is to be told of who comes; and who is there, the
    /// latest last.
    pub(crate) fn name_server(&self) -> Option<(usize, &str, &[IpAddr])> {
        self.guests.as_ref()?;
        let tekapo = self.known.iter().position(|known| known.addresses.contains(&v4(TEKAPO).into()))?;
        let latest = self.known.last()?;
        self.known[tekapo].program.as_ref()?;
        Some((tekapo, &latest.name, &latest.addresses))
    }

    /// How many hosts there were.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// A frame from a host's interface; `false` if it has none of this number.
    pub(crate) fn input(
        &mut self,
        now: Instant,
        (host, interface): (usize, usize),
        frame: Box<Frame>,
    ) -> bool {
        let known = &mut self.known[host];
        let Some(way) = known.ways.get(interface) else { return false };
        count(&mut known.traffic.sent, &frame);
        self.clock.note();
        self.lab.input_outside(now, *way, frame);
        true
    }

    /// Lets the network do what is due. `deliver` takes what has come to an interface of a host that is plugged in, and says
    /// whether there was room for it.
    pub(crate) fn settle(&mut self, now: Instant, mut deliver: impl FnMut(usize, usize, &Frame) -> bool) {
        let is_over = self.is_over();
        let network = (&mut self.lab, &mut self.services);
        sockeye_gateway::settle(self.outlet.as_mut(), network, now, |_, _, _| {});
        while let Some((way, frame)) = self.lab.poll_outside() {
            let Some(port) = self.ways.get(&way).copied() else { continue };
            let known = &mut self.known[port.host];
            let is_on = known.program.is_some();
            if !is_on || !deliver(port.host, port.interface, &frame) {
                // One that is about to leave may have gone already.
                if !(known.done || is_on && is_over) {
                    self.lab.note_lost(&frame, is_on);
                }
            } else {
                count(&mut known.traffic.received, &frame);
                self.clock.note();
                let header =
                    frame.ethernet.filter(|header| self.macs.get(&header.destination) == Some(&port));
                if let Some(from) = header.and_then(|header| self.macs.get(&header.source)) {
                    self.pairs.note(*from, port);
                }
            }
        }
        if self.clock.next().is_some_and(|at| at <= now) {
            self.count_beside();
            self.clock.look(now, self.known.iter_mut().map(|known| &mut known.traffic));
            if !self.pairs.is_empty() {
                self.clock.note();
            }
        }
    }

    /// Two hosts that are to have a way beside this network from now on: its memory, and they.
    pub(crate) fn begin_beside(&mut self) -> Option<(OwnedFd, &Pair)> {
        self.pairs.begin(&self.lab)
    }

    /// The hardware address of a host's interface.
    pub(crate) fn mac(&self, port: Port) -> [u8; 6] {
        let joined = self.known[port.host].joined.as_ref();
        joined.and_then(|joined| joined.interfaces.get(port.interface)).map_or([0; 6], |own| own.mac)
    }

    /// Those who had one, and are to have it no more.
    pub(crate) fn end_beside(&mut self) -> Vec<Pair> {
        let mut ended = self.pairs.take_ended(&self.lab, |host| self.known[host].program.is_some());
        ended.iter_mut().for_each(|pair| self.count(pair));
        ended
    }

    /// Counts what has passed beside.
    fn count_beside(&mut self) {
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.iter_mut().for_each(|pair| self.count(pair));
        self.pairs = pairs;
    }

    fn count(&mut self, pair: &mut Pair) {
        for (from, to, carried) in pair.passed() {
            add(&mut self.known[from.host].traffic.sent, carried);
            add(&mut self.known[to.host].traffic.received, carried);
            self.lab.carried_beside(from.way, to.way, carried);
        }
    }

    pub(crate) fn report(&mut self, now: Instant) -> Vec<HostReport> {
        self.count_beside();
        let report = |known: &Known| {
            let (sent_rate, received_rate) = self.clock.rates(now, &known.traffic);
            HostReport {
                name: known.name.clone(),
                addresses: known.current_addresses(),
                program: known.program.clone(),
                up: known.program.is_some() || known.inside.is_some_and(|inside| self.lab.is_on(inside)),
                sent: known.traffic.sent,
                received: known.traffic.received,
                sent_rate,
                received_rate,
            }
        };
        self.known.iter().map(report).collect()
    }
}

impl Known {
    fn new(name: &str, addresses: Vec<IpAddr>) -> Known {
        let name = name.to_owned();
        let (joined, inside, ways, program) = (None, None, Vec::new(), None);
        Known { joined, name, addresses, inside, ways, program, done: false, traffic: Traffic::default() }
    }

    /// Its addresses as they are now, while its name still leads to those it began with.
    fn current_addresses(&self) -> Vec<String> {
        let Some(joined) = &self.joined else {
            return self.addresses.iter().map(ToString::to_string).collect();
        };
        let own = joined.interfaces.iter().flat_map(|interface| &interface.addresses);
        own.map(|own| own.split_once('/').map_or(&**own, |(address, _)| address).to_owned()).collect()
    }
}

/// Frames that come by these ways are those of a host's interfaces.
fn name_ways(lab: &mut Lab, host: &str, ways: &[OutsideId]) {
    for (interface, way) in ways.iter().enumerate() {
        lab.name_outside(*way, format!("{host}/eth{interface}"));
    }
}

/// What a process is told that is plugged in as a host of a file.
fn joined(topology: &Topology, number: usize, lab: &Lab, inside: HostId) -> Joined {
    let host = &topology.hosts[number];
    let stack = lab.host(inside).stack();
    let macs = stack.interfaces().skip(lab.eth0().0).map(|(_, interface)| interface.mac.0);
    let attached = host.interfaces.iter().zip(macs).enumerate().map(|(interface, (own, mac))| Attached {
        addresses: own.addresses.iter().map(ToString::to_string).collect(),
        mac,
        mtu: topology.mtu(number, interface),
    });
    Joined {
        name: host.name.clone(),
        interfaces: attached.collect(),
        routes: host.routes.iter().map(|(to, via, interface)| (to.to_string(), *via, *interface)).collect(),
        sysctls: host.sysctls.clone(),
        services: topology.served(host).into_iter().map(|service| service.name().to_owned()).collect(),
        dns: None,
        upstream: topology.upstream(number),
        version: VERSION,
    }
}

/// All that is for others goes to the gateway.
fn default_routes() -> Vec<(String, IpAddr, usize)> {
    vec![("0.0.0.0/0".to_owned(), v4(GATEWAY).into(), 0), ("::/0".to_owned(), v6(GATEWAY).into(), 0)]
}

fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 61, 0, number)
}

fn v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd61, 0, 0, 0, 0, 0, 0, number.into())
}

fn networks(number: u8) -> Vec<Cidr> {
    [Cidr::new(v4(number).into(), 24), Cidr::new(v6(number).into(), 64)].into_iter().flatten().collect()
}
