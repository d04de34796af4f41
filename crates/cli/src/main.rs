//! The `sockeye` command: a file per subcommand.

mod bench;
mod captures;
mod connections;
mod doctor;
mod draw;
mod explain;
mod faults;
mod interrupt;
mod lab;
mod looking;
mod manual;
mod netstat;
mod network_file;
mod output;
mod outside;
mod report;
mod run;
mod script;
mod serve;
mod sockopts;
mod ss;
mod tcpdump;
mod top;
mod up;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// The exit status for a wrong command line.
const EXIT_USAGE: u8 = 2;

const ABOUT: &str = "Unix sockets in user space: a TCP/IP network of your own for any program.";

const LONG_ABOUT: &str = "\
Unix sockets in user space: a TCP/IP network of your own for any program.

Sockeye runs unmodified programs on its own TCP, UDP and IP. No root, no kernel module, and no packet on any real \
network.

    sockeye run -- curl http://tekapo/

runs curl on the virtual host pukaki (10.61.0.1, fd61::1). Its neighbour tekapo (10.61.0.2, fd61::2) serves HTTP on \
port 80, the network's names, and echo, discard, daytime, chargen and time on ports 7, 9, 13, 19 and 37.";

/// The command line.
#[derive(Parser)]
#[command(name = "sockeye", version, about = ABOUT, long_about = LONG_ABOUT, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Lab(lab::Arguments),
    Script(script::Arguments),
    Serve(serve::Arguments),
    Sockopts(sockopts::Arguments),
    Netstat(netstat::Arguments),
    Ss(ss::Arguments),
    Tcpdump(tcpdump::Arguments),
    Top(top::Arguments),
    Draw(draw::Arguments),
    Explain(explain::Arguments),
    Up(up::Arguments),
    Hosts(up::HostsArguments),
    Down(up::DownArguments),
    Bench(bench::Arguments),
    Doctor(doctor::Arguments),
    Report(report::Arguments),
    Man(manual::ManArguments),
    Completions(manual::CompletionsArguments),
}

fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    match cli.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Lab(arguments) => lab::run(arguments),
        Command::Script(arguments) => script::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Sockopts(arguments) => sockopts::run(&arguments),
        Command::Netstat(arguments) => netstat::run(&arguments),
        Command::Ss(arguments) => ss::run(&arguments),
        Command::Tcpdump(arguments) => tcpdump::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Draw(arguments) => draw::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Up(arguments) => up::up(arguments),
        Command::Hosts(arguments) => up::hosts(&arguments),
        Command::Down(arguments) => up::down(&arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Man(arguments) => manual::man(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
    }
}

/// Reads the command line, or prints help or what is wrong with it. A closed standard output is no reason to panic.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            let _ = writeln!(std::io::stderr(), "sockeye: {}", one_line(&error));
            return ExitCode::from(EXIT_USAGE);
        }
        match (error.exit_code(), error.print().and_then(|()| std::io::stdout().flush())) {
            (0, Ok(())) => ExitCode::SUCCESS,
            (0, Err(error)) => {
                output::complain(&error);
                ExitCode::FAILURE
            }
            _ => ExitCode::from(EXIT_USAGE),
        }
    })
}

/// What is wrong with the command line, without the usage that follows.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let message =
        text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    format!("{} (see 'sockeye --help')", message.strip_prefix("error: ").unwrap_or(&message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let wrong = |words: &[&str]| {
            let error = Cli::try_parse_from(words).err().expect("it is wrong");
            one_line(&error)
        };
        assert_eq!(
            wrong(&["sockeye", "run"]),
            "the following required arguments were not provided: <PROGRAM>... (see 'sockeye --help')"
        );
        assert_eq!(wrong(&["sockeye", "swim"]), "unrecognized subcommand 'swim' (see 'sockeye --help')");
    }
}
