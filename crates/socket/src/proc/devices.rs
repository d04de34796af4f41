//! Interfaces, their addresses, neighbours, routes and groups: `dev`, `if_inet6`, `arp`, `route`, `ipv6_route`, `igmp` …

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_abi::netlink::route as rt;
use sockeye_stack::{InterfaceId, NeighbourEntry, Reachability};
use sockeye_wire::ethernet::Mac;

use super::{Reader, padded};
use crate::host::Host;
use crate::netlink::{Row, address_flags};

/// What lines of `route` are padded to.
const ROUTE_WIDTH: usize = 127;
/// `RTF_`.
const UP: u32 = 1;
const GATEWAY: u32 = 2;
const HOST: u32 = 4;
const REJECT: u32 = 0x200;
const NONEXTHOP: u32 = 0x20_0000;
const LOCAL: u32 = 0x8000_0000;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const NODE_LOCAL_NODES: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
/// Groups' flags: nobody reports the first two, the others are reported by their last member.
const GROUP_FLAGS: (u32, u32, u32) = (0x8, 0xc, 0x4);

pub(super) fn dev(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        .to_owned();
    for (id, interface) in host.stack.interfaces() {
        let count = host.stack.interface_counts(id);
        let none = 0;
        let _ = writeln!(
            text,
            "{:>6}: {:7} {:7} {none:4} {:4} {none:4} {none:5} {none:10} {:9} {:8} {:7} {none:4} {:4} {none:4} {none:5} {none:7} {none:10}",
            interface.name,
            count.rx_bytes,
            count.rx_packets,
            count.rx_dropped,
            count.multicast,
            count.tx_bytes,
            count.tx_packets,
            count.tx_dropped,
        );
    }
    text
}

pub(super) fn if_inet6(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = String::new();
    for (id, interface) in host.stack.interfaces() {
        for own in &interface.addresses {
            let IpAddr::V6(ip) = own.address() else { continue };
            let scope = match ip {
                ip if ip.is_loopback() => 0x10,
                ip if ip.is_unicast_link_local() => 0x20,
                _ => 0,
            };
            let (prefix, flags) = (own.prefix(), address_flags(ip.into()));
            let index = id.index();
            let _ = writeln!(
                text,
                "{} {index:02x} {prefix:02x} {scope:02x} {flags:02x} {:>8}",
                hex(ip),
                interface.name
            );
        }
    }
    text
}

pub(super) fn arp(host: &mut Host, reader: Reader<'_>) -> String {
    let mut text =
        "IP address       HW type     Flags       HW address            Mask     Device\n".to_owned();
    for (id, interface) in host.stack.interfaces() {
        let entries = host.stack.neighbour_entries(reader.now, id);
        for NeighbourEntry { address, mac, state, .. } in
            entries.iter().filter(|entry| entry.address.is_ipv4())
        {
            let is_valid = !matches!(state, Reachability::Incomplete | Reachability::Failed);
            let (kind, flags) = (1, if is_valid { 2 } else { 0 });
            let mac = mac.unwrap_or(Mac::ZERO);
            let _ = writeln!(
                text,
                "{:<16} 0x{kind:<10x}0x{flags:<10x}{mac}     *        {}",
                address.to_string(),
                interface.name
            );
        }
    }
    text
}

pub(super) fn route(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = padded(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
        ROUTE_WIDTH,
    );
    for row in host.rows().iter().filter(|row| row.is_v4() && row.table == rt::RT_TABLE_MAIN) {
        let prefix = row.destination.prefix();
        let mask = Ipv4Addr::from_bits(!u32::MAX.checked_shr(prefix.into()).unwrap_or(0));
        let gateway = match row.via {
            Some(IpAddr::V4(via)) => via,
            Some(IpAddr::V6(_)) | None => Ipv4Addr::UNSPECIFIED,
        };
        let mut flags = UP;
        flags |= if row.via.is_some() { GATEWAY } else { 0 };
        flags |= if prefix == 32 { HOST } else { 0 };
        let to = match row.destination.network() {
            IpAddr::V4(network) => network,
            IpAddr::V6(_) => continue,
        };
        let line = format!(
            "{}\t{}\t{}\t{flags:04X}\t0\t0\t0\t{}\t0\t0\t0",
            host.interface_name(row.interface),
            word(to),
            word(gateway),
            word(mask),
        );
        text += &padded(&line, ROUTE_WIDTH);
    }
    text
}

pub(super) fn ipv6_route(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = String::new();
    let zero = hex(Ipv6Addr::UNSPECIFIED);
    // What is left where a table has no default.
    let nothing = format!(
        "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 {:08x} {:>8}\n",
        REJECT | NONEXTHOP,
        "lo"
    );
    let mut line = |row: &Row| {
        let (IpAddr::V6(to), prefix) = (row.destination.network(), row.destination.prefix()) else { return };
        let (via, mut flags) = match row.via {
            Some(IpAddr::V6(via)) => (via, UP | GATEWAY),
            Some(IpAddr::V4(_)) | None => (Ipv6Addr::UNSPECIFIED, UP),
        };
        let is_local = row.kind == rt::RTN_LOCAL;
        flags |= if is_local { LOCAL | NONEXTHOP } else { 0 };
        let metric = if is_local { 0 } else { row.metric };
        let _ = writeln!(
            text,
            "{} {prefix:02x} {zero} 00 {} {metric:08x} 00000001 00000000 {flags:08x} {:>8}",
            hex(to),
            hex(via),
            host.interface_name(row.interface)
        );
    };
    let rows = host.rows();
    let (main, local): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|row| !row.is_v4()).partition(|row| row.table == rt::RT_TABLE_MAIN);
    main.iter().for_each(|row| line(row));
    let has_default = main.iter().any(|row| row.destination.prefix() == 0);
    local.iter().for_each(|row| line(row));
    let at = text.match_indices('\n').nth(main.len().wrapping_sub(1)).map_or(0, |(at, _)| at + 1);
    if !has_default {
        text.insert_str(at, &nothing);
    }
    text + &nothing
}

pub(super) fn igmp(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n".to_owned();
    for (id, interface) in host.stack.interfaces() {
        let groups = host.stack.groups_on(id).into_iter().filter_map(|(group, users)| match group {
            IpAddr::V4(group) => Some((group, users)),
            IpAddr::V6(_) => None,
        });
        let groups: Vec<(Ipv4Addr, usize)> = groups.collect();
        let _ = writeln!(text, "{}\t{:<10}: {:5} {:>7}", id.index(), interface.name, groups.len(), "V3");
        for (group, users) in groups {
            let _ = writeln!(text, "\t\t\t\t{} {users:5} 0:00000000\t\t0", word(group));
        }
    }
    text
}

pub(super) fn igmp6(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = String::new();
    for (id, interface) in host.stack.interfaces() {
        for (group, users) in host.stack.groups_on(id) {
            let IpAddr::V6(group) = group else { continue };
            let flags = match group {
                NODE_LOCAL_NODES => GROUP_FLAGS.0,
                ALL_NODES => GROUP_FLAGS.1,
                _ => GROUP_FLAGS.2,
            };
            let _ = writeln!(
                text,
                "{:<4} {:<15} {} {users:5} {flags:08X} 0",
                id.index(),
                interface.name,
                hex(group)
            );
        }
    }
    text
}

pub(super) fn dev_mcast(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = String::new();
    for (id, interface) in host.stack.interfaces().skip(1) {
        let mut macs: Vec<(Mac, usize)> = Vec::new();
        for (group, _) in host.stack.groups_on(id) {
            let mac = match group {
                IpAddr::V4(group) => Mac::for_ipv4_multicast(group),
                // Not beyond this host.
                IpAddr::V6(NODE_LOCAL_NODES) => continue,
                IpAddr::V6(group) => Mac::for_ipv6_multicast(group),
            };
            match macs.iter_mut().find(|(known, _)| *known == mac) {
                Some((_, users)) => *users += 1,
                None => macs.push((mac, 1)),
            }
        }
        for (mac, users) in macs {
            let bytes: String = mac.0.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "{:<4} {:<15} {users:<5} {:<5} {bytes}", id.index(), interface.name, 0);
        }
    }
    text
}

impl Host {
    fn interface_name(&self, id: InterfaceId) -> &str {
        let found = self.stack.interfaces().find(|(other, _)| *other == id);
        found.map_or("", |(_, interface)| &interface.name)
    }
}

/// An address of IPv4 as the word it is in memory.
fn word(ip: Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(ip.octets()))
}

/// An address of IPv6 without colons.
fn hex(ip: Ipv6Addr) -> String {
    format!("{:032x}", ip.to_bits())
}
