//! Which of a host's addresses another sends to.

use std::net::IpAddr;

use sockeye_stack::Cidr;

use crate::model::Topology;

impl Topology {
    /// The first address of a host that another has a way to; if there is none, the first at all.
    pub(crate) fn destination(&self, from: usize, to: usize) -> Option<IpAddr> {
        let mut addresses = self.addresses(to);
        let first = addresses.next();
        first.into_iter().chain(addresses).find(|address| self.reaches(from, *address)).or(first)
    }

    /// Whether a host, as it begins, has a way to an address: its own, one in a network of its own, or one that a route leads to.
    /// What is of one link (RFC 4007) needs an interface's name beside it.
    pub(crate) fn reaches(&self, from: usize, address: IpAddr) -> bool {
        let host = &self.hosts[from];
        let is_of_link = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        let networks = || host.interfaces.iter().flat_map(|interface| &interface.addresses);
        let has_family = networks().any(|own| own.address().is_ipv4() == address.is_ipv4());
        let is_own = networks().any(|own| own.address() == address);
        let routes = host.routes.iter().map(|(to, ..)| to);
        is_own
            || (!is_of_link && has_family && networks().chain(routes).any(|to: &Cidr| to.contains(address)))
    }
}
