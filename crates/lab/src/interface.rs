//! An Ethernet interface as it comes up: what it has besides the addresses that it is given.

use std::net::{IpAddr, Ipv4Addr};

use sockeye_stack::{Cidr, Interface, InterfaceId, Route, Stack};
use sockeye_wire::ethernet::Mac;

/// Adds it. If it speaks IPv6 it has a link-local address, too; and it is where IPv4's groups are, unless an interface before
/// it is.
pub(crate) fn add(stack: &mut Stack, mut interface: Interface) -> InterfaceId {
    let has_v4 = interface.addresses.iter().any(|own| own.address().is_ipv4());
    add_link_local(&mut interface.addresses, interface.mac);
    let id = stack.add_interface(interface);
    if let (true, Some(groups)) = (has_v4, Cidr::new(Ipv4Addr::new(224, 0, 0, 0).into(), 4)) {
        stack.add_route(Route { destination: groups, via: None, interface: id });
    }
    id
}

/// Gives it other addresses.
pub(crate) fn set_addresses(stack: &mut Stack, id: InterfaceId, mut addresses: Vec<Cidr>) {
    let mac = stack.interfaces().find(|(of, _)| *of == id).map(|(_, interface)| interface.mac);
    if let Some(mac) = mac {
        add_link_local(&mut addresses, mac);
        stack.set_addresses(id, addresses);
    }
}

fn add_link_local(addresses: &mut Vec<Cidr>, mac: Mac) {
    if addresses.iter().any(|own| own.address().is_ipv6()) {
        addresses.extend(Cidr::new(mac.link_local().into(), 64));
    }
}

/// Whether an address means something beyond its link.
pub(crate) fn is_known_beyond(own: &Cidr) -> bool {
    match own.address() {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    }
}
