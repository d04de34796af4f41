//! TCP connections as a capture shows them: who sent what, and in which state (RFC 9293, section 3.3.2) each side is by
//! then. What arrives is taken to arrive at once, as captures are made where packets are sent.
//!
//! Not modelled: what was not captured, and states that only a program decides (a `shutdown` that waits for data).

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_base::SeqNum;
use sockeye_tcp as tcp;
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{Frame, Packet};

/// Connections that are told apart at once; those beyond are left out.
const MOST_FLOWS: usize = 10_000;
/// Segments of one connection that are kept.
const MOST_STEPS: usize = 100_000;
/// Pieces of data that have come out of order and are remembered.
const MOST_PIECES: usize = 1000;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who began.
    Client,
    /// Who was asked.
    Server,
}

impl Side {
    fn index(self) -> usize {
        match self {
            Side::Client => 0,
            Side::Server => 1,
        }
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Client and server.
    pub ends: [SocketAddr; 2],
    /// Its segments, in their order.
    pub steps: Vec<Step>,
    /// Segments beyond those that are kept.
    pub left_out: usize,
    sides: [Endpoint; 2],
}

/// A segment of a connection.
#[derive(Clone, Debug)]
pub struct Step {
    /// When it was sent.
    pub at: Duration,
    /// By whom.
    pub from: Side,
    /// Its flags.
    pub flags: Flags,
    /// Its sequence number, the SYN's being 0.
    pub seq: u32,
    /// Bytes of data.
    pub len: u32,
    /// What it acknowledges, if it does, counted in the same way.
    pub ack: Option<u32>,
    /// The window it tells, in bytes.
    pub window: u32,
    /// The MSS it tells.
    pub mss: Option<u16>,
    /// What has come of the other side's data, but not in order, counted in the same way.
    pub sack: Vec<(u32, u32)>,
    /// Why it did not arrive, if it did not.
    pub dropped: Option<String>,
    /// All of it had been sent before.
    pub again: bool,
    /// The states of client and server after it.
    pub states: [State; 2],
}

/// The state of a side: RFC 9293's, with the one that is no connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// LISTEN.
    Listen,
    /// That of a connection.
    Of(tcp::State),
}

impl fmt::Display for State {
    /// The RFC's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Listen => f.pad("LISTEN"),
            State::Of(state) => state.fmt(f),
        }
    }
}

/// What is known of an end.
#[derive(Clone, Debug)]
struct Endpoint {
    state: State,
    /// Its first sequence number.
    first: Option<SeqNum>,
    /// Behind the last it sent.
    sent: u32,
    /// Behind its FIN, once that was sent.
    fin: Option<u32>,
    scale: u8,
    /// It has offered to scale its windows.
    scales: bool,
    /// What it has received in order, and the pieces beyond.
    received: u32,
    pieces: BTreeMap<u32, u32>,
}

impl Endpoint {
    fn new(state: State) -> Endpoint {
        Endpoint {
            state,
            first: None,
            sent: 0,
            fin: None,
            scale: 0,
            scales: false,
            received: 0,
            pieces: BTreeMap::new(),
        }
    }

    /// A number counted from the first.
    fn relative(&mut self, seq: SeqNum) -> u32 {
        let first = *self.first.get_or_insert(seq);
        seq.offset_from(first)
    }

    /// Takes a piece of the peer's sequence space.
    fn take(&mut self, from: u32, to: u32) {
        if to > from && self.pieces.len() < MOST_PIECES {
            let end = self.pieces.entry(from).or_insert(to);
            *end = to.max(*end);
        }
        while let Some(piece) = self.pieces.first_entry().filter(|piece| *piece.key() <= self.received) {
            self.received = self.received.max(piece.remove());
        }
    }
}

/// All TCP connections of a capture, in the order they began.
#[derive(Debug, Default)]
pub struct Flows {
    flows: Vec<Flow>,
    /// By both ends, the lesser first; a new SYN begins another.
    current: BTreeMap<[SocketAddr; 2], usize>,
}

impl Flows {
    /// None yet.
    pub fn new() -> Flows {
        Flows::default()
    }

    /// Takes a frame, and why it did not arrive if it did not.
    pub fn add(&mut self, at: Duration, frame: &Frame, dropped: Option<&str>) {
        let Some(packet) = frame.as_packet() else { return };
        let Some(segment) = packet.as_segment() else { return };
        let from = SocketAddr::new(packet.source(), segment.source);
        let to = SocketAddr::new(packet.destination(), segment.destination);
        let key = if from <= to { [from, to] } else { [to, from] };
        let begins = segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK);
        let known = self.current.get(&key).copied().filter(|known| {
            // The same SYN again, or one that meets another, is no new connection.
            let flow = &self.flows[*known];
            let side = usize::from(flow.ends[0] != from);
            !begins || flow.sides[side].first.is_none_or(|first| first == segment.seq)
        });
        let flow = match known {
            Some(flow) => flow,
            None if self.flows.len() >= MOST_FLOWS => return,
            None => {
                // Who sends a SYN and ACK first of all was asked.
                let asked = segment.flags.contains(Flags::SYN | Flags::ACK);
                self.flows.push(Flow::new(if asked { [to, from] } else { [from, to] }, segment));
                self.current.insert(key, self.flows.len() - 1);
                self.flows.len() - 1
            }
        };
        self.flows[flow].add(at, packet, segment, dropped);
    }

    /// The connections.
    pub fn into_vec(self) -> Vec<Flow> {
        self.flows
    }
}

impl Flow {
    fn new(ends: [SocketAddr; 2], first: &Segment) -> Flow {
        let states = if first.flags.contains(Flags::SYN) {
            [State::Of(tcp::State::Closed), State::Listen]
        } else {
            // It was there before the capture began.
            [State::Of(tcp::State::Established); 2]
        };
        Flow { ends, steps: Vec::new(), left_out: 0, sides: states.map(Endpoint::new) }
    }

    /// The states before the first segment.
    pub fn first_states(&self) -> [State; 2] {
        let began = self.steps.first().is_some_and(|step| step.flags.contains(Flags::SYN));
        if began {
            [State::Of(tcp::State::Closed), State::Listen]
        } else {
            [State::Of(tcp::State::Established); 2]
        }
    }

    fn add(&mut self, at: Duration, packet: &Packet, segment: &Segment, dropped: Option<&str>) {
        let source = SocketAddr::new(packet.source(), segment.source);
        let from = if source == self.ends[0] { Side::Client } else { Side::Server };
        let (own, other) = (from.index(), 1 - from.index());
        let [syn, fin, rst, has_ack] =
            [Flags::SYN, Flags::FIN, Flags::RST, Flags::ACK].map(|flag| segment.flags.contains(flag));
        let seq =
            if rst && self.sides[own].first.is_none() { 0 } else { self.sides[own].relative(segment.seq) };
        // As far as is known: a reset's acknowledgement may be of nothing.
        let ack = has_ack.then(|| self.sides[other].first.map_or(0, |first| segment.ack.offset_from(first)));
        if syn {
            self.sides[own].scales = segment.options.window_scale.is_some();
            self.sides[own].scale = segment.options.window_scale.unwrap_or(0);
        }
        let scaled = self.sides.iter().all(|side| side.scales) && !syn;
        let window = u32::from(segment.window) << if scaled { self.sides[own].scale.min(14) } else { 0 };
        let end = seq.wrapping_add(segment.sequence_len());
        let again = end != seq && end <= self.sides[own].sent;
        self.sides[own].sent = self.sides[own].sent.max(end);
        self.sends(own, (syn, fin, rst), end);
        if dropped.is_none() {
            self.hears(other, segment.flags, (seq, end), ack);
        }
        if self.steps.len() >= MOST_STEPS {
            self.left_out += 1;
            return;
        }
        let first = self.sides[other].first;
        let sack = segment.options.sack.iter();
        let sack = sack
            .filter_map(|(from, to)| first.map(|first| (from.offset_from(first), to.offset_from(first))))
            .collect();
        self.steps.push(Step {
            at,
            from,
            flags: segment.flags,
            seq,
            len: segment.payload.len() as u32,
            ack,
            window,
            mss: segment.options.mss,
            sack,
            dropped: dropped.map(str::to_owned),
            again,
            states: self.sides.each_ref().map(|side| side.state),
        });
    }

    /// What sending does to who sends.
    fn sends(&mut self, own: usize, (syn, fin, rst): (bool, bool, bool), end: u32) {
        let side = &mut self.sides[own];
        if rst {
            side.state = State::Of(tcp::State::Closed);
            return;
        }
        if fin {
            side.fin = Some(end);
        }
        side.state = match side.state {
            State::Of(tcp::State::Closed) if syn => State::Of(tcp::State::SynSent),
            State::Listen if syn => State::Of(tcp::State::SynReceived),
            State::Of(tcp::State::Established) | State::Of(tcp::State::SynReceived) if fin => {
                State::Of(tcp::State::FinWait1)
            }
            State::Of(tcp::State::CloseWait) if fin => State::Of(tcp::State::LastAck),
            unchanged => unchanged,
        };
    }

    /// What a segment does to who receives it.
    fn hears(&mut self, own: usize, flags: Flags, (seq, end): (u32, u32), ack: Option<u32>) {
        let side = &mut self.sides[own];
        if flags.contains(Flags::RST) {
            if side.state != State::Listen && side.state != State::Of(tcp::State::TimeWait) {
                side.state = State::Of(tcp::State::Closed);
            }
            return;
        }
        side.take(seq, end);
        let syn = flags.contains(Flags::SYN);
        let fin_comes = flags.contains(Flags::FIN) && side.received >= end;
        let fin_acknowledged = side.fin.is_some_and(|fin| ack.is_some_and(|ack| ack >= fin));
        side.state = match side.state {
            State::Listen if syn => State::Of(tcp::State::SynReceived),
            State::Of(tcp::State::SynSent) if syn && ack.is_some() => State::Of(tcp::State::Established),
            State::Of(tcp::State::SynSent) if syn => State::Of(tcp::State::SynReceived),
            State::Of(tcp::State::SynReceived) if ack.is_some_and(|ack| ack > 0) => {
                State::Of(tcp::State::Established)
            }
            unchanged => unchanged,
        };
        side.state = match side.state {
            State::Of(tcp::State::FinWait1) if fin_acknowledged => State::Of(tcp::State::FinWait2),
            State::Of(tcp::State::Closing) if fin_acknowledged => State::Of(tcp::State::TimeWait),
            State::Of(tcp::State::LastAck) if fin_acknowledged => State::Of(tcp::State::Closed),
            unchanged => unchanged,
        };
        if fin_comes {
            side.state = match side.state {
                State::Of(tcp::State::Established) | State::Of(tcp::State::SynReceived) => {
                    State::Of(tcp::State::CloseWait)
                }
                State::Of(tcp::State::FinWait1) => State::Of(tcp::State::Closing),
                State::Of(tcp::State::FinWait2) => State::Of(tcp::State::TimeWait),
                unchanged => unchanged,
            };
        }
    }
}

#[cfg(test)]
mod tests;
