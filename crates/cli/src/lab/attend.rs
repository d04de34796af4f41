//! The attendant: the first program on each host of a network that is run. It starts the others and tells how they fare.

mod output;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use sockeye_look::{Client, Found, Protocol, Socket, State};

use super::words::{Order, Report, Start};

/// Between looks at a port: a tenth of the time that it has taken, within these.
const A_MOMENT: Duration = Duration::from_millis(5);
const A_WHILE: Duration = Duration::from_millis(100);

/// What runs, by its number.
type Running = Arc<Mutex<BTreeMap<usize, Process>>>;

struct Process {
    id: Option<Pid>,
    /// It was told to end.
    told: bool,
}

/// Does as it is told on standard input until that ends.
pub(super) fn attend() -> ExitCode {
    let running = Running::default();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Order::Start(start)) => begin(start, &running),
            Ok(Order::End(program)) => end(program, &running),
            Err(_) => return ExitCode::FAILURE,
        }
    }
    // Whoever told what to do is gone: what is left ends with this process.
    ExitCode::SUCCESS
}

fn tell(report: &Report) {
    let mut text = serde_json::to_string(report).unwrap_or_default();
    text.push('\n');
    let mut out = std::io::stdout().lock();
    // If nobody listens, there is nobody to say so to.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn begin(start: Start, running: &Running) {
    match spawn(&start) {
        Ok((child, process)) => {
            lock(running).insert(start.program, Process { id: pid_of(&child), told: false });
            let running = Arc::clone(running);
            thread::spawn(move || look_after(&start, child, (&process, &running)));
        }
        Err(error) => tell(&Report::Failed(start.program, why_not(&start, &error))),
    }
}

fn spawn(start: &Start) -> std::io::Result<(Child, OwnedFd)> {
    let (name, arguments) = start.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(name);
    command.args(arguments).envs(start.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    let mut child = command.spawn()?;
    let process =
        pid_of(&child).ok_or(rustix::io::Errno::SRCH).and_then(|id| pidfd_open(id, PidfdFlags::empty()));
    let process = process.inspect_err(|_| {
        let _ = child.kill().and_then(|()| child.wait());
    });
    Ok((child, process?))
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Why a program can't be started, and which file that is about.
fn why_not(start: &Start, error: &std::io::Error) -> String {
    let no_folder = start.directory.as_ref().filter(|folder| !Path::new(folder).is_dir());
    let file = no_folder.or(start.command.first()).map_or("", String::as_str);
    let text = error.to_string();
    format!("{file}: {}", text.split_once(" (os error").map_or(&*text, |(text, _)| text))
}

fn look_after(start: &Start, mut child: Child, (process, running): (&OwnedFd, &Running)) {
    let program = start.program;
    if let Some(port) = start.port {
        let (running, holder) = (Arc::clone(running), start.holder);
        thread::spawn(move || watch_port(program, (holder, port), &running));
    }
    let mut told = false;
    let mut forget = || told |= lock(running).remove(&program).is_some_and(|process| process.told);
    if output::pass_on(program, &mut child, process, &mut forget).is_err() {
        // Nothing more can be heard of it.
        let _ = child.kill();
        forget();
    }
    let status =
        child.wait().ok().and_then(|status| status.code().or_else(|| status.signal().map(|by| 128 + by)));
    tell(&Report::Ended { program, status: status.unwrap_or(-1), told });
}

/// Tells when a port of this host is some program's, as long as the program runs that has to do with it. The host itself is asked:
/// nobody notices, as he would of a connection.
fn watch_port(program: usize, (holder, port): (u32, u16), running: &Running) {
    let is_holder = |found: &Found| found.pid == holder;
    let Some(host) = sockeye_look::running().unwrap_or_default().into_iter().find(is_holder) else { return };
    let began = Instant::now();
    while lock(running).contains_key(&program) {
        if is_served(&host, port) {
            return tell(&Report::Serves(program));
        }
        thread::sleep((began.elapsed() / 10).clamp(A_MOMENT, A_WHILE));
    }
}

/// Whether some program listens at a port, or has a socket of UDP there.
fn is_served(host: &Found, port: u16) -> bool {
    let snapshot = Client::connect(host).and_then(|mut client| client.snapshot());
    // What the host serves by itself no program has open.
    let serves = |socket: &Socket| match socket.protocol {
        _ if socket.local.port() != port || socket.inode == 0 => false,
        Protocol::Tcp | Protocol::Tcp6 => socket.state == State::Listen,
        Protocol::Udp | Protocol::Udp6 => socket.state == State::Close,
        Protocol::Raw | Protocol::Raw6 | Protocol::Icmp | Protocol::Icmp6 => false,
    };
    snapshot.is_ok_and(|snapshot| snapshot.hosts.iter().flat_map(|host| &host.sockets).any(serves))
}

fn end(program: usize, running: &Running) {
    if let Some(process) = lock(running).get_mut(&program) {
        // It is forgotten before it is waited for, so the number is its own.
        process.told = process.id.is_some_and(|id| kill_process(id, Signal::TERM).is_ok());
    }
}

fn lock(running: &Running) -> std::sync::MutexGuard<'_, BTreeMap<usize, Process>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
