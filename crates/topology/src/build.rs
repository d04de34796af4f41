//! A lab made of a topology.

use std::collections::BTreeMap;

use sockeye_base::{Duration, Instant};
use sockeye_lab::{Change, End, HostId, HostSpec, Lab, LinkId, LinkSpec};
use sockeye_services::dns::{Dns, Zone};
use sockeye_services::{Echo, Http, Kind, Services, Small};
use sockeye_stack::{InterfaceId, Route};

use crate::model::{Event, Host, Link, Plug, Service, Topology, What};

/// A network as a lab, and where its parts are in it.
pub struct Built {
    /// The lab.
    pub lab: Lab,
    /// What its hosts serve; not started.
    pub services: Services,
    /// The hosts.
    pub hosts: Vec<HostId>,
    /// The one that leads out.
    pub gateway: Option<HostId>,
    links: Vec<LinkId>,
}

/// Files that hosts serve: for each host paths and what they hold.
pub type Files = Vec<Vec<(String, Vec<u8>)>>;

impl Topology {
    /// Makes the lab, all chance in it from this seed; its hosts serve these files.
    pub fn build(&self, seed: u64, files: Files) -> Built {
        let mut lab = Lab::new(seed);
        let plugged = self.plugged();
        let hosts: Vec<_> =
            (0..self.hosts.len()).map(|host| self.add_host(&mut lab, host, &plugged)).collect();
        let switches: Vec<_> = self.switches.iter().map(|name| lab.add_switch(name)).collect();
        let eth0 = lab.eth0().0;
        let end = |plug: Plug| match plug {
            Plug::Switch(switch) => switches[switch].into(),
            Plug::Interface(host, interface) => End::Interface(hosts[host], InterfaceId(eth0 + interface)),
        };
        let link = |link: &Link| {
            let directions = link.directions.clone();
            lab.add_link(LinkSpec { ends: link.ends.map(end), mtu: link.mtu(), directions })
        };
        let links = self.links.iter().map(link).collect();
        let services = self.services(&hosts, files);
        let gateway = self.gateway.as_ref().map(|gateway| hosts[gateway.host]);
        if let Some(gateway) = gateway {
            let stack = lab.host_mut(gateway).stack_mut();
            stack.answer_for_all();
            // Between the networks it is in it is a router.
            let settings = stack.settings_mut();
            (settings.ip_forward, settings.ip6_forward) = (true, true);
        }
        let mut built = Built { lab, services, hosts, gateway, links };
        self.events.iter().for_each(|event| built.plan(event));
        built
    }

    fn add_host(&self, lab: &mut Lab, number: usize, plugged: &BTreeMap<Plug, &Link>) -> HostId {
        let host = &self.hosts[number];
        let mtu = |interface| {
            let link = plugged.get(&Plug::Interface(number, interface)).copied();
            self.mtu_on(link, (number, interface))
        };
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

    fn services(&self, ids: &[HostId], files: Files) -> Services {
        let mut services = Services::new();
        let mut files = files.into_iter();
        for ((number, host), id) in self.hosts.iter().enumerate().zip(ids) {
            let files = files.next().unwrap_or_default();
            for service in self.served(host) {
                services.add(*id, self.service(number, service, &files));
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
        host: usize,
        service: Service,
        files: &[(String, Vec<u8>)],
    ) -> Box<dyn sockeye_services::Service + Send> {
        match service {
            Service::Http if !files.is_empty() => Box::new(Http::with_files(files.iter().cloned())),
            plain => plain.plain().unwrap_or_else(|| {
                let zone = dns_zone(self, &self.hosts[host].name);
                Box::new(Dns::new(zone, self.upstream(host)))
            }),
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
    for (number, host) in topology.hosts.iter().enumerate() {
        zone.add(&host.name, topology.addresses(number));
    }
    zone
}

impl Built {
    /// Has an event happen at its time.
    fn plan(&mut self, event: &Event) {
        let at = Instant::ZERO + event.at.min(Duration::from_secs(u32::MAX.into()));
        let host = |host: &usize| self.hosts[*host];
        let change = match &event.what {
            What::Cut(link) => Change::Cut(self.links[*link]),
            What::Mend(link) => Change::Mend(self.links[*link]),
            What::Off(off) => Change::Off(host(off)),
            What::On(on) => Change::On(host(on)),
            What::Pause(still) => Change::Pause(host(still)),
            What::Resume(still) => Change::Resume(host(still)),
            What::Change(link, directions) => {
                let [there, back] = directions.as_ref().clone();
                self.lab.plan(at, Change::Direction(self.links[*link], 0, Box::new(there)));
                Change::Direction(self.links[*link], 1, Box::new(back))
            }
            What::Readdress(of, interface, addresses) => {
                let interface = InterfaceId(self.lab.eth0().0 + interface);
                Change::Addresses(host(of), interface, addresses.clone())
            }
        };
        self.lab.plan(at, change);
    }
}
