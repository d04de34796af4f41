//! Looking into a running network through its control socket.
//!
//! Each process that holds hosts (`sockeye run`, `up`, `lab run` with programs) has a [`Desk`]: a Unix socket under the user's
//! runtime directory, served by the process's own loop. Who looks ([`Network`]) asks for a [`Snapshot`], or for the frames
//! that pass, as pcapng. A request is one line of JSON and so is its answer; after the answer to a request for frames come
//! the capture's bytes until somebody ends it. So `nc -U` is all it takes to try.
//!
//! Whatever a client does costs the network no more than bounded memory: requests are short, one answer waits at a time, who
//! reads too slowly loses frames and is told how many. Nothing is done while nobody looks. Not modelled: changing anything.

#![forbid(unsafe_code)]

mod client;
mod desk;
mod frames;
mod holders;
mod runtime;
mod snapshot;
mod take;
#[cfg(test)]
mod tests;

pub use client::{Client, Frames, Network};
pub use desk::Desk;
pub use frames::Wanted;
pub use holders::{descendants, ignores, parent};
pub use runtime::{Found, directory, is_of_this_user, running};
pub use snapshot::*;
pub use take::{hosts, links};

use std::io;

use serde::{Deserialize, Serialize};

/// The version of what is asked and answered.
pub const VERSION: u32 = 1;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    version: u32,
    #[serde(flatten)]
    ask: Ask,
}

/// Of it, what.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Ask {
    /// Everything as it stands.
    Snapshot,
    /// The frames that pass from now on.
    Frames(Wanted),
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Snapshot(Box<Snapshot>),
    /// A capture follows.
    Frames,
    /// Why not.
    Error(String),
}

/// Why there is nothing to be seen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory for control sockets.
    #[error("no directory for control sockets: {0}")]
    Directory(io::Error),
    /// Nothing runs.
    #[error("no network is running: start one by sockeye run or sockeye up")]
    None,
    /// Nothing that is called so runs.
    #[error("no network {0} is running{1}")]
    NotFound(String, String),
    /// It has to be said which.
    #[error("several networks are running: say which by --of {0}")]
    Several(String),
    /// The network said no.
    #[error("{0}")]
    Refused(String),
    /// It said something else than it should.
    #[error("the network answered what this version doesn't know")]
    Strange,
    /// It has ended.
    #[error("the network is gone")]
    Gone,
    /// The connection to it broke.
    #[error("the network's control socket: {0}")]
    Io(#[from] io::Error),
}
