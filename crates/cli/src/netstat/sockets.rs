//! The tables of sockets, in net-tools' columns.

use std::fmt::Write as _;

use sockeye_look::{Holder, Host, Protocol, Socket, State, TimerKind, UnixKind, UnixSocket};

use super::{Arguments, Names};

/// Both tables, of what is left of a host's sockets.
pub(super) fn all(host: &Host, names: &Names, arguments: &Arguments, uid: u32) -> String {
    let which = match (arguments.kinds.all, arguments.kinds.listening) {
        (true, _) => "(servers and established)",
        (false, true) => "(only servers)",
        (false, false) => "(w/o servers)",
    };
    let mut text = String::new();
    if arguments.kinds.wants_inet() {
        text += &format!("Active Internet connections {which}\n");
        text += "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ";
        text += if arguments.extend { " User       Inode     " } else { "" };
        text += if arguments.programs { " PID/Program name    " } else { "" };
        text += if arguments.timers { " Timer" } else { "" };
        text.push('\n');
        host.sockets.iter().for_each(|socket| text += &inet(socket, names, arguments, uid));
    }
    if arguments.kinds.wants_unix() {
        text += &format!("Active UNIX domain sockets {which}\n");
        text += "Proto RefCnt Flags       Type       State         I-Node  ";
        text += if arguments.programs { " PID/Program name    " } else { "" };
        text += " Path\n";
        host.unix.iter().for_each(|socket| text += &unix(socket, arguments));
    }
    text
}

fn inet(socket: &Socket, names: &Names, arguments: &Arguments, uid: u32) -> String {
    let protocol = socket.protocol;
    // A raw socket's port is its protocol.
    let (local, remote) = (socket.number.unwrap_or(socket.local.port()), socket.remote.port());
    let state = match (protocol, socket.state) {
        (Protocol::Udp | Protocol::Udp6, State::Close) => String::new(),
        (Protocol::Raw | Protocol::Raw6 | Protocol::Icmp | Protocol::Icmp6, state) => {
            number(state).to_string()
        }
        (_, state) => state.to_string(),
    };
    let mut line = format!(
        "{:<4}  {:>6} {:>6} {:<23} {:<23} {state:<11}",
        protocol.word(),
        socket.receive_queue,
        // Linux's files have a listener's backlog nowhere.
        if socket.state == State::Listen { 0 } else { socket.send_queue },
        names.end(protocol, socket.local, local),
        names.end(protocol, socket.remote, remote),
    );
    if arguments.extend {
        let user = names.user(if socket.inode == 0 { 0 } else { uid });
        // What can't be written can't be to memory.
        let _ = write!(line, " {user:<10} {:<10}", socket.inode);
    }
    if arguments.programs {
        let _ = write!(line, " {:<20}", program(&socket.holders));
    }
    if arguments.timers {
        let _ = write!(line, " {}", timer(socket));
    }
    line.push('\n');
    line
}

fn number(state: State) -> usize {
    State::ALL.iter().position(|other| *other == state).map_or(0, |place| place + 1)
}

/// Of those who have it open the first.
fn program(holders: &[Holder]) -> String {
    holders.first().map_or_else(|| "-".to_owned(), |holder| format!("{}/{}", holder.pid, holder.program))
}

/// What it waits for: seconds, repetitions in vain, probes in vain.
fn timer(socket: &Socket) -> String {
    let Some(timer) = socket.timer else { return "off (0.00/0/0)".to_owned() };
    let (kind, repeated, probes) = match timer.kind {
        TimerKind::Retransmit => ("on", timer.retransmits, 0),
        TimerKind::Keepalive => ("keepalive", 0, timer.retransmits),
        TimerKind::TimeWait => ("timewait", 0, 0),
        TimerKind::Persist => ("probe", 0, timer.retransmits),
    };
    let hundredths = timer.expires / 10;
    format!("{kind} ({}.{:02}/{repeated}/{probes})", hundredths / 100, hundredths % 100)
}

fn unix(socket: &UnixSocket, arguments: &Arguments) -> String {
    let kind = match socket.kind {
        UnixKind::Stream => "STREAM",
        UnixKind::Datagram => "DGRAM",
        UnixKind::SeqPacket => "SEQPACKET",
    };
    let (flags, state) = match socket.state {
        State::Listen => ("[ ACC ]", "LISTENING"),
        State::Established => ("[ ]", "CONNECTED"),
        State::SynSent => ("[ ]", "CONNECTING"),
        _ => ("[ ]", ""),
    };
    let mut line =
        format!("unix  {:<6} {flags:<11} {kind:<10} {state:<13} {:<8}", socket.references, socket.inode);
    if arguments.programs {
        let _ = write!(line, " {:<20}", program(&socket.holders));
    }
    let _ = writeln!(line, " {}", socket.name.as_deref().unwrap_or(""));
    line
}
