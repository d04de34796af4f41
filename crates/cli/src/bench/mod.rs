//! `sockeye bench`: a file per measurement.

mod load;
mod shapes;
mod stream;

use std::process::ExitCode;
use std::time::Duration;

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
    Shapes(shapes::Arguments),
    Stream(stream::Arguments),
}

/// Measures; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Load(arguments) => load::run(&arguments),
        Command::Shapes(arguments) => shapes::run(&arguments),
        Command::Stream(arguments) => stream::run(&arguments),
    }
}

/// A time of the command line: some, and no more than anybody waits.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if span.is_zero() => Err("no time at all".to_owned()),
        Ok(span) if span > Duration::from_secs(10_000_000) => Err("too long".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}
