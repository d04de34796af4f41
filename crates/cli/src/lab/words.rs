//! What `sockeye lab run` and the attendant on each host tell each other: lines of JSON over pipes.

use serde::{Deserialize, Serialize};

/// What an attendant is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// To start a program.
    Start(Start),
    /// To send a program SIGTERM.
    End(usize),
}

/// A program to be started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    /// Its number.
    pub(super) program: usize,
    pub(super) command: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) directory: Option<String>,
    /// Tell when somebody listens at this port.
    pub(super) port: Option<u16>,
}

/// What an attendant tells, each with the program's number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// Somebody listens at its port.
    Listens(usize),
    /// It has printed a line, to standard error or not.
    Line { program: usize, error: bool, text: String },
    /// It has ended, with this status or 128 and the number of the signal that ended it.
    Ended(usize, i32),
    /// It could not be started.
    Failed(usize, String),
}
