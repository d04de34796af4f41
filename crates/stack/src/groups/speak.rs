//! IGMP and MLD between the stack and its links: which groups are spoken of, queries in, reports out.
//!
//! The groups of an interface's own addresses (solicited-node) are told to who asks, but not on their own when the host
//! begins: its addresses were always there. Not modelled: being a router, which asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_base::{Duration, Instant};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::membership::{self, Details, Record, RecordKind};
use sockeye_wire::{Body, Frame, Packet, icmpv6, igmp, ip, mld};

use super::filter::Filter;
use super::reporter::{Asked, Reporter, Told, Version, Wanted};
use super::{ALL_NODES, ALL_SYSTEMS, Groups};
use crate::output::{IpOptions, solicited_node};
use crate::route::{Path, is_link_local};
use crate::stack::{Link, Stack};
use crate::timers::{Popped, Timer, TimerKey};
use crate::{Arrival, InterfaceId};

/// Who hears reports (RFC 3376, section 4.2.14; RFC 3810, section 5.2.14).
const ROUTERS_V3: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const ROUTERS_MLD_V2: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// All routers, who hear of older hosts that leave.
const ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const ROUTERS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Internetwork control (RFC 3376, section 4).
const TOS: u8 = 0xc0;

impl Groups {
    pub(crate) fn timer_mut(&mut self, v4: bool) -> Option<&mut Timer> {
        self.reporter(v4).as_mut().map(|reporter| &mut reporter.timer)
    }

    fn reporter(&mut self, v4: bool) -> &mut Option<Box<Reporter>> {
        if v4 { &mut self.reporter_v4 } else { &mut self.reporter_v6 }
    }
}

impl Link {
    /// What is wanted of a group, by sockets or because of the interface's own addresses.
    pub(super) fn wanted(&self, group: IpAddr) -> Filter {
        if self.own_groups().any(|own| own == group) {
            return Filter::everybody();
        }
        self.groups.joined.get(&group).map_or_else(Filter::nobody, |joined| joined.filter.clone())
    }

    fn own_groups(&self) -> impl Iterator<Item = IpAddr> {
        self.interface.addresses.iter().filter_map(|own| match own.address() {
            IpAddr::V6(own) => Some(solicited_node(own).into()),
            IpAddr::V4(_) => None,
        })
    }
}

impl Stack {
    /// Whether routers are told of a group: not of those that everybody is in, nor of what no router carries.
    fn is_spoken_of(&self, interface: InterfaceId, group: IpAddr) -> bool {
        let spoken_of = match group {
            IpAddr::V4(group) => {
                let of_the_link = group.octets()[..3] == [224, 0, 0];
                group != ALL_SYSTEMS && (self.settings.igmp_link_local_mcast_reports || !of_the_link)
            }
            // RFC 3810, section 6.
            IpAddr::V6(group) => group != ALL_NODES && group.octets()[1] & 0xf >= 2,
        };
        interface != InterfaceId::LOOPBACK && spoken_of
    }

    /// What an interface wants of all groups of a family that routers are told of.
    fn wanted(&self, interface: InterfaceId, v4: bool) -> Wanted {
        let Some(link) = self.links.get(interface.0) else { return Wanted::new() };
        let groups = link.groups.joined.keys().copied().chain(link.own_groups());
        let spoken_of = groups.filter(|group| group.is_ipv4() == v4 && self.is_spoken_of(interface, *group));
        spoken_of.map(|group| (group, link.wanted(group))).collect()
    }

    /// Another thing is wanted of a group than before.
    pub(super) fn tell_change(
        &mut self,
        now: Instant,
        (group, interface): (IpAddr, InterfaceId),
        old: &Filter,
    ) {
        if !self.is_spoken_of(interface, group) {
            return;
        }
        let v4 = group.is_ipv4();
        let robustness = self.robustness(v4);
        let Some(link) = self.links.get_mut(interface.0) else { return };
        let new = link.wanted(group);
        let reporter = link.groups.reporter(v4).get_or_insert_default();
        let told = reporter.changed(now, robustness, group, (old, &new));
        if let Some(told) = told {
            self.tell(interface, v4, told);
        }
        self.set_report_timer(interface, v4);
    }

    /// A reporter's timer.
    pub(crate) fn report_timer(&mut self, now: Instant, (interface, v4): (InterfaceId, bool), at: Instant) {
        let Some(timer) = self.links.get_mut(interface.0).and_then(|link| link.groups.timer_mut(v4)) else {
            return;
        };
        match timer.popped(at) {
            Popped::Nothing => {}
            Popped::Later(deadline) => self.timers.put_back(TimerKey::Reports(interface, v4), deadline),
            Popped::Due => {
                let wanted = self.wanted(interface, v4);
                let Some(link) = self.links.get_mut(interface.0) else { return };
                let Some(reporter) = link.groups.reporter(v4) else { return };
                for told in reporter.due(now, &wanted, &mut self.rng) {
                    self.tell(interface, v4, told);
                }
                self.set_report_timer(interface, v4);
            }
        }
    }

    /// An IGMP message has arrived.
    pub(crate) fn igmp_input(&mut self, arrival: Arrival, message: &igmp::Message) {
        match message {
            igmp::Message::Query { group, response, details } => {
                let version = match (details, response) {
                    (Some(_), _) => Version::Current,
                    (None, 0) => Version::Oldest,
                    (None, _) => Version::Older,
                };
                let group = (!group.is_unspecified()).then_some(IpAddr::V4(*group));
                let within = igmp::response_time(*response);
                self.group_query(arrival, asked(version, group, within, details.as_ref()), true);
            }
            igmp::Message::ReportV1 { group } | igmp::Message::ReportV2 { group } => {
                self.group_report(arrival, (*group).into());
            }
            igmp::Message::Leave { .. } | igmp::Message::ReportV3 { .. } | igmp::Message::Other { .. } => {}
        }
    }

    /// An MLD message has arrived. RFC 3810, section 6.2: it must be of this link, and say so in every way.
    pub(crate) fn mld_input(
        &mut self,
        source: IpAddr,
        arrival: Arrival,
        alerts: bool,
        message: &mld::Message,
    ) {
        if arrival.hop_limit != 1 || !alerts || !is_link_local(source) {
            return;
        }
        match message {
            mld::Message::Query { group, response, details } => {
                let version = if details.is_some() { Version::Current } else { Version::Older };
                let group = (!group.is_unspecified()).then_some(IpAddr::V6(*group));
                let within = mld::response_time(*response);
                self.group_query(arrival, asked(version, group, within, details.as_ref()), false);
            }
            mld::Message::ReportV1 { group } => self.group_report(arrival, (*group).into()),
            mld::Message::Done { .. } | mld::Message::ReportV2 { .. } => {}
        }
    }

    fn group_query(&mut self, arrival: Arrival, asked: Asked, v4: bool) {
        let (now, interface) = (arrival.at, arrival.interface);
        if interface == InterfaceId::LOOPBACK {
            return;
        }
        let (wanted, robustness) = (self.wanted(interface, v4), self.robustness(v4));
        let Some(link) = self.links.get_mut(interface.0) else { return };
        let reporter = link.groups.reporter(v4).get_or_insert_default();
        reporter.asked(now, robustness, asked, &wanted, &mut self.rng);
        self.set_report_timer(interface, v4);
    }

    fn group_report(&mut self, arrival: Arrival, group: IpAddr) {
        let (interface, v4) = (arrival.interface, group.is_ipv4());
        let wanted = self.wanted(interface, v4);
        let Some(link) = self.links.get_mut(interface.0) else { return };
        let Some(reporter) = link.groups.reporter(v4) else { return };
        reporter.heard(arrival.at, group, &wanted);
        self.set_report_timer(interface, v4);
    }

    fn robustness(&self, v4: bool) -> u32 {
        if v4 { self.settings.igmp_qrv } else { self.settings.mld_qrv }
    }

    fn set_report_timer(&mut self, interface: InterfaceId, v4: bool) {
        let Some(link) = self.links.get_mut(interface.0) else { return };
        let Some(reporter) = link.groups.reporter(v4) else { return };
        let deadline = reporter.deadline();
        self.timers.set(TimerKey::Reports(interface, v4), &mut reporter.timer, deadline);
    }

    /// Sends a message, or several if one link's packet is too short for it.
    fn tell(&mut self, interface: InterfaceId, v4: bool, told: Told) {
        match told {
            Told::Report(records) if v4 => {
                for records in pack(records, self.room(interface, 24), 4) {
                    let records = records.into_iter().filter_map(record(as_v4)).collect();
                    self.send_igmp(interface, ROUTERS_V3, igmp::Message::ReportV3 { records });
                }
            }
            Told::Report(records) => {
                for records in pack(records, self.room(interface, 48), 16) {
                    let records = records.into_iter().filter_map(record(as_v6)).collect();
                    self.send_mld(interface, ROUTERS_MLD_V2, mld::Message::ReportV2 { records });
                }
            }
            Told::Member(Version::Oldest, IpAddr::V4(group)) => {
                self.send_igmp(interface, group, igmp::Message::ReportV1 { group });
            }
            Told::Member(_, IpAddr::V4(group)) => {
                self.send_igmp(interface, group, igmp::Message::ReportV2 { group });
            }
            Told::Member(_, IpAddr::V6(group)) => {
                self.send_mld(interface, group, mld::Message::ReportV1 { group });
            }
            Told::Left(IpAddr::V4(group)) => {
                self.send_igmp(interface, ROUTERS, igmp::Message::Leave { group })
            }
            Told::Left(IpAddr::V6(group)) => {
                self.send_mld(interface, ROUTERS_V6, mld::Message::Done { group })
            }
        }
    }

    /// Bytes of records that fit into one packet whose IP header is so long.
    fn room(&self, interface: InterfaceId, header: usize) -> usize {
        let mtu = self.links.get(interface.0).map_or(0, |link| link.interface.mtu.min(65_535));
        mtu.saturating_sub(header + 8)
    }

    fn send_igmp(&mut self, interface: InterfaceId, to: Ipv4Addr, message: igmp::Message) {
        let path = Path { interface, next_hop: to.into() };
        let source = self.source_for(&path, to.into()).unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let options = IpOptions { tos: TOS, ..IpOptions::default() };
        self.send_to_group(interface, (source, to.into()), options, message.into());
    }

    /// RFC 3810, section 5.2.13: from a link-local address, or from none.
    fn send_mld(&mut self, interface: InterfaceId, to: Ipv6Addr, message: mld::Message) {
        let own = self.links.get(interface.0).and_then(|link| {
            link.interface.addresses.iter().map(|own| own.address()).find(|own| is_link_local(*own))
        });
        let source = own.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
        self.send_to_group(
            interface,
            (source, to.into()),
            IpOptions::default(),
            icmpv6::Message::Mld(message).into(),
        );
    }

    /// One hop, and every router on it is to look.
    fn send_to_group(
        &mut self,
        interface: InterfaceId,
        (source, to): (IpAddr, IpAddr),
        options: IpOptions,
        body: Body,
    ) {
        let Some(mut ip): Option<ip::Header> =
            self.ip_header(source, to, IpOptions { ttl: Some(1), ..options })
        else {
            return;
        };
        ip.alert_routers();
        let mac = match to {
            IpAddr::V4(to) => Mac::for_ipv4_multicast(to),
            IpAddr::V6(to) => Mac::for_ipv6_multicast(to),
        };
        let packet = Packet { ip, body };
        self.count_out(&packet);
        self.put(interface, mac, Box::new(Frame::packet(packet)));
    }
}

fn asked<A: Copy + Into<IpAddr>>(
    version: Version,
    group: Option<IpAddr>,
    within: Duration,
    details: Option<&Details<A>>,
) -> Asked {
    Asked {
        version,
        group,
        sources: details.iter().flat_map(|details| &details.sources).map(|source| (*source).into()).collect(),
        within,
        robustness: details.map(|details| details.robustness.into()),
        interval: details.map(|details| membership::seconds(details.interval)),
    }
}

/// Kind, group, sources.
type Said = (RecordKind, IpAddr, Vec<IpAddr>);

/// Records as they fit into messages with so much room, addresses being so long. What has more sources than one message holds
/// is told in several records, but what excludes can't be: the rest of it is left out (RFC 3376, section 4.2.16).
fn pack(records: Vec<Said>, room: usize, address: usize) -> Vec<Vec<Said>> {
    let head = 4 + address;
    let most = room.saturating_sub(head) / address;
    let mut messages: Vec<Vec<Said>> = Vec::new();
    let mut left = 0;
    let mut add = |record: Said| {
        let len = head + record.2.len() * address;
        match messages.last_mut() {
            Some(last) if len <= left => last.push(record),
            Some(_) | None => {
                messages.push(vec![record]);
                left = room;
            }
        }
        left = left.saturating_sub(len);
    };
    for (kind, group, mut sources) in records {
        match kind {
            RecordKind::IsExclude | RecordKind::ToExclude => sources.truncate(most),
            _ if most == 0 => sources.clear(),
            _ => {
                while sources.len() > most {
                    let rest = sources.split_off(most);
                    add((kind, group, std::mem::replace(&mut sources, rest)));
                }
            }
        }
        add((kind, group, sources));
    }
    messages
}

fn record<A>(as_one: fn(IpAddr) -> Option<A>) -> impl FnMut(Said) -> Option<Record<A>> {
    move |(kind, group, sources)| {
        let sources = sources.into_iter().filter_map(as_one).collect();
        Some(Record { kind, group: as_one(group)?, sources })
    }
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn as_v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}
