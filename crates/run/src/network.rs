//! The network the program sees, advanced in real time: the lab with its services, and the clock that drives them; or
//! its host alone, with a cable to a network in another process.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant as Clock;

use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant};
use sockeye_gateway::{Gateway, Outlet};
use sockeye_hub::{Joined, News, Plug};
use sockeye_lab::{Capturing, Direction, End, HostId, HostSpec, Lab, LinkSpec, OutsideId};
use sockeye_look::{About, Desk, Role, Snapshot};
use sockeye_services::Services;
use sockeye_services::dns::{Dns, Zone};
use sockeye_socket::{Host, Outside, SocketId};
use sockeye_stack::{Cidr, InterfaceId, Policy, Route};
use sockeye_topology::Service;
use sockeye_wire::ethernet::Mac;

use crate::Faults;
use crate::pcap::Pcap;
use crate::trace::Trace;

/// The program's host in the default network.
pub const HOST: &str = "pukaki";
/// The port of DNS.
const DNS: u16 = 53;
/// Frames taken from the cable before programs get their turn.
const FRAMES_AT_A_TIME: usize = 64;
/// The longest IP packet that an interface can send, in bytes.
const LONGEST_PACKET: usize = 65_535;

/// The network as it is here: the embedded default network, or the program's host alone with its cable.
pub(crate) struct Network {
    lab: Lab,
    services: Services,
    program_host: HostId,
    cable: Option<Cable>,
    outlet: Option<Outlet>,
    began: Clock,
    watchers: Watchers,
}

/// What leads to a network that is up in another process.
struct Cable {
    plug: Plug,
    /// One way out for each interface.
    ways: Vec<OutsideId>,
}

/// Who is shown each frame.
#[derive(Default)]
pub(crate) struct Watchers {
    pub(crate) trace: Option<Trace>,
    pub(crate) pcap: Option<Pcap>,
    /// Where others look, and what they are told of this process.
    pub(crate) desk: Option<(Desk, About)>,
}

impl Network {
    /// The default network, its services started, the program's host with these settings. `watchers` see every frame.
    pub(crate) fn new(
        seed: u64,
        (faults, sysctls): (&Faults, &[(String, String)]),
        gateway: Option<Gateway>,
        watchers: Watchers,
    ) -> Result<Network, Errno> {
        let network = faults.network(seed, gateway.is_some());
        let mut lab = network.lab;
        let leading_out = network.gateway.filter(|_| gateway.as_ref().is_some_and(Gateway::leads_out));
        let upstream = leading_out.and_then(|host| Some(lab.addresses(host).first()?.address()));
        let mut services = match upstream {
            Some(address) => Services::tekapo_forwarding(&lab, network.tekapo, SocketAddr::new(address, DNS)),
            None => Services::tekapo(&lab, network.tekapo),
        };
        services.start(&mut lab, Instant::ZERO)?;
        let mut outlet =
            network.gateway.zip(gateway).map(|(host, gateway)| Outlet::new(&mut lab, host, gateway));
        if let Some(outlet) = &mut outlet {
            let own: Vec<_> = lab.addresses(network.pukaki).iter().map(Cidr::address).collect();
            outlet.lead_to(HOST, &own);
        }
        let network = Network::begin(lab, (services, network.pukaki), sysctls, watchers)?;
        Ok(Network { outlet, ..network })
    }

    /// A host of a network that is up, with these settings. What it is was said when its cable was plugged in.
    pub(crate) fn joined(
        seed: u64,
        (plug, joined, names): (Plug, &Joined, &[(String, Vec<IpAddr>)]),
        sysctls: &[(String, String)],
        watchers: Watchers,
    ) -> Result<Network, Errno> {
        let mut lab = Lab::new(seed);
        let host = add_joined(&mut lab, joined)?;
        let ways: Vec<_> = joined.interfaces.iter().map(|_| lab.add_outside()).collect();
        for (interface, way) in ways.iter().enumerate() {
            let ends = [End::Interface(host, InterfaceId(lab.eth0().0 + interface)), End::Outside(*way)];
            let directions = [Direction::default(), Direction::default()];
            // How long packets may be that come is the network's to say.
            lab.add_link(LinkSpec { ends, mtu: LONGEST_PACKET, directions });
        }
        let mut services = Services::new();
        for name in &joined.services {
            if let Some(service) = Service::named(name).and_then(Service::plain) {
                services.add(host, service);
            }
        }
        let policy = match joined.dns {
            Some(via) => Policy { port: DNS, via, interface: lab.eth0(), except: None },
            None => {
                // The names are known here: whatever server is asked, this host answers by itself, but for others' names.
                let mut zone = Zone::new(&joined.name);
                names.iter().for_each(|(name, own)| zone.add(name, own.iter().copied()));
                services.add(host, Box::new(Dns::new(zone, joined.upstream)));
                lab.host_mut(host).stack_mut().accept_any_destination(DNS);
                let via = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
                let except = joined.upstream.map(|upstream| upstream.ip());
                Policy { port: DNS, via, interface: InterfaceId::LOOPBACK, except }
            }
        };
        lab.host_mut(host).stack_mut().add_policy(policy);
        services.start(&mut lab, Instant::ZERO)?;
        let sysctls: Vec<_> = joined.sysctls.iter().chain(sysctls).cloned().collect();
        let mut network = Network::begin(lab, (services, host), &sysctls, watchers)?;
        network.cable = Some(Cable { plug, ways });
        Ok(network)
    }

    fn begin(
        mut lab: Lab,
        (services, program_host): (Services, HostId),
        sysctls: &[(String, String)],
        mut watchers: Watchers,
    ) -> Result<Network, Errno> {
        watchers.desk.iter_mut().for_each(|(desk, about)| desk.begin(about));
        lab.capture(watchers.need());
        lab.set_epoch(crate::since_1970());
        let settings = lab.host_mut(program_host).stack_mut().settings_mut();
        for (name, value) in sysctls {
            settings.set_sysctl(name, value).map_err(|_| Errno::EINVAL)?;
        }
        // What is urgent, and to whom, is for the carriers to show.
        settings.tcp.oob_inline = true;
        let (cable, outlet) = (None, None);
        Ok(Network { lab, services, program_host, cable, outlet, began: Clock::now(), watchers })
    }

    /// What tells that somebody looks.
    pub(crate) fn desk(&self) -> Option<BorrowedFd<'_>> {
        self.watchers.desk.as_ref().map(|(desk, _)| desk.as_fd())
    }

    /// Does what is to be done for who looks. Whether somebody asks for a snapshot: [`Network::answer_desk`].
    pub(crate) fn attend_desk(&mut self) -> bool {
        let Some((desk, _)) = &mut self.watchers.desk else { return false };
        let asked = desk.attend();
        self.lab.capture(self.watchers.need());
        asked
    }

    /// Tells who asked how everything stands. `outside` knows what is between the host's sockets and their programs.
    pub(crate) fn answer_desk(&mut self, outside: &dyn Outside) {
        let now = self.now();
        let Network { lab, watchers, program_host, .. } = self;
        let Some((desk, about)) = &mut watchers.desk else { return };
        let known = |host: HostId| (host == *program_host).then_some(outside);
        let mut hosts = sockeye_look::hosts(lab, now, known);
        hosts
            .iter_mut()
            .skip(program_host.0)
            .take(1)
            .for_each(|host| host.program.clone_from(&about.program));
        let links = sockeye_look::links(lab);
        desk.answer(Snapshot { about: about.clone(), now: now.as_nanos(), hosts, links });
        lab.capture(watchers.need());
    }

    /// The capture ends; whether all of it was written.
    pub(crate) fn end_capture(&mut self) -> bool {
        self.watchers.pcap.take().is_none_or(|mut pcap| pcap.finish())
    }

    /// What leads out of this process, if something does.
    pub(crate) fn cable(&self) -> Option<BorrowedFd<'_>> {
        self.cable.as_ref().map(|cable| cable.plug.as_fd())
    }

    /// The cable leads nowhere any more.
    pub(crate) fn unplug(&mut self) {
        self.cable = None;
    }

    /// What is rung when frames come by it: only edges count.
    pub(crate) fn cable_bell(&self) -> Option<BorrowedFd<'_>> {
        self.cable.as_ref().map(|cable| cable.plug.bell())
    }

    /// The cable's socket has something.
    pub(crate) fn note_cable(&mut self) {
        self.cable.iter_mut().for_each(|cable| cable.plug.note_message());
    }

    /// Whether one may sleep as far as the cable is concerned. If not, it is to be attended.
    pub(crate) fn cable_may_sleep(&self) -> bool {
        self.cable.as_ref().is_none_or(|cable| cable.plug.may_sleep())
    }

    /// One sleeps no more: whether the cable has something.
    pub(crate) fn cable_wakes(&self) -> bool {
        self.cable.as_ref().is_some_and(|cable| cable.plug.wake())
    }

    /// Takes in what has come by the cable, and sends what waits for room on it; `false` if it leads nowhere any more.
    pub(crate) fn attend_cable(&mut self) -> bool {
        let now = self.now();
        let Some(Cable { plug, ways }) = &mut self.cable else { return true };
        for _ in 0..FRAMES_AT_A_TIME {
            match plug.receive() {
                Some(News::Frame(interface, frame)) => {
                    if let Some(way) = ways.get(interface) {
                        self.lab.input_outside(now, *way, frame);
                    }
                }
                Some(News::Named(name, addresses)) => self.services.learn(&name, &addresses),
                Some(News::Addresses(interface, addresses)) => {
                    let interface = InterfaceId(self.lab.eth0().0.saturating_add(interface));
                    let read: Result<_, _> = addresses.iter().map(|own| own.parse()).collect();
                    if let Ok(read) = read {
                        self.lab.set_addresses(self.program_host, interface, read);
                    }
                }
                None => break,
            }
        }
        plug.finish();
        !plug.is_gone()
    }

    /// What tells of the machine's own network, if there is a way to it.
    pub(crate) fn gateway(&self) -> Option<BorrowedFd<'_>> {
        self.outlet.as_ref().map(Outlet::as_fd)
    }

    /// Takes in what the machine's network has to say.
    pub(crate) fn attend_gateway(&mut self) {
        let now = self.now();
        self.outlet.iter_mut().for_each(|outlet| outlet.attend(&mut self.lab, now));
    }

    /// Whether something is on its way out to the machine's network.
    pub(crate) fn owes_outside(&self) -> bool {
        let under_way = || self.lab.next_arrival().is_some();
        self.outlet.as_ref().is_some_and(|outlet| outlet.owes() || under_way())
    }

    /// Something the user should know, once.
    pub(crate) fn poll_note(&mut self) -> Option<&'static str> {
        self.outlet.as_mut()?.poll_note()
    }

    /// Now, on the network's clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    /// The program's host.
    pub(crate) fn host(&mut self) -> &mut Host {
        self.lab.host_mut(self.program_host)
    }

    /// How long until the network has something to do by itself.
    pub(crate) fn idle_for(&mut self) -> Option<Duration> {
        let outlet = self.outlet.as_ref().and_then(Outlet::next_deadline);
        let next = [self.lab.next_deadline(), outlet].into_iter().flatten().min();
        next.map(|deadline| deadline.since(self.now()))
    }

    /// Lets the network do all that is due. Gives the program's sockets whose readiness may have changed.
    pub(crate) fn settle(&mut self) -> Vec<SocketId> {
        let now = self.now();
        let mut changed = Vec::new();
        let ours = self.program_host;
        let (lab, services) = (&mut self.lab, &mut self.services);
        sockeye_gateway::settle(self.outlet.as_mut(), (lab, services), now, |_, host, socket| {
            if host == ours {
                changed.push(socket);
            }
        });
        let mut sent = false;
        while let Some((way, frame)) = self.lab.poll_outside() {
            let Some(Cable { plug, ways }) = &mut self.cable else { continue };
            if let Some(interface) = ways.iter().position(|own| *own == way) {
                plug.send(interface, &frame);
                sent = true;
            }
        }
        self.cable.iter_mut().filter(|_| sent).for_each(|cable| cable.plug.finish());
        self.watchers.look(&mut self.lab);
        changed
    }
}

/// The host of a network that is up, with its interfaces and routes.
fn add_joined(lab: &mut Lab, joined: &Joined) -> Result<HostId, Errno> {
    let read = |text: &String| text.parse::<Cidr>().map_err(|_| Errno::EINVAL);
    let mut host = None;
    for attached in &joined.interfaces {
        let (mtu, mac) = (attached.mtu, Mac(attached.mac));
        let addresses = attached.addresses.iter().map(read).collect::<Result<Vec<Cidr>, Errno>>()?;
        match host {
            None => {
                let spec = HostSpec { mtu, mac: Some(mac), ..HostSpec::new(&joined.name, addresses) };
                host = Some(lab.add_host(spec));
            }
            Some(host) => {
                lab.add_interface_with(host, mac, addresses, mtu);
            }
        }
    }
    let host = host.ok_or(Errno::EINVAL)?;
    for (to, via, interface) in &joined.routes {
        let interface = InterfaceId(lab.eth0().0 + interface);
        let route = Route { destination: read(to)?, via: Some(*via), interface };
        lab.host_mut(host).stack_mut().add_route(route);
    }
    Ok(host)
}

impl Watchers {
    /// Opens a control socket, where others may look at the network: at one of our own, or a host of that of this name.
    pub(crate) fn open_desk(
        &mut self,
        network: Option<&str>,
        program: &OsStr,
    ) -> Result<(), sockeye_look::Error> {
        let role = if network.is_some() { Role::Host } else { Role::Run };
        let program = program.to_string_lossy().into_owned();
        let about = About::of_this_process(role, network.map(str::to_owned), Some(program));
        self.desk = Some((Desk::open(&about)?, about));
        Ok(())
    }

    /// What has to be captured for them.
    fn need(&self) -> Capturing {
        let watched = self.trace.is_some() || self.pcap.is_some();
        let own = if watched { Capturing::Sent } else { Capturing::Nothing };
        self.desk.as_ref().map_or(own, |(desk, _)| own.max(desk.needs()))
    }

    /// Shows them what the lab has captured.
    fn look(&mut self, lab: &mut Lab) {
        let mut any = false;
        while let Some(captured) = lab.poll_captured() {
            any = true;
            self.desk.iter_mut().for_each(|(desk, _)| desk.show(lab, &captured));
            if !captured.is_sent() {
                continue;
            }
            self.trace.iter_mut().for_each(|trace| trace.show(&captured));
            self.pcap.iter_mut().for_each(|pcap| pcap.show(lab, &captured));
        }
        if any {
            self.trace.iter_mut().for_each(Trace::flush);
            self.desk.iter_mut().for_each(|(desk, _)| desk.flush());
        }
    }
}
