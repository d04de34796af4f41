//! `sockeye tcpdump`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sockeye_device::{CaptureError, CaptureWriter, Record};
use sockeye_view::{Filter, Link, Lookup};
use sockeye_wire::print::Printer;

use crate::captures::{self, Reader};
use crate::output::is_closed;

const AFTER_HELP: &str = "\
The lines are tcpdump's, the filter is in the language of pcap-filter(7): host, net, port, portrange, proto; src and dst;
ether, ip, ip6, arp, tcp, udp, icmp, icmp6 and more; and, or, not; len and bytes, as in 'tcp[tcpflags] & tcp-syn != 0'.

Examples:
  sockeye run --loss 5% --pcap curl.pcapng -- curl -o /dev/null http://tekapo/bytes/1M
  sockeye tcpdump -r curl.pcapng port 80
  sockeye tcpdump -r curl.pcapng --why
  sockeye tcpdump -r curl.pcapng -w syns.pcapng 'tcp[tcpflags] & tcp-syn != 0'

Exit status:
  0, 1 if the file can't be read to its end, 2 for a wrong command line, filter or a file that is no capture.";

/// The wrong command line, and what can't be begun with.
const UNREADABLE: u8 = 2;

/// Print the packets of a capture file, or those that a filter wants.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for the filter, examples and exit statuses.")]
pub(crate) struct Arguments {
    /// Read packets from FILE, pcapng or pcap; - is standard input
    #[arg(short = 'r', value_name = "FILE")]
    read: PathBuf,

    /// Write them to FILE, in pcapng's format, instead of printing them; - is standard output
    #[arg(short = 'w', value_name = "FILE")]
    write: Option<PathBuf>,

    /// Stop after so many packets
    #[arg(short = 'c', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Sequence numbers as they are, not relative to where their connection began
    #[arg(short = 'S')]
    absolute: bool,

    /// The time: not at all (-t), in seconds since 1970 (-tt), since the line before (-ttt), with the date (-tttt), or since
    /// the first line (-ttttt)
    #[arg(short = 't', action = ArgAction::Count)]
    time: u8,

    /// Addresses and ports as numbers, as they are always printed here
    #[arg(short = 'n', action = ArgAction::Count)]
    numbers: u8,

    #[command(flatten)]
    interfaces: captures::Interfaces,

    /// Behind each line what the file notes of the packet: why it was dropped
    #[arg(long)]
    why: bool,

    /// Which packets
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// Why it ended early.
enum Failure {
    /// With the file's name.
    Capture(PathBuf, CaptureError),
    Write(PathBuf, io::Error),
    Filter(String),
}

/// Prints them; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (status, error) = match dump(arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Write(_, error)) if is_closed(&error) => return ExitCode::SUCCESS,
        Err(Failure::Filter(error)) => (UNREADABLE, error),
        Err(Failure::Write(path, error)) => (1, format!("{}: {error}", path.display())),
        Err(Failure::Capture(path, error)) => {
            let late = matches!(error, CaptureError::Truncated(_) | CaptureError::Malformed { .. });
            (if late { 1 } else { UNREADABLE }, format!("{}: {error}", path.display()))
        }
    };
    let _ = writeln!(io::stderr(), "sockeye: {error}");
    ExitCode::from(status)
}

fn dump(arguments: &Arguments) -> Result<(), Failure> {
    let filter = Filter::parse(&arguments.filter.join(" "), &Names)
        .map_err(|error| Failure::Filter(error.to_string()))?;
    let unreadable = |error| Failure::Capture(arguments.read.clone(), error);
    let mut reader = captures::open(&arguments.read).map_err(unreadable)?;
    let mut output = Output::new(arguments)?;
    let mut shown = 0;
    while arguments.count.is_none_or(|count| shown < count) && reader.advance().map_err(unreadable)? {
        let Some(record) = reader.record() else { break };
        let link = captures::link_of(&reader, &record)
            .map_err(|what| Failure::Filter(format!("{}: {what}", arguments.read.display())))?;
        if arguments.interfaces.want(&reader, &record) && filter.wants(link, record.bytes, record.length) {
            output.show(&reader, (link, &record))?;
            shown += 1;
        }
    }
    output.finish()
}

/// Where packets go.
enum Output {
    Lines(Lines),
    File(PathBuf, CaptureWriter<Box<dyn Write>>, usize),
}

impl Output {
    fn new(arguments: &Arguments) -> Result<Output, Failure> {
        let Some(path) = &arguments.write else { return Ok(Output::Lines(Lines::new(arguments))) };
        let out: Box<dyn Write> = if captures::is_standard(path) {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            let file = File::create(path).map_err(|error| Failure::Write(path.clone(), error))?;
            Box::new(BufWriter::new(file))
        };
        let writer = CaptureWriter::new(out, captures::LONGEST)
            .map_err(|error| Failure::Write(path.clone(), error))?;
        Ok(Output::File(path.clone(), writer, 0))
    }

    fn show(&mut self, reader: &Reader, (link, record): (Link, &Record<'_>)) -> Result<(), Failure> {
        match self {
            Output::Lines(lines) => lines.print(link, record).map_err(unprinted),
            Output::File(path, writer, told) => {
                let mut written = Ok(());
                // All there are by now: packets name them by their numbers.
                for interface in reader.interfaces().skip(*told) {
                    written = written.and_then(|()| writer.interface(interface));
                    *told += 1;
                }
                let written = written.and_then(|()| writer.packet(record));
                written.map_err(|error| Failure::Write(path.clone(), error))
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Output::Lines(mut lines) => lines.out.flush().map_err(unprinted),
            Output::File(path, mut writer, _) => writer.flush().map_err(|error| Failure::Write(path, error)),
        }
    }
}

fn unprinted(error: io::Error) -> Failure {
    Failure::Write(PathBuf::from("standard output"), error)
}

/// Packets as lines.
struct Lines {
    out: BufWriter<io::Stdout>,
    printer: Printer,
    time: u8,
    why: bool,
    zone: TimeZone,
    first: Option<Duration>,
    before: Option<Duration>,
}

impl Lines {
    fn new(arguments: &Arguments) -> Lines {
        Lines {
            out: BufWriter::new(io::stdout()),
            printer: if arguments.absolute { Printer::absolute() } else { Printer::new() },
            time: arguments.time,
            why: arguments.why,
            zone: TimeZone::system(),
            first: None,
            before: None,
        }
    }

    fn print(&mut self, link: Link, record: &Record<'_>) -> io::Result<()> {
        let time = self.time(record.at);
        let frame = captures::frame(link, record);
        let line = self.printer.line(&frame, &time);
        match record.comment.filter(|_| self.why) {
            Some(comment) => writeln!(self.out, "{line} [{comment}]"),
            None => writeln!(self.out, "{line}"),
        }
    }

    fn time(&mut self, at: Duration) -> String {
        let at = Duration::new(at.as_secs(), at.subsec_micros() * 1000);
        let first = *self.first.get_or_insert(at);
        let before = self.before.replace(at).unwrap_or(at);
        let clock = |span: Duration| {
            let seconds = span.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            format!(" {hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, span.subsec_micros())
        };
        match self.time {
            0 => self.local(at, "%H:%M:%S"),
            1 => String::new(),
            2 => format!("{}.{:06}", at.as_secs(), at.subsec_micros()),
            3 => clock(at.saturating_sub(before)),
            4 => self.local(at, "%Y-%m-%d %H:%M:%S"),
            _ => clock(at.saturating_sub(first)),
        }
    }

    fn local(&self, at: Duration, format: &str) -> String {
        let seconds = i64::try_from(at.as_secs()).ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let text = time.map(|time| time.to_zoned(self.zone.clone()).strftime(format).to_string());
        format!("{}.{:06}", text.unwrap_or_else(|| at.as_secs().to_string()), at.subsec_micros())
    }
}

/// The protocols whose ports have names.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Names as the machine knows them.
pub(crate) struct Names;

impl Lookup for Names {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let found = (name, 0).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn port(&self, name: &str) -> Option<(u16, Option<u8>)> {
        let services = std::fs::read_to_string("/etc/services").ok()?;
        let of = |protocol: &str| {
            services.lines().find_map(|line| {
                let mut words = line.split('#').next()?.split_whitespace();
                let (own, port) = (words.next()?, words.next()?);
                let known = own == name || words.any(|alias| alias == name);
                let (port, its) = port.split_once('/').filter(|_| known)?;
                port.parse::<u16>().ok().filter(|_| its == protocol)
            })
        };
        match (of("tcp"), of("udp")) {
            (Some(tcp), Some(udp)) => Some((tcp, (tcp != udp).then_some(TCP))),
            (Some(tcp), None) => Some((tcp, Some(TCP))),
            (None, Some(udp)) => Some((udp, Some(UDP))),
            (None, None) => None,
        }
    }
}
