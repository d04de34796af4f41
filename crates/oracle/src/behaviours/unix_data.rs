//! What goes through Unix-domain sockets: peeked at, urgent, cut, too much, and between datagram sockets.

use libc::{
    MSG_DONTWAIT, MSG_EOR, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, SHUT_RD, SO_OOBINLINE, SO_PEEK_OFF,
    SO_SNDBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET,
};
use sockeye_abi::ioctl::{FIONREAD, SIOCATMARK, SIOCOUTQ};

use super::unix::{TYPES, bound, look, named, open, pair_of, read_out};
use crate::Trial;
use crate::calls::{Fd, Room};
use crate::trial::must;

/// MSG_PEEK and SO_PEEK_OFF.
pub(super) fn peeking(t: &mut Trial) {
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let offset = t.get(b, SOL_SOCKET, SO_PEEK_OFF);
        t.line(format!("{what} SO_PEEK_OFF"), offset);
        for text in [&b"abcdef"[..], b"ghi", b""] {
            let _ = t.send(a, text, 0);
        }
        let steps: [(i32, usize, i32); 16] = [
            (-2, 2, MSG_PEEK),
            (-2, 100, MSG_PEEK),
            (0, 2, MSG_PEEK),
            (-2, 2, MSG_PEEK),
            (-2, 3, 0),
            (-2, 100, MSG_PEEK),
            (-2, 100, MSG_PEEK),
            (-2, 100, MSG_PEEK),
            (2, 100, MSG_PEEK),
            (-5, 100, MSG_PEEK),
            (0, 1, MSG_PEEK),
            (-2, 100, 0),
            (-2, 100, MSG_PEEK),
            (-2, 100, 0),
            (-2, 100, MSG_PEEK),
            (-2, 100, 0),
        ];
        for (set, room, flags) in steps {
            if set != -2 {
                let outcome = t.set(b, SOL_SOCKET, SO_PEEK_OFF, set);
                t.line(format!("set to {set}"), outcome);
            }
            let outcome = t.recv(b, room, flags);
            t.line(format!("recv {room} {flags}"), outcome);
            let offset = t.get(b, SOL_SOCKET, SO_PEEK_OFF);
            t.line("offset", offset);
        }
    }
}

/// The mark, how much there is, and the bits.
fn urgent_state(t: &mut Trial, fd: Fd) {
    let (mark, unread) = (t.ask(fd, SIOCATMARK), t.ask(fd, FIONREAD));
    let bits = t.bits(fd);
    t.line("mark", mark);
    t.line("unread", unread);
    t.line("bits", bits);
}

/// What is sent, and what is received then, each with its flags.
type Sequence = (&'static str, &'static [(&'static str, i32)], &'static [(usize, i32)]);

/// Sequences of sends (urgent or not) and receives, out of line and in line.
pub(super) fn urgent(t: &mut Trial) {
    let sequences: [Sequence; 9] = [
        ("one", &[("hello", MSG_OOB)], &[(10, 0), (10, MSG_OOB), (10, MSG_OOB), (10, 0)]),
        ("taken first", &[("hello", MSG_OOB)], &[(1, MSG_OOB | MSG_PEEK), (1, MSG_OOB), (10, 0), (10, 0)]),
        ("alone", &[("x", MSG_OOB)], &[(10, 0), (10, 0), (1, MSG_OOB)]),
        ("alone, taken", &[("x", MSG_OOB)], &[(1, MSG_OOB), (10, MSG_PEEK), (10, 0)]),
        (
            "two",
            &[("ab", MSG_OOB), ("cd", MSG_OOB), ("ef", 0)],
            &[(10, MSG_PEEK), (10, 0), (10, MSG_OOB), (10, 0), (10, 0)],
        ),
        (
            "peeked",
            &[("ab", MSG_OOB), ("cd", 0)],
            &[(10, MSG_PEEK), (1, 0), (10, MSG_PEEK), (10, 0), (1, MSG_OOB), (10, 0)],
        ),
        (
            "taken, then more",
            &[("ab", MSG_OOB), ("cd", 0)],
            &[(1, MSG_OOB), (10, MSG_PEEK), (10, 0), (10, MSG_PEEK), (10, 0), (10, 0)],
        ),
        ("none", &[("ab", 0)], &[(1, MSG_OOB), (10, 0), (1, MSG_OOB)]),
        (
            "in between",
            &[("ab", 0), ("c", MSG_OOB), ("de", 0)],
            &[(1, 0), (10, 0), (0, 0), (10, MSG_PEEK), (10, 0), (10, 0)],
        ),
    ];
    for inline in [0, 1] {
        for (name, sends, receives) in &sequences {
            let (a, b) = pair_of(t, SOCK_STREAM);
            must("SO_OOBINLINE", t.set(b, SOL_SOCKET, SO_OOBINLINE, inline));
            t.say(format!("{name}, in line: {inline}"));
            for (text, flags) in *sends {
                let outcome = t.send(a, text.as_bytes(), *flags);
                t.line(format!("send {text:?} {flags}"), outcome);
            }
            urgent_state(t, b);
            for (room, flags) in *receives {
                let outcome = t.recv(b, *room, *flags);
                t.line(format!("recv {room} {flags}"), outcome);
                urgent_state(t, b);
            }
        }
    }
}

/// Urgent bytes where there are none, and where an end closes.
pub(super) fn urgent_ends(t: &mut Trial) {
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let outcome = t.send(a, b"", MSG_OOB);
        t.line(format!("{what} send of nothing"), outcome);
        let outcome = t.recv(b, 1, MSG_OOB);
        t.line("recv", outcome);
        let outcome = t.send(a, b"x", MSG_OOB);
        t.line("send", outcome);
        let outcome = t.ask(b, SIOCATMARK);
        t.line("SIOCATMARK", outcome);
        let _ = t.shutdown(b, SHUT_RD);
        let outcome = t.send(a, b"ab", MSG_OOB);
        t.line("send when it is shut", outcome);
    }
    let (a, b) = pair_of(t, SOCK_STREAM);
    t.say("marks in a row");
    for text in ["ab", "c", "d"] {
        let _ = t.send(a, text.as_bytes(), MSG_OOB);
        let outcome = t.recv(b, 1, MSG_OOB);
        t.line("urgent recv", outcome);
    }
    let _ = t.send(a, b"ef", 0);
    for room in [1, 9, 9] {
        urgent_state(t, b);
        let outcome = t.recv(b, room, 0);
        t.line("recv", outcome);
    }
    for (what, take, read) in
        [("unread", false, false), ("taken", true, false), ("taken, rest read", true, true)]
    {
        for (closes, sender) in [("receiver", false), ("sender", true)] {
            let (a, b) = pair_of(t, SOCK_STREAM);
            let _ = t.send(a, b"ab", MSG_OOB);
            if take {
                let _ = t.recv(b, 1, MSG_OOB);
            }
            if read {
                let _ = t.recv(b, 10, 0);
            }
            let (gone, left) = if sender { (a, b) } else { (b, a) };
            let _ = t.close(gone);
            t.say(format!("{what}, the {closes} closes"));
            let bits = t.bits(left);
            t.line("bits", bits);
            read_out(t, "left", left);
            let outcome = t.recv(left, 1, MSG_OOB);
            t.line("urgent recv", outcome);
            let bits = t.bits(left);
            t.line("bits", bits);
        }
    }
}

/// Cut datagrams, ends of records, empty ones, and reads of nothing.
pub(super) fn truncation(t: &mut Trial) {
    for (what, kind) in TYPES {
        let (a, b) = pair_of(t, kind);
        let room = |data| Room { data, name: 128, control: 0 };
        for (text, flags) in [("abcdef", 0), ("ghi", MSG_EOR), ("", 0), ("jkl", 0), ("mno", 0)] {
            let outcome = t.send(a, text.as_bytes(), flags);
            t.line(format!("{what} send {text:?}"), outcome);
        }
        let steps = [
            (2, MSG_TRUNC | MSG_PEEK),
            (2, MSG_TRUNC),
            (0, MSG_PEEK),
            (9, 0),
            (9, 0),
            (0, 0),
            (2, 0),
            (9, MSG_WAITALL),
            (9, 0),
        ];
        for (data, flags) in steps {
            let outcome = t.recvmsg(b, room(data), flags);
            t.line(format!("recvmsg {data} {flags:#x}"), outcome);
        }
        let outcome = t.recv(b, 0, 0);
        t.line("recv of nothing", outcome);
        let outcome = t.recv(b, 9, MSG_DONTWAIT);
        t.line("recv", outcome);
    }
}

/// What counts in a send buffer, and when there is room again.
pub(super) fn buffers(t: &mut Trial) {
    for (what, kind) in TYPES {
        for size in [1, 193, 4000, 20_000, 50_000] {
            let (a, b) = pair_of(t, kind);
            let bytes = vec![7; size];
            let mut count = 0;
            while t.send(a, &bytes, 0) == Ok(size) {
                count += 1;
            }
            t.line(format!("{what}: sends of {size}"), count);
            let charged = t.ask(a, SIOCOUTQ);
            t.line("SIOCOUTQ", charged);
            let outcome = t.send(a, &bytes, 0);
            t.line("one more", outcome);
            let unread = t.ask(b, FIONREAD);
            t.line("FIONREAD", unread);
            let mut reads = 0;
            while !t.bits(a).contains("OUT") {
                must("recv", t.recv(b, size, 0));
                reads += 1;
            }
            t.line("writable after reads", reads);
            let charged = t.ask(a, SIOCOUTQ);
            t.line("SIOCOUTQ", charged);
        }
        for wish in [1, 3000, 20_000] {
            let (a, _b) = pair_of(t, kind);
            must("SO_SNDBUF", t.set(a, SOL_SOCKET, SO_SNDBUF, wish));
            let buffer = must("SO_SNDBUF", t.get(a, SOL_SOCKET, SO_SNDBUF));
            t.line(format!("{what} SO_SNDBUF {wish}"), buffer);
            for less in [31, 32] {
                let outcome = t.send(a, &vec![7; buffer as usize - less], 0);
                t.line(format!("send of {less} less"), outcome);
            }
            let charged = t.ask(a, SIOCOUTQ);
            t.line("SIOCOUTQ", charged);
            let bits = t.bits(a);
            t.line("bits", bits);
        }
    }
    let (a, b) = pair_of(t, SOCK_STREAM);
    let outcome = t.send(a, &vec![7; 1_000_000], 0);
    t.line("a large send", outcome);
    let charged = t.ask(a, SIOCOUTQ);
    t.line("SIOCOUTQ", charged);
    let outcome = t.recv(b, 1_000_000, 0).map(|data| data.len());
    t.line("a large recv", outcome);
    let charged = t.ask(a, SIOCOUTQ);
    t.line("SIOCOUTQ", charged);
}

/// Datagrams that nobody reads.
pub(super) fn datagram_queue(t: &mut Trial) {
    let receiver = bound(t, SOCK_DGRAM, &named("r"));
    let sender = open(t, SOCK_DGRAM);
    let mut count = 0;
    while t.sendto(sender, b"x", 0, Some(&named("r"))) == Ok(1) {
        count += 1;
    }
    t.line("datagrams", count);
    let outcome = t.sendto(sender, b"x", 0, Some(&named("r")));
    t.line("one more", outcome);
    let bits = t.bits(sender);
    t.line("unconnected", bits);
    must("connect", t.connect(sender, &named("r")));
    let bits = t.bits(sender);
    t.line("connected", bits);
    must("recv", t.recv(receiver, 1, 0));
    let bits = t.bits(sender);
    t.line("after a recv", bits);
    let outcome = t.send(sender, b"x", 0);
    t.line("send", outcome);
    let bits = t.bits(sender);
    t.line("bits", bits);
    must("bind", t.bind(sender, &named("s")));
    must("connect", t.connect(receiver, &named("s")));
    let bits = t.bits(sender);
    t.line("connected both ways", bits);
    let outcome = t.send(sender, b"x", 0);
    t.line("send", outcome);
    let own = bound(t, SOCK_DGRAM, &named("own"));
    let mut count = 0;
    while count < 100 && t.sendto(own, b"x", 0, Some(&named("own"))) == Ok(1) {
        count += 1;
    }
    t.line("to itself", count);
    let _ = t.close(receiver);
    let bits = t.bits(sender);
    t.line("receiver closed", bits);
    let outcome = t.send(sender, b"x", 0);
    t.line("send", outcome);
}

/// Who may send to whom, and what is lost when peers change.
pub(super) fn datagram_peers(t: &mut Trial) {
    let (a, b, c) = (
        bound(t, SOCK_DGRAM, &named("a")),
        bound(t, SOCK_DGRAM, &named("b")),
        bound(t, SOCK_DGRAM, &named("c")),
    );
    must("connect", t.connect(a, &named("b")));
    let outcome = t.sendto(c, b"x", 0, Some(&named("a")));
    t.line("to one with another peer", outcome);
    let outcome = t.connect(c, &named("a"));
    t.line("connect to it", outcome);
    let outcome = t.sendto(b, b"from b", 0, Some(&named("a")));
    t.line("the peer itself", outcome);
    let outcome = t.sendto(a, b"to c", 0, Some(&named("c")));
    t.line("from it to another", outcome);
    must("connect", t.connect(b, &named("a")));
    let outcome = t.connect(a, &named("b"));
    t.line("connect again", outcome);
    let outcome = t.recv(a, 9, MSG_PEEK);
    t.line("what came is there", outcome);
    let outcome = t.connect(a, &named("c"));
    t.line("connect to another", outcome);
    let outcome = t.recv(a, 9, 0);
    t.line("what came is lost", outcome);
    let bits = t.bits(b);
    t.line("the old peer's bits", bits);
    let outcome = t.send(b, b"x", 0);
    t.line("its send", outcome);
    let outcome = t.send(b, b"x", 0);
    t.line("and again", outcome);
    let outcome = t.connect(a, &[0, 0]);
    t.line("dissolve", outcome);
    look(t, "a", a);
    let outcome = t.send(b, b"free", 0);
    t.line("b sends", outcome);
    let outcome = t.recvfrom(a, 9, 0);
    t.line("a receives", outcome);
    let _ = t.close(a);
    look(t, "b", b);
    let outcome = t.sendto(b, b"x", 0, Some(&named("c")));
    t.line("to another", outcome);
    let outcome = t.send(b, b"x", 0);
    t.line("to the closed one", outcome);
    let outcome = t.send(b, b"x", 0);
    t.line("and again", outcome);
    look(t, "b", b);
}
