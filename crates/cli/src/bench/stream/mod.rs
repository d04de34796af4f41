//! `sockeye bench stream`.

mod output;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use sockeye_measure::stream::{Measured, Medium, Plan, serve};

use super::fail;
use crate::captures::is_standard;
use crate::output::print;

const AFTER_HELP: &str = "\
What carries the messages:
  kernel   TCP over the kernel's loopback, between two processes
  sockeye  TCP over a virtual host's loopback, between two threads of this process
  run      TCP over a virtual host's loopback, between two processes under sockeye run
  unix     a pair of Unix-domain stream sockets, between two processes
  pipe     a pipe, between two processes
  shared   a ring of 1 MiB in memory that two processes share, waiting by spinning
  copy     a copy from one buffer to another, as hot as it can be
  lan      TCP between two virtual hosts on a 10 Mb/s Ethernet, in virtual time
  file     a file of a message's size, read 64 KiB at a time and written, over TCP as kernel
  sendfile the same file by sendfile

kernel, file and sendfile are Sockeye's behind `sockeye run --`.

A sample writes so many messages that it takes about the time given (of lan at least a second of its own clock), reads
them into a buffer of a message's size, and ends when the last byte is read. All media are sampled in turn. A cell shows
the median, and its ratio to the kernel's TCP with messages of the same size; --long, --json and --csv show mean, standard
deviation and the 95 % interval of the mean as well. Rates are of the messages' bits: no headers.

Examples:
  sockeye bench stream
  sockeye bench stream --sizes 1K,2K,64K --runs 30 --long
  sockeye bench stream --media kernel,run,pipe --svg throughput.svg
  sockeye bench stream --media kernel,file,sendfile --sizes 4K,64K,1M,16M
  sockeye bench stream --json | jq '.rows[] | select(.medium == \"run\") | [.size, .ratio]'

Exit status:
  0, also when ^C ended it early and there was something to show; 1 if something failed; 2 for a wrong command line.";

/// Measure throughput over message sizes: TCP on the kernel and on Sockeye, Unix-domain sockets, pipes, memory.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is measured, and examples.")]
pub(crate) struct Arguments {
    /// The messages' sizes in bytes, with K or M for 1024 and 1024²; powers of two from 64 to 1M if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = size)]
    sizes: Vec<usize>,

    /// What carries them; all but file and sendfile if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = medium)]
    media: Vec<Medium>,

    /// How many samples of each size over each medium
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,

    /// How long a sample takes, about
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = super::sample_time)]
    time: Duration,

    /// Set TCP_NODELAY on what is written to
    #[arg(long)]
    nodelay: bool,

    /// Print a line for each size and medium, with all that the samples say
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    long: bool,

    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print comma-separated values
    #[arg(long)]
    csv: bool,

    /// Draw a chart into FILE as well; - is standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// What this is started with under `sockeye run`, by itself
    #[arg(long, hide = true, value_name = "SIZE:NODELAY")]
    worker: Option<String>,
}

/// A message of more is no message.
const LARGEST: usize = 1 << 30;

/// A size such as 64, 1K or 1M.
fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let size = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    size.filter(|size| (1..=LARGEST).contains(size))
        .ok_or_else(|| format!("a size is from 1 to 1024M, not {text}"))
}

fn medium(text: &str) -> Result<Medium, String> {
    Medium::ALL
        .into_iter()
        .find(|medium| medium.name() == text)
        .ok_or_else(|| format!("one of {}", Medium::ALL.map(Medium::name).join(", ")))
}

/// Measures and prints; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if let Some(asked) = &arguments.worker {
        return serve(asked).map_or_else(|error| fail(&error.to_string()), |()| ExitCode::SUCCESS);
    }
    let measured = match measure(arguments) {
        Ok(measured) => measured,
        Err(error) => return fail(&error.to_string()),
    };
    for (medium, error) in &measured.failed {
        let _ = writeln!(io::stderr(), "sockeye: {} left out: {error}", medium.name());
    }
    if measured.rows.is_empty() {
        return fail("nothing was measured");
    }
    let status = show(arguments, &measured);
    if measured.failed.is_empty() { status } else { ExitCode::FAILURE }
}

fn show(arguments: &Arguments, measured: &Measured) -> ExitCode {
    let rows = &measured.rows;
    if let Some(path) = &arguments.svg {
        let picture = output::chart(rows).to_svg();
        if is_standard(path) {
            return print(&picture);
        }
        if let Err(error) = std::fs::write(path, picture) {
            return fail(&format!("{}: {error}", path.display()));
        }
    }
    print(&if arguments.json {
        output::json(rows)
    } else if arguments.csv {
        output::csv(rows)
    } else if arguments.long {
        output::long(rows)
    } else {
        output::table(rows)
    })
}

fn measure(arguments: &Arguments) -> io::Result<Measured> {
    let or_all = |given: &[Medium]| if given.is_empty() { Medium::usual() } else { given.to_vec() };
    let sizes = if arguments.sizes.is_empty() {
        (6..=20).map(|power| 1 << power).collect()
    } else {
        arguments.sizes.clone()
    };
    let this = std::env::current_exe()?;
    let words = ["run", "--fast", "--"].map(OsString::from);
    let inner = [this.clone().into(), "bench".into(), "stream".into(), "--worker".into()];
    let plan = Plan {
        media: or_all(&arguments.media),
        sizes,
        runs: arguments.runs as usize,
        time: arguments.time,
        nodelay: arguments.nodelay,
        worker: [this.into()].into_iter().chain(words).chain(inner).collect(),
    };
    let stop = crate::interrupt::stop_on_interrupt()?;
    let bar = super::progress(plan.steps());
    let measured = plan.measure(&stop, || bar.inc(1));
    bar.finish_and_clear();
    super::say_if_interrupted(&stop);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        assert_eq!(["64", "1K", "2k", "1M"].map(size), [Ok(64), Ok(1024), Ok(2048), Ok(1 << 20)]);
        for wrong in ["", "0", "K", "-1", "1G", "2000M", "1.5K", "99999999999999999999M", "64 "] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
