//! Multicast groups: which socket is in which, and what of them each interface hears (ip(7), RFC 3376, RFC 3810).
//!
//! A socket's memberships are [`Members`] here, whatever the socket is; an interface hears the sum of what its sockets
//! want of a group, and tells the routers of its link by IGMP and MLD. Not modelled: who listens to that; the lab's links and
//! switches carry groups to all that are on them, and its routers forward none.

mod filter;
mod reporter;
mod speak;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_base::Instant;
use sockeye_wire::{Body, Packet, icmpv6};

use crate::InterfaceId;
use crate::error::GroupError;
use crate::output::solicited_node;
use crate::stack::{Link, MembersId, Stack};

use reporter::Reporter;

pub(crate) use filter::Filter;
pub use filter::FilterMode;

/// Groups of IPv6 that one socket may be in: Linux bounds their memory (`optmem_max`).
const GROUPS_V6: usize = 2048;

/// The groups of one socket.
#[derive(Debug)]
pub(crate) struct Members {
    memberships: Vec<Membership>,
    /// IP_MULTICAST_ALL and IPV6_MULTICAST_ALL: groups that others have joined are heard, too.
    hears_all: (bool, bool),
}

/// A socket's membership in a group.
#[derive(Debug)]
struct Membership {
    group: IpAddr,
    interface: InterfaceId,
    mode: FilterMode,
    /// As they were given; none: no source was ever named, so the mode may still change.
    sources: Option<Vec<IpAddr>>,
}

impl Membership {
    fn is(&self, group: IpAddr, interface: Option<InterfaceId>) -> bool {
        self.group == group && interface.is_none_or(|interface| self.interface == interface)
    }

    fn sources(&self) -> &[IpAddr] {
        self.sources.as_deref().unwrap_or_default()
    }
}

/// What is done with one source of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// It comes into the list.
    Add,
    /// It leaves the list.
    Remove,
}

/// The groups of an interface.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    joined: BTreeMap<IpAddr, Joined>,
    /// What is to be told of them, once there is something.
    reporter_v4: Option<Box<Reporter>>,
    reporter_v6: Option<Box<Reporter>>,
}

/// A group that sockets of this host are in.
#[derive(Debug)]
struct Joined {
    members: Vec<MembersId>,
    filter: Filter,
}

impl Link {
    /// The groups it hears, and how many sockets are in each.
    pub(crate) fn groups(&self) -> Vec<(IpAddr, usize)> {
        let own = self.interface.addresses.iter().map(|own| own.address());
        let nodes = own.clone().filter_map(|own| match own {
            IpAddr::V6(own) => Some(solicited_node(own).into()),
            IpAddr::V4(_) => None,
        });
        let everybody = [ALL_SYSTEMS.into(), ALL_NODES.into(), ALL_NODES_HERE.into()];
        let mut groups: BTreeMap<IpAddr, usize> =
            everybody.into_iter().chain(nodes).map(|group| (group, 0)).collect();
        groups.extend(self.groups.joined.iter().map(|(group, joined)| (*group, joined.members.len())));
        groups.into_iter().collect()
    }
}

impl Stack {
    /// The groups that an interface hears, and how many want it to: those that sockets are in, and those it is in by itself.
    pub fn groups_on(&self, interface: InterfaceId) -> Vec<(IpAddr, usize)> {
        let Some(link) = self.links.get(interface.0) else { return Vec::new() };
        let joined = link.groups.joined.iter().map(|(group, joined)| (*group, joined.members.len()));
        let mut groups: Vec<(IpAddr, usize)> = joined.collect();
        let own = || link.interface.addresses.iter().map(|own| own.address());
        // `::1` has none.
        let solicited = own().filter_map(|own| match own {
            IpAddr::V6(own) if !own.is_loopback() => Some(solicited_node(own).into()),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        });
        let v6 = own().any(|own| own.is_ipv6());
        let v4 = own().any(|own| own.is_ipv4());
        let nodes = [ALL_NODES, ALL_NODES_HERE].into_iter().filter(|_| v6).map(IpAddr::from);
        let always = solicited.chain(nodes).chain(Some(ALL_SYSTEMS.into()).filter(|_| v4));
        for group in always {
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, users)) => *users += 1,
                None => groups.push((group, 1)),
            }
        }
        groups
    }

    /// A socket that is in no group yet.
    pub fn members_open(&mut self) -> MembersId {
        self.members.insert(Members { memberships: Vec::new(), hears_all: (true, true) })
    }

    /// A socket ends, and with it its memberships.
    pub fn members_close(&mut self, now: Instant, id: MembersId) {
        let Some(members) = self.members.remove(id) else { return };
        for Membership { group, interface, .. } in members.memberships {
            self.group_changed(now, (group, interface), id);
        }
        self.settle(now);
    }

    /// IP_MULTICAST_ALL, IPV6_MULTICAST_ALL.
    pub fn members_hear_all(&mut self, id: MembersId, v4: bool, v6: bool) {
        if let Some(members) = self.members.get_mut(id) {
            members.hears_all = (v4, v6);
        }
    }

    /// Joins a group on an interface: all of its sources with `Exclude`, none yet with `Include`.
    pub fn group_join(
        &mut self,
        now: Instant,
        id: MembersId,
        (group, interface): (IpAddr, InterfaceId),
        mode: FilterMode,
    ) -> Result<(), GroupError> {
        let most = if group.is_ipv4() { self.settings.igmp_max_memberships } else { GROUPS_V6 };
        let members = self.members.get_mut(id).ok_or(GroupError::NotMember)?;
        if members.memberships.iter().any(|held| held.is(group, Some(interface))) {
            return Err(GroupError::IsMember);
        }
        let same_family = |held: &&Membership| held.group.is_ipv4() == group.is_ipv4();
        if members.memberships.iter().filter(same_family).count() >= most {
            return Err(GroupError::TooMany);
        }
        members.memberships.push(Membership { group, interface, mode, sources: None });
        self.group_changed(now, (group, interface), id);
        self.settle(now);
        Ok(())
    }

    /// Leaves a group, on any interface if none is named.
    pub fn group_leave(
        &mut self,
        now: Instant,
        id: MembersId,
        (group, interface): (IpAddr, Option<InterfaceId>),
    ) -> Result<(), GroupError> {
        let members = self.members.get_mut(id).ok_or(GroupError::NotMember)?;
        let at = members.memberships.iter().position(|held| held.is(group, interface));
        let left = members.memberships.remove(at.ok_or(GroupError::NotMember)?);
        self.group_changed(now, (group, left.interface), id);
        self.settle(now);
        Ok(())
    }

    /// Puts a source into a membership's list, or takes it out. The last one of those included takes the membership along
    /// (`ip_mc_source`).
    pub fn group_source(
        &mut self,
        now: Instant,
        id: MembersId,
        (group, interface): (IpAddr, InterfaceId),
        (source, change, mode): (IpAddr, SourceChange, FilterMode),
    ) -> Result<(), GroupError> {
        let most = self.most_sources(group);
        let held = self.membership_mut(id, (group, interface)).ok_or(GroupError::Invalid)?;
        if held.mode != mode {
            // Only while no source was ever named.
            if held.sources.is_some() {
                return Err(GroupError::Invalid);
            }
            held.mode = mode;
        }
        let at = held.sources().iter().position(|listed| *listed == source);
        match (change, at) {
            (SourceChange::Add, _) if held.sources().len() >= most => return Err(GroupError::TooMany),
            (SourceChange::Add, Some(_)) | (SourceChange::Remove, None) => return Err(GroupError::NotMember),
            (SourceChange::Add, None) => held.sources.get_or_insert_default().push(source),
            (SourceChange::Remove, Some(_)) if mode == FilterMode::Include && held.sources().len() == 1 => {
                return self.group_leave(now, id, (group, Some(interface)));
            }
            (SourceChange::Remove, Some(at)) => {
                held.sources.get_or_insert_default().remove(at);
            }
        }
        self.group_changed(now, (group, interface), id);
        self.settle(now);
        Ok(())
    }

    /// Sets a membership's whole filter; to include nobody is to leave.
    pub fn group_set_filter(
        &mut self,
        now: Instant,
        id: MembersId,
        (group, interface): (IpAddr, InterfaceId),
        (mode, sources): (FilterMode, Vec<IpAddr>),
    ) -> Result<(), GroupError> {
        if mode == FilterMode::Include && sources.is_empty() {
            return self.group_leave(now, id, (group, Some(interface)));
        }
        let held = self.membership_mut(id, (group, interface)).ok_or(GroupError::Invalid)?;
        held.mode = mode;
        held.sources = Some(sources).filter(|sources| !sources.is_empty());
        self.group_changed(now, (group, interface), id);
        self.settle(now);
        Ok(())
    }

    /// A membership's filter.
    pub fn group_filter(
        &self,
        id: MembersId,
        group: IpAddr,
        interface: InterfaceId,
    ) -> Option<(FilterMode, &[IpAddr])> {
        let mut memberships = self.members.get(id)?.memberships.iter();
        let held = memberships.find(|held| held.is(group, Some(interface)))?;
        Some((held.mode, held.sources()))
    }

    /// How many sources one filter may have (`igmp_max_msf`, `mld_max_msf`).
    pub fn most_sources(&self, group: IpAddr) -> usize {
        if group.is_ipv4() { self.settings.igmp_max_msf } else { self.settings.mld_max_msf }
    }

    /// Whether a socket hears what this source sends to a group (`ip_mc_sf_allow`, `inet6_mc_check`). A socket that never
    /// joined any, if it `hears_all`, hears all that the host hears.
    pub(crate) fn members_hear(
        &self,
        (members, hears_all): (Option<MembersId>, bool),
        (interface, group): (InterfaceId, IpAddr),
        source: IpAddr,
    ) -> bool {
        let Some(members) = members.and_then(|id| self.members.get(id)) else { return hears_all };
        match members.memberships.iter().find(|held| held.is(group, Some(interface))) {
            Some(held) => held.mode.passes(held.sources().contains(&source)),
            None if group.is_ipv4() => members.hears_all.0,
            None => members.hears_all.1,
        }
    }

    /// Whether the interface hears what this source sends to a group: one that a socket is in, or every host, or who has
    /// one of its addresses (RFC 4291, section 2.8).
    pub(crate) fn hears_group(&self, interface: InterfaceId, group: IpAddr, source: IpAddr) -> bool {
        let Some(link) = self.links.get(interface.0) else { return false };
        let joined = link.groups.joined.get(&group).is_some_and(|joined| joined.filter.passes(source));
        joined
            || match group {
                IpAddr::V4(group) => group == ALL_SYSTEMS,
                IpAddr::V6(group) if group == ALL_NODES || group == ALL_NODES_HERE => true,
                IpAddr::V6(group) => link
                    .interface
                    .addresses
                    .iter()
                    .any(|own| matches!(own.address(), IpAddr::V6(own) if solicited_node(own) == group)),
            }
    }

    /// Whether a packet speaks to the members of a group about the group: whose packets they hear is no matter then
    /// (`ip_check_mc_rcu`, `ipv6_is_mld`).
    pub(crate) fn asks_members(&self, interface: InterfaceId, packet: &Packet) -> bool {
        let asks = matches!(packet.body, Body::Igmp(_) | Body::Icmpv6(icmpv6::Message::Mld(_)));
        let joined = |link: &Link| asks && link.groups.joined.contains_key(&packet.destination());
        self.links.get(interface.0).is_some_and(joined)
    }

    fn membership_mut(
        &mut self,
        id: MembersId,
        (group, interface): (IpAddr, InterfaceId),
    ) -> Option<&mut Membership> {
        let mut memberships = self.members.get_mut(id)?.memberships.iter_mut();
        memberships.find(|held| held.is(group, Some(interface)))
    }

    /// A socket wants another thing of a group: the interface adds up anew.
    fn group_changed(&mut self, now: Instant, (group, interface): (IpAddr, InterfaceId), who: MembersId) {
        let Some(link) = self.links.get_mut(interface.0) else { return };
        let old = link.wanted(group);
        let wish = |id: MembersId| {
            let mut memberships = self.members.get(id)?.memberships.iter();
            let held = memberships.find(|held| held.is(group, Some(interface)))?;
            Some((held.mode, held.sources()))
        };
        let joined = link
            .groups
            .joined
            .entry(group)
            .or_insert_with(|| Joined { members: Vec::new(), filter: Filter::nobody() });
        match (wish(who), joined.members.iter().position(|id| *id == who)) {
            (Some(_), None) => joined.members.push(who),
            (None, Some(at)) => {
                joined.members.swap_remove(at);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        joined.filter = Filter::sum(joined.members.iter().filter_map(|id| wish(*id)));
        if joined.members.is_empty() {
            link.groups.joined.remove(&group);
        }
        self.tell_change(now, (group, interface), &old);
    }
}

/// All systems on this subnet: every host is in it (RFC 1112, section 4).
pub(crate) const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// All nodes of the link (RFC 4291, section 2.7.1).
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All nodes of the host.
const ALL_NODES_HERE: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
