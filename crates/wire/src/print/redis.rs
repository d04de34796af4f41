//! Redis' protocol (RESP) in tcpdump's words.

use super::data::{byte, bytes, tail};
use super::page::{Page, Printed, Short};

/// Arrays in arrays are read so deep.
const DEEPEST: usize = 32;

/// Why a value is the last.
enum Fault {
    /// It ends elsewhere, or can't be.
    Cut,
    Short,
}

impl From<Short> for Fault {
    fn from(Short: Short) -> Fault {
        Fault::Short
    }
}

/// Values, one behind the other, in the segment.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    page.protocol = "resp";
    page.put(": RESP");
    let mut rest = Rest { data, left: length as usize };
    while rest.left > 0 {
        match rest.value(page, 0) {
            Ok(()) => {}
            Err(Fault::Cut) => {
                page.cut();
                break;
            }
            Err(Fault::Short) => return Err(Short),
        }
    }
    Ok(())
}

/// What has not been read.
struct Rest<'a> {
    data: &'a [u8],
    /// How much of it there was.
    left: usize,
}

/// What a length may be, apart from a number.
enum Length {
    Of(usize),
    Null,
    TooLarge,
    Negative,
    Invalid,
}

impl<'a> Rest<'a> {
    fn skip(&mut self, count: usize) {
        self.data = tail(self.data, count);
        self.left = self.left.saturating_sub(count);
    }

    fn value(&mut self, page: &mut Page<'_>, depth: usize) -> Result<(), Fault> {
        if self.left == 0 || depth > DEEPEST {
            return Err(Fault::Cut);
        }
        match byte(self.data, 0)? {
            b'+' | b'-' | b':' => {
                self.skip(1);
                let text = self.line()?;
                quoted(page, text);
                Ok(())
            }
            b'$' => self.string(page),
            b'*' => self.array(page, depth),
            _ => self.inline(page),
        }
    }

    /// The text up to the end of the line, which is left behind.
    fn line(&mut self) -> Result<&'a [u8], Fault> {
        let mut at = 0;
        loop {
            if self.left < at + 2 {
                return Err(Fault::Cut);
            }
            let pair = bytes(self.data, at, 2).map_err(|_| Fault::Cut)?;
            if pair == b"\r\n" {
                break;
            }
            at += 1;
        }
        let text = self.data.get(..at).unwrap_or_default();
        self.skip(at + 2);
        Ok(text)
    }

    fn string(&mut self, page: &mut Page<'_>) -> Result<(), Fault> {
        self.skip(1);
        let length = match self.length()? {
            Length::Of(length) => length,
            other => {
                says(page, &other);
                return Ok(());
            }
        };
        if length == 0 {
            page.put(" empty");
        } else {
            if self.left < length {
                return Err(Fault::Cut);
            }
            quoted(page, bytes(self.data, 0, length).map_err(|_| Fault::Cut)?);
            self.skip(length);
        }
        self.line().map(|_| ())
    }

    fn array(&mut self, page: &mut Page<'_>, depth: usize) -> Result<(), Fault> {
        self.skip(1);
        match self.length()? {
            Length::Of(0) => page.put(" empty"),
            Length::Of(count) => {
                for _ in 0..count {
                    self.value(page, depth + 1)?;
                }
            }
            other => says(page, &other),
        }
        Ok(())
    }

    /// A command as somebody typed it.
    fn inline(&mut self, page: &mut Page<'_>) -> Result<(), Fault> {
        self.line_ends()?;
        let mut at = 0;
        loop {
            if self.left <= at {
                return Err(Fault::Cut);
            }
            if matches!(byte(self.data, at)?, b'\r' | b'\n') {
                break;
            }
            at += 1;
        }
        quoted(page, self.data.get(..at).unwrap_or_default());
        self.skip(at);
        self.line_ends()
    }

    /// Leaves ends of lines behind, if there are any.
    fn line_ends(&mut self) -> Result<(), Fault> {
        let visible = self.data.get(..self.left).unwrap_or(self.data);
        let count = visible.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if visible.is_empty() {
            return Err(Fault::Cut);
        }
        self.skip(count);
        Ok(())
    }

    fn length(&mut self) -> Result<Length, Fault> {
        if self.left == 0 {
            return Err(Fault::Cut);
        }
        let negative = byte(self.data, 0)? == b'-';
        if negative {
            self.skip(1);
        }
        let mut value = Some(0_i32);
        let mut digits = false;
        loop {
            if self.left == 0 {
                return Err(Fault::Cut);
            }
            let byte = byte(self.data, 0)?;
            if !byte.is_ascii_digit() {
                break;
            }
            let digit = i32::from(byte - b'0');
            value = value.and_then(|value| value.checked_mul(10)?.checked_add(digit));
            digits = true;
            self.skip(1);
        }
        if !digits {
            self.skip(1);
            return Ok(Length::Invalid);
        }
        for expected in *b"\r\n" {
            if self.left == 0 {
                return Err(Fault::Cut);
            }
            let found = byte(self.data, 0)?;
            self.skip(1);
            if found != expected {
                return Ok(Length::Invalid);
            }
        }
        Ok(match (value, negative) {
            (Some(1), true) => Length::Null,
            (_, true) => Length::Negative,
            (Some(value), false) => usize::try_from(value).map_or(Length::Invalid, Length::Of),
            (None, false) => Length::TooLarge,
        })
    }
}

fn says(page: &mut Page<'_>, length: &Length) {
    page.put(match length {
        Length::Of(_) => "",
        Length::Null => " null",
        Length::TooLarge => " length too large",
        Length::Negative => " length negative and not -1",
        Length::Invalid => " invalid",
    });
}

fn quoted(page: &mut Page<'_>, text: &[u8]) {
    page.put(" \"");
    text.iter().for_each(|byte| page.character(*byte));
    page.put("\"");
}
