//! `sockeye draw`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sockeye_view::{
    Exchange, Flow, exchange_ladder, exchange_picture, ladder, ladder_picture, sequence, sequence_picture,
    state_picture, states,
};

use crate::captures;
use crate::connections::{Connections, Selection};
use crate::output::print;

const AFTER_HELP: &str = "\
A ladder shows the segments of a connection between its two ends, and the state of each side (RFC 9293) after them. A
sequence picture shows the data of the side that sent more, over time, with what was sent again, what was acknowledged
and how far the window let it go. The state diagram (RFC 9293, section 3.3.2) has each side's way through it in bold. Captures made by sockeye run --pcap know what was lost, and why.

Examples:
  sockeye run --loss 5% --pcap curl.pcapng -- curl -o /dev/null http://tekapo/bytes/100K
  sockeye draw curl.pcapng port 80
  sockeye draw --sequence curl.pcapng port 80
  sockeye draw --states --svg states.svg curl.pcapng port 80

Exit status:
  0, 1 if there is no such connection, 2 for a wrong command line, filter or a file that is no capture.";

/// Draw the TCP connections of a capture file.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is drawn, and examples.")]
pub(crate) struct Arguments {
    /// Draw data over time, instead of a ladder
    #[arg(long, conflicts_with = "states")]
    sequence: bool,

    /// Draw the way of each side through TCP's states, instead of a ladder
    #[arg(long)]
    states: bool,

    /// Draw a picture into FILE, instead of text; - is standard output
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Leave nothing out of long runs of data
    #[arg(long)]
    all: bool,

    /// What hosts say to each other without TCP: UDP, ICMP and the rest, a ladder for two hosts. It is drawn by itself, too,
    /// where there is no TCP
    #[arg(long, conflicts_with_all = ["sequence", "states"])]
    datagrams: bool,

    /// Columns of text
    #[arg(long, value_name = "COLUMNS", default_value_t = 100, value_parser = clap::value_parser!(u16).range(20..))]
    width: u16,

    #[command(flatten)]
    selection: Selection,
}

const NO_DATA: &str = "nobody sent data on that connection";

/// The exit status for what can't be begun with.
const UNREADABLE: u8 = 2;

impl Arguments {
    /// Whether it is about a connection that is wanted.
    fn is_of_tcp(&self) -> bool {
        self.sequence || self.states
    }
}

/// Draws; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Connections { flows, exchanges } = match arguments.selection.read() {
        Ok(connections) => connections,
        Err(error) => return fail(UNREADABLE, &error),
    };
    if arguments.datagrams || flows.is_empty() && !exchanges.is_empty() && !arguments.is_of_tcp() {
        return draw_exchanges(&exchanges, arguments);
    }
    let Some(first) = flows.first() else {
        return fail(1, "there is no such TCP connection in the capture");
    };
    let texts = || flows.iter().map(|flow| as_text(flow, arguments)).collect::<Option<Vec<String>>>();
    let Some(path) = &arguments.svg else {
        return match texts() {
            Some(texts) => print(&texts.join("\n")),
            None => fail(1, NO_DATA),
        };
    };
    if flows.len() > 1 {
        let many = format!("{} connections: choose one by --connection or a filter", flows.len());
        return fail(UNREADABLE, &many);
    }
    let picture = match (arguments.sequence, arguments.states) {
        (true, _) => sequence_picture(first),
        (_, true) => Some(state_picture(first)),
        (false, false) => Some(ladder_picture(first)),
    };
    let Some(picture) = picture else { return fail(1, NO_DATA) };
    write(path, &picture)
}

/// What hosts say to each other without TCP.
fn draw_exchanges(exchanges: &[Exchange], arguments: &Arguments) -> ExitCode {
    let Some(first) = exchanges.first() else {
        return fail(1, "there is nothing but TCP in the capture");
    };
    let Some(path) = &arguments.svg else {
        let width = arguments.width.into();
        let texts: Vec<String> = exchanges.iter().map(|exchange| exchange_ladder(exchange, width)).collect();
        return print(&texts.join("\n"));
    };
    if exchanges.len() > 1 {
        let many = format!("{} pairs of hosts: choose one by --connection or a filter", exchanges.len());
        return fail(UNREADABLE, &many);
    }
    write(path, &exchange_picture(first))
}

fn write(path: &Path, picture: &str) -> ExitCode {
    if captures::is_standard(path) {
        return print(picture);
    }
    match std::fs::write(path, picture) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &format!("{}: {error}", path.display())),
    }
}

/// Lines of a sequence diagram of text, by its columns.
const LINES: fn(u16) -> usize = |columns| usize::from(columns) / 3;

fn as_text(flow: &Flow, arguments: &Arguments) -> Option<String> {
    let columns = arguments.width;
    match (arguments.sequence, arguments.states) {
        (true, _) => sequence(flow, columns.into(), LINES(columns)),
        (_, true) => Some(states(flow)),
        (false, false) => Some(ladder(flow, columns.into(), arguments.all)),
    }
}

fn fail(status: u8, why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {why}");
    ExitCode::from(status)
}
