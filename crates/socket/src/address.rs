//! IPv4 on AF_INET6 sockets: programs see mapped addresses (`::ffff:a.b.c.d`), the stack sees IPv4 (RFC 4291 section
//! 2.5.5.2, ipv6(7)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_abi::{Errno, Family};

/// The address as the stack knows it. EAFNOSUPPORT if it isn't of the socket's family. Flow labels and scopes are
/// dropped: the stack has neither.
pub(crate) fn to_stack(family: Family, address: SocketAddr) -> Result<SocketAddr, Errno> {
    match (family, address) {
        (Family::Inet, SocketAddr::V4(_)) => Ok(address),
        (Family::Inet6, SocketAddr::V6(v6)) => Ok(match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, v6.port())),
            None => SocketAddr::from((*v6.ip(), v6.port())),
        }),
        (Family::Inet, SocketAddr::V6(_)) | (Family::Inet6, SocketAddr::V4(_)) => Err(Errno::EAFNOSUPPORT),
    }
}

/// The address as a program with a socket of this family sees it.
pub(crate) fn to_program(family: Family, address: SocketAddr) -> SocketAddr {
    match (family, address) {
        (Family::Inet6, SocketAddr::V4(v4)) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        (Family::Inet | Family::Inet6, _) => address,
    }
}

/// Whether an address means nothing without its interface: link-local, and groups of a link or of one interface (RFC 4007).
pub(crate) fn needs_scope(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || (ip.is_multicast() && matches!(ip.segments()[0] & 0xf, 1 | 2))
}

/// The wildcard address of a family, with a port.
pub(crate) fn any(family: Family, port: u16) -> SocketAddr {
    match family {
        Family::Inet => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        Family::Inet6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    }
}

/// Where a connect or a datagram to this address goes: the unspecified address means this host itself.
pub(crate) fn destination(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_both_ways() {
        let parse = |text: &str| -> SocketAddr { text.parse().expect("an address") };
        let (v4, mapped, v6) = (parse("10.0.0.1:7"), parse("[::ffff:10.0.0.1]:7"), parse("[fd61::1]:7"));
        assert_eq!(to_stack(Family::Inet6, mapped), Ok(v4));
        assert_eq!(to_stack(Family::Inet6, v6), Ok(v6));
        assert_eq!(to_stack(Family::Inet, v4), Ok(v4));
        assert_eq!(to_stack(Family::Inet, v6), Err(Errno::EAFNOSUPPORT));
        assert_eq!(to_stack(Family::Inet6, v4), Err(Errno::EAFNOSUPPORT));
        assert_eq!(to_program(Family::Inet6, v4), mapped);
        assert_eq!(to_program(Family::Inet, v4), v4);
        assert_eq!(destination(parse("0.0.0.0:9")), parse("127.0.0.1:9"));
        assert_eq!(destination(parse("[::]:9")), parse("[::1]:9"));
    }
}
