//! What is wrong with a file, and where.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// Bytes of the file.
pub(crate) type Span = Range<usize>;

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

    /// With lines and columns instead of bytes.
    pub(crate) fn placed(self, source: &str) -> Problems {
        let mut found = self.0.into_inner();
        found.sort_by_key(|(span, _)| span.start);
        let place = |(span, text): (Span, String)| {
            let before = source.get(..span.start).unwrap_or(source);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            Problem { line, column, text }
        };
        Problems(found.into_iter().map(place).collect())
    }
}

/// The one of these that is most like a word, as a hint to add to what is said; nothing if none is.
pub(crate) fn nearest<'a>(word: &str, of: impl IntoIterator<Item = &'a str>) -> String {
    let like = of.into_iter().map(|other| (strsim::damerau_levenshtein(word, other), other));
    let best = like.filter(|(distance, other)| *distance <= 1 + other.len() / 3).min();
    best.map_or_else(String::new, |(_, other)| format!("; did you mean {other}?"))
}
