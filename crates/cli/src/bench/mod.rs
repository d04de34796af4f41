//! `sockeye bench`: a file per measurement.

mod load;
mod numbers;
mod shapes;
mod stream;
mod waiting;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    Waiting(waiting::Arguments),
}

/// Measures; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Load(arguments) => load::run(&arguments),
        Command::Shapes(arguments) => shapes::run(&arguments),
        Command::Stream(arguments) => stream::run(&arguments),
        Command::Waiting(arguments) => waiting::run(&arguments),
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

/// How long a sample takes.
fn sample_time(text: &str) -> Result<Duration, String> {
    let sensible = Duration::from_millis(1)..=Duration::from_secs(60);
    span(text)
        .and_then(|time| sensible.contains(&time).then_some(time).ok_or_else(|| "from 1ms to 60s".to_owned()))
}

fn say_if_interrupted(stop: &AtomicBool) {
    if stop.load(Ordering::Relaxed) {
        let _ = writeln!(io::stderr(), "sockeye: interrupted; this is what there is");
    }
}

/// Of so many samples; on standard error, if that is a terminal.
fn progress(steps: usize) -> ProgressBar {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} samples, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {why}");
    ExitCode::FAILURE
}
