//! One direction of a link at work.

use sockeye_base::{Duration, Instant, Rng, nanos};
use sockeye_wire::{Frame, Packet};

use super::{Direction, Discipline, ETHERNET, Loss, Spread, codel, reason};

/// The headers of IP and TCP are never longer, in bytes.
const MOST_HEADERS: usize = 60 + 60;
/// How many frames (a super-segment counts as those it stands for) may be on their way in one direction.
const QUEUE_LIMIT: usize = 16_384;
/// What chances are of.
const MILLION: u64 = 1_000_000;

/// What becomes of a frame: it arrives like this, or not at all for this reason.
pub(crate) type Fate = Result<Arrival, &'static str>;

/// How a frame arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// And again.
    pub(crate) twice: bool,
    /// This bit of the packet is turned over.
    pub(crate) flipped: Option<usize>,
}

impl Arrival {
    /// It arrives once, as it is.
    pub(crate) fn is_plain(self) -> bool {
        !self.twice && self.flipped.is_none()
    }
}

/// What one direction of a link has carried. Segments of a super-segment count each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Frames that will arrive, or have.
    pub frames: u64,
    /// Their bytes, Ethernet headers included.
    pub bytes: u64,
    /// Frames that won't, by the reason.
    pub dropped: Vec<(&'static str, u64)>,
}

impl Carried {
    fn note(&mut self, frame: &Frame, fate: &Fate) {
        let count = frame.count() as u64;
        match fate {
            Ok(Arrival { twice, .. }) => {
                let times = if *twice { 2 } else { 1 };
                self.frames += times * count;
                // Of a super-segment the headers are there once.
                let again = frame.as_segment().map_or(0, |segment| frame.len() - segment.payload.len());
                self.bytes += times * (frame.len() as u64 + (count - 1) * again as u64);
            }
            Err(reason) => match self.dropped.iter_mut().find(|(known, _)| known == reason) {
                Some((_, times)) => *times += count,
                None => self.dropped.push((reason, count)),
            },
        }
    }
}

/// First stands what every frame goes through.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Way {
    /// How long frames take, where they all share one fate.
    steady: Option<Duration>,
    /// Frames on their way.
    pub(super) queued: usize,
    /// When the last frame arrives that is not overtaken.
    arrives: Instant,
    /// Frames that have entered.
    entered: u64,
    /// TCP segments with data among them.
    data: u64,
    pub(super) carried: Carried,
}

/// What a direction is like, and what it needs for that.
#[derive(Debug)]
pub(super) struct Manner {
    pub(super) direction: Direction,
    rng: Rng,
    /// Times are bad ([`Loss::Bursts`]).
    bad: bool,
    /// When the last byte of what entered so far is sent, where there is a rate.
    sent: Instant,
    codel: codel::State,
}

impl Manner {
    pub(super) fn new(direction: Direction, rng: Rng) -> Manner {
        Manner { direction, rng, bad: false, sent: Instant::ZERO, codel: codel::State::default() }
    }

    /// It is another from now on. Where there is no rate, nothing waits for its turn.
    pub(super) fn set_direction(&mut self, direction: Direction) {
        if direction.rate.is_none() {
            self.sent = Instant::ZERO;
        }
        self.direction = direction;
    }
}

impl Way {
    pub(super) fn new(direction: &Direction) -> Way {
        Way {
            steady: direction.is_steady().then_some(direction.delay),
            queued: 0,
            arrives: Instant::ZERO,
            entered: 0,
            data: 0,
            carried: Carried::default(),
        }
    }

    /// Its direction is another from now on.
    pub(super) fn changes(&mut self, direction: &Direction) {
        self.steady = direction.is_steady().then_some(direction.delay);
    }

    /// Whether all frames share one fate.
    pub(super) fn is_steady(&self) -> bool {
        self.steady.is_some()
    }

    /// Whether all arrive at once.
    pub(super) fn is_immediate(&self) -> bool {
        self.steady.is_some_and(|delay| delay.is_zero())
    }

    /// A frame enters: it is counted, and what becomes of it is said.
    pub(super) fn enter(
        &mut self,
        manner: &mut Manner,
        (now, frame): (Instant, &Frame),
        (mtu, dead): (usize, Option<&'static str>),
    ) -> Fate {
        let fate = match self.steady {
            Some(delay) => self.steady_fate((now, frame), (mtu, dead), delay),
            None => self.fate(manner, (now, frame), (mtu, dead)),
        };
        self.carried.note(frame, &fate);
        fate
    }

    /// What becomes of it where that is not left to chance, and nothing waits for its turn.
    fn steady_fate(
        &mut self,
        (now, frame): (Instant, &Frame),
        (mtu, dead): (usize, Option<&'static str>),
        delay: Duration,
    ) -> Fate {
        self.count(frame);
        if let Some(reason) = dead {
            return Err(reason);
        }
        if is_longer(frame, mtu) {
            return Err(reason::TOO_BIG);
        }
        self.take_in(frame.count())?;
        self.arrives = self.arrives.max(now + delay);
        Ok(Arrival { at: self.arrives, twice: false, flipped: None })
    }

    fn fate(
        &mut self,
        manner: &mut Manner,
        (now, frame): (Instant, &Frame),
        (mtu, dead): (usize, Option<&'static str>),
    ) -> Fate {
        // All draws are made whatever else happens, so that one cause of loss does not shift another's.
        let before = (self.entered, self.data);
        self.count(frame);
        let lost = manner.loses(before, (self.entered, self.data));
        let twice = manner.chance(manner.direction.duplicate);
        let overtaken = manner.chance(manner.direction.reorder.chance);
        let flipped = manner.chance(manner.direction.corrupt).then(|| manner.bit_of(frame));
        if let Some(reason) = dead {
            return Err(reason);
        }
        if is_longer(frame, mtu) {
            return Err(reason::TOO_BIG);
        }
        if lost {
            return Err(reason::LOST);
        }
        let sent = manner.send(now, frame, mtu)?;
        self.take_in(frame.count() * if twice { 2 } else { 1 })?;
        manner.sent = sent;
        let in_order = self.arrives.max(sent + manner.delay());
        let at = if overtaken {
            in_order + manner.direction.reorder.by
        } else {
            self.arrives = in_order;
            in_order
        };
        Ok(Arrival { at, twice, flipped })
    }

    fn take_in(&mut self, count: usize) -> Result<(), &'static str> {
        if self.queued + count > QUEUE_LIMIT {
            return Err(reason::QUEUE_FULL);
        }
        self.queued += count;
        Ok(())
    }

    fn count(&mut self, frame: &Frame) {
        let count = frame.count() as u64;
        self.entered += count;
        if frame.as_segment().is_some_and(|segment| !segment.payload.is_empty()) {
            self.data += count;
        }
    }
}

impl Manner {
    fn chance(&mut self, of_a_million: u32) -> bool {
        of_a_million > 0 && self.rng.below(MILLION) < u64::from(of_a_million)
    }

    /// Whether a frame gets lost: the frames and the data segments that had entered before it, and with it.
    fn loses(&mut self, before: (u64, u64), with: (u64, u64)) -> bool {
        match &self.direction.loss {
            Loss::None => false,
            Loss::PerMillion(rate) => self.rng.below(MILLION) < u64::from(*rate),
            Loss::Bursts(bursts) => {
                let bursts = *bursts;
                let turns = if self.bad { bursts.ends } else { bursts.begins };
                self.bad ^= self.rng.below(MILLION) < u64::from(turns);
                let chance = if self.bad { bursts.bad } else { bursts.good };
                self.rng.below(MILLION) < u64::from(chance)
            }
            Loss::Frames(frames) => frames.iter().any(|nth| (before.0 + 1..=with.0).contains(nth)),
            Loss::Data(segments) => segments.iter().any(|nth| (before.1 + 1..=with.1).contains(nth)),
        }
    }

    fn bit_of(&mut self, frame: &Frame) -> usize {
        let bits = frame.payload.len().saturating_mul(8) as u64;
        usize::try_from(self.rng.below(bits.max(1))).unwrap_or(0)
    }

    /// When the last byte of a frame is sent, if it finds room in the queue.
    fn send(&mut self, now: Instant, frame: &Frame, mtu: usize) -> Result<Instant, &'static str> {
        let Some(rate) = self.direction.rate else { return Ok(now) };
        let length = frame.payload.len() + ETHERNET;
        // Of u128, since bytes of a slow link times its rate may be more than 2^64.
        let (rate, second) = (u128::from(rate.get()), 8_000_000_000);
        let takes = |length: usize| {
            Duration::from_nanos(u64::try_from(length as u128 * second / rate).unwrap_or(u64::MAX))
        };
        let waits = self.sent.since(now);
        let waiting = waits.as_nanos() * rate / second;
        if waiting > 0 && waiting + length as u128 > self.direction.queue as u128 {
            return Err(reason::QUEUE_FULL);
        }
        let turn = self.sent.max(now);
        match self.direction.discipline {
            Discipline::CoDel(codel) if self.codel.drops(codel, turn, (waits, takes(mtu + ETHERNET))) => {
                Err(reason::CODEL)
            }
            Discipline::CoDel(_) | Discipline::DropTail => Ok(turn + takes(length)),
        }
    }

    /// How long this frame takes.
    fn delay(&mut self) -> Duration {
        let Direction { delay, jitter, spread, .. } = self.direction;
        if jitter.is_zero() {
            return delay;
        }
        let jitter = nanos(jitter);
        let (longer, shorter) = match spread {
            Spread::Uniform => (self.rng.below(jitter.saturating_mul(2).saturating_add(1)), jitter),
            Spread::Normal => {
                // The sum of twelve chances from 0 to 1 has the variance 1 about 6.
                let sum: u64 = (0..12).map(|_| u64::from(self.rng.next_u32())).sum();
                let scaled = (u128::from(jitter) * u128::from(sum)) >> 32;
                (u64::try_from(scaled).unwrap_or(u64::MAX), jitter.saturating_mul(6))
            }
        };
        delay.saturating_add(Duration::from_nanos(longer)).saturating_sub(Duration::from_nanos(shorter))
    }
}

/// The frame with one bit of its packet turned over, as its receiver reads it: what fails a checksum there is bytes.
pub(crate) fn flip(frame: &Frame, bit: usize) -> Frame {
    let mut bytes = frame.to_bytes();
    let at = frame.header_len() + bit / 8;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x80 >> (bit % 8);
    }
    if frame.ethernet.is_some() {
        // With its header whole it can always be read as something.
        Frame::parse_ethernet(&bytes).unwrap_or_else(|_| frame.clone())
    } else {
        Frame::parse_packet(&bytes)
    }
}

/// Whether the longest packet that a frame stands for is longer than this.
fn is_longer(frame: &Frame, mtu: usize) -> bool {
    let segment = frame.as_segment();
    if segment.is_some_and(|segment| segment.payload.len() + MOST_HEADERS <= mtu) {
        return false;
    }
    frame.as_packet().map_or(frame.payload.len(), Packet::longest) > mtu
}
