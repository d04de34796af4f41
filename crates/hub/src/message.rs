//! What goes over the socket: each a packet of SEQPACKET, whose first byte tells what the rest is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sockeye_base::Chain;
use sockeye_device::{Codec, Layer};
use sockeye_wire::Frame;

/// What is spoken here: another number each time that messages change so that both sides have to know.
pub(crate) const VERSION: u32 = 3;
/// What a control message begins with; JSON follows.
const CONTROL: u8 = 0;
/// What a frame begins with; the number of the host's interface, a virtio-net header and an Ethernet frame follow.
const FRAME: u8 = 1;
/// What stands ahead of a frame, in bytes.
const AHEAD: usize = 2;
/// No message is longer.
pub(crate) const LONGEST: usize = AHEAD + sockeye_device::MAX_LEN;

/// Checksums are left out: nobody is between who could spoil a bit.
const CODEC: Codec = Codec { layer: Layer::Ethernet, partial_checksums: true };

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

/// What a hub answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Joined(Joined),
    /// A host has come to the network, of which only who serves names is told.
    Named(String, Vec<IpAddr>),
    Hosts(Vec<HostReport>),
    Down,
    /// Why not.
    Refused(String),
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
    /// Who knows the names; if nobody does, or this host itself, they are those below.
    pub dns: Option<(Ipv4Addr, Ipv6Addr)>,
    /// Whom it asks for names that aren't the network's, where it serves names itself and something leads out.
    #[serde(default)]
    pub upstream: Option<SocketAddr>,
    /// The hosts and their addresses, where this host has to know them; of those that come later it is told.
    pub names: Vec<(String, Vec<IpAddr>)>,
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
            names: Vec::new(),
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
}

/// What came over the socket.
pub(crate) enum Incoming {
    Control(Vec<u8>),
    /// A frame, and the number of the interface it left or is for.
    Frame(usize, Box<Frame>),
}

impl Incoming {
    /// Reads a message; `None` if it is none. A frame's data stays where it is.
    pub(crate) fn parse(message: &Bytes) -> Option<Incoming> {
        let (kind, rest) = message.split_first()?;
        match *kind {
            CONTROL => Some(Incoming::Control(rest.to_vec())),
            FRAME => {
                let (interface, frame) = rest.split_first()?;
                let frame = CODEC.decode(&message.slice_ref(frame)).ok()?;
                Some(Incoming::Frame((*interface).into(), Box::new(frame)))
            }
            _ => None,
        }
    }
}

/// Why two that speak different versions can't do with each other.
pub(crate) fn misfit(host: u32, network: u32) -> String {
    format!(
        "the network was started by another version of sockeye (it speaks {network}, this one {host}): end it by that version's \
         sockeye down, or use that"
    )
}

/// A control message.
pub(crate) fn control(message: &impl Serialize) -> Vec<u8> {
    let mut out = vec![CONTROL];
    // Nothing in them can fail to be written.
    out.extend(serde_json::to_vec(message).unwrap_or_default());
    out
}

/// A frame as a message, but for data that is given back, to be sent behind `out` from where it lies; `None` if it can't be
/// a message.
pub(crate) fn frame<'f>(interface: usize, frame: &'f Frame, out: &mut Vec<u8>) -> Option<Option<&'f Chain>> {
    out.clear();
    out.extend([FRAME, u8::try_from(interface).ok()?]);
    CODEC.encode_head(frame, out).ok()
}
