//! A network with unmodified programs, in real time: a hub in this process, and on each host that runs something a
//! `sockeye run` with an attendant, who starts the programs there.

mod processes;
mod verdict;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_hub::{Happening, Hub, Place};
use sockeye_run::Pcap;
use sockeye_topology::{Program, Ready, Topology, What};

use super::RunArguments;
use super::counted::Counted;
use super::words::{Order, Report, Start};
use crate::network_file::Network;
use crate::output::print;
use processes::kill;
use sockeye_look::{Role, descendants};

/// How long programs that were told to end may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that the loop is told.
enum Told {
    Happens(Happening),
    Reports(Report),
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
    /// It was told to end, or its host was switched off.
    excused: bool,
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
    sender: Sender<Told>,
    attended: BTreeMap<usize, Attended>,
    fares: Vec<Fare>,
    failures: Vec<String>,
    quiet: bool,
    began: Option<Instant>,
}

/// Runs it; gives the exit status.
pub(super) fn run(arguments: &RunArguments, network: Network) -> ExitCode {
    match try_run(arguments, network) {
        Ok(status) => status,
        Err(why) => {
            let _ = writeln!(io::stderr(), "sockeye: {why}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(arguments: &RunArguments, network: Network) -> Result<ExitCode, String> {
    let Network { topology, files } = network;
    let place = Place::of(&format!("lab-{}", std::process::id())).map_err(|error| error.to_string())?;
    let seed = arguments.seed.or(topology.seed).unwrap_or(1);
    let mut hub = Hub::of(place.clone(), &topology, seed, files).map_err(|error| error.to_string())?;
    let hosts: Vec<_> = (0..topology.hosts.len()).filter(|host| runs_something(&topology, *host)).collect();
    // It can do without.
    let _ = hub.open_desk(Role::Lab, Some(arguments.file.display().to_string()));
    let (sender, told) = channel();
    hub.wait_for(hosts.len(), happenings(&sender));
    let watched = watch(&mut hub, &topology, arguments)?;
    let ended = sender.clone();
    let holder = thread::spawn(move || {
        let why = hub.serve().err().map(|error| error.to_string());
        // The loop may be over.
        let _ = ended.send(Told::Ended(why));
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
        quiet: arguments.json,
        began: None,
    };
    let went = hosts.iter().try_for_each(|host| run.plug_in(*host)).and_then(|()| run.go_on(&told));
    run.end_all();
    let _ = sockeye_hub::ask_down(&run.place);
    let _ = holder.join();
    went?;
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    let whole = watched.pcap.as_mut().is_none_or(Pcap::finish);
    run.judge(&watched.counted);
    let failed = !run.failures.is_empty() || !whole;
    let told = print(&run.summary(arguments.json, &watched.counted));
    Ok(if failed { ExitCode::FAILURE } else { told })
}

fn runs_something(topology: &Topology, host: usize) -> bool {
    topology.programs.iter().any(|program| program.host == host)
}

/// Passes what happens on to the loop.
fn happenings(sender: &Sender<Told>) -> Sender<Happening> {
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
    let idle =
        pcap.is_none() && (expected.retransmissions, expected.resets, expected.drops) == (None, None, None);
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
        command.args(["run", "--host", name, "--network", self.place.name()]);
        command.args(["--seed", &(self.seed.wrapping_add(host as u64 + 1)).to_string(), "--"]);
        command.arg(&own).args(["lab", "attend"]).current_dir(&self.folder);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().map_err(|error| format!("{name}: {error}"))?;
        let (Some(orders), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{name}: no pipes"));
        };
        let (sender, process) = (self.sender.clone(), child.id());
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Ok(report) = serde_json::from_str(&line) {
                    // The loop may be over.
                    let _ = sender.send(Told::Reports(report));
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
            self.start_what_can();
            if self.is_over() {
                return Ok(());
            }
            let wait =
                self.deadline().map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            let next = match told.recv_timeout(wait.min(Duration::from_secs(3600))) {
                Ok(next) => next,
                Err(RecvTimeoutError::Timeout) if self.note_time() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            match next {
                Told::Happens(happening) => self.happen(&happening)?,
                Told::Reports(report) => self.take(report),
                Told::Gone(host, process) => self.lose(host, process),
                Told::Ended(Some(why)) => return Err(why),
                Told::Ended(None) => {
                    self.failures.push("it was interrupted".to_owned());
                    return Ok(());
                }
            }
        }
    }

    fn happen(&mut self, happening: &Happening) -> Result<(), String> {
        let find = |name: &String| self.topology.hosts.iter().position(|host| host.name == *name);
        match happening {
            Happening::Began => self.began = Some(Instant::now()),
            Happening::Off(name) => {
                let Some(host) = find(name) else { return Ok(()) };
                for (program, fare) in self.topology.programs.iter().zip(&mut self.fares) {
                    fare.excused |= program.host == host;
                }
                if let Some(mut attended) = self.attended.remove(&host) {
                    kill(&mut attended.child);
                }
            }
            Happening::On(name) => {
                let Some(host) = find(name) else { return Ok(()) };
                for (program, fare) in self.topology.programs.iter().zip(&mut self.fares) {
                    if program.host == host {
                        // What it has printed, it has.
                        *fare = Fare { printed: std::mem::take(&mut fare.printed), ..Fare::default() };
                    }
                }
                self.plug_in(host)?;
            }
            Happening::Pause(name) => find(name).into_iter().for_each(|host| self.signal(host, "STOP")),
            Happening::Resume(name) => find(name).into_iter().for_each(|host| self.signal(host, "CONT")),
        }
        Ok(())
    }

    fn start_what_can(&mut self) {
        if self.began.is_none() {
            return;
        }
        for number in 0..self.fares.len() {
            let program = &self.topology.programs[number];
            let can = self.fares[number].began.is_none()
                && self.attended.contains_key(&program.host)
                && program.after.iter().all(|other| self.is_ready(*other));
            if can {
                self.start(number);
            }
        }
    }

    /// Whether those after it may begin.
    fn is_ready(&self, number: usize) -> bool {
        let (program, fare) = (&self.topology.programs[number], &self.fares[number]);
        match &program.ready {
            Some(Ready::After(time)) => fare.began.is_some_and(|began| began.elapsed() >= *time),
            Some(Ready::Port(_) | Ready::Prints(_)) => fare.ready,
            None if program.server => fare.began.is_some(),
            None => fare.ended.is_some(),
        }
    }

    fn start(&mut self, number: usize) {
        let program = &self.topology.programs[number];
        let port = match program.ready {
            Some(Ready::Port(port)) => Some(port),
            _ => None,
        };
        let start = Start {
            program: number,
            command: program.command.clone(),
            environment: program.environment.clone(),
            directory: program.directory.clone(),
            port,
        };
        self.fares[number].began = Some(Instant::now());
        self.order(program.host, &Order::Start(start));
    }

    fn order(&mut self, host: usize, order: &Order) {
        if let Some(attended) = self.attended.get_mut(&host) {
            let text = serde_json::to_string(order).unwrap_or_default();
            // If it has gone, that is told.
            let _ = writeln!(attended.orders, "{text}");
        }
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Listens(program) => {
                if let Some(fare) = self.fares.get_mut(program) {
                    fare.ready = true;
                }
            }
            Report::Line { program, error, text } => self.line(program, error, &text),
            Report::Ended(program, status) => {
                let Some(fare) = self.fares.get_mut(program) else { return };
                let took = fare.began.map(|began| began.elapsed()).unwrap_or_default();
                fare.ended = Some((status, took));
            }
            Report::Failed(program, why) => {
                let Some(fare) = self.fares.get_mut(program) else { return };
                fare.ended = Some((127, Duration::ZERO));
                fare.excused = true;
                self.failures
                    .push(format!("{}: can't be started: {why}", self.topology.programs[program].name));
            }
        }
    }

    fn line(&mut self, number: usize, error: bool, text: &str) {
        let Some(program) = self.topology.programs.get(number) else { return };
        let fare = &mut self.fares[number];
        for (what, printed) in program.prints.iter().zip(&mut fare.printed) {
            *printed |= text.contains(what);
        }
        if matches!(&program.ready, Some(Ready::Prints(what)) if text.contains(what)) {
            fare.ready = true;
        }
        if self.quiet {
            return;
        }
        let line = format!("[{} {}] {text}\n", self.topology.hosts[program.host].name, program.name);
        // Nobody may be there to read it.
        let _ = if error {
            io::stderr().write_all(line.as_bytes())
        } else {
            io::stdout().write_all(line.as_bytes())
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

    /// Whether all that is waited for has ended, and no host that is off comes back.
    fn is_over(&self) -> bool {
        let Some(began) = self.began else { return false };
        let comes_back = |host: usize| {
            let on =
                |event: &sockeye_topology::Event| event.what == What::On(host) && began.elapsed() < event.at;
            self.topology.events.iter().any(on)
        };
        self.topology.programs.iter().zip(&self.fares).all(|(program, fare)| {
            let gone = !self.attended.contains_key(&program.host) && !comes_back(program.host);
            program.server || fare.ended.is_some() || gone
        })
    }

    /// When something is to be looked at without anybody telling.
    fn deadline(&self) -> Option<Instant> {
        let programs = self.topology.programs.iter().zip(&self.fares);
        let times = programs.flat_map(|(program, fare)| {
            let ready = match program.ready {
                Some(Ready::After(time)) => fare.began.map(|began| began + time),
                _ => None,
            };
            let late = fare.began.zip(program.within).filter(|_| fare.ended.is_none() && !fare.excused);
            [ready.filter(|at| *at > Instant::now()), late.map(|(began, within)| began + within)]
        });
        let whole = self.began.zip(self.topology.expectations.within).map(|(began, within)| began + within);
        times.chain([whole]).flatten().min()
    }

    /// What has taken too long is told to end. Whether it is the whole.
    fn note_time(&mut self) -> bool {
        let too_long = |began: Option<Instant>, within: Option<Duration>| {
            began.zip(within).is_some_and(|(began, within)| began.elapsed() >= within)
        };
        let whole = too_long(self.began, self.topology.expectations.within);
        if whole {
            let within = self.topology.expectations.within.unwrap_or_default();
            self.failures.push(format!("it takes longer than {within:?}"));
        }
        for number in 0..self.fares.len() {
            let (program, fare) = (&self.topology.programs[number], &mut self.fares[number]);
            let late = too_long(fare.began, program.within);
            if fare.ended.is_some() || fare.excused || !(late || whole) {
                continue;
            }
            fare.excused = true;
            fare.ended = Some((-1, Duration::ZERO));
            if late {
                let within = program.within.unwrap_or_default();
                self.failures.push(format!("{}: takes longer than {within:?}", program.name));
            }
            let host = program.host;
            self.order(host, &Order::End(number));
        }
        whole
    }

    /// Tells all that still runs to end, then ends it.
    fn end_all(&mut self) {
        for number in 0..self.fares.len() {
            if self.fares[number].ended.is_none() {
                let host = self.topology.programs[number].host;
                self.order(host, &Order::End(number));
            }
        }
        for attended in std::mem::take(&mut self.attended).into_values() {
            let Attended { mut child, orders } = attended;
            drop(orders);
            let until = Instant::now() + PATIENCE;
            while child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            kill(&mut child);
        }
    }

    fn signal(&self, host: usize, name: &str) {
        let Some(attended) = self.attended.get(&host) else { return };
        let own = attended.child.id();
        for process in std::iter::once(own).chain(descendants(&[own])) {
            let process = i32::try_from(process).unwrap_or(0);
            let signal =
                if name == "STOP" { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
            if let Some(process) = rustix::process::Pid::from_raw(process) {
                // It may have ended meanwhile.
                let _ = rustix::process::kill_process(process, signal);
            }
        }
    }
}
