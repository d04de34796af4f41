//! Why a script did not pass.

use std::fmt;

/// Why a script did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line of the script, from 1.
    pub line: usize,
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// What is wrong, in one line.
    pub what: String,
    /// More lines: what was expected and what was there.
    pub details: Vec<String>,
}

/// Sorts of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// The script can't be read.
    Syntax,
    /// It uses what is not there.
    Unsupported,
    /// The host did something else.
    Different,
}

/// What steps of a script give.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn syntax(line: usize, what: impl Into<String>) -> Failure {
        Failure { line, kind: FailureKind::Syntax, what: what.into(), details: Vec::new() }
    }

    pub(crate) fn unsupported(line: usize, what: impl fmt::Display) -> Failure {
        Failure {
            line,
            kind: FailureKind::Unsupported,
            what: format!("not supported: {what}"),
            details: Vec::new(),
        }
    }

    pub(crate) fn different(line: usize, what: impl Into<String>) -> Failure {
        Failure { line, kind: FailureKind::Different, what: what.into(), details: Vec::new() }
    }

    pub(crate) fn with(mut self, detail: String) -> Failure {
        self.details.push(detail);
        self
    }
}

impl fmt::Display for Failure {
    /// `line: what`, and the details below, indented.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n    {detail}"))
    }
}

impl std::error::Error for Failure {}
