//! Fragments that wait for the rest of their packet (RFC 791, section 3.2; RFC 8200, section 4.5).
//!
//! Memory and time are bounded: a fragment for which there is no room is as if it were lost, and what is not whole in
//! time is given up, with an ICMP error if its front was there. Not modelled: `ipfrag_max_dist`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sockeye_base::{Bytes, Chain, Counter, Instant};
use sockeye_wire::fragment::{self, Fragment};
use sockeye_wire::ip::Ecn;
use sockeye_wire::{Body, Packet, ip};

use crate::Settings;
use crate::inbox::truesize;
use crate::stack::Stack;
use crate::timers::{Popped, Timer, TimerKey};

/// What the pieces of one packet have in common. (For IPv6 the protocol is none of it: it is 0 here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    protocol: u8,
}

/// The pieces of one packet that have come.
#[derive(Debug)]
struct Pieces {
    /// When it is given up.
    deadline: Instant,
    /// By where they start; they don't overlap.
    pieces: BTreeMap<usize, Chain>,
    /// Bytes that have come.
    have: usize,
    /// Bytes of the whole, once the last piece has come.
    total: Option<usize>,
    /// Header and protocol of the first piece: the whole's.
    front: Option<(ip::Header, u8)>,
    /// Which ECN codepoints they had: a bit each.
    codepoints: u8,
    /// What they count as in memory.
    charge: usize,
    /// Bytes of the largest, with the IP header.
    largest: u16,
}

/// All packets of which pieces have come.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    packets: BTreeMap<Key, Pieces>,
    deadlines: BTreeSet<(Instant, Key)>,
    charge: usize,
    pub(crate) timer: Timer,
}

/// What is to be known of the pieces of a packet; all 0 of one that came whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bytes of the largest, with the IP header.
    pub(crate) largest: u16,
    /// What they count as in memory.
    pub(crate) charge: usize,
}

/// What came of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Taken,
    /// It had come before.
    Again,
    /// It contradicts the others.
    Clash,
}

impl Pieces {
    fn new(deadline: Instant) -> Pieces {
        Pieces {
            deadline,
            pieces: BTreeMap::new(),
            have: 0,
            total: None,
            front: None,
            codepoints: 0,
            charge: 0,
            largest: 0,
        }
    }

    fn insert(&mut self, header: ip::Header, fragment: Fragment) -> Fit {
        let ip_len = header.len() + if header.source().is_ipv4() { 0 } else { fragment::HEADER_LEN };
        let largest = u16::try_from(ip_len + fragment.payload.len()).unwrap_or(u16::MAX);
        self.largest = self.largest.max(largest);
        let (start, end) = (usize::from(fragment.offset), fragment.end());
        let before = self.pieces.range(..end).next_back().map(|(at, piece)| (*at, at + piece.len()));
        if let Some(before) = before
            && before.1 > start
        {
            return if before == (start, end) { Fit::Again } else { Fit::Clash };
        }
        let beyond = self.total.is_some_and(|total| end > total || (!fragment.more && end != total));
        let last = self.pieces.last_key_value().map_or(0, |(at, piece)| at + piece.len());
        if beyond || (!fragment.more && last > end) {
            return Fit::Clash;
        }
        if !fragment.more {
            self.total = Some(end);
        }
        self.codepoints |= 1 << header.ecn() as u8;
        if start == 0 {
            self.front = Some((header, fragment.protocol));
        }
        self.have += fragment.payload.len();
        self.pieces.insert(start, fragment.payload);
        Fit::Taken
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.have)
    }

    /// The packet, of all that has come from the front on.
    fn assemble(self) -> Option<Packet> {
        let (mut header, protocol) = self.front?;
        // RFC 3168, section 5.3: a mark on one piece is the packet's. Pieces that disagree about whether they may be
        // marked are no packet.
        let bit = |ecn: Ecn| 1 << ecn as u8;
        if self.codepoints & bit(Ecn::NotEct) != 0 && self.codepoints != bit(Ecn::NotEct) {
            return None;
        }
        if self.codepoints & bit(Ecn::Ce) != 0 {
            header.set_ecn(Ecn::Ce);
        }
        let mut bytes = Vec::with_capacity(self.have);
        self.pieces.values().flat_map(Chain::pieces).for_each(|piece| bytes.extend_from_slice(piece));
        Packet::assembled(header, protocol, &Bytes::from(bytes)).ok()
    }
}

/// A fragment was dropped, perhaps with those before it.
struct Dropped;

impl Fragments {
    /// A piece has come; gives the packet it makes whole, if it does, and what is to be known of its pieces. An error if it, or
    /// the packet, was dropped.
    fn insert(
        &mut self,
        now: Instant,
        settings: &Settings,
        header: ip::Header,
        fragment: Fragment,
    ) -> Result<Option<(Packet, Cut)>, Dropped> {
        let (source, destination) = (header.source(), header.destination());
        let (key, patience) = match &header {
            ip::Header::V4(v4) => (
                Key { source, destination, id: v4.id.into(), protocol: fragment.protocol },
                settings.ipfrag_time,
            ),
            ip::Header::V6(_) => {
                (Key { source, destination, id: fragment.id, protocol: 0 }, settings.ip6frag_time)
            }
        };
        let charge = truesize(fragment.payload.len(), source.is_ipv4());
        if self.charge + charge > settings.ipfrag_high_thresh {
            return Err(Dropped);
        }
        let pieces = self.packets.entry(key).or_insert_with(|| Pieces::new(now + patience));
        self.deadlines.insert((pieces.deadline, key));
        match pieces.insert(header, fragment) {
            Fit::Taken => {
                pieces.charge += charge;
                self.charge += charge;
                if !pieces.is_whole() {
                    return Ok(None);
                }
                let pieces = self.remove(key).ok_or(Dropped)?;
                let cut = Cut { largest: pieces.largest, charge: pieces.charge };
                pieces.assemble().ok_or(Dropped).map(|packet| Some((packet, cut)))
            }
            Fit::Again => Ok(None),
            // RFC 5722, section 4: the whole packet goes. Linux does the same for IPv4.
            Fit::Clash => {
                self.remove(key);
                Err(Dropped)
            }
        }
    }

    /// The next packet whose time is over.
    fn expired(&mut self, now: Instant) -> Option<Pieces> {
        let (_, key) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(key)
    }

    fn remove(&mut self, key: Key) -> Option<Pieces> {
        let pieces = self.packets.remove(&key)?;
        self.deadlines.remove(&(pieces.deadline, key));
        self.charge -= pieces.charge;
        Some(pieces)
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}

impl Stack {
    /// A fragment has arrived; gives the packet it makes whole, and what is to be known of its pieces.
    pub(crate) fn fragment_input(&mut self, now: Instant, packet: Packet) -> Option<(Packet, Cut)> {
        let Body::Fragment(fragment) = packet.body else { return Some((packet, Cut::default())) };
        let whole = self.fragments.insert(now, &self.settings, packet.ip, fragment);
        self.set_fragments_timer();
        whole.unwrap_or_else(|Dropped| {
            self.count(Counter::IpReasmFails);
            None
        })
    }

    /// An entry of the fragments' timer came up.
    pub(crate) fn fragments_timer(&mut self, now: Instant, at: Instant) {
        match self.fragments.timer.popped(at) {
            Popped::Nothing => {}
            Popped::Later(deadline) => self.timers.put_back(TimerKey::Fragments, deadline),
            Popped::Due => {
                while let Some(pieces) = self.fragments.expired(now) {
                    self.count(Counter::IpReasmTimeout);
                    self.count(Counter::IpReasmFails);
                    // RFC 792, RFC 8200, section 4.5: the sender is told if its front came.
                    let Pieces { front: Some((ip, protocol)), mut pieces, .. } = pieces else { continue };
                    let Some(payload) = pieces.remove(&0) else { continue };
                    let front = Fragment { protocol, id: 0, offset: 0, more: true, payload };
                    self.time_exceeded(now, &Packet { ip, body: Body::Fragment(front) }, 1);
                }
                self.set_fragments_timer();
            }
        }
    }

    /// How many packets wait for the rest of their fragments, and what these take, in bytes with overhead.
    pub fn fragments_waiting(&self) -> (usize, usize) {
        (self.fragments.packets.len(), self.fragments.charge)
    }

    fn set_fragments_timer(&mut self) {
        let deadline = self.fragments.deadline();
        self.timers.set(TimerKey::Fragments, &mut self.fragments.timer, deadline);
    }
}

#[cfg(test)]
mod tests;
