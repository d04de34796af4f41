//! A lab made of a topology.

use sockeye_base::{Duration, Instant};
use sockeye_lab::{Change, End, HostId, HostSpec, Lab, LinkId, LinkSpec, OutsideId, SwitchId};
use sockeye_services::dns::{Dns, Zone};
use sockeye_services::{Echo, Http, Kind, Services, Small};
use sockeye_stack::{InterfaceId, Route};

use crate::model::{Event, Host, Plug, Service, Topology, What};

/// A network as a lab, and where its parts are in it.
pub struct Built {
    /// The lab.
    pub lab: Lab,
    /// What its hosts serve; not started.
    pub services: Services,
    /// The hosts.
    pub hosts: Vec<Place>,
    /// The switches.
    pub switches: Vec<SwitchId>,
    /// The links.
    pub links: Vec<LinkId>,
    /// What happens that isn't the lab's to do: it is about hosts that aren't in it.
    pub elsewhere: Vec<Event>,
}

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the lab.
    Inside(HostId),
    /// Beyond a way out for each of its interfaces.
    Outside(Vec<OutsideId>),
}

/// Files that hosts serve: for each host paths and what they hold.
pub type Files = Vec<Vec<(String, Vec<u8>)>>;

impl Topology {
    /// Makes the lab, all chance in it from this seed. Hosts of which `outside` says so are beyond ways out; the others serve
    /// what they serve, these files among it.
    pub fn build(&self, seed: u64, outside: impl Fn(usize) -> bool, files: Files) -> Built {
        let mut lab = Lab::new(seed);
        let hosts: Vec<Place> = (0..self.hosts.len())
            .map(|host| match outside(host) {
                true => {
                    Place::Outside(self.hosts[host].interfaces.iter().map(|_| lab.add_outside()).collect())
                }
                false => Place::Inside(self.add_host(&mut lab, host)),
            })
            .collect();
        let switches: Vec<_> = self.switches.iter().map(|name| lab.add_switch(name)).collect();
        let end = |plug: Plug| match plug {
            Plug::Switch(switch) => switches[switch].into(),
            Plug::Interface(host, interface) => end(&hosts, host, interface),
        };
        let link = |link: &crate::model::Link| {
            let directions = link.directions.clone();
            lab.add_link(LinkSpec { ends: link.ends.map(end), mtu: link.mtu, directions })
        };
        let links: Vec<_> = self.links.iter().map(link).collect();
        let services = self.services(&hosts, files);
        let mut built = Built { lab, services, hosts, switches, links, elsewhere: Vec::new() };
        for event in &self.events {
            built.plan(event);
        }
        built
    }

    fn add_host(&self, lab: &mut Lab, number: usize) -> HostId {
        let host = &self.hosts[number];
        let mtu = |interface| self.mtu(number, interface);
        let first = host.interfaces.first().map(|first| first.addresses.clone()).unwrap_or_default();
        let id = lab.add_host(HostSpec { mtu: mtu(0), ..HostSpec::new(&host.name, first) });
        for (interface, own) in host.interfaces.iter().enumerate().skip(1) {
            lab.add_interface(id, own.addresses.clone(), mtu(interface));
        }
        let eth0 = lab.eth0().0;
        let stack = lab.host_mut(id).stack_mut();
        for (destination, via, interface) in &host.routes {
            let interface = InterfaceId(eth0 + interface);
            stack.add_route(Route { destination: *destination, via: Some(*via), interface });
        }
        for (name, value) in &host.sysctls {
            // They were tried when they were read.
            let _ = stack.settings_mut().set_sysctl(name, value);
        }
        id
    }

    fn services(&self, places: &[Place], files: Files) -> Services {
        let mut services = Services::new();
        let mut files = files.into_iter();
        for (host, place) in self.hosts.iter().zip(places) {
            let files = files.next().unwrap_or_default();
            let Place::Inside(id) = place else { continue };
            for service in self.served(host) {
                services.add(*id, self.service(host, service, &files));
            }
        }
        services
    }

    /// What a host serves: files need HTTP.
    pub fn served(&self, host: &Host) -> Vec<Service> {
        let mut served = host.services.clone();
        if !host.files.is_empty() && !served.contains(&Service::Http) {
            served.push(Service::Http);
        }
        served
    }

    fn service(
        &self,
        host: &Host,
        service: Service,
        files: &[(String, Vec<u8>)],
    ) -> Box<dyn sockeye_services::Service + Send> {
        match service {
            Service::Http if !files.is_empty() => Box::new(Http::with_files(files.iter().cloned())),
            plain => plain.plain().unwrap_or_else(|| Box::new(Dns::new(dns_zone(self, &host.name)))),
        }
    }
}

impl Service {
    /// The server, if it needs to know nothing of the network: DNS does.
    pub fn plain(self) -> Option<Box<dyn sockeye_services::Service + Send>> {
        Some(match self {
            Service::Echo => Box::new(Echo::new()),
            Service::Discard => Box::new(Small::new(Kind::Discard)),
            Service::Daytime => Box::new(Small::new(Kind::Daytime)),
            Service::Chargen => Box::new(Small::new(Kind::Chargen)),
            Service::Time => Box::new(Small::new(Kind::Time)),
            Service::Http => Box::new(Http::new()),
            Service::Dns => return None,
        })
    }
}

/// The names of all hosts; `server` is the one that answers.
pub fn dns_zone(topology: &Topology, server: &str) -> Zone {
    let mut zone = Zone::new(server);
    for host in &topology.hosts {
        let addresses = host.interfaces.iter().flat_map(|interface| &interface.addresses);
        zone.add(&host.name, addresses.map(|cidr| cidr.address()));
    }
    zone
}

fn end(hosts: &[Place], host: usize, interface: usize) -> End {
    match &hosts[host] {
        Place::Inside(id) => End::Interface(*id, InterfaceId(InterfaceId::LOOPBACK.0 + 1 + interface)),
        Place::Outside(ways) => ways[interface].into(),
    }
}

impl Built {
    /// Has an event happen at its time, or puts it with those elsewhere.
    fn plan(&mut self, event: &Event) {
        let inside = |host: usize| match &self.hosts[host] {
            Place::Inside(id) => Some(*id),
            Place::Outside(_) => None,
        };
        let changes = match &event.what {
            What::Cut(link) => vec![Change::Cut(self.links[*link])],
            What::Mend(link) => vec![Change::Mend(self.links[*link])],
            What::Off(host) => inside(*host).map(Change::Off).into_iter().collect(),
            What::On(host) => inside(*host).map(Change::On).into_iter().collect(),
            What::Pause(host) => inside(*host).map(Change::Pause).into_iter().collect(),
            What::Resume(host) => inside(*host).map(Change::Resume).into_iter().collect(),
            What::Change(link, directions) => {
                let id = self.links[*link];
                let ends = [0, 1].into_iter().zip(directions.iter().cloned());
                ends.map(|(from, direction)| Change::Direction(id, from, Box::new(direction))).collect()
            }
            What::Readdress(host, interface, addresses) => {
                let interface = InterfaceId(self.lab.eth0().0 + interface);
                let change = |id| Change::Addresses(id, interface, addresses.clone());
                inside(*host).map(change).into_iter().collect()
            }
        };
        if changes.is_empty() {
            self.elsewhere.push(event.clone());
        }
        let at = Instant::ZERO + event.at.min(Duration::from_secs(u32::MAX.into()));
        changes.into_iter().for_each(|change| self.lab.plan(at, change));
    }
}
