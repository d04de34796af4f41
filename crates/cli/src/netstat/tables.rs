//! The tables of routes, interfaces and groups, in net-tools' columns.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use sockeye_look::{Host, Interface, Route};

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
        known.filter(|(route, _)| arguments.kinds.inet6 || route.interface != "lo").collect();
    known.sort_by_key(|(_, (_, prefix))| *prefix);
    let mut text = String::new();
    if arguments.kinds.inet || !arguments.kinds.inet6 {
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
    if arguments.kinds.inet6 {
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

/// The interfaces that are up, or all; by name, as netstat has them.
pub(super) fn interfaces(host: &Host, arguments: &Arguments) -> String {
    let mut text = "Kernel Interface table\n".to_owned();
    text += "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";
    let mut known: Vec<&Interface> = host.interfaces.iter().collect();
    known.retain(|own| arguments.kinds.all || own.flags & UP != 0);
    known.sort_by(|left, right| left.name.cmp(&right.name));
    for own in known {
        let (received, sent) = (own.received, own.sent);
        let letters = LETTERS.iter().filter(|(flag, _)| own.flags & flag != 0);
        let letters: String = letters.map(|(_, letter)| letter).collect();
        let letters = if own.flags == 0 { "[NO FLAGS]".to_owned() } else { letters };
        // Nothing is malformed, and nothing overruns.
        let none = 0;
        let _ = writeln!(
            text,
            "{:<15} {:>5} {:>8} {none:>6} {:>6} {none:<6} {:>8} {none:>6} {:>6} {none:>6} {letters}",
            own.name, own.mtu, received.packets, received.dropped, sent.packets, sent.dropped,
        );
    }
    text
}

/// IFF_UP.
const UP: u16 = 1;
/// The letters of netif(4)'s flags, in netstat's order.
const LETTERS: [(u16, char); 10] = [
    (0x200, 'A'),
    (0x2, 'B'),
    (0x4, 'D'),
    (0x8, 'L'),
    (0x1000, 'M'),
    (0x20, 'N'),
    (0x80, 'O'),
    (0x10, 'P'),
    (0x40, 'R'),
    (UP, 'U'),
];

/// The groups, those of IPv4 first.
pub(super) fn groups(host: &Host, arguments: &Arguments) -> String {
    let mut text = "IPv6/IPv4 Group Memberships\nInterface       RefCnt Group\n".to_owned();
    text += "--------------- ------ ---------------------\n";
    let both = arguments.kinds.inet == arguments.kinds.inet6;
    for v6 in [false, true] {
        for group in host.groups.iter().filter(|group| group.group.is_ipv6() == v6) {
            if both || arguments.kinds.inet6 == v6 {
                let _ = writeln!(text, "{:<15} {:<6} {}", group.interface, group.members.max(1), group.group);
            }
        }
    }
    text
}
