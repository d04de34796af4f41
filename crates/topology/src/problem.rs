//! What is wrong with a file, and where.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// Bytes of the file.
pub(crate) type Span = Range<usize>;

/// The longest word that is compared with others, in bytes.
const LONGEST_NAME: usize = 64;

/// So many problems get a hint where they are about one of many names.
const MOST_HINTED: usize = 100;

/// Something wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub text: String,
}

impl Problem {
    /// So many bytes behind the beginning of a text.
    pub fn at(source: &str, offset: usize, text: &str) -> Problem {
        let mut place = Place::default();
        place.go_to(source, offset);
        place.problem(text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.text)
    }
}

/// All that is wrong with a file, in its order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What is found wrong while a file is read.
#[derive(Default)]
pub(crate) struct Found(RefCell<Vec<(Span, String)>>);

impl Found {
    pub(crate) fn add(&self, span: &Span, text: impl Into<String>) {
        self.0.borrow_mut().push((span.clone(), text.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// As [`nearest`], but not for ever: looking for it takes its time.
    pub(crate) fn hint<'a>(&self, word: &str, of: impl IntoIterator<Item = &'a str>) -> String {
        if self.0.borrow().len() < MOST_HINTED { nearest(word, of) } else { String::new() }
    }

    /// With lines and columns instead of bytes.
    pub(crate) fn placed(self, source: &str) -> Problems {
        let mut found = self.0.into_inner();
        found.sort_by_key(|(span, _)| span.start);
        let mut place = Place::default();
        let told = found.into_iter().map(|(span, text)| {
            place.go_to(source, span.start);
            place.problem(&text)
        });
        Problems(told.collect())
    }
}

/// A place in a text.
struct Place {
    offset: usize,
    line: usize,
    column: usize,
}

impl Default for Place {
    fn default() -> Place {
        Place { offset: 0, line: 1, column: 1 }
    }
}

impl Place {
    /// Goes on to a place further behind.
    fn go_to(&mut self, source: &str, offset: usize) {
        let passed = source.get(self.offset..offset).unwrap_or("");
        self.line += passed.matches('\n').count();
        self.column = match passed.rsplit_once('\n') {
            Some((_, begun)) => begun.chars().count() + 1,
            None => self.column + passed.chars().count(),
        };
        self.offset += passed.len();
    }

    fn problem(&self, text: &str) -> Problem {
        // What it cites may hold anything.
        let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        Problem { line: self.line, column: self.column, text: text.chars().map(plain).collect() }
    }
}

/// The one of these that is most like a word, as a hint to add to what is said; nothing if none is near: one letter of two or
/// three, of longer ones a third.
pub(crate) fn nearest<'a>(word: &str, of: impl IntoIterator<Item = &'a str>) -> String {
    let small = word.to_lowercase();
    let like = of.into_iter().filter_map(|other| {
        let (short, long) = (small.len().min(other.len()), small.len().max(other.len()));
        let near = if long == 1 { 0 } else { (long / 3).max(1) };
        // The longest name is short.
        if long > LONGEST_NAME || long - short > near {
            return None;
        }
        let other_small = other.to_lowercase();
        let distance = match letters(&small) == letters(&other_small) {
            // `b-a` is `a-b`.
            true => usize::from(small != other_small),
            false => strsim::damerau_levenshtein(&small, &other_small),
        };
        (distance <= near).then_some((distance, other))
    });
    like.min().map_or_else(String::new, |(_, other)| format!("; did you mean {other}?"))
}

/// Its letters, in no order of their own.
fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<_> = word.chars().collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_a_hint() {
        for (word, of, hint) in [
            ("B", &["a", "b"][..], "b"),
            ("c", &["a", "b"], ""),
            ("bb", &["a", "b"], "b"),
            ("mtu", &["cut", "at"], ""),
            ("dealy", &["delay", "duplicate"], "delay"),
            ("retransmission", &["retransmissions"], "retransmissions"),
            ("b-a", &["a-b", "a-c"], "a-b"),
            ("", &["a"], ""),
        ] {
            let told = if hint.is_empty() { String::new() } else { format!("; did you mean {hint}?") };
            assert_eq!(nearest(word, of.iter().copied()), told, "{word}");
        }
    }

    #[test]
    fn places_are_counted_from_one() {
        let found = Found::default();
        let source = "a\nbü c\n\nd";
        [7, 2, 0, 9, 99].iter().for_each(|at| found.add(&(*at..*at), "x\ny"));
        let told: Vec<_> = found.placed(source).0.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["1:1: x\\ny", "2:1: x\\ny", "2:5: x\\ny", "4:1: x\\ny", "4:1: x\\ny"]);
    }
}
