//! The flags that make the program's link worse, and how their values are written.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use clap::Args;
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

    /// How many packets are lost, by chance, each way: 1%
    #[arg(long, value_name = "PERCENT", value_parser = loss)]
    loss: Option<u32>,

    /// Bits per second, each way: 10mbit, 56kbit, 1gbit
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<NonZeroU64>,

    /// The longest IP packet, in bytes: 1280 to 65535
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1280..))]
    mtu: Option<u16>,

    /// When the cable is pulled, from the program's start: 3s..5s, or 3s.. for good; may be given again
    #[arg(long, value_name = "FROM..TO", value_parser = cut)]
    cut: Vec<Range<Duration>>,
}

impl LinkFlags {
    pub(crate) fn faults(self) -> Faults {
        Faults {
            delay: self.delay.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            loss: self.loss.unwrap_or(0),
            rate: self.rate,
            mtu: self.mtu.map(usize::from),
            cuts: self.cut,
        }
    }
}

/// A share of packets in per cent, as so many of a million.
fn loss(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').ok_or("a percentage, such as 1% or 0.05%")?;
    match number.parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok((share * PER_CENT).round() as u32),
        Ok(_) | Err(_) => Err("a percentage from 0% to 100%".to_owned()),
    }
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
        assert_eq!(loss("1%"), Ok(10_000));
        assert_eq!(loss("0.05%"), Ok(500));
        assert_eq!(loss("100%"), Ok(1_000_000));
        assert!(loss("1").is_err() && loss("101%").is_err() && loss("-1%").is_err() && loss("NaN%").is_err());
        assert_eq!(rate("10mbit").map(NonZeroU64::get), Ok(10_000_000));
        assert_eq!(rate("56kbit").map(NonZeroU64::get), Ok(56_000));
        assert_eq!(rate("9bit").map(NonZeroU64::get), Ok(9));
        assert!(rate("0mbit").is_err() && rate("10").is_err() && rate("99999999999999gbit").is_err());
        assert_eq!(cut("3s..5s"), Ok(Duration::from_secs(3)..Duration::from_secs(5)));
        assert_eq!(cut("0s..").map(|cut| cut.start), Ok(Duration::ZERO));
        assert!(cut("5s..3s").is_err() && cut("3s").is_err() && cut("x..").is_err());
    }
}
