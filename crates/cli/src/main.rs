//! The `sockeye` command: a file per subcommand.

mod run;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

const ABOUT: &str = "Unix sockets in user space: a TCP/IP network of your own for any program.";

const LONG_ABOUT: &str = "\
Unix sockets in user space: a TCP/IP network of your own for any program.

Sockeye runs unmodified programs on its own TCP, UDP and IP. No root, no kernel module, and no packet on any real \
network.

    sockeye run -- curl http://tekapo/

runs curl on the virtual host pukaki (10.61.0.1, fd61::1). Its neighbour tekapo (10.61.0.2, fd61::2) serves HTTP on \
port 80, echo on port 7, and the network's names.";

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
}

fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    match cli.command {
        Command::Run(arguments) => run::run(arguments),
    }
}

/// Reads the command line, or prints help or what is wrong with it. A closed standard output is no reason to panic.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        let printed = error.print().and_then(|()| std::io::stdout().flush());
        match (error.exit_code(), printed) {
            (0, Ok(())) => ExitCode::SUCCESS,
            (0, Err(_)) => ExitCode::FAILURE,
            (status, _) => ExitCode::from(u8::try_from(status).unwrap_or(2)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
