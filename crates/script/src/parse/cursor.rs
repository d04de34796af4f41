//! A place in the text of a script: skips blanks and comments, knows its line, takes words and numbers.

use crate::failure::{Failure, Result};
use crate::syntax::Nanos;

/// Nanoseconds in a second have this many digits behind the point.
const FRACTION_DIGITS: usize = 9;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0, line: 1 }
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn error(&self, what: &str) -> Failure {
        let seen: String = self.rest().chars().take_while(|c| *c != '\n').take(20).collect();
        let seen = if seen.is_empty() { "the end of the line".to_owned() } else { format!("'{seen}'") };
        Failure::syntax(self.line, format!("{what} expected at {seen}"))
    }

    /// Skips white space and comments.
    pub(crate) fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.advance(blank);
            let rest = self.rest();
            if rest.starts_with("//") || rest.starts_with('#') {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                let end =
                    rest.find("*/").ok_or_else(|| Failure::syntax(self.line, "a comment has no end"))?;
                self.advance(end + 2);
            } else if blank == 0 {
                return Ok(());
            }
        }
    }

    /// Takes this text if it comes next, blanks before it skipped.
    pub(crate) fn take(&mut self, token: &str) -> Result<bool> {
        self.skip_blanks()?;
        let there = self.rest().starts_with(token);
        if there {
            self.advance(token.len());
        }
        Ok(there)
    }

    pub(crate) fn expect(&mut self, token: &str) -> Result<()> {
        if self.take(token)? { Ok(()) } else { Err(self.error(&format!("'{token}'"))) }
    }

    /// Takes this word if it comes next and is not only the start of one.
    pub(crate) fn take_word(&mut self, word: &str) -> Result<bool> {
        let mut ahead = *self;
        let found = ahead.take(word)? && !ahead.peek().is_some_and(is_word);
        if found {
            *self = ahead;
        }
        Ok(found)
    }

    /// Takes characters as long as they are so; may be none.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.advance(len);
        rest.get(..len).unwrap_or_default()
    }

    /// A name as in C.
    pub(crate) fn word(&mut self) -> Result<&'a str> {
        self.skip_blanks()?;
        match self.peek() {
            Some(c) if is_word(c) && !c.is_ascii_digit() => Ok(self.take_while(is_word)),
            _ => Err(self.error("a name")),
        }
    }

    /// Everything up to `end`, which is taken, too.
    pub(crate) fn until(&mut self, end: &str) -> Result<&'a str> {
        let rest = self.rest();
        let len = rest.find(end).ok_or_else(|| Failure::syntax(self.line, format!("no '{end}' follows")))?;
        self.advance(len + end.len());
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// A number without sign: decimal or hexadecimal.
    pub(crate) fn number(&mut self) -> Result<i64> {
        self.skip_blanks()?;
        let rest = self.rest();
        let hex = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
        let value = match hex {
            Some(_) => {
                self.advance(2);
                i64::from_str_radix(self.take_while(|c| c.is_ascii_hexdigit()), 16)
            }
            None => self.take_while(|c| c.is_ascii_digit()).parse(),
        };
        value.map_err(|_| Failure::syntax(self.line, format!("a number expected at '{}'", first_line(rest))))
    }

    /// A number that fits.
    pub(crate) fn number_as<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let line = self.line;
        let number = self.number()?;
        T::try_from(number).map_err(|_| Failure::syntax(line, format!("{number} is out of range")))
    }

    /// Seconds with a decimal point.
    pub(crate) fn seconds(&mut self) -> Result<Nanos> {
        self.skip_blanks()?;
        let whole = self.take_while(|c| c.is_ascii_digit());
        let mut ahead = *self;
        let mut fraction = "";
        if ahead.rest().starts_with('.') {
            ahead.advance(1);
            fraction = ahead.take_while(|c| c.is_ascii_digit());
            if !fraction.is_empty() {
                *self = ahead;
            }
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(self.error("a time"));
        }
        let digits: String = fraction.chars().chain("000000000".chars()).take(FRACTION_DIGITS).collect();
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i64>().ok() };
        number(whole)
            .and_then(|whole| whole.checked_mul(1_000_000_000)?.checked_add(number(&digits)?))
            .filter(|nanos| *nanos < LONGEST)
            .ok_or_else(|| Failure::syntax(self.line, "a time is too long"))
    }

    pub(crate) fn advance(&mut self, len: usize) {
        let passed = self.rest().get(..len).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.at = (self.at + len).min(self.text.len());
    }
}

/// A script may not name a time beyond this: some 11 days. A host with a timer every second does that in a moment.
const LONGEST: Nanos = 1_000_000 * 1_000_000_000;

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn first_line(text: &str) -> String {
    text.chars().take_while(|c| *c != '\n').take(20).collect()
}
