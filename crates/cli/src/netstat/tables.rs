//! The tables of routes, interfaces and groups, in net-tools' columns.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use sockeye_look::{Host, Route};

use super::{Arguments, Names};

/// An address and its prefix.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    Some((address.parse().ok()?, prefix.parse().ok()?))
}

/// The routes of IPv4, and if that is asked for of IPv6.
pub(super) fn routes(host: &Host, arguments: &Arguments, names: &Names) -> String {
    let known = host.routes.iter().filter_map(|route| Some((route, network(&route.destination)?)));
    // What leads home is no row of these tables.
    let mut known: Vec<(&Route, (IpAddr, u8))> =
        known.filter(|(route, _)| arguments.inet6 || route.interface != "lo").collect();
    known.sort_by_key(|(_, (_, prefix))| *prefix);
    let mut text = String::new();
    if arguments.inet || !arguments.inet6 {
        text += "Kernel IP routing table\nDestination     Gateway         Genmask         Flags ";
        text += if arguments.extend { "Metric Ref    Use Iface\n" } else { "  MSS Window  irtt Iface\n" };
        for (route, (to, prefix)) in known.iter().filter(|(_, (to, _))| to.is_ipv4()) {
            let mask = Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0));
            let via = route.via.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_string();
            let flags = flags(route, *prefix == 32);
            let to = names.destination(*to, *prefix);
            let rest = if arguments.extend { "0      0        0 " } else { "    0 0          0 " };
            let _ = writeln!(
                text,
                "{to:<15} {via:<15} {:<15} {flags:<5} {rest}{}",
                mask.to_string(),
                route.interface
            );
        }
    }
    if arguments.inet6 {
        text += "Kernel IPv6 routing table\n";
        text += "Destination                    Next Hop                   Flag Met Ref  Use If\n";
        for (route, (to, prefix)) in known.iter().filter(|(_, (to, _))| to.is_ipv6()) {
            let via = route.via.map_or_else(|| "::".to_owned(), |via| via.to_string());
            let (flags, to) = (flags(route, *prefix == 128), format!("{to}/{prefix}"));
            let _ = writeln!(text, "{to:<30} {via:<26} {flags:<4} 0   0        0 {}", route.interface);
        }
    }
    text
}

fn flags(route: &Route, is_host: bool) -> String {
    let gateway = if route.via.is_some() { "G" } else { "" };
    format!("U{gateway}{}", if is_host { "H" } else { "" })
}

/// The groups, those of IPv4 first.
pub(super) fn groups(host: &Host, arguments: &Arguments) -> String {
    let mut text = "IPv6/IPv4 Group Memberships\nInterface       RefCnt Group\n".to_owned();
    text += "--------------- ------ ---------------------\n";
    let both = arguments.inet == arguments.inet6;
    for v6 in [false, true] {
        for group in host.groups.iter().filter(|group| group.group.is_ipv6() == v6) {
            if both || arguments.inet6 == v6 {
                let _ = writeln!(text, "{:<15} {:<6} {}", group.interface, group.members.max(1), group.group);
            }
        }
    }
    text
}
