//! A network in virtual time: one run, or one for each of many seeds.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sockeye_topology::value::counted;
use sockeye_topology::{Files, Outcome, Said, Simulation, Talked, Topology, Traffic, Work};

use super::{RunArguments, counted, tell};
use crate::interrupt::Stop;
use crate::network_file::Network;

/// Seeds that failed and are told of.
const MOST_TOLD: usize = 10;
/// A run that takes longer shows how far it is.
const A_WHILE: Duration = Duration::from_millis(500);
/// Moments of virtual time between looks at the clock.
const MOMENTS: u32 = 1024;

pub(super) fn run(arguments: &RunArguments, network: Network) -> ExitCode {
    let Network { topology, files } = network;
    if let Some(seeds) = &arguments.seeds {
        return search(arguments, &topology, &files, seeds.clone());
    }
    let seed = arguments.seed.or(topology.seed).unwrap_or(1);
    // Without it a signal ends all at once.
    let stop = Stop::listen(|| {}).unwrap_or_default();
    let (outcome, whole) = match simulate_seen(arguments, &topology, (seed, &stop), files) {
        Ok(outcome) => outcome,
        Err(why) => {
            let _ = writeln!(io::stderr(), "sockeye: {why}");
            return ExitCode::FAILURE;
        }
    };
    let told = tell(&if arguments.json {
        format!("{:#}\n", as_json(&topology, seed, &outcome))
    } else {
        as_text(&topology, seed, &outcome)
    });
    match stop.exit_status().filter(|_| outcome.interrupted) {
        Some(status) => status,
        None if outcome.failures.is_empty() && whole => told,
        None => ExitCode::FAILURE,
    }
}

/// One run, captured if that is asked for; and whether the capture is whole.
fn simulate_seen(
    arguments: &RunArguments,
    topology: &Topology,
    (seed, stop): (u64, &Stop),
    files: Files,
) -> Result<(Outcome, bool), String> {
    let mut progress = Progress::new(stop);
    let goes_on = &mut |now| progress.goes_on(now);
    let simulation = begin(topology, seed, files)?;
    // Virtual time begins at 0, so that the same run is the same file.
    let Some(mut pcap) = arguments.capture(Duration::ZERO)? else {
        return Ok((simulation.run_while(None, goes_on), true));
    };
    let outcome = simulation.run_while(Some(&mut |lab, captured| pcap.show(lab, captured)), goes_on);
    Ok((outcome, pcap.finish()))
}

/// How far a run has come: shown on a terminal if it takes a while; and whether it goes on, which a signal ends.
struct Progress<'a> {
    stop: &'a Stop,
    began: Instant,
    moments: u32,
    line: Option<ProgressBar>,
}

impl Progress<'_> {
    fn new(stop: &Stop) -> Progress<'_> {
        Progress { stop, began: Instant::now(), moments: 0, line: None }
    }

    /// It comes to this moment.
    fn goes_on(&mut self, now: sockeye_base::Instant) -> bool {
        self.moments = self.moments.wrapping_add(1);
        if self.moments.is_multiple_of(MOMENTS) && self.began.elapsed() >= A_WHILE {
            let line = self.line.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("{msg}");
                ProgressBar::new_spinner()
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            });
            let time = now.since(sockeye_base::Instant::ZERO).as_secs_f64();
            line.set_message(format!("{time:.1} s of virtual time, {:.0?}", self.began.elapsed()));
        }
        !self.stop.is_told()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.line.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn begin(topology: &Topology, seed: u64, files: Files) -> Result<Simulation<'_>, String> {
    Simulation::new(topology, seed, files).map_err(|errno| format!("a service: {errno}"))
}

/// Tries all seeds, as many at a time as there are processors.
fn search(
    arguments: &RunArguments,
    topology: &Topology,
    files: &Files,
    seeds: RangeInclusive<u64>,
) -> ExitCode {
    let count = (seeds.end() - seeds.start()).saturating_add(1);
    let style = "{bar:40} {pos}/{len} seeds, {msg} failed, {eta} left";
    let bar = ProgressBar::new(count).with_message("none");
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    // Without it a signal ends all at once.
    let stop = Stop::listen(|| {}).unwrap_or_default();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || stop.is_told() {
                        return;
                    }
                    let seed = seeds.start() + at;
                    let failures = match begin(topology, seed, files.clone()) {
                        Ok(simulation) => simulation.run(None).failures,
                        Err(why) => vec![why],
                    };
                    // Both counts at once: nobody sees more of them fail than there were.
                    let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    bar.inc(1);
                    if !failures.is_empty() {
                        failed.push((seed, failures));
                        bar.set_message(failed.len().to_string());
                    }
                }
            });
        }
    });
    // Finishing sets it to the end.
    let tried = bar.position();
    bar.finish_and_clear();
    let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.sort();
    let text = if arguments.json {
        let failed: Vec<_> =
            failed.iter().map(|(seed, why)| json!({ "seed": seed, "failures": why })).collect();
        format!("{:#}\n", json!({ "seeds": tried, "failed": failed }))
    } else {
        found(arguments, &failed, tried)
    };
    if tried < count {
        let _ = writeln!(io::stderr(), "sockeye: interrupted after {tried} of {}", counted(count, "seed"));
    }
    let told = tell(&text);
    match failed.is_empty() {
        true if tried < count => stop.exit_status().unwrap_or(told),
        true => told,
        false => ExitCode::FAILURE,
    }
}

fn found(arguments: &RunArguments, failed: &[(u64, Vec<String>)], count: u64) -> String {
    let mut text = format!("{}: {} failed\n", counted(count, "seed"), failed.len());
    for (seed, failures) in failed.iter().take(MOST_TOLD) {
        text += &format!("  seed {seed}: {}\n", failures.join("; "));
    }
    if failed.len() > MOST_TOLD {
        text += &format!("  and {} more\n", failed.len() - MOST_TOLD);
    }
    if let Some((seed, _)) = failed.first() {
        text += &format!("to repeat one: sockeye lab run --seed {seed} {}\n", arguments.file.display());
    }
    text
}

fn as_text(topology: &Topology, seed: u64, outcome: &Outcome) -> String {
    let name = topology.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let interrupted = if outcome.interrupted { ", interrupted" } else { "" };
    let mut text = format!("{name}seed {seed}, {:?} of virtual time{interrupted}\n", outcome.end);
    let width = topology.traffic.iter().map(|traffic| traffic.name.len()).max().unwrap_or(0);
    for (traffic, talked) in topology.traffic.iter().zip(&outcome.talks) {
        text += &format!("  {:<width$}  {}\n", traffic.name, line(traffic, talked));
        text += &said(&talked.said);
    }
    text += &counted::dropped(&outcome.drops);
    for failure in &outcome.failures {
        text += &format!("FAILED  {failure}\n");
    }
    text
}

fn line(traffic: &Traffic, talked: &Talked) -> String {
    let seconds = talked.took.as_secs_f64();
    let mut text = match traffic.work {
        Work::Stream(_) => {
            let rate = if seconds > 0.0 { talked.bytes as f64 * 8.0 / seconds / 1e6 } else { 0.0 };
            format!("{} in {:?}, {rate:.3} Mbit/s", counted(talked.bytes, "byte"), talked.took)
        }
        Work::Exchanges { .. } => format!("{} in {:?}", counted(talked.count, "answer"), talked.took),
        Work::Datagrams { count, .. } => format!("{} of {}", talked.count, counted(count, "datagram")),
        Work::Calls(_) => format!("{} in {:?}", counted(talked.count, "call"), talked.took),
    };
    if let Some([least, mean, most]) = talked.times {
        text += &format!(", {least:?} to {most:?} each, {mean:?} on average");
    }
    if talked.segments > 0 {
        text += &format!(", {}", counted(talked.segments, "segment"));
    }
    if talked.again > 0 {
        text += &format!(", {} of them again", talked.again);
    }
    text
}

/// What programs called: when each call returned, what it gave, and after how long.
fn said(said: &[Said]) -> String {
    let width = said.iter().map(|said| said.who.len()).max().unwrap_or(0);
    let line = |said: &Said| {
        let Said { at, took, who, call, gave } = said;
        let at = at.since(sockeye_base::Instant::ZERO).as_secs_f64();
        let took = if took.is_zero() { String::new() } else { format!("  after {took:?}") };
        format!("{at:>12.6}  {who:<width$}  {call} = {gave}{took}\n")
    };
    said.iter().map(line).collect()
}

fn as_json(topology: &Topology, seed: u64, outcome: &Outcome) -> serde_json::Value {
    let traffic = topology.traffic.iter().zip(&outcome.talks);
    let talks: Vec<_> = traffic
        .map(|(traffic, talked)| {
            let times = talked.times.map(|times| times.map(|time| time.as_secs_f64()));
            let calls: Vec<_> = talked.said.iter().map(call_as_json).collect();
            json!({
                "name": traffic.name,
                "seconds": talked.took.as_secs_f64(),
                "bytes": talked.bytes,
                "count": talked.count,
                "segments": talked.segments,
                "retransmissions": talked.again,
                "times": times,
                "calls": calls,
                "failed": talked.failed,
            })
        })
        .collect();
    json!({
        "name": topology.name,
        "seed": seed,
        "seconds": outcome.end.as_secs_f64(),
        "interrupted": outcome.interrupted,
        "traffic": talks,
        "retransmissions": outcome.retransmissions,
        "resets": outcome.resets,
        "drops": outcome.drops,
        "failures": outcome.failures,
    })
}

fn call_as_json(said: &Said) -> serde_json::Value {
    json!({
        "seconds": said.at.since(sockeye_base::Instant::ZERO).as_secs_f64(),
        "took": said.took.as_secs_f64(),
        "who": said.who,
        "call": said.call.to_string(),
        "gave": said.gave.to_string(),
    })
}
