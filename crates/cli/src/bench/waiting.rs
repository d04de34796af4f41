//! `sockeye bench waiting`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use sockeye_measure::waiting::{Plan, Row, Way};
use sockeye_view::{Axis, Chart, Point, Scale, Series};

use super::fail;
use super::numbers::digits;
use crate::captures::is_standard;
use crate::output::print;

const AFTER_HELP: &str = "\
How a program may wait:
  polling  non-blocking reads of all its connections, again and again
  select   select, of descriptors below 1024: a cell is empty where there are more
  poll     poll
  epoll    epoll, level-triggered
  epollet  epoll, edge-triggered
  sigio    O_ASYNC with a queued signal (F_SETSIG), and sigwaitinfo

Of so many TCP connections on the machine's loopback (behind `sockeye run --`, on that of its host) one, taken at random, is
sent a byte; the program waits in its way, and reads it. Both ends are in one thread, so nobody has to be woken up. A cell is
the median of the runs: how often a second, and its ratio to epoll among as many connections. All ways are sampled in turn.

Examples:
  sockeye bench waiting
  sockeye run -- sockeye bench waiting --connections 10,100 --ways poll,epoll
  sockeye bench waiting --svg waiting.svg

Exit status:
  0, also when ^C ended it early and there was something to show; 1 if something failed; 2 for a wrong command line";

/// Compare the ways to wait for one of many connections: select, poll, epoll, signals.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is measured, and examples.")]
pub(crate) struct Arguments {
    /// The ways; all if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = way)]
    ways: Vec<Way>,

    /// Among how many connections
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,10,100,1000", value_parser = connections)]
    connections: Vec<usize>,

    /// How often each is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,

    /// How long each time
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = super::sample_time)]
    time: Duration,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Draw a chart into FILE as well; - is standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn way(text: &str) -> Result<Way, String> {
    let named = Way::ALL.into_iter().find(|way| way.name() == text);
    named.ok_or_else(|| format!("one of {}", Way::ALL.map(Way::name).join(", ")))
}

fn connections(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    count.ok_or_else(|| "from 1 to 100000".to_owned())
}

/// Measures and prints; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Err(error) => fail(&error.to_string()),
        Ok(rows) if rows.is_empty() => fail("nothing was measured"),
        Ok(rows) => show(arguments, &rows),
    }
}

fn measure(arguments: &Arguments) -> io::Result<Vec<Row>> {
    let plan = Plan {
        ways: if arguments.ways.is_empty() { Way::ALL.to_vec() } else { arguments.ways.clone() },
        connections: arguments.connections.clone(),
        runs: arguments.runs as usize,
        time: arguments.time,
    };
    let stop = crate::interrupt::stop_on_interrupt()?;
    let bar = super::progress(plan.steps());
    let rows = plan.measure(&stop, || bar.inc(1));
    bar.finish_and_clear();
    super::say_if_interrupted(&stop);
    rows
}

fn show(arguments: &Arguments, rows: &[Row]) -> ExitCode {
    if let Some(path) = &arguments.svg {
        let picture = chart(rows).to_svg();
        if is_standard(path) {
            return print(&picture);
        }
        if let Err(error) = std::fs::write(path, picture) {
            return fail(&format!("{}: {error}", path.display()));
        }
    }
    print(&if arguments.json {
        format!("{:#}\n", json!({ "unit": "1/s", "rows": rows }))
    } else {
        table(rows)
    })
}

fn ways(rows: &[Row]) -> BTreeSet<Way> {
    rows.iter().map(|row| row.way).collect()
}

/// Connections down, ways across.
fn table(rows: &[Row]) -> String {
    const CELL: usize = 16;
    let counts: BTreeSet<usize> = rows.iter().map(|row| row.connections).collect();
    let mut text = format!("{:>11}", "connections");
    for way in ways(rows) {
        let _ = write!(text, "{:>CELL$}", way.name());
    }
    for count in counts {
        let _ = write!(text, "\n{count:>11}");
        for way in ways(rows) {
            let row = rows.iter().find(|row| row.connections == count && row.way == way);
            let cell = row.map_or_else(
                || "-".to_owned(),
                |row| {
                    let ratio = row.ratio.map_or_else(String::new, |ratio| format!(" {:>5}", digits(ratio)));
                    format!("{:.0}/s{ratio}", row.per_second.median)
                },
            );
            let _ = write!(text, "{cell:>CELL$}");
        }
    }
    text.push_str("\n\n");
    for way in ways(rows) {
        let _ = writeln!(text, "{:>8}  {}", way.name(), way.description());
    }
    text
}

/// Both axes logarithmic: medians, and the 95 % intervals of the means.
fn chart(rows: &[Row]) -> Chart {
    let whole = |number: f64| format!("{number:.0}");
    let series = ways(rows).into_iter().map(|way| {
        let point = |row: &Row| Point {
            x: row.connections as f64,
            y: row.per_second.median,
            spread: Some(row.per_second.interval),
        };
        let of = rows.iter().filter(|row| row.way == way);
        Series { name: way.name().to_owned(), points: of.map(point).collect() }
    });
    Chart {
        title: "Waiting for one of many connections".to_owned(),
        x: Axis { label: "connections".to_owned(), scale: Scale::Logarithmic(10), number: whole },
        y: Axis {
            label: "waits a second: median, and 95 % interval of the mean".to_owned(),
            scale: Scale::Logarithmic(10),
            number: whole,
        },
        series: series.collect(),
    }
}
