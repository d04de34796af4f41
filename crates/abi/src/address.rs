//! `struct sockaddr` in both directions, with Linux's rules about its length (ip(7), ipv6(7), unix(7)). The kernel
//! asks for different lengths in `bind`, `connect` and `sendto`, so each has its decoder.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::{Errno, Family, Transport};

const AF_UNSPEC: u16 = 0;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `sizeof(struct sockaddr_in)`.
const SOCKADDR_IN: usize = 16;
/// SIN6_LEN_RFC2133: sockaddr_in6 without the scope id, which Linux still takes.
const SOCKADDR_IN6_MIN: usize = 24;
const SOCKADDR_IN6: usize = 28;
/// `sizeof(struct sockaddr_storage)`: nothing longer is copied in.
const SOCKADDR_MAX: usize = 128;
/// `sizeof(struct sockaddr_un)`.
const SOCKADDR_UN: usize = 110;

/// A socket address as a program wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// AF_UNSPEC: `connect` to it dissolves an association.
    Unspec,
    /// AF_INET or AF_INET6.
    Inet(SocketAddr),
    /// AF_UNIX.
    Unix(UnixAddress),
    /// A family that isn't decoded.
    Other(u16),
}

/// An AF_UNIX address (unix(7)).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnixAddress {
    /// No name: only the family was given.
    Unnamed,
    /// A path, without its closing NUL.
    Pathname(Vec<u8>),
    /// A name of the abstract namespace, without the NUL in front.
    Abstract(Vec<u8>),
}

/// Decodes an address by its family alone. EINVAL when it's too short for its family, has no family, or is over 128
/// bytes. A Unix path ends at its NUL or at the end of the bytes.
pub fn decode_sockaddr(bytes: &[u8]) -> Result<Address, Errno> {
    match family_of(bytes)? {
        AF_UNSPEC => Ok(Address::Unspec),
        AF_UNIX => unix(bytes),
        AF_INET => Ok(Address::Inet(v4(bytes)?)),
        AF_INET6 => Ok(Address::Inet(v6(bytes)?)),
        other => Ok(Address::Other(other)),
    }
}

/// Decodes the address of `bind` on an Internet socket. EINVAL for a length below the family's, EAFNOSUPPORT for
/// another family. An AF_INET socket takes AF_UNSPEC with address 0.0.0.0 for AF_INET, as Linux does; a raw one takes
/// any family for AF_INET. On AF_INET6 a raw socket says EINVAL for another family, and a ping socket wants the whole
/// `sockaddr_in6`.
pub fn decode_bind(family: Family, transport: Transport, bytes: &[u8]) -> Result<SocketAddr, Errno> {
    match (family, transport) {
        (Family::Inet, Transport::Raw(_)) => v4(bytes),
        (Family::Inet6, Transport::Raw(_)) => {
            let address = v6(bytes)?;
            if family_of(bytes)? == AF_INET6 { Ok(address) } else { Err(Errno::EINVAL) }
        }
        (Family::Inet6, Transport::Ping) if bytes.len() < SOCKADDR_IN6 => Err(Errno::EINVAL),
        _ => decode_own(family, bytes),
    }
}

/// Decodes an address of the socket's family.
fn decode_own(family: Family, bytes: &[u8]) -> Result<SocketAddr, Errno> {
    let written = family_of(bytes)?;
    match family {
        Family::Inet => {
            let address = v4(bytes)?;
            match written {
                AF_INET => Ok(address),
                AF_UNSPEC if address.ip().is_unspecified() => Ok(address),
                _ => Err(Errno::EAFNOSUPPORT),
            }
        }
        Family::Inet6 => {
            let address = v6(bytes)?;
            if written == AF_INET6 { Ok(address) } else { Err(Errno::EAFNOSUPPORT) }
        }
    }
}

/// Decodes the address of `connect` on an Internet socket; `None` is AF_UNSPEC, which disconnects. EINVAL for a length
/// below the family's, EAFNOSUPPORT for another family. A UDP or raw socket of AF_INET6 takes an AF_INET address: it is
/// given back as its mapped form.
pub fn decode_connect(
    family: Family,
    transport: Transport,
    bytes: &[u8],
) -> Result<Option<SocketAddr>, Errno> {
    let written = family_of(bytes)?;
    if written == AF_UNSPEC {
        return Ok(None);
    }
    match (family, transport) {
        (Family::Inet6, Transport::Udp | Transport::Raw(_)) if written == AF_INET => {
            Ok(Some(mapped(v4(bytes)?)))
        }
        (Family::Inet6, Transport::Ping) if written == AF_INET => Err(Errno::EAFNOSUPPORT),
        (Family::Inet | Family::Inet6, _) => decode_own(family, bytes).map(Some),
    }
}

/// Decodes the destination of `sendto` and `sendmsg` on a datagram socket; `None` means the connected peer. (A stream
/// ignores its destination.) On AF_INET, AF_UNSPEC is read as AF_INET, but by ping sockets. On AF_INET6, to UDP AF_UNSPEC
/// means the connected peer, AF_INET is taken as its mapped form, and any other family is EINVAL; raw and ping sockets
/// say EAFNOSUPPORT, but raw ones read AF_UNSPEC as AF_INET6. All as Linux.
pub fn decode_destination(
    family: Family,
    transport: Transport,
    bytes: &[u8],
) -> Result<Option<SocketAddr>, Errno> {
    match (family, transport) {
        (Family::Inet, _) => {
            let address = v4(bytes)?;
            match family_of(bytes)? {
                AF_INET => Ok(Some(address)),
                AF_UNSPEC if transport != Transport::Ping => Ok(Some(address)),
                _ => Err(Errno::EAFNOSUPPORT),
            }
        }
        (Family::Inet6, Transport::Raw(_)) => {
            let address = v6(bytes)?;
            let right = matches!(family_of(bytes)?, AF_INET6 | AF_UNSPEC);
            if right { Ok(Some(address)) } else { Err(Errno::EAFNOSUPPORT) }
        }
        (Family::Inet6, Transport::Ping) => decode_bind(family, transport, bytes).map(Some),
        (Family::Inet6, Transport::Tcp | Transport::Udp) => match family_of(bytes)? {
            AF_INET6 => v6(bytes).map(Some),
            AF_INET => Ok(Some(mapped(v4(bytes)?))),
            AF_UNSPEC => Ok(None),
            _ => Err(Errno::EINVAL),
        },
    }
}

/// A `sockaddr_in` (16 bytes) or `sockaddr_in6` (28 bytes).
pub fn encode_sockaddr(address: &SocketAddr) -> Vec<u8> {
    let mut out = Vec::with_capacity(SOCKADDR_IN6);
    match address {
        SocketAddr::V4(v4) => {
            out.extend_from_slice(&AF_INET.to_ne_bytes());
            out.extend_from_slice(&v4.port().to_be_bytes());
            out.extend_from_slice(&v4.ip().octets());
            out.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            out.extend_from_slice(&AF_INET6.to_ne_bytes());
            out.extend_from_slice(&v6.port().to_be_bytes());
            out.extend_from_slice(&v6.flowinfo().to_be_bytes());
            out.extend_from_slice(&v6.ip().octets());
            out.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    out
}

/// A `sockaddr_un`, no longer than it has to be: a path ends in a NUL, an abstract name begins with one.
pub fn encode_unix(address: &UnixAddress) -> Vec<u8> {
    let family = AF_UNIX.to_ne_bytes();
    match address {
        UnixAddress::Unnamed => family.to_vec(),
        UnixAddress::Pathname(path) => [family.as_slice(), path, &[0]].concat(),
        UnixAddress::Abstract(name) => [family.as_slice(), &[0], name].concat(),
    }
}

/// Decodes the address of `bind`, `connect` and `sendto` on a Unix-domain socket. EINVAL for another family, for over 110 bytes,
/// and for no family at all. Who is not to be unnamed says so himself.
pub fn decode_unix(bytes: &[u8]) -> Result<UnixAddress, Errno> {
    match decode_sockaddr(bytes)? {
        Address::Unix(address) => Ok(address),
        Address::Unspec | Address::Inet(_) | Address::Other(_) => Err(Errno::EINVAL),
    }
}

fn family_of(bytes: &[u8]) -> Result<u16, Errno> {
    match bytes {
        [a, b, ..] if bytes.len() <= SOCKADDR_MAX => Ok(u16::from_ne_bytes([*a, *b])),
        _ => Err(Errno::EINVAL),
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    bytes.get(at..at + N).and_then(|slice| slice.try_into().ok()).ok_or(Errno::EINVAL)
}

fn v4(bytes: &[u8]) -> Result<SocketAddr, Errno> {
    if !(SOCKADDR_IN..=SOCKADDR_MAX).contains(&bytes.len()) {
        return Err(Errno::EINVAL);
    }
    let port = u16::from_be_bytes(field(bytes, 2)?);
    Ok(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(field::<4>(bytes, 4)?), port)))
}

fn v6(bytes: &[u8]) -> Result<SocketAddr, Errno> {
    if !(SOCKADDR_IN6_MIN..=SOCKADDR_MAX).contains(&bytes.len()) {
        return Err(Errno::EINVAL);
    }
    let port = u16::from_be_bytes(field(bytes, 2)?);
    let flow = u32::from_be_bytes(field(bytes, 4)?);
    let scope = if bytes.len() >= SOCKADDR_IN6 { u32::from_ne_bytes(field(bytes, 24)?) } else { 0 };
    Ok(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(field::<16>(bytes, 8)?), port, flow, scope)))
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    }
}

fn unix(bytes: &[u8]) -> Result<Address, Errno> {
    if bytes.len() > SOCKADDR_UN {
        return Err(Errno::EINVAL);
    }
    Ok(Address::Unix(match bytes.get(2..).unwrap_or_default() {
        [] => UnixAddress::Unnamed,
        [0, name @ ..] => UnixAddress::Abstract(name.to_vec()),
        path => UnixAddress::Pathname(path.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(family: u16, len: usize) -> Vec<u8> {
        let mut out = family.to_ne_bytes().to_vec();
        out.extend_from_slice(&[0x10, 0x10]);
        out.resize(len.max(2), 0);
        out.truncate(len);
        out
    }

    #[test]
    fn round_trips() {
        for text in ["1.2.3.4:5", "[2001:db8::1]:65535", "[::ffff:1.2.3.4]:80"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(decode_sockaddr(&encode_sockaddr(&address)), Ok(Address::Inet(address)));
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 2, 3));
        assert_eq!(encode_sockaddr(&scoped).len(), 28);
        assert_eq!(decode_sockaddr(&encode_sockaddr(&scoped)), Ok(Address::Inet(scoped)));
        assert_eq!(
            encode_sockaddr(&SocketAddr::from(([127, 0, 0, 1], 258)))[..8],
            [2, 0, 1, 2, 127, 0, 0, 1]
        );
    }

    #[test]
    fn unix_names() {
        assert_eq!(decode_sockaddr(&[1, 0]), Ok(Address::Unix(UnixAddress::Unnamed)));
        assert_eq!(
            decode_sockaddr(b"\x01\0\0abc\0"),
            Ok(Address::Unix(UnixAddress::Abstract(b"abc\0".to_vec())))
        );
        assert_eq!(
            decode_sockaddr(b"\x01\0/tmp\0zz"),
            Ok(Address::Unix(UnixAddress::Pathname(b"/tmp".to_vec())))
        );
        assert_eq!(decode_sockaddr(&bytes(1, 111)), Err(Errno::EINVAL));
    }

    // The lengths and what Linux 6.18 says of them.
    #[test]
    fn lengths_as_linux() {
        use Errno as E;
        let bind = |family, written, len| decode_bind(family, Transport::Tcp, &bytes(written, len)).err();
        let connect =
            |family, transport, written, len| decode_connect(family, transport, &bytes(written, len)).err();
        let send =
            |family, written, len| decode_destination(family, Transport::Udp, &bytes(written, len)).err();
        for len in [0, 1, 2, 8, 15, 129] {
            assert_eq!(bind(Family::Inet, AF_INET, len), Some(E::EINVAL));
            assert_eq!(bind(Family::Inet, AF_INET6, len), Some(E::EINVAL));
            assert_eq!(send(Family::Inet, AF_UNIX, len), Some(E::EINVAL));
        }
        assert_eq!(bind(Family::Inet, AF_INET, 16), None);
        assert_eq!(bind(Family::Inet, AF_INET, 128), None);
        assert_eq!(bind(Family::Inet, AF_INET6, 28), Some(E::EAFNOSUPPORT));
        assert_eq!(bind(Family::Inet, AF_UNSPEC, 16), None);
        assert_eq!(bind(Family::Inet6, AF_INET, 23), Some(E::EINVAL));
        assert_eq!(bind(Family::Inet6, AF_INET, 24), Some(E::EAFNOSUPPORT));
        assert_eq!(bind(Family::Inet6, AF_INET6, 24), None);
        assert_eq!(bind(Family::Inet6, AF_UNSPEC, 28), Some(E::EAFNOSUPPORT));

        assert_eq!(decode_connect(Family::Inet, Transport::Tcp, &[0, 0]), Ok(None));
        assert_eq!(connect(Family::Inet, Transport::Tcp, AF_UNSPEC, 1), Some(E::EINVAL));
        assert_eq!(connect(Family::Inet6, Transport::Tcp, AF_INET, 16), Some(E::EINVAL));
        assert_eq!(connect(Family::Inet6, Transport::Tcp, AF_INET, 28), Some(E::EAFNOSUPPORT));
        assert_eq!(connect(Family::Inet6, Transport::Udp, AF_INET, 16), None);
        assert_eq!(connect(Family::Inet6, Transport::Udp, AF_INET, 15), Some(E::EINVAL));

        assert_eq!(send(Family::Inet, AF_INET6, 28), Some(E::EAFNOSUPPORT));
        assert_eq!(send(Family::Inet, AF_UNSPEC, 16), None);
        assert_eq!(send(Family::Inet6, AF_INET6, 23), Some(E::EINVAL));
        assert_eq!(send(Family::Inet6, AF_UNIX, 28), Some(E::EINVAL));
        assert_eq!(decode_destination(Family::Inet6, Transport::Udp, &[0, 0]), Ok(None));
        let there = "[::ffff:0.0.0.0]:4112".parse().expect("an address");
        assert_eq!(decode_destination(Family::Inet6, Transport::Udp, &bytes(AF_INET, 16)), Ok(Some(there)));
    }
}
