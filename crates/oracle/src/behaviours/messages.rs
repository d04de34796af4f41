//! sendmsg(2), recvmsg(2) and their mmsg forms on datagram sockets: control messages, flags, corks, lengths.

use libc::{
    IP_MTU_DISCOVER, IP_PKTINFO, IP_RECVERR, IP_RECVORIGDSTADDR, IP_RECVTOS, IP_RECVTTL, IP_TOS, IP_TTL,
    IPV6_HOPLIMIT, IPV6_MTU_DISCOVER, IPV6_PKTINFO, IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_RECVORIGDSTADDR,
    IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, MSG_CONFIRM, MSG_CTRUNC, MSG_DONTWAIT, MSG_EOR,
    MSG_ERRQUEUE, MSG_MORE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_WAITFORONE, SO_RCVBUF,
    SO_TIMESTAMP, SO_TIMESTAMPNS, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP, UDP_CORK,
};

use crate::address::{Name, P, Q, at, control};
use crate::calls::{Fd, Outgoing, Room};
use crate::trial::must;
use crate::Trial;

const SO_RXQ_OVFL: i32 = 40;
const SO_TIMESTAMP_NEW: i32 = 63;
const SO_TIMESTAMPNS_NEW: i32 = 64;
const SIOCGSTAMP: u32 = 0x8906;
const SIOCGSTAMPNS: u32 = 0x8907;
const UDP_SEGMENT: i32 = 103;
const IP_RECVFRAGSIZE: i32 = 25;
const IPV6_RECVFRAGSIZE: i32 = 77;
const IPV6_DONTFRAG: i32 = 62;
/// Room for any message here.
const ROOM: Room = Room { data: 100, name: 128, control: 512 };

/// What asks for control messages: level, number, name.
const ASKS: [(i32, i32, &str); 11] = [
    (SOL_SOCKET, SO_RXQ_OVFL, "SO_RXQ_OVFL"),
    (SOL_IP, IP_PKTINFO, "IP_PKTINFO"),
    (SOL_IP, IP_RECVTTL, "IP_RECVTTL"),
    (SOL_IP, IP_RECVTOS, "IP_RECVTOS"),
    (SOL_IP, IP_RECVORIGDSTADDR, "IP_RECVORIGDSTADDR"),
    (SOL_IP, IP_RECVFRAGSIZE, "IP_RECVFRAGSIZE"),
    (SOL_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO"),
    (SOL_IPV6, IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT"),
    (SOL_IPV6, IPV6_RECVTCLASS, "IPV6_RECVTCLASS"),
    (SOL_IPV6, IPV6_RECVORIGDSTADDR, "IPV6_RECVORIGDSTADDR"),
    (SOL_IPV6, IPV6_RECVFRAGSIZE, "IPV6_RECVFRAGSIZE"),
];

/// A datagram socket of the name's family, bound to it.
fn bound(t: &mut Trial, name: &Name) -> Fd {
    let fd = if name.first() == Some(&2) { t.udp() } else { t.udp6() };
    must("bind", t.bind(fd, name));
    fd
}

fn close(t: &mut Trial, list: &[Fd]) {
    for fd in list {
        let _ = t.close(*fd);
    }
}

/// Each option that asks for a control message, and all of them together.
pub(super) fn asked_for(t: &mut Trial) {
    for (own, to, from) in [
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.1.2.3", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.9.9.9"),
        ("0.0.0.0", "10.61.0.1", "10.61.0.1"),
        ("::", "::1", "::1"),
        ("::", "fd61::1", "fd61::1"),
        ("::", "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ] {
        let (receiver, sender) = (bound(t, &at(own, P)), bound(t, &at(from, Q)));
        for (level, number, name) in ASKS {
            let outcome = t.set(receiver, level, number, 1);
            t.line(format!("{to}: {name}"), outcome);
            must("sendto", t.sendto(sender, b"x", 0, Some(&at(to, P))));
            t.arrives(receiver);
            let received = t.recvmsg(receiver, ROOM, 0);
            t.line("  received", received);
            let outcome = t.get(receiver, level, number);
            t.line("  reads as", outcome);
            let _ = t.set(receiver, level, number, 0);
        }
        for (level, number, _) in ASKS {
            let _ = t.set(receiver, level, number, 1);
        }
        let class = if to.contains("::") && !to.contains("ffff") {
            control(&[(SOL_IPV6, IPV6_TCLASS, &[0x20, 0, 0, 0]), (SOL_IPV6, IPV6_HOPLIMIT, &[9, 0, 0, 0])])
        } else {
            control(&[(SOL_IP, IP_TOS, &[0x20]), (SOL_IP, IP_TTL, &[9, 0, 0, 0])])
        };
        let message = Outgoing { name: Some(&at(to, P)), pieces: &[b"a", b"", b"ll"], control: &class };
        let outcome = t.sendmsg(sender, &message, 0);
        t.line("all", outcome);
        t.arrives(receiver);
        let received = t.recvmsg(receiver, ROOM, 0);
        t.line("  received", received);
        close(t, &[receiver, sender]);
    }
}

/// A `msg_control` of each length.
pub(super) fn room(t: &mut Trial) {
    let (receiver, sender) = (bound(t, &at("127.0.0.1", P)), bound(t, &at("127.0.0.1", Q)));
    for (level, number) in [(SOL_IP, IP_PKTINFO), (SOL_IP, IP_RECVTTL), (SOL_IP, IP_RECVTOS)] {
        must("setsockopt", t.set(receiver, level, number, 1));
    }
    for control in 0..90 {
        must("sendto", t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P))));
        t.arrives(receiver);
        let received = must("recvmsg", t.recvmsg(receiver, Room { control, ..ROOM }, 0));
        let lengths: Vec<usize> = received.control.iter().map(|(_, _, data)| data.len()).collect();
        let cut = received.flags & MSG_CTRUNC != 0;
        t.say(format!("{control}: {lengths:?} {cut}"));
    }
    for name in [0, 2, 8, 16, 20] {
        must("sendto", t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P))));
        t.arrives(receiver);
        let received = must("recvmsg", t.recvmsg(receiver, Room { name, control: 0, data: 1 }, 0));
        t.say(format!("name {name}: {:?}", received.name.0));
    }
}

/// Control messages with a datagram: those that are for sending, at their bounds and beyond, and others.
pub(super) fn sent(t: &mut Trial) {
    let int = |value: i32| value.to_ne_bytes().to_vec();
    let info = |interface: u32, local: [u8; 4]| [interface.to_ne_bytes(), local, [0; 4]].concat();
    let info6 = |address: &str, interface: u32| {
        let address: std::net::Ipv6Addr = address.parse().expect("an address");
        [address.octets().as_slice(), &interface.to_ne_bytes()].concat()
    };
    let mut list: Vec<(i32, i32, Vec<u8>)> = Vec::new();
    for value in [-2, -1, 0, 1, 2, 64, 255, 256] {
        list.extend([(SOL_IP, IP_TTL, int(value)), (SOL_IP, IP_TOS, int(value))]);
        list.extend([(SOL_IPV6, IPV6_HOPLIMIT, int(value)), (SOL_IPV6, IPV6_TCLASS, int(value))]);
        list.push((SOL_IPV6, IPV6_DONTFRAG, int(value)));
    }
    for length in [0, 1, 2, 3, 5, 8] {
        list.extend([(SOL_IP, IP_TTL, vec![1; length]), (SOL_IP, IP_TOS, vec![1; length])]);
        list.push((SOL_IPV6, IPV6_HOPLIMIT, vec![1; length]));
    }
    for local in [[0, 0, 0, 0], [127, 0, 0, 1], [127, 0, 0, 9], [10, 61, 0, 1], [10, 61, 0, 2], [224, 0, 0, 1]] {
        list.extend([(SOL_IP, IP_PKTINFO, info(0, local)), (SOL_IP, IP_PKTINFO, info(1, local))]);
        list.extend([(SOL_IP, IP_PKTINFO, info(77, local))]);
    }
    list.extend([(SOL_IP, IP_PKTINFO, vec![0; 11]), (SOL_IP, IP_PKTINFO, vec![0; 13])]);
    for address in ["::", "::1", "fd61::1", "fd61::2", "::ffff:127.0.0.1", "::ffff:127.0.0.9", "ff02::1", "fe80::1"] {
        list.extend([(SOL_IPV6, IPV6_PKTINFO, info6(address, 0)), (SOL_IPV6, IPV6_PKTINFO, info6(address, 1))]);
        list.push((SOL_IPV6, IPV6_PKTINFO, info6(address, 77)));
    }
    list.extend([(SOL_IPV6, IPV6_PKTINFO, vec![0; 19]), (SOL_IPV6, IPV6_PKTINFO, vec![0; 24])]);
    for (level, kind) in [(SOL_SOCKET, 1), (SOL_SOCKET, 2), (SOL_SOCKET, 99), (SOL_SOCKET, 36), (SOL_SOCKET, 12)] {
        list.extend([(level, kind, int(0)), (level, kind, vec![])]);
    }
    list.extend([(SOL_UDP, 1, int(0)), (6, 1, int(0)), (SOL_IP, 99, int(0)), (SOL_IPV6, 99, int(0)), (999, 1, int(0))]);
    list.extend([(SOL_IP, IP_RECVERR, int(0)), (SOL_IPV6, IPV6_RECVERR, int(0))]);
    for (own, to) in [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("::", "::ffff:127.0.0.1")] {
        let (receiver, sender) = (bound(t, &at(own, P)), bound(t, &at(own, Q)));
        for (level, number, _) in ASKS.into_iter().filter(|ask| ask.2 != "IPV6_RECVPKTINFO" && ask.2 != "IP_PKTINFO") {
            let _ = t.set(receiver, level, number, 1);
        }
        for (level, kind, data) in &list {
            let bytes = control(&[(*level, *kind, data)]);
            let message = Outgoing { name: Some(&at(to, P)), pieces: &[b"x"], control: &bytes };
            let outcome = t.sendmsg(sender, &message, 0);
            let went = outcome.is_ok();
            t.line(format!("{to}: {level} {kind} {data:?}"), outcome);
            if went {
                t.arrives(receiver);
                let received = t.recvmsg(receiver, ROOM, MSG_DONTWAIT);
                t.line("  received", received);
            }
        }
        close(t, &[receiver, sender]);
    }
}

/// Control messages whose lengths lie.
pub(super) fn malformed(t: &mut Trial) {
    let (receiver, sender) = (bound(t, &at("127.0.0.1", P)), t.udp());
    let tcp = t.pair().0;
    for length in [0u64, 1, 15, 16, 17, 20, 24, 25, 32, 40, 1 << 31, 1 << 32, u64::MAX - 7, u64::MAX] {
        for room in [8, 15, 16, 20, 24, 39, 40] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend(999i32.to_ne_bytes());
            bytes.extend([0; 4]);
            bytes.resize(room.max(16), 0);
            bytes.truncate(room);
            let message = Outgoing { name: Some(&at("127.0.0.1", P)), pieces: &[b"x"], control: &bytes };
            let outcome = t.sendmsg(sender, &message, 0);
            t.line(format!("{length} in {room}"), outcome);
            let message = Outgoing { name: None, pieces: &[b"x"], control: &bytes };
            let outcome = t.sendmsg(tcp, &message, 0);
            t.line("  on a stream", outcome);
        }
    }
    close(t, &[receiver]);
}

/// Lengths, and flags of receiving: MSG_TRUNC, MSG_PEEK, MSG_WAITALL, MSG_OOB, and those nobody knows.
pub(super) fn received(t: &mut Trial) {
    let (receiver, sender) = (bound(t, &at("127.0.0.1", P)), t.udp());
    let to = at("127.0.0.1", P);
    for data in [0, 1, 3, 4, 5, 100] {
        for flags in [0, MSG_TRUNC, MSG_PEEK, MSG_PEEK | MSG_TRUNC, MSG_WAITALL, MSG_OOB, MSG_EOR] {
            must("sendto", t.sendto(sender, b"four", 0, Some(&to)));
            t.arrives(receiver);
            let received = t.recvmsg(receiver, Room { data, name: 0, control: 0 }, flags);
            t.line(format!("room for {data}, flags {flags:#x}"), received);
            let left = t.recv(receiver, 9, MSG_DONTWAIT);
            t.line("  then", left);
        }
    }
    for bit in 0..31 {
        must("sendto", t.sendto(sender, b"four", 0, Some(&to)));
        t.arrives(receiver);
        let received = t.recvmsg(receiver, Room { data: 9, name: 0, control: 0 }, 1 << bit);
        t.line(format!("flag {:#x}", 1u32 << bit), received);
        while t.recv(receiver, 9, MSG_DONTWAIT).is_ok() {}
    }
    must("sendto", t.sendto(sender, b"", 0, Some(&to)));
    t.arrives(receiver);
    let (unread, received) = (t.ask(receiver, libc::FIONREAD as u32), t.recvmsg(receiver, ROOM, 0));
    t.line("nothing: FIONREAD", unread);
    t.line("nothing", received.map(|received| received.value));
}

/// Every flag of sending, and what it means with a datagram.
pub(super) fn flags_of_sending(t: &mut Trial) {
    for (own, to) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1")] {
        let (receiver, sender) = (bound(t, &at(own, P)), bound(t, &at(own, Q)));
        for bit in 0..31 {
            // MSG_MORE would cork it.
            if 1 << bit == MSG_MORE {
                continue;
            }
            let outcome = t.sendto(sender, b"x", 1 << bit, Some(&at(to, P)));
            t.line(format!("{to}: flag {:#x}", 1u32 << bit), outcome);
            let received = t.recv(receiver, 9, MSG_DONTWAIT);
            t.line("  received", received);
        }
        let outcome = t.sendto(sender, b"", MSG_CONFIRM | 0x10, Some(&at(to, P)));
        t.line("nothing but MSG_CONFIRM and MSG_PROBE", outcome);
        let received = t.recv(receiver, 9, MSG_DONTWAIT);
        t.line("  received", received);
        close(t, &[receiver, sender]);
    }
}

/// MSG_MORE and UDP_CORK.
pub(super) fn corked(t: &mut Trial) {
    for (own, other) in [("127.0.0.1", "127.0.0.2"), ("::1", "::1")] {
        let (receiver, sender, elsewhere) = (bound(t, &at(own, P)), bound(t, &at(own, Q)), at(other, 9));
        let to = at(own, P);
        let step = |t: &mut Trial, what: &str, bytes: &[u8], flags: i32, to: Option<&Name>| {
            let outcome = t.sendto(sender, bytes, flags, to.map(|to| &**to));
            t.line(what, outcome);
            let _ = t.getsockname(receiver);
            let received = t.recv(receiver, 100, MSG_DONTWAIT);
            t.line("  received", received);
        };
        step(t, "more", b"ab", MSG_MORE, Some(&to));
        step(t, "more, without address", b"cd", MSG_MORE, None);
        step(t, "more, to another", b"ef", MSG_MORE, Some(&elsewhere));
        step(t, "the end", b"gh", 0, None);
        step(t, "nobody", b"gh", 0, None);
        let outcome = t.set(sender, SOL_UDP, UDP_CORK, 1);
        t.line("UDP_CORK", outcome);
        let outcome = t.get(sender, SOL_UDP, UDP_CORK);
        t.line("reads as", outcome);
        step(t, "corked", b"1", 0, Some(&to));
        step(t, "corked", b"", 0, Some(&to));
        step(t, "corked, urgent", b"2", MSG_OOB, Some(&to));
        let outcome = t.set(sender, SOL_UDP, UDP_CORK, 0);
        t.line("uncorked", outcome);
        let received = t.recv(receiver, 100, MSG_DONTWAIT);
        t.line("  received", received);
        step(t, "nothing, and more", b"", MSG_MORE, Some(&to));
        step(t, "then", b"z", 0, Some(&to));
        step(t, "much", &[7; 40_000], MSG_MORE, Some(&to));
        step(t, "too much", &[7; 40_000], 0, Some(&to));
        step(t, "after it", b"after", 0, Some(&to));
        step(t, "more, and the other end goes", b"lost", MSG_MORE, Some(&to));
        close(t, &[sender]);
        let received = t.recv(receiver, 100, MSG_DONTWAIT);
        t.line("closed", received);
        close(t, &[receiver]);
    }
}

/// sendmmsg(2) and recvmmsg(2).
pub(super) fn many(t: &mut Trial) {
    let (receiver, sender) = (bound(t, &at("127.0.0.1", P)), t.udp());
    let (to, nobody) = (at("127.0.0.1", P), at("127.0.0.1", 0));
    let message = |name, bytes| Outgoing { name: Some(name), pieces: bytes, control: &[] };
    let (one, two): (&[&[u8]], &[&[u8]]) = (&[b"one"], &[b"tw", b"o"]);
    let outcome = t.sendmmsg(sender, &[message(&to, one), message(&to, two)], 0);
    t.line("two", outcome.map(|sent| format!("{sent:?}")));
    let outcome = t.sendmmsg(sender, &[message(&to, one), message(&nobody, two), message(&to, two)], 0);
    t.line("the second fails", outcome.map(|sent| format!("{sent:?}")));
    let outcome = t.sendmmsg(sender, &[message(&nobody, one), message(&to, two)], 0);
    t.line("the first fails", outcome.map(|sent| format!("{sent:?}")));
    let outcome = t.sendmmsg(sender, &[], 0);
    t.line("none", outcome.map(|sent| format!("{sent:?}")));
    t.arrives(receiver);
    let rooms = [Room { data: 2, ..ROOM }, ROOM, ROOM, ROOM, ROOM];
    for (what, flags, limit) in [
        ("MSG_DONTWAIT", MSG_DONTWAIT, None),
        ("again", MSG_DONTWAIT, None),
        ("MSG_WAITFORONE", MSG_WAITFORONE, None),
        ("with a limit", 0, Some(0)),
    ] {
        if what != "again" {
            for bytes in [b"aaa", b"bbb", b"ccc"] {
                must("sendto", t.sendto(sender, bytes, 0, Some(&to)));
            }
            t.arrives(receiver);
        }
        let received = t.recvmmsg(receiver, &rooms, flags, limit);
        let received = received.map(|list| {
            let shown = |one: &crate::calls::Incoming| {
                format!("{} {:?} {:#x} {}", one.value, String::from_utf8_lossy(&one.data), one.flags, one.name)
            };
            list.iter().map(shown).collect::<Vec<String>>().join(", ")
        });
        t.line(what, received);
    }
    while t.recv(receiver, 9, MSG_DONTWAIT).is_ok() {}
    must("sendto", t.sendto(sender, b"z", 0, Some(&to)));
    t.arrives(receiver);
    let received = t.recvmmsg(receiver, &[], MSG_DONTWAIT, None).map(|list| list.len());
    t.line("no room", received);
    let received = t.recvmmsg(receiver, &rooms, MSG_ERRQUEUE, None).map(|list| list.len());
    t.line("errors", received);
}

/// SO_TIMESTAMP and its kin, SIOCGSTAMP.
pub(super) fn stamps(t: &mut Trial) {
    let all = [
        (SO_TIMESTAMP, "SO_TIMESTAMP"),
        (SO_TIMESTAMPNS, "SO_TIMESTAMPNS"),
        (SO_TIMESTAMP_NEW, "SO_TIMESTAMP_NEW"),
        (SO_TIMESTAMPNS_NEW, "SO_TIMESTAMPNS_NEW"),
    ];
    let sender = t.udp();
    for (first, name) in all {
        for (second, then) in all {
            let receiver = bound(t, &at("127.0.0.1", P));
            let outcome = t.set(receiver, SOL_SOCKET, first, 5);
            t.line(name, outcome);
            for on in [1, 0] {
                let outcome = t.set(receiver, SOL_SOCKET, second, on);
                t.line(format!("{then} = {on}"), outcome);
                let shown: Vec<i32> =
                    all.iter().map(|(number, _)| must("get", t.get(receiver, SOL_SOCKET, *number))).collect();
                t.say(format!("  read as {shown:?}"));
                must("sendto", t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P))));
                t.arrives(receiver);
                let received = must("recvmsg", t.recvmsg(receiver, ROOM, 0));
                for (level, kind, data) in received.control {
                    t.say(format!("  {level} {kind} of {} bytes, {}", data.len(), is_past_2020(&data)));
                }
            }
            close(t, &[receiver]);
        }
    }
    let receiver = bound(t, &at("127.0.0.1", P));
    for request in [SIOCGSTAMP, SIOCGSTAMPNS, 0x8010_8906, 0x8010_8907] {
        for what in ["fresh", "after one"] {
            let mut time = [0; 16];
            let outcome = t.ioctl(receiver, request, &mut time);
            t.line(format!("{request:#x} {what}"), outcome);
            t.say(is_past_2020(&time));
            must("sendto", t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P))));
            t.arrives(receiver);
            let _ = t.recv(receiver, 1, 0);
        }
    }
    let (stream, _) = t.pair();
    let outcome = t.ioctl(stream, SIOCGSTAMP, &mut [0; 16]);
    t.line("of a stream", outcome);
}

fn is_past_2020(time: &[u8]) -> bool {
    time.first_chunk().is_some_and(|seconds| i64::from_ne_bytes(*seconds) > 1_577_836_800)
}

/// What a receive buffer holds of datagrams of each size, and what SO_RXQ_OVFL says of the rest.
pub(super) fn buffers(t: &mut Trial) {
    for family in ["127.0.0.1", "::1"] {
        let sender = if family == "::1" { t.udp6() } else { t.udp() };
        for wish in [0, 1, 1000, 2304, 5000, 20_000, 106_496, 1 << 30, -1] {
            let receiver = bound(t, &at(family, P));
            let outcome = t.set(receiver, SOL_SOCKET, SO_RCVBUF, wish);
            let shown = t.get(receiver, SOL_SOCKET, SO_RCVBUF);
            t.line(format!("{family}: SO_RCVBUF {wish}"), outcome);
            t.line("  reads as", shown);
            must("SO_RXQ_OVFL", t.set(receiver, SOL_SOCKET, SO_RXQ_OVFL, 1));
            for size in [0, 1, 184, 185, 197, 198, 645, 646, 1000, 1472, 4000, 9000, 20_000, 65_507] {
                for _ in 0..600 {
                    let _ = t.sendto(sender, &vec![1; size], 0, Some(&at(family, P)));
                }
                t.arrives(receiver);
                let mut held = 0;
                let mut dropped = Vec::new();
                while let Ok(received) = t.recvmsg(receiver, Room { data: 1, ..ROOM }, MSG_DONTWAIT) {
                    held += 1;
                    dropped = received.control;
                }
                t.say(format!("  {size}: {held} {dropped:?}"));
            }
            close(t, &[receiver]);
        }
        close(t, &[sender]);
    }
}

/// A full buffer that is read a little, and filled again.
pub(super) fn buffer_given_back(t: &mut Trial) {
    let (receiver, sender) = (bound(t, &at("127.0.0.1", P)), t.udp());
    for wish in [5000, 20_000, 106_496] {
        must("SO_RCVBUF", t.set(receiver, SOL_SOCKET, SO_RCVBUF, wish));
        for read in [1, 2, 5, 8, 13, 30, 60, 100] {
            let fill = |t: &mut Trial| {
                for _ in 0..400 {
                    let _ = t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P)));
                }
            };
            fill(t);
            for _ in 0..read {
                let _ = t.recv(receiver, 1, MSG_DONTWAIT);
            }
            fill(t);
            let mut held = 0;
            while t.recv(receiver, 1, MSG_DONTWAIT).is_ok() {
                held += 1;
            }
            t.say(format!("{wish}, {read} read: {held}"));
        }
    }
}

/// The longest datagrams, with and without leave to cut them.
pub(super) fn longest(t: &mut Trial) {
    for (own, to, level, number) in [
        ("127.0.0.1", "127.0.0.1", SOL_IP, IP_MTU_DISCOVER),
        ("::1", "::1", SOL_IPV6, IPV6_MTU_DISCOVER),
        ("0.0.0.0", "10.61.0.2", SOL_IP, IP_MTU_DISCOVER),
        ("::", "fd61::2", SOL_IPV6, IPV6_MTU_DISCOVER),
    ] {
        let (receiver, sender) = (bound(t, &at(own, P)), bound(t, &at(own, Q)));
        let (recverr, number_of) = if level == SOL_IP { (IP_RECVERR, SOL_IP) } else { (IPV6_RECVERR, SOL_IPV6) };
        for errors in [0, 1] {
            must("IP_RECVERR", t.set(sender, number_of, recverr, errors));
            for discovery in 0..6 {
                must("IP_MTU_DISCOVER", t.set(sender, level, number, discovery));
                for size in [1452, 1453, 1472, 1473, 65_487, 65_488, 65_507, 65_508, 65_527, 65_528, 70_000] {
                    // There Linux makes a packet of 65,536 bytes, and complains about it to itself.
                    if size == 65_508 && to == "127.0.0.1" && matches!(discovery, 3 | 4) {
                        continue;
                    }
                    let outcome = t.sendto(sender, &vec![1; size], 0, Some(&at(to, P)));
                    t.line(format!("{to}: IP_RECVERR {errors}, discovery {discovery}, {size} bytes"), outcome);
                    let queued = t.recvmsg(sender, ROOM, MSG_ERRQUEUE | MSG_DONTWAIT);
                    t.line("  queued", queued);
                    while t.recv(receiver, 1, MSG_DONTWAIT).is_ok() {}
                }
            }
        }
        close(t, &[receiver, sender]);
    }
}

/// UDP_SEGMENT, as an option and with a message.
pub(super) fn segments(t: &mut Trial) {
    for (own, limit) in [("127.0.0.1", 65_507), ("::1", 65_527)] {
        let (receiver, sender) = (bound(t, &at(own, P)), bound(t, &at(own, Q)));
        let to = at(own, P);
        for value in [-1, 0, 1, 65_535, 65_536] {
            let outcome = t.set(sender, SOL_UDP, UDP_SEGMENT, value);
            t.line(format!("{own}: UDP_SEGMENT {value}"), outcome);
            let outcome = t.get(sender, SOL_UDP, UDP_SEGMENT);
            t.line("  reads as", outcome);
        }
        for option in [0, 4, 1000] {
            must("UDP_SEGMENT", t.set(sender, SOL_UDP, UDP_SEGMENT, option));
            for wish in [None, Some(0u16), Some(3), Some(1000), Some(65_535)] {
                for length in [0, 1, 4, 10, 384, 385, 512, 513, 60_000, limit, limit + 1] {
                    let wish = wish.map(u16::to_ne_bytes);
                    let control = wish.map_or_else(Vec::new, |size| control(&[(SOL_UDP, UDP_SEGMENT, &size)]));
                    let data = vec![b'x'; length];
                    let message = Outgoing { name: Some(&to), pieces: &[&data], control: &control };
                    let outcome = t.sendmsg(sender, &message, 0);
                    t.line(format!("option {option}, message {wish:?}, {length} bytes"), outcome);
                    let mut lengths = Vec::new();
                    while let Ok(received) = t.recvmsg(receiver, Room { data: 0, ..ROOM }, MSG_DONTWAIT | MSG_TRUNC) {
                        lengths.push(received.value);
                    }
                    t.say(format!("  {} came: {:?} {:?}", lengths.len(), lengths.first(), lengths.last()));
                }
            }
        }
        close(t, &[receiver, sender]);
    }
}
