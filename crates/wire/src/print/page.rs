//! The line that is being written, and what is put on it.

use std::fmt::Arguments;
use std::io::Write;

use super::connections::Connections;
use super::{Style, data};

/// What was captured ends before what is being read: the line is left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short;

/// Whether all of it could be read.
pub(super) type Printed = Result<(), Short>;

/// Packets in packets are read so deep. (Each takes 20 bytes: a hostile one could hold thousands.)
const DEEPEST: usize = 32;

pub(super) struct Page<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) style: &'a Style,
    pub(super) connections: &'a mut Connections,
    /// What is being read. It stands in the mark of what was cut short.
    pub(super) protocol: &'static str,
    /// How many packets this one is in.
    pub(super) depth: usize,
}

impl Page<'_> {
    pub(super) fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Puts what is not worth its own words here.
    pub(super) fn write(&mut self, text: Arguments<'_>) {
        // Writing into memory can't fail.
        let _ = self.out.write_fmt(text);
    }

    /// Puts a decimal number.
    pub(super) fn number(&mut self, number: impl Into<u32>) {
        let mut left: u32 = number.into();
        let mut digits = [0; 10];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// Puts a byte as two hexadecimal digits.
    pub(super) fn hex(&mut self, byte: u8) {
        self.out.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }

    pub(super) fn v4(&mut self, address: [u8; 4]) {
        for (index, octet) in address.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b'.');
            }
            self.number(octet);
        }
    }

    /// Puts an address as RFC 5952 wants it, but for a last part in IPv4's form wherever zeros come before it.
    pub(super) fn v6(&mut self, address: [u8; 16]) {
        let words: [u16; 8] =
            std::array::from_fn(|i| u16::from_be_bytes([address[2 * i], address[2 * i + 1]]));
        // The first of the longest runs of zeros: where it begins, and how long it is.
        let mut longest = (0, 0);
        let mut begins = 0;
        for (index, word) in words.into_iter().enumerate() {
            if word != 0 {
                begins = index + 1;
            } else if index + 1 - begins > longest.1 {
                longest = (begins, index + 1 - begins);
            }
        }
        let (from, count) = if longest.1 < 2 { (8, 0) } else { longest };
        let of_v4 = from == 0 && (count == 6 || (count == 5 && words[5] == 0xffff));
        for (index, word) in words.into_iter().enumerate() {
            if (from..from + count).contains(&index) {
                if index == from {
                    self.out.push(b':');
                }
                continue;
            }
            if index > 0 {
                self.out.push(b':');
            }
            if of_v4 && index == 6 {
                return self.v4([address[12], address[13], address[14], address[15]]);
            }
            let digits = [12, 8, 4, 0].map(|shift| (word >> shift) as u8 & 0xf);
            let zeros = digits[..3].iter().take_while(|digit| **digit == 0).count();
            self.out.extend(digits[zeros..].iter().map(|value| digit(*value)));
        }
        if from + count == 8 && count > 0 {
            self.out.push(b':');
        }
    }

    /// Puts a link's address, of any length.
    pub(super) fn mac(&mut self, address: &[u8]) {
        if address.is_empty() {
            return self.put("<empty>");
        }
        for (index, byte) in address.iter().enumerate() {
            if index > 0 {
                self.out.push(b':');
            }
            self.hex(*byte);
        }
    }

    /// Puts a byte of text: what can't be printed with `^` or `M-` before it, as `cat -v` does.
    pub(super) fn character(&mut self, byte: u8) {
        if byte >= 0x80 {
            self.put("M-");
        }
        match byte & 0x7f {
            byte @ 0x20..0x7f => self.out.push(byte),
            byte => self.out.extend([b'^', byte ^ 0x40]),
        }
    }

    /// Puts the names of those bits that are set, or `none`.
    pub(super) fn bits(&mut self, names: &[(u32, &str)], bits: u32, between: &str) {
        let mut before = "";
        for (_, name) in names.iter().filter(|(bit, _)| bits & bit != 0) {
            self.put(before);
            self.put(name);
            before = between;
        }
        if before.is_empty() {
            self.put("none");
        }
    }

    /// Puts a time as years, weeks, days, hours, minutes and seconds.
    pub(super) fn seconds(&mut self, seconds: u32) {
        const UNITS: [(u32, &str); 6] =
            [(31_536_000, "y"), (604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
        if seconds == 0 {
            return self.put("0s");
        }
        let mut left = seconds;
        for (unit, name) in UNITS.into_iter().filter(|(unit, _)| *unit <= seconds) {
            if left >= unit {
                self.number(left / unit);
                self.put(name);
                left %= unit;
            }
        }
    }

    /// Puts the mark of what was cut short.
    pub(super) fn cut(&mut self) {
        self.put(" [|");
        self.put(self.protocol);
        self.out.push(b']');
    }

    pub(super) fn invalid(&mut self) {
        self.put(" (invalid)");
    }

    pub(super) fn verbose(&self) -> bool {
        self.style.verbosity > 0
    }

    /// Goes into a packet that is in this one; past the deepest it is left.
    pub(super) fn inside(&mut self, print: impl FnOnce(&mut Self) -> Printed) -> Printed {
        if self.depth >= DEEPEST {
            return Err(Short);
        }
        self.depth += 1;
        let printed = print(self);
        self.depth -= 1;
        printed
    }

    /// Bytes in hexadecimal, sixteen to a line, which begins with `margin` and a line feed before it.
    pub(super) fn hex_dump(&mut self, margin: &str, bytes: &[u8]) {
        for (line, chunk) in bytes.chunks(16).enumerate() {
            self.place(margin, line);
            self.pairs(chunk);
        }
    }

    /// The same, with the characters behind.
    pub(super) fn hex_and_text(&mut self, margin: &str, bytes: &[u8]) {
        const WIDTH: usize = 40;
        for (line, chunk) in bytes.chunks(16).enumerate() {
            self.place(margin, line);
            let start = self.out.len();
            self.pairs(chunk);
            self.out.resize(start + WIDTH + 2, b' ');
            let text = chunk.iter().map(|byte| if byte.is_ascii_graphic() { *byte } else { b'.' });
            self.out.extend(text);
        }
    }

    /// Bytes as text: what is no character is a point.
    pub(super) fn text_dump(&mut self, bytes: &[u8]) {
        self.out.push(b'\n');
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                // At the end of a line, and of all, it is left out.
                b'\r' if bytes.len() - index <= 2 || data::tail(bytes, index + 1).first() == Some(&b'\n') => {
                }
                b'\t' | b' ' | b'\n' | 0x21..=0x7e => self.out.push(*byte),
                _ => self.out.push(b'.'),
            }
        }
    }

    fn place(&mut self, margin: &str, line: usize) {
        self.put(margin);
        self.put("0x");
        let at = line * 16;
        // Beyond four digits there are more.
        if at > 0xffff {
            self.write(format_args!("{:x}", at >> 16));
        }
        self.hex((at >> 8) as u8);
        self.hex(at as u8);
        self.put(": ");
    }

    fn pairs(&mut self, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            if index.is_multiple_of(2) {
                self.out.push(b' ');
            }
            self.hex(*byte);
        }
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}
