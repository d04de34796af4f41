//! connect(2) in all its ways.

use libc::{
    AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, POLLOUT, SHUT_WR, SO_BROADCAST, SO_REUSEADDR, SO_SNDTIMEO, SOCK_DGRAM,
    SOCK_STREAM, SOL_SOCKET,
};

use crate::Trial;
use crate::address::{Name, P, Q, at, unspecified};
use crate::calls::Fd;
use crate::trial::{Shown, must};

/// Where one may want to go.
const HOSTS: [&str; 30] = [
    "0.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255", "10.61.0.1", "10.61.0.2", "10.61.0.255", "10.61.0.0",
    "192.0.2.1", "255.255.255.255", "224.0.0.1", "239.9.9.9", "240.0.0.1", "0.0.0.1", "::", "::1", "fd61::1", "fd61::2",
    "fd61::", "2001:db8::1", "ff02::1", "ff0e::1", "fe80::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.61.0.2",
    "::ffff:192.0.2.1", "::ffff:224.0.0.1", "::ffff:255.255.255.255", "::127.0.0.1",
];

/// A port that nobody listens on, here or on `tekapo`.
const NOBODY: u16 = 4;

/// Both names, in one line.
fn names(t: &mut Trial, fd: Fd) -> String {
    format!("{} - {}", t.getsockname(fd).shown(), t.getpeername(fd).shown())
}

/// Nobody listens anywhere: each kind of address, and what it leaves.
pub(super) fn nowhere(t: &mut Trial) {
    for (domain, kind, what) in [
        (AF_INET, SOCK_STREAM, "tcp"),
        (AF_INET, SOCK_DGRAM, "udp"),
        (AF_INET6, SOCK_STREAM, "tcp6"),
        (AF_INET6, SOCK_DGRAM, "udp6"),
    ] {
        for host in HOSTS {
            for only in [0, 1] {
                if only == 1 && domain == AF_INET {
                    continue;
                }
                let fd = t.opened(domain, kind);
                if only == 1 {
                    must("IPV6_V6ONLY", t.set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
                }
                let outcome = t.connect(fd, &at(host, NOBODY)).shown();
                let names = names(t, fd);
                let again = t.connect(fd, &at(host, NOBODY)).shown();
                t.say(format!("{what}{} {host}: {outcome}, {names}; again {again}", ["", " only"][only]));
                must("close", t.close(fd));
            }
        }
    }
}

/// Datagram sockets that may send to all.
pub(super) fn with_broadcast(t: &mut Trial) {
    for (domain, hosts) in [(AF_INET, &HOSTS[..14]), (AF_INET6, &HOSTS[23..])] {
        for host in hosts {
            let fd = t.opened(domain, SOCK_DGRAM);
            must("SO_BROADCAST", t.set(fd, SOL_SOCKET, SO_BROADCAST, 1));
            let outcome = t.connect(fd, &at(host, NOBODY)).shown();
            let names = names(t, fd);
            t.say(format!("{host}: {outcome}, {names}"));
            must("close", t.close(fd));
        }
    }
}

/// `struct sockaddr`s of all lengths and families.
pub(super) fn lengths(t: &mut Trial) {
    for (domain, host) in [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")] {
        for kind in [SOCK_STREAM, SOCK_DGRAM] {
            for family in [0_u16, 1, 2, 10, 16, 99] {
                let mut row = String::new();
                for length in [0, 1, 2, 8, 15, 16, 23, 24, 27, 28, 64, 128, 129] {
                    let mut bytes = at(host, NOBODY).0;
                    bytes[..2].copy_from_slice(&family.to_ne_bytes());
                    bytes.resize(length.max(2), 0);
                    bytes.truncate(length);
                    let fd = t.opened(domain, kind);
                    row += &format!(" {length}:{}", t.connect(fd, &bytes).shown());
                    must("close", t.close(fd));
                }
                t.say(format!("domain {domain} type {kind} family {family}:{row}"));
            }
        }
    }
}

/// From one address to another, when somebody listens on all.
fn between(t: &mut Trial, kind: i32) {
    let servers = if kind == SOCK_STREAM { vec![t.listener(&at("::", P))] } else { Vec::new() };
    for from in ["0.0.0.0", "127.0.0.1", "127.0.0.2", "10.61.0.1", "10.61.0.255", "224.0.0.1", "::", "::1", "fd61::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.61.0.1"] {
        for to in ["0.0.0.0", "127.0.0.1", "127.0.0.2", "10.61.0.1", "192.0.2.1", "::", "::1", "fd61::1", "2001:db8::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.61.0.1"] {
            if from.contains(':') != to.contains(':') {
                continue;
            }
            let fd = t.opened(if from.contains(':') { AF_INET6 } else { AF_INET }, kind);
            must("bind", t.bind(fd, &at(from, 0)));
            let outcome = t.connect(fd, &at(to, P)).shown();
            let mut text = format!("{from} to {to}: {outcome}, {}", names(t, fd));
            if outcome == "ok" && kind == SOCK_STREAM {
                t.arrives(servers[0]);
                let (accepted, name) = must("accept", t.accept4(servers[0], 0));
                text += &format!("; accepted from {name}, {}", names(t, accepted));
                must("close", t.close(accepted));
            }
            let dissolved = t.connect(fd, &unspecified()).shown();
            text += &format!("; dissolved {dissolved}, {}", names(t, fd));
            t.say(text);
            must("close", t.close(fd));
        }
    }
}

pub(super) fn between_streams(t: &mut Trial) {
    between(t, SOCK_STREAM);
}

pub(super) fn between_datagrams(t: &mut Trial) {
    between(t, SOCK_DGRAM);
}

/// A non-blocking connection that is made.
pub(super) fn in_progress(t: &mut Trial) {
    for ask_first in [false, true] {
        let server = t.listener(&at("127.0.0.1", P));
        let fd = t.opened(AF_INET, SOCK_STREAM | libc::SOCK_NONBLOCK);
        let outcome = t.connect(fd, &at("127.0.0.1", P));
        t.line("connect", outcome);
        let bits = t.becomes(fd, POLLOUT);
        t.line("writable", bits == POLLOUT);
        if ask_first {
            let error = t.error(fd);
            t.line("SO_ERROR", error);
        }
        for _ in 0..3 {
            let outcome = t.connect(fd, &at("127.0.0.1", P));
            t.line("connect again", outcome);
        }
        let outcome = t.connect(fd, &at("127.0.0.1", Q));
        t.line("connect elsewhere", outcome);
        let names = names(t, fd);
        t.say(names);
        let sent = t.send(fd, b"abc", 0);
        t.line("send", sent);
        t.arrives(server);
        let (accepted, _) = must("accept", t.accept4(server, 0));
        t.arrives(accepted);
        let got = t.recv(accepted, 10, 0);
        t.line("recv", got);
        [fd, server, accepted].iter().for_each(|fd| must("close", t.close(*fd)));
    }
}

/// A non-blocking connection that is refused: who tells, and what comes then.
pub(super) fn refused(t: &mut Trial) {
    let server = t.listener(&at("127.0.0.1", P));
    for teller in ["connect", "SO_ERROR", "SO_ERROR and connect", "connect elsewhere", "nobody, then bind", "nobody, then listen"] {
        let fd = t.opened(AF_INET, SOCK_STREAM | libc::SOCK_NONBLOCK);
        let outcome = t.connect(fd, &at("127.0.0.1", 9));
        t.line(format!("{teller}: connect"), outcome);
        t.becomes(fd, POLLOUT);
        let (bits, at_first) = (t.bits(fd), names(t, fd));
        t.say(format!("then {bits}, {at_first}"));
        if teller.starts_with("SO_ERROR") {
            let error = t.error(fd);
            t.line("SO_ERROR", error);
        }
        if teller.contains("connect") {
            let to = if teller.ends_with("elsewhere") { P } else { 9 };
            let outcome = t.connect(fd, &at("127.0.0.1", to));
            t.line("connect", outcome);
        }
        if teller.ends_with("bind") {
            let outcome = t.bind(fd, &at("127.0.0.1", Q));
            t.line("bind", outcome);
        }
        if teller.ends_with("listen") {
            let outcome = t.listen(fd, 1);
            t.line("listen", outcome);
        }
        // Now it may go where somebody is.
        let outcome = t.connect(fd, &at("127.0.0.1", P));
        t.line("connect to the other", outcome);
        t.becomes(fd, POLLOUT);
        let error = t.error(fd);
        t.line("SO_ERROR", error);
        let outcome = t.connect(fd, &at("127.0.0.1", P));
        t.line("connect again", outcome);
        let names = names(t, fd);
        t.say(names);
        must("close", t.close(fd));
        while t.poll(&[(server, libc::POLLIN)], 0).is_ok_and(|bits| bits != [0]) {
            let (accepted, _) = must("accept", t.accept4(server, 0));
            must("close", t.close(accepted));
        }
    }
}

/// A blocking connection that is refused, many times, then made.
pub(super) fn tries(t: &mut Trial) {
    for (own, host) in [(None, "127.0.0.1"), (Some(P), "127.0.0.1"), (None, "::1"), (Some(P), "::1")] {
        let fd = t.opened(if host == "::1" { AF_INET6 } else { AF_INET }, SOCK_STREAM);
        if let Some(port) = own {
            must("bind", t.bind(fd, &at(host, port)));
        }
        for _ in 0..3 {
            let outcome = t.connect(fd, &at(host, Q)).shown();
            let names = names(t, fd);
            let error = t.error(fd);
            t.say(format!("{own:?} {host}: {outcome}, {names}, then {error}"));
        }
        let server = t.listener(&at(host, Q));
        let outcome = t.connect(fd, &at(host, Q));
        t.line("when somebody listens", outcome);
        let names = names(t, fd);
        t.say(names);
        [fd, server].iter().for_each(|fd| must("close", t.close(*fd)));
    }
}

/// Nobody answers, and the caller waits for so long (SO_SNDTIMEO).
pub(super) fn in_time(t: &mut Trial) {
    // A listener whose queue is full answers nothing.
    let server = t.tcp();
    must("bind", t.bind(server, &at("127.0.0.1", P)));
    must("listen", t.listen(server, 0));
    let first = t.tcp();
    must("connect", t.connect(first, &at("127.0.0.1", P)));
    let fd = t.tcp();
    let limit = [0_i64.to_ne_bytes(), 100_000_i64.to_ne_bytes()].concat();
    must("SO_SNDTIMEO", t.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit));
    let outcome = t.connect(fd, &at("127.0.0.1", P));
    t.line("connect", outcome);
    let outcome = t.connect(fd, &at("127.0.0.1", P));
    t.line("connect again", outcome);
    t.nonblocking(fd, true);
    let outcome = t.connect(fd, &at("127.0.0.1", P));
    t.line("and without waiting", outcome);
    let (bits, names_then) = (t.bits(fd), names(t, fd));
    t.say(format!("{bits}, {names_then}"));
    let outcome = t.shutdown(fd, SHUT_WR);
    t.line("shutdown", outcome);
    let (error, bits) = (t.error(fd), t.bits(fd));
    t.say(format!("{error}, {bits}"));
    let outcome = t.connect(fd, &at("127.0.0.1", 9));
    t.line("connect elsewhere", outcome);
}

/// A host that isn't there: nobody answers for its address.
pub(super) fn unanswered(t: &mut Trial) {
    for to in ["10.61.0.99", "fd61::99"] {
        let fd = t.opened(if to.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
        let outcome = t.connect(fd, &at(to, P));
        t.line(format!("connect to {to}"), outcome);
        let error = t.error(fd);
        t.line("SO_ERROR", error);
        let names = names(t, fd);
        t.say(names);
    }
}

/// A socket connects to itself, and two to each other.
pub(super) fn to_each_other(t: &mut Trial) {
    let fd = t.tcp();
    must("bind", t.bind(fd, &at("127.0.0.1", P)));
    let outcome = t.connect(fd, &at("127.0.0.1", P));
    t.line("to itself", outcome);
    let names_then = names(t, fd);
    t.say(names_then);
    let sent = t.send(fd, b"me", 0);
    t.line("send", sent);
    t.arrives(fd);
    let got = t.recv(fd, 10, 0);
    t.line("recv", got);
    let outcome = t.shutdown(fd, SHUT_WR);
    t.line("shutdown", outcome);
    t.arrives(fd);
    let got = t.recv(fd, 10, 0);
    t.line("recv", got);
    must("close", t.close(fd));

    let fd = t.udp();
    must("bind", t.bind(fd, &at("127.0.0.1", P)));
    let outcome = t.connect(fd, &at("127.0.0.1", P));
    t.line("udp to itself", outcome);
    let sent = t.send(fd, b"me", 0);
    t.line("send", sent);
    t.arrives(fd);
    let got = t.recv(fd, 10, 0);
    t.line("recv", got);
    must("close", t.close(fd));
}

/// Datagram sockets: connected anew, to AF_UNSPEC, and who is heard meanwhile.
pub(super) fn datagrams(t: &mut Trial) {
    let [one, two, three]: [Fd; 3] = [0; 3].map(|_| t.udp());
    let ports = [P, Q, 7003];
    for (fd, port) in [one, two, three].into_iter().zip(ports) {
        must("bind", t.bind(fd, &at("127.0.0.1", port)));
    }
    let hear = |t: &mut Trial, who: &str| {
        for (fd, name) in [(two, "two"), (three, "three")] {
            let sent = t.sendto(fd, name.as_bytes(), 0, Some(&at("127.0.0.1", P)));
            t.line(format!("{who}: {name} sends"), sent);
        }
        t.nonblocking(one, true);
        t.arrives(one);
        for _ in 0..3 {
            let got = t.recv(one, 10, 0);
            t.line("heard", got);
        }
    };
    hear(t, "unconnected");
    // What has come stays; what comes is filtered.
    let sent = t.sendto(three, b"early", 0, Some(&at("127.0.0.1", P)));
    t.line("three sends early", sent);
    t.arrives(one);
    must("connect", t.connect(one, &at("127.0.0.1", Q)));
    hear(t, "connected to two");
    let error = t.error(three);
    t.line("three's error", error);
    must("connect", t.connect(one, &at("127.0.0.1", 7003)));
    hear(t, "connected to three");
    must("connect", t.connect(one, &unspecified()));
    hear(t, "dissolved");
    let sent = t.send(one, b"x", 0);
    t.line("send to nobody", sent);
}

/// The unspecified address means this host, whatever it listens on.
pub(super) fn unspecified_host(t: &mut Trial) {
    for listens in ["127.0.0.1", "10.61.0.1", "0.0.0.0", "::1", "::"] {
        let server = t.opened(if listens.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
        must("SO_REUSEADDR", t.set(server, SOL_SOCKET, SO_REUSEADDR, 1));
        must("bind", t.bind(server, &at(listens, P)));
        must("listen", t.listen(server, 8));
        for to in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
            let fd = t.opened(if to.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
            let to: Name = at(to, P);
            let outcome = t.connect(fd, &to).shown();
            let names = names(t, fd);
            t.say(format!("{listens} listens, connect to {to}: {outcome}, {names}"));
            must("close", t.close(fd));
        }
        must("close", t.close(server));
    }
}
