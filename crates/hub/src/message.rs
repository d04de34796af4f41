//! What goes over the socket: packets of SEQPACKET, whose first byte tells what the rest is. Messages are JSON.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// What is spoken here: another number each time that messages change so that both sides have to know.
pub(crate) const VERSION: u32 = 5;
/// What a control message begins with, or its last packet.
pub(crate) const CONTROL: u8 = 0;
/// The packet alone: a look at the ring, please.
pub(crate) const BELL: u8 = 1;
/// What the others of several packets begin with that are one message.
pub(crate) const PART: u8 = 2;
/// No packet is longer.
pub(crate) const LONGEST: usize = 32 << 10;
/// No request is longer.
pub(crate) const LONGEST_REQUEST: usize = 32 << 10;
/// No reply is longer: the names of 100,000 hosts.
pub(crate) const LONGEST_REPLY: usize = 16 << 20;
/// So many files go with a message.
pub(crate) const MOST_FILES: usize = 2;

/// What is asked of a hub, first of all on each connection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// To be a host of it, from now on.
    Join {
        host: String,
        /// What it will run.
        program: String,
        /// Which [`VERSION`] it speaks; 0 if it doesn't say.
        #[serde(default)]
        version: u32,
    },
    /// Who is there.
    Hosts,
    /// To end.
    Down,
}

/// Hosts and their addresses.
pub(crate) type Names = Vec<(String, Vec<IpAddr>)>;

/// What a hub answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// With files: the memory of the rings between hub and host, of which the hub is the first side, and the host's bell.
    Joined(Joined),
    /// All hosts, behind that, for who has to know their names.
    Names(Names),
    /// There is a way beside the hub.
    Beside(Beside),
    /// The way of this number is no more.
    Parted(u64),
    /// A host has come to the network, of which only who serves names is told.
    Named(String, Vec<IpAddr>),
    /// An interface of the host, by its number, has these addresses from now on, each with its network.
    Addresses(usize, Vec<String>),
    Hosts(Vec<HostReport>),
    Down,
    /// Why not.
    Refused(String),
}

/// A way from host to host that doesn't pass the hub. With files: the memory of its rings, and the other's bell.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) number: u64,
    /// The number of the host's own interface.
    pub(crate) interface: usize,
    /// Who is on the other side.
    pub(crate) to: [u8; 6],
    /// The host is the second side of the rings.
    pub(crate) second: bool,
}

/// What a host of a network is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its name.
    pub name: String,
    /// Its interfaces, `eth0` first.
    pub interfaces: Vec<Attached>,
    /// Its routes by routers: where, by which, and the number of the interface.
    pub routes: Vec<(String, IpAddr, usize)>,
    /// Its settings: names as sysctl(8) has them, and values.
    pub sysctls: Vec<(String, String)>,
    /// What it serves by itself.
    pub services: Vec<String>,
    /// Who knows the names; nothing if this host is to know them itself ([`crate::Plug::names`]).
    pub dns: Option<(Ipv4Addr, Ipv6Addr)>,
    /// Whom it asks for names that aren't the network's, where it serves names itself and something leads out.
    #[serde(default)]
    pub upstream: Option<SocketAddr>,
    /// Which version the network speaks; 0 if it doesn't say.
    #[serde(default)]
    pub(crate) version: u32,
}

impl Joined {
    /// A host of this name with one interface, and nothing else.
    pub(crate) fn new(name: &str, attached: Attached) -> Joined {
        Joined {
            name: name.to_owned(),
            interfaces: vec![attached],
            routes: Vec::new(),
            sysctls: Vec::new(),
            services: Vec::new(),
            dns: None,
            upstream: None,
            version: VERSION,
        }
    }
}

/// An interface of a host of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Its addresses, each with its network.
    pub addresses: Vec<String>,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The longest IP packet, in bytes.
    pub mtu: usize,
}

/// A host of a network, as `sockeye hosts` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// What runs there, and as which process; nothing if the host is off, or the network's own.
    pub program: Option<(String, i32)>,
    /// Whether it is there.
    pub up: bool,
    /// Frames and bytes that it sent.
    pub sent: (u64, u64),
    /// Frames and bytes that it was sent.
    pub received: (u64, u64),
    /// Frames and bytes that it sent in the last second, about.
    pub sent_rate: (u64, u64),
    /// Frames and bytes that it was sent meanwhile.
    pub received_rate: (u64, u64),
}

/// Why two that speak different versions can't do with each other.
pub(crate) fn misfit(host: u32, network: u32) -> String {
    format!(
        "the network was started by another version of sockeye (it speaks {network}, this one {host}): end it by that version's \
         sockeye down, or use that"
    )
}
