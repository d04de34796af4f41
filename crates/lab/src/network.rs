//! The network that is there without being asked for: `pukaki`, where programs run, and `tekapo`, which has the servers.

use std::net::{Ipv4Addr, Ipv6Addr};

use sockeye_stack::{Cidr, Policy};

use crate::{HostId, HostSpec, Lab, LinkId, LinkSpec};

/// The port of DNS.
const DNS: u16 = 53;

/// The embedded default network.
pub struct DefaultNetwork {
    /// Both hosts and their link.
    pub lab: Lab,
    /// 10.61.0.1 and fd61::1. Whatever it sends to port 53 of any address goes to `tekapo`.
    pub pukaki: HostId,
    /// 10.61.0.2 and fd61::2. It answers on port 53 for any address.
    pub tekapo: HostId,
    /// The Ethernet between them, without delay and loss.
    pub link: LinkId,
}

/// Makes the default network, an Ethernet of MTU 1500. The link may be changed afterwards ([`Lab::set_direction`]).
pub fn default_network(seed: u64) -> DefaultNetwork {
    default_network_with_mtu(seed, 1500)
}

/// The default network with another MTU of its link and of the interfaces at both ends, in bytes.
pub fn default_network_with_mtu(seed: u64, mtu: usize) -> DefaultNetwork {
    let mut lab = Lab::new(seed);
    let pukaki = lab.add_host(HostSpec { mtu, ..HostSpec::new("pukaki", addresses(1)) });
    let tekapo = lab.add_host(HostSpec { mtu, ..HostSpec::new("tekapo", addresses(2)) });
    let link = lab.add_link(LinkSpec { mtu, ..LinkSpec::new(pukaki, tekapo) });
    let interface = lab.eth0();
    lab.host_mut(pukaki).stack_mut().add_policy(Policy { port: DNS, via: (ipv4(2), ipv6(2)), interface });
    lab.host_mut(tekapo).stack_mut().accept_any_destination(DNS);
    DefaultNetwork { lab, pukaki, tekapo, link }
}

fn addresses(host: u8) -> Vec<Cidr> {
    [Cidr::new(ipv4(host).into(), 24), Cidr::new(ipv6(host).into(), 64)].into_iter().flatten().collect()
}

fn ipv4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 61, 0, host)
}

fn ipv6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd61, 0, 0, 0, 0, 0, 0, host.into())
}
