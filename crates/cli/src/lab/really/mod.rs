//! A network with unmodified programs, in real time: a hub in this process, and on each host that runs something a
//! `sockeye run` with an attendant, who starts the programs there.
//!
//! Flow: all that happens comes to one loop as a [`Told`]; `turns` says what may begin and what is over, `timetable` does what the
//! file has happen, `ending` ends what is left, and `verdict` judges.

mod ending;
mod processes;
mod timetable;
mod turns;
mod verdict;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_hub::{Happening, Hub, Place};
use sockeye_look::Role;
use sockeye_run::Pcap;
use sockeye_topology::{Program, Ready, Topology};

use super::counted::Counted;
use super::words::{Order, Report};
use super::{RunArguments, tell};
use crate::interrupt::Stop;
use crate::network_file::Network;

/// What the loop hasn't looked at yet: who has more to tell waits.
const MOST_TOLD: usize = 64;

/// Something that the loop is told.
enum Told {
    Happens(Happening),
    /// By the process of a host.
    Reports(usize, u32, Report),
    /// The process of a host has gone; which of those it had.
    Gone(usize, u32),
    /// The hub has ended: by a signal, or because it failed.
    Ended(Option<String>),
}

/// How a program fares.
#[derive(Clone, Debug, Default)]
struct Fare {
    began: Option<Instant>,
    ready: bool,
    ended: Option<(i32, Duration)>,
    /// It could not be started.
    missing: bool,
    /// It was told to end, or its host was switched off.
    excused: bool,
    /// Its host was switched off before it had ended.
    lost: bool,
    /// It was ready when its host was switched off.
    served: bool,
    /// What is wrong with its end was said.
    blamed: bool,
    printed: Vec<bool>,
}

/// What came of the frames on the network.
struct Watched {
    counted: Counted,
    pcap: Option<Pcap>,
}

/// A host's process.
struct Attended {
    child: Child,
    orders: ChildStdin,
}

struct Run<'a> {
    topology: &'a Topology,
    folder: PathBuf,
    place: Place,
    seed: u64,
    sender: SyncSender<Told>,
    attended: BTreeMap<usize, Attended>,
    fares: Vec<Fare>,
    failures: Vec<String>,
    /// All that is said, but what came of it, goes to standard error.
    json: bool,
    /// Tells the hub that hosts leave because all is over.
    over: Arc<AtomicBool>,
    began: Option<Instant>,
    /// How many events of the timetable have happened.
    happened: usize,
    /// Somebody ended it.
    interrupted: bool,
}

/// Runs it; gives the exit status.
pub(super) fn run(arguments: &RunArguments, network: Network) -> ExitCode {
    match try_run(arguments, network) {
        Ok(status) => status,
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error.
fn complain(why: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "sockeye: {why}");
}

fn try_run(arguments: &RunArguments, network: Network) -> Result<ExitCode, String> {
    let Network { topology, files } = network;
    let place = Place::of(&format!("lab-{}", std::process::id())).map_err(|error| error.to_string())?;
    let seed = arguments.seed.or(topology.seed).unwrap_or(1);
    // Before the hub hears of it. Without, it isn't known which signal it was.
    let socket = place.path().to_owned();
    let stop = Stop::listen(move || processes::kill_all(&socket)).unwrap_or_default();
    let mut hub = Hub::of(place.clone(), &topology, seed, files).map_err(|error| error.to_string())?;
    let hosts: Vec<_> = (0..topology.hosts.len()).filter(|host| runs_something(&topology, *host)).collect();
    // It can do without.
    let _ = hub.open_desk(Role::Lab, Some(arguments.file.display().to_string()));
    let over = hub.over();
    let (sender, told) = sync_channel(MOST_TOLD);
    hub.wait_for(hosts.len(), happenings(&sender));
    let watched = watch(&mut hub, &topology, arguments)?;
    let ended = sender.clone();
    let holder = thread::spawn(move || {
        let why = hub.serve().err().map(|error| error.to_string());
        // The loop may be over.
        let _ = ended.send(Told::Ended(why));
        hub.dropped()
    });
    let folder = arguments.file.parent().unwrap_or(Path::new("")).to_owned();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    let mut run = Run {
        topology: &topology,
        folder,
        place,
        seed,
        sender,
        attended: BTreeMap::new(),
        fares: topology.programs.iter().map(Fare::of).collect(),
        failures: Vec::new(),
        json: arguments.json,
        over,
        began: None,
        happened: 0,
        interrupted: false,
    };
    let went = hosts.iter().try_for_each(|host| run.plug_in(*host)).and_then(|()| run.go_on(&told));
    run.end_all(&told);
    // Who has something to tell still isn't kept waiting.
    drop(told);
    let _ = sockeye_hub::ask_down(&run.place);
    let dropped = holder.join().unwrap_or_default();
    went?;
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.counted.drops = dropped;
    let whole = watched.pcap.as_mut().is_none_or(Pcap::finish);
    run.judge(&watched.counted);
    let failed = !run.failures.is_empty() || !whole;
    let told = tell(&run.summary(arguments.json, &watched.counted));
    Ok(match stop.exit_status() {
        Some(status) => status,
        None if failed || run.interrupted => ExitCode::FAILURE,
        None => told,
    })
}

fn runs_something(topology: &Topology, host: usize) -> bool {
    topology.programs.iter().any(|program| program.host == host)
}

/// Passes what happens on to the loop.
fn happenings(sender: &SyncSender<Told>) -> std::sync::mpsc::Sender<Happening> {
    let (teller, happens) = channel();
    let sender = sender.clone();
    thread::spawn(move || {
        happens.into_iter().try_for_each(|happening| sender.send(Told::Happens(happening)))
    });
    teller
}

/// Counts frames, and writes them to a file if that is wanted.
fn watch(
    hub: &mut Hub,
    topology: &Topology,
    arguments: &RunArguments,
) -> Result<Arc<Mutex<Watched>>, String> {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let pcap = arguments.capture(since_1970)?;
    let expected = &topology.expectations;
    let idle = pcap.is_none() && (expected.retransmissions, expected.resets) == (None, None);
    let watched = Arc::new(Mutex::new(Watched { counted: Counted::default(), pcap }));
    if !idle {
        let watched = Arc::clone(&watched);
        hub.watch(Box::new(move |lab, captured| {
            let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.counted.count(captured);
            if let Some(pcap) = &mut watched.pcap {
                pcap.show(lab, captured);
            }
        }));
    }
    Ok(watched)
}

impl Fare {
    /// That of a program which wasn't started yet.
    fn of(program: &Program) -> Fare {
        Fare { printed: vec![false; program.prints.len()], ..Fare::default() }
    }
}

impl Run<'_> {
    /// Starts the process of a host.
    fn plug_in(&mut self, host: usize) -> Result<(), String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let name = &self.topology.hosts[host].name;
        let mut command = Command::new(&own);
        command.args(["run", "--attended", "--host", name, "--network", self.place.name()]);
        command.args(["--seed", &(self.seed.wrapping_add(host as u64 + 1)).to_string(), "--"]);
        command.arg(&own).args(["lab", "attend"]).current_dir(&self.folder);
        // A terminal's ^C is for us alone: we end them.
        let piped = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().map_err(|error| format!("{name}: {error}"))?;
        let (Some(orders), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{name}: no pipes"));
        };
        let (sender, process) = (self.sender.clone(), child.id());
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Ok(report) = serde_json::from_str(&line) {
                    // The loop may be over. What is said still is read, so that nobody waits for that.
                    let _ = sender.send(Told::Reports(host, process, report));
                }
            }
            let _ = sender.send(Told::Gone(host, process));
        });
        self.attended.insert(host, Attended { child, orders });
        Ok(())
    }

    /// Does what is to be done until all programs that are waited for have ended.
    fn go_on(&mut self, told: &Receiver<Told>) -> Result<(), String> {
        loop {
            let seen = Instant::now();
            self.start_what_can();
            if self.is_over() {
                return Ok(());
            }
            let wait =
                self.deadline(seen).map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            let next = match told.recv_timeout(wait.min(Duration::from_secs(3600))) {
                Ok(next) => next,
                Err(RecvTimeoutError::Timeout) if self.note_time() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            match next {
                Told::Happens(happening) => self.happen(&happening)?,
                Told::Reports(host, process, report) => self.take((host, process), report),
                Told::Gone(host, process) => {
                    self.lose(host, process);
                    if self.began.is_none() {
                        // It never will.
                        return Err(self.failures.join("; "));
                    }
                }
                Told::Ended(Some(why)) => return Err(why),
                Told::Ended(None) => {
                    self.interrupted = true;
                    return Ok(());
                }
            }
        }
    }

    fn order(&mut self, host: usize, order: &Order) {
        if let Some(attended) = self.attended.get_mut(&host) {
            let text = serde_json::to_string(order).unwrap_or_default();
            // If it has gone, that is told.
            let _ = writeln!(attended.orders, "{text}");
        }
    }

    /// Takes what a host's process reports. Of one that was switched off only what was printed counts.
    fn take(&mut self, (host, process): (usize, u32), report: Report) {
        let is_there = self.attended.get(&host).is_some_and(|attended| attended.child.id() == process);
        match report {
            Report::Lines { program, error, text } => self.say_lines(program, error, &text),
            Report::Serves(program) if is_there => {
                self.fares.get_mut(program).into_iter().for_each(|fare| fare.ready = true);
            }
            Report::Ended { program, status, told } if is_there => self.note_end(program, status, told),
            Report::Failed(program, why) if is_there => {
                let Some(fare) = self.fares.get_mut(program) else { return };
                fare.ended = Some((127, Duration::ZERO));
                (fare.missing, fare.blamed) = (true, true);
                let name = &self.topology.programs[program].name;
                self.failures.push(format!("{name}: can't be started: {why}"));
            }
            Report::Serves(_) | Report::Ended { .. } | Report::Failed(..) => {}
        }
    }

    fn say_lines(&mut self, number: usize, error: bool, lines: &str) {
        let Some(program) = self.topology.programs.get(number) else { return };
        let fare = &mut self.fares[number];
        let mut text = String::new();
        let head = format!("[{} {}] ", self.topology.hosts[program.host].name, program.name);
        for line in lines.split('\n').map(|line| line.trim_end_matches('\r')) {
            for (what, printed) in program.prints.iter().zip(&mut fare.printed) {
                *printed |= line.contains(what);
            }
            fare.ready |= matches!(&program.ready, Some(Ready::Prints(what)) if line.contains(what));
            text.extend([&*head, line, "\n"]);
        }
        self.say(&text, error);
    }

    /// Says what happens: as an error, or beside JSON, on standard error.
    fn say(&self, text: &str, error: bool) {
        // Nobody may be there to read it.
        let _ = if error || self.json {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout().write_all(text.as_bytes())
        };
    }

    /// A host's process has gone.
    fn lose(&mut self, host: usize, process: u32) {
        if self.attended.get(&host).is_none_or(|attended| attended.child.id() != process) {
            return;
        }
        if let Some(mut attended) = self.attended.remove(&host) {
            let status = attended.child.wait().map(|status| status.to_string()).unwrap_or_default();
            self.failures
                .push(format!("{}: its sockeye run has ended ({status})", self.topology.hosts[host].name));
        }
        for (program, fare) in self.topology.programs.iter().zip(&mut self.fares) {
            if program.host == host && fare.ended.is_none() {
                fare.ended = Some((-1, Duration::ZERO));
                fare.excused = true;
            }
        }
    }
}
