//! Whether what was read can be: one address a host, one link an interface, no ring of switches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sockeye_abi::Transport;
use sockeye_stack::Cidr;

use crate::model::{Plug, Topology, What};
use crate::problem::{Found, Span};
use crate::value;

/// Where things stand in the file.
#[derive(Default)]
pub(super) struct Places {
    addresses: BTreeMap<IpAddr, Span>,
    plugged: BTreeMap<Plug, Span>,
    /// For each switch one that it is joined to, at last one that stands for all of them.
    leaders: BTreeMap<usize, usize>,
    /// Ports that traffic has on a host.
    ports: BTreeSet<(usize, u16, Transport)>,
    /// MTUs of interfaces.
    pub(super) mtus: BTreeMap<(usize, usize), Span>,
    /// Of each link its MTU there, back, and both.
    pub(super) link_mtus: Vec<[Option<Span>; 3]>,
}

impl Places {
    /// An address of some host.
    pub(super) fn address(&mut self, cidr: Cidr, span: &Span, found: &Found) {
        let address = cidr.address();
        if self.addresses.insert(address, span.clone()).is_some() {
            found.add(span, format!("{address} is another interface's already"));
        }
    }

    /// A port of a host that traffic is served at.
    pub(super) fn port(
        &mut self,
        (host, port, transport): (usize, u16, Transport),
        topology: &Topology,
        (span, found): (&Span, &Found),
    ) {
        let own = &topology.hosts[host];
        let mut services = topology.served(own).into_iter();
        if let Some(service) = services.find(|service| service.has(port, transport)) {
            found.add(span, format!("port {port} of {} is that of its own {}", own.name, service.name()));
        } else if !self.ports.insert((host, port, transport)) {
            found.add(span, format!("other traffic has port {port} of {} already", own.name));
        }
    }

    /// A link between two ends.
    pub(super) fn link(&mut self, ends: [(Plug, &Span); 2], topology: &Topology, found: &Found) {
        for (plug, span) in ends {
            if let Plug::Interface(host, interface) = plug
                && self.plugged.insert(plug, span.clone()).is_some()
            {
                let host = &topology.hosts[host].name;
                found.add(span, format!("{host}:eth{interface} has a link already; a switch takes many"));
            }
        }
        let [(a, _), (b, span)] = ends;
        if a == b && matches!(a, Plug::Interface(..)) {
            return;
        }
        if let (Plug::Switch(a), Plug::Switch(b)) = (a, b) {
            let [a, b] = [a, b].map(|switch| self.leader(switch));
            if a == b {
                found.add(span, "this link closes a ring of switches");
            }
            self.leaders.insert(a, b);
            // The way to the leader stays short.
            if let [(Plug::Switch(own), _), _] = ends {
                self.leaders.insert(own, b);
            }
        }
    }

    /// IPv6 needs more of a link than IPv4 (RFC 8200, section 5).
    pub(super) fn mtus(&self, topology: &Topology, found: &Found) {
        let speakers = speakers(topology);
        let speaks = |plug: &Plug| speakers.contains(plug);
        // All that switches join is one link.
        let leader = |plug: &Plug| match plug {
            Plug::Switch(switch) => Some(self.leader(*switch)),
            Plug::Interface(..) => None,
        };
        let with = topology.links.iter().filter(|link| link.ends.iter().any(speaks));
        let with: BTreeSet<_> = with.flat_map(|link| link.ends.iter().filter_map(leader)).collect();
        let is_with = |plug| speaks(plug) || leader(plug).is_some_and(|switch| with.contains(&switch));
        let least = value::LEAST_IPV6_MTU;
        let is_short = |mtu: usize| (mtu as u64) < least;
        for (link, [there, back, both]) in topology.links.iter().zip(&self.link_mtus) {
            let [there, back] = [there, back].map(|own| own.as_ref().or(both.as_ref()));
            let short = [there, back].into_iter().zip(link.mtus).find(|(_, mtu)| is_short(*mtu));
            if let Some((Some(span), _)) = short
                && link.ends.iter().any(is_with)
            {
                found.add(span, format!("an mtu under {least} is too short for IPv6, which is on this link"));
            }
        }
        for ((host, interface), span) in &self.mtus {
            let own = topology.hosts[*host].interfaces.get(*interface).and_then(|own| own.mtu);
            if own.is_some_and(is_short) && speaks(&Plug::Interface(*host, *interface)) {
                found.add(
                    span,
                    format!("an mtu under {least} is too short for IPv6, of which it has an address"),
                );
            }
        }
    }

    fn leader(&self, mut switch: usize) -> usize {
        while let Some(next) = self.leaders.get(&switch).filter(|next| **next != switch) {
            switch = *next;
        }
        switch
    }
}

/// Interfaces that have an address of IPv6, or get one.
fn speakers(topology: &Topology) -> BTreeSet<Plug> {
    let hosts = topology.hosts.iter().enumerate();
    let first = hosts.flat_map(|(host, own)| {
        let interfaces = own.interfaces.iter().enumerate();
        interfaces.map(move |(number, own)| (Plug::Interface(host, number), &own.addresses))
    });
    let later = topology.events.iter().filter_map(|event| match &event.what {
        What::Readdress(host, number, addresses) => Some((Plug::Interface(*host, *number), addresses)),
        _ => None,
    });
    let speak = first.chain(later).filter(|(_, own)| own.iter().any(|own| own.address().is_ipv6()));
    speak.map(|(plug, _)| plug).collect()
}
