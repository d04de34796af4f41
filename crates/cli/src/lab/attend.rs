//! The attendant: the first program on each host of a network that is run. It starts the others and tells how they fare.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::words::{Order, Report, Start};

/// A line longer than this is told in pieces, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;
/// How long the output of a program that has ended is waited for, if somebody else holds it.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Between looks at a port.
const A_MOMENT: Duration = Duration::from_millis(5);

/// The numbers and processes of what runs.
type Running = Arc<Mutex<Vec<(usize, u32)>>>;

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
    let number = start.program;
    match spawn(&start) {
        Ok(child) => {
            lock(running).push((number, child.id()));
            let running = Arc::clone(running);
            thread::spawn(move || look_after(start, child, &running));
        }
        Err(error) => tell(&Report::Failed(number, error.to_string())),
    }
}

fn spawn(start: &Start) -> std::io::Result<Child> {
    let (name, arguments) = start.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(name);
    command.args(arguments).envs(start.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    command.spawn()
}

fn look_after(start: Start, mut child: Child, running: &Running) {
    let program = start.program;
    let (said, all_said) = channel();
    let pass = |error, out: Option<Box<dyn Read + Send>>| {
        let said = said.clone();
        thread::spawn(move || {
            out.into_iter().for_each(|out| pass_on(program, error, out));
            said.send(())
        });
    };
    pass(false, child.stdout.take().map(|out| Box::new(out) as _));
    pass(true, child.stderr.take().map(|errors| Box::new(errors) as _));
    if let Some(port) = start.port {
        let running = Arc::clone(running);
        thread::spawn(move || watch_port(program, port, &running));
    }
    let status = child.wait();
    lock(running).retain(|(of, _)| *of != program);
    // What it printed is told before its end, but what it started may hold its output open for ever.
    for _ in 0..2 {
        let _ = all_said.recv_timeout(LAST_WORDS);
    }
    let status = status.ok().and_then(|status| status.code().or_else(|| status.signal().map(|by| 128 + by)));
    tell(&Report::Ended(program, status.unwrap_or(-1)));
}

fn pass_on(program: usize, error: bool, out: impl Read) {
    let mut out = BufReader::new(out);
    loop {
        let mut line = Vec::new();
        match out.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                tell(&Report::Line { program, error, text });
            }
        }
    }
}

fn watch_port(program: usize, port: u16, running: &Running) {
    let listens = || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            || TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok()
    };
    while lock(running).iter().any(|(of, _)| *of == program) {
        if listens() {
            return tell(&Report::Listens(program));
        }
        thread::sleep(A_MOMENT);
    }
}

fn end(program: usize, running: &Running) {
    for (_, process) in lock(running).iter().filter(|(of, _)| *of == program) {
        let process = i32::try_from(*process).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
    }
}

fn lock(running: &Running) -> std::sync::MutexGuard<'_, Vec<(usize, u32)>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
