//! `sockeye sockopts`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sockeye::socket::{Family, Kind, OPTIONS, Row, SocketType, Sockets, State, Transport, Value};
use sockeye::{Lab, Socket};

use crate::output::print;

/// The sockets of the Internet that are asked: what they are called, and how they are made. Raw ones are of ICMP and ICMPv6.
const SOCKETS: [(&str, Family, Transport); 6] = [
    ("tcp", Family::Inet, Transport::Tcp),
    ("udp", Family::Inet, Transport::Udp),
    ("raw", Family::Inet, Transport::Raw(1)),
    ("tcp6", Family::Inet6, Transport::Tcp),
    ("udp6", Family::Inet6, Transport::Udp),
    ("raw6", Family::Inet6, Transport::Raw(58)),
];

const AFTER_HELP: &str = "\
The columns are the option's name, what its value is, how it may be used (r: getsockopt, w: setsockopt), and what a new
socket says: over IPv4 a TCP, a UDP and (for its own options) a raw socket, for options of IPv6 those over IPv6, and a
Unix-domain stream for options that only such have. An option that is known but not supported says ENOPROTOOPT, which it also gives to programs; so does every option that is not here.

Examples:
  sockeye sockopts
  sockeye sockopts keep
  sockeye sockopts --json | jq '.[] | select(.supported == false).name'";

/// Print every socket option with its bounds, and its value on a new socket.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for what the columns mean, and examples.")]
pub(crate) struct Arguments {
    /// Print a JSON list instead of a table
    #[arg(long)]
    json: bool,

    /// Only options whose names contain this, in any case
    #[arg(value_name = "PART")]
    part: Option<String>,
}

/// Prints them; gives the exit status: 1 if no name contains what was asked for.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let part = arguments.part.as_deref().unwrap_or("");
    let wanted = part.to_ascii_uppercase();
    let rows: Vec<&'static Row> = OPTIONS.iter().filter(|row| row.name.contains(&wanted)).collect();
    if rows.is_empty() {
        let _ = writeln!(io::stderr(), "sockeye: no option's name contains {part}");
        return ExitCode::FAILURE;
    }
    let asked = match sockets() {
        Ok(asked) => asked,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sockeye: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shown: Vec<Shown> = rows.into_iter().map(|row| Shown::of(row, &asked)).collect();
    let text = if arguments.json { as_json(&shown) } else { as_table(&shown) };
    print(&text)
}

/// An option, and what new sockets say of it.
struct Shown {
    row: &'static Row,
    /// By the socket's name.
    values: Vec<(&'static str, String)>,
}

/// A new socket, what it is called, and what it is; `None`: a Unix-domain one.
struct Asked {
    name: &'static str,
    kind: Option<(Family, Transport)>,
    socket: Socket,
}

fn sockets() -> io::Result<Vec<Asked>> {
    let host = Lab::new(0).host("host", ["10.0.0.1/24", "fd00::1/64"])?;
    let _here = host.enter();
    let of_the_internet = SOCKETS.into_iter().map(|(name, family, transport)| {
        Ok(Asked { name, kind: Some((family, transport)), socket: Socket::new(family, transport)? })
    });
    let unix = Socket::unix(SocketType::Stream).map(|socket| Asked { name: "unix", kind: None, socket });
    of_the_internet.chain([unix]).collect()
}

impl Asked {
    /// Whether it shows what an option is like.
    fn shows(&self, row: &Row) -> bool {
        match self.kind {
            None => row.sockets == Sockets::Unix,
            // What datagram sockets have, UDP's show.
            Some((_, Transport::Raw(_))) if row.sockets != Sockets::Raw => false,
            Some((family, transport)) => {
                row.family.unwrap_or(Family::Inet) == family && row.sockets.include(transport)
            }
        }
    }
}

impl Shown {
    fn of(row: &'static Row, asked: &[Asked]) -> Shown {
        let asked = asked.iter().filter(|asked| row.readable && asked.shows(row));
        let values = asked.map(|Asked { name, socket, .. }| {
            // Whom it hears is asked of one group.
            let value = match row.kind {
                Kind::Group(_) => "of a group".to_owned(),
                _ => socket.option(row.opt).map_or_else(|error| refused(&error), plain),
            };
            (*name, value)
        });
        Shown { row, values: values.collect() }
    }
}

fn as_table(shown: &[Shown]) -> String {
    let mut text = String::new();
    for Shown { row, values } in shown {
        let values: Vec<String> = match &values[..] {
            [(_, first), rest @ ..] if rest.iter().all(|(_, value)| value == first) => vec![first.clone()],
            values => values.iter().map(|(name, value)| format!("{name} {value}")).collect(),
        };
        let values = if row.state == State::Rejected { "ENOPROTOOPT".to_owned() } else { values.join(", ") };
        let line = format!("{:<25} {:<22} {:<3} {values}", row.name, bounds(row.kind), access(row));
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn as_json(shown: &[Shown]) -> String {
    let rows: Vec<_> = shown
        .iter()
        .map(|Shown { row, values }| {
            json!({
                "name": row.name,
                "level": row.level,
                "number": row.number,
                "value": bounds(row.kind),
                "readable": row.readable,
                "settable": row.settable,
                "supported": row.state != State::Rejected,
                "new": values.iter().map(|(name, value)| (*name, value.as_str())).collect::<std::collections::BTreeMap<_, _>>(),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(rows))
}

fn access(row: &Row) -> &'static str {
    match (row.readable, row.settable) {
        (true, true) => "rw",
        (true, false) => "r",
        (false, _) => "w",
    }
}

/// What a value may be.
fn bounds(kind: Kind) -> String {
    match kind {
        Kind::Flag => "0 or 1".to_owned(),
        Kind::Int(low, i32::MAX) => format!("{low} or more"),
        Kind::Int(low, high) => format!("{low} to {high}"),
        Kind::AnyInt | Kind::Word => "int".to_owned(),
        Kind::Number => "8 bytes".to_owned(),
        Kind::Peer => "struct sockaddr".to_owned(),
        Kind::Linger => "struct linger".to_owned(),
        Kind::Timeval => "struct timeval".to_owned(),
        Kind::Rate => "bytes per second".to_owned(),
        Kind::Name(size) => format!("name of up to {}", size - 1),
        Kind::Struct(size) => format!("struct of {size} bytes"),
        Kind::Bits(size) => format!("{size} bytes of bits"),
        Kind::Key => "16 or 32 bytes".to_owned(),
        Kind::NetworkInt => "index, big-endian".to_owned(),
        Kind::Interface => "name of up to 15".to_owned(),
        Kind::Device => "address or index".to_owned(),
        Kind::Group(layout) => layout.name().to_owned(),
    }
}

/// A value as one reads it.
fn plain(value: Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Linger { on, seconds } => format!("{}, {seconds} s", if on { "on" } else { "off" }),
        Value::Time(None) => "no limit".to_owned(),
        Value::Time(Some(span)) => format!("{span:?}"),
        Value::Rate(u64::MAX) => "no limit".to_owned(),
        Value::Rate(rate) => rate.to_string(),
        Value::Device(device) => device.address.to_string(),
        Value::Group(_) | Value::Filter(_) => "of a group".to_owned(),
        Value::Bytes(bytes) if bytes.is_empty() => "none".to_owned(),
        Value::Bytes(bytes) if bytes.iter().all(u8::is_ascii_graphic) => {
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// Why there is no value.
fn refused(error: &io::Error) -> String {
    let errno = error.raw_os_error().map(sockeye::socket::Errno);
    errno.map_or_else(|| error.to_string(), |errno| errno.name().to_owned())
}
