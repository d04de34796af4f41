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
    /// Tell when some program has this port.
    pub(super) port: Option<u16>,
    /// The process that holds the host, which knows that.
    pub(super) holder: u32,
}

/// What an attendant tells, each with the program's number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// Its port is some program's.
    Serves(usize),
    /// It has printed lines, to standard error or not; the last one's end is left out.
    Lines { program: usize, error: bool, text: String },
    /// It has ended, with this status or 128 and the number of the signal that ended it, and all that it printed was told.
    Ended {
        program: usize,
        status: i32,
        /// It was told to end before.
        told: bool,
    },
    /// It could not be started.
    Failed(usize, String),
}
