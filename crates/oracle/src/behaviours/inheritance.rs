//! What an accepted socket has from its listener (accept(2), socket(7), tcp(7)): every option, set before listen(2), after
//! it, and when the connection was there; flags of descriptors; accept4's own.

use libc::{F_GETFD, F_GETFL, F_SETFD, FD_CLOEXEC, O_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK};
use sockeye_abi::{Kind, OPTIONS, Row, State, Transport, Value};

use crate::Trial;
use crate::address::{Name, at};
use crate::calls::Fd;
use crate::trial::must;

/// TCP_DEFER_ACCEPT makes a connection wait; the window and the buffers that grow are loopback's; who handles
/// it, and its cookie, are a socket's own; the key of Fast Open is the host's.
const LEFT_OUT: [&str; 5] = [
    "TCP_DEFER_ACCEPT",
    "TCP_WINDOW_CLAMP",
    "SO_INCOMING_CPU",
    "TCP_FASTOPEN_KEY",
    "SO_PEEK_OFF",
];

/// When the listener gets the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Never,
    BeforeListen,
    Listening,
    AfterTheSyn,
}

pub(super) fn of_options(t: &mut Trial) {
    table(t, &at("127.0.0.1", 0));
}

pub(super) fn of_options_of_ipv6(t: &mut Trial) {
    table(t, &at("::1", 0));
}

/// A line for each option.
fn table(t: &mut Trial, name: &Name) {
    let family = if name[0] == 2 { sockeye_abi::Family::Inet } else { sockeye_abi::Family::Inet6 };
    for row in OPTIONS {
        let known = row.state != State::Rejected && row.readable && row.settable;
        if !known || !row.applies(family, Transport::Tcp) || LEFT_OUT.contains(&row.name) {
            continue;
        }
        let new = accepted(t, name, (row, &[]), When::Never);
        let Some(bytes) = candidate(t, name, row) else { continue };
        let mut seen = Vec::new();
        for when in [When::BeforeListen, When::Listening, When::AfterTheSyn] {
            let (set, got) = accepted(t, name, (row, &bytes), when);
            seen.push(match () {
                () if got == new.1 => "as new".to_owned(),
                () if got == set => "as set".to_owned(),
                () => format!("{got:?}, set as {set:?}"),
            });
        }
        t.say(format!("{}: {}", row.name, seen.join(", ")));
    }
}

/// A value that changes what a listener shows.
fn candidate(t: &mut Trial, name: &Name, row: &Row) -> Option<Vec<u8>> {
    let ints = [1_i32, 0, 2, 7, 200, 1500, 70_000].map(|n| n.to_ne_bytes().to_vec());
    let candidates = match row.kind {
        Kind::Linger => vec![[1_i32, 7].map(i32::to_ne_bytes).concat()],
        Kind::Timeval => vec![[2_i64, 0].map(i64::to_ne_bytes).concat()],
        Kind::Rate => vec![1_000_000_u64.to_ne_bytes().to_vec()],
        Kind::Name(_) => vec![b"reno".to_vec()],
        _ => ints.to_vec(),
    };
    let kind = libc::SOCK_STREAM;
    candidates.into_iter().find(|bytes| {
        let fd = t.opened(i32::from(name[0]), kind);
        let before = t.getsockopt(fd, row.level, row.number, 64);
        let set = t.setsockopt(fd, row.level, row.number, bytes);
        let after = t.getsockopt(fd, row.level, row.number, 64);
        let _ = t.close(fd);
        set.is_ok() && before != after
    })
}

/// What the listener shows of the option, and what a socket accepted from it does.
fn accepted(t: &mut Trial, name: &Name, (row, bytes): (&Row, &[u8]), when: When) -> (Value, Value) {
    let listener = t.opened(i32::from(name[0]), libc::SOCK_STREAM);
    let set = |t: &mut Trial, now: When| {
        if now == when {
            // Some can't be set any more.
            let _ = t.setsockopt(listener, row.level, row.number, bytes);
        }
    };
    must("bind", t.bind(listener, name));
    set(t, When::BeforeListen);
    must("listen", t.listen(listener, 3));
    set(t, When::Listening);
    let own = must("getsockname", t.getsockname(listener));
    let client = t.opened(i32::from(name[0]), libc::SOCK_STREAM);
    must("connect", t.connect(client, &own));
    t.arrives(listener);
    set(t, When::AfterTheSyn);
    let server = must("accept", t.accept4(listener, 0)).0;
    let shown = |t: &mut Trial, fd: Fd| {
        Value::Bytes(t.getsockopt(fd, row.level, row.number, 64).unwrap_or_default())
    };
    let values = (shown(t, listener), shown(t, server));
    for fd in [client, server, listener] {
        let _ = t.close(fd);
    }
    values
}

/// O_NONBLOCK and FD_CLOEXEC are not the listener's to give: accept4 says.
pub(super) fn of_flags(t: &mut Trial) {
    for nonblocking in [false, true] {
        for cloexec in [false, true] {
            let listener = t.listener(&at("127.0.0.1", 0));
            t.nonblocking(listener, nonblocking);
            must("F_SETFD", t.fcntl(listener, F_SETFD, if cloexec { FD_CLOEXEC } else { 0 }));
            for flags in [0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC] {
                let name = must("getsockname", t.getsockname(listener));
                let client = t.tcp();
                must("connect", t.connect(client, &name));
                t.arrives(listener);
                let server = must("accept", t.accept4(listener, flags)).0;
                let nonblock = must("F_GETFL", t.fcntl(server, F_GETFL, 0)) & O_NONBLOCK != 0;
                let closes = must("F_GETFD", t.fcntl(server, F_GETFD, 0)) & FD_CLOEXEC != 0;
                t.say(format!(
                    "listener {nonblocking} {cloexec}, accept4 {flags:#o}: O_NONBLOCK {nonblock}, FD_CLOEXEC {closes}"
                ));
                let _ = (t.close(client), t.close(server));
            }
            for flags in [1, 0x100, -1] {
                let outcome = t.accept4(listener, flags);
                t.line(format!("accept4 {flags:#x}"), outcome);
            }
            let _ = t.close(listener);
        }
    }
}

/// What the listener was told of its connections' ends, and of reading, reaches them.
pub(super) fn of_what_is_told(t: &mut Trial) {
    let listener = t.listener(&at("127.0.0.1", 0));
    let two = 2_i32.to_ne_bytes();
    must("SO_RCVLOWAT", t.setsockopt(listener, libc::SOL_SOCKET, libc::SO_RCVLOWAT, &two));
    let limit = [0_i64, 1000].map(i64::to_ne_bytes).concat();
    must("SO_RCVTIMEO", t.setsockopt(listener, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &limit));
    let (client, server) = t.through(listener);
    let outcome = t.recv(server, 9, 0);
    t.line("nothing, within a millisecond", outcome);
    must("send", t.send(client, b"a", 0));
    let outcome = t.recv(server, 9, 0);
    t.line("one byte of two, within a millisecond", outcome);
    must("send", t.send(client, b"bc", 0));
    t.arrives(server);
    let outcome = t.recv(server, 9, 0);
    t.line("enough", outcome);
    let abort = [1_i32, 0].map(i32::to_ne_bytes).concat();
    must("SO_LINGER", t.setsockopt(listener, libc::SOL_SOCKET, libc::SO_LINGER, &abort));
    let (client, server) = t.through(listener);
    let _ = t.close(server);
    t.arrives(client);
    let outcome = t.recv(client, 9, 0);
    t.line("closed with SO_LINGER of the listener", outcome);
}
