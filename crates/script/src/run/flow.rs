//! The connection the script speaks of: its addresses, and how its relative numbers map to those on the wire. As in
//! packetdrill there is one at a time: that of the socket made last, or the child of a listener the last SYN made.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockeye_base::SeqNum;
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{Body, Packet};

use crate::syntax::TcpSpec;

/// The port that sockets bind, and that they connect to, where the script says `...`.
pub(super) const PORT: u16 = 8080;

/// How far a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A socket that was only made.
    New,
    /// A listening socket: the next packet that comes in begins another flow.
    Listening,
    /// A socket that connects: its first packet tells our port.
    Connecting,
    /// Both addresses are known.
    Known,
}

/// The connection (or the datagram socket) under test.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) stage: Stage,
    pub(super) is_udp: bool,
    /// The descriptor of its socket; a child of a listener gets one when it is accepted.
    pub(super) fd: Option<i64>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) numbers: Numbers,
}

/// Where the numbers of a connection start, in the script and on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    /// The host's first sequence number as the script has it in its SYN.
    script_local: u32,
    /// The host's first sequence number.
    live_local: SeqNum,
    /// The remote's first sequence number, in its SYN; the script's is what goes onto the wire.
    remote: u32,
    /// The remote has sent a SYN; it has sent a SYN-ACK.
    remote_known: bool,
    remote_answered: bool,
    /// TSvals of the script and those that were in the host's packets.
    timestamps: BTreeMap<u32, u32>,
    /// The first of them.
    first_timestamp: Option<(u32, u32)>,
}

impl Flow {
    /// A connection begins; it may be the socket's second.
    pub(super) fn begin(&mut self, remote: SocketAddr) {
        (self.stage, self.remote, self.numbers) = (Stage::Connecting, remote, Numbers::default());
    }

    /// A datagram socket sends to this address. Unless it is bound its first datagram tells its port.
    pub(super) fn associate(&mut self, remote: SocketAddr) {
        self.remote = remote;
        if self.stage == Stage::New {
            self.stage = Stage::Connecting;
        }
    }

    /// Whether a packet of the host belongs to it. The first packet of a connecting socket tells its port.
    pub(super) fn owns(&mut self, packet: &Packet) -> bool {
        let Some((source, destination)) = packet.ports() else {
            return packet.source() == self.local.ip() && packet.destination() == self.remote.ip();
        };
        let is_udp = matches!(packet.body, Body::Udp(_));
        let (source, destination) =
            (SocketAddr::new(packet.source(), source), SocketAddr::new(packet.destination(), destination));
        if is_udp != self.is_udp || destination != self.remote {
            return false;
        }
        match self.stage {
            Stage::New | Stage::Listening => false,
            Stage::Known => source == self.local,
            Stage::Connecting => {
                let first = is_udp || packet.as_segment().is_some_and(is_first);
                if first {
                    self.local = source;
                    self.stage = Stage::Known;
                }
                first
            }
        }
    }
}

impl Numbers {
    /// The remote's first SYN gives its first sequence number, and so does the first SYN-ACK.
    pub(super) fn remote_syn(&mut self, spec: &TcpSpec) {
        let answers = spec.flags.contains(Flags::ACK);
        if !self.remote_known || (answers && !self.remote_answered) {
            self.remote = spec.seq;
        }
        self.remote_known = true;
        self.remote_answered |= answers;
    }

    /// A SYN of the host gives its first sequence number.
    pub(super) fn local_syn(&mut self, spec: &TcpSpec, live: &Segment) {
        self.script_local = spec.seq;
        self.live_local = live.seq;
    }

    /// The remote's sequence number on the wire. A SYN has it as it is, later segments count from it.
    pub(super) fn live_seq(&self, seq: u32, is_syn: bool) -> SeqNum {
        if is_syn { SeqNum(seq) } else { SeqNum(self.remote) + seq }
    }

    /// An acknowledgement of the remote, or an edge of its SACK blocks, on the wire.
    pub(super) fn live_ack(&self, ack: u32, is_syn: bool) -> SeqNum {
        if is_syn { self.live_local + ack - self.script_local } else { self.live_local + ack }
    }

    /// The host's sequence number as the script would have it.
    pub(super) fn script_seq(&self, seq: SeqNum, is_syn: bool) -> u32 {
        let offset = seq.offset_from(self.live_local);
        if is_syn { offset.wrapping_add(self.script_local) } else { offset }
    }

    /// The host's acknowledgement, or an edge of its SACK blocks, as the script would have it.
    pub(super) fn script_ack(&self, ack: SeqNum, is_syn: bool) -> u32 {
        if is_syn { ack.0 } else { ack.0.wrapping_sub(self.remote) }
    }

    /// Notes which TSval was there where the script has `script`; gives what it is in the script's count.
    pub(super) fn timestamp(&mut self, script: u32, live: u32) -> u32 {
        self.timestamps.insert(script, live);
        let (first_script, first_live) = *self.first_timestamp.get_or_insert((script, live));
        first_script.wrapping_add(live.wrapping_sub(first_live))
    }

    /// The TSecr on the wire for the script's. `scaled`: one no packet had is computed.
    pub(super) fn echo(&self, script: u32, scaled: bool) -> Option<u32> {
        let computed = self
            .first_timestamp
            .filter(|_| scaled)
            .map(|(first_script, first_live)| first_live.wrapping_add(script.wrapping_sub(first_script)));
        self.timestamps.get(&script).copied().or(computed)
    }
}

fn is_first(segment: &Segment) -> bool {
    segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK)
}
