//! `sockeye up`: one network that several processes plug their hosts into. The hub holds the links, the switches and
//! the hosts that nobody is plugged in as; each `sockeye run --host` holds its own host's stack. Between them go frames, not calls,
//! by rings in shared memory: so networks use all processors, and one crash ends one host.
//!
//! Flow: [`Hub`] listens at a [`Place`]; [`Plug::join`] asks for a host by a Unix socket and becomes its cable. Frames go from the
//! host's ring through the hub's lab to another's; where the lab would do nothing to them, two hosts get rings of their own,
//! beside the hub. Whatever comes may be hostile: it is checked, and bounded.

#![forbid(unsafe_code)]

mod beside;
mod hosts;
mod hub;
mod member;
mod message;
mod peers;
mod place;
mod plug;
mod traffic;
mod wire;

pub use hub::{Happening, Hub, Watcher};
pub use message::{Attached, HostReport, Joined};
pub use place::Place;
pub use plug::{News, Plug, ask_down, ask_hosts};

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Why a network could not be made, found or joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory for its socket.
    #[error("no directory for the network's socket: {0}")]
    Place(io::Error),
    /// It is up already.
    #[error("the network {0} is up already")]
    IsUp(String),
    /// It isn't up.
    #[error("no network {0} is up: start it by sockeye up")]
    NotUp(String),
    /// The hub said no.
    #[error("{0}")]
    Refused(String),
    /// The hub said something else than it should.
    #[error("the network answered what this version doesn't know")]
    Strange,
    /// The way to the machine's own network.
    #[error(transparent)]
    Gateway(#[from] sockeye_gateway::Error),
    /// The connection to it broke.
    #[error("the network's socket: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// The exit status that tells of it: 2 for a network or host that can't be, 1 for what went wrong on the way.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Place(_) | Error::IsUp(_) | Error::NotUp(_) | Error::Refused(_) => 2,
            Error::Strange | Error::Gateway(_) | Error::Io(_) => 1,
        }
    }
}

/// Goes on in a session of its own, which no terminal's end concerns (setsid(2)).
///
/// # Errors
/// If this process leads a group.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Lets this process have as many descriptors as it may: each host of a network takes two.
pub fn take_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer it can do, too.
    let _ = setrlimit(Resource::Nofile, limit);
}
