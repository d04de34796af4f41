//! The table: a line for each socket, its columns as wide as they have to be.

use std::net::SocketAddr;

use sockeye_look::{Holder, Host, Protocol, Snapshot, Socket, State, UnixKind, UnixSocket};

use super::{Arguments, Filter, detail};

/// A line of it: an address is two columns, of which the first stands to the right.
struct Line {
    columns: [String; 8],
    /// Behind them, and below.
    process: String,
    below: Vec<String>,
}

/// The columns' names.
const HEADER: [&str; 8] =
    ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port"];
/// Those that stand to the right.
const RIGHT: [usize; 2] = [4, 6];

/// A host's.
pub(super) fn of(host: &Host, (arguments, filter): (&Arguments, &Filter), uid: u32) -> String {
    let unix = host.unix.iter().map(|socket| unix_line(socket, arguments));
    let inet = host.sockets.iter().map(|socket| line(socket, arguments, uid));
    let mut lines: Vec<Line> = unix.chain(inet).collect();
    if !arguments.no_header {
        let process = "Process".to_owned();
        lines.insert(0, Line { columns: HEADER.map(str::to_owned), process, below: Vec::new() });
    }
    let shown = |column: usize| match column {
        0 => arguments.kinds.count() > 1,
        // It would say the same everywhere.
        1 => !filter.has_one_state(),
        _ => true,
    };
    let width = |column: usize| lines.iter().map(|line| line.columns[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADER.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (number, (column, width)) in line.columns.iter().zip(&widths).enumerate() {
            if !shown(number) {
                continue;
            }
            let is_port = number == 5 || number == 7;
            row += if row.is_empty() || is_port { "" } else { " " };
            row += &if RIGHT.contains(&number) {
                format!("{column:>width$}")
            } else {
                format!("{column:<width$}")
            };
        }
        row += if line.process.is_empty() { "" } else { " " };
        row += &line.process;
        text += row.trim_end();
        for below in &line.below {
            text += if arguments.oneline { " " } else { "\n\t " };
            text += below;
        }
        text.push('\n');
    }
    text
}

fn line(socket: &Socket, arguments: &Arguments, uid: u32) -> Line {
    let netid = match socket.protocol {
        Protocol::Tcp | Protocol::Tcp6 => "tcp",
        Protocol::Udp | Protocol::Udp6 => "udp",
        Protocol::Raw | Protocol::Raw6 => "raw",
        Protocol::Icmp => "icmp",
        Protocol::Icmp6 => "icmp6",
    };
    let (local, port) = end(socket, socket.local, socket.number.unwrap_or(socket.local.port()));
    let (peer, peer_port) = end(socket, socket.remote, socket.remote.port());
    let columns = [
        netid.to_owned(),
        state(socket.state).to_owned(),
        socket.receive_queue.to_string(),
        socket.send_queue.to_string(),
        local + ":",
        port,
        peer + ":",
        peer_port,
    ];
    let mut words = Vec::new();
    if arguments.processes && !socket.holders.is_empty() {
        words.push(users(&socket.holders));
    }
    if arguments.options {
        words.extend(socket.timer.as_ref().map(detail::timer));
    }
    if arguments.extended {
        words.push(detail::extended(socket, uid));
    }
    let mut below = Vec::new();
    let memory = arguments.memory.then(|| detail::memory(&socket.memory));
    let info = if arguments.info { detail::info(socket) } else { None };
    let both: Vec<String> = memory.into_iter().chain(info).collect();
    below.extend((!both.is_empty()).then(|| both.join(" ")));
    below.extend(if arguments.info { detail::held_back(socket) } else { None });
    Line { columns, process: words.join(" "), below }
}

/// An address and a port, each as ss has it.
fn end(socket: &Socket, end: SocketAddr, port: u16) -> (String, String) {
    let both = socket.protocol.is_v6() && end.ip().is_unspecified() && !socket.v6only;
    let host = match end {
        _ if both => "*".to_owned(),
        SocketAddr::V4(end) => end.ip().to_string(),
        SocketAddr::V6(end) => format!("[{}]", end.ip()),
    };
    let device = socket.interface.as_ref().filter(|_| end == socket.local);
    let host = device.map_or(host.clone(), |device| format!("{host}%{device}"));
    (host, if port == 0 { "*".to_owned() } else { port.to_string() })
}

fn unix_line(socket: &UnixSocket, arguments: &Arguments) -> Line {
    let netid = match socket.kind {
        UnixKind::Stream => "u_str",
        UnixKind::Datagram => "u_dgr",
        UnixKind::SeqPacket => "u_seq",
    };
    let queue = |bytes: Option<usize>| bytes.map_or_else(|| "0".to_owned(), |bytes| bytes.to_string());
    let name = socket.name.clone().unwrap_or_else(|| "*".to_owned());
    let columns = [
        netid.to_owned(),
        state(socket.state).to_owned(),
        queue(socket.receive_queue),
        queue(socket.send_queue),
        name + " ",
        socket.inode.to_string(),
        "* ".to_owned(),
        socket.peer.unwrap_or(0).to_string(),
    ];
    let process = match &socket.holders[..] {
        holders if arguments.processes && !holders.is_empty() => users(holders),
        _ => String::new(),
    };
    Line { columns, process, below: Vec::new() }
}

fn users(holders: &[Holder]) -> String {
    let holder = |holder: &Holder| format!("(\"{}\",pid={},fd={})", holder.program, holder.pid, holder.fd);
    format!("users:({})", holders.iter().map(holder).collect::<Vec<_>>().join(","))
}

fn state(state: State) -> &'static str {
    match state {
        State::Established => "ESTAB",
        State::SynSent => "SYN-SENT",
        State::SynRecv => "SYN-RECV",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::TimeWait => "TIME-WAIT",
        State::Close => "UNCONN",
        State::CloseWait => "CLOSE-WAIT",
        State::LastAck => "LAST-ACK",
        State::Listen => "LISTEN",
        State::Closing => "CLOSING",
    }
}

/// How many there are, of all hosts that are meant.
pub(super) fn summary(snapshot: &Snapshot) -> String {
    let sockets = || snapshot.hosts.iter().flat_map(|host| &host.sockets);
    let tcp = || sockets().filter(|socket| socket.protocol.is_tcp());
    let count = |state| tcp().filter(|socket| socket.state == state).count();
    let orphaned = |socket: &&Socket| socket.inode == 0 && socket.state != State::TimeWait;
    let mut text = format!("Total: {}\n", sockets().filter(|socket| socket.inode != 0).count());
    text += &format!(
        "TCP:   {} (estab {}, closed {}, orphaned {}, timewait {})\n\n",
        tcp().count(),
        count(State::Established),
        count(State::Close) + count(State::TimeWait),
        tcp().filter(orphaned).count(),
        count(State::TimeWait)
    );
    text += "Transport Total     IP        IPv6\n";
    let kinds = [
        ("RAW", Protocol::Raw, Protocol::Raw6),
        ("UDP", Protocol::Udp, Protocol::Udp6),
        ("TCP", Protocol::Tcp, Protocol::Tcp6),
    ];
    for (name, v4, v6) in kinds {
        let of = |protocol| {
            let is = |socket: &&Socket| socket.protocol == protocol && socket.state != State::TimeWait;
            sockets().filter(is).count()
        };
        text += &format!("{name:<9} {:<9} {:<9} {:<9}\n", of(v4) + of(v6), of(v4), of(v6));
    }
    text
}
