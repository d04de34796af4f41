//! The matrix of bind(2): may a second socket have the port of a first? Each line is a pair of addresses; each cell a
//! pair of flags (the first socket with none, SO_REUSEADDR, SO_REUSEPORT, both; within that the second).
//!
//! `.` it may (and a stream may listen, too); `U` EADDRINUSE; `l` it is bound, but can't listen; `f` it listens, but the
//! first no longer can; `A` EADDRNOTAVAIL; `I` EINVAL; `-` there is no such first socket.

use libc::{AF_INET, AF_INET6, SO_REUSEADDR, SO_REUSEPORT, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET};

use crate::address::{Name, P, Q, at};
use crate::calls::{Errno, Fd, Result};
use crate::trial::{Trial, must};

/// A kind of address.
#[derive(Clone, Copy)]
struct Form {
    /// IPV6_V6ONLY.
    v6only: bool,
    host: &'static str,
    /// Connections can come from it.
    unicast: bool,
}

/// All kinds.
const FORMS: &[Form] = &[
    form("0.0.0.0"),
    form("127.0.0.1"),
    form("127.0.0.2"),
    form("10.61.0.1"),
    Form { unicast: false, ..form("224.0.0.251") },
    Form { unicast: false, ..form("10.61.0.255") },
    form("::"),
    form("::1"),
    form("fd61::1"),
    form("::ffff:0.0.0.0"),
    form("::ffff:127.0.0.1"),
    Form { unicast: false, ..form("ff0e::1") },
    Form { v6only: true, ..form("::") },
    Form { v6only: true, ..form("::1") },
];

/// What the first socket has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Bound,
    Listening,
    /// It has connected.
    Connected,
    /// It was accepted, and its listener closed.
    Accepted,
    /// It has connected, and closed first.
    TimeWait,
}

const fn form(host: &'static str) -> Form {
    Form { v6only: false, host, unicast: true }
}

impl Form {
    fn domain(self) -> i32 {
        if self.host.contains(':') { AF_INET6 } else { AF_INET }
    }

    fn shown(self) -> String {
        format!("{}{}", self.host, if self.v6only { " only" } else { "" })
    }

    /// Where somebody who is bound to it can connect to.
    fn reachable(self) -> &'static str {
        match self.host {
            "::" | "fd61::1" | "::1" => "::1",
            "::ffff:0.0.0.0" | "::ffff:127.0.0.1" => "::ffff:127.0.0.1",
            _ => "127.0.0.1",
        }
    }
}

/// A socket with these flags (1: SO_REUSEADDR, 2: SO_REUSEPORT).
fn made(t: &mut Trial, form: Form, kind: i32, flags: i32) -> Fd {
    let fd = t.opened(form.domain(), kind);
    if form.v6only {
        must("IPV6_V6ONLY", t.set(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1));
    }
    if flags & 1 != 0 {
        must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    }
    if flags & 2 != 0 {
        must("SO_REUSEPORT", t.set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    }
    fd
}

/// The first socket of a cell: all its descriptors, itself first.
fn first(t: &mut Trial, form: Form, (kind, flags): (i32, i32), port: u16, state: State) -> Result<Vec<Fd>> {
    let fd = made(t, form, kind, flags);
    let mut all = vec![fd];
    let outcome = arrive(t, form, (kind, port), state, &mut all);
    if outcome.is_err() {
        close(t, &all);
    }
    outcome.map(|()| all)
}

fn arrive(
    t: &mut Trial,
    form: Form,
    (kind, port): (i32, u16),
    state: State,
    all: &mut Vec<Fd>,
) -> Result<()> {
    let fd = all[0];
    t.bind(fd, &at(form.host, port))?;
    match state {
        State::Bound => {}
        State::Listening => t.listen(fd, 1)?,
        State::Connected if kind == SOCK_DGRAM => t.connect(fd, &at(form.reachable(), Q))?,
        State::Connected | State::TimeWait => {
            let server = t.opened(form.domain(), SOCK_STREAM);
            all.push(server);
            t.bind(server, &at(if form.domain() == AF_INET { "0.0.0.0" } else { "::" }, 0))?;
            t.listen(server, 1)?;
            let to = t.getsockname(server)?.port().unwrap_or(0);
            t.connect(fd, &at(form.reachable(), to))?;
            t.arrives(server);
            let (accepted, _) = t.accept4(server, 0)?;
            if state == State::TimeWait {
                must("shutdown", t.shutdown(fd, libc::SHUT_WR));
                t.arrives(accepted);
                must("close", t.close(accepted));
                t.arrives(fd);
                must("close", t.close(fd));
                all.remove(0);
            } else {
                all.push(accepted);
            }
        }
        State::Accepted => {
            t.listen(fd, 1)?;
            let client = t.opened(form.domain(), SOCK_STREAM);
            all.push(client);
            let to = if form.host == "fd61::1" || form.host.starts_with("10") { form.host } else { form.reachable() };
            let to = if form.host == "127.0.0.2" { form.host } else { to };
            t.connect(client, &at(to, port))?;
            t.arrives(fd);
            let (accepted, _) = t.accept4(fd, 0)?;
            must("close", t.close(fd));
            all[0] = accepted;
        }
    }
    Ok(())
}

fn close(t: &mut Trial, all: &[Fd]) {
    all.iter().for_each(|fd| must("close", t.close(*fd)));
}

/// What becomes of the second socket, and of the first then.
fn second(t: &mut Trial, (form, kind, flags): (Form, i32, i32), name: &Name, still: Option<Fd>) -> char {
    let fd = made(t, form, kind, flags);
    let cell = match t.bind(fd, name) {
        Err(Errno::EADDRINUSE) => 'U',
        Err(Errno::EADDRNOTAVAIL) => 'A',
        Err(Errno::EINVAL) => 'I',
        Err(error) => panic!("bind: {}", error.name()),
        Ok(()) if kind == SOCK_DGRAM => '.',
        Ok(()) => match (t.listen(fd, 1), still) {
            (Err(_), _) => 'l',
            (Ok(()), Some(first)) if t.listen(first, 1).is_err() => 'f',
            (Ok(()), _) => '.',
        },
    };
    must("close", t.close(fd));
    cell
}

/// All pairs of these addresses with the first socket in a state.
fn matrix(t: &mut Trial, kind: i32, state: State, (ones, others): (&[Form], &[Form])) {
    // Who has connected may stay in TIME-WAIT: a port for each cell.
    let stays = kind == SOCK_STREAM && ![State::Bound, State::Listening].contains(&state);
    let mut port = P;
    for one in ones {
        for other in others {
            let mut row = String::new();
            for flags in 0..16 {
                if stays {
                    port += 1;
                }
                if flags > 0 && flags % 4 == 0 {
                    row.push(' ');
                }
                let Ok(all) = first(t, *one, (kind, flags / 4), port, state) else {
                    row.push('-');
                    continue;
                };
                let still = (state == State::Bound).then_some(all[0]);
                row.push(second(t, (*other, kind, flags % 4), &at(other.host, port), still));
                close(t, &all);
            }
            t.say(format!("{}, {}: {row}", one.shown(), other.shown()));
        }
    }
}

fn unicast() -> Vec<Form> {
    FORMS.iter().copied().filter(|form| form.unicast).collect()
}

/// A few kinds that stand for the rest.
fn few() -> Vec<Form> {
    [0, 1, 3, 6, 7, 12].map(|at| FORMS[at]).to_vec()
}

pub(super) fn tcp_bound(t: &mut Trial) {
    matrix(t, SOCK_STREAM, State::Bound, (FORMS, FORMS));
}

pub(super) fn tcp_listening(t: &mut Trial) {
    matrix(t, SOCK_STREAM, State::Listening, (FORMS, FORMS));
}

pub(super) fn tcp_connected(t: &mut Trial) {
    matrix(t, SOCK_STREAM, State::Connected, (&few(), &unicast()));
}

pub(super) fn tcp_accepted(t: &mut Trial) {
    matrix(t, SOCK_STREAM, State::Accepted, (&few(), &unicast()));
}

pub(super) fn tcp_time_wait(t: &mut Trial) {
    matrix(t, SOCK_STREAM, State::TimeWait, (&few(), &unicast()));
}

pub(super) fn udp_bound(t: &mut Trial) {
    matrix(t, SOCK_DGRAM, State::Bound, (FORMS, FORMS));
}

pub(super) fn udp_connected(t: &mut Trial) {
    matrix(t, SOCK_DGRAM, State::Connected, (&few(), &unicast()));
}
