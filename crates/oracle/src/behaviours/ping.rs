//! Ping sockets (icmp(7)): echo requests by who isn't root.

use libc::{
    AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPV6_V6ONLY, MSG_DONTWAIT, MSG_OOB, SO_PROTOCOL, SO_REUSEADDR,
    SO_TYPE, SOCK_DGRAM, SOL_IPV6, SOL_SOCKET,
};

use crate::Trial;
use crate::address::{Name, P, Q, at, unspecified};
use crate::trial::must;

fn ping(t: &mut Trial) -> i32 {
    must("socket", t.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
}

fn ping6(t: &mut Trial) -> i32 {
    must("socket", t.socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6))
}

fn names(t: &mut Trial, when: &str, fd: i32) {
    let (own, peer) = (t.getsockname(fd), t.getpeername(fd));
    // Identifiers are taken from everywhere.
    let own = own.map(|name| match name.0[2..4] {
        [0, 0] => name.to_string(),
        _ if name.0[2..4] == P.to_be_bytes() => name.to_string(),
        _ => "an identifier".to_owned(),
    });
    t.line(format!("{when}: own"), own);
    t.line(format!("{when}: peer"), peer);
}

/// What waits; the identifier by its role.
fn hear(t: &mut Trial, what: &str, fd: i32) {
    loop {
        match t.recvfrom(fd, 70_000, MSG_DONTWAIT) {
            Ok(message) => {
                let mut shown = message.data;
                let role = if shown.get(4..6) == Some(&P.to_be_bytes()) { "P" } else { "another" };
                shown.truncate(30);
                t.say(format!("{what}: {} from {}: id {role}, {}", message.value, message.name, shown.escape_ascii()));
            }
            Err(error) => return t.line(what, error.name().to_owned()),
        }
    }
}

/// Nobody may.
pub(super) fn forbidden(t: &mut Trial) {
    let outcome = t.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    t.line("icmp", outcome);
    let outcome = t.socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
    t.line("icmp6", outcome);
    let outcome = t.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6);
    t.line("icmp6 over IPv4", outcome);
}

/// bind(2) and connect(2).
pub(super) fn named(t: &mut Trial) {
    let fd = ping(t);
    names(t, "fresh", fd);
    let short = Name(at("127.0.0.1", 0)[..8].to_vec());
    let mut odd = at("127.0.0.1", 0);
    odd.0[0] = 0;
    for to in [at("10.9.9.9", 0), at("::1", 0), short, odd, at("224.0.0.1", 0), at("255.255.255.255", 0), at("127.0.0.1", P), at("127.0.0.1", Q)]
    {
        let outcome = t.bind(fd, &to);
        t.line(format!("bind to {to}"), outcome);
        names(t, "then", fd);
    }
    for to in [at("127.0.0.2", Q), at("127.0.0.1", 5), at("10.61.0.2", 0), at("::1", 0), unspecified()] {
        let outcome = t.connect(fd, &to);
        t.line(format!("connect to {to}"), outcome);
        names(t, "then", fd);
    }
    let fd = ping(t);
    for to in [at("127.0.0.1", 5), unspecified(), at("127.0.0.1", 5)] {
        let outcome = t.connect(fd, &to);
        t.line(format!("connect unbound to {to}"), outcome);
        names(t, "then", fd);
    }
    let fd = ping(t);
    let outcome = t.bind(fd, &unspecified());
    t.line("bind to nothing", outcome);
    names(t, "then", fd);
}

/// The same over IPv6.
pub(super) fn named6(t: &mut Trial) {
    let fd = ping6(t);
    names(t, "fresh", fd);
    let old = Name(at("::1", 0)[..24].to_vec());
    let mut wide = at("127.0.0.1", 0);
    wide.0.resize(28, 0);
    for to in [at("2001:db8::1", 0), at("::ffff:127.0.0.1", 0), old, wide, at("::1", P), at("::1", Q)] {
        let outcome = t.bind(fd, &to);
        t.line(format!("bind to {to}"), outcome);
        names(t, "then", fd);
    }
    for to in [at("::1", 7), at("::ffff:127.0.0.1", 0), at("127.0.0.1", 0), unspecified()] {
        let outcome = t.connect(fd, &to);
        t.line(format!("connect to {to}"), outcome);
        names(t, "then", fd);
    }
    let fd = ping6(t);
    let outcome = t.connect(fd, &at("::ffff:127.0.0.1", 0));
    t.line("connect unbound to an IPv4 address", outcome);
    names(t, "then", fd);
}

/// Two sockets, one identifier.
pub(super) fn shared(t: &mut Trial) {
    for (first, second) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
        let (a, b, c, d) = (ping(t), ping(t), ping6(t), ping(t));
        for fd in [a, d] {
            must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, first));
        }
        for fd in [b, c] {
            must("SO_REUSEADDR", t.set(fd, SOL_SOCKET, SO_REUSEADDR, second));
        }
        must("bind", t.bind(a, &at("127.0.0.1", P)));
        let outcome = t.bind(b, &at("127.0.0.1", P));
        t.line(format!("SO_REUSEADDR {first}, {second}: bind"), outcome);
        let outcome = t.bind(c, &at("::1", P));
        t.line("bind over IPv6", outcome);
        must("SO_REUSEADDR", t.set(a, SOL_SOCKET, SO_REUSEADDR, 1));
        let outcome = t.bind(d, &at("127.0.0.2", P));
        t.line("bind another address, SO_REUSEADDR set later", outcome);
        for fd in [a, b, c, d] {
            must("close", t.close(fd));
        }
    }
    let (a, b, c) = (ping(t), ping(t), ping(t));
    must("bind", t.bind(a, &at("127.0.0.1", P)));
    must("bind", t.bind(b, &at("0.0.0.0", P)));
    must("bind", t.bind(c, &at("127.0.0.3", P)));
    for host in ["127.0.0.1", "127.0.0.3"] {
        must("send", t.sendto(c, b"\x08\0\0\0\0\0\0\x01data", 0, Some(&at(host, 0))));
        for (who, fd) in [("bound first", a), ("all", b), ("bound last", c)] {
            hear(t, who, fd);
        }
    }
}

/// Requests and replies.
pub(super) fn echo(t: &mut Trial) {
    let fd = ping(t);
    must("bind", t.bind(fd, &at("0.0.0.0", P)));
    for to in [at("127.0.0.1", 0), at("127.0.0.2", 5), at("10.61.0.1", 0), at("0.0.0.0", 0)] {
        let outcome = t.sendto(fd, b"\x08\0\x99\x99\x12\x34\0\x01data", 0, Some(&to));
        t.line(format!("send to {to}"), outcome);
        hear(t, "hears", fd);
    }
    let outcome = t.sendto(fd, b"\x08\0\0\0\0\0\0\x02", 0, Some(&at("10.61.0.2", 0)));
    t.line("send to the neighbour", outcome);
    t.arrives(fd);
    hear(t, "hears", fd);
    let large = [&b"\x08\0\0\0\0\0\0\x05"[..], &[7; 4000]].concat();
    let outcome = t.sendto(fd, &large, 0, Some(&at("10.61.0.2", 0)));
    t.line("in pieces", outcome);
    t.arrives(fd);
    hear(t, "whole", fd);
    // A peer doesn't keep the others out.
    must("connect", t.connect(fd, &at("127.0.0.2", 0)));
    must("send", t.send(fd, b"\x08\0\0\0\0\0\0\x03data", 0));
    hear(t, "connected", fd);
    must("send", t.sendto(fd, b"\x08\0\0\0\0\0\0\x04data", 0, Some(&at("127.0.0.1", 0))));
    hear(t, "of another", fd);
    for kind in [SO_TYPE, SO_PROTOCOL, SO_REUSEADDR] {
        let value = t.get(fd, SOL_SOCKET, kind);
        t.line(format!("option {kind}"), value);
    }
}

/// The same over IPv6.
pub(super) fn echo6(t: &mut Trial) {
    let fd = ping6(t);
    must("bind", t.bind(fd, &at("::", P)));
    for to in [at("::1", 0), at("::1", 7), at("fd61::1", 0), at("fd61::2", 0)] {
        let outcome = t.sendto(fd, b"\x80\0\x99\x99\x12\x34\0\x01data", 0, Some(&to));
        t.line(format!("send to {to}"), outcome);
        t.arrives(fd);
        hear(t, "hears", fd);
    }
    for kind in [SO_TYPE, SO_PROTOCOL, SO_REUSEADDR] {
        let value = t.get(fd, SOL_SOCKET, kind);
        t.line(format!("option {kind}"), value);
    }
    let value = t.get(fd, SOL_IPV6, IPV6_V6ONLY);
    t.line("IPV6_V6ONLY", value);
    let outcome = t.set(fd, SOL_IPV6, IPV6_V6ONLY, 0);
    t.line("IPV6_V6ONLY = 0", outcome);
}

/// What sendto(2) and others say.
pub(super) fn errors(t: &mut Trial) {
    let fd = ping(t);
    must("bind", t.bind(fd, &at("0.0.0.0", P)));
    let echo = b"\x08\0\0\0\0\0\0\x01data";
    let home = at("127.0.0.1", 0);
    let mut odd = home.clone();
    odd.0[0] = 0;
    let outcome = t.send(fd, echo, 0);
    t.line("send without a peer", outcome);
    for (what, to) in [
        ("a short address", Name(home[..8].to_vec())),
        ("AF_INET6", at("::1", 0)),
        ("AF_UNSPEC", odd),
        ("without a route", at("10.9.9.9", 0)),
        ("a network's broadcast", at("10.61.0.255", 0)),
    ] {
        let outcome = t.sendto(fd, echo, 0, Some(&to));
        t.line(format!("send to {what}"), outcome);
    }
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("7 bytes", b"\x08\0\0\0\0\0\0"),
        ("a reply", b"\0\0\0\0\0\0\0\x01"),
        ("a code", b"\x08\x01\0\0\0\0\0\x01"),
        ("a timestamp request", b"\x0d\0\0\0\0\0\0\x01"),
        ("an IPv6 request", b"\x80\0\0\0\0\0\0\x01"),
    ] {
        let outcome = t.sendto(fd, bytes, 0, Some(&home));
        t.line(format!("send {what}"), outcome);
    }
    let outcome = t.sendto(fd, echo, MSG_OOB, Some(&home));
    t.line("send MSG_OOB", outcome);
    for len in [65_507, 65_515, 65_516, 65_535, 65_536] {
        let mut bytes = vec![0; len];
        bytes[0] = 8;
        let outcome = t.sendto(fd, &bytes, 0, Some(&home));
        t.line(format!("send {len} bytes"), outcome);
    }
    hear(t, "hears", fd);
    let outcome = t.recv(fd, 10, MSG_OOB | MSG_DONTWAIT);
    t.line("receive MSG_OOB", outcome);
    let outcome = t.listen(fd, 1);
    t.line("listen", outcome);
    let outcome = t.accept4(fd, 0);
    t.line("accept", outcome);
    for request in [0x541b, 0x5411] {
        let outcome = t.ask(fd, request);
        t.line(format!("ioctl {request:#x}"), outcome);
    }
    let outcome = t.shutdown(fd, 1);
    t.line("shutdown", outcome);
    let outcome = t.sendto(fd, echo, 0, Some(&home));
    t.line("send after it", outcome);
}

/// The same over IPv6.
pub(super) fn errors6(t: &mut Trial) {
    let fd = ping6(t);
    let echo = b"\x80\0\0\0\0\0\0\x01data";
    let home = at("::1", 0);
    let (mut odd, mut wide) = (home.clone(), at("127.0.0.1", 0));
    odd.0[0] = 0;
    wide.0.resize(28, 0);
    let outcome = t.send(fd, echo, 0);
    t.line("send without a peer", outcome);
    for (what, to) in [
        ("one without scope", Name(home[..24].to_vec())),
        ("AF_INET", wide),
        ("AF_UNSPEC", odd),
        ("an IPv4 address", at("::ffff:127.0.0.1", 0)),
        ("nobody's address", at("::", 0)),
        ("without a route", at("2001:db8::1", 0)),
    ] {
        let outcome = t.sendto(fd, echo, 0, Some(&to));
        t.line(format!("send to {what}"), outcome);
    }
    for (what, bytes) in
        [("7 bytes", &b"\x80\0\0\0\0\0\0"[..]), ("a reply", b"\x81\0\0\0\0\0\0\x01"), ("IPv4's", b"\x08\0\0\0\0\0\0\x01")]
    {
        let outcome = t.sendto(fd, bytes, 0, Some(&home));
        t.line(format!("send {what}"), outcome);
    }
    for len in [65_527, 65_535, 65_536] {
        let mut bytes = vec![0; len];
        bytes[0] = 128;
        let outcome = t.sendto(fd, &bytes, 0, Some(&home));
        t.line(format!("send {len} bytes"), outcome);
    }
}
