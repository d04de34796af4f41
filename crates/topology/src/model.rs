//! What a file says. Hosts, switches, links, programs and traffic are named by their places in [`Topology`]'s lists.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sockeye_abi::Transport;
use sockeye_base::Duration;
use sockeye_lab::Direction;
use sockeye_stack::Cidr;

use crate::calls::Step;
use crate::outside::{Options, Publish};
use crate::problem::nearest;
use crate::simulate::LONGEST;
use crate::value::counted;

/// The port of DNS.
const DNS: u16 = 53;

/// The longest IP packet of a link if nothing is said, in bytes.
pub(crate) const ETHERNET_MTU: usize = 1500;

/// A network, what runs on it, and what happens to it.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What its chance begins with; if it isn't said, whatever is chosen.
    pub seed: Option<u64>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The switches' names.
    pub switches: Vec<String>,
    /// The links.
    pub links: Vec<Link>,
    /// What leads to the machine's own network, and in from it.
    pub gateway: Option<Gateway>,
    /// Unmodified programs, in the order they are started.
    pub programs: Vec<Program>,
    /// Conversations that the network holds by itself.
    pub traffic: Vec<Traffic>,
    /// What the programs of some of them call.
    pub calls: Vec<Calls>,
    /// When virtual time ends at the latest.
    pub until: Option<Duration>,
    /// What happens, in the order of time.
    pub events: Vec<Event>,
    /// What is expected of the whole run.
    pub expectations: Expectations,
}

impl Topology {
    /// When virtual time ends at the latest.
    pub(crate) fn end(&self) -> Duration {
        self.until.unwrap_or(LONGEST)
    }

    /// The longest IP packet that an interface of a host sends, in bytes.
    pub fn mtu(&self, host: usize, interface: usize) -> usize {
        let plug = Plug::Interface(host, interface);
        let link = self.links.iter().find(|link| link.ends.contains(&plug));
        self.mtu_on(link, (host, interface))
    }

    /// The same of one that is plugged into this link.
    pub(crate) fn mtu_on(&self, link: Option<&Link>, (host, interface): (usize, usize)) -> usize {
        let own = self.hosts[host].interfaces[interface].mtu;
        own.or_else(|| link?.mtu_of(Plug::Interface(host, interface))).unwrap_or(ETHERNET_MTU)
    }

    /// Which link each interface is plugged into.
    pub(crate) fn plugged(&self) -> BTreeMap<Plug, &Link> {
        self.links.iter().flat_map(|link| link.ends.map(|end| (end, link))).collect()
    }

    /// The addresses of a host, those of `eth0` first.
    pub fn addresses(&self, host: usize) -> impl Iterator<Item = IpAddr> {
        let interfaces = self.hosts[host].interfaces.iter();
        interfaces.flat_map(|interface| &interface.addresses).map(Cidr::address)
    }

    /// Whom a host asks for names that aren't the network's: its gateway, if that leads out, by an address of a family that the
    /// host has, in a network of its own if there is one.
    pub fn upstream(&self, host: usize) -> Option<SocketAddr> {
        let gateway = self.gateway.as_ref().filter(|gateway| gateway.options.outside.is_some())?;
        let own = || self.hosts[host].interfaces.iter().flat_map(|interface| &interface.addresses);
        let near = self.addresses(gateway.host).find(|address| own().any(|cidr| cidr.contains(*address)));
        let like = |address: &IpAddr| own().any(|cidr| cidr.address().is_ipv4() == address.is_ipv4());
        let address = near.or_else(|| self.addresses(gateway.host).find(like))?;
        Some(SocketAddr::new(address, DNS))
    }

    /// Whether a host leads out.
    pub fn is_gateway(&self, host: usize) -> bool {
        self.gateway.as_ref().is_some_and(|gateway| gateway.host == host)
    }

    /// Makes a host the gateway.
    ///
    /// # Errors
    /// Why that can't be, in words.
    pub fn lead_out(&mut self, host: usize, options: Options) -> Result<(), String> {
        let own = &self.hosts[host];
        let name = &own.name;
        if own.routes.iter().any(|(to, ..)| to.prefix() == 0) {
            return Err(format!(
                "{name} needs no default route: what no route leads to goes to the machine's network"
            ));
        }
        if !own.services.is_empty() || !own.files.is_empty() {
            return Err(format!("{name} is the gateway: it serves nothing by itself"));
        }
        if self.addresses(host).next().is_none() {
            return Err(format!("{name} is the gateway: it needs an address"));
        }
        options.publish.iter().try_for_each(|publish| self.check_publish(host, publish))?;
        self.gateway = Some(Gateway { host, options });
        Ok(())
    }

    /// Whether a port may be published by this gateway.
    pub(crate) fn check_publish(&self, gateway: usize, publish: &Publish) -> Result<(), String> {
        let name = &publish.host;
        let Some(host) = self.hosts.iter().position(|host| host.name == *name) else {
            let hint = nearest(name, self.hosts.iter().map(|host| host.name.as_str()));
            return Err(format!("there is no host {name}{hint}"));
        };
        if host == gateway {
            return Err(format!("{name} is the gateway: nothing listens there"));
        }
        let is_ipv4 = publish.listen.is_ipv4();
        if !self.addresses(host).any(|address| address.is_ipv4() == is_ipv4) {
            let family = if is_ipv4 { "IPv4" } else { "IPv6" };
            return Err(format!("{name} has no {family} address, as {} is one", publish.listen.ip()));
        }
        Ok(())
    }

    /// By what a conversation's other end is served at its port; nothing if whoever is there serves it.
    pub(crate) fn serving(&self, work: Work) -> Option<Transport> {
        match work {
            Work::Stream(_) | Work::Exchanges { .. } => Some(Transport::Tcp),
            Work::Datagrams { .. } => Some(Transport::Udp),
            Work::Calls(calls) => {
                let calls = &self.calls[calls];
                (!calls.server.is_empty()).then_some(calls.transport)
            }
        }
    }

    /// What an end of a link is called: `router:eth1`, or a switch's name.
    pub fn name_of(&self, plug: Plug) -> String {
        match plug {
            Plug::Interface(host, interface) if self.hosts[host].interfaces.len() == 1 && interface == 0 => {
                self.hosts[host].name.clone()
            }
            Plug::Interface(host, interface) => format!("{}:eth{interface}", self.hosts[host].name),
            Plug::Switch(switch) => self.switches[switch].clone(),
        }
    }
}

/// A host that carries to the machine's own network what no route of its own leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Which.
    pub host: usize,
    /// How far, and what leads in.
    pub options: Options,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, which is also its name in the network's DNS.
    pub name: String,
    /// `eth0`, `eth1` …
    pub interfaces: Vec<Interface>,
    /// Its routes beside those to its own networks: where, by which router, and by which interface.
    pub routes: Vec<(Cidr, IpAddr, usize)>,
    /// Settings by the names sysctl(8) has for them.
    pub sysctls: Vec<(String, String)>,
    /// What it serves by itself.
    pub services: Vec<Service>,
    /// What its HTTP serves beside the built-in pages: paths that begin with `/`.
    pub files: Vec<(String, File)>,
}

/// An interface of a host.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its addresses, each with its network.
    pub addresses: Vec<Cidr>,
    /// The longest IP packet it sends, in bytes; if it isn't said, what its link takes.
    pub mtu: Option<usize>,
}

/// A file that a host serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// This.
    Text(String),
    /// What stands in this file or folder of the machine, beside the network's file.
    At {
        /// Its path.
        path: String,
        /// Where the network's file says so, in bytes.
        at: usize,
    },
}

/// A server of a host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// RFC 862.
    Echo,
    /// RFC 863.
    Discard,
    /// RFC 867.
    Daytime,
    /// RFC 864.
    Chargen,
    /// RFC 868.
    Time,
    /// HTTP/1.1 on port 80.
    Http,
    /// The network's names on port 53.
    Dns,
}

impl Service {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Service); 7] = [
        ("echo", Service::Echo),
        ("discard", Service::Discard),
        ("daytime", Service::Daytime),
        ("chargen", Service::Chargen),
        ("time", Service::Time),
        ("http", Service::Http),
        ("dns", Service::Dns),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, service)| service)
    }

    /// Its port, over TCP and UDP; HTTP's is TCP's alone.
    fn port(self) -> u16 {
        match self {
            Service::Echo => 7,
            Service::Discard => 9,
            Service::Daytime => 13,
            Service::Chargen => 19,
            Service::Time => 37,
            Service::Http => 80,
            Service::Dns => DNS,
        }
    }

    /// Whether a port is its own.
    pub(crate) fn has(self, port: u16, transport: Transport) -> bool {
        self.port() == port && (self != Service::Http || transport == Transport::Tcp)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        Service::ALL.into_iter().find(|(_, service)| *service == self).map_or("", |(name, _)| name)
    }
}

/// What an end of a link is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plug {
    /// An interface of a host.
    Interface(usize, usize),
    /// A switch.
    Switch(usize),
}

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name; if it has none of its own, that of its ends: `client-router`.
    pub name: String,
    /// What it joins.
    pub ends: [Plug; 2],
    /// The longest IP packet that who is plugged in sends from the first end to the second, and back, in bytes.
    pub mtus: [usize; 2],
    /// From the first end to the second, and back.
    pub directions: [Direction; 2],
}

impl Link {
    /// The longest IP packet that it takes, in bytes.
    pub fn mtu(&self) -> usize {
        let [there, back] = self.mtus;
        there.max(back)
    }

    /// The same of what one of its ends sends.
    fn mtu_of(&self, plug: Plug) -> Option<usize> {
        self.ends.iter().zip(self.mtus).find(|(end, _)| **end == plug).map(|(_, mtu)| mtu)
    }
}

/// An unmodified program.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it is called in what is printed, and by those that are started after it.
    pub name: String,
    /// The host it runs on.
    pub host: usize,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables of its environment beside those of who runs it.
    pub environment: Vec<(String, String)>,
    /// Where it runs, beside the network's file.
    pub directory: Option<String>,
    /// Those that have to be ready, or if nothing says when they are, to have ended, before it is started.
    pub after: Vec<usize>,
    /// When it is ready for those after it.
    pub ready: Option<Ready>,
    /// It isn't waited for: when all others have ended it is told to end.
    pub server: bool,
    /// What it is to end with; nothing for a server.
    pub status: Option<i32>,
    /// What it has to print.
    pub prints: Vec<String>,
    /// How long it may take.
    pub within: Option<Duration>,
}

/// When a program is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// When somebody listens at this TCP port of its host.
    Port(u16),
    /// When it has printed this.
    Prints(String),
    /// So long after it was started.
    After(Duration),
}

/// A conversation between two hosts that the network holds by itself, in virtual time if nothing needs real time.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// What it is called in what is printed.
    pub name: String,
    /// Who begins.
    pub from: usize,
    /// Who answers.
    pub to: usize,
    /// At which port.
    pub port: u16,
    /// When it begins.
    pub at: Duration,
    /// What it is.
    pub work: Work,
    /// How long it may take.
    pub within: Option<Duration>,
}

/// What a conversation consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// So many bytes over one TCP connection, which then closes.
    Stream(u64),
    /// Over one TCP connection so many requests, one after the other, each of so many bytes that come back.
    Exchanges {
        /// Requests.
        count: u64,
        /// Bytes of each.
        size: usize,
    },
    /// So many UDP datagrams of so many bytes, one each interval.
    Datagrams {
        /// Datagrams.
        count: u64,
        /// Bytes of each.
        size: usize,
        /// Between one and the next.
        every: Duration,
    },
    /// What programs at both ends call; its place in `Topology::calls`.
    Calls(usize),
}

/// What the programs of a conversation call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Over TCP or UDP.
    pub transport: Transport,
    /// Programs at the end that begins.
    pub clients: u32,
    /// What each of them calls.
    pub client: Vec<Step>,
    /// What the one at the other end calls; if nothing, whatever serves there.
    pub server: Vec<Step>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A link is cut.
    Cut(usize),
    /// It is whole again.
    Mend(usize),
    /// A host is switched off, as by its plug.
    Off(usize),
    /// A host is switched on; its programs are started again.
    On(usize),
    /// A host stands still: nothing runs on it, and what comes waits.
    Pause(usize),
    /// It goes on.
    Resume(usize),
    /// A link's directions are like this from now on.
    Change(usize, Box<[Direction; 2]>),
    /// An interface of a host has these addresses from now on.
    Readdress(usize, usize, Vec<Cidr>),
}

/// What is expected of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// At most so many TCP segments are sent again.
    pub retransmissions: Option<u64>,
    /// At most so many connections are reset.
    pub resets: Option<u64>,
    /// At most so many frames are dropped.
    pub drops: Option<u64>,
    /// It takes no longer.
    pub within: Option<Duration>,
}

impl Expectations {
    /// What there is more of than expected, a line each: segments sent again, resets, and frames dropped.
    pub fn exceeded(&self, [again, resets, drops]: [u64; 3]) -> Vec<String> {
        let counts = [
            ("segment sent again", self.retransmissions, again),
            ("reset", self.resets, resets),
            ("frame dropped", self.drops, drops),
        ];
        let more = counts.into_iter().filter_map(|(what, most, count)| {
            let most = most.filter(|most| count > *most)?;
            Some(format!("{}, more than {most}", counted(count, what)))
        });
        more.collect()
    }
}
