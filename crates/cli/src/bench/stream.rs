//! `sockeye bench stream`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use sockeye_measure::stream::{Medium, Plan};

use crate::output::print;

/// Measure throughput over message sizes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many samples of each size
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

/// Measures and prints; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let plan = Plan {
        media: Medium::ALL.to_vec(),
        sizes: (6..=20).map(|power| 1 << power).collect(),
        runs: arguments.runs as usize,
        time: Duration::from_millis(20),
    };
    match plan.measure() {
        Ok(rows) => {
            let line = |row: &sockeye_measure::stream::Row| {
                format!("{:>8} {:>8} {:>10.1} Mb/s\n", row.size, row.medium.name(), row.rate.median / 1e6)
            };
            print(&rows.iter().map(line).collect::<String>())
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "sockeye: {error}");
            ExitCode::FAILURE
        }
    }
}
