//! Options of raw sockets and their bounds.

use libc::{IP_HDRINCL, IP_RECVERR, IP_TTL, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, IPPROTO_UDP, IPV6_CHECKSUM, IPV6_V6ONLY, SO_PROTOCOL, SO_RCVBUF, SO_REUSEADDR, SO_TYPE, SOL_IP, SOL_IPV6, SOL_RAW, SOL_SOCKET};

use super::raw::{ICMP_FILTER, ICMP6_FILTER, SOL_ICMPV6, raw, raw6};
use crate::Trial;

const IPV6_HDRINCL: i32 = 36;

/// Of each kind of raw socket: read, set to odd values, and read again.
pub(super) fn of_each(t: &mut Trial) {
    let sockets = [
        ("icmp", raw(t, IPPROTO_ICMP)),
        ("raw", raw(t, IPPROTO_RAW)),
        ("udp", raw(t, IPPROTO_UDP)),
        ("icmp6", raw6(t, IPPROTO_ICMPV6)),
        ("raw6", raw6(t, IPPROTO_RAW)),
        ("udp6", raw6(t, IPPROTO_UDP)),
    ];
    let asked = [
        ("SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR),
        ("SO_TYPE", SOL_SOCKET, SO_TYPE),
        ("SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL),
        ("SO_RCVBUF", SOL_SOCKET, SO_RCVBUF),
        ("IP_TTL", SOL_IP, IP_TTL),
        ("IP_RECVERR", SOL_IP, IP_RECVERR),
        ("IP_HDRINCL", SOL_IP, IP_HDRINCL),
        ("IPV6_V6ONLY", SOL_IPV6, IPV6_V6ONLY),
        ("IPV6_CHECKSUM", SOL_IPV6, IPV6_CHECKSUM),
        ("IPV6_CHECKSUM at SOL_RAW", SOL_RAW, IPV6_CHECKSUM),
        ("IPV6_HDRINCL", SOL_IPV6, IPV6_HDRINCL),
        ("IPV6_HDRINCL at SOL_RAW", SOL_RAW, IPV6_HDRINCL),
        ("ICMP_FILTER", SOL_RAW, ICMP_FILTER),
        ("ICMP6_FILTER", SOL_ICMPV6, ICMP6_FILTER),
        ("an unknown one at SOL_RAW", SOL_RAW, 99),
        ("an unknown one at SOL_ICMPV6", SOL_ICMPV6, 99),
        ("UDP_CORK", 17, 1),
        ("TCP_NODELAY", 6, 1),
    ];
    for (who, fd) in sockets {
        for (what, level, number) in asked {
            let outcome = t.get(fd, level, number);
            t.line(format!("{who}: {what}"), outcome);
            let outcome = t.setsockopt(fd, level, number, &[2, 0]);
            t.line(format!("{who}: {what} = 2, two bytes"), outcome);
            for value in [2, 3, -1] {
                if level != SOL_SOCKET {
                    let outcome = t.set(fd, level, number, value);
                    t.line(format!("{who}: {what} = {value}"), outcome);
                }
            }
            let outcome = t.getsockopt(fd, level, number, 64);
            t.line(format!("{who}: {what}"), outcome);
        }
    }
}
