//! getnameinfo(3): an address and a port become names.

use std::net::{IpAddr, SocketAddr};

use bitflags::bitflags;

use crate::addrinfo::Interface;
use crate::error::{Error, HostError};
use crate::files::Files;
use crate::host::HostEntry;
use crate::text::{inet_ntop, is_of_a_link};

bitflags! {
    /// NI_*: how getnameinfo(3) goes about it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NameFlags: i32 {
        /// NI_NUMERICHOST: the host as an address; nobody is asked.
        const NUMERICHOST = 1;
        /// NI_NUMERICSERV: the service as a port.
        const NUMERICSERV = 2;
        /// NI_NOFQDN: a host of one's own domain without that.
        const NOFQDN = 4;
        /// NI_NAMEREQD: no name is an error.
        const NAMEREQD = 8;
        /// NI_DGRAM: the service is one of UDP.
        const DGRAM = 16;
    }
}

/// The address whose name is to be looked up; `None` if nobody has to be asked.
pub fn name_wanted(address: SocketAddr, flags: NameFlags) -> Result<Option<IpAddr>, Error> {
    if !NameFlags::all().contains(flags) {
        return Err(Error::BadFlags);
    }
    if flags.contains(NameFlags::NAMEREQD | NameFlags::NUMERICHOST) {
        return Err(Error::NoName);
    }
    Ok((!flags.contains(NameFlags::NUMERICHOST)).then(|| address.ip()))
}

/// The names of host and service, from what the look-up found.
pub fn names(
    files: &Files,
    address: SocketAddr,
    flags: NameFlags,
    found: Option<Result<HostEntry, HostError>>,
    interfaces: &[Interface],
) -> Result<(String, String), Error> {
    let host = match found {
        Some(Ok(entry)) if flags.contains(NameFlags::NOFQDN) => short(entry.name, files.domain.as_deref()),
        Some(Ok(entry)) => entry.name,
        Some(Err(HostError::TryAgain)) => return Err(Error::Again),
        _ if flags.contains(NameFlags::NAMEREQD) => return Err(Error::NoName),
        _ => numeric(address, interfaces),
    };
    let protocol = if flags.contains(NameFlags::DGRAM) { "udp" } else { "tcp" };
    let service = match files.service_by_port(address.port(), Some(protocol)) {
        Some(service) if !flags.contains(NameFlags::NUMERICSERV) => service.name.clone(),
        _ => address.port().to_string(),
    };
    Ok((host, service))
}

fn short(name: String, domain: Option<&str>) -> String {
    let own = domain.and_then(|domain| name.strip_suffix(domain)?.strip_suffix('.'));
    own.map(str::to_owned).unwrap_or(name)
}

fn numeric(address: SocketAddr, interfaces: &[Interface]) -> String {
    let text = inet_ntop(address.ip());
    match address {
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            let scope = address.scope_id();
            let named = interfaces.iter().find(|it| it.index == scope && is_of_a_link(*address.ip()));
            let scope = named.map_or_else(|| scope.to_string(), |interface| interface.name.clone());
            format!("{text}%{scope}")
        }
        _ => text,
    }
}
