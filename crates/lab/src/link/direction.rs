//! What one direction of a link is to be like. Chances are so many of a million.

use std::num::NonZeroU64;

use sockeye_base::Duration;

use super::ETHERNET;

/// What may wait where there is a rate, if nothing else is said: a thousand full frames (Linux's txqueuelen).
const QUEUE: usize = 1000 * (1500 + ETHERNET);

/// One direction of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// How long a frame takes.
    pub delay: Duration,
    /// How much longer or shorter it may take. Frames stay in order.
    pub jitter: Duration,
    /// How that is spread.
    pub spread: Spread,
    /// Which frames get lost.
    pub loss: Loss,
    /// So many of a million arrive twice, the second right behind the first.
    pub duplicate: u32,
    /// Which frames are overtaken.
    pub reorder: Reorder,
    /// So many of a million arrive with one bit of the packet turned over.
    pub corrupt: u32,
    /// Bits per second, Ethernet headers included; `None`: as fast as can be.
    pub rate: Option<NonZeroU64>,
    /// Bytes that may wait for their turn where there is a rate; what comes beyond is dropped.
    pub queue: usize,
    /// Who is dropped before the queue is full.
    pub discipline: Discipline,
}

impl Default for Direction {
    /// A perfect one: no delay, no loss, no bound to the rate.
    fn default() -> Direction {
        Direction {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            spread: Spread::Uniform,
            loss: Loss::None,
            duplicate: 0,
            reorder: Reorder::default(),
            corrupt: 0,
            rate: None,
            queue: QUEUE,
            discipline: Discipline::DropTail,
        }
    }
}

impl Direction {
    /// Whether all frames share one fate.
    pub(super) fn is_steady(&self) -> bool {
        self.loss == Loss::None
            && self.rate.is_none()
            && self.jitter.is_zero()
            && (self.duplicate, self.reorder.chance, self.corrupt) == (0, 0, 0)
    }
}

/// Which frames a direction of a link loses.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Loss {
    /// None: super-segments cross in one piece.
    #[default]
    None,
    /// So many of a million, each by itself.
    PerMillion(u32),
    /// In bursts, as Gilbert and Elliott have it: there are good and bad times.
    Bursts(Bursts),
    /// These: the first frame of this direction is 1, segments of a super-segment count each.
    Frames(Vec<u64>),
    /// These TCP segments with data, counted in the same way: `[3]` is the third with data.
    Data(Vec<u64>),
}

/// Loss in bursts: a chain of two states, looked at for each frame, which begins in the good one. A bad time lasts for
/// 1,000,000 / `ends` frames on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// In good times, the chance that a bad one begins with this frame.
    pub begins: u32,
    /// In bad times, the chance that it has ended.
    pub ends: u32,
    /// The chance of loss in good times; Gilbert's own model has 0.
    pub good: u32,
    /// The chance of loss in bad times; the simple model has 1,000,000.
    pub bad: u32,
}

/// How jitter is spread about the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Spread {
    /// Any difference up to the jitter is as likely as another.
    #[default]
    Uniform,
    /// As a bell: the jitter is the standard deviation. (Made of twelve equal chances, so never more than six of it.)
    Normal,
}

/// Which frames are overtaken by those behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reorder {
    /// So many of a million.
    pub chance: u32,
    /// How much later they arrive. Those behind don't wait for them.
    pub by: Duration,
}

/// What a queue does before it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Discipline {
    /// Nothing.
    #[default]
    DropTail,
    /// CoDel (RFC 8289): what has waited for too long, for too long a time, is dropped.
    CoDel(CoDel),
}

/// CoDel's two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoDel {
    /// A wait that is all right. (That of one full frame always is.)
    pub target: Duration,
    /// For so long it may be longer: about a round trip.
    pub interval: Duration,
}

impl Default for CoDel {
    /// RFC 8289, section 4.4: 5 ms and 100 ms.
    fn default() -> CoDel {
        CoDel { target: Duration::from_millis(5), interval: Duration::from_millis(100) }
    }
}
