//! What names an address: std's `ToSocketAddrs`, with names looked up on the host that the caller has entered.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{option, slice, vec};

use crate::host;
use crate::names;

/// As [`std::net::ToSocketAddrs`], for the same types. A name is looked up on the host entered
/// ([`crate::names::getaddrinfo`]), never on the machine.
pub trait ToSocketAddrs {
    /// The addresses.
    type Iter: Iterator<Item = SocketAddr>;

    /// Finds the addresses. `InvalidInput` for what can't be one, `NotFound` for a name nobody has.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;

    /// The name and port behind it, if a name has to be looked up: [`crate::async_net`] does so without blocking.
    fn name_and_port(&self) -> Option<(&str, u16)> {
        None
    }
}

impl ToSocketAddrs for SocketAddr {
    type Iter = option::IntoIter<SocketAddr>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(Some(*self).into_iter())
    }
}

/// Each as a [`SocketAddr`].
macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl ToSocketAddrs for $kind {
            type Iter = option::IntoIter<SocketAddr>;
            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                Ok(Some(SocketAddr::from(*self)).into_iter())
            }
        }
    )*};
}

plain!(SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (name, port) = *self;
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)].into_iter());
        }
        let host = host::here()?;
        let found = names::blocking(&host, names::addresses(host.clone(), name.to_owned(), port))?;
        Ok(found.into_iter())
    }

    fn name_and_port(&self) -> Option<(&str, u16)> {
        let (name, port) = *self;
        name.parse::<IpAddr>().is_err().then_some((name, port))
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }

    fn name_and_port(&self) -> Option<(&str, u16)> {
        let (name, port) = self;
        name.parse::<IpAddr>().is_err().then_some((name, *port))
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(vec![address].into_iter());
        }
        split(self)?.to_socket_addrs()
    }

    fn name_and_port(&self) -> Option<(&str, u16)> {
        let (name, port) = split(self).ok().filter(|_| self.parse::<SocketAddr>().is_err())?;
        name.parse::<IpAddr>().is_err().then_some((name, port))
    }
}

/// `name:port`
fn split(text: &str) -> io::Result<(&str, u16)> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let (name, port) = text.rsplit_once(':').ok_or_else(|| invalid("invalid socket address"))?;
    Ok((name, port.parse().map_err(|_| invalid("invalid port value"))?))
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.as_str().to_socket_addrs()
    }

    fn name_and_port(&self) -> Option<(&str, u16)> {
        self.as_str().name_and_port()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = std::iter::Copied<slice::Iter<'a, SocketAddr>>;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().copied())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }

    fn name_and_port(&self) -> Option<(&str, u16)> {
        (**self).name_and_port()
    }
}

/// The addresses of the moment this is called; a name is looked up by and by, on the host entered now.
pub(crate) fn resolve<A: ToSocketAddrs>(
    addr: A,
) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + use<A> {
    let known = match addr.name_and_port() {
        Some((name, port)) => Err((host::here(), name.to_owned(), port)),
        None => Ok(addr.to_socket_addrs().map(Iterator::collect)),
    };
    async move {
        match known {
            Ok(known) => known,
            // On the heap, for it is large and seldom: else each task that opens a socket had room for it to its end.
            Err((host, name, port)) => Box::pin(names::addresses(host?, name, port)).await,
        }
    }
}

/// Tries each address until one does; else the last error.
pub(crate) fn first_of<T>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses {
        match attempt(address) {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(none))
}

/// No address at all.
pub(crate) fn none() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")
}
