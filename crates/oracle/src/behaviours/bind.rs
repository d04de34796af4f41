//! bind(2) beyond pairs of fresh sockets: what a port remembers, flags changed late, ports that nobody named, and how often a
//! socket may bind.

use libc::{
    AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET,
};

use crate::Trial;
use crate::address::{Name, P, Q, at, unspecified};
use crate::calls::{Errno, Fd};
use crate::trial::must;

/// A stream socket with these flags (1: SO_REUSEADDR, 2: SO_REUSEPORT).
fn with_flags(t: &mut Trial, kind: i32, flags: i32) -> Fd {
    let fd = t.opened(AF_INET, kind);
    reuse(t, fd, flags);
    fd
}

fn reuse(t: &mut Trial, fd: Fd, flags: i32) {
    must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, flags & 1));
    must("SO_REUSEPORT", t.set(fd, SOL_SOCKET, SO_REUSEPORT, flags >> 1));
}

/// One letter for what a call says.
fn letter(outcome: &Result<(), Errno>) -> char {
    match outcome {
        Ok(()) => '.',
        Err(Errno::EADDRINUSE) => 'U',
        Err(Errno::EADDRNOTAVAIL) => 'A',
        Err(Errno::EINVAL) => 'I',
        Err(error) => panic!("{}", error.name()),
    }
}

/// One address of each kind, with its length and family as it should be and not.
pub(super) fn addresses(t: &mut Trial) {
    let hosts = [
        "0.0.0.0", "127.0.0.1", "127.255.255.254", "127.0.0.0", "127.255.255.255", "10.61.0.1", "10.61.0.2", "10.61.0.0",
        "10.61.0.255", "255.255.255.255", "224.0.0.1", "239.1.2.3", "240.0.0.1", "192.0.2.1", "0.0.0.1", "::", "::1",
        "::2", "fd61::1", "fd61::2", "2001:db8::1", "ff02::1", "ff0e::1", "fe80::1", "::ffff:0.0.0.0",
        "::ffff:127.0.0.1", "::ffff:10.61.0.1", "::ffff:192.0.2.1", "::ffff:224.0.0.1", "::127.0.0.1",
    ];
    for (domain, kind, what) in [
        (AF_INET, SOCK_STREAM, "tcp"),
        (AF_INET, SOCK_DGRAM, "udp"),
        (AF_INET6, SOCK_STREAM, "tcp6"),
        (AF_INET6, SOCK_DGRAM, "udp6"),
    ] {
        for host in hosts {
            let fd = t.opened(domain, kind);
            let outcome = t.bind(fd, &at(host, P));
            t.line(format!("{what} {host}"), outcome);
            if outcome.is_ok() {
                let (name, only) = (t.getsockname(fd), t.get(fd, IPPROTO_IPV6, IPV6_V6ONLY));
                t.line("  is at", name);
                t.line("  IPV6_V6ONLY", only);
            }
            let _ = t.close(fd);
            if domain == AF_INET6 {
                let fd = t.opened(domain, kind);
                must("IPV6_V6ONLY", t.set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
                let outcome = t.bind(fd, &at(host, P));
                t.line(format!("{what} only {host}"), outcome);
                let _ = t.close(fd);
            }
        }
    }
}

/// `struct sockaddr`s of all lengths and families.
pub(super) fn lengths(t: &mut Trial) {
    for (domain, host) in [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")] {
        for kind in [SOCK_STREAM, SOCK_DGRAM] {
            for family in [0_u16, 1, 2, 10, 16, 99] {
                let mut row = String::new();
                for length in [0, 1, 2, 8, 15, 16, 23, 24, 27, 28, 64, 110, 128, 129] {
                    let mut bytes = at(host, 0).0;
                    bytes[..2].copy_from_slice(&family.to_ne_bytes());
                    bytes.resize(length.max(2), 0);
                    bytes.truncate(length);
                    let fd = t.opened(domain, kind);
                    row += &format!(" {length}:{}", t.bind(fd, &bytes).map_or_else(|error| error.name(), |()| "ok"));
                    let _ = t.close(fd);
                }
                t.say(format!("domain {domain} type {kind} family {family}:{row}"));
            }
        }
    }
    let fd = t.tcp();
    let mut any = at("0.0.0.0", 0).0;
    any[0] = 0;
    let outcome = t.bind(fd, &any);
    t.line("AF_UNSPEC with 0.0.0.0", outcome);
}

/// Three sockets with flags on one port: Linux's port keeps in mind what its sockets had in common.
fn three(t: &mut Trial, kind: i32) {
    let hosts = ["0.0.0.0", "127.0.0.1", "10.61.0.1"];
    for one in hosts {
        for two in hosts {
            for three in hosts {
                let mut row = String::new();
                for flags in 0..64 {
                    let all = [(one, flags / 16), (two, flags / 4 % 4), (three, flags % 4)];
                    let fds = all.map(|(_, flags)| with_flags(t, kind, flags));
                    let first = t.bind(fds[0], &at(one, P));
                    let second = t.bind(fds[1], &at(two, P));
                    // The first goes; the third meets the second, and what is remembered.
                    must("close", t.close(fds[0]));
                    let third = t.bind(fds[2], &at(three, P));
                    if flags % 16 == 0 && flags > 0 {
                        row.push(' ');
                    }
                    row.push(if second.is_ok() { letter(&third) } else { '-' });
                    assert!(first.is_ok(), "nobody is there");
                    must("close", t.close(fds[1]));
                    must("close", t.close(fds[2]));
                }
                t.say(format!("{one}, {two}, {three}: {row}"));
            }
        }
    }
}

pub(super) fn three_tcp(t: &mut Trial) {
    three(t, SOCK_STREAM);
}

pub(super) fn three_udp(t: &mut Trial) {
    three(t, SOCK_DGRAM);
}

/// Flags changed once the first is bound, and once it listens.
fn late(t: &mut Trial, kind: i32) {
    for (one, two) in [("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")] {
        for listens in [false, true] {
            if listens && kind == SOCK_DGRAM {
                continue;
            }
            let mut row = String::new();
            for flags in 0..64 {
                let (before, after, second) = (flags / 16, flags / 4 % 4, flags % 4);
                let fd = with_flags(t, kind, before);
                must("bind", t.bind(fd, &at(one, P)));
                if listens {
                    must("listen", t.listen(fd, 1));
                }
                reuse(t, fd, after);
                let other = with_flags(t, kind, second);
                if flags % 16 == 0 && flags > 0 {
                    row.push(' ');
                }
                row.push(letter(&t.bind(other, &at(two, P))));
                must("close", t.close(fd));
                must("close", t.close(other));
            }
            t.say(format!("{one}{}, {two}: {row}", if listens { " listening" } else { "" }));
        }
    }
}

pub(super) fn late_flags_tcp(t: &mut Trial) {
    late(t, SOCK_STREAM);
}

pub(super) fn late_flags_udp(t: &mut Trial) {
    late(t, SOCK_DGRAM);
}

/// The port of a connection that nobody bound.
pub(super) fn of_connect(t: &mut Trial) {
    for (to, domain, only) in [("127.0.0.1", AF_INET, false), ("::1", AF_INET6, false), ("::1", AF_INET6, true), ("::ffff:127.0.0.1", AF_INET6, false)] {
        let listener = t.listener(&at(if domain == AF_INET { "0.0.0.0" } else { "::" }, Q));
        for first in 0..4 {
            let fd = t.opened(domain, SOCK_STREAM);
            if only {
                must("IPV6_V6ONLY", t.set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
            }
            reuse(t, fd, first);
            must("connect", t.connect(fd, &at(to, Q)));
            let port = must("getsockname", t.getsockname(fd)).port().unwrap_or(0);
            for host in ["0.0.0.0", "127.0.0.1", "127.0.0.6", "10.61.0.1", "::", "::1", "::ffff:0.0.0.0"] {
                let mut row = String::new();
                for second in 0..4 {
                    let other = t.opened(if host.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
                    reuse(t, other, second);
                    row.push(letter(&t.bind(other, &at(host, port))));
                    must("close", t.close(other));
                }
                t.say(format!("connected to {to}{} with {first}, bind to {host}: {row}", if only { " only" } else { "" }));
            }
            must("close", t.close(fd));
            t.arrives(listener);
            let (accepted, _) = must("accept", t.accept4(listener, 0));
            must("close", t.close(accepted));
        }
        must("close", t.close(listener));
    }
}

/// A socket binds once; a bind that failed leaves it as it was.
pub(super) fn again(t: &mut Trial) {
    for (kind, what) in [(SOCK_STREAM, "tcp"), (SOCK_DGRAM, "udp")] {
        let holder = with_flags(t, kind, 0);
        must("bind", t.bind(holder, &at("127.0.0.1", Q)));
        let fd = with_flags(t, kind, 0);
        let tries = [
            ("a port in use", at("127.0.0.1", Q)),
            ("no address of ours", at("192.0.2.1", P)),
            ("another family", at("::1", P)),
            ("a free port", at("127.0.0.1", P)),
            ("the same again", at("127.0.0.1", P)),
            ("another", at("127.0.0.1", 0)),
            ("no address of ours again", at("192.0.2.1", 0)),
        ];
        for (how, name) in tries {
            let outcome = t.bind(fd, &name);
            t.line(format!("{what}: bind to {how}"), outcome);
            let name = t.getsockname(fd);
            t.line("  is at", name);
        }
        let _ = (t.close(fd), t.close(holder));
    }
}

/// Binding when there is a connection already, or was.
pub(super) fn after_connect(t: &mut Trial) {
    t.listener(&at("127.0.0.1", Q));
    for named in [None, Some(0), Some(P)] {
        let fd = t.tcp();
        if let Some(port) = named {
            must("bind", t.bind(fd, &at("127.0.0.1", port)));
        }
        must("connect", t.connect(fd, &at("127.0.0.1", Q)));
        let outcome = t.bind(fd, &at("127.0.0.1", 7003));
        t.line(format!("{named:?}: bind while connected"), outcome);
        let outcome = t.connect(fd, &unspecified());
        t.line("dissolve", outcome);
        let name = t.getsockname(fd);
        t.line("is at", name);
        let outcome = t.bind(fd, &at("127.0.0.1", 7003));
        t.line("bind then", outcome);
        let name = t.getsockname(fd);
        t.line("is at", name);
        let outcome = t.listen(fd, 1);
        t.line("listen", outcome);
        let name = t.getsockname(fd);
        t.line("is at", name);
        let _ = t.close(fd);
    }
    for named in [None, Some(0), Some(P)] {
        let fd = t.udp();
        if let Some(port) = named {
            must("bind", t.bind(fd, &at("127.0.0.1", port)));
        }
        must("connect", t.connect(fd, &at("127.0.0.1", Q)));
        let outcome = t.bind(fd, &at("127.0.0.1", 7003));
        t.line(format!("udp {named:?}: bind while connected"), outcome);
        let outcome = t.connect(fd, &unspecified());
        t.line("dissolve", outcome);
        let outcome = t.bind(fd, &at("127.0.0.1", 7003));
        t.line("bind then", outcome);
        let name = t.getsockname(fd);
        t.line("is at", name);
        let _ = t.close(fd);
    }
    let fd = t.tcp();
    let outcome = t.connect(fd, &at("127.0.0.1", 9));
    t.line("refused", outcome);
    let name = t.getsockname(fd);
    t.line("is at", name);
    let outcome = t.bind(fd, &at("127.0.0.1", P));
    t.line("bind then", outcome);
    let outcome = t.connect(fd, &at("127.0.0.1", Q));
    t.line("connect then", outcome);
    let name = t.getsockname(fd);
    t.line("is at", name);
}

/// Binds to port 0 until none is left; says how many there were.
fn exhaust(t: &mut Trial, (kind, flags): (i32, i32), host: &str, all: &mut Vec<Fd>) {
    let mut count = 0;
    let outcome = loop {
        let fd = t.opened(if host.contains(':') { AF_INET6 } else { AF_INET }, kind);
        reuse(t, fd, flags);
        all.push(fd);
        match t.bind(fd, &at(host, 0)) {
            Ok(()) if count < 40 => count += 1,
            outcome => break outcome,
        }
    };
    t.line(format!("{host} with {flags}: {count}, then"), outcome);
}

/// The ephemeral range used up by `bind`.
pub(super) fn exhausted(t: &mut Trial) {
    for kind in [SOCK_STREAM, SOCK_DGRAM] {
        for (one, two) in [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "::1"), ("::", "127.0.0.1")] {
            for flags in 0..4 {
                let mut all = Vec::new();
                t.say(format!("type {kind}"));
                exhaust(t, (kind, flags), one, &mut all);
                exhaust(t, (kind, flags), two, &mut all);
                // What isn't bound yet takes a port when it needs one.
                let fd = with_flags(t, kind, flags);
                all.push(fd);
                let outcome = if kind == SOCK_DGRAM { t.connect(fd, &at("127.0.0.1", Q)) } else { t.listen(fd, 1) };
                t.line("implicit bind", outcome);
                for fd in all {
                    must("close", t.close(fd));
                }
            }
        }
    }
}

/// The ephemeral range used up by `connect`: a port serves many destinations.
pub(super) fn exhausted_by_connect(t: &mut Trial) {
    let servers: Vec<Fd> = [P, Q].map(|port| t.listener(&at("0.0.0.0", port))).to_vec();
    let mut all = Vec::new();
    for to in [at("127.0.0.1", P), at("127.0.0.1", Q), at("127.0.0.2", P), at("10.61.0.1", P)] {
        let mut count = 0;
        let outcome = loop {
            let fd = t.tcp();
            all.push(fd);
            match t.connect(fd, &to) {
                Ok(()) if count < 40 => count += 1,
                outcome => break outcome,
            }
            let at = usize::from(to.port() == Some(Q));
            t.arrives(servers[at]);
            all.push(must("accept", t.accept4(servers[at], 0)).0);
        };
        t.line(format!("{to}: {count}, then"), outcome);
    }
    // Those ports are taken for `bind` without a name, too, but not for one who shares.
    for flags in 0..4 {
        let mut some = Vec::new();
        exhaust(t, (SOCK_STREAM, flags), "127.0.0.1", &mut some);
        exhaust(t, (SOCK_STREAM, flags), "0.0.0.0", &mut some);
        all.extend(some);
    }
}

/// Many sockets on one port connect out: the four numbers together are unique.
pub(super) fn tuples(t: &mut Trial) {
    let servers: Vec<Fd> = [Q, 7003].map(|port| t.listener(&at("0.0.0.0", port))).to_vec();
    for flags in 1..4 {
        let own = at("127.0.0.1", 8000 + flags as u16);
        let mut all: Vec<Fd> = Vec::new();
        for to in [("127.0.0.1", Q), ("127.0.0.1", 7003), ("127.0.0.2", Q), ("127.0.0.1", Q), ("127.0.0.2", 7003)] {
            let fd = with_flags(t, SOCK_STREAM, flags);
            all.push(fd);
            let outcome = t.bind(fd, &own);
            t.line(format!("flags {flags}: bind"), outcome);
            let to: Name = at(to.0, to.1);
            let outcome = t.connect(fd, &to);
            t.line(format!("connect to {to}"), outcome);
            let name = t.getsockname(fd);
            let shown = name.map(|name| name == own);
            t.line("at its name", shown);
        }
        // Who was turned away may go elsewhere.
        let outcome = t.connect(all[3], &at("10.61.0.1", Q));
        t.line("the fourth elsewhere", outcome);
        let outcome = t.listen(all[3], 1);
        t.line("the fourth listens", outcome);
    }
    drop(servers);
}
