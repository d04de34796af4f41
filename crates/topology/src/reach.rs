//! Who gets to whom: which of a host's addresses another sends to, and who is on one Ethernet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sockeye_stack::Cidr;

use crate::model::{Link, Plug, Topology};

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

    /// Where hosts on one Ethernet have different MTUs: nobody tells the one with the longer packets.
    pub(crate) fn uneven_mtus(&self, plugged: &BTreeMap<Plug, &Link>) -> Vec<String> {
        let mut lans: BTreeMap<usize, Vec<(usize, Plug)>> = BTreeMap::new();
        let lan_of = self.lans();
        for (plug, link) in plugged {
            let switch = link.ends.iter().find_map(|end| match end {
                Plug::Switch(switch) => Some(*switch),
                Plug::Interface(..) => None,
            });
            if let (Plug::Interface(host, interface), Some(switch)) = (*plug, switch) {
                let mtu = self.mtu_on(Some(link), (host, interface));
                lans.entry(lan_of[switch]).or_default().push((mtu, *plug));
            }
        }
        let uneven = lans.values().filter_map(|plugs| {
            let (most, long) = plugs.iter().max()?;
            let (least, short) = plugs.iter().min()?;
            let [long, short] = [long, short].map(|plug| self.name_of(*plug));
            (most != least).then(|| {
                format!("{long} has an mtu of {most}, and {short} on the same Ethernet one of {least}")
            })
        });
        uneven.collect()
    }

    /// For each switch the one that stands for all that it is joined with.
    fn lans(&self) -> Vec<usize> {
        let mut leaders: Vec<usize> = (0..self.switches.len()).collect();
        let find = |leaders: &mut Vec<usize>, mut switch: usize| {
            while leaders[switch] != switch {
                leaders[switch] = leaders[leaders[switch]];
                switch = leaders[switch];
            }
            switch
        };
        for link in &self.links {
            if let [Plug::Switch(a), Plug::Switch(b)] = link.ends {
                let [a, b] = [a, b].map(|switch| find(&mut leaders, switch));
                leaders[a] = b;
            }
        }
        (0..leaders.len()).map(|switch| find(&mut leaders, switch)).collect()
    }
}
