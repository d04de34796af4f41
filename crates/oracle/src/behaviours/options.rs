//! getsockopt(2) and setsockopt(2): every level and number, read with every length and set to values of every size, on
//! sockets that are fresh, listen, or are connected. What no world here has ([`State::Rejected`]) is left out; it is in the
//! tables of `docs/compatibility.md`.

use libc::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM};
use sockeye_abi::{OPTIONS, Row, Sockets, State};

use crate::Trial;
use crate::address::at;
use crate::calls::{Errno, Fd, Result};
use crate::trial::must;

/// SOL_SOCKET, SOL_IP, SOL_TCP, SOL_UDP, SOL_IPV6.
const LEVELS: [i32; 5] = [1, 0, 6, 17, 41];
const NUMBERS: i32 = 150;

/// Their values are the machine's: only lengths are shown.
const OF_THE_MACHINE: [(i32, i32); 7] = [(0, 52), (1, 28), (1, 49), (1, 55), (1, 57), (6, 11), (6, 13)];
/// Linux counts these in ticks, whose length is the machine's.
const IN_TICKS: [(i32, i32); 4] = [(1, 20), (1, 21), (6, 45), (6, 46)];
/// Not sockets' own: netfilter's and IPsec's, if the kernel has them.
const NETFILTER: [std::ops::RangeInclusive<i32>; 3] = [64..=65, 67..=69, 80..=99];
const IPSEC: [(i32, i32); 4] = [(0, 16), (0, 17), (41, 34), (41, 35)];
/// SO_PEEK_OFF; TCP_FASTOPEN_KEY, which Linux makes when it is first needed; TCP_CC_INFO, as a congestion control likes.
const LEFT_OUT: [(i32, i32); 3] = [(1, 42), (6, 33), (6, 26)];
/// Where nobody here has a row for them yet.
const UNKNOWN: [(i32, &[i32]); 5] = [
    (1, &[17, 26, 27, 35, 37, 40, 42, 44, 59, 60, 62, 63, 64, 65]),
    (0, &[5, 6, 7, 9, 18, 20, 23, 25, 26, 37, 38, 41, 42, 43, 44, 45, 46, 47, 48, 50, 66]),
    (6, &[38, 39, 40, 41, 42]),
    (17, &[103, 104]),
    (
        41,
        &[
            2, 3, 4, 5, 6, 7, 8, 11, 20, 21, 22, 27, 28, 29, 30, 31, 42, 43, 44, 45, 46, 47, 48, 50, 53, 54, 55,
            56, 57, 58, 59, 60, 61, 62, 74, 76, 77,
        ],
    ),
];

const ROOMS: [usize; 9] = [0, 1, 2, 3, 4, 8, 16, 64, 512];
const VALUES: [i32; 11] = [-2, -1, 0, 1, 2, 3, 7, 255, 256, 65536, i32::MAX];
const LENGTHS: [usize; 10] = [0, 1, 2, 3, 5, 8, 12, 16, 20, 64];

/// What a socket is before it is asked.
#[derive(Clone, Copy)]
enum Before {
    Fresh,
    Listening,
    Connected,
}

/// The sockets of one kind, one after the other.
struct Asked {
    domain: i32,
    kind: i32,
    before: Before,
    /// Where the connected ones are connected to.
    peer: Fd,
}

pub(super) fn fresh_tcp(t: &mut Trial) {
    survey(t, (AF_INET, SOCK_STREAM), Before::Fresh);
}

pub(super) fn fresh_tcp6(t: &mut Trial) {
    survey(t, (AF_INET6, SOCK_STREAM), Before::Fresh);
}

pub(super) fn fresh_udp(t: &mut Trial) {
    survey(t, (AF_INET, SOCK_DGRAM), Before::Fresh);
}

pub(super) fn fresh_udp6(t: &mut Trial) {
    survey(t, (AF_INET6, SOCK_DGRAM), Before::Fresh);
}

pub(super) fn listening_tcp(t: &mut Trial) {
    survey(t, (AF_INET, SOCK_STREAM), Before::Listening);
}

pub(super) fn listening_tcp6(t: &mut Trial) {
    survey(t, (AF_INET6, SOCK_STREAM), Before::Listening);
}

pub(super) fn connected_tcp(t: &mut Trial) {
    survey(t, (AF_INET, SOCK_STREAM), Before::Connected);
}

pub(super) fn connected_tcp6(t: &mut Trial) {
    survey(t, (AF_INET6, SOCK_STREAM), Before::Connected);
}

pub(super) fn connected_udp(t: &mut Trial) {
    survey(t, (AF_INET, SOCK_DGRAM), Before::Connected);
}

pub(super) fn connected_udp6(t: &mut Trial) {
    survey(t, (AF_INET6, SOCK_DGRAM), Before::Connected);
}

/// Asks for everything.
fn survey(t: &mut Trial, (domain, kind): (i32, i32), before: Before) {
    let host = if domain == AF_INET { "127.0.0.1" } else { "::1" };
    let peer = t.opened(domain, kind);
    must("bind", t.bind(peer, &at(host, 0)));
    if kind == SOCK_STREAM {
        must("listen", t.listen(peer, 8));
    }
    let sockets = Asked { domain, kind, before, peer };
    for level in LEVELS {
        for number in 0..=NUMBERS {
            let here = (level, number);
            let row = OPTIONS.iter().find(|row| (row.level, row.number) == here);
            // What streams have on Linux, too.
            let of_datagrams = row.is_some_and(|row| row.sockets == Sockets::Datagrams);
            if is_left_out(here, row) || of_datagrams && kind == SOCK_STREAM {
                continue;
            }
            let name = row.map_or(String::new(), |row| format!(" {}", row.name));
            read(t, &sockets, here, &name);
            set(t, &sockets, here, &name);
        }
    }
}

fn is_left_out(here: (i32, i32), row: Option<&Row>) -> bool {
    let netfilter = [0, 41].contains(&here.0) && NETFILTER.iter().any(|range| range.contains(&here.1));
    let unknown = UNKNOWN.iter().any(|(level, numbers)| *level == here.0 && numbers.contains(&here.1));
    match row {
        Some(row) => row.state == State::Rejected || LEFT_OUT.contains(&here),
        None => netfilter || unknown || IPSEC.contains(&here),
    }
}

fn read(t: &mut Trial, sockets: &Asked, here: (i32, i32), name: &str) {
    let fd = sockets.open(t);
    let mut seen: Vec<String> = Vec::new();
    for room in ROOMS {
        let value = t.getsockopt(fd.0, here.0, here.1, room);
        seen.push(shown(here, value));
    }
    fd.close(t);
    // Most numbers are nothing.
    let first = seen.first().cloned().unwrap_or_default();
    if seen.iter().all(|other| *other == first) {
        if first != Errno::ENOPROTOOPT.name() && first != Errno::EOPNOTSUPP.name() {
            t.say(format!("{} {}{name}, read: {first}", here.0, here.1));
        }
        return;
    }
    t.say(format!("{} {}{name}, read: {}", here.0, here.1, seen.join(" ")));
}

fn set(t: &mut Trial, sockets: &Asked, here: (i32, i32), name: &str) {
    let mut outcomes: Vec<String> = Vec::new();
    let mut fd = sockets.open(t);
    let values = VALUES.iter().map(|value| (value.to_ne_bytes().to_vec(), value.to_string()));
    let lengths = LENGTHS.iter().map(|length| {
        let mut bytes = [1, 0, 0, 0].repeat(16);
        bytes.truncate(*length);
        bytes.iter_mut().skip(4).for_each(|byte| *byte = 0);
        (bytes, format!("[{length}]"))
    });
    for (bytes, what) in values.chain(lengths) {
        if IN_TICKS.contains(&here) && bytes.len() == 4 && what.len() > 3 {
            continue;
        }
        match t.setsockopt(fd.0, here.0, here.1, &bytes) {
            Err(error) => outcomes.push(format!("{what}: {}", error.name())),
            Ok(()) => {
                let value = t.getsockopt(fd.0, here.0, here.1, 4);
                outcomes.push(format!("{what}={}", shown(here, value)));
                fd.close(t);
                fd = sockets.open(t);
            }
        }
    }
    fd.close(t);
    let nothing = [Errno::ENOPROTOOPT, Errno::EINVAL, Errno::EOPNOTSUPP].map(|errno| errno.name());
    let is_nothing = |outcome: &String| nothing.iter().any(|name| outcome.ends_with(name));
    if outcomes.iter().all(is_nothing) && name.is_empty() {
        return;
    }
    t.say(format!("{} {}{name}, set: {}", here.0, here.1, outcomes.join(" ")));
}

/// A value as an int where it is one, as its length where it is the machine's.
fn shown(here: (i32, i32), value: Result<Vec<u8>>) -> String {
    match value {
        Err(error) => error.name().to_owned(),
        Ok(bytes) if OF_THE_MACHINE.contains(&here) => format!("{} bytes", bytes.len()),
        Ok(bytes) => match <[u8; 4]>::try_from(&bytes[..]) {
            Ok(word) => i32::from_ne_bytes(word).to_string(),
            Err(_) if bytes.is_empty() => "-".to_owned(),
            Err(_) if bytes.iter().all(|byte| *byte == 0) => format!("{}x0", bytes.len()),
            Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
    }
}

/// A socket, and what it is connected to.
struct Open(Fd, Option<Fd>);

impl Open {
    fn close(self, t: &mut Trial) {
        let _ = t.close(self.0);
        if let Some(peer) = self.1 {
            let _ = t.close(peer);
        }
    }
}

impl Asked {
    fn open(&self, t: &mut Trial) -> Open {
        let fd = t.opened(self.domain, self.kind);
        match (self.before, self.kind) {
            (Before::Fresh, _) => Open(fd, None),
            (Before::Listening, _) => {
                must("listen", t.listen(fd, 3));
                Open(fd, None)
            }
            (Before::Connected, SOCK_STREAM) => {
                let name = must("getsockname", t.getsockname(self.peer));
                must("connect", t.connect(fd, &name));
                t.arrives(self.peer);
                Open(fd, Some(must("accept", t.accept4(self.peer, 0)).0))
            }
            (Before::Connected, _) => {
                let name = must("getsockname", t.getsockname(self.peer));
                must("connect", t.connect(fd, &name));
                Open(fd, None)
            }
        }
    }
}
