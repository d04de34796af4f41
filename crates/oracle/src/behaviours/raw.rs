//! Raw sockets (raw(7), ipv6(7)): names, what may be sent and what comes of it, headers of their own.

use libc::{
    AF_INET, AF_INET6, IP_HDRINCL, IP_MTU_DISCOVER, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, IPV6_CHECKSUM,
    MSG_DONTWAIT, MSG_OOB, SO_BROADCAST, SOCK_RAW, SOL_IP, SOL_IPV6, SOL_SOCKET,
};

use crate::Trial;
use crate::address::{P, Name, at, unspecified};
use crate::trial::must;

pub(super) const ICMP_FILTER: i32 = 1;
pub(super) const SOL_ICMPV6: i32 = 58;
pub(super) const ICMP6_FILTER: i32 = 1;
/// A protocol that nobody has.
pub(super) const STRANGE: i32 = 253;

pub(super) fn raw(t: &mut Trial, protocol: i32) -> i32 {
    must("socket", t.socket(AF_INET, SOCK_RAW, protocol))
}

pub(super) fn raw6(t: &mut Trial, protocol: i32) -> i32 {
    must("socket", t.socket(AF_INET6, SOCK_RAW, protocol))
}

/// An IPv4 ICMP message with its checksum.
pub(super) fn message(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, code, 0, 0];
    bytes.extend(rest);
    let sum = sum(&bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// A packet with its IPv4 header: the fields, but for a number that nobody chose.
fn packet(bytes: &[u8], own_id: bool) -> String {
    let Some((header, data)) = bytes.split_at_checked(20) else { return format!("{bytes:x?}") };
    let id = match u16::from_be_bytes([header[4], header[5]]) {
        0 => "0".to_owned(),
        id if own_id => id.to_string(),
        _ => "some".to_owned(),
    };
    let shown = match data {
        // What an error quotes has a number of its own.
        [3, code, _, _, _, _, _, _, quoted @ ..] if header[9] == 1 => {
            format!("unreachable {code}: {}", quoted.get(20..).unwrap_or_default().escape_ascii())
        }
        _ => data[..data.len().min(40)].escape_ascii().to_string(),
    };
    let right = if sum(header) == 0 { "right" } else { "wrong" };
    format!(
        "first {:x} tos {} length {} id {id} flags {:x} ttl {} protocol {} checksum {right} {:?} > {:?} data {}",
        header[0],
        header[1],
        u16::from_be_bytes([header[2], header[3]]),
        u16::from_be_bytes([header[6], header[7]]),
        header[8],
        header[9],
        &header[12..16],
        &header[16..20],
        shown
    )
}

/// What waits on an IPv4 socket, with its headers.
pub(super) fn hear(t: &mut Trial, what: &str, fd: i32, own_id: bool) {
    loop {
        match t.recvfrom(fd, 70_000, MSG_DONTWAIT) {
            Ok(message) => t.say(format!("{what}: from {}: {}", message.name, packet(&message.data, own_id))),
            Err(error) => return t.line(what, error.name().to_owned()),
        }
    }
}

/// What waits on an IPv6 socket.
pub(super) fn hear6(t: &mut Trial, what: &str, fd: i32) {
    loop {
        match t.recvfrom(fd, 70_000, MSG_DONTWAIT) {
            Ok(message) => t.say(format!(
                "{what}: {} from {}: {}",
                message.value,
                message.name,
                message.data[..message.data.len().min(40)].escape_ascii()
            )),
            Err(error) => return t.line(what, error.name().to_owned()),
        }
    }
}

fn names(t: &mut Trial, when: &str, fd: i32) {
    let (own, peer) = (t.getsockname(fd), t.getpeername(fd));
    t.line(format!("{when}: own"), own);
    t.line(format!("{when}: peer"), peer);
}

/// Every type and protocol of both families.
pub(super) fn matrix(t: &mut Trial) {
    for domain in [AF_INET, AF_INET6] {
        for kind in 0..=11 {
            let mut last = None;
            for protocol in -1..=264 {
                // Linux has these where it was built with them.
                if matches!((kind, protocol), (1, 262) | (2, 136) | (10, _)) {
                    continue;
                }
                let outcome = match t.socket(domain, kind, protocol) {
                    Ok(fd) => {
                        must("close", t.close(fd));
                        "ok"
                    }
                    Err(error) => error.name(),
                };
                if last != Some(outcome) {
                    t.line(format!("family {domain}, type {kind}, from protocol {protocol} on"), outcome);
                    last = Some(outcome);
                }
            }
        }
    }
}

/// bind(2) and connect(2), again and again.
pub(super) fn named(t: &mut Trial) {
    let fd = raw(t, IPPROTO_ICMP);
    names(t, "fresh", fd);
    let short = Name(at("127.0.0.1", 0)[..8].to_vec());
    for to in [
        at("10.9.9.9", 0),
        at("127.0.0.1", P),
        at("127.0.0.2", 7),
        at("224.0.0.1", 0),
        at("255.255.255.255", 0),
        short.clone(),
        at("::1", 0),
        unspecified(),
    ] {
        let outcome = t.bind(fd, &to);
        t.line(format!("bind to {to}"), outcome);
        names(t, "then", fd);
    }
    for to in [at("127.0.0.2", P), at("127.0.0.1", 0), at("10.61.0.2", 5), short, at("::1", 0)] {
        let outcome = t.connect(fd, &to);
        t.line(format!("connect to {to}"), outcome);
        names(t, "then", fd);
    }
    let outcome = t.bind(fd, &at("127.0.0.1", 0));
    t.line("bind of a connected one", outcome);
    let outcome = t.connect(fd, &unspecified());
    t.line("dissolve", outcome);
    names(t, "then", fd);
}

/// The same over IPv6.
pub(super) fn named6(t: &mut Trial) {
    let fd = raw6(t, IPPROTO_ICMPV6);
    names(t, "fresh", fd);
    let (short, old) = (Name(at("::1", 0)[..23].to_vec()), Name(at("::1", 0)[..24].to_vec()));
    let mut wide = at("127.0.0.1", 0);
    wide.0.resize(28, 0);
    let bindable =
        [at("2001:db8::1", 0), at("::1", 7), at("::ffff:127.0.0.1", 0), short.clone(), old.clone(), wide, at("::", 0)];
    for to in bindable {
        let outcome = t.bind(fd, &to);
        t.line(format!("bind to {to}"), outcome);
        names(t, "then", fd);
    }
    for to in [at("::1", 0), at("::1", P), at("fd61::2", 0), short, old] {
        let outcome = t.connect(fd, &to);
        t.line(format!("connect to {to}"), outcome);
        names(t, "then", fd);
    }
    let outcome = t.bind(fd, &at("::1", 0));
    t.line("bind of a connected one", outcome);
    let outcome = t.connect(fd, &unspecified());
    t.line("dissolve", outcome);
    names(t, "then", fd);
}

/// A socket whose association was dissolved hears nothing any more.
pub(super) fn dissolved(t: &mut Trial) {
    let (fd, other) = (raw(t, IPPROTO_ICMP), raw(t, IPPROTO_ICMP));
    let echo = message(8, 0, b"\x12\x34\0\x01data");
    must("connect", t.connect(fd, &at("127.0.0.1", 0)));
    must("connect", t.connect(fd, &unspecified()));
    let sent = t.sendto(fd, &echo, 0, Some(&at("127.0.0.1", 0)));
    t.line("send", sent);
    hear(t, "dissolved", fd, false);
    hear(t, "other", other, false);
    must("connect", t.connect(fd, &at("127.0.0.1", 0)));
    let sent = t.send(fd, &echo, 0);
    t.line("connected again, send", sent);
    hear(t, "again", fd, false);
}

/// What sendto(2) says.
pub(super) fn errors(t: &mut Trial) {
    let fd = raw(t, IPPROTO_ICMP);
    let echo = message(8, 0, b"\x12\x34\0\x01data");
    let home = at("127.0.0.1", 0);
    let mut odd = home.clone();
    odd.0[0] = 0;
    let outcome = t.send(fd, &echo, 0);
    t.line("send without a peer", outcome);
    for (what, to) in [
        ("a short address", Name(home[..8].to_vec())),
        ("AF_INET6", at("::1", 0)),
        ("AF_UNSPEC", odd),
        ("nobody's address", at("0.0.0.0", 0)),
        ("without a route", at("10.9.9.9", 0)),
        ("a network's broadcast", at("10.61.0.255", 0)),
        ("a port", at("127.0.0.1", P)),
    ] {
        let outcome = t.sendto(fd, &echo, 0, Some(&to));
        t.line(format!("send to {what}"), outcome);
    }
    let outcome = t.sendto(fd, &echo, MSG_OOB, Some(&home));
    t.line("send MSG_OOB", outcome);
    for len in [0, 1, 2, 65_515, 65_516, 65_535, 65_536, 70_000] {
        let outcome = t.sendto(fd, &vec![0; len], 0, Some(&home));
        t.line(format!("send {len} bytes"), outcome);
    }
    must("set", t.set(fd, SOL_IP, IP_MTU_DISCOVER, 2));
    for len in [1480, 1481] {
        let outcome = t.sendto(fd, &vec![0; len], 0, Some(&at("10.61.0.2", 0)));
        t.line(format!("send {len} bytes uncut"), outcome);
    }
    let strange = raw(t, STRANGE);
    let outcome = t.sendto(strange, b"", 0, Some(&home));
    t.line("of another protocol, nothing", outcome);
    hear(t, "it hears", strange, false);
    must("set", t.set(fd, SOL_SOCKET, SO_BROADCAST, 1));
    let outcome = t.sendto(fd, &echo, 0, Some(&at("10.61.0.255", 0)));
    t.line("SO_BROADCAST, broadcast", outcome);
    let outcome = t.listen(fd, 1);
    t.line("listen", outcome);
    let outcome = t.accept4(fd, 0);
    t.line("accept", outcome);
    let outcome = t.recv(fd, 10, MSG_OOB | MSG_DONTWAIT);
    t.line("receive MSG_OOB", outcome);
}

/// The same over IPv6.
pub(super) fn errors6(t: &mut Trial) {
    let fd = raw6(t, IPPROTO_ICMPV6);
    let echo = b"\x80\0\0\0\x12\x34\0\x01data";
    let home = at("::1", 0);
    let (mut odd, mut wide) = (home.clone(), at("127.0.0.1", 0));
    odd.0[0] = 0;
    wide.0.resize(28, 0);
    let outcome = t.send(fd, echo, 0);
    t.line("send without a peer", outcome);
    for (what, to) in [
        ("a short address", Name(home[..23].to_vec())),
        ("one without scope", Name(home[..24].to_vec())),
        ("AF_INET", wide),
        ("AF_UNSPEC", odd),
        ("an IPv4 address", at("::ffff:127.0.0.1", 0)),
        ("nobody's address", at("::", 0)),
        ("without a route", at("2001:db8::1", 0)),
        ("a port", at("::1", 7)),
        ("its protocol as the port", at("::1", 58)),
        ("a large port", at("::1", 300)),
    ] {
        let outcome = t.sendto(fd, echo, 0, Some(&to));
        t.line(format!("send to {what}"), outcome);
    }
    let outcome = t.sendto(fd, echo, MSG_OOB, Some(&home));
    t.line("send MSG_OOB", outcome);
    for len in [0, 1, 2, 3, 4, 8, 65_535, 65_536] {
        let outcome = t.sendto(fd, &vec![0; len], 0, Some(&home));
        t.line(format!("send {len} bytes"), outcome);
    }
    let strange = raw6(t, STRANGE);
    let outcome = t.sendto(strange, b"", 0, Some(&home));
    t.line("of another protocol, nothing", outcome);
    hear6(t, "it hears", strange);
}

/// IP_HDRINCL: what the host fills in.
pub(super) fn header_included(t: &mut Trial) {
    let (fd, listener) = (raw(t, IPPROTO_RAW), raw(t, STRANGE));
    let header = |id: u16, source: [u8; 4], first: u8| {
        let mut bytes = vec![first, 0x20, 0xff, 0xff];
        bytes.extend(id.to_be_bytes());
        bytes.extend([0x40, 0, 9, STRANGE as u8, 0xaa, 0xaa]);
        bytes.extend(source);
        bytes.extend([127, 0, 0, 1]);
        bytes.extend(b"data");
        bytes
    };
    let home = at("127.0.0.1", 0);
    for (what, bytes, known) in [
        ("all is given", header(77, [127, 0, 0, 4], 0x45), true),
        ("no id", header(0, [127, 0, 0, 4], 0x45), false),
        ("no source", header(77, [0; 4], 0x45), true),
    ] {
        let outcome = t.sendto(fd, &bytes, 0, Some(&home));
        t.line(what, outcome);
        hear(t, "heard", listener, known);
    }
    for (what, bytes) in [
        ("a header longer than all", header(1, [0; 4], 0x4f)),
        ("a header too short", header(1, [0; 4], 0x44)),
        ("another version", header(1, [0; 4], 0x65)),
        ("19 bytes", header(1, [0; 4], 0x45)[..19].to_vec()),
        ("nothing", Vec::new()),
    ] {
        let outcome = t.sendto(fd, &bytes, 0, Some(&home));
        t.line(what, outcome);
        hear(t, "heard", listener, false);
    }
    let mut long = header(1, [0; 4], 0x45);
    long.resize(1501, 0);
    let outcome = t.sendto(fd, &long, 0, Some(&at("10.61.0.2", 0)));
    t.line("more than the link takes", outcome);
    let outcome = t.send(fd, &long, 0);
    t.line("without a destination", outcome);
    // The address says where to, the header only what stands there.
    let mut astray = header(5, [127, 0, 0, 4], 0x45);
    astray[16..20].copy_from_slice(&[127, 0, 0, 8]);
    let outcome = t.sendto(fd, &astray, 0, Some(&home));
    t.line("for another address", outcome);
    hear(t, "heard", listener, true);
    must("switch off", t.set(fd, SOL_IP, IP_HDRINCL, 0));
    let all = raw(t, IPPROTO_RAW);
    let outcome = t.sendto(fd, b"data", 0, Some(&home));
    t.line("without IP_HDRINCL", outcome);
    hear(t, "heard", all, false);
    // A piece of a packet, and the other.
    must("switch on", t.set(listener, SOL_IP, IP_HDRINCL, 1));
    let mut piece = header(9, [127, 0, 0, 4], 0x45);
    piece[6..8].copy_from_slice(&[0x20, 0]);
    piece.extend(b"more");
    let outcome = t.sendto(listener, &piece, 0, Some(&home));
    t.line("the first piece", outcome);
    hear(t, "heard", listener, true);
    piece[6..8].copy_from_slice(&[0, 1]);
    let outcome = t.sendto(listener, &piece, 0, Some(&home));
    t.line("the last piece", outcome);
    hear(t, "heard", listener, true);
}

/// IPV6_HDRINCL and IPV6_CHECKSUM.
pub(super) fn header_included6(t: &mut Trial) {
    let (fd, listener) = (raw6(t, IPPROTO_RAW), raw6(t, STRANGE));
    let mut bytes = vec![0x60, 0, 0, 0, 0, 6, STRANGE as u8, 9];
    bytes.extend(&at("::1", 0)[8..24]);
    bytes.extend(&at("::1", 0)[8..24]);
    bytes.extend(b"\0\0data");
    let home = at("::1", 0);
    let outcome = t.sendto(fd, &bytes, 0, Some(&home));
    t.line("all is given", outcome);
    hear6(t, "heard", listener);
    must("checksum", t.set(listener, SOL_IPV6, IPV6_CHECKSUM, 0));
    let outcome = t.sendto(fd, &bytes, 0, Some(&home));
    t.line("a wrong checksum", outcome);
    hear6(t, "heard", listener);
    let outcome = t.sendto(listener, b"\0\0data", 0, Some(&home));
    t.line("a checksum made", outcome);
    hear6(t, "heard", listener);
    for (offset, text) in [(2, "da"), (2, "dat"), (4, "data"), (1000, "data")] {
        let set = t.set(listener, SOL_IPV6, IPV6_CHECKSUM, offset);
        t.line(format!("checksum at {offset}"), set);
        let outcome = t.sendto(listener, text.as_bytes(), 0, Some(&home));
        t.line(format!("send {text}"), outcome);
        hear6(t, "heard", listener);
    }
}
