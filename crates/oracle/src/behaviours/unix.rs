//! Unix-domain sockets (unix(7)): names, connections, their ends, options.

use std::sync::LazyLock;
use std::time::SystemTime;

use libc::{
    AF_UNIX, MSG_PEEK, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};
use sockeye_abi::ioctl::{FIONREAD, SIOCATMARK, SIOCOUTQ, SIOCOUTQNSD};

use crate::Trial;
use crate::address::Name;
use crate::calls::Fd;
use crate::trial::must;

pub(super) const TYPES: [(&str, i32); 3] =
    [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM), ("seqpacket", SOCK_SEQPACKET)];

/// A name of the abstract namespace.
pub(super) fn named(name: &str) -> Name {
    Name([AF_UNIX_BYTES.as_slice(), b"\0", name.as_bytes()].concat())
}

const AF_UNIX_BYTES: [u8; 2] = (AF_UNIX as u16).to_ne_bytes();

/// A path that no other process uses; [`shown`] hides what is of this one.
fn path(name: &str) -> Name {
    Name([AF_UNIX_BYTES.as_slice(), prefix().as_bytes(), name.as_bytes(), b"\0"].concat())
}

fn prefix() -> &'static str {
    static PREFIX: LazyLock<String> = LazyLock::new(|| {
        // One of the same number may have been killed before it could tidy up.
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        format!("/tmp/.sockeye-oracle-{}-{:x}-", std::process::id(), since.as_nanos())
    });
    &PREFIX
}

fn shown(name: &Name) -> String {
    name.to_string().replace(prefix(), "/")
}

fn unlink(t: &mut Trial, name: &str) -> crate::calls::Result<()> {
    let path = prefix().to_owned() + name;
    t.unlink(path.as_bytes())
}

/// A socket that doesn't wait.
pub(super) fn open(t: &mut Trial, kind: i32) -> Fd {
    t.opened(AF_UNIX, kind | libc::SOCK_NONBLOCK)
}

pub(super) fn pair_of(t: &mut Trial, kind: i32) -> (Fd, Fd) {
    must("socketpair", t.socketpair(AF_UNIX, kind | libc::SOCK_NONBLOCK, 0))
}

pub(super) fn bound(t: &mut Trial, kind: i32, name: &Name) -> Fd {
    let fd = open(t, kind);
    must("bind", t.bind(fd, name));
    fd
}

/// What a socket shows and does, line by line.
pub(super) fn look(t: &mut Trial, what: &str, fd: Fd) {
    let bits = t.bits(fd);
    t.line(format!("{what}: bits"), bits);
    let (own, peer) = (t.getsockname(fd), t.getpeername(fd));
    t.line(format!("{what}: own name"), own.as_ref().map(shown).map_err(|error| *error));
    t.line(format!("{what}: peer's name"), peer.as_ref().map(shown).map_err(|error| *error));
}

/// Reading until there is nothing.
pub(super) fn read_out(t: &mut Trial, what: &str, fd: Fd) {
    for _ in 0..4 {
        let outcome = t.recv(fd, 100, 0);
        let done = !matches!(&outcome, Ok(data) if !data.is_empty());
        t.line(format!("{what} recv"), outcome);
        if done {
            return;
        }
    }
}

/// What socket(2) and socketpair(2) say of types and protocols.
pub(super) fn types(t: &mut Trial) {
    for kind in [0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, 4, SOCK_SEQPACKET, 6, 10, 11, 0x10, SOCK_STREAM | 0x40000] {
        for protocol in [0, 1, 2, -1] {
            let outcome = t.socket(AF_UNIX, kind, protocol).map(|_| ());
            t.line(format!("socket {kind:#x} {protocol}"), outcome);
        }
        let outcome = t.socketpair(AF_UNIX, kind, 0).map(|_| ());
        t.line(format!("socketpair {kind:#x}"), outcome);
    }
    let raw = open(t, SOCK_RAW);
    let kind = t.get(raw, SOL_SOCKET, libc::SO_TYPE);
    t.line("raw is", kind);
}

/// Sockets just opened: what each call says, before and after shutdown.
pub(super) fn fresh(t: &mut Trial) {
    for (what, kind) in TYPES {
        let fd = open(t, kind);
        look(t, what, fd);
        for when in ["fresh", "shut"] {
            let outcome = t.recv(fd, 1, 0);
            t.line(format!("{when} {what} recv"), outcome);
            let outcome = t.send(fd, b"x", 0);
            t.line(format!("{when} {what} send"), outcome);
            let outcome = t.sendto(fd, b"x", 0, Some(&named("none")));
            t.line(format!("{when} {what} sendto"), outcome);
            let outcome = t.listen(fd, 1);
            t.line(format!("{when} {what} listen"), outcome);
            let outcome = t.accept4(fd, 0);
            t.line(format!("{when} {what} accept"), outcome);
            let outcome = t.shutdown(fd, SHUT_RDWR);
            t.line(format!("{when} {what} shutdown"), outcome);
            let bits = t.bits(fd);
            t.line(format!("{when} {what} bits"), bits);
        }
    }
}

/// Addresses too short, too long, of other families, with NULs.
pub(super) fn addresses(t: &mut Trial) {
    let un = |path: &[u8]| [AF_UNIX_BYTES.as_slice(), path].concat();
    let abstract_of = |length: usize| un(&[&[0], vec![b'a'; length].as_slice()].concat());
    let list: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("half a family", vec![1]),
        ("only the family", un(b"")),
        ("only a NUL", un(b"\0")),
        ("AF_UNSPEC, two bytes", vec![0, 0]),
        ("AF_UNSPEC", vec![0; 16]),
        ("AF_INET", [&2u16.to_ne_bytes()[..], &[0; 14]].concat()),
        ("107 abstract bytes", abstract_of(107)),
        ("108 abstract bytes", abstract_of(108)),
        ("126 abstract bytes", abstract_of(125)),
        ("127 abstract bytes", abstract_of(126)),
        ("a NUL within", un(b"\0a\0b")),
        ("another behind it", un(b"\0a\0c")),
        ("a NUL at the end", un(b"\0a\0")),
    ];
    for (what, kind) in TYPES {
        let mut keep = Vec::new();
        for (name, bytes) in &list {
            let fd = open(t, kind);
            let outcome = t.bind(fd, bytes);
            t.line(format!("{what} bind {name}"), outcome);
            let fresh = open(t, kind);
            let outcome = t.connect(fresh, bytes);
            t.line(format!("{what} connect {name}"), outcome);
            let outcome = t.sendto(fresh, b"", 0, Some(bytes));
            t.line(format!("{what} sendto {name}"), outcome);
            keep.push(fd);
        }
        for fd in keep {
            let _ = t.close(fd);
        }
    }
    for length in [107, 108, 109] {
        let mut bytes = un(prefix().as_bytes());
        bytes.resize(2 + length, b'x');
        let fd = open(t, SOCK_DGRAM);
        let outcome = t.bind(fd, &bytes);
        t.line(format!("a path of {length} bytes without NUL"), outcome);
        let outcome = t.getsockname(fd).map(|name| name.len());
        t.line("its name's length", outcome);
        let _ = t.unlink(&bytes[2..]);
    }
}

/// Names taken, given back, and given twice.
pub(super) fn binding(t: &mut Trial) {
    for (what, kind) in TYPES {
        let names = [path("a"), named("a")];
        for name in &names {
            let first = open(t, kind);
            let outcome = t.bind(first, name);
            t.line(format!("{what} bind {}", shown(name)), outcome);
            let second = open(t, kind);
            let outcome = t.bind(second, name);
            t.line("another", outcome);
            let outcome = t.bind(first, name);
            t.line("the same again", outcome);
            for other in [path("b"), named("b"), Name(AF_UNIX_BYTES.to_vec())] {
                let outcome = t.bind(first, &other);
                t.line(format!("then {}", shown(&other)), outcome);
            }
            for (other, kind) in TYPES {
                let fd = open(t, kind);
                let outcome = t.bind(fd, name);
                t.line(format!("while a {what} has it, {other}"), outcome);
                let _ = t.close(fd);
            }
            look(t, what, first);
            let _ = t.close(first);
            let outcome = t.bind(second, name);
            t.line("when it is closed", outcome);
            let _ = t.close(second);
        }
        let outcome = unlink(t, "a");
        t.line("unlink", outcome);
        let outcome = unlink(t, "a");
        t.line("unlink again", outcome);
        let outcome = unlink(t, "b");
        t.line("what was not bound", outcome);
    }
    let old = bound(t, SOCK_DGRAM, &path("a"));
    let _ = unlink(t, "a");
    let new = bound(t, SOCK_DGRAM, &path("a"));
    let sender = open(t, SOCK_DGRAM);
    let outcome = t.sendto(sender, b"x", 0, Some(&path("a")));
    t.line("send to the name", outcome);
    for (what, fd) in [("old", old), ("new", new)] {
        let outcome = t.recv(fd, 9, 0);
        t.line(format!("{what} recv"), outcome);
    }
    let _ = unlink(t, "a");
}

/// Five hexadecimal digits.
pub(super) fn autobind(t: &mut Trial) {
    for (what, kind) in TYPES {
        let fd = open(t, kind);
        for _ in 0..2 {
            let outcome = t.bind(fd, &AF_UNIX_BYTES);
            t.line(format!("{what} bind to nothing"), outcome);
        }
        let name = must("getsockname", t.getsockname(fd));
        let digits = name.iter().skip(3).filter(|byte| b"0123456789abcdef".contains(byte)).count();
        t.line("the name's length", name.len());
        t.line("its digits", digits);
        for other in [named("c"), path("c")] {
            let outcome = t.bind(fd, &other);
            t.line("bind to a name", outcome);
        }
    }
}

/// What connect(2) says of whom.
pub(super) fn connecting(t: &mut Trial) {
    let stale = path("stale");
    let fd = bound(t, SOCK_STREAM, &stale);
    let _ = t.close(fd);
    for (what, kind) in TYPES {
        let listens = |t: &mut Trial, name: &Name| {
            let fd = bound(t, kind, name);
            let _ = t.listen(fd, 5);
            fd
        };
        let (at_path, at_name) = (listens(t, &path("l")), listens(t, &named("l")));
        let deaf = bound(t, kind, &named("deaf"));
        for (other, kind) in TYPES {
            for name in [path("l"), named("l"), named("deaf"), path("none"), named("none"), stale.clone()] {
                let fd = open(t, kind);
                let outcome = t.connect(fd, &name);
                t.line(format!("{other} to {what} {}", shown(&name)), outcome);
                let outcome = t.connect(fd, &path("none"));
                t.line("then to nobody", outcome);
                let outcome = t.connect(fd, &path("l"));
                t.line("then again", outcome);
                look(t, "then", fd);
                let _ = t.close(fd);
            }
        }
        let outcome = t.connect(at_path, &path("l"));
        t.line("to itself", outcome);
        let bits = t.bits(at_path);
        t.line("listener's bits", bits);
        for fd in [at_path, at_name, deaf] {
            let _ = t.close(fd);
        }
        let _ = unlink(t, "l");
    }
    let _ = unlink(t, "stale");
}

/// When listen(2) may be called, and what a listener says of the other calls.
pub(super) fn listening(t: &mut Trial) {
    for (what, kind) in TYPES {
        let fd = open(t, kind);
        let outcome = t.listen(fd, 1);
        t.line(format!("{what} without a name"), outcome);
        let _ = t.bind(fd, &named("l"));
        let outcome = t.listen(fd, 1);
        t.line("with", outcome);
        let outcome = t.listen(fd, 7);
        t.line("again", outcome);
        let outcome = t.recv(fd, 9, 0);
        t.line("recv", outcome);
        let outcome = t.send(fd, b"x", 0);
        t.line("send", outcome);
        for request in [FIONREAD, SIOCOUTQ, SIOCATMARK, SIOCOUTQNSD] {
            let outcome = t.ask(fd, request);
            t.line(format!("ioctl {request:#x}"), outcome);
        }
        let bits = t.bits(fd);
        t.line("bits", bits);
        let outcome = t.get(fd, SOL_SOCKET, libc::SO_ACCEPTCONN);
        t.line("SO_ACCEPTCONN", outcome);
        let (a, _b) = pair_of(t, kind);
        let outcome = t.bind(a, &named("connected"));
        t.line("bind of one connected", outcome);
        let outcome = t.listen(a, 1);
        t.line("listen of one connected", outcome);
        let _ = t.close(fd);
    }
}

/// How many connections wait.
pub(super) fn backlog(t: &mut Trial) {
    for backlog in [0, 1, 3] {
        let listener = bound(t, SOCK_STREAM, &named("l"));
        must("listen", t.listen(listener, backlog));
        let clients: Vec<Fd> = (0..6).map(|_| open(t, SOCK_STREAM)).collect();
        for client in &clients {
            let outcome = t.connect(*client, &named("l"));
            t.line(format!("backlog {backlog}: connect"), outcome);
        }
        let last = clients[5];
        look(t, "the last", last);
        let outcome = t.accept4(listener, 0);
        t.line("accept", outcome);
        for _ in 0..2 {
            let outcome = t.connect(last, &named("l"));
            t.line("the last again", outcome);
        }
        must("listen", t.listen(listener, 5));
        let outcome = t.connect(clients[4], &named("l"));
        t.line("with a larger backlog", outcome);
        let _ = t.close(listener);
        for client in clients {
            let bits = t.bits(client);
            t.line("listener closed: bits", bits);
            let error = t.error(client);
            t.line("error", error);
            read_out(t, "client", client);
            let outcome = t.send(client, b"x", 0);
            t.line("send", outcome);
            let _ = t.close(client);
        }
    }
}

/// What accept(2) gives, and what was sent before.
pub(super) fn accepting(t: &mut Trial) {
    for (what, kind) in [TYPES[0], TYPES[2]] {
        let listener = bound(t, kind, &path("l"));
        must("listen", t.listen(listener, 5));
        let outcome = t.accept4(listener, 0);
        t.line(format!("{what} accept of nobody"), outcome);
        let clients: Vec<Fd> = (0..4).map(|_| open(t, kind)).collect();
        must("bind", t.bind(clients[1], &named("client")));
        for (n, client) in clients.iter().enumerate() {
            must("connect", t.connect(*client, &path("l")));
            let outcome = t.send(*client, format!("early {n}").as_bytes(), 0);
            t.line("send before accept", outcome);
        }
        let bits = t.bits(listener);
        t.line("bits", bits);
        must("bind", t.bind(clients[2], &named("late")));
        let _ = t.close(clients[3]);
        for _ in 0..4 {
            let accepted = t.accept4(listener, 0);
            t.line("accept", accepted.clone());
            let Ok((fd, _)) = accepted else { continue };
            t.nonblocking(fd, true);
            look(t, "accepted", fd);
            let outcome = t.recvfrom(fd, 20, 0);
            t.line("recvfrom", outcome);
            read_out(t, "then", fd);
        }
        must("connect", { let fd = open(t, kind); t.connect(fd, &path("l")) });
        let outcome = t.shutdown(listener, SHUT_RD);
        t.line("shutdown of the listener", outcome);
        let bits = t.bits(listener);
        t.line("bits", bits);
        let client = open(t, kind);
        let outcome = t.connect(client, &path("l"));
        t.line("connect", outcome);
        for _ in 0..2 {
            let outcome = t.accept4(listener, 0);
            t.line("accept", outcome);
        }
        t.nonblocking(listener, false);
        let outcome = t.accept4(listener, 0);
        t.line("accept that would wait", outcome);
        let _ = t.close(listener);
        let _ = unlink(t, "l");
    }
}

/// One end closes, with and without something unread.
pub(super) fn closing(t: &mut Trial) {
    for (what, kind) in TYPES {
        for unread in [false, true] {
            for pending in [false, true] {
                let (a, b) = pair_of(t, kind);
                if unread {
                    let _ = t.send(a, b"unread", 0);
                }
                if pending {
                    let _ = t.send(b, b"pending", 0);
                }
                let _ = t.close(b);
                t.say(format!("{what}, unread {unread}, pending {pending}"));
                look(t, "left", a);
                let outcome = t.send(a, b"x", 0);
                t.line("send", outcome);
                read_out(t, "left", a);
                look(t, "then", a);
                let outcome = t.send(a, b"x", 0);
                t.line("send", outcome);
                let outcome = t.shutdown(a, SHUT_RDWR);
                t.line("shutdown", outcome);
                let error = t.error(a);
                t.line("error", error);
                let _ = t.close(a);
            }
        }
        let (a, b) = pair_of(t, kind);
        let _ = t.send(a, b"unread", 0);
        let _ = t.close(b);
        let error = t.error(a);
        t.line(format!("{what}: error"), error);
        read_out(t, "after it", a);
    }
}

/// shutdown(2) in each direction.
pub(super) fn shutting(t: &mut Trial) {
    for (what, kind) in TYPES {
        for (direction, how) in [("RD", SHUT_RD), ("WR", SHUT_WR), ("RDWR", SHUT_RDWR)] {
            let (a, b) = pair_of(t, kind);
            let _ = t.send(a, b"q", 0);
            let _ = t.send(b, b"r", 0);
            let outcome = t.shutdown(a, how);
            t.line(format!("{what} shutdown {direction}"), outcome);
            for (end, fd) in [("own", a), ("peer", b)] {
                let bits = t.bits(fd);
                t.line(format!("{end} bits"), bits);
                read_out(t, end, fd);
                let outcome = t.send(fd, b"x", 0);
                t.line(format!("{end} send"), outcome);
                read_out(t, end, fd);
            }
            t.nonblocking(a, false);
            if how != SHUT_WR {
                let outcome = t.recv(a, 9, 0);
                t.line("a recv that would wait", outcome);
            }
        }
        let (a, _b) = pair_of(t, kind);
        for how in [3, -1] {
            let outcome = t.shutdown(a, how);
            t.line(format!("shutdown {how}"), outcome);
        }
    }
}

/// Who a datagram is said to come from.
pub(super) fn senders(t: &mut Trial) {
    let receiver = bound(t, SOCK_DGRAM, &path("r"));
    let sender = open(t, SOCK_DGRAM);
    for text in [&b"unnamed"[..], b"later"] {
        must("sendto", t.sendto(sender, text, 0, Some(&path("r"))));
    }
    let outcome = t.recvfrom(receiver, 20, 0);
    t.line("before it has a name", outcome);
    must("bind", t.bind(sender, &named("s")));
    let outcome = t.recvfrom(receiver, 20, MSG_PEEK);
    t.line("sent before it was bound", outcome);
    let _ = t.close(sender);
    let outcome = t.recvfrom(receiver, 20, 0);
    t.line("closed meanwhile", outcome);
    let again = open(t, SOCK_DGRAM);
    let outcome = t.bind(again, &named("s"));
    t.line("its name is free", outcome);
    let _ = unlink(t, "r");
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let _ = t.send(a, b"x", 0);
        let _ = t.bind(a, &named("p"));
        let outcome = t.recvfrom(b, 9, 0);
        t.line(format!("{what} pair"), outcome);
        let _ = t.send(a, b"last", 0);
        let _ = t.close(a);
        let outcome = t.recvfrom(b, 9, 0);
        t.line("closed", outcome);
        look(t, "left", b);
    }
}

/// What options begin with, and which can be set.
pub(super) fn options(t: &mut Trial) {
    let numbers = (1..=10).chain(12..=15).chain([18, 19, 20, 21, 28, 30, 31, 38, 39, 41, 42, 43, 45, 46, 47]);
    for (what, kind) in TYPES {
        let fd = open(t, kind);
        for number in numbers.clone() {
            let outcome = t.getsockopt(fd, SOL_SOCKET, number, 16).map(|bytes| format!("{bytes:?}"));
            t.line(format!("{what} option {number}"), outcome);
        }
        for number in [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 15, 19, 30, 31, 38, 39, 42, 45] {
            let outcome = t.set(fd, SOL_SOCKET, number, 7);
            t.line(format!("set {number}"), outcome);
            let outcome = t.get(fd, SOL_SOCKET, number);
            t.line("then", outcome);
        }
        for level in [0, 6, 17, 41, 255] {
            let outcome = t.get(fd, level, 1);
            t.line(format!("level {level}"), outcome);
            let outcome = t.set(fd, level, 1, 1);
            t.line("set", outcome);
        }
        let outcome = t.setsockopt(fd, SOL_SOCKET, 2, &[1, 2, 3]);
        t.line("three bytes", outcome);
        for request in [FIONREAD, SIOCOUTQ, SIOCATMARK, SIOCOUTQNSD] {
            let outcome = t.ask(fd, request);
            t.line(format!("ioctl {request:#x}"), outcome);
        }
    }
}
