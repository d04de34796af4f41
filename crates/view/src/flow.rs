//! TCP connections as a capture shows them: who sent what, and in which state (RFC 9293, section 3.3.2) each side is by
//! then. Flow: [`Flows`] puts each segment to its connection; when all have come, the states are found (`states.rs`), as
//! what a side had heard can be seen only by what it sends later.
//!
//! Not modelled: what was not captured, and states that only a program decides (a `shutdown` that waits for data).

mod errors;
mod states;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockeye_base::SeqNum;
use sockeye_tcp as tcp;
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{Frame, Packet};

/// Connections that are told apart at once; those beyond are left out.
const MOST_FLOWS: usize = 10_000;
/// Segments of one connection that are kept.
const MOST_STEPS: usize = 100_000;
/// Segments of all connections that are kept.
const MOST_STEPS_IN_ALL: usize = 500_000;
/// Errors of one connection that are kept.
const MOST_ERRORS: usize = 100;
/// How far back the segment is looked for that a router passes on: no more are on the way, mostly.
const MOST_UNDER_WAY: usize = 1024;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who began.
    Client,
    /// Who was asked.
    Server,
}

impl Side {
    /// 0 or 1, as in arrays of both.
    pub const fn index(self) -> usize {
        match self {
            Side::Client => 0,
            Side::Server => 1,
        }
    }

    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Client => "client",
            Side::Server => "server",
        })
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Client and server.
    pub ends: [SocketAddr; 2],
    /// Its segments, in their order. What a router passes on counts once.
    pub steps: Vec<Step>,
    /// What each said in its SYN; `None` if that is not in the capture.
    pub offers: [Option<Offer>; 2],
    /// Errors that somebody sent about its packets, in their order.
    pub errors: Vec<PacketError>,
    /// Segments beyond those that are kept.
    pub left_out: usize,
    sides: [Endpoint; 2],
    first_states: [State; 2],
}

/// What a SYN says about its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The MSS it takes.
    pub mss: Option<u16>,
    /// How far its windows are shifted.
    pub window_scale: Option<u8>,
    /// It understands SACK.
    pub sack: bool,
    /// It has timestamps.
    pub timestamps: bool,
}

/// An ICMP error about a packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketError {
    /// When it was captured.
    pub at: Duration,
    /// The capture's packet.
    pub number: u64,
    /// Who says so.
    pub from: IpAddr,
    /// To whom.
    pub to: Side,
    /// What it says, such as `host unreachable`.
    pub words: String,
}

/// A segment of a connection.
#[derive(Clone, Debug)]
pub struct Step {
    /// When it was sent.
    pub at: Duration,
    /// The capture's packet; 1 is the first.
    pub number: u64,
    /// By whom.
    pub from: Side,
    /// Its flags.
    pub flags: Flags,
    /// Its sequence number, the SYN's being 0; negative if it is older than the first that was captured.
    pub seq: i64,
    /// Bytes of data.
    pub len: u32,
    /// What it acknowledges, if it does, counted in the same way.
    pub ack: Option<i64>,
    /// The window it tells, in bytes.
    pub window: u32,
    /// The MSS it tells.
    pub mss: Option<u16>,
    /// What has come of the other side's data, but not in order, counted in the same way.
    pub sack: Vec<(i64, i64)>,
    /// Its timestamps: value and echo.
    pub timestamps: Option<(u32, u32)>,
    /// Why it did not arrive, if it did not.
    pub dropped: Option<Box<str>>,
    /// All of it had been sent before.
    pub again: bool,
    /// The states of client and server after it.
    pub states: [State; 2],
}

impl Step {
    /// Behind the last sequence number it takes.
    pub fn end(&self) -> i64 {
        let flag = |flag| i64::from(self.flags.contains(flag));
        self.seq + i64::from(self.len) + flag(Flags::SYN) + flag(Flags::FIN)
    }
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

/// What is known of an end while segments come.
#[derive(Clone, Debug, Default)]
struct Endpoint {
    /// Its first sequence number.
    first: Option<SeqNum>,
    /// Behind the last it sent.
    sent: i64,
    /// Hops its packets may still go, where it was seen first.
    hops: Option<u8>,
}

impl Endpoint {
    /// A number counted from the first: of those that differ by whole rounds the one nearest to what was sent last.
    fn relative(&mut self, seq: SeqNum) -> i64 {
        let first = *self.first.get_or_insert(seq);
        let last = SeqNum(first.0.wrapping_add(self.sent as u32));
        self.sent + i64::from(seq.distance_from(last))
    }
}

/// All TCP connections of a capture, in the order they began.
#[derive(Debug, Default)]
pub struct Flows {
    flows: Vec<Flow>,
    /// By both ends, the lesser first; a new SYN begins another.
    current: BTreeMap<[SocketAddr; 2], usize>,
    /// Packets that have come, those that nobody wants among them.
    number: u64,
    /// Segments that are kept.
    kept: usize,
    left_out: u64,
}

impl Flows {
    /// None yet.
    pub fn new() -> Flows {
        Flows::default()
    }

    /// Counts a packet that nobody wants.
    pub fn skip(&mut self) {
        self.number += 1;
    }

    /// Takes a frame, and why it did not arrive if it did not.
    pub fn add(&mut self, at: Duration, frame: &Frame, dropped: Option<&str>) {
        self.number += 1;
        let Some(packet) = frame.as_packet() else { return };
        let Some(segment) = packet.as_segment() else { return self.add_error(at, packet) };
        let from = SocketAddr::new(packet.source(), segment.source);
        let to = SocketAddr::new(packet.destination(), segment.destination);
        let key = key(from, to);
        let begins = segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK);
        let known = self.current.get(&key).copied().filter(|known| {
            // The same SYN again, or one that meets another, is no new connection.
            let flow = &self.flows[*known];
            let side = usize::from(flow.ends[0] != from);
            !begins || flow.sides[side].first.is_none_or(|first| first == segment.seq)
        });
        let flow = match known {
            Some(flow) => flow,
            None if self.flows.len() >= MOST_FLOWS => {
                self.left_out += 1;
                return;
            }
            None => {
                // Who sends a SYN and ACK first of all was asked.
                let asked = segment.flags.contains(Flags::SYN | Flags::ACK);
                self.flows.push(Flow::new(if asked { [to, from] } else { [from, to] }));
                self.current.insert(key, self.flows.len() - 1);
                self.flows.len() - 1
            }
        };
        let room = self.kept < MOST_STEPS_IN_ALL;
        self.kept += usize::from(self.flows[flow].add((at, self.number), packet, (segment, dropped), room));
    }

    /// An error about a packet of a connection belongs to that.
    fn add_error(&mut self, at: Duration, packet: &Packet) {
        let Some((source, destination, words)) = errors::about(packet) else { return };
        let Some(flow) = self.current.get(&key(source, destination)) else { return };
        let flow = &mut self.flows[*flow];
        let to = if source == flow.ends[0] { Side::Client } else { Side::Server };
        let error = PacketError { at, number: self.number, from: packet.source(), to, words };
        // A router passes errors on, too.
        let known =
            |known: &PacketError| (known.from, known.to, &known.words) == (error.from, to, &error.words);
        if flow.errors.len() < MOST_ERRORS && !flow.errors.last().is_some_and(known) {
            flow.errors.push(error);
        }
    }

    /// Segments of connections beyond those that are told apart.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The connections.
    pub fn into_vec(mut self) -> Vec<Flow> {
        self.flows.iter_mut().for_each(Flow::settle);
        self.flows
    }
}

fn key(from: SocketAddr, to: SocketAddr) -> [SocketAddr; 2] {
    if from <= to { [from, to] } else { [to, from] }
}

impl Flow {
    fn new(ends: [SocketAddr; 2]) -> Flow {
        Flow {
            ends,
            steps: Vec::new(),
            offers: [None; 2],
            errors: Vec::new(),
            left_out: 0,
            sides: Default::default(),
            first_states: [State::Listen; 2],
        }
    }

    /// The states before the first segment.
    pub fn first_states(&self) -> [State; 2] {
        self.first_states
    }

    /// Whether windows are shifted, so that they can be told in bytes; `None` if the capture does not have both SYNs.
    pub fn scales(&self) -> Option<bool> {
        let [a, b] = self.offers;
        Some(a?.window_scale.is_some() && b?.window_scale.is_some())
    }

    /// Takes a segment; gives whether it is kept.
    fn add(
        &mut self,
        (at, number): (Duration, u64),
        packet: &Packet,
        (segment, dropped): (&Segment, Option<&str>),
        room: bool,
    ) -> bool {
        let source = SocketAddr::new(packet.source(), segment.source);
        let from = if source == self.ends[0] { Side::Client } else { Side::Server };
        let (own, other) = (from.index(), from.other().index());
        let [syn, rst, has_ack] =
            [Flags::SYN, Flags::RST, Flags::ACK].map(|flag| segment.flags.contains(flag));
        let seq =
            if rst && self.sides[own].first.is_none() { 0 } else { self.sides[own].relative(segment.seq) };
        // As far as is known: a reset's acknowledgement may be of nothing.
        let known = self.sides[other].first.is_some();
        let mut theirs = |number| if known { self.sides[other].relative(number) } else { 0 };
        let ack = has_ack.then(|| theirs(segment.ack));
        let sack: Vec<_> = if known {
            segment.options.sack.iter().map(|(from, to)| (theirs(*from), theirs(*to))).collect()
        } else {
            Vec::new()
        };
        let hops = packet.ip.hop_limit();
        if self.sides[own].hops.is_some_and(|first| hops < first)
            && self.passed_on((from, segment.flags), (seq, ack, segment.payload.len()), dropped)
        {
            return false;
        }
        self.sides[own].hops = Some(hops.max(self.sides[own].hops.unwrap_or(0)));
        if syn {
            self.offers[own] = Some(Offer {
                mss: segment.options.mss,
                window_scale: segment.options.window_scale,
                sack: segment.options.sack_permitted,
                timestamps: segment.options.timestamps.is_some(),
            });
        }
        let scale = match self.offers[own] {
            Some(offer) if !syn && self.scales() == Some(true) => offer.window_scale.unwrap_or(0).min(14),
            Some(_) | None => 0,
        };
        let end = seq + i64::from(segment.sequence_len());
        let again = end != seq && end <= self.sides[own].sent;
        self.sides[own].sent = self.sides[own].sent.max(end);
        if !room || self.steps.len() >= MOST_STEPS {
            self.left_out += 1;
            return false;
        }
        self.steps.push(Step {
            at,
            number,
            from,
            flags: segment.flags,
            seq,
            len: segment.payload.len() as u32,
            ack,
            window: u32::from(segment.window) << scale,
            mss: segment.options.mss,
            sack,
            timestamps: segment.options.timestamps.map(|stamps| (stamps.value, stamps.echo)),
            dropped: dropped.map(Box::from),
            again,
            states: self.first_states,
        });
        true
    }

    /// A packet that has fewer hops to go than others: whether a router passes on one that was captured already, or part of it
    /// (links may take super-segments apart). If it gets lost there, that one did not arrive.
    fn passed_on(
        &mut self,
        (from, flags): (Side, Flags),
        (seq, ack, len): (i64, Option<i64>, usize),
        dropped: Option<&str>,
    ) -> bool {
        let end = seq + len as i64;
        let same = |step: &Step| (step.from, step.ack) == (from, ack) && step.len as usize >= len;
        let whole = |step: &Step| step.flags == flags && (step.seq, step.len as usize) == (seq, len);
        let part = |step: &Step| len > 0 && step.seq <= seq && end <= step.seq + i64::from(step.len);
        let copy = |step: &Step| same(step) && (whole(step) || part(step));
        let recent = self.steps.iter().rev().take(MOST_UNDER_WAY).position(copy);
        let Some(at) = recent.map(|ago| self.steps.len() - 1 - ago) else { return false };
        if let Some(why) = dropped {
            self.drop_part(at, (seq, end), why);
        }
        true
    }

    /// Part of a super-segment did not arrive: it is a step of its own, as are those before and behind it.
    fn drop_part(&mut self, at: usize, (seq, end): (i64, i64), why: &str) {
        let step = &self.steps[at];
        let last = step.seq + i64::from(step.len);
        let pieces = [(step.seq, seq), (seq, end.max(seq)), (end, last)].into_iter().enumerate();
        let pieces =
            pieces.filter(|(which, (from, to))| from < to || *which == 1).map(|(which, (from, to))| {
                let mut piece = step.clone();
                (piece.seq, piece.len) = (from, (to - from) as u32);
                // FIN and PSH are the last one's.
                piece.flags.set(Flags::FIN, step.flags.contains(Flags::FIN) && to == last);
                piece.flags.set(Flags::PSH, step.flags.contains(Flags::PSH) && to == last);
                if which == 1 {
                    piece.dropped = Some(why.into());
                }
                piece
            });
        let pieces: Vec<Step> = pieces.collect();
        if step.len == 0 || self.steps.len() + pieces.len() > MOST_STEPS {
            self.steps[at].dropped = Some(why.into());
            return;
        }
        self.steps.splice(at..=at, pieces);
    }
}

#[cfg(test)]
mod tests;
