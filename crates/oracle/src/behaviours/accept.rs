//! listen(2) and accept(2): the two queues, who waits in them, and what becomes of them.

use libc::{
    AF_INET, AF_INET6, F_GETFD, F_GETFL, IPPROTO_IPV6, IPV6_V6ONLY, POLLIN, POLLOUT, SHUT_RD, SHUT_RDWR, SHUT_WR,
    SO_ACCEPTCONN, SO_LINGER, SO_RCVTIMEO, SO_REUSEADDR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
};

use crate::Trial;
use crate::address::{P, Q, at, unspecified};
use crate::calls::Fd;
use crate::trial::{Shown, must};

/// A listener with a backlog.
fn listening(t: &mut Trial, host: &str, backlog: i32) -> Fd {
    let fd = t.opened(if host.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
    must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    must("bind", t.bind(fd, &at(host, P)));
    must("listen", t.listen(fd, backlog));
    fd
}

/// Clients that connect without waiting.
fn clients(t: &mut Trial, count: usize) -> Vec<Fd> {
    let mut all = Vec::new();
    for _ in 0..count {
        let fd = t.opened(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
        let _ = t.connect(fd, &at("127.0.0.1", P));
        all.push(fd);
    }
    all
}

/// Closes by a reset.
fn reset(t: &mut Trial, fd: Fd) {
    let at_once = [1_i32.to_ne_bytes(), [0; 4]].concat();
    must("SO_LINGER", t.setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once));
    must("close", t.close(fd));
}

fn close(t: &mut Trial, all: &[Fd]) {
    all.iter().for_each(|fd| must("close", t.close(*fd)));
}

/// Who may listen, and how often.
pub(super) fn who_listens(t: &mut Trial) {
    for (domain, kind) in [(AF_INET, SOCK_STREAM), (AF_INET6, SOCK_STREAM), (AF_INET, SOCK_DGRAM), (AF_INET6, SOCK_DGRAM)] {
        for backlog in [i32::MIN, -1, 0, 1, 5000, i32::MAX] {
            let fd = t.opened(domain, kind);
            let before = t.get(fd, SOL_SOCKET, SO_ACCEPTCONN).shown();
            let outcome = t.listen(fd, backlog).shown();
            let again = t.listen(fd, 3).shown();
            let after = t.get(fd, SOL_SOCKET, SO_ACCEPTCONN).shown();
            let (name, bits) = (t.getsockname(fd).shown(), t.bits(fd));
            t.say(format!("{domain} {kind} {backlog}: {outcome}, {again}; {before} {after}; {name}; {bits}"));
            let accepted = if kind == SOCK_DGRAM { t.accept4(fd, 0) } else { t.accept4(fd, 8) };
            t.line("accept", accepted);
            must("close", t.close(fd));
        }
    }
}

/// The accept queue: how many connect, by backlog.
pub(super) fn backlogs(t: &mut Trial) {
    for backlog in [0, 1, 2, 3, 5] {
        let server = listening(t, "127.0.0.1", backlog);
        let all = clients(t, 8);
        t.sleep(50);
        let connected: Vec<String> = all.iter().map(|fd| t.bits(*fd)).collect();
        t.say(format!("backlog {backlog}: {}", connected.join(", ")));
        t.nonblocking(server, true);
        let mut accepted = Vec::new();
        while let Ok((fd, _)) = t.accept4(server, 0) {
            accepted.push(fd);
        }
        t.line("accepted", accepted.len());
        close(t, &accepted);
        all.iter().for_each(|fd| reset(t, *fd));
        must("close", t.close(server));
    }
}

/// Who found the queue full gets in when there is room: its SYN is repeated after a second.
pub(super) fn room_again(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 0);
    let all = clients(t, 3);
    t.sleep(50);
    let before: Vec<String> = all.iter().map(|fd| t.bits(*fd)).collect();
    t.say(before.join(", "));
    let (first, _) = must("accept", t.accept4(server, 0));
    t.arrives(server);
    let (second, name) = must("accept", t.accept4(server, 0));
    let own = all.iter().position(|fd| t.getsockname(*fd) == Ok(name.clone()));
    t.line("the next is one of those that waited", own.is_some_and(|own| own > 0));
    close(t, &[first, second]);
}

/// The same, where who finds no room is reset.
pub(super) fn overflow_reset(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 0);
    let all = clients(t, 3);
    t.sleep(50);
    for fd in &all {
        let (bits, error) = (t.bits(*fd), t.error(*fd));
        t.say(format!("{bits}, {error}"));
    }
    close(t, &[server]);
}

/// A larger or smaller backlog while some wait.
pub(super) fn backlog_changes(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 5);
    let mut all = clients(t, 4);
    t.sleep(50);
    must("listen", t.listen(server, 1));
    all.extend(clients(t, 1));
    must("listen", t.listen(server, 8));
    all.extend(clients(t, 2));
    t.sleep(50);
    let bits: Vec<String> = all.iter().map(|fd| t.bits(*fd)).collect();
    t.say(bits.join(", "));
}

/// In what order, and from whom.
pub(super) fn order(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 8);
    let mut names = Vec::new();
    for _ in 0..5 {
        let fd = t.tcp();
        must("connect", t.connect(fd, &at("127.0.0.1", P)));
        names.push(must("getsockname", t.getsockname(fd)));
    }
    t.arrives(server);
    for name in names {
        let (fd, from) = must("accept", t.accept4(server, 0));
        let (own, peer) = (t.getsockname(fd), t.getpeername(fd));
        t.line("in order", from == name && peer == Ok(name));
        t.line("at", own);
    }
}

/// What the client did before it was accepted.
pub(super) fn before_accept(t: &mut Trial) {
    for what in ["nothing", "data", "FIN", "data and FIN", "close", "reset", "data and reset", "urgent"] {
        let server = listening(t, "127.0.0.1", 8);
        let client = t.tcp();
        must("connect", t.connect(client, &at("127.0.0.1", P)));
        t.arrives(server);
        if what.contains("data") {
            must("send", t.send(client, b"abc", 0));
        }
        if what == "urgent" {
            must("send", t.send(client, b"u", libc::MSG_OOB));
        }
        if what.contains("FIN") {
            must("shutdown", t.shutdown(client, SHUT_WR));
        }
        match what {
            "close" => must("close", t.close(client)),
            "reset" | "data and reset" => reset(t, client),
            _ => {}
        }
        t.sleep(20);
        let bits = t.bits(server);
        t.line(format!("{what}: listener"), bits);
        let accepted = t.accept4(server, SOCK_NONBLOCK);
        t.line("accept", &accepted);
        if let Ok((fd, _)) = accepted {
            t.sleep(20);
            let bits = t.bits(fd);
            let peer = t.getpeername(fd).shown();
            t.say(format!("{bits}, {peer}"));
            for _ in 0..3 {
                let got = t.recv(fd, 10, 0);
                t.line("recv", got);
            }
            let sent = t.send(fd, b"x", 0);
            t.line("send", sent);
            must("close", t.close(fd));
        }
        if !matches!(what, "close" | "reset" | "data and reset") {
            reset(t, client);
        }
        must("close", t.close(server));
    }
}

/// The listener goes while some wait: what they see.
pub(super) fn listener_goes(t: &mut Trial) {
    for how in ["close", "SHUT_RD", "SHUT_WR", "SHUT_RDWR", "AF_UNSPEC"] {
        let server = listening(t, "127.0.0.1", 8);
        let [idle, sender]: [Fd; 2] = [0; 2].map(|_| t.tcp());
        for fd in [idle, sender] {
            must("connect", t.connect(fd, &at("127.0.0.1", P)));
        }
        must("send", t.send(sender, b"abc", 0));
        t.arrives(server);
        let outcome = match how {
            "close" => t.close(server),
            "SHUT_RD" => t.shutdown(server, SHUT_RD),
            "SHUT_WR" => t.shutdown(server, SHUT_WR),
            "SHUT_RDWR" => t.shutdown(server, SHUT_RDWR),
            _ => t.connect(server, &unspecified()),
        };
        t.line(how, outcome);
        t.sleep(20);
        for fd in [idle, sender] {
            t.nonblocking(fd, true);
            let bits = t.bits(fd);
            let got = t.recv(fd, 10, 0).shown();
            let sent = t.send(fd, b"x", 0).shown();
            t.say(format!("client: {bits}; recv {got}; send {sent}"));
        }
        if how != "close" {
            t.nonblocking(server, true);
            let accepted = t.accept4(server, 0).map(|(_, name)| name);
            t.line("accept", accepted);
            let again = t.listen(server, 8);
            t.line("listen again", again);
            let name = t.getsockname(server);
            t.line("at", name);
            let client = t.tcp();
            let outcome = t.connect(client, &at("127.0.0.1", P));
            t.line("connect", outcome);
            reset(t, client);
            must("close", t.close(server));
        }
        reset(t, idle);
        reset(t, sender);
    }
}

/// The flags of a new descriptor, and what of the listener's it doesn't have.
pub(super) fn flags(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 8);
    t.nonblocking(server, true);
    must("F_SETFD", t.fcntl(server, libc::F_SETFD, libc::FD_CLOEXEC));
    for flags in [0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC, 1, 0x4000_0000] {
        let client = t.tcp();
        must("connect", t.connect(client, &at("127.0.0.1", P)));
        t.arrives(server);
        match t.accept4(server, flags) {
            Ok((fd, _)) => {
                let (own, shared) = (t.fcntl(fd, F_GETFD, 0), t.fcntl(fd, F_GETFL, 0));
                t.say(format!("{flags:#x}: {} {}", own.shown(), shared.shown()));
                must("close", t.close(fd));
            }
            Err(error) => t.say(format!("{flags:#x}: {}", error.name())),
        }
        reset(t, client);
    }
    let (own, shared) = (t.fcntl(server, F_GETFD, 0), t.fcntl(server, F_GETFL, 0));
    t.say(format!("listener: {} {}", own.shown(), shared.shown()));
}

/// Waiting in `accept`, with a limit and without.
pub(super) fn waiting(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 8);
    let limit = [0_i64.to_ne_bytes(), 50_000_i64.to_ne_bytes()].concat();
    must("SO_RCVTIMEO", t.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit));
    let accepted = t.accept4(server, 0);
    t.line("nobody comes", accepted);
    t.nonblocking(server, true);
    let accepted = t.accept4(server, 0);
    t.line("without waiting", accepted);
    for fd in [t.tcp(), t.udp()] {
        let accepted = t.accept4(fd, 0);
        t.line("who doesn't listen", accepted);
    }
    let accepted = t.accept4(-1, 0);
    t.line("nothing", accepted);
}

/// Several listeners on one port: the more specific one gets the connection.
pub(super) fn specific(t: &mut Trial) {
    let wildcard = listening(t, "::", 8);
    let all = [("::", wildcard), ("127.0.0.1", listening_beside(t, "127.0.0.1")), ("::1", listening_beside(t, "::1")), ("10.61.0.1", listening_beside(t, "10.61.0.1"))];
    for to in ["127.0.0.1", "127.0.0.2", "10.61.0.1", "::1", "fd61::1", "::ffff:127.0.0.1"] {
        let client = t.opened(if to.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
        let outcome = t.connect(client, &at(to, P)).shown();
        t.sleep(5);
        let mut got = Vec::new();
        for (name, fd) in all {
            if fd >= 0 && t.poll(&[(fd, POLLIN)], 0).is_ok_and(|bits| bits != [0]) {
                let (accepted, from) = must("accept", t.accept4(fd, 0));
                got.push(format!("{name} from {from}"));
                must("close", t.close(accepted));
            }
        }
        t.say(format!("{to}: {outcome}, {}", got.join(" and ")));
        reset(t, client);
    }
}

/// Beside another, if the port can be had.
fn listening_beside(t: &mut Trial, host: &str) -> Fd {
    let fd = t.opened(if host.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
    must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    must("SO_REUSEPORT", t.set(fd, SOL_SOCKET, libc::SO_REUSEPORT, 1));
    let outcome = t.bind(fd, &at(host, P));
    t.line(format!("bind beside to {host}"), outcome);
    if outcome.is_ok() {
        let outcome = t.listen(fd, 8);
        t.line("listen beside", outcome);
        return fd;
    }
    must("close", t.close(fd));
    -1
}

/// One listener for both families, and one that keeps to its own.
pub(super) fn both_families(t: &mut Trial) {
    for only in [0, 1] {
        let server = t.tcp6();
        must("IPV6_V6ONLY", t.set(server, IPPROTO_IPV6, IPV6_V6ONLY, only));
        must("SO_REUSEADDR", t.set(server, SOL_SOCKET, SO_REUSEADDR, 1));
        must("bind", t.bind(server, &at("::", P)));
        must("listen", t.listen(server, 8));
        for to in ["127.0.0.1", "::ffff:127.0.0.1", "::1"] {
            let client = t.opened(if to.contains(':') { AF_INET6 } else { AF_INET }, SOCK_STREAM);
            let outcome = t.connect(client, &at(to, P));
            t.line(format!("only {only}: connect to {to}"), outcome);
            if outcome.is_ok() {
                t.arrives(server);
                let (accepted, from) = must("accept", t.accept4(server, 0));
                let (own, peer) = (t.getsockname(accepted).shown(), t.getpeername(accepted).shown());
                let keeps = t.get(accepted, IPPROTO_IPV6, IPV6_V6ONLY).shown();
                t.say(format!("accepted from {from}, {own} - {peer}, only {keeps}"));
                reset(t, accepted);
            }
            must("close", t.close(client));
        }
        must("close", t.close(server));
    }
}

/// `dup` and `close`: the socket goes with its last descriptor; `shutdown` is for all.
pub(super) fn shared(t: &mut Trial) {
    let server = listening(t, "127.0.0.1", 8);
    let second = must("dup", t.dup(server));
    must("close", t.close(server));
    let (client, accepted) = t.through(second);
    let copy = must("dup", t.dup(accepted));
    must("close", t.close(accepted));
    let sent = t.send(copy, b"abc", 0);
    t.line("send by the copy", sent);
    t.arrives(client);
    let got = t.recv(client, 10, 0);
    t.line("recv", got);
    let third = must("dup", t.dup(copy));
    must("shutdown", t.shutdown(third, SHUT_WR));
    let sent = t.send(copy, b"abc", 0);
    t.line("send after the other's shutdown", sent);
    let bits = t.becomes(client, libc::POLLRDHUP);
    t.line("the peer sees", bits);
    t.nonblocking(third, true);
    let flags = t.fcntl(copy, F_GETFL, 0);
    t.line("O_NONBLOCK is shared", flags);
    let bits = t.becomes(client, POLLOUT);
    t.line("it may write", bits & POLLOUT);
    let another = t.opened(AF_INET, SOCK_STREAM);
    let outcome = t.bind(another, &at("127.0.0.1", Q));
    t.line("another bind", outcome);
}
