//! A file server over HTTP/1.1 in seven shapes: how its work is spread over processes, threads and events is all in which
//! they differ. Each is a file that can be read alone, over plain sockets of the kernel's (or Sockeye's, under `sockeye run`).
//!
//! What they share: the listener and how it ends (`stop`), a conversation over one connection, and the files. On SIGTERM or
//! SIGINT a server takes no more connections, ends those that are idle, answers the requests it has, and is gone.

mod clock;
mod conversation;
mod event;
mod files;
mod fork;
mod iterative;
mod log;
mod passing;
mod pool;
mod prefork;
mod processes;
mod request;
mod response;
mod stop;
mod threads;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};

use files::Files;
use log::Log;
use stop::Stop;

/// How a server's work is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One connection after the other.
    Iterative,
    /// A process for each connection.
    Fork,
    /// Processes made beforehand, which share the listener.
    Prefork,
    /// A thread for each connection.
    Threads,
    /// Threads made beforehand, which take connections from a queue.
    Pool,
    /// One process for all connections, none of which it waits for.
    Event,
    /// Processes made beforehand, which are passed connections by one that accepts them.
    Passing,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 7] = [
        Shape::Iterative,
        Shape::Fork,
        Shape::Prefork,
        Shape::Threads,
        Shape::Pool,
        Shape::Event,
        Shape::Passing,
    ];

    /// As a word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Iterative => "iterative",
            Shape::Fork => "fork",
            Shape::Prefork => "prefork",
            Shape::Threads => "threads",
            Shape::Pool => "pool",
            Shape::Event => "event",
            Shape::Passing => "passing",
        }
    }
}

/// What a server is to be like.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its shape.
    pub shape: Shape,
    /// Where it listens; port 0 is one of the system's choice.
    pub listen: SocketAddr,
    /// The folder whose files it serves, and nothing outside it.
    pub docroot: PathBuf,
    /// Processes or threads made beforehand.
    pub workers: usize,
    /// Connections at a time, for the shapes that make a process or thread for each, or none; the rest wait in the backlog.
    pub most: usize,
    /// How long a connection may be silent, and a request may take to come, or an answer to go on.
    pub idle: Duration,
    /// How long requests have to end when it is told to stop.
    pub grace: Duration,
    /// A line for each request, in the Common Log Format, to this file; `-`: standard output.
    pub log: Option<PathBuf>,
}

/// What all shapes have.
struct Server {
    listener: TcpListener,
    files: Files,
    log: Log,
    stop: Stop,
    options: Options,
}

/// Serves until it is told to stop. `ready` learns the address when connections are taken.
pub fn serve(options: Options, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let files = Files::of(&options.docroot)?;
    let log = Log::to(options.log.as_deref())?;
    let listener = TcpListener::bind(options.listen)?;
    let address = listener.local_addr()?;
    let server = Server { listener, files, log, stop: Stop::on_signals()?, options };
    ready(address);
    match server.options.shape {
        Shape::Iterative => iterative::serve(&server),
        Shape::Fork => fork::serve(&server),
        Shape::Prefork => prefork::serve(&server),
        Shape::Threads => threads::serve(server),
        Shape::Pool => pool::serve(server),
        Shape::Event => event::serve(&server),
        Shape::Passing => passing::serve(&server),
    }
}

impl Server {
    /// Takes no more connections, whoever shares the listener, and wakes who waits for one.
    fn deafen(&self) -> io::Result<()> {
        Ok(shutdown(self.listener.as_fd(), Shutdown::Read)?)
    }
}
