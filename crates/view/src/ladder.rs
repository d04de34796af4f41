//! Ladder diagrams as text: a connection's segments between its two ends, in order, and their states.

use std::fmt::Write;
use std::time::Duration;

use sockeye_wire::tcp::Flags;

use crate::flow::{Flow, Side, State, Step};

/// Characters for a state's name.
const STATE: usize = 12;
/// Characters between the two ends, at least.
const NARROWEST: usize = 36;

/// A connection as a ladder so many characters wide; times are from its first segment. Between long runs of data one way
/// lines are left out, unless `all` are wanted.
pub fn ladder(flow: &Flow, width: usize, all: bool) -> String {
    let middle = width.saturating_sub(2 * STATE + 16).max(NARROWEST);
    let mut out = String::new();
    let [client, server] = flow.ends.map(|end| end.to_string());
    let inner = middle + STATE * 2 + 2;
    put(
        &mut out,
        format_args!("{:10} {client}{:>space$}", "", server, space = inner.saturating_sub(client.len())),
    );
    let mut states = flow.first_states();
    put(&mut out, format_args!("{:10} {:<STATE$}|{:middle$}|{:>STATE$}", "", states[0], "", states[1]));
    let Some(began) = flow.steps.first().map(|step| step.at) else { return out };
    let mut at = 0;
    while let Some(step) = flow.steps.get(at) {
        let run = if all { 0 } else { run_of(&flow.steps[at..]) };
        if run > 6 {
            for step in &flow.steps[at..at + 2] {
                line(&mut out, step, (began, middle), &mut states);
            }
            let bytes: u64 = flow.steps[at + 2..at + run - 2].iter().map(|step| u64::from(step.len)).sum();
            let text = format!("… {} segments, {bytes} bytes …", run - 4);
            put(&mut out, format_args!("{:10} {:STATE$}|{text:^middle$}|", "", ""));
            for step in &flow.steps[at + run - 2..at + run] {
                line(&mut out, step, (began, middle), &mut states);
            }
            at += run;
            continue;
        }
        line(&mut out, step, (began, middle), &mut states);
        at += 1;
    }
    if flow.left_out > 0 {
        put(&mut out, format_args!("{:10} and {} segments more", "", flow.left_out));
    }
    out
}

/// How many segments from here on do nothing but carry data on, or acknowledge it.
fn run_of(steps: &[Step]) -> usize {
    let plain = |step: &Step| {
        let quiet = !step.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST);
        quiet && step.dropped.is_none() && !step.again && step.sack.is_empty()
    };
    steps.iter().take_while(|step| plain(step)).count()
}

/// Puts a line behind the others.
fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(line);
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
    out.push('\n');
}

fn line(out: &mut String, step: &Step, (began, middle): (Duration, usize), states: &mut [State; 2]) {
    let text = format!(" {} ", label(step));
    let room = middle.saturating_sub(2);
    let text: String = text.chars().take(room).collect();
    let dashes = room.saturating_sub(text.chars().count());
    let (before, after) = (dashes / 2, dashes - dashes / 2);
    let arrow = match (step.from, step.dropped.is_some()) {
        (Side::Client, false) => format!("-{}{text}{}>", "-".repeat(before), "-".repeat(after)),
        (Side::Server, false) => format!("<{}{text}{}-", "-".repeat(before), "-".repeat(after)),
        (Side::Client, true) => format!("-{}{text}x{}", "-".repeat(before), " ".repeat(after)),
        (Side::Server, true) => format!("{}x{text}{}-", " ".repeat(before), "-".repeat(after)),
    };
    let shown: [String; 2] = std::array::from_fn(|i| {
        let now = step.states[i];
        if now == states[i] { String::new() } else { now.to_string() }
    });
    *states = step.states;
    let at = step.at.saturating_sub(began).as_secs_f64();
    let why = step.dropped.as_ref().map_or(String::new(), |why| format!("  {why}"));
    put(out, format_args!("{at:>10.6} {:<STATE$}|{arrow}|{:>STATE$}{why}", shown[0], shown[1]));
}

/// A segment in few words.
pub(crate) fn label(step: &Step) -> String {
    let names = [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::RST, "RST"), (Flags::URG, "URG")];
    let mut words: Vec<String> = names
        .iter()
        .filter(|(flag, _)| step.flags.contains(*flag))
        .map(|(_, name)| (*name).to_owned())
        .collect();
    if step.len > 0 {
        words.push(format!("{}:{}", step.seq, step.seq + i64::from(step.len)));
    } else if !words.is_empty() {
        words.push(format!("seq {}", step.seq));
    }
    if let Some(ack) = step.ack {
        words.push(format!("ack {ack}"));
    }
    words.extend(step.sack.iter().map(|(from, to)| format!("sack {from}:{to}")));
    if !step.flags.contains(Flags::RST) {
        words.push(format!("win {}", step.window));
    }
    words.extend(step.mss.map(|mss| format!("mss {mss}")));
    if step.again {
        words.push("(again)".to_owned());
    }
    words.join(" ")
}
