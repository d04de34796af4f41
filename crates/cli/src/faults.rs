//! The flags that make the program's link worse.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use clap::Args;
use sockeye::{Bursts, CoDel, Direction, Discipline, Loss, Reorder, Spread};
use sockeye_run::Faults;
use sockeye_topology::value;

/// What the link to tekapo is like, the same each way.
#[derive(Args)]
#[command(next_help_heading = "The link")]
pub(crate) struct LinkFlags {
    /// How long each packet takes, each way: 50ms, 1s
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    delay: Option<Duration>,

    /// How much longer or shorter it may take, by chance; packets stay in order
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    jitter: Option<Duration>,

    /// How the jitter is spread: uniform, where any difference is as likely, or normal, as a bell with the jitter as standard
    /// deviation
    #[arg(long, value_name = "SHAPE", value_parser = value::spread, requires = "jitter")]
    spread: Option<Spread>,

    /// How many packets are lost, by chance, each way: 1%
    #[arg(long, value_name = "PERCENT", value_parser = value::share)]
    loss: Option<u32>,

    /// Losses in bursts: how often a burst begins, and how soon one ends, for each packet: 0.1%:25% for bursts of four;
    /// then, if it isn't all and none, how many are lost in one and otherwise: 0.1%:25%:80%:0.01%
    #[arg(long, value_name = "PERCENT:PERCENT", value_parser = value::bursts, conflicts_with = "loss")]
    burst_loss: Option<Bursts>,

    /// How many packets come twice: 1%
    #[arg(long, value_name = "PERCENT", value_parser = value::share)]
    duplicate: Option<u32>,

    /// How many packets are overtaken, and how much later they come: 1%:10ms
    #[arg(long, value_name = "PERCENT:TIME", value_parser = value::reorder)]
    reorder: Option<Reorder>,

    /// How many packets come with a bit turned over: 0.1%
    #[arg(long, value_name = "PERCENT", value_parser = value::share)]
    corrupt: Option<u32>,

    /// Bits per second, each way: 10mbit, 56kbit, 1gbit
    #[arg(long, value_name = "RATE", value_parser = value::rate)]
    rate: Option<NonZeroU64>,

    /// Bytes that may wait for their turn, as 64K or 1M; what comes beyond is dropped
    #[arg(long, value_name = "BYTES", value_parser = value::size, requires = "rate")]
    queue: Option<u64>,

    /// Keep the queue short by CoDel (RFC 8289), with its target of 5 ms and interval of 100 ms
    #[arg(long, requires = "rate")]
    codel: bool,

    /// The longest IP packet, in bytes: 1280 to 65535
    #[arg(long, value_name = "BYTES", value_parser = value::mtu)]
    mtu: Option<usize>,

    /// When the cable is pulled, from the program's start: 3s..5s, or 3s.. for good; may be given again
    #[arg(long, value_name = "FROM..TO", value_parser = value::span)]
    cut: Vec<Range<Duration>>,
}

impl LinkFlags {
    /// What the flags are called.
    pub(crate) const NAMES: [&str; 13] = [
        "delay",
        "jitter",
        "spread",
        "loss",
        "burst_loss",
        "duplicate",
        "reorder",
        "corrupt",
        "rate",
        "queue",
        "codel",
        "mtu",
        "cut",
    ];

    pub(crate) fn faults(self) -> Faults {
        let perfect = Direction::default();
        let direction = Direction {
            delay: self.delay.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            spread: self.spread.unwrap_or_default(),
            loss: self.burst_loss.map_or_else(|| value::by_chance(self.loss.unwrap_or(0)), Loss::Bursts),
            duplicate: self.duplicate.unwrap_or(0),
            reorder: self.reorder.unwrap_or_default(),
            corrupt: self.corrupt.unwrap_or(0),
            rate: self.rate,
            queue: self.queue.map_or(perfect.queue, |queue| usize::try_from(queue).unwrap_or(usize::MAX)),
            discipline: if self.codel { Discipline::CoDel(CoDel::default()) } else { Discipline::DropTail },
        };
        Faults { direction, mtu: self.mtu, cuts: self.cut }
    }
}
