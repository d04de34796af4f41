//! Whether what was read can be: one address a host, one link an interface, no ring of switches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sockeye_abi::Transport;
use sockeye_stack::Cidr;

use crate::model::{Plug, Topology};
use crate::problem::{Found, Span};

/// Where things stand in the file.
#[derive(Default)]
pub(super) struct Places {
    addresses: BTreeMap<IpAddr, Span>,
    plugged: BTreeMap<Plug, Span>,
    /// For each switch one that it is joined to, at last one that stands for all of them.
    leaders: BTreeMap<usize, usize>,
    /// Ports that traffic has on a host.
    ports: BTreeSet<(usize, u16, Transport)>,
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

    fn leader(&self, mut switch: usize) -> usize {
        while let Some(next) = self.leaders.get(&switch).filter(|next| **next != switch) {
            switch = *next;
        }
        switch
    }
}
