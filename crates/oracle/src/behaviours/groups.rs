//! Multicast groups: who may join what, whom it hears there, and what is sent to them (ip(7), ipv6(7), RFC 3678).

use std::net::IpAddr;

use libc::{IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, SO_REUSEADDR, SOL_SOCKET};

use crate::Trial;
use crate::address::{P, at};
use crate::calls::Fd;

const LO: i32 = 1;
const ETH0: i32 = 2;

const IP_MULTICAST_IF: i32 = 32;
const IP_MULTICAST_TTL: i32 = 33;
const IP_MULTICAST_LOOP: i32 = 34;
const IP_ADD_MEMBERSHIP: i32 = 35;
const IP_DROP_MEMBERSHIP: i32 = 36;
const IP_UNBLOCK_SOURCE: i32 = 37;
const IP_BLOCK_SOURCE: i32 = 38;
const IP_ADD_SOURCE_MEMBERSHIP: i32 = 39;
const IP_DROP_SOURCE_MEMBERSHIP: i32 = 40;
const IP_MSFILTER: i32 = 41;
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_BLOCK_SOURCE: i32 = 43;
const MCAST_UNBLOCK_SOURCE: i32 = 44;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;
const MCAST_MSFILTER: i32 = 48;
const IP_MULTICAST_ALL: i32 = 49;
const IPV6_MULTICAST_IF: i32 = 17;
const IPV6_MULTICAST_HOPS: i32 = 18;
const IPV6_MULTICAST_LOOP: i32 = 19;
const IPV6_JOIN_GROUP: i32 = 20;
const IPV6_LEAVE_GROUP: i32 = 21;
const IPV6_MULTICAST_ALL: i32 = 29;

/// The octets of an address.
fn octets(text: &str) -> Vec<u8> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => panic!("{text} is no address"),
    }
}

/// `ip_mreq` and `ip_mreq_source`: addresses in a row.
fn row(addresses: &[&str]) -> Vec<u8> {
    addresses.iter().flat_map(|text| octets(text)).collect()
}

/// `ip_mreqn`.
fn mreqn(group: &str, address: &str, index: i32) -> Vec<u8> {
    [row(&[group, address]), index.to_ne_bytes().to_vec()].concat()
}

/// `ipv6_mreq`.
fn mreq6(group: &str, index: i32) -> Vec<u8> {
    [octets(group), index.to_ne_bytes().to_vec()].concat()
}

/// A `sockaddr_storage`.
fn storage(text: &str) -> Vec<u8> {
    let mut out = at(text, 0).0;
    out.resize(128, 0);
    out
}

/// `group_req` and `group_source_req`.
fn request(index: i32, addresses: &[&str]) -> Vec<u8> {
    let addresses: Vec<u8> = addresses.iter().flat_map(|text| storage(text)).collect();
    [index.to_ne_bytes().to_vec(), vec![0; 4], addresses].concat()
}

/// The end of a filter: its mode, how many sources it says it has.
fn tail(mode: u32, count: u32) -> Vec<u8> {
    [mode.to_ne_bytes(), count.to_ne_bytes()].concat()
}

fn set(t: &mut Trial, what: &str, (fd, level, number): (Fd, i32, i32), value: &[u8]) {
    let outcome = t.setsockopt(fd, level, number, value);
    t.line(what, outcome);
}

/// Defaults, bounds and lengths.
pub(super) fn options(t: &mut Trial) {
    let v4 = [IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_MULTICAST_ALL];
    let v6 = [IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MULTICAST_ALL];
    let sockets = [("udp", t.udp()), ("tcp", t.tcp()), ("udp6", t.udp6()), ("tcp6", t.tcp6())];
    for (name, fd) in sockets {
        let v4 = v4.into_iter().map(|number| (IPPROTO_IP, number));
        let v6 = v6.into_iter().map(|number| (IPPROTO_IPV6, number)).filter(|_| name.ends_with('6'));
        for (level, number) in v4.chain(v6) {
            let got = t.get(fd, level, number);
            t.line(format!("{name} {level} {number}: begins with"), got);
            for value in [-2, -1, 0, 1, 2, 9, 255, 256] {
                let outcome = t.set(fd, level, number, value);
                t.line(format!("set to {value}"), outcome);
                let got = t.get(fd, level, number);
                t.line("reads", got);
            }
            for length in [0, 1, 3, 5] {
                let value: Vec<u8> = [1, 0, 0, 0, 0].into_iter().take(length).collect();
                set(t, &format!("{length} bytes"), (fd, level, number), &value);
            }
        }
    }
    for (name, fd) in [("udp", t.udp()), ("tcp", t.tcp()), ("udp6", t.udp6())] {
        for value in [
            row(&["127.0.0.1"]),
            row(&["127.0.0.7"]),
            row(&["9.9.9.9"]),
            row(&["239.1.1.1", "10.61.0.1"]),
            mreqn("239.1.1.1", "127.0.0.1", ETH0),
            mreqn("0.0.0.0", "0.0.0.0", LO),
            mreqn("0.0.0.0", "0.0.0.0", 99),
            mreqn("0.0.0.0", "9.9.9.9", 0),
            vec![0; 16],
            vec![0; 3],
            row(&["0.0.0.0"]),
        ] {
            set(t, &format!("{name} IP_MULTICAST_IF {value:?}"), (fd, IPPROTO_IP, IP_MULTICAST_IF), &value);
            for room in [4, 3, 12] {
                let got = t.getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, room).map(|bytes| format!("{bytes:?}"));
                t.line("reads", got);
            }
        }
    }
}

/// Joining and leaving IPv4's.
pub(super) fn membership(t: &mut Trial) {
    let group = "239.1.2.3";
    let full = [mreqn(group, "127.0.0.1", LO), vec![0; 8]].concat();
    for length in [0, 4, 7, 8, 9, 12, 16, 20] {
        let fd = t.udp();
        set(t, &format!("{length} bytes"), (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP), &full[..length]);
    }
    for (what, value) in [
        ("by the route", row(&[group, "0.0.0.0"])),
        ("by index", mreqn(group, "0.0.0.0", ETH0)),
        ("no such index", mreqn(group, "0.0.0.0", 99)),
        ("a negative index", mreqn(group, "0.0.0.0", -1)),
        ("no such address", row(&[group, "9.9.9.9"])),
        ("no group", row(&["1.2.3.4", "127.0.0.1"])),
        ("all systems", row(&["224.0.0.1", "127.0.0.1"])),
        ("127.0.0.5", row(&[group, "127.0.0.5"])),
    ] {
        let sockets = [("udp", t.udp()), ("udp6", t.udp6()), ("tcp", t.tcp())];
        for (name, fd) in sockets {
            set(t, &format!("{name}: join {what}"), (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP), &value);
            set(t, "again", (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP), &value);
            set(t, "leave", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &value);
            set(t, "again", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &value);
        }
    }
    let fd = t.udp();
    set(t, "join on lo", (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP), &row(&[group, "127.0.0.1"]));
    set(t, "leave on eth0", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &row(&[group, "10.61.0.1"]));
    set(t, "leave by the route", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &row(&[group, "0.0.0.0"]));
    set(t, "leave 99", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &mreqn(group, "0.0.0.0", 99));
    set(t, "leave lo", (fd, IPPROTO_IP, IP_DROP_MEMBERSHIP), &mreqn(group, "0.0.0.0", LO));
    let mut joined = 0;
    let outcome = loop {
        let next = format!("239.0.0.{joined}");
        match t.setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &row(&[&next, "127.0.0.1"])) {
            Ok(()) if joined < 100 => joined += 1,
            outcome => break outcome,
        }
    };
    t.line(format!("after {joined} groups"), outcome);
}

/// Joining and leaving IPv6's.
pub(super) fn membership_v6(t: &mut Trial) {
    let group = "ff05::1234";
    let full = [mreq6(group, LO), vec![0; 8]].concat();
    for length in [0, 4, 16, 19, 20, 21, 28] {
        let fd = t.udp6();
        set(t, &format!("{length} bytes"), (fd, IPPROTO_IPV6, IPV6_JOIN_GROUP), &full[..length]);
    }
    for (what, value) in [
        ("by the route", mreq6(group, 0)),
        ("by index", mreq6(group, ETH0)),
        ("no such index", mreq6(group, 99)),
        ("a negative index", mreq6(group, -1)),
        ("no group", mreq6("fd61::1", LO)),
        ("a mapped one", mreq6("::ffff:224.1.1.1", LO)),
        ("all nodes", mreq6("ff02::1", LO)),
    ] {
        let sockets = [("udp6", t.udp6()), ("udp", t.udp()), ("tcp6", t.tcp6())];
        for (name, fd) in sockets {
            set(t, &format!("{name}: join {what}"), (fd, IPPROTO_IPV6, IPV6_JOIN_GROUP), &value);
            set(t, "again", (fd, IPPROTO_IPV6, IPV6_JOIN_GROUP), &value);
            set(t, "leave 99", (fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP), &mreq6(group, 99));
            set(t, "leave", (fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP), &value);
            set(t, "leave any", (fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP), &mreq6(group, 0));
        }
    }
}

/// Sources blocked and joined, one after the other, by the calls of both kinds.
pub(super) fn sources(t: &mut Trial) {
    let (group, a, b) = ("239.1.1.1", "10.0.0.1", "10.0.0.2");
    let one = |source| row(&[group, "127.0.0.1", source]);
    let all = row(&[group, "127.0.0.1"]);
    let by_address: &[&[(&str, i32, Vec<u8>)]] = &[
        &[
            ("add a", IP_ADD_SOURCE_MEMBERSHIP, one(a)),
            ("add a", IP_ADD_SOURCE_MEMBERSHIP, one(a)),
            ("add b", IP_ADD_SOURCE_MEMBERSHIP, one(b)),
            ("block a", IP_BLOCK_SOURCE, one(a)),
            ("unblock a", IP_UNBLOCK_SOURCE, one(a)),
            ("drop a", IP_DROP_SOURCE_MEMBERSHIP, one(a)),
            ("drop a", IP_DROP_SOURCE_MEMBERSHIP, one(a)),
            ("drop b", IP_DROP_SOURCE_MEMBERSHIP, one(b)),
            ("leave", IP_DROP_MEMBERSHIP, all.clone()),
        ],
        &[
            ("join", IP_ADD_MEMBERSHIP, all.clone()),
            ("drop a", IP_DROP_SOURCE_MEMBERSHIP, one(a)),
            ("block a", IP_BLOCK_SOURCE, one(a)),
            ("leave", IP_DROP_MEMBERSHIP, all.clone()),
        ],
        &[
            ("join", IP_ADD_MEMBERSHIP, all.clone()),
            ("block a", IP_BLOCK_SOURCE, one(a)),
            ("block a", IP_BLOCK_SOURCE, one(a)),
            ("unblock b", IP_UNBLOCK_SOURCE, one(b)),
            ("unblock a", IP_UNBLOCK_SOURCE, one(a)),
            ("add a", IP_ADD_SOURCE_MEMBERSHIP, one(a)),
            ("leave", IP_DROP_MEMBERSHIP, all.clone()),
        ],
        &[
            ("add a", IP_ADD_SOURCE_MEMBERSHIP, one(a)),
            ("join", IP_ADD_MEMBERSHIP, all.clone()),
            ("leave", IP_DROP_MEMBERSHIP, all.clone()),
        ],
        &[
            ("block a", IP_BLOCK_SOURCE, one(a)),
            ("unblock a", IP_UNBLOCK_SOURCE, one(a)),
            ("drop a", IP_DROP_SOURCE_MEMBERSHIP, one(a)),
            ("add in no group", IP_ADD_SOURCE_MEMBERSHIP, row(&[a, "127.0.0.1", a])),
            ("add on no interface", IP_ADD_SOURCE_MEMBERSHIP, row(&[group, "9.9.9.9", a])),
            ("add 11 bytes", IP_ADD_SOURCE_MEMBERSHIP, one(a)[..11].to_vec()),
            ("add 13 bytes", IP_ADD_SOURCE_MEMBERSHIP, [one(a), vec![0]].concat()),
        ],
    ];
    for steps in by_address {
        let fd = t.udp();
        for (what, number, value) in *steps {
            set(t, what, (fd, IPPROTO_IP, *number), value);
        }
        let _ = t.close(fd);
    }
    let families =
        [(IPPROTO_IP, group, a, b), (IPPROTO_IPV6, "ff05::7", "fd61::8", "fd61::9")];
    for (level, group, a, b) in families {
        let fd = if level == IPPROTO_IP { t.udp() } else { t.udp6() };
        let (all, one) = (request(LO, &[group]), |source| request(LO, &[group, source]));
        for (what, number, value) in [
            ("block a", MCAST_BLOCK_SOURCE, one(a)),
            ("join", MCAST_JOIN_GROUP, all.clone()),
            ("join", MCAST_JOIN_GROUP, all.clone()),
            ("block a", MCAST_BLOCK_SOURCE, one(a)),
            ("block a", MCAST_BLOCK_SOURCE, one(a)),
            ("unblock a", MCAST_UNBLOCK_SOURCE, one(a)),
            ("unblock a", MCAST_UNBLOCK_SOURCE, one(a)),
            ("join a", MCAST_JOIN_SOURCE_GROUP, one(a)),
            ("leave", MCAST_LEAVE_GROUP, all.clone()),
            ("leave", MCAST_LEAVE_GROUP, all.clone()),
            ("join a", MCAST_JOIN_SOURCE_GROUP, one(a)),
            ("join b", MCAST_JOIN_SOURCE_GROUP, one(b)),
            ("leave a", MCAST_LEAVE_SOURCE_GROUP, one(a)),
            ("leave a", MCAST_LEAVE_SOURCE_GROUP, one(a)),
            ("leave b", MCAST_LEAVE_SOURCE_GROUP, one(b)),
            ("leave b", MCAST_LEAVE_SOURCE_GROUP, one(b)),
            ("join of another family", MCAST_JOIN_GROUP, request(LO, &[if a.contains(':') { "1.1.1.1" } else { "ff05::1" }])),
            ("join no group", MCAST_JOIN_GROUP, request(LO, &[a])),
            ("join on 99", MCAST_JOIN_GROUP, request(99, &[group])),
            ("too short", MCAST_JOIN_GROUP, all[..135].to_vec()),
            ("source too short", MCAST_JOIN_SOURCE_GROUP, one(a)[..263].to_vec()),
            ("source too long", MCAST_JOIN_SOURCE_GROUP, [one(a), vec![0]].concat()),
        ] {
            set(t, what, (fd, level, number), &value);
        }
        let mut named = 0;
        let outcome = loop {
            let next = if level == IPPROTO_IP { format!("10.1.0.{named}") } else { format!("fd61::a:{named:x}") };
            match t.setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request(ETH0, &[group, &next])) {
                Ok(()) if named < 200 => named += 1,
                outcome => break outcome,
            }
        };
        t.line(format!("after {named} sources"), outcome);
    }
    let tcp = t.tcp();
    set(t, "a stream joins", (tcp, IPPROTO_IP, MCAST_JOIN_GROUP), &request(LO, &[group]));
}

/// Whole filters, set and read.
pub(super) fn filters(t: &mut Trial) {
    let (group, a, b) = ("239.1.2.3", "10.0.0.1", "10.0.0.2");
    let fd = t.udp();
    let filter = |group, interface, mode, count, sources: &[&str]| {
        [row(&[group, interface]), tail(mode, count), row(sources)].concat()
    };
    let lo = "127.0.0.1";
    let ask = |t: &mut Trial, what: &str, question: Vec<u8>| {
        let got = t.getsockopt_of(fd, IPPROTO_IP, IP_MSFILTER, &question).map(|bytes| format!("{bytes:?}"));
        t.line(what, got);
    };
    set(t, "no member", (fd, IPPROTO_IP, IP_MSFILTER), &filter(group, lo, 1, 1, &[a]));
    set(t, "no member, nobody", (fd, IPPROTO_IP, IP_MSFILTER), &filter(group, lo, 1, 0, &[]));
    ask(t, "ask", filter(group, lo, 0, 5, &[]));
    set(t, "join", (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP), &row(&[group, lo]));
    ask(t, "ask", filter(group, lo, 0, 5, &[]));
    for (what, value) in [
        ("include a", filter(group, lo, 1, 1, &[a])),
        ("one missing", filter(group, lo, 1, 2, &[a])),
        ("too short", vec![0; 12]),
        ("mode 2", filter(group, lo, 2, 0, &[])),
        ("eleven", filter(group, lo, 0, 11, &[a; 11])),
        ("exclude both", filter(group, lo, 0, 2, &[b, a])),
        ("twice", filter(group, lo, 1, 2, &[a, a])),
        ("very many", filter(group, lo, 0, 0x1fff_ffff, &[])),
        ("no group", filter(a, lo, 0, 0, &[])),
        ("no interface", filter(group, "9.9.9.9", 0, 0, &[])),
        ("one too many", filter(group, lo, 0, 1, &[b, a])),
    ] {
        set(t, what, (fd, IPPROTO_IP, IP_MSFILTER), &value);
        ask(t, "ask", filter(group, lo, 0, 5, &[]));
    }
    set(t, "exclude both", (fd, IPPROTO_IP, IP_MSFILTER), &filter(group, lo, 0, 2, &[b, a]));
    ask(t, "room for one", filter(group, lo, 0, 1, &[]));
    ask(t, "room for none", filter(group, lo, 0, 0, &[]));
    ask(t, "15 bytes", filter(group, lo, 0, 0, &[])[..15].to_vec());
    ask(t, "another group", filter("239.9.9.9", lo, 0, 5, &[]));
    ask(t, "no group", filter(a, lo, 0, 5, &[]));
    ask(t, "no interface", filter(group, "9.9.9.9", 0, 5, &[]));
    set(t, "include nobody", (fd, IPPROTO_IP, IP_MSFILTER), &filter(group, lo, 1, 0, &[]));
    ask(t, "ask", filter(group, lo, 0, 5, &[]));

    let families = [
        (IPPROTO_IP, "239.1.2.3", "10.0.0.1", "ff05::1", 11),
        (IPPROTO_IPV6, "ff05::7", "fd61::8", "239.1.1.1", 65),
    ];
    for (level, group, a, foreign, many) in families {
        let fd = if level == IPPROTO_IP { t.udp() } else { t.udp6() };
        let filter = |index, group, mode, count, sources: &[&str]| {
            let sources: Vec<u8> = sources.iter().flat_map(|text| storage(text)).collect();
            [request(index, &[group]), tail(mode, count), sources].concat()
        };
        let ask = |t: &mut Trial, what: &str, question: Vec<u8>| {
            let got = t.getsockopt_of(fd, level, MCAST_MSFILTER, &question);
            let shown = got.map(|bytes| {
                let end = bytes.get(136..).unwrap_or_default().iter().rposition(|byte| *byte != 0);
                format!("{} bytes {:?}", bytes.len(), &bytes[136..end.map_or(136, |end| end + 137)])
            });
            t.line(what, shown);
        };
        set(t, "no member", (fd, level, MCAST_MSFILTER), &filter(LO, group, 0, 1, &[a]));
        set(t, "no member, nobody", (fd, level, MCAST_MSFILTER), &filter(LO, group, 1, 0, &[]));
        set(t, "join", (fd, level, MCAST_JOIN_GROUP), &request(LO, &[group]));
        ask(t, "ask", filter(LO, group, 0, 5, &[]));
        for (what, value) in [
            ("include a", filter(LO, group, 1, 1, &[a])),
            ("one missing", filter(LO, group, 1, 2, &[a])),
            ("too short", filter(LO, group, 1, 2, &[])[..143].to_vec()),
            ("mode 2", filter(LO, group, 2, 0, &[])),
            ("too many", filter(LO, group, 0, many, &vec![a; many as usize])),
            ("exclude twice", filter(LO, group, 0, 2, &[a, a])),
            ("very many", filter(LO, group, 0, 0x1fff_ffff, &[])),
            ("no group", filter(LO, a, 0, 0, &[])),
            ("no interface", filter(99, group, 0, 0, &[])),
            ("another family's group", filter(LO, foreign, 0, 0, &[])),
        ] {
            set(t, what, (fd, level, MCAST_MSFILTER), &value);
            ask(t, "ask", filter(LO, group, 0, 5, &[]));
        }
        ask(t, "room for none", filter(LO, group, 0, 0, &[]));
        ask(t, "too short", filter(LO, group, 0, 0, &[])[..143].to_vec());
        ask(t, "no interface", filter(99, group, 0, 5, &[]));
        ask(t, "no group", filter(LO, a, 0, 5, &[]));
        ask(t, "another family's group", filter(LO, foreign, 0, 5, &[]));
        set(t, "include nobody", (fd, level, MCAST_MSFILTER), &filter(LO, group, 1, 0, &[]));
        ask(t, "ask", filter(LO, group, 0, 5, &[]));
    }
}

/// A socket that others may bind beside.
fn sharing(t: &mut Trial, host: &str) -> Fd {
    let fd = if host.contains(':') { t.udp6() } else { t.udp() };
    t.set(fd, SOL_SOCKET, SO_REUSEADDR, 1).expect("SO_REUSEADDR");
    t.bind(fd, &at(host, P)).expect("bind");
    fd
}

/// What each has heard by now.
pub(super) fn heard(t: &mut Trial, what: &str, sockets: &[(&str, Fd)]) {
    t.sleep(20);
    for (name, fd) in sockets {
        let mut all = Vec::new();
        while let Ok(message) = t.recvfrom(*fd, 100, MSG_DONTWAIT) {
            let text = String::from_utf8_lossy(&message.data).into_owned();
            all.push(format!("{text} from {}", message.name));
        }
        t.line(format!("{what}: {name}"), all.join(", "));
    }
}

/// Who hears what is sent to groups of IPv4.
pub(super) fn delivery(t: &mut Trial) {
    let group = "239.1.2.3";
    let (on_lo, on_eth0) = (row(&[group, "127.0.0.1"]), row(&[group, "10.61.0.1"]));
    let member = sharing(t, "0.0.0.0");
    set(t, "join lo", (member, IPPROTO_IP, IP_ADD_MEMBERSHIP), &on_lo);
    let (any, strict, elsewhere, named) =
        (sharing(t, "0.0.0.0"), sharing(t, "0.0.0.0"), sharing(t, "127.0.0.1"), sharing(t, group));
    let _ = t.set(strict, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    let blocking = sharing(t, "0.0.0.0");
    set(t, "join lo", (blocking, IPPROTO_IP, IP_ADD_MEMBERSHIP), &on_lo);
    let block = row(&[group, "127.0.0.1", "127.0.0.1"]);
    set(t, "block", (blocking, IPPROTO_IP, IP_BLOCK_SOURCE), &block);
    let other = sharing(t, "0.0.0.0");
    set(t, "join another", (other, IPPROTO_IP, IP_ADD_MEMBERSHIP), &row(&["239.9.9.9", "127.0.0.1"]));
    let both = sharing(t, "::");
    let all = [
        ("member", member),
        ("any", any),
        ("strict", strict),
        ("elsewhere", elsewhere),
        ("named", named),
        ("blocking", blocking),
        ("other", other),
        ("dual", both),
    ];
    let sender = t.udp();
    t.bind(sender, &at("0.0.0.0", P + 1)).expect("bind");
    let send = |t: &mut Trial, what: &str| {
        let outcome = t.sendto(sender, what.as_bytes(), 0, Some(&at(group, P)));
        t.line(format!("send {what}"), outcome);
    };
    send(t, "by the route");
    heard(t, "by the route", &all);
    set(t, "by lo", (sender, IPPROTO_IP, IP_MULTICAST_IF), &row(&["127.0.0.1"]));
    send(t, "by lo");
    heard(t, "by lo", &all);
    let _ = t.set(sender, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    send(t, "no loop on lo");
    heard(t, "no loop on lo", &all);
    let _ = t.set(sender, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    let _ = t.set(sender, IPPROTO_IP, IP_MULTICAST_TTL, 0);
    send(t, "ttl 0 on lo");
    heard(t, "ttl 0 on lo", &all);
    set(t, "join eth0", (member, IPPROTO_IP, IP_ADD_MEMBERSHIP), &on_eth0);
    set(t, "by eth0", (sender, IPPROTO_IP, IP_MULTICAST_IF), &row(&["10.61.0.1"]));
    send(t, "by eth0");
    heard(t, "by eth0", &all);
    let _ = t.set(sender, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    send(t, "no loop");
    heard(t, "no loop", &all);
    set(t, "leave eth0", (member, IPPROTO_IP, IP_DROP_MEMBERSHIP), &on_eth0);
    let _ = t.set(sender, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    send(t, "nobody on eth0");
    heard(t, "nobody on eth0", &all);
    let outcome = t.connect(sender, &at(group, P));
    t.line("connect", outcome);
    let own = t.getsockname(sender);
    t.line("own name", own);
    let bound = t.udp();
    let outcome = t.bind(bound, &at("127.0.0.1", P + 2));
    t.line("bind to lo's address", outcome);
    let outcome = t.sendto(bound, b"by its address", 0, Some(&at(group, P)));
    t.line("send", outcome);
    heard(t, "by its address", &all);
    let _ = t.close(member);
    let outcome = t.sendto(bound, b"after close", 0, Some(&at(group, P)));
    t.line("send", outcome);
    heard(t, "after close", &all[1..]);
    let big = t.sendto(bound, &[b'x'; 60_000], 0, Some(&at(group, P)));
    t.line("a long one", big);
    let all_systems = t.sendto(bound, b"all", 0, Some(&at("224.0.0.1", P)));
    t.line("to all systems", all_systems);
    t.sleep(20);
    heard(t, "to all systems", &[("strict", strict), ("other", other)]);
}

/// Who hears what is sent to groups of IPv6.
pub(super) fn delivery_v6(t: &mut Trial) {
    let group = "ff05::1234";
    let member = sharing(t, "::");
    set(t, "join eth0", (member, IPPROTO_IPV6, IPV6_JOIN_GROUP), &mreq6(group, ETH0));
    let (any, strict) = (sharing(t, "::"), sharing(t, "::"));
    let _ = t.set(strict, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    let chosen = sharing(t, "::");
    let join = request(ETH0, &[group, "fd61::9"]);
    set(t, "join one source", (chosen, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP), &join);
    let all = [("member", member), ("any", any), ("strict", strict), ("chosen", chosen)];
    let sender = t.udp6();
    t.bind(sender, &at("::", P + 1)).expect("bind");
    for (what, number, value) in [
        ("by the route", 0, 0),
        ("hops 0", IPV6_MULTICAST_HOPS, 0),
        ("no loop", IPV6_MULTICAST_LOOP, 0),
        ("loop", IPV6_MULTICAST_LOOP, 1),
        ("by lo", IPV6_MULTICAST_IF, LO),
        ("by eth0", IPV6_MULTICAST_IF, ETH0),
        ("by 99", IPV6_MULTICAST_IF, 99),
    ] {
        if number > 0 {
            let outcome = t.set(sender, IPPROTO_IPV6, number, value);
            t.line(what, outcome);
        }
        let outcome = t.sendto(sender, what.as_bytes(), 0, Some(&at(group, P)));
        t.line(format!("send {what}"), outcome);
        heard(t, what, &all);
    }
    set(t, "join lo", (strict, IPPROTO_IPV6, IPV6_JOIN_GROUP), &mreq6(group, LO));
    let _ = t.set(sender, IPPROTO_IPV6, IPV6_MULTICAST_IF, LO);
    let outcome = t.sendto(sender, b"by lo", 0, Some(&at(group, P)));
    t.line("send by lo", outcome);
    heard(t, "by lo", &all);
    let outcome = t.connect(sender, &at(group, P));
    t.line("connect", outcome);
    let own = t.getsockname(sender);
    t.line("own name", own);
}
