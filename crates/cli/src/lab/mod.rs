//! `sockeye lab`: networks in files.

mod file;
mod virtually;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::output::print;

const AFTER_HELP: &str = "\
A network is a TOML file: hosts, switches and links with delay, loss, rate and so on; traffic and programs; events (a
cable is pulled, a host reboots); and what is expected. docs/lab.md has every key; examples/ has networks to begin with.

Examples:
  sockeye lab check examples/handshake.toml
  sockeye lab run examples/handshake.toml
  sockeye lab run --seeds 1..1000 examples/lossy.toml
  sockeye lab run --seed 7 --pcap lossy.pcapng examples/lossy.toml

Exit status:
  0; 1 if something expected isn't so; 2 if the file is wrong, or the command line.";

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
}

/// Run a network: its traffic in virtual time, from a seed.
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

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The network
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs it; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Check { file } => match file::read(&file) {
            Ok(network) => print(&network.topology.explain()),
            Err(status) => status,
        },
        Command::Run(arguments) => match file::read(&arguments.file) {
            Ok(network) => virtually::run(&arguments, network),
            Err(status) => status,
        },
    }
}

/// Two numbers, the last one included.
fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wanted = || "two numbers, such as 1..1000".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wanted)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wanted());
    let (from, to) = (number(from)?, number(to)?);
    if from <= to { Ok(from..=to) } else { Err("the last is less than the first".to_owned()) }
}
