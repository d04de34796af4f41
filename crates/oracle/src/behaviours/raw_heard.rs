//! What raw sockets hear: echoes, copies of what goes to others, errors; filters, and how it is read (raw(7), ipv6(7)).

use libc::{IP_MTU_DISCOVER, IP_TOS, IP_TTL, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT, MSG_PEEK, SOL_IP, SOL_RAW};

use super::raw::{ICMP6_FILTER, ICMP_FILTER, SOL_ICMPV6, STRANGE, hear, hear6, message, raw, raw6};
use crate::Trial;
use crate::address::{P, at};
use crate::trial::must;

/// An echo to oneself: request and reply, headers and all.
pub(super) fn echo(t: &mut Trial) {
    let fd = raw(t, IPPROTO_ICMP);
    let echo = message(8, 0, b"\x12\x34\0\x01kia ora");
    for host in ["127.0.0.1", "127.1.2.3", "10.61.0.1"] {
        let outcome = t.sendto(fd, &echo, 0, Some(&at(host, 0)));
        t.line(format!("send to {host}"), outcome);
        hear(t, "hears", fd, false);
    }
    must("ttl", t.set(fd, SOL_IP, IP_TTL, 3));
    must("tos", t.set(fd, SOL_IP, IP_TOS, 0x10));
    must("discovery", t.set(fd, SOL_IP, IP_MTU_DISCOVER, 0));
    must("send", t.sendto(fd, &echo, 0, Some(&at("127.0.0.1", 0))));
    hear(t, "ttl 3, tos 16, no DF", fd, false);
    must("bind", t.bind(fd, &at("127.0.0.9", 0)));
    must("send", t.sendto(fd, &echo, 0, Some(&at("127.0.0.1", 0))));
    hear(t, "bound", fd, false);
    // What has a wrong checksum is heard, but not answered.
    let fd = raw(t, IPPROTO_ICMP);
    let mut wrong = echo.clone();
    wrong[2] ^= 0x55;
    must("send", t.sendto(fd, &wrong, 0, Some(&at("127.0.0.1", 0))));
    hear(t, "a wrong checksum", fd, false);
    must("send", t.sendto(fd, &message(8, 0, b""), 0, Some(&at("127.0.0.1", 0))));
    hear(t, "too short", fd, false);
    must("send", t.sendto(fd, &message(200, 7, b"\x01\x02\x03"), 0, Some(&at("127.0.0.1", 0))));
    hear(t, "of no known type", fd, false);
}

/// The same over IPv6, where the host makes the checksum and the header isn't shown.
pub(super) fn echo6(t: &mut Trial) {
    let fd = raw6(t, IPPROTO_ICMPV6);
    for host in ["::1", "fd61::1"] {
        must("bind", t.bind(fd, &at(host, 0)));
        let outcome = t.sendto(fd, b"\x80\0\xaa\xaa\x12\x34\0\x01kia ora", 0, Some(&at(host, 0)));
        t.line(format!("send to {host}"), outcome);
        hear6(t, "hears", fd);
    }
}

/// An echo over the link and back.
pub(super) fn echo_to_a_neighbour(t: &mut Trial) {
    let fd = raw(t, IPPROTO_ICMP);
    must("send", t.sendto(fd, &message(8, 0, b"\x12\x34\0\x01data"), 0, Some(&at("10.61.0.2", 0))));
    t.arrives(fd);
    hear(t, "hears", fd, false);
    let fd = raw6(t, IPPROTO_ICMPV6);
    must("connect", t.connect(fd, &at("fd61::2", 0)));
    let only_replies: Vec<u8> = (0..32).map(|byte| if byte == 16 { !2 } else { 0xff }).collect();
    must("filter", t.setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &only_replies));
    must("send", t.send(fd, b"\x80\0\0\0\x12\x34\0\x01data", 0));
    t.arrives(fd);
    hear6(t, "hears", fd);
}

/// Who gets a copy: by protocol, own address and peer.
pub(super) fn copies(t: &mut Trial) {
    let sender = raw(t, STRANGE);
    must("filter", t.bind(sender, &at("127.0.0.5", 0)));
    let others: Vec<(&str, i32)> = vec![
        ("all", raw(t, STRANGE)),
        ("bound there", raw(t, STRANGE)),
        ("bound elsewhere", raw(t, STRANGE)),
        ("of the sender", raw(t, STRANGE)),
        ("of another peer", raw(t, STRANGE)),
        ("of another protocol", raw(t, STRANGE - 1)),
        ("of IPv6", raw6(t, STRANGE)),
    ];
    must("bind", t.bind(others[1].1, &at("127.0.0.1", 0)));
    must("bind", t.bind(others[2].1, &at("127.0.0.2", 0)));
    must("bind", t.bind(others[3].1, &at("127.0.0.1", 0)));
    must("connect", t.connect(others[3].1, &at("127.0.0.5", 0)));
    must("bind", t.bind(others[4].1, &at("127.0.0.1", 0)));
    must("connect", t.connect(others[4].1, &at("127.0.0.6", 0)));
    let outcome = t.sendto(sender, b"everybody", 0, Some(&at("127.0.0.1", 0)));
    t.line("send", outcome);
    for (who, fd) in others {
        hear(t, who, fd, false);
    }
    hear(t, "the sender", sender, false);
}

/// A protocol that nobody hears is told to be unknown, to who is connected.
pub(super) fn unknown_protocol(t: &mut Trial) {
    let icmp = raw(t, IPPROTO_ICMP);
    let (fd, idle) = (raw(t, STRANGE), raw(t, STRANGE));
    must("connect", t.connect(fd, &at("127.0.0.1", 0)));
    must("send", t.send(fd, b"heard", 0));
    hear(t, "itself", fd, false);
    hear(t, "icmp", icmp, false);
    must("close", t.close(idle));
    // It doesn't hear what comes from elsewhere.
    let other = raw(t, STRANGE);
    must("bind", t.bind(other, &at("127.0.0.3", 0)));
    must("connect", t.connect(other, &at("127.0.0.2", 0)));
    must("send", t.send(other, b"briefly", 0));
    hear(t, "icmp", icmp, false);
    let error = t.error(other);
    t.line("error of 7 bytes", error);
    must("send", t.send(other, b"at some length", 0));
    hear(t, "icmp", icmp, false);
    let bits = t.bits(other);
    t.line("bits", bits);
    let error = t.error(other);
    t.line("error", error);
    must("send", t.send(other, b"again", 0));
    let outcome = t.send(other, b"and again", 0);
    t.line("send", outcome);
    let outcome = t.send(other, b"and again", 0);
    t.line("send", outcome);
    let outcome = t.recv(other, 10, MSG_DONTWAIT);
    t.line("receive", outcome);
}

/// A port that nobody has is told to raw UDP, too.
pub(super) fn unreachable_port(t: &mut Trial) {
    let fd = raw(t, IPPROTO_UDP);
    must("connect", t.connect(fd, &at("127.0.0.1", 0)));
    // Without a checksum.
    let datagram = |port: u16| [&P.to_be_bytes()[..], &port.to_be_bytes(), &[0, 12, 0, 0], b"data"].concat();
    must("send", t.send(fd, &datagram(P + 1), 0));
    hear(t, "hears", fd, false);
    let error = t.error(fd);
    t.line("error", error);
    let udp = t.udp();
    must("bind", t.bind(udp, &at("127.0.0.1", P + 1)));
    must("send", t.send(fd, &datagram(P + 1), 0));
    let outcome = t.recvfrom(udp, 10, MSG_DONTWAIT);
    t.line("the UDP socket", outcome);
    hear(t, "hears", fd, false);
    let loose = raw(t, IPPROTO_UDP);
    must("send", t.sendto(loose, &datagram(P + 2), 0, Some(&at("127.0.0.1", 0))));
    let error = t.error(loose);
    t.line("error of one without a peer", error);
    let error = t.error(fd);
    t.line("error of the other", error);
}

/// Raw sockets hear what TCP and UDP hear.
pub(super) fn overhears(t: &mut Trial) {
    let (tcp, udp) = (raw(t, IPPROTO_TCP), raw(t, IPPROTO_UDP));
    let own = t.udp();
    must("bind", t.bind(own, &at("127.0.0.1", P)));
    must("send", t.sendto(own, b"data", 0, Some(&at("127.0.0.1", P))));
    let heard = must("receive", t.recvfrom(udp, 100, 0));
    t.say(format!("{} bytes from {}: {}", heard.value, heard.name, heard.data[28..].escape_ascii()));
    let outcome = t.recv(own, 10, MSG_DONTWAIT);
    t.line("the UDP socket", outcome);
    let refused = t.tcp();
    let outcome = t.connect(refused, &at("127.0.0.1", P));
    t.line("connect", outcome);
    for _ in 0..2 {
        let heard = must("receive", t.recvfrom(tcp, 100, 0));
        let header = &heard.data[20..];
        let is_p = |at: usize| header[at..at + 2] == P.to_be_bytes();
        t.say(format!("from P: {}, to P: {}, flags {:#x}", is_p(0), is_p(2), header[13]));
    }
    let outcome = t.recv(tcp, 10, MSG_DONTWAIT);
    t.line("no more", outcome);
}

/// ICMP_FILTER: types that aren't heard.
pub(super) fn filter(t: &mut Trial) {
    let fd = raw(t, IPPROTO_ICMP);
    let echo = message(8, 0, b"\x12\x34\0\x01data");
    for (what, bits) in [("no requests", 1u32 << 8), ("no replies", 1), ("neither", 1 << 8 | 1), ("nothing", !0)] {
        must("filter", t.setsockopt(fd, SOL_RAW, ICMP_FILTER, &bits.to_ne_bytes()));
        must("send", t.sendto(fd, &echo, 0, Some(&at("127.0.0.1", 0))));
        must("send", t.sendto(fd, &message(40, 0, b"data"), 0, Some(&at("127.0.0.1", 0))));
        hear(t, what, fd, false);
    }
    let fd = raw6(t, IPPROTO_ICMPV6);
    must("bind", t.bind(fd, &at("::1", 0)));
    let mut bits = [0; 32];
    bits[16] = 1;
    must("filter", t.setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &bits));
    must("send", t.sendto(fd, b"\x80\0\0\0\x12\x34\0\x01data", 0, Some(&at("::1", 0))));
    hear6(t, "no requests over IPv6", fd);
}

/// Receiving: cut, peeked at, from whom.
pub(super) fn receiving(t: &mut Trial) {
    let fd = raw(t, STRANGE);
    must("send", t.sendto(fd, b"data", 0, Some(&at("127.0.0.1", 0))));
    for (room, flags) in [(4, MSG_PEEK), (0, MSG_PEEK)] {
        let outcome = t.recvfrom(fd, room, flags | MSG_DONTWAIT).map(|message| message.value);
        t.line(format!("room {room}, flags {flags:#x}"), outcome);
    }
    let unread = t.ask(fd, 0x541b);
    t.line("FIONREAD", unread);
    let bits = t.bits(fd);
    t.line("bits", bits);
    let outcome = t.recvfrom(fd, 21, MSG_DONTWAIT).map(|message| message.data[20..].to_vec());
    t.line("cut", outcome);
    let outcome = t.recv(fd, 100, MSG_DONTWAIT);
    t.line("then", outcome);
    let unread = t.ask(fd, 0x541b);
    t.line("FIONREAD", unread);
}
