//! Which way a packet goes, and which address of ours it comes from.
//!
//! Longest prefix first, equals in the order they were added; ahead of all routes stand our own addresses, which lead
//! to `lo`, and the policies. Not modelled: metrics, several tables, link-local scopes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_wire::ipv6;

use crate::cidr::common_prefix;
use crate::interface::Device;
use crate::{Cidr, Interface, InterfaceId};

/// A route: packets to these destinations leave by this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which destinations.
    pub destination: Cidr,
    /// The router that takes them on; none: they are on the link.
    pub via: Option<IpAddr>,
    /// Where they leave.
    pub interface: InterfaceId,
}

/// A rule ahead of all routes: packets of TCP and UDP to this port of any address (loopback and our own too, unless a
/// local socket is bound to the port) go to this next hop, the destination address untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Destination port.
    pub port: u16,
    /// The next hops for IPv4 and IPv6.
    pub via: (Ipv4Addr, Ipv6Addr),
    /// Where they leave.
    pub interface: InterfaceId,
    /// Whose packets go by the routes all the same.
    pub except: Option<IpAddr>,
}

/// The next step of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Where it leaves; `lo` if it stays here.
    pub(crate) interface: InterfaceId,
    /// Who takes it on the link.
    pub(crate) next_hop: IpAddr,
}

impl Path {
    pub(crate) fn is_local(&self) -> bool {
        self.interface == InterfaceId::LOOPBACK
    }
}

/// Whether an address means something on its link only (RFC 4291, section 2.5.6; RFC 4007).
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Whether packets to an address stay on a link: link-local ones, and groups of scopes up to the link's.
fn is_of_link(address: IpAddr) -> bool {
    let group = matches!(address, IpAddr::V6(group) if group.is_multicast() && group.octets()[1] & 0xf <= 2);
    group || is_link_local(address)
}

/// The least that is believed of a path from this address: RFC 1191, section 3, and what Linux lets a router claim at
/// least (`min_pmtu`); RFC 8200, section 5.
pub(crate) fn least_mtu(source: IpAddr) -> usize {
    if source.is_ipv4() { 552 } else { 1280 }
}

/// The most that a header can say: IPv6's doesn't count itself.
pub(crate) fn longest_packet(to: IpAddr) -> usize {
    if to.is_ipv4() { 65_535 } else { 65_535 + ipv6::HEADER_LEN }
}

/// Routes and policies of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    /// Longest prefix first.
    routes: Vec<Route>,
    policies: Vec<Policy>,
}

impl Routes {
    pub(crate) fn add(&mut self, route: Route) {
        let at = self.routes.partition_point(|old| old.destination.prefix() >= route.destination.prefix());
        self.routes.insert(at, route);
    }

    /// Takes away the routes to the networks of an interface's addresses.
    pub(crate) fn remove_networks(&mut self, interface: InterfaceId, of: &[Cidr]) {
        let own = |route: &Route| route.interface == interface && route.via.is_none();
        self.routes.retain(|route| !(own(route) && of.contains(&route.destination)));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    pub(crate) fn add_policy(&mut self, policy: Policy) {
        self.policies.push(policy);
    }

    /// The way to an address that is not ours, by this device if it is one.
    pub(crate) fn lookup(&self, destination: IpAddr, device: Device) -> Option<Path> {
        let mut routes = self.routes.iter().filter(|route| device.takes(route.interface));
        let route = routes.find(|route| route.destination.contains(destination))?;
        Some(Path { interface: route.interface, next_hop: route.via.unwrap_or(destination) })
    }

    /// The way a policy says for this port.
    pub(crate) fn policy(&self, port: u16, destination: IpAddr) -> Option<Path> {
        let is_for = |policy: &&Policy| policy.port == port && policy.except != Some(destination);
        let policy = self.policies.iter().find(is_for)?;
        let next_hop = match destination {
            IpAddr::V4(_) => policy.via.0.into(),
            IpAddr::V6(_) => policy.via.1.into(),
        };
        Some(Path { interface: policy.interface, next_hop })
    }
}

/// The address a packet along this way comes from, if its socket is not bound to one.
///
/// IPv4, as Linux: the first address of the interface whose network holds the next hop, else the first. IPv6, from
/// RFC 6724: the destination itself if it is ours (rule 1), else one of its scope (rule 2), else the one with the longest
/// prefix in common (rule 8).
/// To a local destination: from itself, but from 127.0.0.1 for all of 127/8.
pub(crate) fn select_source<'a>(
    interfaces: impl Iterator<Item = &'a Interface> + Clone,
    path: &Path,
    destination: IpAddr,
) -> Option<IpAddr> {
    if path.is_local() && destination.is_multicast() {
        return best(interfaces.clone().next()?, path, destination);
    }
    if path.is_local() {
        return Some(match destination {
            IpAddr::V4(address) if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            other => other,
        });
    }
    let leaves_by = interfaces.clone().nth(path.interface.0).into_iter();
    // An interface without an address of the family borrows one of another (weak host model).
    let others =
        interfaces.enumerate().filter(|(i, _)| *i != 0 && *i != path.interface.0).map(|(_, other)| other);
    leaves_by
        .map(|interface| best(interface, path, destination))
        .chain(others.map(|i| best(i, path, destination)))
        .flatten()
        .next()
}

fn best(interface: &Interface, path: &Path, destination: IpAddr) -> Option<IpAddr> {
    let mut family = interface
        .addresses
        .iter()
        .filter(|cidr| cidr.address().is_ipv4() == destination.is_ipv4())
        .peekable();
    let first = family.peek()?.address();
    match destination {
        IpAddr::V4(_) => Some(family.find(|cidr| cidr.contains(path.next_hop)).map_or(first, Cidr::address)),
        IpAddr::V6(_) => family
            .map(Cidr::address)
            .enumerate()
            .max_by_key(|(i, address)| {
                let in_scope = is_link_local(*address) == is_of_link(destination);
                (in_scope, common_prefix(*address, destination), usize::MAX - i)
            })
            .map(|(_, address)| address),
    }
}
