//! The flags that make the program's link worse, and how their values are written.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use clap::Args;
use sockeye::{Bursts, CoDel, Direction, Discipline, Loss, Reorder, Spread};
use sockeye_run::Faults;

/// One in a million, of a hundred per cent.
const PER_CENT: f64 = 10_000.0;

/// What the link to tekapo is like, the same each way.
#[derive(Args)]
#[command(next_help_heading = "The link")]
pub(crate) struct LinkFlags {
    /// How long each packet takes, each way: 50ms, 1s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    delay: Option<Duration>,

    /// How much longer or shorter it may take, by chance; packets stay in order
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "delay")]
    jitter: Option<Duration>,

    /// How the jitter is spread: any difference is as likely, or as a bell, with the jitter as standard deviation
    #[arg(long, value_name = "SHAPE", requires = "jitter")]
    spread: Option<Shape>,

    /// How many packets are lost, by chance, each way: 1%
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    loss: Option<u32>,

    /// Losses in bursts: how often a burst begins, and how soon one ends, for each packet: 0.1%:25% for bursts of four
    #[arg(long, value_name = "PERCENT:PERCENT", value_parser = bursts, conflicts_with = "loss")]
    burst_loss: Option<Bursts>,

    /// How many packets come twice: 1%
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    duplicate: Option<u32>,

    /// How many packets are overtaken, and how much later they come: 1%:10ms
    #[arg(long, value_name = "PERCENT:TIME", value_parser = reorder)]
    reorder: Option<Reorder>,

    /// How many packets come with a bit turned over: 0.1%
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    corrupt: Option<u32>,

    /// Bits per second, each way: 10mbit, 56kbit, 1gbit
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<NonZeroU64>,

    /// Bytes that may wait for their turn; what comes beyond is dropped
    #[arg(long, value_name = "BYTES", requires = "rate")]
    queue: Option<usize>,

    /// Keep the queue short by CoDel (RFC 8289), with its target of 5 ms and interval of 100 ms
    #[arg(long, requires = "rate")]
    codel: bool,

    /// The longest IP packet, in bytes: 1280 to 65535
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1280..))]
    mtu: Option<u16>,

    /// When the cable is pulled, from the program's start: 3s..5s, or 3s.. for good; may be given again
    #[arg(long, value_name = "FROM..TO", value_parser = cut)]
    cut: Vec<Range<Duration>>,
}

/// How jitter is spread.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    Uniform,
    Normal,
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
        let by_chance = |share| if share == 0 { Loss::None } else { Loss::PerMillion(share) };
        let direction = Direction {
            delay: self.delay.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            spread: match self.spread {
                None | Some(Shape::Uniform) => Spread::Uniform,
                Some(Shape::Normal) => Spread::Normal,
            },
            loss: self.burst_loss.map_or_else(|| by_chance(self.loss.unwrap_or(0)), Loss::Bursts),
            duplicate: self.duplicate.unwrap_or(0),
            reorder: self.reorder.unwrap_or_default(),
            corrupt: self.corrupt.unwrap_or(0),
            rate: self.rate,
            queue: self.queue.unwrap_or(perfect.queue),
            discipline: if self.codel { Discipline::CoDel(CoDel::default()) } else { Discipline::DropTail },
        };
        Faults { direction, mtu: self.mtu.map(usize::from), cuts: self.cut }
    }
}

/// A share of packets in per cent, as so many of a million.
fn share(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').ok_or("a percentage, such as 1% or 0.05%")?;
    match number.parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok((share * PER_CENT).round() as u32),
        Ok(_) | Err(_) => Err("a percentage from 0% to 100%".to_owned()),
    }
}

/// Bursts in which all is lost.
fn bursts(text: &str) -> Result<Bursts, String> {
    let (begins, ends) = text.split_once(':').ok_or("two percentages, such as 0.1%:25%")?;
    match (share(begins)?, share(ends)?) {
        (_, 0) => Err("a burst has to end".to_owned()),
        (begins, ends) => Ok(Bursts { begins, ends, good: 0, bad: 1_000_000 }),
    }
}

fn reorder(text: &str) -> Result<Reorder, String> {
    let (chance, by) = text.split_once(':').ok_or("a percentage and a time, such as 1%:10ms")?;
    let by = humantime::parse_duration(by).map_err(|error| format!("{by}: {error}"))?;
    Ok(Reorder { chance: share(chance)?, by })
}

/// A rate in tc's units of bits per second.
fn rate(text: &str) -> Result<NonZeroU64, String> {
    const UNITS: [(&str, u64); 4] =
        [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("bit", 1)];
    let rate = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?;
        number.parse::<u64>().ok()?.checked_mul(*factor)
    });
    rate.and_then(NonZeroU64::new)
        .ok_or_else(|| "a rate in bit, kbit, mbit or gbit, such as 10mbit".to_owned())
}

/// A span from the program's start; without an end it has none.
fn cut(text: &str) -> Result<Range<Duration>, String> {
    let (from, to) = text.split_once("..").ok_or("two times, such as 3s..5s, or 3s..")?;
    let time = |text: &str| humantime::parse_duration(text).map_err(|error| format!("{text}: {error}"));
    let from = time(from)?;
    let to = if to.is_empty() { Duration::MAX } else { time(to)? };
    if from < to { Ok(from..to) } else { Err("it has to end after it begins".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_they_are_written() {
        assert_eq!(share("1%"), Ok(10_000));
        assert_eq!(share("0.05%"), Ok(500));
        assert_eq!(share("100%"), Ok(1_000_000));
        assert!(["1", "101%", "-1%", "NaN%"].iter().all(|text| share(text).is_err()));
        assert_eq!(bursts("0.1%:25%").map(|bursts| (bursts.begins, bursts.ends)), Ok((1_000, 250_000)));
        assert!(bursts("1%").is_err() && bursts("1%:0%").is_err());
        assert_eq!(reorder("1%:10ms"), Ok(Reorder { chance: 10_000, by: Duration::from_millis(10) }));
        assert!(reorder("1%").is_err() && reorder("1%:x").is_err());
        assert_eq!(rate("10mbit").map(NonZeroU64::get), Ok(10_000_000));
        assert_eq!(rate("56kbit").map(NonZeroU64::get), Ok(56_000));
        assert_eq!(rate("9bit").map(NonZeroU64::get), Ok(9));
        assert!(rate("0mbit").is_err() && rate("10").is_err() && rate("99999999999999gbit").is_err());
        assert_eq!(cut("3s..5s"), Ok(Duration::from_secs(3)..Duration::from_secs(5)));
        assert_eq!(cut("0s..").map(|cut| cut.start), Ok(Duration::ZERO));
        assert!(cut("5s..3s").is_err() && cut("3s").is_err() && cut("x..").is_err());
    }
}
