//! `sockeye ss`: ss(8)'s view of a running network's sockets, with what is inside of each connection.

mod detail;
mod table;

use std::process::ExitCode;

use clap::Args;
use sockeye_look::{Error, Protocol, Snapshot, Socket, State, UnixSocket};

use crate::looking::{Which, failed};
use crate::output::print;

const AFTER_HELP: &str = "\
Columns and options are ss(8)'s of iproute2. With -i there is a line more for each connection: what held it back, and for
how much of its life.

Filters: state STATE and exclude STATE, any number of them, and sport and dport, as in 'state established dport = :80'.
States: all, connected, synchronized, bucket, big, and each by its name: established, syn-sent, syn-recv, fin-wait-1,
fin-wait-2, time-wait, closed, close-wait, last-ack, listening, closing.

Examples:
  sockeye ss -tanp
  sockeye ss -ti dport = :80          # why is it slow?
  sockeye ss -tano state time-wait
  sockeye ss -a --json

Exit status:
  0; 2 for a wrong command line, and if no network is there, several are, or it has gone.";

/// Show the sockets of a running network, and the inside of its connections, as ss(8) does.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for filters, examples and exit statuses.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,

    /// All sockets: listeners and others
    #[arg(short, long)]
    all: bool,

    /// Listeners only
    #[arg(short, long)]
    listening: bool,

    /// TCP's
    #[arg(short, long)]
    tcp: bool,

    /// UDP's
    #[arg(short, long)]
    udp: bool,

    /// Raw ones, and those of ping
    #[arg(short = 'w', long)]
    raw: bool,

    /// Unix-domain ones
    #[arg(short = 'x', long)]
    unix: bool,

    /// Of IPv4
    #[arg(short = '4', long)]
    ipv4: bool,

    /// Of IPv6
    #[arg(short = '6', long)]
    ipv6: bool,

    /// Ports as numbers, as they are always printed here
    #[arg(short, long)]
    numeric: bool,

    /// The programs that have each socket open
    #[arg(short, long)]
    processes: bool,

    /// What each socket waits for, and how long
    #[arg(short, long)]
    options: bool,

    /// User, inode, marks
    #[arg(short, long)]
    extended: bool,

    /// Memory
    #[arg(short, long)]
    memory: bool,

    /// The inside of TCP
    #[arg(short, long)]
    info: bool,

    /// How many there are
    #[arg(short, long)]
    summary: bool,

    /// No header
    #[arg(short = 'H', long)]
    no_header: bool,

    /// One line for each socket
    #[arg(short = 'O', long)]
    oneline: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Which sockets
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// Prints it; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    text(arguments).map_or_else(|error| failed(&error), |text| print(&text))
}

fn text(arguments: &Arguments) -> Result<String, Error> {
    let filter = Filter::parse(&arguments.filter).map_err(Error::Refused)?;
    let whole = arguments.which.open()?.snapshot()?;
    let mut snapshot = arguments.which.choose(whole)?;
    if arguments.summary {
        return Ok(table::summary(&snapshot));
    }
    keep_wanted(arguments, &filter, &mut snapshot);
    if arguments.json {
        let text = serde_json::to_string(&snapshot).map_err(|_| Error::Strange)?;
        return Ok(text + "\n");
    }
    let several = snapshot.hosts.len() > 1;
    let mut text = String::new();
    for (number, host) in snapshot.hosts.iter().enumerate() {
        if several {
            text += if number > 0 { "\n" } else { "" };
            text += &format!("{}:\n", host.name);
        }
        text += &table::of(host, (arguments, &filter), snapshot.about.uid);
    }
    Ok(text)
}

fn keep_wanted(arguments: &Arguments, filter: &Filter, snapshot: &mut Snapshot) {
    for host in &mut snapshot.hosts {
        host.sockets.retain(|socket| arguments.wants(socket) && filter.wants(arguments, socket));
        host.unix.retain(|socket| arguments.wants_unix() && filter.wants_unix(arguments, socket));
        // As ss asks for them: what is raw first, UDP, then TCP.
        host.sockets.sort_by_key(|socket| (std::cmp::Reverse(kind(socket.protocol)), socket.protocol));
    }
}

/// Which of the kinds that ss asks for one by one.
fn kind(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp | Protocol::Tcp6 => 0,
        Protocol::Udp | Protocol::Udp6 => 1,
        Protocol::Raw | Protocol::Raw6 => 2,
        Protocol::Icmp | Protocol::Icmp6 => 3,
    }
}

impl Arguments {
    fn every_protocol(&self) -> bool {
        !(self.tcp || self.udp || self.raw || self.unix)
    }

    fn wants_unix(&self) -> bool {
        self.unix || self.every_protocol() && !(self.ipv4 || self.ipv6)
    }

    fn wants(&self, socket: &Socket) -> bool {
        let wanted = match kind(socket.protocol) {
            0 => self.tcp,
            1 => self.udp,
            _ => self.raw,
        };
        let family = match (self.ipv4, self.ipv6) {
            (true, false) => !socket.protocol.is_v6(),
            (false, true) => socket.protocol.is_v6(),
            _ => true,
        };
        family && (wanted || self.every_protocol())
    }

    /// How many kinds of sockets may be shown: with one, the column that names them is left out.
    fn kinds(&self) -> usize {
        let inet = [self.tcp, self.udp, self.raw].into_iter().filter(|wanted| *wanted).count();
        if self.every_protocol() { 4 } else { inet + usize::from(self.unix) }
    }
}

/// Which sockets are wanted, by state and port.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    states: Option<Vec<State>>,
    source: Option<u16>,
    destination: Option<u16>,
}

impl Filter {
    /// Reads one; says what is wrong with it.
    fn parse(words: &[String]) -> Result<Filter, String> {
        let mut filter = Filter::default();
        // A shell may have left it in one piece.
        let words: Vec<&str> = words.iter().flat_map(|words| words.split_whitespace()).collect();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            match word {
                "state" | "exclude" => {
                    let name = words.next().ok_or_else(|| format!("the filter ends after {word}"))?;
                    let named = states(name).ok_or_else(|| format!("{name:?} is no state: see --help"))?;
                    let include = word == "state";
                    let old = filter.states.take();
                    let mut known =
                        old.unwrap_or_else(|| if include { Vec::new() } else { State::ALL.to_vec() });
                    known.retain(|state| !named.contains(state));
                    known.extend(named.into_iter().filter(|_| include));
                    filter.states = Some(known);
                }
                "sport" | "dport" => {
                    let mut port = words.next();
                    if matches!(port, Some("=" | "==" | "eq")) {
                        port = words.next();
                    }
                    let port = port.ok_or_else(|| format!("the filter ends after {word}"))?;
                    let number = port.trim_start_matches(':').parse();
                    let number =
                        number.map_err(|_| format!("{port:?} is no port: it is a number, as in :80"))?;
                    let place = if word == "sport" { &mut filter.source } else { &mut filter.destination };
                    *place = Some(number);
                }
                "and" | "&&" if words.peek().is_some() => {}
                _ => return Err(format!("the filter knows no {word:?}: see --help")),
            }
        }
        Ok(filter)
    }

    fn has_one_state(&self) -> bool {
        self.states.as_ref().is_some_and(|states| states.len() == 1)
    }

    fn wants_state(&self, arguments: &Arguments, state: State) -> bool {
        match &self.states {
            Some(states) => states.contains(&state),
            None if arguments.all => true,
            None if arguments.listening => matches!(state, State::Listen | State::Close),
            None => !matches!(state, State::Listen | State::Close | State::TimeWait | State::SynRecv),
        }
    }

    fn wants(&self, arguments: &Arguments, socket: &Socket) -> bool {
        self.wants_state(arguments, socket.state)
            && self.source.is_none_or(|port| socket.local.port() == port)
            && self.destination.is_none_or(|port| socket.remote.port() == port)
    }

    fn wants_unix(&self, arguments: &Arguments, socket: &UnixSocket) -> bool {
        (self.source, self.destination) == (None, None) && self.wants_state(arguments, socket.state)
    }
}

/// The states that a word stands for.
fn states(word: &str) -> Option<Vec<State>> {
    let but = |not: &[State]| Some(State::ALL.iter().filter(|state| !not.contains(state)).copied().collect());
    Some(vec![match word {
        "all" => return but(&[]),
        "connected" => return but(&[State::Listen, State::Close]),
        "synchronized" => return but(&[State::Listen, State::Close, State::SynSent]),
        "bucket" => return Some(vec![State::SynRecv, State::TimeWait]),
        "big" => return but(&[State::SynRecv, State::TimeWait]),
        "established" | "estab" => State::Established,
        "syn-sent" => State::SynSent,
        "syn-recv" => State::SynRecv,
        "fin-wait-1" => State::FinWait1,
        "fin-wait-2" => State::FinWait2,
        "time-wait" => State::TimeWait,
        "closed" | "close" | "unconnected" => State::Close,
        "close-wait" => State::CloseWait,
        "last-ack" => State::LastAck,
        "listening" | "listen" => State::Listen,
        "closing" => State::Closing,
        _ => return None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Filter, String> {
        Filter::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn filters() {
        let both = parse("state established state time-wait dport = :80").expect("a filter");
        assert_eq!(both.states, Some(vec![State::Established, State::TimeWait]));
        assert_eq!((both.source, both.destination), (None, Some(80)));
        assert_eq!(parse("exclude all").expect("a filter").states, Some(Vec::new()));
        assert_eq!(parse("state connected exclude big and sport 7").expect("a filter").source, Some(7));
        for wrong in ["state", "state swimming", "dport = http", "dport", "and", "src 10.61.0.1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
