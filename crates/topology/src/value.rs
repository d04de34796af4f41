//! How values are written, in files and in flags: `50ms`, `1%`, `10mbit`, `3s..5s`. What is wrong with one is said in words.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::ops::{Range, RangeInclusive};

use sockeye_base::Duration;
use sockeye_lab::{Bursts, Loss, Reorder, Spread};
use sockeye_stack::Cidr;

/// One per cent, in so many of a million.
const PER_CENT: u32 = 10_000;

/// The longest time that can be meant.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// So many of something, in words: `1 segment sent again`, `2 segments sent again`.
pub fn counted(count: u64, what: &str) -> String {
    let (one, rest) = what.split_at(what.find(' ').unwrap_or(what.len()));
    let more = match one {
        _ if count == 1 => "",
        "switch" => "es",
        _ => "s",
    };
    format!("{count} {one}{more}{rest}")
}

/// A span of time: `50ms`, `1s`, `2m 3s`.
///
/// # Errors
/// It is none.
pub fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| {
        if matches!(&error, humantime::DurationError::UnknownUnit { .. }) {
            format!("{text}: {error}")
        } else {
            format!("{text:?} is no time, such as 50ms, 1.5s or 2m 3s")
        }
    })?;
    if time <= LONGEST { Ok(time) } else { Err(format!("{text} is more than a hundred years")) }
}

/// A share in per cent, as so many of a million: `1%`, `0.05%`.
///
/// # Errors
/// It is none, or more than 100 %.
pub fn share(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').ok_or("a percentage, such as 1% or 0.05%")?;
    let range = || "a percentage from 0% to 100%, to four places".to_owned();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !digits(whole) || !digits(part) {
        return Err(range());
    }
    let whole: u32 = whole.parse().map_err(|_| range())?;
    let part: u32 = format!("{part:0<4}").parse().map_err(|_| range())?;
    let share = whole * PER_CENT + part;
    if share <= 100 * PER_CENT { Ok(share) } else { Err(range()) }
}

/// Bursts (Gilbert and Elliott): how often one begins, and how soon one ends, for each packet: `0.1%:25%`; then how many are
/// lost in one, if not all, and how many otherwise, if not none: `0.1%:25%:80%:0.01%`.
///
/// # Errors
/// It is none, or would never end.
pub fn bursts(text: &str) -> Result<Bursts, String> {
    let shares: Result<Vec<u32>, String> = text.split(':').map(share).collect();
    let (begins, ends, bad, good) = match (text.contains(':'), &shares?[..]) {
        (true, &[begins, ends]) => (begins, ends, 100 * PER_CENT, 0),
        (true, &[begins, ends, bad]) => (begins, ends, bad, 0),
        (true, &[begins, ends, bad, good]) => (begins, ends, bad, good),
        _ => return Err("two to four percentages, such as 0.1%:25%".to_owned()),
    };
    if ends == 0 { Err("a burst has to end".to_owned()) } else { Ok(Bursts { begins, ends, good, bad }) }
}

/// How many packets are overtaken, and how much later they come: `1%:10ms`.
///
/// # Errors
/// It is none.
pub fn reorder(text: &str) -> Result<Reorder, String> {
    let (chance, by) = text.split_once(':').ok_or("a percentage and a time, such as 1%:10ms")?;
    Ok(Reorder { by: time(by)?, chance: share(chance)? })
}

/// A rate in tc's units of bits per second: `10mbit`, `56kbit`.
///
/// # Errors
/// It is none, or 0.
pub fn rate(text: &str) -> Result<NonZeroU64, String> {
    const UNITS: [(&str, u64); 4] =
        [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("bit", 1)];
    let rate = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?;
        number.parse::<u64>().ok()?.checked_mul(*factor)
    });
    rate.and_then(NonZeroU64::new)
        .ok_or_else(|| "a rate in bit, kbit, mbit or gbit, such as 10mbit".to_owned())
}

/// A number of bytes, with K, M or G for 1,024 of them, 1,024 of those and so on: `512`, `10M`.
///
/// # Errors
/// It is none.
pub fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 4] = [("K", 10), ("M", 20), ("G", 30), ("", 0)];
    let size = UNITS.iter().find_map(|(unit, bits)| {
        let number = text.strip_suffix(unit)?;
        number.parse::<u64>().ok()?.checked_mul(1 << bits)
    });
    size.ok_or_else(|| "a number of bytes, such as 512, 64K or 10M".to_owned())
}

/// How long the longest IP packet of a link may be, in bytes: what IPv4 needs (RFC 791, section 3.2), and the most it can have.
pub const MTUS: RangeInclusive<u64> = 68..=65_535;

/// What IPv6 needs of a link (RFC 8200, section 5), in bytes.
pub const LEAST_IPV6_MTU: u64 = 1280;

/// The longest IP packet of a link with IPv6, in bytes: `1400`.
///
/// # Errors
/// It is none that such a link can have.
pub fn mtu(text: &str) -> Result<usize, String> {
    let range = LEAST_IPV6_MTU..=*MTUS.end();
    let mtu = text.parse().ok().filter(|mtu| range.contains(mtu)).and_then(|mtu| usize::try_from(mtu).ok());
    mtu.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// How jitter is spread: `uniform`, `normal`.
///
/// # Errors
/// It is neither.
pub fn spread(text: &str) -> Result<Spread, String> {
    match text {
        "uniform" => Ok(Spread::Uniform),
        "normal" => Ok(Spread::Normal),
        _ => Err("uniform or normal".to_owned()),
    }
}

/// Losses by chance, of so many of a million.
pub fn by_chance(share: u32) -> Loss {
    if share == 0 { Loss::None } else { Loss::PerMillion(share) }
}

/// A span between two times; without an end it has none: `3s..5s`, `3s..`.
///
/// # Errors
/// It is none, or ends before it begins.
pub fn span(text: &str) -> Result<Range<Duration>, String> {
    let (from, to) = text.split_once("..").ok_or("two times, such as 3s..5s, or 3s..")?;
    let from = time(from)?;
    let to = if to.is_empty() { Duration::MAX } else { time(to)? };
    if from < to { Ok(from..to) } else { Err("it has to end after it begins".to_owned()) }
}

/// An address with its network: `10.0.0.1/24`.
///
/// # Errors
/// It is none.
pub fn cidr(text: &str) -> Result<Cidr, String> {
    text.parse()
        .map_err(|_| format!("{text} is no address with its network, such as 10.0.0.1/24 or fd00::1/64"))
}

/// A route as ip-route(8) writes it: `10.1.0.0/16 via 10.0.0.254`, `default via fd00::1`.
///
/// # Errors
/// It is none, or of two families.
pub fn route(text: &str) -> Result<(Cidr, IpAddr), String> {
    let wanted = || format!("{text} is no route, such as 10.1.0.0/16 via 10.0.0.254, or default via fd00::1");
    let words: Vec<_> = text.split_whitespace().collect();
    let ["default" | _, "via", router] = words[..] else { return Err(wanted()) };
    let via: IpAddr = router.parse().map_err(|_| wanted())?;
    let everything = if via.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let destination: Cidr =
        if words[0] == "default" { everything } else { words[0] }.parse().map_err(|_| wanted())?;
    if destination.address().is_ipv4() == via.is_ipv4() {
        Ok((destination, via))
    } else {
        Err("the network and its router are of two families".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_they_are_written() {
        assert_eq!(share("1%"), Ok(10_000));
        assert_eq!(share("0.05%"), Ok(500));
        assert_eq!(share("100%"), Ok(1_000_000));
        assert!(["1", "101%", "-1%", "NaN%", "%", ".%", "1.00001%"].iter().all(|text| share(text).is_err()));
        assert_eq!(bursts("0.1%:25%").map(|bursts| (bursts.begins, bursts.ends)), Ok((1_000, 250_000)));
        let whole = bursts("0.1%:25%:80%:0.01%").map(|bursts| (bursts.bad, bursts.good));
        assert_eq!(whole, Ok((800_000, 100)));
        assert!(bursts("1%:1%:1%:1%:1%").is_err() && bursts("1%:1%:101%").is_err());
        assert!(bursts("1%").is_err() && bursts("1%:0%").is_err());
        assert_eq!(reorder("1%:10ms"), Ok(Reorder { chance: 10_000, by: Duration::from_millis(10) }));
        assert!(reorder("1%").is_err() && reorder("1%:x").is_err());
        assert_eq!(rate("10mbit").map(NonZeroU64::get), Ok(10_000_000));
        assert_eq!(rate("56kbit").map(NonZeroU64::get), Ok(56_000));
        assert_eq!(rate("9bit").map(NonZeroU64::get), Ok(9));
        assert!(rate("0mbit").is_err() && rate("10").is_err() && rate("99999999999999gbit").is_err());
        assert_eq!(span("3s..5s"), Ok(Duration::from_secs(3)..Duration::from_secs(5)));
        assert_eq!(span("0s..").map(|cut| cut.start), Ok(Duration::ZERO));
        assert_eq!((mtu("1280"), spread("normal")), (Ok(1280), Ok(Spread::Normal)));
        assert_eq!(mtu("1279"), Err("a whole number from 1280 to 65535".to_owned()));
        assert!(span("5s..3s").is_err() && span("3s").is_err() && span("x..").is_err());
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("7"), Ok(7));
        assert!(size("K").is_err() && size("99999999999G").is_err() && size("-1").is_err());
        assert_eq!(route("default via 10.0.0.9").map(|(to, _)| to.to_string()), Ok("0.0.0.0/0".to_owned()));
        let segments = [0, 1, 2].map(|count| counted(count, "segment sent again"));
        assert_eq!(segments, ["0 segments sent again", "1 segment sent again", "2 segments sent again"]);
        assert_eq!(counted(2, "switch"), "2 switches");
        assert!(route("default").is_err() && route("10.0.0.0/8 via fd00::1").is_err());
    }
}
