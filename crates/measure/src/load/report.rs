//! What a run says when it is over.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use super::run::Run;
use super::tally::{Phase, Spread, Tally};

/// What came of a run. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whom was asked.
    pub target: String,
    /// `sockeye` or `kernel`.
    pub over: &'static str,
    /// Connections at a time.
    pub connections: usize,
    /// Requests a second that came due, if there was a rate.
    pub rate: Option<f64>,
    /// How long it took, seconds.
    pub seconds: f64,
    /// What became of the requests.
    pub requests: Requests,
    /// Answers a second.
    pub per_second: f64,
    /// Connections that were made.
    pub connected: u64,
    /// Bytes sent, heads included.
    pub sent: u64,
    /// Bytes received, heads included.
    pub received: u64,
    /// Time to connect.
    pub connect: Option<Spread>,
    /// Time to the first byte of the reply.
    pub first_byte: Option<Spread>,
    /// Time to its last.
    pub response: Option<Spread>,
    /// How many answers had which status, of HTTP.
    pub statuses: BTreeMap<u16, u64>,
    /// Why requests failed.
    pub errors: Vec<ErrorRow>,
    /// It was told to stop before its end.
    pub interrupted: bool,
    /// It ended early, since no connection could be made.
    pub vain: bool,
}

/// How many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Had a whole answer, whatever its status.
    pub answered: u64,
    /// Had none, for one of the errors.
    pub failed: u64,
    /// Had none yet when the run ended.
    pub unfinished: u64,
    /// Were sent again, since the connection kept open had been closed; these are counted once above.
    pub again: u64,
}

/// An error, and how often it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// When.
    pub phase: Phase,
    /// An errno's name, or what was wrong in words.
    pub error: &'static str,
    /// How often.
    pub count: u64,
}

impl Report {
    pub(super) fn new(run: &Run, tally: &Tally, over: &'static str) -> Report {
        let seconds = tally.elapsed.as_secs_f64();
        let row =
            |(&(phase, error), &count): (&(Phase, &'static str), &u64)| ErrorRow { phase, error, count };
        Report {
            target: run.plan.target.to_string(),
            over,
            connections: run.plan.connections,
            rate: run.plan.rate,
            seconds,
            requests: Requests {
                answered: tally.answered,
                failed: tally.failed(),
                unfinished: tally.unfinished,
                again: tally.again,
            },
            per_second: if seconds > 0.0 { tally.answered as f64 / seconds } else { 0.0 },
            connected: tally.connections,
            sent: tally.sent,
            received: tally.received,
            connect: Spread::of(&tally.connect),
            first_byte: Spread::of(&tally.first_byte),
            response: Spread::of(&tally.response),
            statuses: tally.statuses.clone(),
            errors: tally.failures.iter().map(row).collect(),
            interrupted: run.control.is_stopped(),
            vain: run.is_vain(),
        }
    }

    /// Whether there were answers, and nothing else: none failed, none had a status of 400 or more.
    pub fn is_well(&self) -> bool {
        let bad = self.statuses.range(400..).next().is_some();
        self.requests.answered > 0 && self.requests.failed == 0 && !bad
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = if self.over == "kernel" { "the kernel" } else { "Sockeye" };
        let plural = if self.connections == 1 { "" } else { "s" };
        write!(f, "{} over {over}: {} connection{plural}", self.target, grouped(self.connections as u64))?;
        if let Some(rate) = self.rate {
            write!(f, ", {rate} requests/s due")?;
        }
        writeln!(f, ", {:.2} s{}", self.seconds, if self.interrupted { ", interrupted" } else { "" })?;
        let Requests { answered, failed, unfinished, again } = self.requests;
        writeln!(
            f,
            "\n  answered     {:>14}   {}/s",
            grouped(answered),
            grouped(self.per_second.round() as u64)
        )?;
        for (name, count, why) in [
            ("failed", failed, ""),
            ("unfinished", unfinished, "when it ended"),
            ("sent again", again, "as a connection kept open was closed"),
        ] {
            if count > 0 {
                writeln!(f, "{}", format!("  {name:<12} {:>14}   {why}", grouped(count)).trim_end())?;
            }
        }
        writeln!(f, "  connected    {:>14}", grouped(self.connected))?;
        let per_second = |count: u64| if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 };
        for (name, count) in [("received", self.received), ("sent", self.sent)] {
            writeln!(f, "  {name:<12} {:>14}   {}/s", bytes(count as f64), bytes(per_second(count)))?;
        }
        f.write_str(&self.times())?;
        let statuses = self.statuses.iter().map(|(status, count)| (format!("status {status}"), *count));
        let errors =
            self.errors.iter().map(|row| (format!("{}: {}", row.phase.name(), row.error), row.count));
        let mut rows = statuses.chain(errors).peekable();
        if rows.peek().is_some() {
            writeln!(f)?;
        }
        rows.try_for_each(|(what, count)| writeln!(f, "  {what:<30} {:>14}", grouped(count)))?;
        if self.vain {
            writeln!(f, "\n  ended early: no connection could be made")?;
        }
        Ok(())
    }
}

impl Report {
    fn times(&self) -> String {
        let rows =
            [("connect", &self.connect), ("first byte", &self.first_byte), ("response", &self.response)];
        if rows.iter().all(|(_, spread)| spread.is_none()) {
            return String::new();
        }
        let mut text = format!("\n  {:<11}", "");
        for head in ["mean", "s.d.", "min", "50 %", "75 %", "90 %", "99 %", "99.9 %", "max"] {
            let _ = write!(text, " {head:>8}");
        }
        text.push('\n');
        for (name, spread) in rows {
            let Some(of) = spread else { continue };
            let _ = write!(text, "  {name:<11}");
            for micros in [of.mean, of.deviation, of.min, of.p50, of.p75, of.p90, of.p99, of.p999, of.max] {
                let _ = write!(text, " {:>8}", time(micros));
            }
            text.push('\n');
        }
        text
    }
}

/// A time given in microseconds, with its unit and three digits.
fn time(micros: f64) -> String {
    match micros {
        _ if micros < 999.5 => format!("{} us", digits(micros)),
        _ if micros < 999_500.0 => format!("{} ms", digits(micros / 1e3)),
        _ => format!("{} s", digits(micros / 1e6)),
    }
}

/// Bytes with a unit and three digits.
fn bytes(count: f64) -> String {
    match count {
        _ if count < 999.5 => format!("{count:.0} B"),
        _ if count < 999_500.0 => format!("{} kB", digits(count / 1e3)),
        _ if count < 999_500_000.0 => format!("{} MB", digits(count / 1e6)),
        _ => format!("{} GB", digits(count / 1e9)),
    }
}

/// Three digits, and those before the point.
fn digits(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// With a comma after each thousand.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.25, 12.34, 999.6, 1_500_000.0].map(time), ["0.25 us", "12.3 us", "1.00 ms", "1.50 s"]);
        assert_eq!([12.0, 1500.0, 2.5e6, 3e9].map(bytes), ["12 B", "1.50 kB", "2.50 MB", "3.00 GB"]);
    }
}
