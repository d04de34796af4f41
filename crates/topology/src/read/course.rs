//! What has come of the network by the time of an event: how links are by then, and who has which address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sockeye_lab::Direction;
use sockeye_stack::Cidr;

use crate::model::{Plug, Topology};
use crate::problem::{Found, Span};

/// An interface of a host.
type Own = (usize, usize);

/// A network between two events.
pub(super) struct Course<'a> {
    topology: &'a Topology,
    /// The links that have changed.
    links: BTreeMap<usize, [Direction; 2]>,
    addresses: BTreeMap<Own, Vec<IpAddr>>,
    /// Whose an address is; more than one may have it, as long as one at most is on.
    owners: BTreeMap<IpAddr, BTreeSet<Own>>,
    off: BTreeSet<usize>,
    /// Interfaces that have got addresses in this moment, or come with them.
    new: Vec<(Own, Span)>,
}

impl<'a> Course<'a> {
    pub(super) fn new(topology: &'a Topology) -> Course<'a> {
        let mut course = Course {
            topology,
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            owners: BTreeMap::new(),
            off: BTreeSet::new(),
            new: Vec::new(),
        };
        for (host, own) in topology.hosts.iter().enumerate() {
            for (interface, own) in own.interfaces.iter().enumerate() {
                course.give((host, interface), own.addresses.iter().map(Cidr::address).collect());
            }
        }
        course
    }

    /// What a link is like.
    pub(super) fn link(&self, link: usize) -> &[Direction; 2] {
        self.links.get(&link).unwrap_or(&self.topology.links[link].directions)
    }

    pub(super) fn change(&mut self, link: usize, directions: [Direction; 2]) {
        self.links.insert(link, directions);
    }

    pub(super) fn readdress(&mut self, own: Own, addresses: &[Cidr], span: &Span) {
        self.give(own, addresses.iter().map(Cidr::address).collect());
        self.new.push((own, span.clone()));
    }

    pub(super) fn power(&mut self, host: usize, on: bool, span: &Span) {
        if !on {
            self.off.insert(host);
        } else if self.off.remove(&host) {
            let interfaces = 0..self.topology.hosts[host].interfaces.len();
            self.new.extend(interfaces.map(|interface| ((host, interface), span.clone())));
        }
    }

    fn give(&mut self, own: Own, addresses: Vec<IpAddr>) {
        for address in &addresses {
            self.owners.entry(*address).or_default().insert(own);
        }
        let before = self.addresses.insert(own, addresses.clone()).unwrap_or_default();
        for address in before.iter().filter(|address| !addresses.contains(address)) {
            if let Some(owners) = self.owners.get_mut(address) {
                owners.remove(&own);
            }
        }
    }

    /// A moment is over, in which two may have changed places: nobody may have the address of another who is on.
    pub(super) fn go_on(&mut self, found: &Found) {
        for (own, span) in std::mem::take(&mut self.new) {
            if self.off.contains(&own.0) {
                continue;
            }
            for address in self.addresses.get(&own).into_iter().flatten() {
                let others = self.owners.get(address).into_iter().flatten();
                let mut on = others.filter(|other| **other != own && !self.off.contains(&other.0));
                if let Some(other) = on.next() {
                    let other = self.topology.name_of(Plug::Interface(other.0, other.1));
                    found.add(&span, format!("{address} is {other}'s already at this time"));
                }
            }
        }
    }
}
