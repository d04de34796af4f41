//! getaddrinfo(3): names of a host and a service become addresses to connect or bind to, the best first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use bitflags::bitflags;

use crate::error::{Error, HostError};
use crate::files::Files;
use crate::host::{Families, HostEntry};
use crate::policy::SourceAddress;
use crate::text::{inet_aton_exact, is_space, scope_id};

bitflags! {
    /// AI_*: how getaddrinfo(3) goes about it. Those for internationalized names (AI_IDN and its kin) are not there.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: i32 {
        /// AI_PASSIVE: without a name, addresses to bind to (the wildcard), not to connect to.
        const PASSIVE = 0x1;
        /// AI_CANONNAME: with the host's official, full name.
        const CANONNAME = 0x2;
        /// AI_NUMERICHOST: the name is an address; nobody is asked.
        const NUMERICHOST = 0x4;
        /// AI_V4MAPPED: of IPv6 addresses none, IPv4's as mapped ones.
        const V4MAPPED = 0x8;
        /// AI_ALL: with `V4MAPPED`, mapped ones in any case.
        const ALL = 0x10;
        /// AI_ADDRCONFIG: only of families of which the host has an address that's not loopback.
        const ADDRCONFIG = 0x20;
        /// AI_NUMERICSERV: the service is a port.
        const NUMERICSERV = 0x400;
    }
}

/// What is wanted of [`crate::Request`]; by default everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// AI_* flags.
    pub flags: Flags,
    /// Which addresses.
    pub families: Families,
    /// SOCK_*, by Linux's number; 0 for any.
    pub socket_type: i32,
    /// IPPROTO_*; 0 for any.
    pub protocol: i32,
}

impl Default for Hints {
    fn default() -> Hints {
        Hints { flags: Flags::empty(), families: Families::Both, socket_type: 0, protocol: 0 }
    }
}

/// One way to a host's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrInfo {
    /// SOCK_*, by Linux's number.
    pub socket_type: i32,
    /// IPPROTO_*.
    pub protocol: i32,
    /// The address and port; with a scope where it belongs to a link.
    pub address: SocketAddr,
    /// The host's official name, on the first of the list if it was asked for.
    pub canonical_name: Option<String>,
}

/// An interface of the host that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// A getaddrinfo(3) under way: look the host up in each of [`Request::lookups`], then [`Request::finish`] it.
#[derive(Debug)]
pub struct Request {
    files: Arc<Files>,
    hints: Hints,
    node: Option<String>,
    endpoints: Vec<Endpoint>,
    /// Addresses that nobody has to be asked about, with their scopes.
    known: Option<Vec<(IpAddr, u32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Endpoint {
    socket_type: i32,
    protocol: i32,
    port: u16,
}

const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;
const SOCK_RAW: i32 = 3;
const SOCK_SEQPACKET: i32 = 5;
const SOCK_DCCP: i32 = 6;

/// A kind of socket that goes with a service.
struct Way {
    socket_type: i32,
    protocol: i32,
    /// As services(5) calls it; `None`: no services, any protocol.
    name: Option<&'static str>,
    /// Given to who asks for nothing in particular.
    usual: bool,
}

/// In libc's order.
const WAYS: [Way; 7] = [
    Way { socket_type: SOCK_STREAM, protocol: 6, name: Some("tcp"), usual: true },
    Way { socket_type: SOCK_DGRAM, protocol: 17, name: Some("udp"), usual: true },
    Way { socket_type: SOCK_DCCP, protocol: 33, name: Some("dccp"), usual: false },
    Way { socket_type: SOCK_DGRAM, protocol: 136, name: Some("udplite"), usual: false },
    Way { socket_type: SOCK_STREAM, protocol: 132, name: Some("sctp"), usual: false },
    Way { socket_type: SOCK_SEQPACKET, protocol: 132, name: Some("sctp"), usual: false },
    Way { socket_type: SOCK_RAW, protocol: 0, name: None, usual: true },
];

impl Request {
    /// Begins; `*` is no name and no service.
    pub fn new(
        files: &Arc<Files>,
        (node, service): (Option<&str>, Option<&str>),
        mut hints: Hints,
        interfaces: &[Interface],
    ) -> Result<Request, Error> {
        let node = node.filter(|node| *node != "*");
        let service = service.filter(|service| *service != "*");
        if node.is_none() && service.is_none() {
            return Err(Error::NoName);
        }
        let unknown = !Flags::all().contains(hints.flags);
        if unknown || (hints.flags.contains(Flags::CANONNAME) && node.is_none()) {
            return Err(Error::BadFlags);
        }
        if hints.flags.contains(Flags::ADDRCONFIG) {
            hints.families = configured(hints.families, interfaces)?;
        }
        let endpoints = endpoints(files, service.filter(|service| !service.is_empty()), &hints)?;
        let known = match node {
            Some(node) => numeric(node, &hints, interfaces)?,
            None => Some(unnamed(&hints)),
        };
        if known.is_none() && hints.flags.contains(Flags::NUMERICHOST) {
            return Err(Error::NoName);
        }
        Ok(Request { files: files.clone(), hints, node: node.map(str::to_owned), endpoints, known })
    }

    /// The name to be looked up, and for which families in turn; `None` if nobody has to be asked.
    pub fn lookups(&self) -> Option<(&str, &'static [Families])> {
        let node = self.node.as_deref().filter(|_| self.known.is_none())?;
        let families: &[Families] = match self.hints.families {
            Families::Inet6 if self.hints.flags.contains(Flags::V4MAPPED) => {
                &[Families::Inet6, Families::Inet]
            }
            Families::Inet6 => &[Families::Inet6],
            Families::Inet => &[Families::Inet],
            Families::Both => &[Families::Both],
        };
        Some((node, families))
    }

    /// The list, from what the look-ups found. `source` says from which address the host would send to another.
    pub fn finish(
        self,
        found: Vec<Result<HostEntry, HostError>>,
        mut source: impl FnMut(IpAddr, u32) -> Option<SourceAddress>,
    ) -> Result<Vec<AddrInfo>, Error> {
        let (addresses, name) = match self.known {
            Some(known) => (known, self.node),
            None => collect(found, &self.hints)?,
        };
        let mut list: Vec<_> = addresses.into_iter().map(|(address, scope)| (scope, address, None)).collect();
        if list.len() > 1 {
            for (scope, address, from) in &mut list {
                *from = source(*address, *scope);
            }
            self.files.policy.sort(&mut list);
        }
        let mut name = name.filter(|_| self.hints.flags.contains(Flags::CANONNAME));
        let mut all = Vec::new();
        for (scope, address, _) in list {
            all.extend(self.endpoints.iter().map(|endpoint| AddrInfo {
                socket_type: endpoint.socket_type,
                protocol: endpoint.protocol,
                address: with_scope(address, endpoint.port, scope),
                canonical_name: name.take(),
            }));
        }
        Ok(all)
    }
}

/// AI_ADDRCONFIG: the families of which there is an address.
fn configured(families: Families, interfaces: &[Interface]) -> Result<Families, Error> {
    let addresses = || interfaces.iter().flat_map(|interface| &interface.addresses);
    let seen4 = addresses().any(|address| address.is_ipv4() && !address.is_loopback());
    let seen6 = addresses().any(|address| address.is_ipv6() && !address.is_loopback());
    match (families, seen4, seen6) {
        (Families::Both, true, false) => Ok(Families::Inet),
        (Families::Both, false, true) => Ok(Families::Inet6),
        (Families::Inet, false, _) | (Families::Inet6, _, false) => Err(Error::NoName),
        _ => Ok(families),
    }
}

/// The kinds of sockets that are asked for, with the service's port in each.
fn endpoints(files: &Files, service: Option<&str>, hints: &Hints) -> Result<Vec<Endpoint>, Error> {
    let fits = |way: &&Way| {
        let type_fits = hints.socket_type == 0 || hints.socket_type == way.socket_type;
        type_fits && (hints.protocol == 0 || way.name.is_none() || hints.protocol == way.protocol)
    };
    let none = if hints.socket_type != 0 { Error::SockType } else { Error::Service };
    let first = WAYS.iter().find(fits).ok_or(none)?;
    let particular = hints.socket_type != 0 || hints.protocol != 0;
    let port = match service.map(|service| (service, number(service))) {
        None => 0,
        Some(_) if particular && first.name.is_none() => return Err(Error::Service),
        // What is more than 16 bits is cut, as htons does.
        Some((_, Some(port @ 0..))) => port as u16,
        Some((_, None)) if hints.flags.contains(Flags::NUMERICSERV) => return Err(Error::NoName),
        Some((service, _)) => {
            return named(files, service, if particular { std::slice::from_ref(first) } else { &WAYS });
        }
    };
    let endpoint = |way: &Way| {
        let protocol = if way.name.is_none() { hints.protocol } else { way.protocol };
        Endpoint { socket_type: way.socket_type, protocol, port }
    };
    if particular {
        return Ok(vec![endpoint(first)]);
    }
    Ok(WAYS.iter().filter(|way| way.usual).map(endpoint).collect())
}

/// The ways that a service of this name has a port in.
fn named(files: &Files, service: &str, ways: &[Way]) -> Result<Vec<Endpoint>, Error> {
    let endpoint = |way: &Way| {
        let port = files.service_by_name(service, Some(way.name?))?.port;
        Some(Endpoint { socket_type: way.socket_type, protocol: way.protocol, port })
    };
    let found: Vec<_> = ways.iter().filter_map(endpoint).collect();
    if found.is_empty() { Err(Error::Service) } else { Ok(found) }
}

/// A port as strtoul(3) reads it, as an int.
fn number(text: &str) -> Option<i32> {
    let text = text.trim_start_matches(is_space);
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = all_digits.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))?;
    Some(if negative { number.wrapping_neg() } else { number } as i32)
}

/// A name that is an address.
fn numeric(node: &str, hints: &Hints, interfaces: &[Interface]) -> Result<Option<Vec<(IpAddr, u32)>>, Error> {
    let found = |address: IpAddr, scope| Ok(Some(vec![(address, scope)]));
    if let Some(address) = inet_aton_exact(node) {
        return match hints.families {
            Families::Inet6 if hints.flags.contains(Flags::V4MAPPED) => {
                found(address.to_ipv6_mapped().into(), 0)
            }
            Families::Inet6 => Err(Error::AddrFamily),
            _ => found(address.into(), 0),
        };
    }
    let (text, scope) = node.split_once('%').map_or((node, None), |(text, scope)| (text, Some(scope)));
    let Ok(address) = text.parse::<Ipv6Addr>() else { return Ok(None) };
    if hints.families == Families::Inet {
        return address.to_ipv4_mapped().map_or(Err(Error::AddrFamily), |address| found(address.into(), 0));
    }
    let index = |name: &str| interfaces.iter().find(|interface| interface.name == name).map(|it| it.index);
    match scope {
        None => found(address.into(), 0),
        Some(scope) => found(address.into(), scope_id(address, scope, index).ok_or(Error::NoName)?),
    }
}

/// Without a name: the host itself, or everything that is to come to it.
fn unnamed(hints: &Hints) -> Vec<(IpAddr, u32)> {
    let passive = hints.flags.contains(Flags::PASSIVE);
    let ipv6 = if passive { Ipv6Addr::UNSPECIFIED } else { Ipv6Addr::LOCALHOST };
    let ipv4 = if passive { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let (ipv6, ipv4) = ((ipv6.into(), 0), (ipv4.into(), 0));
    match hints.families {
        Families::Both => vec![ipv6, ipv4],
        Families::Inet6 => vec![ipv6],
        Families::Inet => vec![ipv4],
    }
}

/// Addresses with their scopes, and the host's official name.
type Named = (Vec<(IpAddr, u32)>, Option<String>);

/// All addresses of the look-ups.
fn collect(found: Vec<Result<HostEntry, HostError>>, hints: &Hints) -> Result<Named, Error> {
    let mut addresses = Vec::new();
    let mut name = None;
    let mut why = HostError::NotFound;
    let (mut ipv6, wants_ipv6) = (false, hints.families == Families::Inet6);
    for (turn, result) in found.into_iter().enumerate() {
        match result {
            Ok(entry) => {
                name.get_or_insert(entry.name);
                ipv6 |= turn == 0;
                addresses.extend(entry.addresses.into_iter().map(|address| match address {
                    IpAddr::V4(address) if wants_ipv6 => (address.to_ipv6_mapped().into(), 0),
                    address => (address, 0),
                }));
            }
            Err(HostError::NotFound) => {}
            Err(error) if why != HostError::NoData => why = error,
            Err(_) => {}
        }
    }
    let mapped = |address: &IpAddr| matches!(address, IpAddr::V6(it) if it.to_ipv4_mapped().is_some());
    if wants_ipv6 && ipv6 && hints.flags.intersection(Flags::V4MAPPED | Flags::ALL) == Flags::V4MAPPED {
        addresses.retain(|(address, _)| !mapped(address));
    }
    if addresses.is_empty() { Err(why.into()) } else { Ok((addresses, name)) }
}

fn with_scope(address: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match address {
        IpAddr::V4(address) => SocketAddr::from((address, port)),
        IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, scope).into(),
    }
}
