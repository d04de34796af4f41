//! The files of a host that names are in, under Linux's names and in its syntax. A line that makes no sense is left out,
//! as libc does.

mod defaults;
mod hosts;
mod numbers;
mod order;
mod resolv;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::policy::Policy;

pub(crate) use hosts::Hosts;
pub use numbers::{Network, Protocol, Service};
pub(crate) use order::{Order, Source, Status};
pub use resolv::ResolvConf;

/// A file of a host that says something about names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// Hosts and their addresses: hosts(5).
    Hosts,
    /// Services, their ports and protocols: services(5).
    Services,
    /// Protocols above IP: protocols(5).
    Protocols,
    /// Networks: networks(5).
    Networks,
    /// Which DNS servers to ask, and how: resolv.conf(5).
    ResolvConf,
    /// Where hosts are looked up, in which order: the line `hosts:` of nsswitch.conf(5). `files` and `dns` are known, and
    /// `network`: the names of all hosts of the virtual network.
    NsSwitch,
    /// How addresses are sorted: `label` and `precedence` of gai.conf(5).
    Gai,
}

impl File {
    /// All of them.
    pub const ALL: [File; 7] = [
        File::Hosts,
        File::Services,
        File::Protocols,
        File::Networks,
        File::ResolvConf,
        File::NsSwitch,
        File::Gai,
    ];

    /// Where it is on Linux.
    pub fn path(self) -> &'static str {
        match self {
            File::Hosts => "/etc/hosts",
            File::Services => "/etc/services",
            File::Protocols => "/etc/protocols",
            File::Networks => "/etc/networks",
            File::ResolvConf => "/etc/resolv.conf",
            File::NsSwitch => "/etc/nsswitch.conf",
            File::Gai => "/etc/gai.conf",
        }
    }
}

/// What a host's files say. A copy shares what it has in common with the first.
#[derive(Clone, Debug)]
pub struct Files {
    /// All but that of `hosts`.
    texts: Arc<BTreeMap<File, Arc<str>>>,
    pub(crate) hosts: Hosts,
    pub(crate) services: Arc<[Service]>,
    pub(crate) protocols: Arc<[Protocol]>,
    pub(crate) networks: Arc<[Network]>,
    pub(crate) resolv: Arc<ResolvConf>,
    pub(crate) order: Arc<Order>,
    pub(crate) policy: Arc<Policy>,
    /// The host's own domain, searched if resolv.conf names none.
    pub(crate) domain: Option<String>,
}

impl Files {
    /// The files of a host that knows itself, the usual services, protocols and networks; then the network's hosts are
    /// asked, and no DNS server.
    pub fn new(host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Files {
        let mut files = Files {
            texts: Arc::default(),
            hosts: Hosts::default(),
            services: Arc::default(),
            protocols: Arc::default(),
            networks: Arc::default(),
            resolv: Arc::default(),
            order: Arc::default(),
            policy: Arc::default(),
            domain: None,
        };
        files.set(File::Services, defaults::SERVICES);
        files.set(File::Protocols, defaults::PROTOCOLS);
        files.set(File::Networks, defaults::NETWORKS);
        files.set(File::NsSwitch, defaults::NSSWITCH);
        files.of_host(host, addresses)
    }

    /// The same for another host.
    pub fn of_host(&self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Files {
        let mut files = self.clone();
        files.set(File::Hosts, &defaults::hosts(host, addresses));
        files.domain = host.split_once('.').map(|(_, domain)| domain.to_owned());
        files
    }

    /// Puts another text in a file's place.
    pub fn set(&mut self, file: File, text: &str) {
        match file {
            File::Hosts => {
                self.hosts = Hosts::new(text.into());
                return;
            }
            File::Services => self.services = lines(text).filter_map(Service::parse).collect(),
            File::Protocols => self.protocols = lines(text).filter_map(Protocol::parse).collect(),
            File::Networks => self.networks = lines(text).filter_map(Network::parse).collect(),
            File::ResolvConf => self.resolv = Arc::new(ResolvConf::parse(text)),
            File::NsSwitch => self.order = Arc::new(Order::parse(text)),
            File::Gai => self.policy = Arc::new(Policy::parse(text)),
        }
        Arc::make_mut(&mut self.texts).insert(file, text.into());
    }

    /// The text of a file, empty if it isn't there.
    pub fn text(&self, file: File) -> &str {
        match file {
            File::Hosts => self.hosts.text(),
            _ => self.texts.get(&file).map_or("", |text| text),
        }
    }

    /// getservbyname(3): the first service of this name or alias, of any protocol if none is given. Case matters.
    pub fn service_by_name(&self, name: &str, protocol: Option<&str>) -> Option<&Service> {
        self.services.iter().find(|service| {
            is_called(&service.name, &service.aliases, |known| known == name) && service.is_over(protocol)
        })
    }

    /// getservbyport(3): the first service of this port.
    pub fn service_by_port(&self, port: u16, protocol: Option<&str>) -> Option<&Service> {
        self.services.iter().find(|service| service.port == port && service.is_over(protocol))
    }

    /// All services, in the order of the file (getservent(3)).
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// getprotobyname(3). Case matters.
    pub fn protocol_by_name(&self, name: &str) -> Option<&Protocol> {
        let called =
            |protocol: &&Protocol| is_called(&protocol.name, &protocol.aliases, |known| known == name);
        self.protocols.iter().find(called)
    }

    /// getprotobynumber(3).
    pub fn protocol_by_number(&self, number: i32) -> Option<&Protocol> {
        self.protocols.iter().find(|protocol| protocol.number == number)
    }

    /// All protocols, in the order of the file (getprotoent(3)).
    pub fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// getnetbyname(3). Case does not matter.
    pub fn network_by_name(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| {
            is_called(&network.name, &network.aliases, |known| known.eq_ignore_ascii_case(name))
        })
    }

    /// getnetbyaddr(3): by its number in host order, all four bytes of it.
    pub fn network_by_number(&self, number: u32) -> Option<&Network> {
        self.networks.iter().find(|network| network.number == number)
    }

    /// All networks, in the order of the file (getnetent(3)).
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }
}

fn is_called(name: &str, aliases: &[String], is_it: impl Fn(&str) -> bool) -> bool {
    is_it(name) || aliases.iter().any(|alias| is_it(alias))
}

/// The lines without their comments.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default())
}

/// The words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(crate::text::is_space).filter(|word| !word.is_empty())
}
