//! Links: what happens to a frame between two ends, hosts' interfaces or switches. Each direction has its own delay, loss
//! and counters; a frame goes in and what arrives comes out with its arrival time, or the reason why it does not.

mod codel;
mod direction;
mod way;

use sockeye_base::{Duration, Instant, Rng};
use sockeye_stack::InterfaceId;
use sockeye_wire::Frame;

pub use direction::{Bursts, CoDel, Direction, Discipline, Loss, Reorder, Spread};
pub use way::Carried;
pub(crate) use way::{Arrival, Fate, flip};

use crate::{HostId, LinkId, OutsideId, SwitchId};
use way::{Manner, Way};

/// What an Ethernet header adds to a packet on the link, in bytes.
const ETHERNET: usize = 14;
/// The first Ethernet interface of every host.
pub(crate) const ETH0: InterfaceId = InterfaceId(1);

/// Why a frame did not arrive.
pub(crate) mod reason {
    pub(crate) const LOST: &str = "lost on the link";
    pub(crate) const CUT: &str = "the link is cut";
    pub(crate) const TOO_BIG: &str = "longer than the link's MTU";
    pub(crate) const QUEUE_FULL: &str = "the link's queue is full";
    pub(crate) const CODEL: &str = "waited too long in the link's queue";
    pub(crate) const NO_LINK: &str = "no link";
    pub(crate) const OFF: &str = "the host is off";
    pub(crate) const STILL: &str = "the host stands still";
    pub(crate) const RING: &str = "the link closes a ring of switches";
}

/// What one end of a link is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// An interface of a host.
    Interface(HostId, InterfaceId),
    /// A switch, which has ports enough.
    Switch(SwitchId),
    /// A way out of the lab: who owns the lab carries frames on from there.
    Outside(OutsideId),
}

impl End {
    /// The host, if it is one.
    pub fn host(self) -> Option<HostId> {
        match self {
            End::Interface(host, _) => Some(host),
            End::Switch(_) | End::Outside(_) => None,
        }
    }
}

impl From<HostId> for End {
    /// Its `eth0`.
    fn from(host: HostId) -> End {
        End::Interface(host, ETH0)
    }
}

impl From<SwitchId> for End {
    fn from(switch: SwitchId) -> End {
        End::Switch(switch)
    }
}

impl From<OutsideId> for End {
    fn from(outside: OutsideId) -> End {
        End::Outside(outside)
    }
}

/// A link to be made.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// What it joins.
    pub ends: [End; 2],
    /// The longest IP packet it takes, in bytes, in both directions.
    pub mtu: usize,
    /// From the first end to the second, and from the second to the first.
    pub directions: [Direction; 2],
}

impl LinkSpec {
    /// A perfect link: MTU 1500, no delay, no loss.
    pub fn new(a: impl Into<End>, b: impl Into<End>) -> LinkSpec {
        let ends = [a.into(), b.into()];
        LinkSpec { ends, mtu: 1500, directions: [Direction::default(), Direction::default()] }
    }

    /// The same with this delay and this loss in both directions.
    pub fn with(mut self, delay: Duration, loss: Loss) -> LinkSpec {
        let direction = Direction { delay, loss, ..Direction::default() };
        self.directions = [direction.clone(), direction];
        self
    }
}

/// One direction of one link: which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) link: LinkId,
    /// It leads away from this end: 0 or 1.
    pub(crate) from: usize,
}

impl Lane {
    /// The way back.
    pub(crate) fn back(self) -> Lane {
        Lane { from: 1 - self.from, ..self }
    }
}

/// A link as it stands, for who looks.
#[derive(Clone, Copy, Debug)]
pub struct LinkView<'a> {
    /// What it joins.
    pub ends: [End; 2],
    /// The longest IP packet it takes, in bytes.
    pub mtu: usize,
    /// Why it carries nothing, if it doesn't.
    pub dead: Option<&'static str>,
    /// Away from the first end, and away from the second.
    pub ways: [WayView<'a>; 2],
}

/// One direction of it.
#[derive(Clone, Copy, Debug)]
pub struct WayView<'a> {
    /// What it is like.
    pub direction: &'a Direction,
    /// What it has carried, and what it has lost.
    pub carried: &'a Carried,
    /// Frames under way.
    pub queued: usize,
}

/// A link at work: four lines of the cache, and beside it what only links need that leave something to chance.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Link {
    ways: [Way; 2],
    pub(crate) ends: [End; 2],
    mtu: usize,
    /// Why it carries nothing.
    dead: Option<&'static str>,
    manners: Box<[Manner; 2]>,
}

impl Link {
    pub(crate) fn new(spec: LinkSpec, rng: &mut Rng) -> Link {
        let ways = spec.directions.each_ref().map(Way::new);
        let manners = Box::new(spec.directions.map(|direction| Manner::new(direction, rng.fork())));
        Link { ways, ends: spec.ends, mtu: spec.mtu, dead: None, manners }
    }

    pub(crate) fn view(&self) -> LinkView<'_> {
        let view = |from: usize| {
            let (way, manner) = (&self.ways[from], &self.manners[from]);
            WayView { direction: &manner.direction, carried: &way.carried, queued: way.queued }
        };
        LinkView { ends: self.ends, mtu: self.mtu, dead: self.dead, ways: [0, 1].map(view) }
    }

    /// Reads what a frame needs that leaves it at its far end, and one that answers; gives something made of it.
    pub(crate) fn look_ahead(&self) -> u64 {
        let [a, b] = &self.ways;
        (a.queued as u64 ^ a.carried.bytes).rotate_left(1)
            ^ b.queued as u64
            ^ b.carried.bytes
            ^ self.mtu as u64
    }

    pub(crate) fn set_cut(&mut self, cut: bool) {
        if self.dead != Some(reason::RING) {
            self.dead = cut.then_some(reason::CUT);
        }
    }

    /// It would close a ring, in which frames went round for ever.
    pub(crate) fn block(&mut self) {
        self.dead = Some(reason::RING);
    }

    pub(crate) fn set_direction(&mut self, from: usize, direction: Direction) {
        self.ways[from].changes(&direction);
        self.manners[from].set_direction(direction);
    }

    /// Whether a frame stays in one piece: it is one, or all in this direction share one fate.
    pub(crate) fn keeps_whole(&self, from: usize, frame: &Frame) -> bool {
        self.dead.is_some() || frame.count() == 1 || self.ways[from].is_steady()
    }

    /// Whether frames in this direction arrive at once, as they are, all of them.
    pub(crate) fn does_nothing(&self, from: usize) -> bool {
        let way = &self.ways[from];
        self.dead.is_none() && way.queued == 0 && way.is_immediate()
    }

    /// Counts frames, and their bytes, that were carried beside it.
    pub(crate) fn carried_beside(&mut self, from: usize, (frames, bytes): (u64, u64)) {
        let carried = &mut self.ways[from].carried;
        // Who carried them may say what he likes.
        carried.frames = carried.frames.saturating_add(frames);
        carried.bytes = carried.bytes.saturating_add(bytes);
    }

    /// Puts a frame on the link in one piece; says what becomes of it.
    pub(crate) fn enter(&mut self, now: Instant, from: usize, frame: &Frame) -> Fate {
        self.ways[from].enter(&mut self.manners[from], (now, frame), (self.mtu, self.dead))
    }

    /// Puts a frame on the link; says for each piece of it what becomes of it. Where every frame shares one fate it
    /// stays in one piece, else its segments are told apart.
    pub(crate) fn transmit(&mut self, now: Instant, from: usize, frame: Frame) -> Vec<(Frame, Fate)> {
        let enter = |frame: Frame| {
            let fate = self.enter(now, from, &frame);
            (frame, fate)
        };
        frame.split().map(enter).collect()
    }

    /// Whether this frame, which has entered, is all that is under way in this direction.
    pub(crate) fn is_alone(&self, from: usize, frame: &Frame) -> bool {
        self.ways[from].queued == frame.count()
    }

    /// A frame has left the link at its far end: there.
    pub(crate) fn delivered(&mut self, from: usize, frame: &Frame) -> End {
        let queued = &mut self.ways[from].queued;
        *queued = queued.saturating_sub(frame.count());
        self.ends[1 - from]
    }
}
