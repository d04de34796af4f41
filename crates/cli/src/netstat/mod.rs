//! `sockeye netstat`: netstat(8)'s tables of a running network.

mod names;
mod sockets;
mod statistics;
mod tables;

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use sockeye_look::{Error, Host, Snapshot};

use crate::looking::{Kinds, Which, failed};
use crate::output::{put, unwritten};
use names::Names;

const AFTER_HELP: &str = "\
Columns, sentences and options are netstat(8)'s. Of a network with several hosts each has its tables, behind a line with its
name.

Examples:
  sockeye netstat -tanp                        # of the only network that runs
  sockeye netstat --of 4711 --host tekapo -l   # of process 4711's network
  sockeye netstat -tano -c                     # again each second
  sockeye netstat -s; sockeye netstat -i; sockeye netstat -rn; sockeye netstat -gn
  sockeye netstat -a --json

Exit status:
  0; 2 for a wrong command line, and if no network is there, several are, or it has gone.";

/// Between two looks of -c.
const A_SECOND: Duration = Duration::from_secs(1);

/// Show the sockets, routes, groups and counters of a running network, as netstat(8) does.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for examples and exit statuses.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    kinds: Kinds,

    /// Addresses, ports and users as numbers
    #[arg(short, long)]
    numeric: bool,

    /// Addresses as numbers
    #[arg(long)]
    numeric_hosts: bool,

    /// Ports as numbers
    #[arg(long)]
    numeric_ports: bool,

    /// Users as numbers
    #[arg(long)]
    numeric_users: bool,

    /// Addresses whole, however wide
    #[arg(short = 'W', long)]
    wide: bool,

    /// User and inode of each socket; of routes more, too
    #[arg(short, long)]
    extend: bool,

    /// The program that has each socket open
    #[arg(short, long)]
    programs: bool,

    /// What each socket waits for, and how long
    #[arg(short = 'o', long)]
    timers: bool,

    /// The routes
    #[arg(short, long, group = "table")]
    route: bool,

    /// The interfaces; with -a those that are down, too
    #[arg(short, long, group = "table", conflicts_with = "extend")]
    interfaces: bool,

    /// The multicast groups
    #[arg(short, long, group = "table")]
    groups: bool,

    /// What was counted
    #[arg(short, long, group = "table")]
    statistics: bool,

    /// Again each second
    #[arg(short, long)]
    continuous: bool,

    /// Print JSON, one value a look
    #[arg(long)]
    json: bool,
}

/// Prints it; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut network = match arguments.which.open() {
        Ok(network) => network,
        Err(error) => return failed(&error),
    };
    loop {
        let text = network.snapshot().and_then(|whole| text(arguments, whole));
        match text.map(|text| put(&text)) {
            Err(error) => return failed(&error),
            Ok(Err(error)) => return unwritten(&error),
            Ok(Ok(())) if arguments.continuous => thread::sleep(A_SECOND),
            Ok(Ok(())) => return ExitCode::SUCCESS,
        }
    }
}

fn text(arguments: &Arguments, whole: Snapshot) -> Result<String, Error> {
    let names = Names::of(&whole, arguments);
    let mut snapshot = arguments.which.choose(whole)?;
    for host in &mut snapshot.hosts {
        keep_wanted(arguments, host);
    }
    if arguments.json {
        let text = serde_json::to_string(&snapshot).map_err(|error| Error::Io(io::Error::other(error)))?;
        return Ok(text + "\n");
    }
    let mut text = String::new();
    let several = snapshot.hosts.len() > 1;
    for (number, host) in snapshot.hosts.iter().enumerate() {
        if several {
            text += if number > 0 { "\n" } else { "" };
            text += &format!("{}:\n", host.name);
        }
        text += &if arguments.route {
            tables::routes(host, arguments, &names)
        } else if arguments.interfaces {
            tables::interfaces(host, arguments)
        } else if arguments.groups {
            tables::groups(host, arguments)
        } else if arguments.statistics {
            statistics::all(host, arguments)
        } else {
            sockets::all(host, &names, arguments, snapshot.about.uid)
        };
    }
    Ok(text)
}

impl Arguments {
    /// Whether a socket is shown that has no peer (which is what netstat calls listening), or one that has.
    fn shows(&self, is_alone: bool) -> bool {
        self.kinds.all || self.kinds.listening == is_alone
    }
}

/// Keeps of a host the sockets that are wanted.
fn keep_wanted(arguments: &Arguments, host: &mut Host) {
    host.sockets.retain(|socket| {
        arguments.kinds.wants(socket.protocol) && arguments.shows(socket.remote.port() == 0)
    });
    // By protocol, as Linux's files are read one after the other.
    host.sockets.sort_by_key(|socket| socket.protocol);
    host.unix.retain(|socket| {
        arguments.kinds.wants_unix() && arguments.shows(socket.state == sockeye_look::State::Listen)
    });
}
