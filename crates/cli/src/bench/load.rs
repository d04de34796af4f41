//! `sockeye bench load`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sockeye::Lab;
use sockeye_measure::load::{self, Control, Length, Plan, Report, Request, Target};

use crate::EXIT_USAGE;
use crate::interrupt::EXIT_INTERRUPTED;
use crate::output::print;

/// How often the progress bar is drawn.
const DRAWN: Duration = Duration::from_millis(200);
/// How long a run is if nothing is said.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);

const AFTER_HELP: &str = "\
Over what:
  By default it is Sockeye's network in this process: tekapo (10.61.0.2, fd61::2) serves HTTP on port 80 (/, /bytes/N)
  and echo on 7, and the load comes from pukaki. With --kernel it is the machine's network; under `sockeye run` that,
  too, is Sockeye's.

Times count from the moment a request was due: with --rate that is its own, whether or not a connection was free then,
so a server that stalls is charged with all that came due meanwhile; without, it is when its connection was free. The
time to connect is in them where the request had to.

Examples:
  sockeye bench load http://tekapo/
  sockeye bench load -c 100 -d 5s --no-keepalive http://tekapo/bytes/3000
  sockeye bench load tekapo:7 --size 1024                        # an echo
  sockeye bench load --kernel http://127.0.0.1:8080/
  sockeye bench load --kernel -c 50 --rate 5000 -d 30s http://127.0.0.1:8080/
  sockeye run --delay 20ms -- sockeye bench load --kernel -n 100 http://tekapo/

Exit status:
  0 if all requests were answered, with a status below 400; those still open when the time was up don't count
  1 if one failed, or none was answered; 130 after ^C, with the summary so far; 2 for a wrong command line";

/// Send requests as fast as they are answered, or at a rate, and say how long they took.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what the times are, examples and exit statuses.")]
pub(crate) struct Arguments {
    /// Connections, each with a request at a time
    #[arg(short, long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,

    /// End after so many requests
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,

    /// End after this time: 10s if there is no --requests either
    #[arg(short, long, value_name = "TIME", value_parser = super::span)]
    duration: Option<Duration>,

    /// Requests a second that come due, whatever becomes of them (an open loop); without it a connection sends the next
    /// when it has the reply to the last
    #[arg(short, long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,

    /// How long a request may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = super::span)]
    timeout: Duration,

    /// A connection for each request
    #[arg(long)]
    no_keepalive: bool,

    /// The request's method
    #[arg(short, long, value_name = "METHOD", conflicts_with_all = ["size", "reply"])]
    method: Option<String>,

    /// A field of the request's head; may be given again
    #[arg(short = 'H', long, value_name = "NAME: VALUE", conflicts_with_all = ["size", "reply"])]
    header: Vec<String>,

    /// What is sent: the body of a POST, or to HOST:PORT the bytes themselves; @FILE for what is in a file
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,

    /// To HOST:PORT: how many bytes are sent, if there is no --data
    #[arg(long, value_name = "BYTES", conflicts_with = "data", value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    size: Option<u32>,

    /// From HOST:PORT: how many bytes come back; "close": all until the server closes. As many as are sent, if not said
    #[arg(long, value_name = "BYTES", value_parser = length)]
    reply: Option<Length>,

    /// Over the machine's own network
    #[arg(long)]
    kernel: bool,

    /// Threads that make the load, over the kernel
    #[arg(long, value_name = "NUMBER", requires = "kernel", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// The seed of Sockeye's network (sequence numbers, ports)
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "kernel")]
    seed: u64,

    /// Print JSON; times are in microseconds
    #[arg(long)]
    json: bool,

    /// http://HOST[:PORT]/PATH, or HOST:PORT for bytes as they are
    #[arg(value_name = "URL|HOST:PORT")]
    target: Target,
}

/// Runs it and prints what came of it; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let plan = match plan(arguments) {
        Ok(plan) => plan,
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "sockeye: {wrong} (see 'sockeye bench load --help')");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let control = Arc::new(Control::default());
    let report = control.stop_on_interrupt().and_then(|()| measured(arguments, &plan, &control));
    match report {
        Ok(report) => told(&report, arguments.json),
        Err(error) => {
            let _ = writeln!(io::stderr(), "sockeye: {}: {error}", plan.target);
            ExitCode::FAILURE
        }
    }
}

fn measured(arguments: &Arguments, plan: &Plan, control: &Arc<Control>) -> io::Result<Report> {
    let drawn = Drawn::begin(plan, control);
    let report = if arguments.kernel {
        load::over_kernel(plan, control)
    } else {
        let hosts = Lab::default_network(arguments.seed)?.hosts();
        let pukaki = hosts.first().ok_or(io::ErrorKind::NotFound)?;
        load::over_sockeye(plan, pukaki, control).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(
                "no such host in Sockeye's network: it has pukaki and tekapo (--kernel is the machine's)",
            ),
            _ => error,
        })
    };
    drawn.end();
    report
}

fn told(report: &Report, json: bool) -> ExitCode {
    let text = if json {
        serde_json::to_string_pretty(report).map_or_else(|error| format!("{error}\n"), |text| text + "\n")
    } else {
        report.to_string()
    };
    let printed = print(&text);
    match (report.interrupted, report.is_well()) {
        (true, _) => ExitCode::from(EXIT_INTERRUPTED),
        (false, false) => ExitCode::FAILURE,
        (false, true) => printed,
    }
}

/// What was asked for; or what is wrong with it.
fn plan(arguments: &Arguments) -> Result<Plan, String> {
    let data = arguments.data.as_deref().map(data).transpose()?;
    let target = arguments.target.clone();
    let keep_alive = !arguments.no_keepalive;
    let request = if target.path.is_some() {
        if arguments.size.is_some() || arguments.reply.is_some() {
            return Err("--size and --reply are for HOST:PORT".to_owned());
        }
        let method = arguments.method.as_deref().unwrap_or(if data.is_some() { "POST" } else { "GET" });
        let body = data.unwrap_or_default();
        Request::http(&target, method, &arguments.header, &body, keep_alive)
            .map_err(|error| error.to_string())?
    } else {
        if arguments.method.is_some() || !arguments.header.is_empty() {
            return Err("--method and --header are for a URL".to_owned());
        }
        let bytes = data.unwrap_or_else(|| filler(arguments.size.unwrap_or(64)));
        let reply = arguments.reply.unwrap_or(Length::Bytes(bytes.len() as u64));
        Request::raw(bytes, reply)
    };
    let default = arguments.requests.is_none().then_some(DEFAULT_DURATION);
    Ok(Plan {
        target,
        request,
        connections: arguments.connections as usize,
        requests: arguments.requests,
        duration: arguments.duration.or(default),
        rate: arguments.rate,
        timeout: arguments.timeout,
        keep_alive,
        threads: usize::from(arguments.threads),
    })
}

/// The text itself, or what is in a file.
fn data(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some(file) => std::fs::read(PathBuf::from(file)).map_err(|error| format!("{file}: {error}")),
    }
}

/// Bytes to send, in lines.
fn filler(size: u32) -> Vec<u8> {
    let line = b"kia ora koutou katoa, nau mai, haere mai ki te moana o Sockeye\r\n";
    line.iter().copied().cycle().take(size as usize).collect()
}

fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.001..=1e9).contains(&number) { Ok(number) } else { Err("not from 0.001 to 1e9".to_owned()) }
}

fn length(text: &str) -> Result<Length, String> {
    match text {
        "close" => Ok(Length::UntilClose),
        _ => text.parse().map(Length::Bytes).map_err(|_| "neither a number nor \"close\"".to_owned()),
    }
}

/// The progress bar, on a terminal.
struct Drawn(Option<(ProgressBar, std::thread::JoinHandle<()>)>);

impl Drawn {
    fn begin(plan: &Plan, control: &Arc<Control>) -> Drawn {
        if !io::stderr().is_terminal() {
            return Drawn(None);
        }
        let template = "{elapsed_precise} {wide_bar} {msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // In requests if that is how it ends, or else in milliseconds.
        let (whole, by_requests) = match (plan.requests, plan.duration) {
            (Some(requests), _) => (requests, true),
            (None, span) => (span.map_or(0, |span| span.as_millis() as u64), false),
        };
        let bar = ProgressBar::new(whole).with_style(style);
        let (drawn, control) = (bar.clone(), control.clone());
        let thread = std::thread::spawn(move || {
            while !drawn.is_finished() {
                let (answered, failed) = control.so_far();
                let elapsed = drawn.elapsed().as_millis() as u64;
                drawn.set_position(if by_requests { answered + failed } else { elapsed }.min(whole));
                drawn.set_message(format!("{answered} answered, {failed} failed"));
                std::thread::park_timeout(DRAWN);
            }
        });
        Drawn(Some((bar, thread)))
    }

    fn end(self) {
        if let Some((bar, thread)) = self.0 {
            bar.finish_and_clear();
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
