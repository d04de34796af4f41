//! Links: what happens to a frame between two hosts. Each direction has its own delay, loss and counters; a frame goes
//! in and what arrives comes out with its arrival time, or the reason why it does not. Not modelled yet: reordering,
//! duplication, corruption, queues other than drop-tail, and links with more than two ends.

use std::num::NonZeroU64;

use sockeye_base::{Duration, Instant, Rng, nanos};
use sockeye_wire::Frame;

use crate::HostId;

/// What an Ethernet header adds to a packet on the link, in bytes.
const ETHERNET: usize = 14;
/// The headers of IP and TCP are never longer, in bytes.
const MOST_HEADERS: usize = 60 + 60;
/// What may wait where there is a rate, if nothing else is said: a thousand full frames (Linux's txqueuelen).
const QUEUE: usize = 1000 * (1500 + ETHERNET);
/// How many frames (a super-segment counts as those it stands for) may be on their way in one direction.
const QUEUE_LIMIT: usize = 16_384;

/// Why a frame did not arrive.
pub(crate) mod reason {
    pub(crate) const LOST: &str = "lost on the link";
    pub(crate) const CUT: &str = "the link is cut";
    pub(crate) const TOO_BIG: &str = "longer than the link's MTU";
    pub(crate) const QUEUE_FULL: &str = "the link's queue is full";
    pub(crate) const NO_LINK: &str = "no link";
}

/// Which frames a direction of a link loses.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Loss {
    /// None: super-segments cross in one piece.
    #[default]
    None,
    /// So many of a million, at random from the network's seed.
    PerMillion(u32),
    /// These: the first frame of this direction is 1, segments of a super-segment count each.
    Frames(Vec<u64>),
}

/// One direction of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// How long a frame takes.
    pub delay: Duration,
    /// How much longer or shorter it may take, each frame by an equal chance. Frames stay in order.
    pub jitter: Duration,
    /// Which frames get lost.
    pub loss: Loss,
    /// Bits per second, Ethernet headers included; `None`: as fast as can be.
    pub rate: Option<NonZeroU64>,
    /// Bytes that may wait for their turn where there is a rate; what comes beyond is dropped.
    pub queue: usize,
}

impl Default for Direction {
    /// A perfect one: no delay, no loss, no bound to the rate.
    fn default() -> Direction {
        Direction {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            rate: None,
            queue: QUEUE,
        }
    }
}

impl Direction {
    /// Whether all frames share one fate.
    fn is_steady(&self) -> bool {
        self.loss == Loss::None && self.rate.is_none() && self.jitter.is_zero()
    }
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

/// One direction at work.
#[derive(Debug)]
struct Lane {
    direction: Direction,
    rng: Rng,
    /// Frames that have entered.
    entered: u64,
    /// Frames on their way.
    queued: usize,
    /// When the last byte of what entered so far is sent, where there is a rate.
    sent: Instant,
    /// When the last frame arrives.
    arrives: Instant,
}

/// What became of a frame: it arrives at this time, or not at all for this reason.
pub(crate) type Fate = Result<Instant, &'static str>;

impl Link {
    pub(crate) fn new(spec: LinkSpec, rng: &mut Rng) -> Link {
        let lanes = spec.directions.map(|direction| Lane {
            direction,
            rng: rng.fork(),
            entered: 0,
            queued: 0,
            sent: Instant::ZERO,
            arrives: Instant::ZERO,
        });
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

impl Lane {
    fn enter(&mut self, now: Instant, frame: &Frame, mtu: usize, cut: bool) -> Fate {
        let count = frame.count();
        let first = self.entered + 1;
        self.entered += count as u64;
        // The draw is made whatever else happens, so that one cause of loss does not shift another's.
        let lost = match &self.direction.loss {
            Loss::None => false,
            Loss::PerMillion(rate) => self.rng.below(1_000_000) < u64::from(*rate),
            Loss::Frames(frames) => frames.iter().any(|nth| (first..=self.entered).contains(nth)),
        };
        if cut {
            return Err(reason::CUT);
        }
        if is_longer(frame, mtu) {
            return Err(reason::TOO_BIG);
        }
        if lost {
            return Err(reason::LOST);
        }
        let sent = self.send(now, frame)?;
        if self.queued + count > QUEUE_LIMIT {
            return Err(reason::QUEUE_FULL);
        }
        self.queued += count;
        self.sent = sent;
        self.arrives = self.arrives.max(sent + self.delay());
        Ok(self.arrives)
    }

    /// When the last byte of a frame is sent, if it finds room in the queue.
    fn send(&self, now: Instant, frame: &Frame) -> Result<Instant, &'static str> {
        let Some(rate) = self.direction.rate else { return Ok(now) };
        let length = frame.payload.len() + ETHERNET;
        // Of u128, since bytes of a slow link times its rate may be more than 2^64.
        let (rate, second) = (u128::from(rate.get()), 8_000_000_000);
        let waiting = self.sent.since(now).as_nanos() * rate / second;
        if waiting > 0 && waiting + length as u128 > self.direction.queue as u128 {
            return Err(reason::QUEUE_FULL);
        }
        let takes = u64::try_from(length as u128 * second / rate).unwrap_or(u64::MAX);
        Ok(self.sent.max(now) + Duration::from_nanos(takes))
    }

    /// How long this frame takes.
    fn delay(&mut self) -> Duration {
        let Direction { delay, jitter, .. } = self.direction;
        if jitter.is_zero() {
            return delay;
        }
        let jitter = nanos(jitter);
        let spread = jitter.saturating_mul(2).saturating_add(1);
        let longest = delay.saturating_add(Duration::from_nanos(self.rng.below(spread)));
        longest.saturating_sub(Duration::from_nanos(jitter))
    }
}

/// Whether the longest packet that a frame stands for is longer than this.
fn is_longer(frame: &Frame, mtu: usize) -> bool {
    let segment = frame.as_segment();
    if segment.is_some_and(|segment| segment.payload.len() + MOST_HEADERS <= mtu) {
        return false;
    }
    let whole = frame.payload.len();
    let longest = match segment {
        Some(segment) if frame.count() > 1 => whole - segment.payload.len() + usize::from(segment.gso_size),
        Some(_) | None => whole,
    };
    longest > mtu
}
