//! `sockeye draw`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sockeye_view::{ladder, ladder_picture, sequence_picture};

use crate::captures;
use crate::connections::Selection;
use crate::output::print;

const AFTER_HELP: &str = "\
A ladder shows the segments of a connection between its two ends, and the state of each side (RFC 9293) after them. A
sequence picture shows the data of the side that sent more, over time, with what was sent again, what was acknowledged
and how far the window let it go. Captures made by sockeye run --pcap know what was lost, and why.

Examples:
  sockeye run --loss 5% --pcap curl.pcapng -- curl -o /dev/null http://tekapo/bytes/100K
  sockeye draw curl.pcapng port 80
  sockeye draw --sequence --svg curl.svg curl.pcapng port 80

Exit status:
  0, 1 if there is no such connection, 2 for a wrong command line, filter or a file that is no capture.";

/// Draw the TCP connections of a capture file.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is drawn, and examples.")]
pub(crate) struct Arguments {
    /// Draw data over time, instead of a ladder
    #[arg(long, requires = "svg")]
    sequence: bool,

    /// Draw a picture into FILE, instead of text; - is standard output
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Leave nothing out of long runs of data
    #[arg(long)]
    all: bool,

    /// Columns of a ladder of text
    #[arg(long, value_name = "COLUMNS", default_value_t = 100, value_parser = clap::value_parser!(u16).range(20..))]
    width: u16,

    #[command(flatten)]
    selection: Selection,
}

/// The exit status for what can't be begun with.
const UNREADABLE: u8 = 2;

/// Draws; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let flows = match arguments.selection.read() {
        Ok(flows) => flows,
        Err(error) => return fail(UNREADABLE, &error),
    };
    let Some(first) = flows.first() else {
        return fail(1, "there is no such TCP connection in the capture");
    };
    let Some(path) = &arguments.svg else {
        let ladders: Vec<String> =
            flows.iter().map(|flow| ladder(flow, arguments.width.into(), arguments.all)).collect();
        return print(&ladders.join("\n"));
    };
    if flows.len() > 1 {
        let many = format!("{} connections: choose one by --connection or a filter", flows.len());
        return fail(UNREADABLE, &many);
    }
    let picture = if arguments.sequence { sequence_picture(first) } else { Some(ladder_picture(first)) };
    let Some(picture) = picture else { return fail(1, "nobody sent data on that connection") };
    if captures::is_standard(path) {
        return print(&picture);
    }
    match std::fs::write(path, picture) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &format!("{}: {error}", path.display())),
    }
}

fn fail(status: u8, why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {why}");
    ExitCode::from(status)
}
