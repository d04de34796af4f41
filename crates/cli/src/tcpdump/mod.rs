//! `sockeye tcpdump`.

mod lines;
mod live;
mod names;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use sockeye_device::{CaptureError, CaptureWriter, Record};
use sockeye_view::{Filter, FilterError, Lookup};
use sockeye_wire::print::{Dump, DumpForm, Link, Style};

use crate::captures::{self, Reader};
use lines::{Lines, Margin};

pub(crate) use names::Names;

const AFTER_HELP: &str = "\
The lines are tcpdump's, the filter is in the language of pcap-filter(7): host, net, port, portrange, proto; src and dst;
ether, ip, ip6, arp, tcp, udp, icmp, icmp6 and more; and, or, not; len and bytes, as in 'tcp[tcpflags] & tcp-syn != 0';
inbound and outbound where one host or interface is looked at.

Examples:
  sockeye run --loss 5% --pcap curl.pcapng -- curl -o /dev/null http://tekapo/bytes/1M
  sockeye tcpdump -r curl.pcapng port 80
  sockeye tcpdump -i pukaki/eth0 port 80
  sockeye tcpdump -r curl.pcapng --why
  sockeye tcpdump -r curl.pcapng -w syns.pcapng 'tcp[tcpflags] & tcp-syn != 0'

Exit status:
  0, or 2 for a wrong command line or filter, a file that can't be read to its end, or nobody who reads what is printed.";

/// So many bytes are worth being written at once.
const MANY: usize = 1 << 16;
/// Whatever is wrong.
const WRONG: u8 = 2;

/// Print the packets of a capture file or of a running network, or those that a filter wants.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for the filter, examples and exit statuses.")]
#[command(group = ArgGroup::new("print").multiple(true))]
pub(crate) struct Arguments {
    /// Read packets from FILE, pcapng or pcap; - is standard input. Without it a running network is looked into
    #[arg(short = 'r', value_name = "FILE")]
    read: Option<PathBuf>,

    #[command(flatten)]
    place: live::Place,

    /// Write them to FILE, in pcapng's format, instead of printing them; - is standard output
    #[arg(short = 'w', value_name = "FILE", conflicts_with = "print")]
    write: Option<PathBuf>,

    /// With -w: write each packet at once, as it is done for those of a running network
    #[arg(short = 'U', long = "packet-buffered", requires = "write")]
    packet_buffered: bool,

    /// List the interfaces, and print no packets
    #[arg(short = 'D', long = "list-interfaces", conflicts_with_all = ["write", "print", "filter", "filter_file"])]
    list: bool,

    /// Stop after so many packets
    #[arg(short = 'c', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Print how many packets there are, not the packets
    #[arg(long = "count", group = "print", conflicts_with = "write")]
    total: bool,

    #[command(flatten)]
    interfaces: captures::Interfaces,

    #[command(flatten)]
    text: Text,

    /// Only packets that came, or that were sent, where that is known: at a host or an interface of a running network, or in
    /// what was written there
    #[arg(
        short = 'Q',
        long = "direction",
        value_name = "WAY",
        value_enum,
        default_value = "inout",
        hide_default_value = true
    )]
    direction: Passing,

    /// Read the filter from FILE
    #[arg(short = 'F', value_name = "FILE", conflicts_with = "filter")]
    filter_file: Option<PathBuf>,

    /// (Nothing is decrypted here)
    #[arg(short = 'E', value_name = "SECRET", hide = true)]
    secret: Option<String>,

    /// Which packets
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// Which way packets go.
#[derive(Clone, Copy, ValueEnum)]
enum Passing {
    In,
    Out,
    Inout,
}

/// What is printed of packets.
#[derive(Args)]
struct Text {
    /// The link's header, too
    #[arg(short = 'e', group = "print")]
    link_header: bool,

    /// Say more: of IP's header and checksums; of quoted packets and options (-vv); of records' lives (-vvv)
    #[arg(short = 'v', action = ArgAction::Count, group = "print")]
    verbosity: u8,

    /// Say less of protocols
    #[arg(short = 'q', action = ArgAction::Count, group = "print")]
    quiet: u8,

    /// The packet's bytes in hexadecimal, with the link's header (-xx)
    #[arg(short = 'x', action = ArgAction::Count, group = "print")]
    hex: u8,

    /// The packet's bytes in hexadecimal and as text, with the link's header (-XX)
    #[arg(short = 'X', action = ArgAction::Count, group = "print")]
    hex_and_text: u8,

    /// The packet's bytes as text, with the link's header (-AA)
    #[arg(short = 'A', action = ArgAction::Count, group = "print")]
    as_text: u8,

    /// Sequence numbers as they are, not relative to where their connection began
    #[arg(short = 'S', group = "print")]
    absolute: bool,

    /// Look at no checksums
    #[arg(short = 'K', group = "print")]
    no_checksums: bool,

    /// The time: not at all (-t), in seconds since 1970 (-tt), since the line before (-ttt), with the date (-tttt), or since
    /// the first line (-ttttt)
    #[arg(short = 't', action = ArgAction::Count, group = "print")]
    time: u8,

    /// Number the lines
    #[arg(short = '#', long = "number", group = "print")]
    numbered: bool,

    /// Addresses and ports as numbers, as they are always printed here
    #[arg(short = 'n', action = ArgAction::Count)]
    numbers: u8,

    /// Write each line at once
    #[arg(short = 'l', group = "print")]
    at_once: bool,

    /// Behind each line what the file notes of the packet: why it was dropped
    #[arg(long, group = "print")]
    why: bool,
}

impl Text {
    fn style(&self) -> Style {
        // As tcpdump chooses where several are given.
        let forms = [
            (self.hex_and_text, DumpForm::HexAndText),
            (self.hex, DumpForm::Hex),
            (self.as_text, DumpForm::Text),
        ];
        let dump = forms.into_iter().find(|(count, _)| *count > 0);
        Style {
            verbosity: self.verbosity,
            link_header: self.link_header,
            quiet: self.quiet,
            absolute: self.absolute,
            sums: !self.no_checksums,
            dump: dump.map(|(count, form)| Dump { form, link_header: count > 1 }),
        }
    }

    fn margin(&self) -> Margin {
        Margin { time: self.time, numbered: self.numbered, why: self.why, at_once: self.at_once }
    }
}

/// Why it ended early.
enum Failure {
    /// With the file's name.
    Capture(PathBuf, CaptureError),
    File(PathBuf, io::Error),
    Said(String),
}

/// Prints them; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let error = match dump(arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Said(error)) => error,
        Err(Failure::File(path, error)) => format!("{}: {error}", path.display()),
        Err(Failure::Capture(path, error)) => format!("{}: {error}", path.display()),
    };
    let _ = writeln!(io::stderr(), "sockeye: {error}");
    ExitCode::from(WRONG)
}

fn dump(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.secret.is_some() {
        return Err(Failure::Said("-E: nothing is decrypted here".to_owned()));
    }
    let Some(path) = &arguments.read else { return live::dump(arguments) };
    let filter = Filter::parse(&filter_text(arguments, &Names)?, &Names).map_err(misread)?;
    let unreadable = |error| Failure::Capture(path.clone(), error);
    let mut reader = captures::open(path).map_err(unreadable)?;
    if arguments.list {
        return list(&mut reader).map_err(unreadable);
    }
    let mut output = Output::new(arguments, false)?;
    let copied = copy(arguments, &mut reader, &filter, &mut output, &mut 0);
    // What came before a fault is shown.
    output.finish()?;
    copied.map_err(|fault| fault.of(path))
}

/// Why packets can't be read on, or shown.
enum Fault {
    Unreadable(CaptureError),
    Foreign(String),
    Shown(Failure),
}

impl Fault {
    fn of(self, path: &Path) -> Failure {
        match self {
            Fault::Unreadable(error) => Failure::Capture(path.to_owned(), error),
            Fault::Foreign(what) => Failure::Said(format!("{}: {what}", path.display())),
            Fault::Shown(failure) => failure,
        }
    }
}

/// Shows those that are wanted, up to the end or as many as are, and counts them.
fn copy(
    arguments: &Arguments,
    reader: &mut Reader,
    filter: &Filter,
    output: &mut Output,
    shown: &mut u64,
) -> Result<(), Fault> {
    while arguments.count.is_none_or(|count| *shown < count) && reader.advance().map_err(Fault::Unreadable)? {
        let Some(record) = reader.record() else { break };
        let (wanted, link) = captures::wanted(reader, &record, filter).map_err(Fault::Foreign)?;
        // A running network has been asked for no others.
        let is_there = arguments.read.is_none() || arguments.interfaces.want(reader, &record);
        if is_there && wanted {
            output.show(reader, (link, &record)).map_err(Fault::Shown)?;
            *shown += 1;
        }
    }
    Ok(())
}

/// The filter's text, which means something if `names` are known.
fn filter_text(arguments: &Arguments, names: &dyn Lookup) -> Result<String, Failure> {
    let text = match &arguments.filter_file {
        None => arguments.filter.join(" "),
        Some(path) => std::fs::read_to_string(path).map_err(|error| Failure::File(path.clone(), error))?,
    };
    let filter = Filter::parse(&text, names).map_err(misread)?;
    let way = match arguments.direction {
        Passing::Inout => return Ok(text),
        Passing::In => "inbound",
        Passing::Out => "outbound",
    };
    Ok(if filter.wants_all() { way.to_owned() } else { format!("{way} and ({text})") })
}

fn misread(error: FilterError) -> Failure {
    Failure::Said(error.to_string())
}

/// Prints the interfaces that a capture tells of, as `-i` takes them.
fn list(reader: &mut Reader) -> Result<(), CaptureError> {
    while reader.advance()? {}
    let names =
        reader.interfaces().map(|interface| interface.name.as_deref().unwrap_or("(no name)").to_owned());
    Ok(print_list(names)?)
}

fn print_list(names: impl Iterator<Item = String>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    for (index, name) in names.enumerate() {
        writeln!(out, "{}.{name}", index + 1)?;
    }
    out.flush()
}

/// Where packets go.
enum Output {
    Lines(Lines),
    File(Copy),
    Count(u64),
}

/// A file being written.
struct Copy {
    path: PathBuf,
    out: Box<dyn Write>,
    writer: CaptureWriter,
    /// How many of the interfaces it has been told of.
    told: usize,
    /// Each packet is written at once.
    at_once: bool,
}

impl Output {
    /// `live`: what is shown is shown at once.
    fn new(arguments: &Arguments, live: bool) -> Result<Output, Failure> {
        if arguments.total {
            return Ok(Output::Count(0));
        }
        let Some(path) = &arguments.write else {
            let mut margin = arguments.text.margin();
            margin.at_once |= live;
            return Ok(Output::Lines(Lines::new(arguments.text.style(), &margin)));
        };
        let out: Box<dyn Write> = if captures::is_standard(path) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(|error| Failure::File(path.clone(), error))?)
        };
        let writer = CaptureWriter::new(captures::LONGEST);
        Ok(Output::File(Copy {
            path: path.clone(),
            out,
            writer,
            told: 0,
            at_once: live || arguments.packet_buffered,
        }))
    }

    fn show(&mut self, reader: &Reader, (link, record): (Link, &Record<'_>)) -> Result<(), Failure> {
        match self {
            Output::Lines(lines) => lines.print(link, record).map_err(unprinted),
            Output::File(copy) => {
                copy.packet(reader, record).map_err(|error| Failure::File(copy.path.clone(), error))
            }
            Output::Count(count) => {
                *count += 1;
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Output::Lines(lines) => lines.flush().map_err(unprinted),
            Output::File(copy) => copy.flush().map_err(|error| Failure::File(copy.path.clone(), error)),
            Output::Count(count) => {
                let plural = if *count == 1 { "" } else { "s" };
                writeln!(io::stdout(), "{count} packet{plural}").map_err(unprinted)
            }
        }
    }
}

impl Copy {
    fn packet(&mut self, reader: &Reader, record: &Record<'_>) -> io::Result<()> {
        // All there are by now: packets name them by their numbers.
        for interface in reader.interfaces().skip(self.told) {
            self.writer.interface(interface);
            self.told += 1;
        }
        self.writer.packet(record);
        if self.at_once || self.writer.bytes().len() >= MANY { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.writer.bytes())?;
        self.writer.bytes().clear();
        self.out.flush()
    }
}

fn unprinted(error: io::Error) -> Failure {
    Failure::File(PathBuf::from("standard output"), error)
}
