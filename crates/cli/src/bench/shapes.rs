//! `sockeye bench shapes`.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sockeye_measure::load::Control;
use sockeye_measure::serve;
use sockeye_measure::shapes::{Plan, Row};
use sockeye_view::{Axis, Chart, Point, Scale, Series};

use crate::captures::is_standard;
use crate::output::print;
use crate::serve::Shape;

const AFTER_HELP: &str = "\
Each shape of `sockeye serve` is started on the machine's loopback (behind `sockeye run --`, on that of its host), loaded
with so many connections at a time, each with a request at a time, and stopped; all in turn, as often as --runs says. A
cell is the median of the runs. Times of a connection for each request have the time to connect in them; the ratio is of
answers a second, to a process for each connection.

Examples:
  sockeye bench shapes
  sockeye bench shapes --keepalive --connections 1,8,64 --svg shapes.svg
  sockeye run -- sockeye bench shapes --shapes fork,prefork,event

Exit status:
  0; 1 if something failed; 130 after ^C, with what there is; 2 for a wrong command line";

/// Compare the shapes of `sockeye serve` under load.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is measured, and examples.")]
pub(crate) struct Arguments {
    /// The shapes; all if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    shapes: Vec<Shape>,

    /// Connections at a time
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,10,100", value_parser = connections)]
    connections: Vec<usize>,

    /// How often each is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,

    /// How long each time
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = super::span)]
    time: Duration,

    /// The length of the file that is asked for
    #[arg(long, value_name = "BYTES", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    bytes: u32,

    /// Many requests over each connection, instead of one (but of the iterative server)
    #[arg(long)]
    keepalive: bool,

    /// Processes or threads made beforehand
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: u16,

    /// Print JSON; times are in microseconds
    #[arg(long)]
    json: bool,

    /// Draw a chart into FILE as well; - is standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn connections(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=4096).contains(count));
    count.ok_or_else(|| "from 1 to 4096".to_owned())
}

/// Measures and prints; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let control = Arc::new(Control::default());
    let rows = control.stop_on_interrupt().and_then(|()| compared(arguments, &control));
    match rows.and_then(|rows| show(arguments, &rows)) {
        Ok(_) if control.is_stopped() => ExitCode::from(crate::interrupt::EXIT_INTERRUPTED),
        Ok(status) => status,
        Err(error) => super::fail(&error.to_string()),
    }
}

fn compared(arguments: &Arguments, control: &Arc<Control>) -> io::Result<Vec<Row>> {
    let shapes: Vec<serve::Shape> = arguments.shapes.iter().map(|shape| shape.0).collect();
    let plan = Plan {
        shapes: if shapes.is_empty() { serve::Shape::ALL.to_vec() } else { shapes },
        connections: arguments.connections.clone(),
        runs: arguments.runs as usize,
        time: arguments.time,
        bytes: arguments.bytes as usize,
        keep_alive: arguments.keepalive,
        workers: usize::from(arguments.workers),
        program: std::env::current_exe()?,
    };
    let bar = super::progress(plan.steps());
    let rows = plan.compare(control, || bar.inc(1));
    bar.finish_and_clear();
    rows
}

fn show(arguments: &Arguments, rows: &[Row]) -> io::Result<ExitCode> {
    if let Some(path) = &arguments.svg {
        let picture = chart(rows, arguments).to_svg();
        if is_standard(path) {
            return Ok(print(&picture));
        }
        std::fs::write(path, picture)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    }
    let text = if arguments.json {
        serde_json::to_string_pretty(rows).map_err(io::Error::other)? + "\n"
    } else {
        table(rows)
    };
    Ok(print(&text))
}

/// A line for each row. Below it what the course's text measured, if both shapes of it are there.
fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<10} {:>11} {:>10} {:>6} {:>10} {:>10} {:>10} {:>10} {:>7} {:>6}\n",
        "shape",
        "connections",
        "answers/s",
        "+-",
        "first byte",
        "response",
        "99 %",
        "data",
        "failed",
        "ratio"
    );
    let mut last = None;
    for row in rows {
        if last.replace(row.shape).is_some_and(|last| last != row.shape) {
            text.push('\n');
        }
        let spread =
            if row.per_second.mean > 0.0 { row.per_second.deviation / row.per_second.mean } else { 0.0 };
        let _ = writeln!(
            text,
            "{:<10} {:>11} {:>10.0} {:>4.0} % {:>10} {:>10} {:>10} {:>10} {:>7} {:>6}",
            row.shape.name(),
            row.connections,
            row.per_second.median,
            spread * 100.0,
            time(row.first_byte),
            time(row.response),
            time(row.p99),
            format!("{:.0} Mb/s", row.kilobits / 1000.0),
            row.failed,
            row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        );
    }
    text + &beside_the_text(rows)
}

/// The course's figures, and the same ratios of this run with the most connections.
fn beside_the_text(rows: &[Row]) -> String {
    let most = |shape| rows.iter().filter(|row| row.shape == shape).max_by_key(|row| row.connections);
    let (Some(fork), Some(prefork)) = (most(serve::Shape::Fork), most(serve::Shape::Prefork)) else {
        return String::new();
    };
    format!(
        "\nA process for each client and prefork, in the course's text and here with {} connections:\n\
         \x20 latency        120 and 26 ms,     ratio 4.6    here {:.1}\n\
         \x20 response time  180 and 42 ms,     ratio 4.3    here {:.1}\n\
         \x20 data rate      150 and 630 kb/s,  ratio 4.2    here {:.1}\n",
        fork.connections,
        fork.first_byte / prefork.first_byte,
        fork.response / prefork.response,
        prefork.kilobits / fork.kilobits,
    )
}

/// A time given in microseconds.
fn time(micros: f64) -> String {
    match micros {
        _ if micros.is_nan() => "-".to_owned(),
        _ if micros < 999.5 => format!("{micros:.0} us"),
        _ if micros < 99_950.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.0} ms", micros / 1e3),
    }
}

fn chart(rows: &[Row], arguments: &Arguments) -> Chart {
    let mut series: Vec<Series> = Vec::new();
    for row in rows {
        let name = row.shape.name();
        if series.last().is_none_or(|last| last.name != name) {
            series.push(Series { name: name.to_owned(), points: Vec::new() });
        }
        let Some(line) = series.last_mut() else { continue };
        let point = Point { x: row.connections as f64, y: row.per_second.median, spread: Some(row.range) };
        line.points.push(point);
    }
    let kept = if arguments.keepalive { "connections kept" } else { "a connection each" };
    let whole = |number: f64| format!("{number:.0}");
    Chart {
        title: format!("Server shapes: files of {} bytes, {kept}", arguments.bytes),
        x: Axis { label: "connections at a time".to_owned(), scale: Scale::Logarithmic(10), number: whole },
        y: Axis {
            label: "answers a second: median, fewest and most of a run".to_owned(),
            scale: Scale::Linear,
            number: whole,
        },
        series,
    }
}
