//! `sockeye lab`: networks in files.

mod attend;
mod counted;
mod really;
mod virtually;
mod words;

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use sockeye_run::{Pcap, WHOLE};

use crate::EXIT_USAGE;
use crate::network_file::Network;
use crate::output::print_or;

const AFTER_HELP: &str = "\
A network is a TOML file: hosts, switches and links with delay, loss, rate and so on; traffic and programs; events (a
cable is pulled, a host reboots); and what is expected. docs/lab.md has every key; examples/ has networks to begin with.

Examples:
  sockeye lab check examples/handshake.toml
  sockeye lab run examples/handshake.toml
  sockeye lab run --seeds 1..1000 examples/lossy.toml
  sockeye lab run --seed 7 --pcap lossy.pcapng examples/lossy.toml

Exit status:
  0; 1 if something expected isn't so, or the capture or what is told can't be written; 2 if the file is wrong, or the
  command line; 130 after ^C, 143 after SIGTERM, 129 after SIGHUP, with what there is.";

/// Networks in files: what they say, and how they fare.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for examples and exit statuses.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a network's file means, or all that is wrong with it
    Check {
        /// The network
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Run(RunArguments),
    /// Start programs as told on standard input: what runs on each host
    #[command(hide = true)]
    Attend,
}

/// Run a network: its traffic in virtual time, from a seed; or its programs, in real time.
#[derive(Args)]
struct RunArguments {
    /// The seed of all chance in it: the same seed is the same run; the file's own if not given, else 1
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Try all these seeds, on all processors, and tell of those that fail
    #[arg(long, value_name = "FROM..TO", value_parser = seeds, conflicts_with_all = ["seed", "pcap"])]
    seeds: Option<RangeInclusive<u64>>,

    /// Write each frame to FILE, in pcapng's format; why one was dropped is its comment
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Bytes of each frame that go there, its headers included
    #[arg(long, value_name = "BYTES", requires = "pcap", value_parser = clap::value_parser!(u32).range(1..=262_144))]
    snap: Option<u32>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The network
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl RunArguments {
    /// Begins the capture that is asked for; the network's time began so long after 1970.
    fn capture(&self, began: Duration) -> Result<Option<Pcap>, String> {
        let snap = self.snap.and_then(|snap| usize::try_from(snap).ok()).unwrap_or(WHOLE);
        let pcap = self.pcap.as_ref().map(|path| Pcap::create(path, snap, began));
        pcap.transpose().map_err(|error| error.to_string())
    }
}

/// Runs it; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Check { file } => {
            Network::read(&file).map_or_else(|why| wrong(&why), |network| tell(&network.topology.explain()))
        }
        Command::Run(arguments) => {
            let network = Network::read_to_run(&arguments.file);
            network.map_or_else(|why| wrong(&why), |network| fare(&arguments, network))
        }
        Command::Attend => attend::attend(),
    }
}

/// Prints what came of it; gives the exit status.
fn tell(text: &str) -> ExitCode {
    print_or(text, ExitCode::FAILURE)
}

/// Says what is wrong with a file; gives the exit status.
fn wrong(why: &str) -> ExitCode {
    // Nobody may be there to read it.
    let _ = why.lines().try_for_each(|line| writeln!(std::io::stderr(), "sockeye: {line}"));
    ExitCode::from(EXIT_USAGE)
}

/// Runs it as what is in it wants.
fn fare(arguments: &RunArguments, network: Network) -> ExitCode {
    if network.topology.programs.is_empty() {
        return virtually::run(arguments, network);
    }
    if arguments.seeds.is_some() {
        let of = arguments.file.display();
        return wrong(&format!("{of}: programs run in real time: --seeds is for traffic"));
    }
    really::run(arguments, network)
}

/// Two numbers, the last one included.
fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wanted = || "two numbers, such as 1..1000".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wanted)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wanted());
    let (from, to) = (number(from)?, number(to)?);
    if from <= to { Ok(from..=to) } else { Err("the last is less than the first".to_owned()) }
}
