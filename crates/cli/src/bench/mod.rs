//! `sockeye bench`: a file per measurement.

mod load;
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
    Load(Box<load::Arguments>),
    Stream(stream::Arguments),
}

/// Measures; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Load(arguments) => load::run(&arguments),
        Command::Stream(arguments) => stream::run(&arguments),
    }
}
