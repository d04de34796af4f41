//! `sockeye explain`.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use sockeye_view::{Explanation, Finding, Flow, Side, explain};

use crate::connections::Selection;
use crate::output::print;

const AFTER_HELP: &str = "\
Each moment of a connection's life is put down to what was waited for, so the shares add up to the whole: the handshake,
slow start, the receiver's window, the sender's buffer, Nagle's algorithm against delayed acknowledgements, losses by how they
were repaired, time-outs, the path's rate, the way there and back, the programs. The capture may be Sockeye's or anybody's,
made at either end or between; what can't be told from there is said to be so.

Examples:
  sockeye run --delay 20ms --loss 1% --pcap curl.pcapng -- curl -o /dev/null http://tekapo/bytes/1M
  sockeye explain curl.pcapng port 80
  tcpdump -w - -c 1000 port 443 | sockeye explain -
  sockeye explain --json curl.pcapng | jq '.[0].findings[0].cause'

Exit status:
  0, 1 if there is no such connection, 2 for a wrong command line, filter or a file that is no capture.";

/// Say in words what held the TCP connections of a capture file back
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what is looked for, and examples.")]
pub(crate) struct Arguments {
    /// As JSON: times in seconds, shares in parts of 1
    #[arg(long)]
    json: bool,

    /// All connections, not only those that lasted longest
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    selection: Selection,
}

/// The exit status for what can't be begun with.
const UNREADABLE: u8 = 2;

/// Connections that are explained unless all are wanted.
const MOST: usize = 10;

/// Explains; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let flows = match arguments.selection.read() {
        Ok(connections) => connections.flows,
        Err(error) => return fail(UNREADABLE, &error),
    };
    if flows.is_empty() {
        return fail(1, "there is no such TCP connection in the capture");
    }
    let shown = longest(&flows, if arguments.all { usize::MAX } else { MOST });
    let left_out = flows.len() - shown.len();
    let explained = shown.into_iter().map(explain);
    if arguments.json {
        let all: Vec<Value> = explained.map(|explained| as_json(&explained)).collect();
        return print(&format!("{:#}\n", Value::from(all)));
    }
    let mut pages: Vec<String> = explained.map(|explained| explained.to_string()).collect();
    if left_out > 0 {
        pages.push(format!("{left_out} more connections, none of which lasted longer (--all)\n"));
    }
    print(&pages.join("\n"))
}

/// The connections that lasted longest, in their order.
fn longest(flows: &[Flow], most: usize) -> Vec<&Flow> {
    let life = |flow: &Flow| match (flow.steps.first(), flow.steps.last()) {
        (Some(first), Some(last)) => last.at.saturating_sub(first.at),
        _ => Duration::ZERO,
    };
    let mut order: Vec<usize> = (0..flows.len()).collect();
    order.sort_by_key(|number| (Reverse(life(&flows[*number])), *number));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|number| &flows[number]).collect()
}

fn fail(status: u8, why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {why}");
    ExitCode::from(status)
}

fn as_json(explained: &Explanation) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let side = |side: Side| {
        let direction = explained.directions[side.index()];
        json!({
            "address": explained.ends[side.index()].to_string(),
            "bytes": direction.bytes,
            "segments": direction.segments,
            "repeated": direction.repeated,
            "in_vain": direction.in_vain,
            "overtaken": direction.overtaken,
            "mss": direction.mss,
            "most_under_way": direction.most_under_way,
            "receiver_window": direction.widest_window,
            "closed_windows": direction.closed_windows,
            "bytes_per_second": direction.rate,
            "least_round_trip": seconds(direction.least_round_trip),
            "most_round_trip": seconds(direction.most_round_trip),
            "longest_queue": direction.longest_queue.as_secs_f64(),
            "distance": seconds(explained.distances[side.index()]),
        })
    };
    json!({
        "client": side(Side::Client),
        "server": side(Side::Server),
        "life": explained.life.as_secs_f64(),
        "outcome": explained.outcome.to_string(),
        "round_trip": seconds(explained.round_trip),
        "findings": explained.findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": explained.notes,
    })
}

fn finding(finding: &Finding) -> Value {
    let evidence = finding.evidence.iter().map(|evidence| {
        json!({
            "at": evidence.at.as_secs_f64(),
            "time": evidence.time.as_secs_f64(),
            "first_packet": evidence.packets.0,
            "last_packet": evidence.packets.1,
        })
    });
    json!({
        "cause": finding.cause.name(),
        "side": finding.side.map(|side| side.to_string()),
        "time": finding.time.as_secs_f64(),
        "share": f64::from(finding.share) / 1000.0,
        "times": finding.times,
        "evidence": evidence.collect::<Vec<_>>(),
        "words": finding.words,
        "change": finding.advice,
    })
}
