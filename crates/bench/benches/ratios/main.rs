//! Sockeye beside its peers: each row measures both in the same run, one after the other and again, and prints the
//! ratio of the medians, turned so that more is better. `docs/performance.md` says what the rows mean.
//!
//! `cargo bench --bench ratios [-- [--quick] [--alone] [FILTER]]` prints the rows whose names contain FILTER and writes them to
//! `target/ratios.json` of the workspace; `--alone` leaves most peers out, for a profiler, and writes nothing. Nothing here can fail because something is slow.

mod asynchronous;
mod bounds;
mod bulk;
mod capture;
mod connections;
mod goodput;
mod heap;
mod kernel;
mod library;
mod load;
mod many;
mod memory;
mod pair;
mod report;
mod round_trips;
mod sampling;
mod simulated;
mod smol;

use std::process::ExitCode;

use report::{Report, Row};
use sampling::{Effort, median, spread};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// What a benchmark can be asked: the rows it has, and to run one of them.
type Rows = Vec<(Row, Box<dyn Fn(&Effort) -> Option<Figures>>)>;

/// What both sides reached, in the row's unit; of samples, their medians.
struct Figures {
    sockeye: f64,
    peer: f64,
    /// How far the samples of each side lie apart, as a part of their median; NaN if there is but one.
    spreads: [f64; 2],
}

impl Figures {
    /// Of one figure each.
    fn new(sockeye: f64, peer: f64) -> Figures {
        Figures { sockeye, peer, spreads: [f64::NAN; 2] }
    }

    /// Of samples.
    fn of(sockeye: Vec<f64>, peer: Vec<f64>) -> Figures {
        let spreads = [spread(sockeye.clone()), spread(peer.clone())];
        Figures { sockeye: median(sockeye), peer: median(peer), spreads }
    }
}

fn main() -> ExitCode {
    let mut effort = Effort::full();
    let mut filter = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // cargo says it to every benchmark.
            "--bench" => {}
            "--quick" => effort = Effort { alone: effort.alone, ..Effort::quick() },
            "--alone" => effort.alone = true,
            memory::CHILD => return memory::child(arguments.next()),
            simulated::CHILD => return simulated::child(arguments.next()),
            option if option.starts_with("--") => {
                eprintln!(
                    "ratios: {option}: no such option; there are --quick, --alone and a part of a row's name"
                );
                return ExitCode::from(2);
            }
            word => word.clone_into(&mut filter),
        }
    }
    let mut rows: Rows = Vec::new();
    rows.extend(bulk::rows());
    rows.extend(round_trips::rows());
    rows.extend(connections::rows());
    rows.extend(memory::rows());
    rows.extend(bounds::rows());
    rows.extend(capture::rows());
    rows.extend(goodput::rows());
    rows.extend(many::rows());
    rows.extend(simulated::rows());
    rows.extend(library::rows());
    rows.extend(asynchronous::rows());

    let machine = load::Load::begin();
    let mut report = Report::begin();
    for (row, measure) in rows.into_iter().filter(|(row, _)| row.name.contains(&filter)) {
        if let Some(figures) = measure(&effort) {
            report.add(row, figures);
        }
    }
    println!("\n{machine}");
    if effort.alone {
        return ExitCode::SUCCESS;
    }
    match report.write() {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ratios: target/ratios.json: {error}");
            ExitCode::FAILURE
        }
    }
}
