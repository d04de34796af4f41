//! The network that is there without being asked for: `pukaki`, where programs run, and `tekapo`, which has the servers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_stack::{Cidr, Policy, Route};

use crate::{End, HostId, HostSpec, Lab, LinkId, LinkSpec};

/// The port of DNS.
const DNS: u16 = 53;

/// The last number of the gateway's addresses.
const GATEWAY: u8 = 254;

/// The embedded default network.
pub struct DefaultNetwork {
    /// The hosts and their links.
    pub lab: Lab,
    /// 10.61.0.1 and fd61::1. Whatever it sends to port 53 of any address goes to `tekapo`.
    pub pukaki: HostId,
    /// 10.61.0.2 and fd61::2. It answers on port 53 for any address.
    pub tekapo: HostId,
    /// 10.61.0.254 and fd61::fe, to whom `pukaki` sends what is for others, if there is one.
    pub gateway: Option<HostId>,
    /// The Ethernet that leads away from `pukaki`, without delay and loss.
    pub link: LinkId,
    /// Its other end: `tekapo`, or a switch where there is a gateway.
    pub far_end: End,
}

/// Makes the default network, an Ethernet of MTU 1500. The link may be changed afterwards ([`Lab::set_direction`]).
pub fn default_network(seed: u64) -> DefaultNetwork {
    default_network_with_mtu(seed, 1500)
}

/// The default network with another MTU of its link and of the interfaces at both ends, in bytes.
pub fn default_network_with_mtu(seed: u64, mtu: usize) -> DefaultNetwork {
    let mut lab = Lab::new(seed);
    let [pukaki, tekapo] = [("pukaki", 1), ("tekapo", 2)].map(|host| add_host(&mut lab, host, mtu));
    let link = lab.add_link(LinkSpec { mtu, ..LinkSpec::new(pukaki, tekapo) });
    ask(&mut lab, pukaki, tekapo);
    DefaultNetwork { lab, pukaki, tekapo, gateway: None, link, far_end: tekapo.into() }
}

/// The same with a third host, `gateway`, which answers for all others: the three are on a switch.
pub fn default_network_with_gateway(seed: u64, mtu: usize) -> DefaultNetwork {
    let mut lab = Lab::new(seed);
    let hosts = [("pukaki", 1), ("tekapo", 2), ("gateway", GATEWAY)];
    let [pukaki, tekapo, gateway] = hosts.map(|host| add_host(&mut lab, host, mtu));
    let switch = lab.add_switch("switch");
    let mut plug = |host| lab.add_link(LinkSpec { mtu, ..LinkSpec::new(host, switch) });
    let [link, _, _] = [pukaki, tekapo, gateway].map(&mut plug);
    ask(&mut lab, pukaki, tekapo);
    lab.host_mut(gateway).stack_mut().answer_for_all();
    let all: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), ipv4(GATEWAY).into()),
        (Ipv6Addr::UNSPECIFIED.into(), ipv6(GATEWAY).into()),
    ];
    let interface = lab.eth0();
    for (destination, via) in all {
        if let Some(destination) = Cidr::new(destination, 0) {
            let route = Route { destination, via: Some(via), interface };
            lab.host_mut(pukaki).stack_mut().add_route(route);
        }
    }
    DefaultNetwork { lab, pukaki, tekapo, gateway: Some(gateway), link, far_end: switch.into() }
}

fn add_host(lab: &mut Lab, (name, number): (&str, u8), mtu: usize) -> HostId {
    lab.add_host(HostSpec { mtu, ..HostSpec::new(name, addresses(number)) })
}

/// Whatever a host asks DNS, this server is asked.
fn ask(lab: &mut Lab, host: HostId, server: HostId) {
    let interface = lab.eth0();
    lab.host_mut(host).stack_mut().add_policy(Policy {
        port: DNS,
        via: (ipv4(2), ipv6(2)),
        interface,
        except: None,
    });
    lab.host_mut(server).stack_mut().accept_any_destination(DNS);
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
