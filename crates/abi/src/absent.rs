//! What Linux has and Sockeye has not, by its name: so that a program's failure can be told from its mistake.

use crate::ioctl::{self, By, IOCTLS};
use crate::option::{Access, OPTIONS, Opt, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, SOL_UDP, Sockets, State};
use crate::request::{IPPROTO_MAX, Request, SOCK_MAX, SOCK_TYPE_MASK};
use crate::{Family, Transport};

/// The families of address_families(7) that Linux 6.x has and Sockeye has not.
const FAMILIES: &[(i32, &str)] = &[
    (3, "AF_AX25"),
    (4, "AF_IPX"),
    (5, "AF_APPLETALK"),
    (6, "AF_NETROM"),
    (8, "AF_ATMPVC"),
    (9, "AF_X25"),
    (11, "AF_ROSE"),
    (15, "AF_KEY"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (20, "AF_ATMSVC"),
    (21, "AF_RDS"),
    (24, "AF_PPPOX"),
    (26, "AF_LLC"),
    (28, "AF_MPLS"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (31, "AF_BLUETOOTH"),
    (32, "AF_IUCV"),
    (33, "AF_RXRPC"),
    (34, "AF_ISDN"),
    (35, "AF_PHONET"),
    (36, "AF_IEEE802154"),
    (37, "AF_CAIF"),
    (38, "AF_ALG"),
    (39, "AF_NFC"),
    (40, "AF_VSOCK"),
    (41, "AF_KCM"),
    (42, "AF_QIPCRTR"),
    (43, "AF_SMC"),
    (44, "AF_XDP"),
    (45, "AF_MCTP"),
];

/// Types and protocols of Internet sockets that Linux may be built with: type, or 0 for any; protocol, or 0 for any.
const TRANSPORTS: &[(i32, i32, &str)] = &[
    (10, 0, "SOCK_PACKET"),
    (6, 0, "SOCK_DCCP"),
    (1, 132, "IPPROTO_SCTP"),
    (5, 132, "IPPROTO_SCTP"),
    (5, 0, "SOCK_SEQPACKET (SCTP)"),
    (0, 33, "IPPROTO_DCCP"),
    (2, 115, "IPPROTO_L2TP"),
    (2, 136, "IPPROTO_UDPLITE"),
    (1, 256, "IPPROTO_SMC"),
    (1, 262, "IPPROTO_MPTCP"),
];

/// Options that Linux has and our table has not: level, number, name.
const BEYOND: &[(i32, i32, &str)] = &[
    (SOL_SOCKET, 26, "SO_ATTACH_FILTER"),
    (SOL_SOCKET, 27, "SO_DETACH_FILTER"),
    (SOL_SOCKET, 37, "SO_TIMESTAMPING"),
    (SOL_SOCKET, 44, "SO_LOCK_FILTER"),
    (SOL_SOCKET, 60, "SO_ZEROCOPY"),
    (SOL_SOCKET, 65, "SO_TIMESTAMPING_NEW"),
    (SOL_TCP, 38, "TCP_AO_ADD_KEY"),
    (SOL_TCP, 39, "TCP_AO_DEL_KEY"),
    (SOL_TCP, 40, "TCP_AO_INFO"),
    (SOL_TCP, 41, "TCP_AO_GET_KEYS"),
    (SOL_TCP, 42, "TCP_AO_REPAIR"),
    (SOL_UDP, 104, "UDP_GRO"),
    (SOL_IP, 5, "IP_ROUTER_ALERT"),
    (SOL_IP, 7, "IP_RETOPTS"),
    (SOL_IP, 9, "IP_PKTOPTIONS"),
    (SOL_IP, 16, "IP_IPSEC_POLICY"),
    (SOL_IP, 26, "IP_RECVERR_RFC4884"),
    (SOL_IPV6, 2, "IPV6_2292PKTINFO"),
    (SOL_IPV6, 3, "IPV6_2292HOPOPTS"),
    (SOL_IPV6, 4, "IPV6_2292DSTOPTS"),
    (SOL_IPV6, 5, "IPV6_2292RTHDR"),
    (SOL_IPV6, 6, "IPV6_2292PKTOPTIONS"),
    (SOL_IPV6, 8, "IPV6_2292HOPLIMIT"),
    (SOL_IPV6, 11, "IPV6_FLOWINFO"),
    (SOL_IPV6, 22, "IPV6_ROUTER_ALERT"),
    (SOL_IPV6, 27, "IPV6_JOIN_ANYCAST"),
    (SOL_IPV6, 28, "IPV6_LEAVE_ANYCAST"),
    (SOL_IPV6, 30, "IPV6_ROUTER_ALERT_ISOLATE"),
    (SOL_IPV6, 31, "IPV6_RECVERR_RFC4884"),
    (SOL_IPV6, 34, "IPV6_IPSEC_POLICY"),
    (SOL_IPV6, 35, "IPV6_XFRM_POLICY"),
    (SOL_IPV6, 50, "IPV6_PKTINFO"),
    (SOL_IPV6, 53, "IPV6_RECVHOPOPTS"),
    (SOL_IPV6, 54, "IPV6_HOPOPTS"),
    (SOL_IPV6, 55, "IPV6_RTHDRDSTOPTS"),
    (SOL_IPV6, 56, "IPV6_RECVRTHDR"),
    (SOL_IPV6, 57, "IPV6_RTHDR"),
    (SOL_IPV6, 58, "IPV6_RECVDSTOPTS"),
    (SOL_IPV6, 59, "IPV6_DSTOPTS"),
    (SOL_IPV6, 60, "IPV6_RECVPATHMTU"),
    (SOL_IPV6, 61, "IPV6_PATHMTU"),
];

/// Requests of netdevice(7) and its like that are answered with ENOTTY.
const REQUESTS: &[(u32, &str)] = &[
    (0x890b, "SIOCADDRT"),
    (0x890c, "SIOCDELRT"),
    (0x8911, "SIOCSIFLINK"),
    (0x891e, "SIOCSIFMETRIC"),
    (0x8929, "SIOCGIFSLAVE"),
    (0x8930, "SIOCSIFSLAVE"),
    (0x8935, "SIOCGIFPFLAGS"),
    (0x8936, "SIOCDIFADDR"),
    (0x8937, "SIOCSIFHWBROADCAST"),
    (0x8940, "SIOCGIFBR"),
    (0x8941, "SIOCSIFBR"),
    (0x8946, "SIOCETHTOOL"),
    (0x8947, "SIOCGMIIPHY"),
    (0x8948, "SIOCGMIIREG"),
    (0x8953, "SIOCDARP"),
    (0x8954, "SIOCGARP"),
    (0x8955, "SIOCSARP"),
    (0x8971, "SIOCSIFMAP"),
    (0x8982, "SIOCGIFVLAN"),
    (0x8983, "SIOCSIFVLAN"),
    (0x89b0, "SIOCSHWTSTAMP"),
    (0x89b1, "SIOCGHWTSTAMP"),
];

/// The name of what `socket(domain, type, protocol)` asked for, if it is something Linux may have. Arguments that Linux
/// refuses, too, and those of sockets that are there, have none.
pub fn socket(domain: i32, type_: i32, protocol: i32) -> Option<&'static str> {
    let kind = type_ & SOCK_TYPE_MASK;
    if !(0..SOCK_MAX).contains(&kind) || Request::decode(domain, type_, protocol).is_ok() {
        return None;
    }
    if Family::from_number(domain).is_none() {
        return FAMILIES.iter().find(|(number, _)| *number == domain).map(|(_, name)| *name);
    }
    let is_meant =
        |own: &i32, number: &i32| (*own == 0 || *own == kind) && (*number == 0 || *number == protocol);
    let in_range = (0..IPPROTO_MAX).contains(&protocol) || kind == 10;
    TRANSPORTS.iter().find(|(own, number, _)| in_range && is_meant(own, number)).map(|(_, _, name)| *name)
}

/// The name of an option that a socket has on Linux and not here, or not so.
pub fn option(
    family: Family,
    transport: Transport,
    (level, number): (i32, i32),
    access: Access,
) -> Option<&'static str> {
    let is_own = match level {
        SOL_TCP => transport == Transport::Tcp,
        SOL_UDP => transport == Transport::Udp,
        SOL_IPV6 => family == Family::Inet6,
        _ => true,
    };
    let beyond = BEYOND.iter().find(|(own, named, _)| is_own && (*own, *named) == (level, number));
    if let Some((_, _, name)) = beyond {
        return Some(name);
    }
    let row = OPTIONS.iter().find(|row| (row.level, row.number) == (level, number))?;
    let is_known = match access {
        Access::Read => row.readable,
        Access::Write => row.settable,
    };
    let is_refused = match row.state {
        State::Rejected => row.applies(family, transport),
        // On Linux a stream has them, too, but for IP_RECVFRAGSIZE.
        State::Enforced | State::Kept => {
            row.sockets == Sockets::Datagrams && transport.is_stream() && row.opt != Opt::IpRecvFragSize
        }
    };
    (is_known && is_refused).then_some(row.name)
}

/// The name of a request that a socket answers on Linux and not here.
pub fn request(number: u32) -> Option<&'static str> {
    let refused = IOCTLS.iter().any(|(own, _, by, _)| *own == number && *by == By::Refused);
    let named = || REQUESTS.iter().find(|(own, _)| *own == number).map(|(_, name)| *name);
    if refused { ioctl::name(number) } else { named() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_or_nowhere_is_not_absent() {
        for (domain, kind, protocol) in [(2, 1, 0), (10, 2, 17), (2, 3, 1), (2, 2, 1), (7, 1, 0), (46, 1, 0)]
        {
            assert_eq!(socket(domain, kind, protocol), None, "{domain} {kind} {protocol}");
        }
        // Linux, too, has no such protocol for the type, no such type, no such number.
        for (domain, kind, protocol) in
            [(2, 1, 17), (2, 0, 0), (2, 99, 0), (2, 1, 300), (-1, 1, 0), (17, 11, 0)]
        {
            assert_eq!(socket(domain, kind, protocol), None, "{domain} {kind} {protocol}");
        }
    }

    #[test]
    fn what_is_absent_has_a_name() {
        assert_eq!(socket(17, 3 | 0o2000000, 3), Some("AF_PACKET"));
        assert_eq!(socket(40, 1, 0), Some("AF_VSOCK"));
        assert_eq!(socket(2, 1, 262), Some("IPPROTO_MPTCP"));
        assert_eq!(socket(10, 5, 132), Some("IPPROTO_SCTP"));
        assert_eq!(socket(2, 10, 0x300), Some("SOCK_PACKET"));
        assert_eq!(option(Family::Inet, Transport::Tcp, (6, 31), Access::Write), Some("TCP_ULP"));
        assert_eq!(option(Family::Inet, Transport::Tcp, (6, 1), Access::Write), None);
        assert_eq!(option(Family::Inet, Transport::Udp, (6, 31), Access::Write), None);
        assert_eq!(option(Family::Inet, Transport::Tcp, (1, 60), Access::Write), Some("SO_ZEROCOPY"));
        assert_eq!(option(Family::Inet, Transport::Tcp, (1, 29), Access::Write), Some("SO_TIMESTAMP"));
        assert_eq!(option(Family::Inet, Transport::Udp, (1, 29), Access::Write), None);
        assert_eq!(option(Family::Inet, Transport::Udp, (41, 50), Access::Write), None);
        assert_eq!(request(0x8946), Some("SIOCETHTOOL"));
        assert_eq!(request(0x8914), Some("SIOCSIFFLAGS"));
        assert_eq!(request(0x8913), None);
        assert_eq!(request(0x89ff), None);
    }

    #[test]
    fn tables_do_not_overlap() {
        for (number, name) in REQUESTS {
            assert!(IOCTLS.iter().all(|(own, ..)| own != number), "{name} is answered");
        }
        for (level, number, name) in BEYOND {
            assert!(
                OPTIONS.iter().all(|row| (row.level, row.number) != (*level, *number)),
                "{name} is in the table"
            );
        }
    }
}
