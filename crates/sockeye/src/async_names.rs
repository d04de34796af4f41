//! [`crate::names`] as futures, under any executor, for those functions that may have to wait for a DNS server. A call is
//! one on the host its thread or task has entered when it is made.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use crate::host;
use crate::names::{self, AddrInfo, Error, Failure, Families, Flags, Hints, HostEntry, HostError, NameFlags};

/// getaddrinfo(3): the addresses of a host and a service, the best first (RFC 6724).
pub fn getaddrinfo(
    node: Option<&str>,
    service: Option<&str>,
    hints: &Hints,
) -> impl Future<Output = Result<Vec<AddrInfo>, Failure<Error>>> + use<> {
    let (host, hints) = (host::here(), *hints);
    let asked = (node.map(str::to_owned), service.map(str::to_owned));
    async move { names::find(host?, asked, hints).await }
}

/// getnameinfo(3): the names of a host and a service.
pub fn getnameinfo(
    address: SocketAddr,
    flags: NameFlags,
) -> impl Future<Output = Result<(String, String), Failure<Error>>> + use<> {
    let host = host::here();
    async move { names::name(host?, address, flags).await }
}

/// gethostbyname2(3).
pub fn gethostbyname(
    name: &str,
    families: Families,
) -> impl Future<Output = Result<HostEntry, Failure<HostError>>> + use<> {
    let (host, name) = (host::here(), name.to_owned());
    async move { names::host_named(host?, name, families).await.map_err(Failure::Names) }
}

/// gethostbyaddr(3).
pub fn gethostbyaddr(address: IpAddr) -> impl Future<Output = Result<HostEntry, Failure<HostError>>> + use<> {
    let host = host::here();
    async move { names::host_of(host?, address).await.map_err(Failure::Names) }
}

/// The full name of the host entered: what getaddrinfo(3) calls canonical of its name.
pub fn getfqdn() -> impl Future<Output = Result<String, Failure<Error>>> + use<> {
    let host = host::here();
    async move {
        let host = host?;
        let name = host.name();
        let hints = Hints { flags: Flags::CANONNAME, socket_type: 1, ..Hints::default() };
        let found = names::find(host, (Some(name.clone()), None), hints).await?;
        Ok(found.into_iter().find_map(|info| info.canonical_name).unwrap_or(name))
    }
}
