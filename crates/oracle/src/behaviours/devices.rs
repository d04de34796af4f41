//! Interfaces: sockets bound to one, link-local addresses and their scopes, broadcasts, and who hears what where several
//! are bound (socket(7), ip(7), ipv6(7), RFC 4007).

use std::net::{SocketAddr, SocketAddrV6};

use libc::{
    IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, SO_BINDTODEVICE, SO_BROADCAST, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET,
};
use sockeye_abi::encode_sockaddr;

use super::groups::heard;
use crate::Trial;
use crate::address::{Name, P, Q, at};
use crate::calls::Fd;

const LO: u32 = 1;
const ETH0: u32 = 2;
const SO_BINDTOIFINDEX: i32 = 62;
const IP_UNICAST_IF: i32 = 50;
const IPV6_UNICAST_IF: i32 = 76;

/// An address of IPv6 with its scope.
fn scoped(host: &str, port: u16, scope: u32) -> Name {
    let ip = host.parse().expect("an address");
    Name(encode_sockaddr(&SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope))))
}

/// SO_BINDTODEVICE and its kin.
pub(super) fn options(t: &mut Trial) {
    let long = [b'x'; 30];
    for (kind, fd) in [("udp", t.udp()), ("tcp", t.tcp()), ("udp6", t.udp6())] {
        for name in [&b"lo"[..], b"lo\0", b"eth0\0xx", b"nope", b"l", &long, &long[..16], &long[..15], b"\0", b""] {
            let outcome = t.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name);
            t.line(format!("{kind} device \"{}\"", name.escape_ascii()), outcome);
            for room in [0, 3, 15, 16, 17] {
                let got = t.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, room);
                t.line(format!("room {room}"), got);
            }
            let index = t.get(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
            t.line("index", index);
        }
        for index in [-1, 1, 2, 99, 0] {
            let outcome = t.set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index);
            t.line(format!("{kind} index {index}"), outcome);
            let got = t.get(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
            t.line("index", got);
            let got = t.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, 16);
            t.line("device", got);
        }
        for (level, number) in [(IPPROTO_IP, IP_UNICAST_IF), (IPPROTO_IPV6, IPV6_UNICAST_IF)] {
            for bound in [0, 1, 2] {
                let _ = t.set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, bound);
                for index in [0, 1, 2, 99, -1] {
                    let outcome = t.setsockopt(fd, level, number, &i32::to_be_bytes(index));
                    t.line(format!("{kind} {level} unicast {index} bound to {bound}"), outcome);
                    let got = t.getsockopt(fd, level, number, 4).map(|bytes| format!("{bytes:?}"));
                    t.line("reads", got);
                }
            }
            for length in [0, 3, 5, 8] {
                let outcome = t.setsockopt(fd, level, number, &vec![0; length]);
                t.line(format!("{length} bytes"), outcome);
            }
        }
    }
}

/// Datagrams and connections of sockets that are bound to a device.
pub(super) fn bound(t: &mut Trial) {
    for host in ["127.0.0.1", "10.61.0.1", "::1", "fd61::1"] {
        let any = if host.contains(':') { "::" } else { "0.0.0.0" };
        for device in [LO, ETH0] {
            // What a socket bound to lo sends to another interface's address comes in there, on Linux by lo.
            if (host, device) == ("10.61.0.1", LO) {
                continue;
            }
            let open = |t: &mut Trial| if any == "::" { t.udp6() } else { t.udp() };
            let (one, other, sender) = (open(t), open(t), open(t));
            let _ = t.set(one, SOL_SOCKET, SO_BINDTOIFINDEX, LO as i32);
            let _ = t.set(other, SOL_SOCKET, SO_BINDTOIFINDEX, ETH0 as i32);
            for fd in [one, other] {
                let outcome = t.bind(fd, &at(any, P));
                t.line("bind", outcome);
            }
            let outcome = t.sendto(sender, b"free", 0, Some(&at(host, P)));
            t.line(format!("send to {host}"), outcome);
            let _ = t.set(sender, SOL_SOCKET, SO_BINDTOIFINDEX, device as i32);
            let outcome = t.sendto(sender, b"bound", 0, Some(&at(host, P)));
            t.line(format!("send by {device}"), outcome);
            t.sleep(20);
            for (name, fd) in [("lo", one), ("eth0", other)] {
                for _ in 0..3 {
                    let got = t.recv(fd, 10, MSG_DONTWAIT);
                    t.line(name, got);
                }
                let _ = t.close(fd);
            }
            let _ = t.close(sender);
        }
    }
    for (first, second) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0)] {
        for stream in [false, true] {
            let open = |t: &mut Trial| if stream { t.tcp() } else { t.udp() };
            let (a, b) = (open(t), open(t));
            let _ = t.set(a, SOL_SOCKET, SO_BINDTOIFINDEX, first);
            let _ = t.set(b, SOL_SOCKET, SO_BINDTOIFINDEX, second);
            let outcomes = [t.bind(a, &at("0.0.0.0", P)), t.bind(b, &at("0.0.0.0", P))];
            for outcome in outcomes {
                t.line(format!("stream {stream}, devices {first} and {second}"), outcome);
            }
            if stream {
                let outcomes = [t.listen(a, 1), t.listen(b, 1)];
                for outcome in outcomes {
                    t.line("listen", outcome);
                }
                let client = t.tcp();
                let outcome = t.connect(client, &at("127.0.0.1", P));
                t.line("connect", outcome);
                let _ = t.close(client);
            }
            let _ = t.close(a);
            let _ = t.close(b);
        }
    }
}

/// Link-local addresses.
pub(super) fn scopes(t: &mut Trial) {
    let (own, peer) = ("fe80::ff:fe00:1", "fe80::ff:fe00:2");
    for scope in [0, LO, ETH0, 99] {
        for (kind, fd) in [("udp6", t.udp6()), ("tcp6", t.tcp6())] {
            let outcome = t.bind(fd, &scoped(own, P, scope));
            t.line(format!("{kind} bind to own, scope {scope}"), outcome);
            let (name, device) = (t.getsockname(fd), t.get(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
            t.line("name", name);
            t.line("device", device);
            let _ = t.close(fd);
        }
        let fd = t.udp6();
        let outcome = t.bind(fd, &scoped(peer, P, scope));
        t.line(format!("bind to another's, scope {scope}"), outcome);
        let outcome = t.bind(fd, &scoped("ff02::7", P, scope));
        t.line(format!("bind to a group, scope {scope}"), outcome);
        let _ = t.close(fd);
        let fd = t.udp6();
        let outcome = t.connect(fd, &scoped(own, P, scope));
        t.line(format!("connect to own, scope {scope}"), outcome);
        let (name, peer_name) = (t.getsockname(fd), t.getpeername(fd));
        t.line("name", name);
        t.line("peer", peer_name);
        let _ = t.close(fd);
    }
    let receiver = t.udp6();
    t.bind(receiver, &scoped(own, P, ETH0)).expect("bind");
    let sender = t.udp6();
    t.bind(sender, &scoped(own, Q, ETH0)).expect("bind");
    for scope in [0, ETH0] {
        let outcome = t.sendto(sender, b"x", 0, Some(&scoped(own, P, scope)));
        t.line(format!("send, scope {scope}"), outcome);
        heard(t, "heard", &[("receiver", receiver)]);
    }
    let bound = t.udp6();
    let _ = t.set(bound, SOL_SOCKET, SO_BINDTOIFINDEX, LO as i32);
    let outcome = t.connect(bound, &scoped(own, P, ETH0));
    t.line("connect by another device", outcome);
    let listener = t.tcp6();
    t.bind(listener, &at("::", P)).expect("bind");
    t.listen(listener, 1).expect("listen");
    let client = t.tcp6();
    let outcome = t.connect(client, &scoped(own, P, ETH0));
    t.line("connect a stream", outcome);
    t.arrives(listener);
    let accepted = t.accept4(listener, 0);
    if let Ok((fd, name)) = accepted {
        t.line("accepted from", name);
        let (own, peer, device) =
            (t.getsockname(fd), t.getpeername(fd), t.get(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
        t.line("own", own);
        t.line("peer", peer);
        t.line("device", device);
    }
}

/// Who may broadcast, and who hears it.
pub(super) fn broadcast(t: &mut Trial) {
    let receivers: Vec<(&str, Fd)> = ["0.0.0.0", "10.61.0.1", "10.61.0.255", "255.255.255.255", "127.0.0.1"]
        .into_iter()
        .map(|host| {
            let fd = t.udp();
            t.set(fd, SOL_SOCKET, SO_REUSEADDR, 1).expect("SO_REUSEADDR");
            t.bind(fd, &at(host, P)).expect("bind");
            (host, fd)
        })
        .collect();
    for own in ["0.0.0.0", "10.61.0.1"] {
        let sender = t.udp();
        t.bind(sender, &at(own, Q)).expect("bind");
        for may in [0, 1] {
            let _ = t.set(sender, SOL_SOCKET, SO_BROADCAST, may);
            for host in ["255.255.255.255", "10.61.0.255", "127.255.255.255", "10.61.0.0"] {
                let outcome = t.sendto(sender, host.as_bytes(), 0, Some(&at(host, P)));
                t.line(format!("{own} to {host}, SO_BROADCAST {may}"), outcome);
                heard(t, host, &receivers);
                let outcome = t.connect(sender, &at(host, P));
                t.line("connect", outcome);
                let _ = t.connect(sender, &crate::address::unspecified());
            }
        }
        let _ = t.close(sender);
    }
    let stream = t.tcp();
    let outcome = t.connect(stream, &at("10.61.0.255", P));
    t.line("a stream", outcome);
}

/// Several sockets on one port: who hears what is for one.
pub(super) fn sharing(t: &mut Trial) {
    let open = |t: &mut Trial, option: i32, host: &str| {
        let fd = if host.contains(':') { t.udp6() } else { t.udp() };
        t.set(fd, SOL_SOCKET, option, 1).expect("sharing");
        t.bind(fd, &at(host, P)).expect("bind");
        fd
    };
    let sender = t.udp();
    t.bind(sender, &at("127.0.0.1", Q)).expect("bind");
    let mut all: Vec<(&str, Fd)> = Vec::new();
    for (name, host) in [
        ("wild", "0.0.0.0"),
        ("dual", "::"),
        ("second wild", "0.0.0.0"),
        ("second dual", "::"),
        ("specific", "127.0.0.1"),
        ("mapped", "::ffff:127.0.0.1"),
        ("second specific", "127.0.0.1"),
    ] {
        all.push((name, open(t, SO_REUSEADDR, host)));
        let outcome = t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P)));
        t.line(format!("with {name}"), outcome);
        heard(t, "heard", &all);
    }
    let connected = open(t, SO_REUSEADDR, "127.0.0.1");
    t.connect(connected, &at("127.0.0.1", Q)).expect("connect");
    let later = open(t, SO_REUSEADDR, "127.0.0.1");
    all.extend([("connected", connected), ("later", later)]);
    let _ = t.sendto(sender, b"x", 0, Some(&at("127.0.0.1", P)));
    heard(t, "with a connected one", &all);
    let device = open(t, SO_REUSEADDR, "0.0.0.0");
    let _ = t.set(device, SOL_SOCKET, SO_BINDTOIFINDEX, LO as i32);
    let wild = open(t, SO_REUSEADDR, "0.0.0.0");
    all.extend([("device", device), ("last wild", wild)]);
    let _ = t.sendto(sender, b"x", 0, Some(&at("127.0.0.9", P)));
    heard(t, "with a device", &all);
    for (_, fd) in all {
        let _ = t.close(fd);
    }
    // By SO_REUSEPORT flows are spread, each to one always.
    let group: Vec<Fd> = (0..4).map(|_| open(t, SO_REUSEPORT, "127.0.0.1")).collect();
    let mut flows = Vec::new();
    for _ in 0..32 {
        let flow = t.udp();
        for _ in 0..3 {
            let _ = t.sendto(flow, b"x", 0, Some(&at("127.0.0.1", P)));
        }
        flows.push(flow);
    }
    t.sleep(20);
    let (mut whole, mut total, mut busy) = (true, 0, 0);
    for fd in group {
        let mut seen = std::collections::BTreeMap::new();
        while let Ok(message) = t.recvfrom(fd, 10, MSG_DONTWAIT) {
            *seen.entry(message.name.0).or_insert(0) += 1;
        }
        whole &= seen.values().all(|count| *count == 3);
        total += seen.len();
        busy += usize::from(!seen.is_empty());
    }
    t.say(format!("{total} flows, each whole: {whole}, spread: {}", busy > 1));
    let listeners: Vec<Fd> = (0..3)
        .map(|_| {
            let fd = t.tcp();
            t.set(fd, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
            t.bind(fd, &at("127.0.0.1", P)).expect("bind");
            t.listen(fd, 64).expect("listen");
            t.nonblocking(fd, true);
            fd
        })
        .collect();
    for _ in 0..24 {
        let client = t.tcp();
        t.connect(client, &at("127.0.0.1", P)).expect("connect");
    }
    t.sleep(20);
    let mut counts = Vec::new();
    for fd in listeners {
        let mut count = 0;
        while t.accept4(fd, 0).is_ok() {
            count += 1;
        }
        counts.push(count);
    }
    let (sum, busy) = (counts.iter().sum::<i32>(), counts.iter().filter(|count| **count > 0).count());
    t.say(format!("{sum} connections, spread: {}", busy > 1));
}

/// What ioctls say of interfaces (netdevice(7)).
pub(super) fn interfaces(t: &mut Trial) {
    const REQUESTS: [(&str, u32); 11] = [
        ("FLAGS", 0x8913),
        ("ADDR", 0x8915),
        ("DSTADDR", 0x8917),
        ("BRDADDR", 0x8919),
        ("NETMASK", 0x891b),
        ("METRIC", 0x891d),
        ("MTU", 0x8921),
        ("HWADDR", 0x8927),
        ("INDEX", 0x8933),
        ("TXQLEN", 0x8942),
        ("MAP", 0x8970),
    ];
    let shown = |argument: &[u8]| {
        let end = argument[16..].iter().rposition(|byte| *byte != 0).map_or(0, |end| end + 1);
        format!("{} {:?}", argument[..16].escape_ascii().to_string().replace("\\x00", ""), &argument[16..16 + end])
    };
    for (kind, fd) in [("udp", t.udp()), ("tcp", t.tcp()), ("udp6", t.udp6())] {
        for (what, request) in REQUESTS {
            for name in ["lo", "eth0", "nope", "", "eth0:1", "nope:1"] {
                // Of Linux's veth the queue is what it happens to be.
                let mut argument = [0; 40];
                argument[..name.len()].copy_from_slice(name.as_bytes());
                let outcome = t.ioctl(fd, request, &mut argument).map(|()| shown(&argument));
                t.line(format!("{kind} {what} {name}"), outcome);
            }
        }
        for index in [0, 1, 2, 99, -1] {
            let mut argument = [0; 40];
            argument[16..20].copy_from_slice(&i32::to_ne_bytes(index));
            let outcome = t.ioctl(fd, 0x8910, &mut argument).map(|()| shown(&argument));
            t.line(format!("{kind} NAME {index}"), outcome);
        }
    }
}
