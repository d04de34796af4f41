//! Names of hosts, services, protocols and networks, as a libc on Linux finds them: in the files of the host that the
//! caller has entered ([`crate::Host::set_file`]), among the hosts of its network, and, where `/etc/nsswitch.conf` says
//! so, from the DNS servers of its `/etc/resolv.conf`, over UDP and TCP.
//!
//! The functions have the names of netdb.h. Those here block; [`crate::async_names`] has those that may have to wait as
//! futures. All may be called by any number of threads at once: nothing is shared between calls.
//!
//! ```
//! use sockeye::names::{Flags, Hints, getaddrinfo, getservbyname};
//! # fn main() -> std::io::Result<()> {
//! let lab = sockeye::Lab::new(1);
//! let host = lab.host("tekapo.example", ["10.0.0.1/24"])?;
//! let _here = host.enter();
//! let hints = Hints { flags: Flags::CANONNAME, socket_type: 1, ..Hints::default() };
//! let found = getaddrinfo(Some("tekapo"), Some("http"), &hints)?;
//! assert_eq!(found[0].address.to_string(), "10.0.0.1:80");
//! assert_eq!(found[0].canonical_name.as_deref(), Some("tekapo.example"));
//! assert_eq!(getservbyname("domain", Some("udp"))?.map(|service| service.port), Some(53));
//! # Ok(())
//! # }
//! ```

mod exchange;
mod known;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Context;

use sockeye_names::{Lookup, Request, Step, name_wanted};

use crate::host::{self, Host};
use crate::{async_names, blocking as waiting};

pub(crate) use known::Known;
pub use sockeye_names::{
    AddrInfo, Error, Families, File, Flags, Hints, HostEntry, HostError, NameFlags, Network, Protocol,
    Service, text,
};

/// Why nothing was found: what netdb.h says, or what stopped the search.
#[derive(Debug)]
pub enum Failure<E> {
    /// One of netdb.h's reasons.
    Names(E),
    /// EAI_SYSTEM, NETDB_INTERNAL: no host is entered, or waiting would never end (`Deadlock`).
    System(io::Error),
}

/// getaddrinfo(3): the addresses of a host and a service, the best first (RFC 6724).
pub fn getaddrinfo(
    node: Option<&str>,
    service: Option<&str>,
    hints: &Hints,
) -> Result<Vec<AddrInfo>, Failure<Error>> {
    wait(async_names::getaddrinfo(node, service, hints))
}

/// getnameinfo(3): the names of a host and a service.
pub fn getnameinfo(address: SocketAddr, flags: NameFlags) -> Result<(String, String), Failure<Error>> {
    wait(async_names::getnameinfo(address, flags))
}

/// gethostbyname2(3).
pub fn gethostbyname(name: &str, families: Families) -> Result<HostEntry, Failure<HostError>> {
    wait(async_names::gethostbyname(name, families))
}

/// gethostbyaddr(3).
pub fn gethostbyaddr(address: IpAddr) -> Result<HostEntry, Failure<HostError>> {
    wait(async_names::gethostbyaddr(address))
}

/// gethostname(2).
pub fn gethostname() -> io::Result<String> {
    Ok(host::here()?.name())
}

/// The full name of the host entered: what getaddrinfo(3) calls canonical of its name.
pub fn getfqdn() -> Result<String, Failure<Error>> {
    wait(async_names::getfqdn())
}

/// getservbyname(3), of any protocol if none is given.
pub fn getservbyname(name: &str, protocol: Option<&str>) -> io::Result<Option<Service>> {
    known::look(|files| files.service_by_name(name, protocol).cloned())
}

/// getservbyport(3). The port is a number, not in network order.
pub fn getservbyport(port: u16, protocol: Option<&str>) -> io::Result<Option<Service>> {
    known::look(|files| files.service_by_port(port, protocol).cloned())
}

/// All services: getservent(3).
pub fn services() -> io::Result<Vec<Service>> {
    known::look(|files| files.services().to_vec())
}

/// getprotobyname(3).
pub fn getprotobyname(name: &str) -> io::Result<Option<Protocol>> {
    known::look(|files| files.protocol_by_name(name).cloned())
}

/// getprotobynumber(3).
pub fn getprotobynumber(number: i32) -> io::Result<Option<Protocol>> {
    known::look(|files| files.protocol_by_number(number).cloned())
}

/// All protocols: getprotoent(3).
pub fn protocols() -> io::Result<Vec<Protocol>> {
    known::look(|files| files.protocols().to_vec())
}

/// getnetbyname(3).
pub fn getnetbyname(name: &str) -> io::Result<Option<Network>> {
    known::look(|files| files.network_by_name(name).cloned())
}

/// getnetbyaddr(3), by the whole number in host order.
pub fn getnetbyaddr(number: u32) -> io::Result<Option<Network>> {
    known::look(|files| files.network_by_number(number).cloned())
}

/// All networks: getnetent(3).
pub fn networks() -> io::Result<Vec<Network>> {
    known::look(|files| files.networks().to_vec())
}

/// [`getaddrinfo`] on a host.
pub(crate) async fn find(
    host: Host,
    (node, service): (Option<String>, Option<String>),
    hints: Hints,
) -> Result<Vec<AddrInfo>, Failure<Error>> {
    let (files, interfaces) = known::of(&host);
    let request = Request::new(&files, (node.as_deref(), service.as_deref()), hints, &interfaces);
    let request = request.map_err(Failure::Names)?;
    let mut found = Vec::new();
    if let Some((name, families)) = request.lookups() {
        for families in families {
            let network = known::named(&host, name, *families);
            let lookup = Lookup::name(&files, name, *families, network, known::chance(&host));
            found.push(run(&host, lookup).await);
        }
    }
    let list = host
        .shared
        .on(host.id, |host, now| request.finish(found, |to, scope| known::source(host, now, to, scope)));
    list.map_err(Failure::Names)
}

/// [`getnameinfo`] on a host.
pub(crate) async fn name(
    host: Host,
    address: SocketAddr,
    flags: NameFlags,
) -> Result<(String, String), Failure<Error>> {
    let (files, interfaces) = known::of(&host);
    let found = match name_wanted(address, flags).map_err(Failure::Names)? {
        Some(ip) => Some(host_of(host, ip).await),
        None => None,
    };
    sockeye_names::names(&files, address, flags, found, &interfaces).map_err(Failure::Names)
}

/// [`gethostbyname`] on a host.
pub(crate) async fn host_named(host: Host, name: String, families: Families) -> Result<HostEntry, HostError> {
    let (files, _) = known::of(&host);
    let network = known::named(&host, &name, families);
    run(&host, Lookup::name(&files, &name, families, network, known::chance(&host))).await
}

/// [`gethostbyaddr`] on a host.
pub(crate) async fn host_of(host: Host, address: IpAddr) -> Result<HostEntry, HostError> {
    let (files, _) = known::of(&host);
    let network = known::owner(&host, address);
    run(&host, Lookup::address(&files, address, network, known::chance(&host))).await
}

/// What std's `ToSocketAddrs` finds for a name and a port.
pub(crate) async fn addresses(host: Host, name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let hints = Hints { socket_type: 1, ..Hints::default() };
    let mut found: Vec<_> =
        find(host, (Some(name), None), hints).await?.into_iter().map(|info| info.address).collect();
    found.iter_mut().for_each(|address| address.set_port(port));
    Ok(found)
}

/// Asks whom a look-up wants to ask, until it is done.
async fn run(host: &Host, mut lookup: Lookup) -> Result<HostEntry, HostError> {
    let mut sockets = exchange::Sockets::new(host);
    loop {
        match lookup.step() {
            Step::Ask(exchange) => sockets.ask(&exchange, &mut lookup).await,
            Step::Done(result) => return result,
        }
    }
}

/// Waits for a future of these on a host, as a thread does.
pub(crate) fn blocking<T, E: From<io::Error>>(
    host: &Host,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut future = pin!(future);
    let done = waiting::wait(&host.shared, None, |context: &mut Context<'_>| future.as_mut().poll(context))?;
    done.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

fn wait<T, E>(future: impl Future<Output = Result<T, Failure<E>>>) -> Result<T, Failure<E>> {
    blocking(&host::here()?, future)
}

impl<E> From<io::Error> for Failure<E> {
    fn from(error: io::Error) -> Failure<E> {
        Failure::System(error)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Names(error) => error.fmt(f),
            Failure::System(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Failure<E> {}

/// As std says it.
impl From<Failure<Error>> for io::Error {
    fn from(failure: Failure<Error>) -> io::Error {
        let kind = match &failure {
            Failure::Names(Error::NoName | Error::NoData) => io::ErrorKind::NotFound,
            Failure::Names(_) => io::ErrorKind::Other,
            Failure::System(_) => return failure.into_system(),
        };
        io::Error::new(kind, format!("failed to lookup address information: {failure}"))
    }
}

impl From<Failure<HostError>> for io::Error {
    fn from(failure: Failure<HostError>) -> io::Error {
        let kind = match &failure {
            Failure::Names(HostError::NotFound | HostError::NoData) => io::ErrorKind::NotFound,
            Failure::Names(_) => io::ErrorKind::Other,
            Failure::System(_) => return failure.into_system(),
        };
        io::Error::new(kind, format!("failed to look a host up: {failure}"))
    }
}

impl<E> Failure<E> {
    fn into_system(self) -> io::Error {
        match self {
            Failure::System(error) => error,
            Failure::Names(_) => io::ErrorKind::Other.into(),
        }
    }
}
