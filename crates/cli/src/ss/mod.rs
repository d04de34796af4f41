//! `sockeye ss`: ss(8)'s view of a running network's sockets, with what is inside of each connection.

mod detail;
mod filter;
mod table;

use std::process::ExitCode;

use clap::Args;
use sockeye_look::{Error, Protocol, Snapshot};

use crate::looking::{Kinds, Which, failed};
use crate::output::print;
use filter::Filter;

const AFTER_HELP: &str = "\
Columns and options are ss(8)'s of iproute2. With -i there is a line more for each connection: what held it back, and for
how much of its life.

Filters: first state STATE and exclude STATE, any number of them; then sport and dport with a port (= != < <= > >=), src and dst
with an address, as in 'src 10.61.0.0/16:80', '[fd61::2]:80', ':80' or 'tekapo', dev with an interface, fwmark with a mark,
with and, or, not and parentheses: 'state established ( dport = :80 or sport > :1023 ) and not dst tekapo'.
States: all, connected, synchronized, bucket, big, and each by its name: established, syn-sent, syn-recv, fin-wait-1,
fin-wait-2, time-wait, closed, close-wait, last-ack, listening, closing.

Examples:
  sockeye ss -tanp
  sockeye ss -ti dport = :80          # why is it slow?
  sockeye ss -tano state time-wait
  sockeye ss -a --json

Exit status:
  0; 2 for a wrong command line, and if no network is there, several are, or it has gone.";

/// Show the sockets of a running network, and the inside of its connections, as ss(8) does.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for filters, examples and exit statuses.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    kinds: Kinds,

    /// Ports as numbers, as they are always printed here
    #[arg(short, long)]
    numeric: bool,

    /// The programs that have each socket open
    #[arg(short, long)]
    processes: bool,

    /// What each socket waits for, and how long
    #[arg(short, long)]
    options: bool,

    /// User, inode, marks
    #[arg(short, long)]
    extended: bool,

    /// Memory
    #[arg(short, long)]
    memory: bool,

    /// The inside of TCP
    #[arg(short, long)]
    info: bool,

    /// How many there are
    #[arg(short, long)]
    summary: bool,

    /// No header
    #[arg(short = 'H', long)]
    no_header: bool,

    /// One line for each socket
    #[arg(short = 'O', long)]
    oneline: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Which sockets
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// Prints it; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    text(arguments).map_or_else(|error| failed(&error), |text| print(&text))
}

fn text(arguments: &Arguments) -> Result<String, Error> {
    let mut filter = Filter::parse(&arguments.filter).map_err(Error::Refused)?;
    let whole = arguments.which.open()?.snapshot()?;
    filter.resolve(&whole).map_err(Error::Refused)?;
    let mut snapshot = arguments.which.choose(whole)?;
    if arguments.summary {
        return Ok(table::summary(&snapshot));
    }
    keep_wanted(arguments, &filter, &mut snapshot);
    if arguments.json {
        let text = serde_json::to_string(&snapshot).map_err(|_| Error::Strange)?;
        return Ok(text + "\n");
    }
    let several = snapshot.hosts.len() > 1;
    let mut text = String::new();
    for (number, host) in snapshot.hosts.iter().enumerate() {
        if several {
            text += if number > 0 { "\n" } else { "" };
            text += &format!("{}:\n", host.name);
        }
        text += &table::of(host, (arguments, &filter), snapshot.about.uid);
    }
    Ok(text)
}

fn keep_wanted(arguments: &Arguments, filter: &Filter, snapshot: &mut Snapshot) {
    for host in &mut snapshot.hosts {
        host.sockets
            .retain(|socket| arguments.kinds.wants(socket.protocol) && filter.wants(arguments, socket));
        host.unix.retain(|socket| arguments.kinds.wants_unix() && filter.wants_unix(arguments, socket));
        // As ss asks for them: what is raw first, UDP, then TCP.
        host.sockets.sort_by_key(|socket| (std::cmp::Reverse(kind(socket.protocol)), socket.protocol));
    }
}

/// Which of the kinds that ss asks for one by one.
fn kind(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp | Protocol::Tcp6 => 0,
        Protocol::Udp | Protocol::Udp6 => 1,
        Protocol::Raw | Protocol::Raw6 => 2,
        Protocol::Icmp | Protocol::Icmp6 => 3,
    }
}
