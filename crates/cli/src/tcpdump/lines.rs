//! Packets as lines on standard output.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sockeye_device::Record;
use sockeye_wire::print::{Link, Printer, Style};

use crate::captures::LONGEST;

/// So much is kept before it is written.
const KEPT: usize = 1 << 16;

/// How a packet's time is printed: how often `-t` was given.
const SINCE_BEFORE: u8 = 3;
const WITH_DATE: u8 = 4;

/// Lines being written.
pub(super) struct Lines {
    out: io::Stdout,
    /// What has not been written.
    text: Vec<u8>,
    printer: Printer,
    /// How often `-t` was given.
    time: u8,
    /// Packets are counted: `-#`.
    numbered: bool,
    why: bool,
    /// Each line is written at once.
    at_once: bool,
    zone: TimeZone,
    /// The second that was printed last, and how.
    second: Option<(u64, String)>,
    /// What times are counted from.
    reference: Option<Duration>,
    shown: u64,
}

/// What of a line is not the printer's.
pub(super) struct Margin {
    pub(super) time: u8,
    pub(super) numbered: bool,
    pub(super) why: bool,
    pub(super) at_once: bool,
}

impl Lines {
    pub(super) fn new(style: Style, margin: &Margin) -> Lines {
        let out = io::stdout();
        Lines {
            at_once: margin.at_once || out.is_terminal(),
            out,
            text: Vec::with_capacity(2 * KEPT),
            printer: Printer::new(style),
            time: margin.time,
            numbered: margin.numbered,
            why: margin.why,
            zone: TimeZone::system(),
            second: None,
            reference: None,
            shown: 0,
        }
    }

    pub(super) fn print(&mut self, link: Link, record: &Record<'_>) -> io::Result<()> {
        self.shown += 1;
        if self.numbered {
            let _ = write!(self.text, "{:5}  ", self.shown);
        }
        if !self.is_impossible(record) {
            self.time(record.at);
            let header_len = self.printer.packet(link, record.bytes, record.length, &mut self.text);
            if let Some(comment) = record.comment.filter(|_| self.why) {
                // On this line, whatever it holds.
                let comment = comment.replace(char::is_control, " ");
                let _ = write!(self.text, " [{comment}]");
            }
            self.printer.dump(record.bytes, header_len, &mut self.text);
        }
        self.text.push(b'\n');
        if self.at_once || self.text.len() >= KEPT {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.text).and_then(|()| self.out.flush());
        self.text.clear();
        written
    }

    /// Says why, if no packet has such lengths.
    fn is_impossible(&mut self, record: &Record<'_>) -> bool {
        let (kept, length) = (record.bytes.len(), record.length);
        let mut faults = Vec::new();
        if kept == 0 {
            faults.push("caplen==0".to_owned());
        }
        if length == 0 {
            faults.push("len==0".to_owned());
        } else if length < kept {
            faults.push(format!("len({length}) < caplen({kept})"));
        }
        for (name, value) in [("caplen", kept), ("len", length)] {
            if value > LONGEST {
                faults.push(format!("{name}({value}) > {LONGEST}"));
            }
        }
        if !faults.is_empty() {
            let _ = write!(self.text, "[Invalid header: {}]", faults.join(", "));
        }
        !faults.is_empty()
    }

    fn time(&mut self, at: Duration) {
        let at = Duration::new(at.as_secs(), at.subsec_micros() * 1000);
        match self.time {
            0 | WITH_DATE => self.local(at),
            1 => return,
            2 => drop(write!(self.text, "{}.{:06}", at.as_secs(), at.subsec_micros())),
            relative => {
                let reference = *self.reference.get_or_insert(at);
                self.text.push(if at < reference { b'-' } else { b' ' });
                let span = at.abs_diff(reference);
                let (hours, minutes) = (span.as_secs() / 3600 % 24, span.as_secs() / 60 % 60);
                let (seconds, part) = (span.as_secs() % 60, span.subsec_micros());
                let _ = write!(self.text, "{hours:02}:{minutes:02}:{seconds:02}.{part:06}");
                if relative == SINCE_BEFORE {
                    self.reference = Some(at);
                }
            }
        }
        self.text.push(b' ');
    }

    /// The time of day. A second is made into text once, however many packets it has.
    fn local(&mut self, at: Duration) {
        let second = at.as_secs();
        if self.second.as_ref().is_none_or(|(known, _)| *known != second) {
            let format = if self.time == WITH_DATE { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" };
            let time = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
            let text = time.map(|time| time.to_zoned(self.zone.clone()).strftime(format).to_string());
            self.second = Some((second, text.unwrap_or_else(|| second.to_string())));
        }
        if let Some((_, text)) = &self.second {
            self.text.extend_from_slice(text.as_bytes());
        }
        let mut part = at.subsec_micros();
        let mut digits = *b".000000";
        for digit in digits[1..].iter_mut().rev() {
            *digit = b'0' + (part % 10) as u8;
            part /= 10;
        }
        self.text.extend_from_slice(&digits);
    }
}
