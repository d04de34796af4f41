//! `sockeye top`: a running network's hosts, links and sockets, with rates, and what is lost.

mod model;
mod rows;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use sockeye_look::{Network, Snapshot};

use crate::looking::failed;
use crate::output::print;
use rows::{Row, Tab, Times, rows};

const AFTER_HELP: &str = "\
Keys:
  Tab, 1 to 4   hosts, links, sockets, drops
  arrows        choose a row; left and right: the column to sort by; r: the other way round
  Enter         of a host its sockets; of a socket its life: congestion window, round-trip time and rate
  /             only what contains a text
  p             stand still
  ?             help
  q             end

Examples:
  sockeye top                         # the only network that is running
  sockeye top --of lab-4711           # that of this name, or of the process of this number
  sockeye top --once --json | jq '.sockets[] | select(.retransmissions > 0)'

Exit status:
  0; 2 if there is no such network, or it ends before anything was seen.";

/// Watch a running network: hosts, links and sockets with their rates, and drops by reason.
///
/// Where standard output is no terminal it prints all tables once.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for keys, examples and exit statuses.")]
pub(crate) struct Arguments {
    /// Which network: its name, or a process's number; the only one that runs, if not given
    #[arg(long, value_name = "PID|NAME")]
    of: Option<String>,

    /// Print all tables once, with the rates of one interval
    #[arg(long)]
    once: bool,

    /// The same as JSON
    #[arg(long)]
    json: bool,

    /// How often it is looked at
    #[arg(long, short = 'd', value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
}

/// Runs it; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let ended = Network::open(arguments.of.as_deref()).and_then(|mut network| {
        let first = network.snapshot()?;
        if arguments.once || arguments.json || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            std::thread::sleep(arguments.interval);
            let now = network.snapshot()?;
            let tables = tables(Times { before: Some(&first), now: &now });
            let text = if arguments.json { as_json(&now, &tables) } else { view::as_text(&tables) };
            return Ok(print(&text));
        }
        Ok(terminal::watch(network, first, arguments))
    });
    ended.unwrap_or_else(|error| failed(&error))
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let possible = Duration::from_millis(50)..=Duration::from_secs(3600);
    if possible.contains(&time) { Ok(time) } else { Err("from 50ms to 1h".to_owned()) }
}

fn tables(times: Times<'_>) -> Vec<(Tab, Vec<Row>)> {
    Tab::ALL.map(|tab| (tab, rows(tab, times, "", (tab.columns().1, false)))).into()
}

fn as_json(now: &Snapshot, tables: &[(Tab, Vec<Row>)]) -> String {
    let mut whole = Map::new();
    whole.insert("network".to_owned(), view::name_of(now).into());
    whole.insert("seconds".to_owned(), (now.now as f64 / 1e9).into());
    for (tab, rows) in tables {
        let (columns, _) = tab.columns();
        let as_object = |row: &Row| -> Value {
            let cells = columns.iter().zip(&row.cells);
            cells.map(|(column, cell)| (column.key.to_owned(), cell.as_json())).collect::<Map<_, _>>().into()
        };
        whole.insert(tab.title().to_owned(), rows.iter().map(as_object).collect());
    }
    format!("{:#}\n", Value::from(whole))
}
