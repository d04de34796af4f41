//! `sockeye serve`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sockeye_measure::serve::{self, Options};

const AFTER_HELP: &str = "\
The shapes:
  iterative  one connection after the other, a request each
  fork       a process for each connection
  prefork    processes made beforehand, which share the listener
  threads    a thread for each connection
  pool       threads made beforehand, which take connections from a queue
  event      one thread and epoll for all connections
  passing    processes made beforehand, which are passed connections by one that accepts them

It is a server on the machine's own sockets; behind `sockeye run --` those are Sockeye's. On SIGTERM and SIGINT it takes no
more connections, leaves those that are idle, answers what was asked, and ends; a second signal is no quicker, SIGKILL is.

Examples:
  sockeye serve --shape event --docroot docs --listen 127.0.0.1:8080
  sockeye serve --shape prefork --workers 8 --log -
  sockeye run -- sh -c 'sockeye serve --listen [::]:80 & sleep 1; curl http://localhost/'

Exit status:
  0 after SIGTERM or SIGINT; 1 if it can't serve (the folder isn't there, the port is taken); 2 for a wrong command line";

/// Serve files by HTTP/1.1, as one of seven classic shapes of a server.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for the shapes, examples and exit statuses.")]
pub(crate) struct Arguments {
    /// How its work is spread
    #[arg(long, value_name = "SHAPE", default_value = "event")]
    shape: Shape,

    /// The folder that is served; nothing outside it is, by no path and no link
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    docroot: PathBuf,

    /// Where it listens; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Processes or threads made beforehand (prefork, pool, passing)
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: u16,

    /// Connections at a time (fork, threads, event); more wait in the backlog
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    most: u32,

    /// How long a connection may be silent, a request take to come, and a client take nothing
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = crate::bench::span)]
    idle: Duration,

    /// How long what was asked may still be answered, after it was told to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::bench::span)]
    grace: Duration,

    /// A line for each request, in the Common Log Format, to FILE; - is standard output
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// One of the library's, for the command line.
#[derive(Clone, Copy)]
pub(crate) struct Shape(pub(crate) serve::Shape);

impl ValueEnum for Shape {
    fn value_variants<'a>() -> &'a [Shape] {
        const ALL: [Shape; serve::Shape::ALL.len()] = {
            let mut all = [Shape(serve::Shape::Iterative); serve::Shape::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = Shape(serve::Shape::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

/// Serves until it is told to stop; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let (shape, listen) = (arguments.shape.0, arguments.listen);
    let options = Options {
        shape,
        listen,
        docroot: arguments.docroot,
        workers: usize::from(arguments.workers),
        most: arguments.most as usize,
        idle: arguments.idle,
        grace: arguments.grace,
        log: arguments.log,
    };
    let ready = |address: SocketAddr| {
        // Nobody may be there to read it.
        let _ = writeln!(io::stderr(), "sockeye: serving http://{address}/ ({})", shape.name());
    };
    match serve::serve(options, ready) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sockeye: serve: {error}");
            ExitCode::FAILURE
        }
    }
}
