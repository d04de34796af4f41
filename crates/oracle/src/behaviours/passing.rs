//! What Unix-domain sockets pass beside data: descriptors and credentials (SCM_RIGHTS, SCM_CREDENTIALS).

use libc::{
    AF_UNIX, MSG_OOB, MSG_PEEK, SCM_CREDENTIALS, SCM_RIGHTS, SO_PASSCRED, SO_PEERCRED, SOCK_DGRAM,
    SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};

use super::unix::{TYPES, named, pair_of};
use crate::Trial;
use crate::address::control;
use crate::calls::{Fd, Outgoing, Result, Room};
use crate::trial::must;

/// SCM_RIGHTS of these.
fn rights(descriptors: &[Fd]) -> Vec<u8> {
    let bytes: Vec<u8> = descriptors.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    control(&[(SOL_SOCKET, SCM_RIGHTS, &bytes)])
}

fn credentials(pid: i32, uid: u32, gid: u32) -> Vec<u8> {
    let bytes = [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()].concat();
    control(&[(SOL_SOCKET, SCM_CREDENTIALS, &bytes)])
}

fn send(t: &mut Trial, fd: Fd, text: &str, control: &[u8]) -> Result<usize> {
    t.sendmsg(fd, &Outgoing { name: None, pieces: &[text.as_bytes()], control }, 0)
}

/// This process's number, as a peer sees it.
fn own_pid(t: &mut Trial) -> i32 {
    let (a, b) = pair_of(t, SOCK_STREAM);
    let bytes = must("SO_PEERCRED", t.getsockopt(a, SOL_SOCKET, SO_PEERCRED, 12));
    let _ = (t.close(a), t.close(b));
    bytes.first_chunk().map_or(0, |word| i32::from_ne_bytes(*word))
}

/// Receives, and says how many descriptors came and from whom; these are closed or given.
fn receive(t: &mut Trial, fd: Fd, data: usize, room: usize, flags: i32) -> Vec<Fd> {
    let own = own_pid(t);
    let received = match t.recvmsg(fd, Room { data, name: 0, control: room }, flags) {
        Ok(received) => received,
        Err(error) => {
            t.line("recvmsg", Err::<(), _>(error));
            return Vec::new();
        }
    };
    let (mut text, mut descriptors) = (String::new(), Vec::new());
    for (_, kind, bytes) in &received.control {
        let words: Vec<i32> =
            bytes.as_chunks::<4>().0.iter().map(|word| i32::from_ne_bytes(*word)).collect();
        match (*kind, words.as_slice()) {
            (SCM_RIGHTS, list) => {
                text += &format!(", {} descriptors", list.len());
                descriptors.extend(list);
            }
            (SCM_CREDENTIALS, [pid, uid, gid]) => {
                let who = if *pid == own { "own".to_owned() } else { pid.to_string() };
                text += &format!(", from {who} {uid} {gid}");
            }
            (kind, list) => text += &format!(", {kind} with {} words", list.len()),
        }
    }
    t.line("recvmsg", format!("\"{}\" flags {:#x}{text}", received.data.escape_ascii(), received.flags));
    descriptors
}

fn close_all(t: &mut Trial, list: Vec<Fd>) {
    for fd in list {
        let _ = t.close(fd);
    }
}

/// Where a receive of a stream stops.
pub(super) fn borders(t: &mut Trial) {
    for flags in [0, MSG_PEEK] {
        for size in [100, 4] {
            let (a, b) = pair_of(t, SOCK_STREAM);
            let (p, q) = pair_of(t, SOCK_STREAM);
            let _ = send(t, a, "abc", &[]);
            let _ = send(t, a, "def", &rights(&[p, q]));
            let _ = send(t, a, "ghi", &[]);
            let _ = send(t, a, "jkl", &rights(&[p]));
            let _ = send(t, a, "mno", &rights(&[q]));
            let _ = send(t, a, "pqr", &[]);
            t.say(format!("rooms of {size}, flags {flags}"));
            for _ in 0..7 {
                if flags != 0 {
                    let got = receive(t, b, size, 200, flags);
                    close_all(t, got);
                }
                let got = receive(t, b, size, 200, 0);
                close_all(t, got);
            }
        }
    }
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let outcome = send(t, a, "", &rights(&[a]));
        t.line(format!("{what}: nothing but a descriptor"), outcome);
        let got = receive(t, b, 9, 200, 0);
        close_all(t, got);
        let outcome = send(t, a, "x", &rights(&[]));
        t.line("no descriptor", outcome);
        let got = receive(t, b, 9, 200, 0);
        close_all(t, got);
    }
}

/// Room for less than what comes.
pub(super) fn room(t: &mut Trial) {
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let (p, q) = pair_of(t, SOCK_DGRAM);
        for room in [0, 1, 15, 16, 17, 19, 20, 23, 24, 25, 28, 32, 48, 200] {
            t.say(format!("{what}, room for {room}"));
            let _ = send(t, a, "x", &rights(&[p, q]));
            let got = receive(t, b, 9, room, 0);
            close_all(t, got);
        }
        let _ = send(t, a, "plain", &rights(&[p, q]));
        let outcome = t.recv(b, 9, 0);
        t.line("recv", outcome);
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 1);
        for room in [0, 16, 27, 28, 32, 47, 48, 52, 56, 200] {
            t.say(format!("with credentials, room for {room}"));
            let _ = send(t, a, "x", &rights(&[p, q]));
            let got = receive(t, b, 9, room, 0);
            close_all(t, got);
        }
    }
}

/// Too many, none that is open, and messages that are none.
pub(super) fn refused(t: &mut Trial) {
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        for count in [252, 253, 254, 300] {
            let outcome = send(t, a, "x", &rights(&vec![a; count]));
            t.line(format!("{what}: {count} descriptors"), outcome);
        }
        let two = [rights(&vec![a; 200]), rights(&vec![a; 53])].concat();
        let outcome = send(t, a, "x", &two);
        t.line("in two messages", outcome);
        let outcome = send(t, a, "x", &[two, rights(&[a])].concat());
        t.line("and one more", outcome);
        for fd in [-1, 999] {
            let outcome = send(t, a, "x", &rights(&[a, fd]));
            t.line(format!("descriptor {fd}"), outcome);
        }
        for (name, bytes) in [
            ("a long header", control(&[(SOL_SOCKET, SCM_RIGHTS, &[0; 4])])[..16].to_vec()),
            ("a short header", vec![0; 16]),
            ("less than a header", vec![1; 15]),
            ("short credentials", control(&[(SOL_SOCKET, SCM_CREDENTIALS, &[0; 8])])),
            ("long credentials", control(&[(SOL_SOCKET, SCM_CREDENTIALS, &[0; 16])])),
            ("an unknown kind", control(&[(SOL_SOCKET, 99, &[0; 4])])),
            ("another level", control(&[(17, 1, &[0; 4])])),
        ] {
            let outcome = send(t, a, "x", &bytes);
            t.line(name, outcome);
        }
        for _ in 0..4 {
            let got = receive(t, b, 9, 2000, 0);
            close_all(t, got);
        }
    }
}

/// Descriptors on their way keep their sockets open, and nobody's are closed.
pub(super) fn kept_open(t: &mut Trial) {
    for (what, kind) in TYPES {
        for how in ["received", "peeked too", "no room", "plain recv", "queue closed", "sender closed", "peeked only"] {
            let (a, b) = pair_of(t, kind);
            let (p, q) = pair_of(t, SOCK_STREAM);
            must("sendmsg", send(t, a, "x", &rights(&[p])));
            let _ = t.close(p);
            t.say(format!("{what}: {how}"));
            let outcome = t.recv(q, 9, 0);
            t.line("on its way", outcome);
            match how {
                "received" => {
                    let got = receive(t, b, 9, 200, 0);
                    let outcome = t.send(got[0], b"alive", 0);
                    t.line("send", outcome);
                    let outcome = t.recv(q, 9, 0);
                    t.line("recv", outcome);
                    close_all(t, got);
                }
                "peeked too" => {
                    let peeked = receive(t, b, 9, 200, MSG_PEEK);
                    let got = receive(t, b, 9, 200, 0);
                    close_all(t, peeked);
                    let outcome = t.recv(q, 9, 0);
                    t.line("one of two closed", outcome);
                    close_all(t, got);
                }
                "peeked only" => {
                    let peeked = receive(t, b, 9, 200, MSG_PEEK);
                    close_all(t, peeked);
                    let outcome = t.recv(q, 9, 0);
                    t.line("still on its way", outcome);
                    let _ = t.close(b);
                }
                "no room" => drop(receive(t, b, 9, 16, 0)),
                "plain recv" => drop(t.recv(b, 9, 0)),
                "queue closed" => drop(t.close(b)),
                _ => {
                    let _ = t.close(a);
                    let outcome = t.recv(q, 9, 0);
                    t.line("the sender is gone", outcome);
                    let got = receive(t, b, 9, 200, 0);
                    close_all(t, got);
                }
            }
            let outcome = t.recv(q, 9, 0);
            t.line("at last", outcome);
        }
    }
}

/// Urgent bytes that pass something.
pub(super) fn urgent(t: &mut Trial) {
    let (a, b) = pair_of(t, SOCK_STREAM);
    let (p, q) = pair_of(t, SOCK_STREAM);
    for text in ["abc", "d"] {
        let message = Outgoing { name: None, pieces: &[text.as_bytes()], control: &rights(&[p, q]) };
        let outcome = t.sendmsg(a, &message, MSG_OOB);
        t.line(format!("send {text}"), outcome);
        for flags in [MSG_OOB, 0, 0] {
            let got = receive(t, b, 9, 200, flags);
            close_all(t, got);
        }
    }
}

/// Sockets that are on their way in themselves and in each other.
pub(super) fn rings(t: &mut Trial) {
    let (a, b) = pair_of(t, SOCK_STREAM);
    let outcome = send(t, a, "own", &rights(&[a]));
    t.line("in its peer", outcome);
    let outcome = send(t, a, "peer", &rights(&[b]));
    t.line("in itself", outcome);
    let got = receive(t, b, 3, 200, 0);
    let outcome = t.send(got[0], b"hello", 0);
    t.line("received: send", outcome);
    let got = receive(t, b, 4, 200, 0);
    let outcome = t.recv(got[0], 9, 0);
    t.line("received: recv", outcome);
    // As deep as one likes.
    let mut inner = pair_of(t, SOCK_SEQPACKET);
    for depth in 1..=30 {
        let outer = pair_of(t, SOCK_SEQPACKET);
        let outcome = send(t, outer.0, "x", &rights(&[inner.0, inner.1]));
        if outcome.is_err() || depth == 30 {
            t.line(format!("nested {depth} deep"), outcome);
        }
        let _ = (t.close(inner.0), t.close(inner.1));
        inner = outer;
    }
}

/// Credentials: by themselves, said, late, and not glued.
pub(super) fn who(t: &mut Trial) {
    let own = own_pid(t);
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        t.say(what);
        let _ = send(t, a, "before", &[]);
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 1);
        let _ = receive(t, b, 20, 200, 0);
        let _ = send(t, a, "after", &[]);
        let _ = receive(t, b, 20, 200, 0);
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 0);
        let _ = send(t, a, "not asked for", &credentials(own, 5, 6));
        let _ = receive(t, b, 20, 200, 0);
        let _ = send(t, a, "said", &credentials(own, 5, 6));
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 1);
        let _ = receive(t, b, 20, 200, 0);
        let _ = t.set(a, SOL_SOCKET, SO_PASSCRED, 1);
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 0);
        let _ = send(t, a, "only the sender", &[]);
        let _ = t.set(b, SOL_SOCKET, SO_PASSCRED, 1);
        let _ = receive(t, b, 20, 200, 0);
        for (uid, text) in [(0, "a"), (0, "b"), (7, "c"), (7, "d"), (0, "e")] {
            let _ = send(t, a, text, &credentials(own, uid, 0));
        }
        let _ = send(t, a, "f", &[]);
        for _ in 0..6 {
            let _ = receive(t, b, 20, 200, 0);
        }
        for (pid, uid, gid) in [(0, 0, 0), (-1, 0, 0), (own, u32::MAX, 0), (own, 0, u32::MAX)] {
            let name = if pid == own { "own" } else { "other" };
            let outcome = send(t, a, "x", &credentials(pid, uid, gid));
            t.line(format!("{name} {pid_sign} {uid} {gid}", pid_sign = pid.signum()), outcome);
        }
    }
}

/// Who connected to whom, and names for those that ask for credentials.
pub(super) fn peers(t: &mut Trial) {
    let own = own_pid(t);
    let peer = |t: &mut Trial, what: &str, fd: Fd| {
        let outcome = t.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, 12).map(|bytes| {
            let words: Vec<i32> = bytes.as_chunks::<4>().0.iter().map(|word| i32::from_ne_bytes(*word)).collect();
            let who = if words.first() == Some(&own) { "own".to_owned() } else { format!("{:?}", words.first()) };
            format!("{who} {:?}", words.get(1..))
        });
        t.line(what, outcome);
    };
    for (what, kind) in TYPES {
        t.say(what);
        let (a, _b) = pair_of(t, kind);
        peer(t, "pair", a);
        let fd = t.opened(AF_UNIX, kind | libc::SOCK_NONBLOCK);
        peer(t, "fresh", fd);
        let _ = t.bind(fd, &named("l"));
        peer(t, "bound", fd);
        let _ = t.listen(fd, 5);
        peer(t, "listening", fd);
        let _ = t.set(fd, SOL_SOCKET, SO_PASSCRED, 1);
        let client = t.opened(AF_UNIX, kind | libc::SOCK_NONBLOCK);
        let _ = t.set(client, SOL_SOCKET, SO_PASSCRED, 1);
        let outcome = t.connect(client, &named("l"));
        t.line("connect", outcome);
        let outcome = t.getsockname(client).map(|name| name.len());
        t.line("the length of its name", outcome);
        peer(t, "client", client);
        let _ = send(t, client, "hello", &[]);
        if let Ok((accepted, name)) = t.accept4(fd, 0) {
            t.line("its length as accept shows it", name.len());
            peer(t, "accepted", accepted);
            let outcome = t.get(accepted, SOL_SOCKET, SO_PASSCRED);
            t.line("SO_PASSCRED", outcome);
            let _ = receive(t, accepted, 9, 200, 0);
        }
        let sender = t.opened(AF_UNIX, kind | libc::SOCK_NONBLOCK);
        let _ = t.set(sender, SOL_SOCKET, SO_PASSCRED, 1);
        let outcome = t.sendto(sender, b"x", 0, Some(&named("nobody")));
        t.line("sendto nobody", outcome);
        let outcome = t.getsockname(sender).map(|name| name.len());
        t.line("the length of its name", outcome);
        let outcome = t.getsockopt(a, SOL_SOCKET, SO_PEERCRED, 4).map(|bytes| bytes.len());
        t.line("room for four bytes", outcome);
        let outcome = t.setsockopt(a, SOL_SOCKET, SO_PEERCRED, &[0; 12]);
        t.line("set", outcome);
    }
}
