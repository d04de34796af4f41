//! `sockeye bench`: a file per measurement.

mod stream;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Measure, over Sockeye and over the kernel alike.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Stream(stream::Arguments),
}

/// Measures; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Stream(arguments) => stream::run(&arguments),
    }
}
