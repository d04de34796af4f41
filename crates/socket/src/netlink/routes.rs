//! Routes and rules: RTM_GETROUTE, to list them and to look one up, and RTM_GETRULE.
//!
//! The stack takes what is its own before it looks at its routes; Linux has a table for that, which is made up here. A policy
//! ([`sockeye_stack::Policy`]) is no rule of any table.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

use sockeye_abi::Errno;
use sockeye_abi::netlink::{self as nl, route as rt};
use sockeye_stack::{Cidr, InterfaceId, Route};

use super::{Answer, Asker, Entry, Picked, Refusal, Rest, address_of, bytes_of};
use crate::host::Host;

/// The metrics of IPv6's routes: of networks and of others (IP6_RT_PRIO_ADDRCONF, IP6_RT_PRIO_USER).
const METRIC_NETWORK: u32 = 256;
const METRIC_USER: u32 = 1024;
/// `sizeof(struct rta_cacheinfo)`.
const CACHEINFO: usize = 32;

/// A route as it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) destination: Cidr,
    pub(crate) table: u8,
    protocol: u8,
    scope: u8,
    pub(crate) kind: u8,
    source: Option<IpAddr>,
    pub(crate) via: Option<IpAddr>,
    pub(crate) metric: u32,
    pub(crate) interface: InterfaceId,
}

impl Row {
    /// Of a network that an interface is on.
    fn new(destination: Cidr, kind: u8, interface: InterfaceId) -> Row {
        Row {
            destination,
            table: rt::RT_TABLE_MAIN,
            protocol: rt::RTPROT_KERNEL,
            scope: if destination.address().is_ipv4() { rt::RT_SCOPE_LINK } else { rt::RT_SCOPE_UNIVERSE },
            kind,
            source: None,
            via: None,
            metric: METRIC_NETWORK,
            interface,
        }
    }

    pub(crate) fn is_v4(&self) -> bool {
        self.destination.address().is_ipv4()
    }

    /// RTM_NEWROUTE, as `fib_dump_info` and `rt6_fill_node` write it.
    fn entry(&self) -> Entry {
        let family = if self.is_v4() { rt::AF_INET } else { rt::AF_INET6 };
        let fixed = rt::Rt {
            family,
            dst_len: self.destination.prefix(),
            table: self.table,
            protocol: self.protocol,
            scope: self.scope,
            kind: self.kind,
            ..rt::Rt::default()
        };
        Entry::new(rt::RTM_NEWROUTE, &fixed.encode(), |out| {
            out.u32(rt::RTA_TABLE, self.table.into());
            if self.destination.prefix() > 0 {
                out.put(rt::RTA_DST, &bytes_of(self.destination.network()));
            }
            if let Some(source) = self.source {
                out.put(rt::RTA_PREFSRC, &bytes_of(source));
            }
            if !self.is_v4() {
                out.u32(rt::RTA_PRIORITY, self.metric);
            }
            if let Some(via) = self.via {
                out.put(rt::RTA_GATEWAY, &bytes_of(via));
            }
            out.u32(rt::RTA_OIF, self.interface.index());
            if !self.is_v4() {
                out.put(rt::RTA_CACHEINFO, &[0; CACHEINFO]);
                out.put(rt::RTA_PREF, &[0]);
            }
        })
    }
}

impl Host {
    pub(super) fn dump_routes(&self, asker: Asker, family: u8, payload: &[u8]) -> Result<Answer, Refusal> {
        let asked = rt::Rt::decode(payload);
        let attributes = payload.get(rt::Rt::LEN..).unwrap_or_default();
        let flags = asked.map_or(0, |asked| asked.flags);
        let mut asked = rt::Rt { flags, ..rt::Rt::default() };
        let (mut table, mut interface) = (0, None);
        if asker.strict {
            asked = rt::Rt::decode(payload)
                .map_err(|errno| Refusal(errno, Some("Invalid header for FIB dump request")))?;
            let rt::Rt { dst_len, src_len, tos, scope, .. } = asked;
            if (dst_len, src_len, tos, scope) != (0, 0, 0, 0) {
                return Err(Refusal(Errno::EINVAL, Some("Invalid values in header for FIB dump request")));
            }
            if asked.flags & !(rt::RTM_F_CLONED | rt::RTM_F_PREFIX) != 0 {
                return Err(Refusal(Errno::EINVAL, Some("Invalid flags for FIB dump request")));
            }
            table = nl::attribute_u32(attributes, rt::RTA_TABLE).unwrap_or(asked.table.into());
            interface = nl::attribute_u32(attributes, rt::RTA_OIF);
            if interface.is_some_and(|index| self.interface_at(index.cast_signed()).is_none()) {
                return Err(Errno::ENODEV.into());
            }
        }
        let picked = match (asker.strict, table) {
            (false, _) => Picked::Nothing,
            (true, 0) => Picked::Messages,
            (true, _) => Picked::All,
        };
        let unknown = match family {
            rt::AF_INET => Some("ipv4: FIB table does not exist"),
            rt::AF_INET6 => Some("ipv6: FIB table does not exist"),
            _ => None,
        };
        if unknown.is_some() && ![0, rt::RT_TABLE_MAIN.into(), rt::RT_TABLE_LOCAL.into()].contains(&table) {
            return Ok(Answer::Dump(Rest::Failed(Refusal(Errno::ENOENT, unknown)), picked));
        }
        // Nothing that was looked up is kept, and no router has told of networks.
        let none = asked.flags & (rt::RTM_F_CLONED | rt::RTM_F_PREFIX) != 0;
        let is_wanted = |row: &Row| {
            let of_family = match family {
                rt::AF_INET => row.is_v4(),
                rt::AF_INET6 => !row.is_v4(),
                _ => true,
            };
            of_family
                && !none
                && (table == 0 || table == row.table.into())
                && (asked.protocol == 0 || asked.protocol == row.protocol)
                && (asked.kind == 0 || asked.kind == row.kind)
                && interface.is_none_or(|index| index == row.interface.index())
        };
        let entries: Vec<Entry> = self.rows().iter().filter(|row| is_wanted(row)).map(Row::entry).collect();
        Ok(Answer::Dump(Rest::Entries(entries.into_iter()), picked))
    }

    /// All routes in Linux's order: IPv4's first, the main table before the local, then by destinations.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.stack.routes().filter_map(|route| self.main_row(route)).collect();
        for (id, interface) in self.stack.interfaces() {
            for own in &interface.addresses {
                local_rows(&mut rows, id, own);
            }
            if id != InterfaceId::LOOPBACK
                && interface.addresses.iter().any(|own| own.address().is_ipv6())
                && let Some(groups) = Cidr::new(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(), 8)
            {
                let row = Row::new(groups, rt::RTN_MULTICAST, id);
                rows.push(Row { table: rt::RT_TABLE_LOCAL, ..row });
            }
        }
        rows.sort_by_key(|row| {
            let (prefix, last) = (row.destination.prefix(), Reverse(row.destination.prefix()));
            let inner = if row.is_v4() { (Some(last), None) } else { (None, Some(prefix)) };
            (row.is_v4() as u8 ^ 1, row.table, row.destination.network(), inner)
        });
        rows
    }

    /// A route of the main table; `None` for those that Linux has in the local one.
    fn main_row(&self, route: &Route) -> Option<Row> {
        let Route { destination, via, interface } = *route;
        if interface == InterfaceId::LOOPBACK {
            return None;
        }
        let v4 = destination.address().is_ipv4();
        let (_, at) = self.stack.interfaces().find(|(id, _)| *id == interface)?;
        let same =
            |own: &&Cidr| own.network() == destination.network() && own.prefix() == destination.prefix();
        let own = at.addresses.iter().find(same).filter(|_| via.is_none());
        let row = Row::new(destination, rt::RTN_UNICAST, interface);
        Some(match own {
            Some(own) if v4 && own.prefix() == 32 => return None,
            Some(own) => Row { source: Some(own.address()).filter(|_| v4), ..row },
            None => Row {
                via,
                protocol: rt::RTPROT_BOOT,
                scope: if via.is_some() { rt::RT_SCOPE_UNIVERSE } else { row.scope },
                metric: METRIC_USER,
                ..row
            },
        })
    }

    /// The way to one address, as `inet_rtm_getroute` and `inet6_rtm_getroute` tell it.
    pub(super) fn one_route(&self, asker: Asker, family: u8, payload: &[u8]) -> Result<Entry, Refusal> {
        let v4 = match family {
            rt::AF_INET => true,
            rt::AF_INET6 => false,
            _ => return Err(Errno::EOPNOTSUPP.into()),
        };
        let asked = look_up(asker, v4, payload)?;
        let attributes = payload.get(rt::Rt::LEN..).unwrap_or_default();
        let of_family =
            |kind| nl::attribute(attributes, kind).and_then(address_of).filter(|ip| ip.is_ipv4() == v4);
        let to = of_family(rt::RTA_DST).ok_or(Errno::EINVAL)?;
        if nl::attribute(attributes, rt::RTA_IIF).is_some() {
            // What would become of a packet from elsewhere isn't told.
            return Err(Errno::EOPNOTSUPP.into());
        }
        let device = nl::attribute_u32(attributes, rt::RTA_OIF).filter(|index| *index != 0);
        let device =
            device.map(|index| self.interface_at(index.cast_signed()).ok_or(Errno::ENODEV)).transpose()?;
        let from = of_family(rt::RTA_SRC).filter(|from| !from.is_unspecified());
        if from.is_some_and(|from| !self.stack.is_local(from)) {
            return Err(Errno::EINVAL.into());
        }
        let way = self.stack.way(to, device).ok_or(Errno::ENETUNREACH)?;
        let is_local = way.interface == InterfaceId::LOOPBACK;
        let is_broadcast = self.stack.is_broadcast(to);
        let kind = match to {
            to if to.is_multicast() => rt::RTN_MULTICAST,
            _ if is_broadcast => rt::RTN_BROADCAST,
            _ if is_local => rt::RTN_LOCAL,
            _ => rt::RTN_UNICAST,
        };
        let row = self.row_for(to, way.interface, kind);
        if v4 && asked.flags & rt::RTM_F_FIB_MATCH != 0 {
            return Ok(row.ok_or(Errno::EHOSTUNREACH)?.entry());
        }
        let via = Some(way.next_hop).filter(|hop| *hop != to);
        let found = Found { to, from, source: from.or(way.source), via, interface: way.interface, kind, row };
        let uid = nl::attribute_u32(attributes, rt::RTA_UID).unwrap_or(asker.opener.user);
        Ok(if v4 { found.v4(uid) } else { found.v6() })
    }

    /// The row that a look-up ends at.
    fn row_for(&self, to: IpAddr, interface: InterfaceId, kind: u8) -> Option<Row> {
        let rows = self.rows().into_iter().filter(|row| {
            let by = row.interface == interface || kind == rt::RTN_LOCAL;
            row.destination.contains(to) && by && (kind == rt::RTN_MULTICAST || row.kind == kind)
        });
        rows.max_by_key(|row| row.destination.prefix())
    }
}

/// What is to be looked up; if it is strict, what it says of other things must be nothing.
fn look_up(asker: Asker, v4: bool, payload: &[u8]) -> Result<rt::Rt, Refusal> {
    let (header, values, flags, known) = if v4 {
        (
            "ipv4: Invalid header for route get request",
            "ipv4: Invalid values in header for route get request",
            "ipv4: Unsupported rtm_flags for route get request",
            rt::RTM_F_NOTIFY | rt::RTM_F_LOOKUP_TABLE | rt::RTM_F_FIB_MATCH,
        )
    } else {
        (
            "Invalid header for get route request",
            "Invalid values in header for get route request",
            "Invalid flags for get route request",
            rt::RTM_F_FIB_MATCH,
        )
    };
    let asked = rt::Rt::decode(payload).map_err(|errno| Refusal(errno, Some(header)))?;
    let rt::Rt { dst_len, src_len, table, protocol, scope, kind, .. } = asked;
    if asker.strict {
        let whole = if v4 { 32 } else { 128 };
        let lengths = [dst_len, src_len].iter().all(|length| [0, whole].contains(length));
        if !lengths || (table, protocol, scope, kind) != (0, 0, 0, 0) {
            return Err(Refusal(Errno::EINVAL, Some(values)));
        }
        if asked.flags & !known != 0 {
            return Err(Refusal(Errno::EINVAL, Some(flags)));
        }
    }
    Ok(asked)
}

/// What a look-up has found.
struct Found {
    to: IpAddr,
    /// Where packets are to come from, if that was asked.
    from: Option<IpAddr>,
    source: Option<IpAddr>,
    via: Option<IpAddr>,
    interface: InterfaceId,
    kind: u8,
    row: Option<Row>,
}

impl Found {
    fn v4(&self, uid: u32) -> Entry {
        let known = match self.kind {
            rt::RTN_LOCAL => rt::RTCF_LOCAL,
            rt::RTN_BROADCAST => rt::RTCF_BROADCAST | rt::RTCF_LOCAL,
            rt::RTN_MULTICAST => rt::RTCF_MULTICAST,
            _ => 0,
        };
        let fixed = rt::Rt {
            family: rt::AF_INET,
            dst_len: 32,
            src_len: if self.from.is_some() { 32 } else { 0 },
            table: rt::RT_TABLE_MAIN,
            kind: self.kind,
            flags: rt::RTM_F_CLONED | known,
            ..rt::Rt::default()
        };
        Entry::new(rt::RTM_NEWROUTE, &fixed.encode(), |out| {
            out.u32(rt::RTA_TABLE, rt::RT_TABLE_MAIN.into());
            out.put(rt::RTA_DST, &bytes_of(self.to));
            if let Some(from) = self.from {
                out.put(rt::RTA_SRC, &bytes_of(from));
            }
            out.u32(rt::RTA_OIF, self.interface.index());
            if let Some(source) = self.source.filter(|_| self.from.is_none()) {
                out.put(rt::RTA_PREFSRC, &bytes_of(source));
            }
            if let Some(via) = self.via {
                out.put(rt::RTA_GATEWAY, &bytes_of(via));
            }
            out.u32(rt::RTA_UID, uid);
            out.put(rt::RTA_CACHEINFO, &[0; CACHEINFO]);
        })
    }

    fn v6(&self) -> Entry {
        let table = if self.kind == rt::RTN_LOCAL { rt::RT_TABLE_LOCAL } else { rt::RT_TABLE_MAIN };
        let fixed = rt::Rt {
            family: rt::AF_INET6,
            dst_len: 128,
            src_len: 128,
            table,
            protocol: self.row.map_or(rt::RTPROT_KERNEL, |row| row.protocol),
            kind: self.kind,
            ..rt::Rt::default()
        };
        let local = self.kind == rt::RTN_LOCAL;
        let metric = if local { 0 } else { self.row.map_or(METRIC_NETWORK, |row| row.metric) };
        Entry::new(rt::RTM_NEWROUTE, &fixed.encode(), |out| {
            out.u32(rt::RTA_TABLE, table.into());
            out.put(rt::RTA_DST, &bytes_of(self.to));
            out.put(rt::RTA_SRC, &bytes_of(self.from.unwrap_or(Ipv6Addr::UNSPECIFIED.into())));
            if let Some(source) = self.source {
                out.put(rt::RTA_PREFSRC, &bytes_of(source));
            }
            out.u32(rt::RTA_PRIORITY, metric);
            if let Some(via) = self.via {
                out.put(rt::RTA_GATEWAY, &bytes_of(via));
            }
            out.u32(rt::RTA_OIF, self.interface.index());
            out.put(rt::RTA_CACHEINFO, &[0; CACHEINFO]);
            out.put(rt::RTA_PREF, &[0]);
        })
    }
}

/// What of the local table an address is the reason for (`fib_add_ifaddr`, `addrconf`).
fn local_rows(rows: &mut Vec<Row>, interface: InterfaceId, own: &Cidr) {
    let ip = own.address();
    let source = Some(ip).filter(IpAddr::is_ipv4);
    let local = |destination, kind, scope| {
        let row = Row::new(destination, kind, interface);
        Row { table: rt::RT_TABLE_LOCAL, scope, source, metric: 0, ..row }
    };
    let host = if ip.is_ipv4() { rt::RT_SCOPE_HOST } else { rt::RT_SCOPE_UNIVERSE };
    rows.push(local(Cidr::host(ip), rt::RTN_LOCAL, host));
    if let Some(broadcast) = own.broadcast() {
        rows.push(local(Cidr::host(broadcast.into()), rt::RTN_BROADCAST, rt::RT_SCOPE_LINK));
    }
    if interface == InterfaceId::LOOPBACK && ip.is_ipv4() {
        rows.push(local(*own, rt::RTN_LOCAL, host));
    }
}

/// The rules that Linux begins with: there are no others here.
pub(super) fn dump_rules(asker: Asker, family: u8, payload: &[u8]) -> Result<Answer, Refusal> {
    if asker.strict {
        let asked = rt::Rt::decode(payload)
            .map_err(|errno| Refusal(errno, Some("Invalid header for fib rule dump request")))?;
        let rt::Rt { dst_len, src_len, tos, table, kind, flags, .. } = asked;
        if (dst_len, src_len, tos, table, kind, flags) != (0, 0, 0, 0, 0, 0) {
            return Err(Refusal(Errno::EINVAL, Some("Invalid values in header for fib rule dump request")));
        }
    }
    let v4 = [(rt::RT_TABLE_LOCAL, 0), (rt::RT_TABLE_MAIN, 32_766), (rt::RT_TABLE_DEFAULT, 32_767)];
    let rules = |family, tables: &[(u8, u32)]| -> Vec<Entry> {
        tables.iter().map(|(table, priority)| rule(family, *table, *priority)).collect()
    };
    let mut entries = Vec::new();
    if family != rt::AF_INET6 {
        entries.extend(rules(rt::AF_INET, &v4));
    }
    if family != rt::AF_INET {
        entries.extend(rules(rt::AF_INET6, v4.get(..2).unwrap_or_default()));
    }
    Ok(Answer::entries(entries))
}

/// RTM_NEWRULE, as `fib_nl_fill_rule` writes it.
fn rule(family: u8, table: u8, priority: u32) -> Entry {
    let fixed = rt::Rt { family, table, kind: rt::FR_ACT_TO_TBL, ..rt::Rt::default() };
    Entry::new(rt::RTM_NEWRULE, &fixed.encode(), |out| {
        out.u32(rt::FRA_TABLE, table.into());
        out.u32(rt::FRA_SUPPRESS_PREFIXLEN, u32::MAX);
        out.put(rt::FRA_PROTOCOL, &[rt::RTPROT_KERNEL]);
        if priority != 0 {
            out.u32(rt::FRA_PRIORITY, priority);
        }
    })
}
