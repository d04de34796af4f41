//! `sockeye run`.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sockeye_run::gateway::{Publish, PublishError};
use sockeye_run::{EXIT_SOCKEYE, Ended, Options, Place, Program, Report, Showing, TraceTo};

use crate::faults::LinkFlags;
use crate::outside::OutsideFlags;
use crate::report::{ReportFile, summarize};

const AFTER_HELP: &str = "\
The network:
  pukaki  10.61.0.1  fd61::1   the program's host; 127.0.0.1 and ::1 are its loopback
  tekapo  10.61.0.2  fd61::2   HTTP on 80, names on 53, echo on 7, discard on 9, daytime on 13, chargen on 19,
                               time on 37
  gateway 10.61.0.254 fd61::fe  with --outside or --publish: what carries on to the machine's network, and back

Examples:
  sockeye run -- curl http://tekapo/
  sockeye run --sysctl net.ipv4.tcp_sack=0 -- curl http://tekapo/
  sockeye run --trace -- wget -O /dev/null http://tekapo/bytes/10M
  sockeye run --pcap curl.pcapng -- curl http://tekapo/
  sockeye run --delay 50ms --loss 1% --rate 10mbit -- curl -o /dev/null http://tekapo/bytes/1M
  sockeye run --outside --delay 80ms --loss 2% -- curl http://example.net/
  sockeye run --outside=loopback -- curl http://gateway:8000/       # a server on this machine's loopback
  sockeye run --publish 8080:80 -- python3 -m http.server 80        # http://127.0.0.1:8080/ on this machine
  sockeye run --cut 2s..10s -- curl -o /dev/null http://tekapo/bytes/10G
  sockeye run --host aoraki -- curl http://pukaki:8000/     # beside another sockeye run, in a network that is up
  sockeye run -- sh -c 'python3 -m http.server 8000 & sleep 1; curl http://localhost:8000/'

Exit status:
  that of PROGRAM; 128+N if signal N ended it; 127 if it was not found, 126 if it can't be executed;
  125 if Sockeye itself failed; 124 if --strict ended it; 2 for a wrong command line, or no such network or host.";

/// Run a program, unmodified, on the virtual host pukaki.
///
/// The program and all it starts get their internet sockets from Sockeye; Unix-domain sockets, files, the terminal and
/// everything else stay the machine's own. When the program ends, what it left running is ended, too.
#[derive(Args)]
#[command(override_usage = "sockeye run [OPTIONS] [--] PROGRAM [ARGS]...", after_long_help = AFTER_HELP, after_help = "Use --help for the network, examples and exit statuses.")]
pub(crate) struct Arguments {
    /// Print each segment in tcpdump's line format, to FILE or to standard error
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    trace: Option<Option<PathBuf>>,

    /// Write each segment to FILE, in pcapng's format, for tcpdump -r and Wireshark; why one was dropped is its comment
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Bytes of each segment that go there, its headers included
    #[arg(long, value_name = "BYTES", requires = "pcap", value_parser = clap::value_parser!(u32).range(1..=262_144))]
    snap: Option<u32>,

    /// Show every error and end of a read or write as Linux does, at the cost of trapping each: the default where the
    /// link delays, loses or is cut
    #[arg(long)]
    exact: bool,

    /// Trap no read or write, whatever the link is like: faster; an error of a connection reads as ECONNRESET. And preload an
    /// object into dynamic programs (LD_PRELOAD), by which TCP_CORK takes no trapped call
    #[arg(long, conflicts_with = "exact")]
    fast: bool,

    /// Have close wait as SO_LINGER says, at the cost of trapping each close
    #[arg(long)]
    linger: bool,

    /// Wait for all that the program started, instead of ending it when the program ends
    #[arg(long)]
    wait: bool,

    /// Set one of the host's settings, by the name sysctl(8) has for it
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::script::definition)]
    sysctl: Vec<(String, String)>,

    /// Be this host of a network that is up (sockeye up), instead of pukaki of a network of one's own
    #[arg(long, value_name = "NAME", conflicts_with_all = LinkFlags::NAMES.iter().chain(&OutsideFlags::NAMES))]
    host: Option<String>,

    /// Which network, if several are up
    #[arg(long, value_name = "NAME", requires = "host", default_value = crate::up::DEFAULT)]
    network: String,

    /// The seed of the network's chance (losses, jitter, sequence numbers, ports); random if not given
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Where the program sees the host's own /proc/net, /proc/sys/net and /sys/class/net, and not the machine's: auto where
    /// sockeye may make a mount namespace (as root), else as preload; user also where that takes a user namespace, in which
    /// the files of other users look like nobody's; preload in dynamic programs, by an object that is preloaded
    /// (LD_PRELOAD); off nowhere
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = Proc::Auto, hide_possible_values = true)]
    proc: Proc,

    /// Write to FILE what the program asked for and Sockeye could not honour, though Linux would have: each call, flag
    /// and option, how often, and which program; sockeye report reads it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Print the same as a summary on standard error at the end
    #[arg(long, short)]
    verbose: bool,

    /// End the program, with status 124, at the first of those
    #[arg(long)]
    strict: bool,

    /// Don't say on standard error what a program can't have here (io_uring, set-user-id and the like)
    #[arg(long, short)]
    quiet: bool,

    /// Who started this tells what became of the network, and of this
    #[arg(long, hide = true)]
    attended: bool,

    #[command(flatten)]
    link: LinkFlags,

    #[command(flatten)]
    outside: OutsideFlags,

    /// Let the machine in: its PORT leads to the program's; without an address only this machine itself may use it; may be
    /// given again
    #[arg(
        long,
        value_name = "[ADDRESS:]PORT:PORT[/udp]",
        value_parser = published,
        help_heading = "The machine's network"
    )]
    publish: Vec<Publish>,

    /// The program, looked for in PATH, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Where the host's files are shown.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Proc {
    Auto,
    User,
    Preload,
    Off,
}

/// What is published of the program's host.
fn published(text: &str) -> Result<Publish, PublishError> {
    Publish::to_host(sockeye_run::HOST, text)
}

/// Runs it; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let file = match arguments
        .report
        .as_ref()
        .map(|path| ReportFile::create(path, &arguments.program))
        .transpose()
    {
        Ok(file) => file,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "sockeye: {why}");
            return ExitCode::from(EXIT_SOCKEYE as u8);
        }
    };
    let mut words = arguments.program.into_iter();
    let program = Program { name: words.next().unwrap_or_default(), arguments: words.collect() };
    let place = Place::of(&arguments.network);
    let host = match arguments.host.map(|host| place.map(|place| (host, place))).transpose() {
        Ok(host) => host,
        Err(error) => return crate::up::failed(&error),
    };
    let options = Options {
        host,
        trace: arguments.trace.map(|file| file.map_or(TraceTo::StandardError, TraceTo::File)),
        pcap: arguments.pcap,
        snap: arguments.snap.and_then(|snap| usize::try_from(snap).ok()),
        faults: arguments.link.faults(),
        gateway: arguments.outside.options(arguments.publish),
        exact: if arguments.fast { Some(false) } else { arguments.exact.then_some(true) },
        object: arguments.fast,
        linger: arguments.linger,
        wait: arguments.wait,
        sysctls: arguments.sysctl,
        seed: arguments.seed,
        showing: match arguments.proc {
            Proc::Auto => Showing::IfAllowed,
            Proc::User => Showing::AsUser,
            Proc::Preload => Showing::Preloaded,
            Proc::Off => Showing::Not,
        },
        report: arguments.verbose || file.is_some(),
        strict: arguments.strict,
        quiet: arguments.quiet,
        attended: arguments.attended,
    };
    let ended = sockeye_run::run(&program, &options).unwrap_or_else(|error| {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "sockeye: {error}");
        Ended { status: error.exit_status(), report: Report::default() }
    });
    if arguments.verbose {
        summarize(&ended.report);
    }
    if let Some(Err(why)) = file.map(|file| file.write(&ended)) {
        let _ = writeln!(std::io::stderr(), "sockeye: {why}");
        return ExitCode::from(EXIT_SOCKEYE as u8);
    }
    ExitCode::from(u8::try_from(ended.status).unwrap_or(1))
}
