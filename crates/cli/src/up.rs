//! `sockeye up`, `sockeye hosts` and `sockeye down`: a network that several `sockeye run --host` are on.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use serde_json::json;
use sockeye_hub::{Error, HostReport, Hub, Place, ask_down, ask_hosts, leave_session, take_descriptors};
use sockeye_look::Role;
use sockeye_run::gateway::{Options, Publish};
use sockeye_topology::Topology;

use crate::faults::LinkFlags;
use crate::network_file::Network;
use crate::output::print;
use crate::outside::OutsideFlags;

/// The network that is meant if none is named.
pub(crate) const DEFAULT: &str = "default";

/// What leads out of a file's network that doesn't say.
const GATEWAY: &str = "gateway";

/// What it says of a socket that a network left behind; its name follows.
const TOOK_OVER: &str = "took over the socket of a network ";

const AFTER_HELP: &str = "\
The network is a switch. tekapo (10.61.0.2, fd61::2) is on it, with HTTP, names and the small services, which move to
the program that joins as it; pukaki is 10.61.0.1 and fd61::1; any other host gets the next free address when it first
comes. A host whose program ends is switched off, and keeps its address. With --outside or --publish gateway (10.61.0.254,
fd61::fe) leads to the machine's own network. The hosts of a file (docs/lab.md) serve by themselves until somebody is them.

Examples:
  sockeye up --daemon                                          # or sockeye up --daemon FILE
  sockeye run --host pukaki -- python3 -m http.server 8000     # in one terminal
  sockeye run --host aoraki -- curl http://pukaki:8000/        # in another
  sockeye hosts
  sockeye down
  sockeye up --outside --delay 80ms                            # all its hosts get out to the machine's network
  sockeye up --publish 8080:pukaki:80                          # http://127.0.0.1:8080/ on this machine

Exit status:
  0; 2 if there is no such network or host, or there can't be, and for a wrong command line; 1 for other failures.";

/// Hold a network that programs join by sockeye run --host, until it is ended by sockeye down or a signal.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for the network and examples.")]
pub(crate) struct Arguments {
    /// Go to the background once the network is there
    #[arg(long)]
    daemon: bool,

    /// Leave the terminal's session: what --daemon starts
    #[arg(long, hide = true)]
    new_session: bool,

    #[command(flatten)]
    network: Named,

    /// A network in a file (sockeye lab), its hosts to be joined as; without it tekapo on a switch
    #[arg(value_name = "FILE", conflicts_with_all = LinkFlags::NAMES)]
    file: Option<PathBuf>,

    /// The seed of the network's chance; random if not given
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    #[command(flatten)]
    link: LinkFlags,

    #[command(flatten)]
    outside: OutsideFlags,

    /// Let the machine in: its PORT leads to that of a HOST; without an address only this machine itself may use it; may be
    /// given again
    #[arg(long, value_name = "[ADDRESS:]PORT:HOST:PORT[/udp]", help_heading = "The machine's network")]
    publish: Vec<Publish>,
}

/// Which network.
#[derive(Args)]
pub(crate) struct Named {
    /// Its name, if there is to be more than one
    #[arg(long = "network", value_name = "NAME", default_value = DEFAULT)]
    name: String,
}

/// List the hosts of a network that is up: addresses, what they send and receive, programs.
///
/// SENT and RECEIVED are bytes of Ethernet frames since the network began; beside them stands how many frames and bytes it was
/// a second, in the last second or two. (A super-segment counts as the frames it stands for, with its headers once.)
#[derive(Args)]
pub(crate) struct HostsArguments {
    /// Print a JSON list instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    network: Named,
}

/// End a network that is up.
#[derive(Args)]
pub(crate) struct DownArguments {
    #[command(flatten)]
    network: Named,
}

/// Says why; gives the exit status.
pub(crate) fn failed(error: &Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {error}");
    ExitCode::from(error.exit_status())
}

fn status(result: Result<(), Error>) -> ExitCode {
    result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

/// `sockeye up`.
pub(crate) fn up(arguments: Arguments) -> ExitCode {
    status(if arguments.daemon { detach() } else { hold(arguments) })
}

fn hold(arguments: Arguments) -> Result<(), Error> {
    if arguments.new_session {
        leave_session()?;
    }
    take_descriptors();
    let place = Place::of(&arguments.network.name)?;
    let random = || RandomState::new().hash_one(std::process::id());
    let name = place.name().to_owned();
    let from = arguments.file.as_ref().map(|file| file.display().to_string());
    let outside = arguments.outside.options(arguments.publish);
    let (mut hub, hosts) = match arguments.file {
        Some(file) => {
            let Network { mut topology, files } = Network::read(&file).map_err(Error::Refused)?;
            if !outside.is_nothing() {
                lead_out(&mut topology, outside)
                    .map_err(|why| Error::Refused(format!("{}: {why}", file.display())))?;
            }
            let seed = arguments.seed.or(topology.seed).unwrap_or_else(random);
            let hosts: Vec<_> = topology.hosts.iter().map(|host| host.name.as_str()).collect();
            (Hub::of(place, &topology, seed, files)?, hosts.join(", "))
        }
        None => {
            let faults = arguments.link.faults();
            if !faults.cuts.is_empty() {
                return Err(Error::Refused("--cut goes with sockeye run without --host".to_owned()));
            }
            let seed = arguments.seed.unwrap_or_else(random);
            let hosts = match outside.is_nothing() {
                true => "tekapo 10.61.0.2 fd61::2",
                false => "tekapo 10.61.0.2 fd61::2, gateway 10.61.0.254 fd61::fe",
            };
            let link = (faults.direction, faults.mtu.unwrap_or(1500));
            (Hub::new(place, seed, link, outside)?, hosts.to_owned())
        }
    };
    // It can do without.
    let _ = hub.open_desk(Role::Up, from);
    if hub.took_over() {
        let line = format!("{TOOK_OVER}{name} that ended without a word");
        // Who started it behind says so.
        let _ = match arguments.new_session {
            true => writeln!(io::stdout(), "{line}"),
            false => writeln!(io::stderr(), "sockeye: {line}"),
        };
    }
    // Whoever waits for it reads this line. Nobody may be there.
    let _ = writeln!(io::stdout(), "network {name} is up: {hosts}; join it by sockeye run --host NAME");
    let _ = io::stdout().flush();
    hub.serve()
}

/// Does as the flags say, whatever the file says of its gateway; if it says nothing, that is its host of this name.
fn lead_out(topology: &mut Topology, outside: Options) -> Result<(), String> {
    let named = || topology.hosts.iter().position(|host| host.name == GATEWAY);
    let host = topology.gateway.as_ref().map(|gateway| gateway.host).or_else(named);
    let host =
        host.ok_or("it has no [gateway], and no host of that name, to lead to the machine's network")?;
    topology.lead_out(host, outside)
}

/// Starts the same again behind, and waits until it is there.
fn detach() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args_os().skip(1).filter(|argument| argument != "--daemon").collect();
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .arg("--new-session")
        .spawn()?;
    let lines =
        child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
    for line in lines {
        if !line.starts_with(TOOK_OVER) {
            return Ok(());
        }
        let _ = writeln!(io::stderr(), "sockeye: {line}");
    }
    let mut why = String::new();
    if let Some(mut errors) = child.stderr.take() {
        errors.read_to_string(&mut why)?;
    }
    child.wait()?;
    Err(Error::Refused(why.trim().trim_start_matches("sockeye: ").to_owned()))
}

/// `sockeye hosts`.
pub(crate) fn hosts(arguments: &HostsArguments) -> ExitCode {
    let found = Place::of(&arguments.network.name).and_then(|place| ask_hosts(&place));
    let hosts = match found {
        Ok(hosts) => hosts,
        Err(error) => return failed(&error),
    };
    let text = if arguments.json { as_json(&hosts) } else { as_table(&hosts) };
    print(&text)
}

fn as_table(hosts: &[HostReport]) -> String {
    let mut text = format!(
        "{:<12} {:<24} {:<4} {:>12} {:>8} {:>12} {:>12} {:>8} {:>12}  {}\n",
        "HOST",
        "ADDRESSES",
        "IS",
        "SENT",
        "FRAMES/s",
        "BYTES/s",
        "RECEIVED",
        "FRAMES/s",
        "BYTES/s",
        "PROGRAM"
    );
    for host in hosts {
        let program = host.program.as_ref().map(|(program, process)| format!("{program} ({process})"));
        let line = format!(
            "{:<12} {:<24} {:<4} {:>12} {:>8} {:>12} {:>12} {:>8} {:>12}  {}",
            host.name,
            host.addresses.join(" "),
            if host.up { "on" } else { "off" },
            host.sent.1,
            host.sent_rate.0,
            host.sent_rate.1,
            host.received.1,
            host.received_rate.0,
            host.received_rate.1,
            program.unwrap_or_default()
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn as_json(hosts: &[HostReport]) -> String {
    let carried = |(frames, bytes): (u64, u64), (frames_per_second, bytes_per_second): (u64, u64)| {
        json!({
            "frames": frames,
            "bytes": bytes,
            "frames_per_second": frames_per_second,
            "bytes_per_second": bytes_per_second,
        })
    };
    let hosts: Vec<_> = hosts
        .iter()
        .map(|host| {
            let program = host.program.as_ref();
            json!({
                "name": host.name,
                "addresses": host.addresses,
                "up": host.up,
                "program": program.map(|(program, _)| program),
                "pid": program.map(|(_, process)| process),
                "sent": carried(host.sent, host.sent_rate),
                "received": carried(host.received, host.received_rate),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(hosts))
}

/// `sockeye down`.
pub(crate) fn down(arguments: &DownArguments) -> ExitCode {
    status(Place::of(&arguments.network.name).and_then(|place| ask_down(&place)))
}
