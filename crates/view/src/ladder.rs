//! Ladder diagrams: segments, or other packets, between two ends, in order, and the ends' states. Here as text.

use std::fmt::Write;
use std::time::Duration;

use sockeye_wire::tcp::Flags;

use crate::exchange::Exchange;
use crate::flow::{Flow, Side, State, Step};

/// Characters for a state's name.
const STATE: usize = 12;
/// Characters between the two ends, at least.
const NARROWEST: usize = 36;

/// What a ladder shows.
pub(crate) struct Ladder {
    pub(crate) title: &'static str,
    pub(crate) ends: [String; 2],
    /// The states before the first; nothing if there are none.
    pub(crate) first: [String; 2],
    pub(crate) rungs: Vec<Rung>,
    /// Packets that it has no rungs for.
    pub(crate) left_out: usize,
}

/// A packet on its way.
pub(crate) struct Rung {
    /// From the first on.
    pub(crate) at: Duration,
    pub(crate) from: Side,
    pub(crate) words: String,
    pub(crate) kind: Kind,
    /// Why it did not arrive, if it did not.
    pub(crate) dropped: Option<Box<str>>,
    /// The states that are new by it.
    pub(crate) states: [Option<String>; 2],
    /// Bytes of data, if it is one of a run that may be left out.
    plain: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Again,
    Other,
}

impl From<&Flow> for Ladder {
    fn from(flow: &Flow) -> Ladder {
        let mut states = flow.first_states();
        let began = flow.steps.first().map_or(Duration::ZERO, |step| step.at);
        let rungs = flow.steps.iter().map(|step| {
            let changes = [0, 1].map(|i| (step.states[i] != states[i]).then(|| step.states[i].to_string()));
            states = step.states;
            let kind = match (step.again, step.len) {
                (true, _) => Kind::Again,
                (false, 1..) => Kind::Data,
                (false, 0) => Kind::Other,
            };
            let quiet = !step.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST);
            let plain = quiet && step.dropped.is_none() && !step.again && step.sack.is_empty();
            Rung {
                at: step.at.saturating_sub(began),
                from: step.from,
                words: label(step),
                kind,
                dropped: step.dropped.clone(),
                states: changes,
                plain: plain.then_some(step.len),
            }
        });
        Ladder {
            title: "A TCP connection",
            ends: flow.ends.map(|end| end.to_string()),
            first: flow.first_states().map(|state: State| state.to_string()),
            rungs: rungs.collect(),
            left_out: flow.left_out,
        }
    }
}

impl From<&Exchange> for Ladder {
    fn from(exchange: &Exchange) -> Ladder {
        let began = exchange.messages.first().map_or(Duration::ZERO, |message| message.at);
        let rungs = exchange.messages.iter().map(|message| Rung {
            at: message.at.saturating_sub(began),
            from: message.from,
            words: message.words.clone(),
            kind: Kind::Data,
            dropped: message.dropped.clone(),
            states: [None, None],
            plain: None,
        });
        Ladder {
            title: "Packets between two hosts",
            ends: exchange.ends.map(|end| end.to_string()),
            first: Default::default(),
            rungs: rungs.collect(),
            left_out: exchange.left_out,
        }
    }
}

/// A connection as a ladder so many characters wide; times are from its first segment. Between long runs of data one way
/// lines are left out, unless `all` are wanted.
pub fn ladder(flow: &Flow, width: usize, all: bool) -> String {
    Ladder::from(flow).to_text(width, all)
}

/// What two hosts say to each other without TCP, as [`ladder`] has it.
pub fn exchange_ladder(exchange: &Exchange, width: usize) -> String {
    Ladder::from(exchange).to_text(width, true)
}

impl Ladder {
    fn to_text(&self, width: usize, all: bool) -> String {
        let middle = width.saturating_sub(2 * STATE + 16).max(NARROWEST);
        let mut out = String::new();
        let [client, server] = &self.ends;
        let inner = middle + STATE * 2 + 2;
        let space = inner.saturating_sub(client.len());
        put(&mut out, format_args!("{:10} {client}{server:>space$}", ""));
        let [first, second] = &self.first;
        put(&mut out, format_args!("{:10} {first:<STATE$}|{:middle$}|{second:>STATE$}", "", ""));
        let mut at = 0;
        while let Some(rung) = self.rungs.get(at) {
            let run = if all { 0 } else { run_of(&self.rungs[at..]) };
            if run > 6 {
                let (shown, rest) = self.rungs[at..at + run].split_at(2);
                let (hidden, last) = rest.split_at(run - 4);
                shown.iter().for_each(|rung| line(&mut out, rung, middle));
                let bytes: u64 = hidden.iter().filter_map(|rung| rung.plain).map(u64::from).sum();
                let text = format!("… {} segments, {bytes} bytes …", hidden.len());
                put(&mut out, format_args!("{:10} {:STATE$}|{text:^middle$}|", "", ""));
                last.iter().for_each(|rung| line(&mut out, rung, middle));
                at += run;
                continue;
            }
            line(&mut out, rung, middle);
            at += 1;
        }
        if self.left_out > 0 {
            put(&mut out, format_args!("{:10} and {} more", "", self.left_out));
        }
        out
    }
}

/// How many segments from here on do nothing but carry data on, or acknowledge it.
fn run_of(rungs: &[Rung]) -> usize {
    rungs.iter().take_while(|rung| rung.plain.is_some()).count()
}

/// Puts a line behind the others.
fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(line);
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
    out.push('\n');
}

fn line(out: &mut String, rung: &Rung, middle: usize) {
    let room = middle.saturating_sub(2);
    let mut text = format!(" {} ", rung.words);
    if text.chars().count() > room {
        text = text.chars().take(room.saturating_sub(2)).chain("… ".chars()).collect();
    }
    let dashes = room.saturating_sub(text.chars().count());
    let (before, after) = (dashes / 2, dashes - dashes / 2);
    let arrow = match (rung.from, rung.dropped.is_some()) {
        (Side::Client, false) => format!("-{}{text}{}>", "-".repeat(before), "-".repeat(after)),
        (Side::Server, false) => format!("<{}{text}{}-", "-".repeat(before), "-".repeat(after)),
        (Side::Client, true) => format!("-{}{text}x{}", "-".repeat(before), " ".repeat(after)),
        (Side::Server, true) => format!("{}x{text}{}-", " ".repeat(before), "-".repeat(after)),
    };
    let at = rung.at.as_secs_f64();
    let [left, right] = rung.states.each_ref().map(|state| state.as_deref().unwrap_or(""));
    let why = rung.dropped.as_ref().map_or(String::new(), |why| format!("  {why}"));
    put(out, format_args!("{at:>10.6} {left:<STATE$}|{arrow}|{right:>STATE$}{why}"));
}

/// A segment in few words.
fn label(step: &Step) -> String {
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
