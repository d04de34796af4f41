//! What carries messages from a sender to a receiver.

mod copy;
mod file;
mod kernel;
mod lan;
mod library;
mod receiver;
mod remote;
mod shared;

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use serde::{Serialize, Serializer};

use remote::Remote;
pub use remote::serve;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Medium {
    /// TCP over the kernel's loopback, between two processes.
    KernelTcp,
    /// TCP over a virtual host's loopback, between two threads of this process.
    SockeyeTcp,
    /// TCP over a virtual host's loopback, between two processes under `sockeye run`.
    RunTcp,
    /// A pair of Unix-domain stream sockets, between two processes.
    Unix,
    /// A pipe, between two processes.
    Pipe,
    /// A ring in memory that two processes share, waiting by spinning.
    Shared,
    /// A copy from one buffer to another: the bound of all that copies once.
    Copy,
    /// TCP between two virtual hosts on a 10 Mb/s Ethernet, in virtual time.
    Lan,
    /// A file of a message's size, read and written again, over TCP as [`Medium::KernelTcp`].
    File,
    /// The same by `sendfile`.
    Sendfile,
}

impl Medium {
    /// All, in the order in which they are shown.
    pub const ALL: [Medium; 10] = [
        Medium::KernelTcp,
        Medium::SockeyeTcp,
        Medium::RunTcp,
        Medium::Unix,
        Medium::Pipe,
        Medium::Shared,
        Medium::Copy,
        Medium::Lan,
        Medium::File,
        Medium::Sendfile,
    ];

    /// Those that are measured if none is named: what carries messages from memory.
    pub fn usual() -> Vec<Medium> {
        Medium::ALL.into_iter().filter(|medium| !matches!(medium, Medium::File | Medium::Sendfile)).collect()
    }

    /// Its name, in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Medium::KernelTcp => "kernel",
            Medium::SockeyeTcp => "sockeye",
            Medium::RunTcp => "run",
            Medium::Unix => "unix",
            Medium::Pipe => "pipe",
            Medium::Shared => "shared",
            Medium::Copy => "copy",
            Medium::Lan => "lan",
            Medium::File => "file",
            Medium::Sendfile => "sendfile",
        }
    }

    /// What it is, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Medium::KernelTcp => "TCP over the kernel's loopback, two processes",
            Medium::SockeyeTcp => "TCP over Sockeye's loopback, two threads of one process",
            Medium::RunTcp => "TCP over Sockeye's loopback, two processes under sockeye run",
            Medium::Unix => "Unix-domain stream sockets, two processes",
            Medium::Pipe => "a pipe, two processes",
            Medium::Shared => "a ring of 1 MiB in shared memory, two processes",
            Medium::Copy => "a copy from one buffer to another",
            Medium::Lan => "TCP over Sockeye's 10 Mb/s Ethernet, in virtual time",
            Medium::File => "a file of a message's size, by read and write, over TCP as kernel",
            Medium::Sendfile => "the same file by sendfile",
        }
    }
}

impl Serialize for Medium {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Messages of one size, on their way.
pub(super) trait Channel {
    /// Carries so many messages; gives the time from before the first was written to when the last had been read. What
    /// Nagle's algorithm still keeps after the last write is let go by TCP_NODELAY: a stream has no last message.
    fn carry(&mut self, messages: u64) -> io::Result<Duration>;

    /// How long a sample takes on its clock, if the plan says this.
    fn sample(&self, time: Duration) -> Duration {
        time
    }
}

/// What a channel is opened by.
#[derive(Default)]
pub(super) struct Opener {
    /// The command that runs [`serve`] under `sockeye run`.
    worker: Vec<OsString>,
    nodelay: bool,
}

impl Opener {
    pub(super) fn new(worker: &[OsString], nodelay: bool) -> Opener {
        Opener { worker: worker.to_vec(), nodelay }
    }

    pub(super) fn open(&self, medium: Medium, size: usize) -> io::Result<Box<dyn Channel>> {
        Ok(match medium {
            Medium::KernelTcp => Box::new(kernel::tcp(size, self.nodelay)?),
            Medium::SockeyeTcp => Box::new(library::Library::new(size, self.nodelay)?),
            Medium::RunTcp => Box::new(Remote::start(&self.worker, size, self.nodelay)?),
            Medium::Unix => Box::new(kernel::unix(size)?),
            Medium::Pipe => Box::new(kernel::pipe(size)?),
            Medium::Shared => Box::new(shared::Shared::new(size)?),
            Medium::Copy => Box::new(copy::Copy::new(size)),
            Medium::Lan => Box::new(lan::Lan::new(size, self.nodelay)?),
            Medium::File => Box::new(kernel::file(size, self.nodelay)?),
            Medium::Sendfile => Box::new(kernel::sendfile(size, self.nodelay)?),
        })
    }
}
