//! What goes over the socket: each a packet of SEQPACKET, whose first byte tells what the rest is.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sockeye_device::{Codec, Layer};
use sockeye_wire::Frame;

/// What a control message begins with; JSON follows.
const CONTROL: u8 = 0;
/// What a frame begins with; a virtio-net header and an Ethernet frame follow.
const FRAME: u8 = 1;
/// No message is longer.
pub(crate) const LONGEST: usize = 1 + sockeye_device::MAX_LEN;

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
    /// Its addresses, each with its network.
    pub addresses: Vec<String>,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The longest IP packet, in bytes.
    pub mtu: usize,
    /// Who knows the names.
    pub dns: (Ipv4Addr, Ipv6Addr),
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
    Frame(Box<Frame>),
}

impl Incoming {
    /// Reads a message; `None` if it is none.
    pub(crate) fn parse(message: &[u8]) -> Option<Incoming> {
        let (kind, rest) = message.split_first()?;
        match *kind {
            CONTROL => Some(Incoming::Control(rest.to_vec())),
            FRAME => CODEC.decode(&Bytes::copy_from_slice(rest)).ok().map(Box::new).map(Incoming::Frame),
            _ => None,
        }
    }
}

/// A control message.
pub(crate) fn control(message: &impl Serialize) -> Vec<u8> {
    let mut out = vec![CONTROL];
    // Nothing in them can fail to be written.
    out.extend(serde_json::to_vec(message).unwrap_or_default());
    out
}

/// A frame as a message; `None` if it can't be one.
pub(crate) fn frame(frame: &Frame, out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    out.push(FRAME);
    CODEC.encode(frame, out).ok()
}
