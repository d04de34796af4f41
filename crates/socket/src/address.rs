//! IPv4 on AF_INET6 sockets: programs see mapped addresses (`::ffff:a.b.c.d`), the stack sees IPv4 (RFC 4291 section
//! 2.5.5.2, ipv6(7)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_abi::{Errno, Family};
use sockeye_stack::InterfaceId;

/// The address as the stack knows it. EAFNOSUPPORT if it isn't of the socket's family. Flow labels are dropped, and scopes:
/// [`scope`] tells them.
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

/// Whether an address means something only together with an interface (RFC 4007): a sockaddr_in6 has a scope id then.
pub(crate) fn needs_scope(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        // Multicast scopes 1 and 2 (RFC 4291, section 2.7).
        IpAddr::V6(address) if address.is_multicast() => matches!(address.octets()[1] & 0xf, 1 | 2),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The interface named with an address that needs one.
pub(crate) fn scope(address: SocketAddr) -> Option<InterfaceId> {
    match address {
        SocketAddr::V6(v6) if needs_scope(address.ip()) => InterfaceId::from_index(v6.scope_id()),
        SocketAddr::V6(_) | SocketAddr::V4(_) => None,
    }
}

/// The address with the interface that it needs one of.
pub(crate) fn with_scope(mut address: SocketAddr, interface: Option<InterfaceId>) -> SocketAddr {
    if needs_scope(address.ip())
        && let (SocketAddr::V6(v6), Some(interface)) = (&mut address, interface)
    {
        v6.set_scope_id(interface.index());
    }
    address
}

/// The wildcard address of a family, with a port.
pub(crate) fn any(family: Family, port: u16) -> SocketAddr {
    match family {
        Family::Inet => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        Family::Inet6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    }
}

/// Where a connect or a datagram to this address goes from a socket bound to `bound`: the unspecified address means this
/// host itself, over IPv4 at the address that the socket has.
pub(crate) fn destination(address: SocketAddr, bound: Option<IpAddr>) -> SocketAddr {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let own = bound.filter(IpAddr::is_ipv4);
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => own.filter(|own| !own.is_unspecified()).unwrap_or(loopback),
        IpAddr::V6(ip) if ip.is_unspecified() && own.is_some() => loopback,
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether `bind` to it names an address: `::ffff:0.0.0.0` does.
pub(crate) fn is_named(wanted: SocketAddr) -> bool {
    !wanted.ip().is_unspecified()
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
        let bound = |text: &str| Some(parse(text).ip());
        assert_eq!(destination(parse("0.0.0.0:9"), None), parse("127.0.0.1:9"));
        assert_eq!(destination(parse("0.0.0.0:9"), bound("10.0.0.1:1")), parse("10.0.0.1:9"));
        assert_eq!(destination(parse("[::]:9"), bound("[fd61::1]:1")), parse("[::1]:9"));
        assert_eq!(destination(parse("[::]:9"), bound("10.0.0.1:1")), parse("127.0.0.1:9"));
        assert!(is_named(mapped) && is_named(parse("[::ffff:0.0.0.0]:7")) && !is_named(parse("[::]:7")));
    }
}
