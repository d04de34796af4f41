//! Links: what happens to a frame between two hosts. Each direction has its own delay, loss and counters; a frame goes
//! in and what arrives comes out with its arrival time, or the reason why it does not. Not modelled yet: links with more
//! than two ends.

mod codel;
mod direction;
mod lane;

use sockeye_base::{Duration, Instant, Rng};
use sockeye_wire::Frame;

pub use direction::{Bursts, CoDel, Direction, Discipline, Loss, Reorder, Spread};
pub(crate) use lane::{Arrival, Fate, flip};

use crate::HostId;
use lane::Lane;

/// What an Ethernet header adds to a packet on the link, in bytes.
const ETHERNET: usize = 14;

/// Why a frame did not arrive.
pub(crate) mod reason {
    pub(crate) const LOST: &str = "lost on the link";
    pub(crate) const CUT: &str = "the link is cut";
    pub(crate) const TOO_BIG: &str = "longer than the link's MTU";
    pub(crate) const QUEUE_FULL: &str = "the link's queue is full";
    pub(crate) const CODEL: &str = "waited too long in the link's queue";
    pub(crate) const NO_LINK: &str = "no link";
}

/// A link to be made.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// The hosts whose `eth0` it joins.
    pub ends: [HostId; 2],
    /// The longest IP packet it takes, in bytes, in both directions.
    pub mtu: usize,
    /// From the first end to the second, and from the second to the first.
    pub directions: [Direction; 2],
}

impl LinkSpec {
    /// A perfect link: MTU 1500, no delay, no loss.
    pub fn new(a: HostId, b: HostId) -> LinkSpec {
        LinkSpec { ends: [a, b], mtu: 1500, directions: [Direction::default(), Direction::default()] }
    }

    /// The same with this delay and this loss in both directions.
    pub fn with(mut self, delay: Duration, loss: Loss) -> LinkSpec {
        let direction = Direction { delay, loss, ..Direction::default() };
        self.directions = [direction.clone(), direction];
        self
    }
}

/// A link at work.
#[derive(Debug)]
pub(crate) struct Link {
    ends: [HostId; 2],
    mtu: usize,
    cut: bool,
    lanes: [Lane; 2],
}

impl Link {
    pub(crate) fn new(spec: LinkSpec, rng: &mut Rng) -> Link {
        let lanes = spec.directions.map(|direction| Lane::new(direction, rng.fork()));
        Link { ends: spec.ends, mtu: spec.mtu, cut: false, lanes }
    }

    pub(crate) fn set_cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    pub(crate) fn set_direction(&mut self, from: HostId, direction: Direction) {
        let end = self.end(from);
        self.lanes[end].direction = direction;
    }

    /// Whether all frames in this direction share one fate, so that a super-segment stays in one piece.
    pub(crate) fn keeps_whole(&self, from: HostId) -> bool {
        self.cut || self.lanes[self.end(from)].direction.is_steady()
    }

    /// Puts a frame on the link in one piece; says what becomes of it.
    pub(crate) fn enter(&mut self, now: Instant, from: HostId, frame: &Frame) -> Fate {
        let end = self.end(from);
        self.lanes[end].enter(now, frame, self.mtu, self.cut)
    }

    /// Puts a frame on the link; says for each piece of it what becomes of it. Where every frame shares one fate it
    /// stays in one piece, else its segments are told apart.
    pub(crate) fn transmit(&mut self, now: Instant, from: HostId, frame: Frame) -> Vec<(Frame, Fate)> {
        let (end, mtu, cut) = (self.end(from), self.mtu, self.cut);
        let lane = &mut self.lanes[end];
        let enter = |frame: Frame| {
            let fate = lane.enter(now, &frame, mtu, cut);
            (frame, fate)
        };
        frame.split().map(enter).collect()
    }

    /// Whether this frame, which has entered, is all that is under way in this direction.
    pub(crate) fn is_alone(&self, from: HostId, frame: &Frame) -> bool {
        self.lanes[self.end(from)].queued == frame.count()
    }

    /// A frame has left the link at its far end: at this host.
    pub(crate) fn delivered(&mut self, from: HostId, frame: &Frame) -> HostId {
        let end = self.end(from);
        let queued = &mut self.lanes[end].queued;
        *queued = queued.saturating_sub(frame.count());
        self.ends[1 - end]
    }

    fn end(&self, host: HostId) -> usize {
        usize::from(self.ends[0] != host)
    }
}
