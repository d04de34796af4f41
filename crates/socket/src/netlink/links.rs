//! Interfaces and their addresses: RTM_GETLINK, RTM_GETADDR.
//!
//! Not told: settings of an interface's own (IFLA_INET_CONF and its kin).

use std::net::IpAddr;

use sockeye_abi::netlink::{self as nl, route as rt};
use sockeye_abi::{Errno, InterfaceFlags};
use sockeye_stack::{Cidr, Interface, InterfaceCounts, InterfaceId};

use super::{Answer, Asker, Entry, Picked, Refusal, Rest};
use crate::host::Host;
use crate::interfaces::{QUEUE_LEN, hardware};
use crate::options::number;

/// What the kernel gives interfaces that say nothing of it.
const GSO_MAX_SIZE: u32 = 65_536;
const GSO_MAX_SEGS: u32 = 65_535;
const TSO_MAX_SIZE: u32 = 524_280;
/// IF_OPER_UNKNOWN, IF_OPER_UP.
const OPER_UNKNOWN: u8 = 0;
const OPER_UP: u8 = 6;
/// IN6_ADDR_GEN_MODE_EUI64.
const ADDR_GEN_MODE_EUI64: u8 = 0;
/// The least that an Ethernet's MTU may be set to, and the most.
const ETHERNET_MTU: (u32, u32) = (68, 65_535);
/// `sizeof(struct rtnl_link_ifmap)`.
const MAP: usize = 32;
/// Words of `rtnl_link_stats64`, and of `rtnl_link_stats`, which lacks the last.
const STATS64: usize = 25;
const STATS: usize = 24;
/// Attributes whose names have changed or are new.
const IFLA_DEVLINK_PORT: u16 = 62;
const IFLA_DPLL_PIN: u16 = 65;
const IFLA_MAX_PACING_OFFLOAD_HORIZON: u16 = 66;
const IFLA_NETNS_IMMUTABLE: u16 = 67;
const IFLA_HEADROOM: u16 = 68;
const IFLA_TAILROOM: u16 = 69;

const BAD_LINK_DUMP: &str = "Invalid values in header for link dump request";
const BAD_ADDRESS_DUMP: (&str, &str) = (
    "ipv4: Invalid values in header for address dump request",
    "IPv6: Invalid values in header for address dump request",
);

impl Host {
    pub(super) fn dump_links(&self, asker: Asker, payload: &[u8]) -> Result<Answer, Refusal> {
        let asked = rt::IfInfo::decode(payload).unwrap_or_default();
        let attributes = payload.get(rt::IfInfo::LEN..).unwrap_or_default();
        if asker.strict {
            rt::IfInfo::decode(payload)
                .map_err(|errno| Refusal(errno, Some("Invalid header for link dump")))?;
            if (asked.hardware, asked.flags, asked.change) != (0, 0, 0) {
                return Err(Refusal(Errno::EINVAL, Some(BAD_LINK_DUMP)));
            }
            if asked.index != 0 {
                return Err(Refusal(
                    Errno::EINVAL,
                    Some("Filter by device index not supported for link dumps"),
                ));
            }
        }
        // No interface here belongs to another, is of a kind, or is a bridge's port.
        let master = nl::attribute_u32(attributes, rt::IFLA_MASTER).is_some_and(|master| master != 0);
        let kind = nl::attribute(attributes, rt::IFLA_LINKINFO).is_some();
        if master || kind || payload.first() == Some(&rt::AF_BRIDGE) {
            return Ok(Answer::entries(Vec::new()));
        }
        if payload.first() == Some(&rt::AF_INET6) {
            let speak = |(_, interface): &(InterfaceId, &Interface)| {
                interface.addresses.iter().any(|own| own.address().is_ipv6())
            };
            let speaking = self.stack.interfaces().filter(speak);
            return Ok(Answer::entries(
                speaking.map(|(id, interface)| self.link_of_ipv6(id, interface)).collect(),
            ));
        }
        Ok(Answer::entries(self.stack.interfaces().map(|(id, interface)| self.link(id, interface)).collect()))
    }

    pub(super) fn one_link(&self, payload: &[u8]) -> Result<Entry, Refusal> {
        let asked = rt::IfInfo::decode(payload)
            .map_err(|errno| Refusal(errno, Some("Invalid header for get link")))?;
        let attributes = payload.get(rt::IfInfo::LEN..).unwrap_or_default();
        let named = |kind| {
            nl::attribute(attributes, kind)
                .map(|name| name.split(|byte| *byte == 0).next().unwrap_or_default())
        };
        let mut interfaces = self.stack.interfaces();
        let found = if asked.index > 0 {
            interfaces.find(|(id, _)| number(*id) == asked.index)
        } else {
            let name = named(rt::IFLA_IFNAME).or_else(|| named(rt::IFLA_ALT_IFNAME)).ok_or(Errno::EINVAL)?;
            interfaces.find(|(_, interface)| interface.name.as_bytes() == name)
        };
        let (id, interface) = found.ok_or(Errno::ENODEV)?;
        Ok(self.link(id, interface))
    }

    /// RTM_NEWLINK, as `rtnl_fill_ifinfo` writes it.
    fn link(&self, id: InterfaceId, interface: &Interface) -> Entry {
        let flags = self.interface_flags(id, interface);
        let is_lo = flags.contains(InterfaceFlags::LOOPBACK);
        let (hardware_kind, address, broadcast) = hardware(id, interface).numbers();
        let mtu = u32::try_from(interface.mtu).unwrap_or(u32::MAX);
        let (least, most) = if is_lo { (0, 0) } else { ETHERNET_MTU };
        let changes = u32::from(!is_lo);
        let fixed = rt::IfInfo {
            family: rt::AF_UNSPEC,
            hardware: hardware_kind,
            index: number(id),
            flags: u32::from(flags.bits()) | rt::IFF_LOWER_UP,
            change: 0,
        };
        Entry::new(rt::RTM_NEWLINK, &fixed.encode(), |out| {
            out.text(rt::IFLA_IFNAME, &interface.name);
            out.u32(rt::IFLA_TXQLEN, QUEUE_LEN.cast_unsigned());
            out.put(rt::IFLA_OPERSTATE, &[if is_lo { OPER_UNKNOWN } else { OPER_UP }]);
            out.put(rt::IFLA_LINKMODE, &[0]);
            out.put(IFLA_NETNS_IMMUTABLE, &[u8::from(is_lo)]);
            for (kind, value) in [
                (rt::IFLA_MTU, mtu),
                (rt::IFLA_MIN_MTU, least),
                (rt::IFLA_MAX_MTU, most),
                (rt::IFLA_GROUP, 0),
                (rt::IFLA_PROMISCUITY, 0),
                (rt::IFLA_ALLMULTI, 0),
                (rt::IFLA_NUM_TX_QUEUES, 1),
                (rt::IFLA_GSO_MAX_SEGS, GSO_MAX_SEGS),
                (rt::IFLA_GSO_MAX_SIZE, GSO_MAX_SIZE),
                (rt::IFLA_GRO_MAX_SIZE, GSO_MAX_SIZE),
                (rt::IFLA_GSO_IPV4_MAX_SIZE, GSO_MAX_SIZE),
                (rt::IFLA_GRO_IPV4_MAX_SIZE, GSO_MAX_SIZE),
                (rt::IFLA_TSO_MAX_SIZE, TSO_MAX_SIZE),
                (rt::IFLA_TSO_MAX_SEGS, GSO_MAX_SEGS),
                (IFLA_MAX_PACING_OFFLOAD_HORIZON, 0),
                (rt::IFLA_NUM_RX_QUEUES, 1),
            ] {
                out.u32(kind, value);
            }
            out.put(rt::IFLA_CARRIER, &[1]);
            out.u32(rt::IFLA_CARRIER_CHANGES, changes);
            out.u32(rt::IFLA_CARRIER_UP_COUNT, changes);
            out.u32(rt::IFLA_CARRIER_DOWN_COUNT, 0);
            out.put(IFLA_HEADROOM, &[0; 2]);
            out.put(IFLA_TAILROOM, &[0; 2]);
            out.put(rt::IFLA_PROTO_DOWN, &[0]);
            if let Some(address) = address {
                out.put(rt::IFLA_ADDRESS, &address);
                out.put(rt::IFLA_BROADCAST, &broadcast);
            }
            let counts = stats(&self.stack.interface_counts(id));
            out.put(rt::IFLA_STATS64, &counts.iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>());
            let short = counts.iter().take(STATS).flat_map(|n| (*n as u32).to_ne_bytes());
            out.put(rt::IFLA_STATS, &short.collect::<Vec<u8>>());
            out.nest(rt::IFLA_XDP, |out| out.put(rt::IFLA_XDP_ATTACHED, &[0]));
            out.text(rt::IFLA_QDISC, "noqueue");
            out.nest(rt::IFLA_AF_SPEC, |out| {
                out.nest(rt::AF_INET6.into(), of_ipv6);
            });
            out.put(rt::IFLA_MAP, &[0; MAP]);
            out.empty_nest(IFLA_DEVLINK_PORT);
            out.empty_nest(IFLA_DPLL_PIN);
        })
    }

    /// The same for who asks about IPv6 alone (`inet6_fill_ifinfo`).
    fn link_of_ipv6(&self, id: InterfaceId, interface: &Interface) -> Entry {
        let flags = self.interface_flags(id, interface);
        let (kind, address, _) = hardware(id, interface).numbers();
        let is_lo = flags.contains(InterfaceFlags::LOOPBACK);
        let fixed = rt::IfInfo {
            family: rt::AF_INET6,
            hardware: kind,
            index: number(id),
            flags: u32::from(flags.bits()) | rt::IFF_LOWER_UP,
            change: 0,
        };
        Entry::new(rt::RTM_NEWLINK, &fixed.encode(), |out| {
            out.text(rt::IFLA_IFNAME, &interface.name);
            if let Some(address) = address {
                out.put(rt::IFLA_ADDRESS, &address);
            }
            out.u32(rt::IFLA_MTU, u32::try_from(interface.mtu).unwrap_or(u32::MAX));
            out.put(rt::IFLA_OPERSTATE, &[if is_lo { OPER_UNKNOWN } else { OPER_UP }]);
            out.nest(rt::IFLA_PROTINFO, of_ipv6);
        })
    }

    pub(super) fn dump_addresses(&self, asker: Asker, family: u8, payload: &[u8]) -> Result<Answer, Refusal> {
        let asked = rt::IfAddr::decode(payload).unwrap_or_default();
        let mut only = None;
        if asker.strict {
            let text = if family == rt::AF_INET6 { BAD_ADDRESS_DUMP.1 } else { BAD_ADDRESS_DUMP.0 };
            rt::IfAddr::decode(payload).map_err(|errno| Refusal(errno, Some(text)))?;
            if (asked.prefix, asked.flags, asked.scope) != (0, 0, 0) {
                return Err(Refusal(Errno::EINVAL, Some(text)));
            }
            only = Some(asked.index).filter(|index| *index != 0);
            if only.is_some_and(|index| self.interface_at(index.cast_signed()).is_none()) {
                return Err(Errno::ENODEV.into());
            }
        }
        let families = match family {
            rt::AF_INET => &[true][..],
            rt::AF_INET6 => &[false],
            _ => &[true, false],
        };
        let mut entries = Vec::new();
        for v4 in families {
            for (id, interface) in self.stack.interfaces() {
                if only.is_some_and(|index| index != id.index()) {
                    continue;
                }
                let own = interface.addresses.iter().filter(|own| own.address().is_ipv4() == *v4);
                entries.extend(own.map(|own| address(id, interface, own)));
            }
        }
        let picked = if only.is_some() { Picked::All } else { Picked::Nothing };
        Ok(Answer::Dump(Rest::Entries(entries.into_iter()), picked))
    }

    /// An address of IPv6 by itself; EADDRNOTAVAIL if it isn't one of ours.
    pub(super) fn one_address(&self, payload: &[u8]) -> Result<Entry, Refusal> {
        let asked = rt::IfAddr::decode(payload)?;
        let attributes = payload.get(rt::IfAddr::LEN..).unwrap_or_default();
        let wanted =
            nl::attribute(attributes, rt::IFA_LOCAL).or_else(|| nl::attribute(attributes, rt::IFA_ADDRESS));
        let wanted = wanted.and_then(super::address_of).ok_or(Errno::EINVAL)?;
        let mut all = self
            .stack
            .interfaces()
            .flat_map(|(id, interface)| interface.addresses.iter().map(move |own| (id, interface, own)));
        let found = all
            .find(|(id, _, own)| own.address() == wanted && (asked.index == 0 || asked.index == id.index()));
        let (id, interface, own) = found.ok_or(Errno::EADDRNOTAVAIL)?;
        Ok(address(id, interface, own))
    }
}

/// `struct rtnl_link_stats64`: of errors none is known here.
fn stats(counts: &InterfaceCounts) -> [u64; STATS64] {
    let InterfaceCounts { rx_packets, rx_bytes, rx_dropped, multicast, tx_packets, tx_bytes, tx_dropped } =
        *counts;
    let mut all = [0; STATS64];
    let told = [rx_packets, tx_packets, rx_bytes, tx_bytes, 0, 0, rx_dropped, tx_dropped, multicast];
    all.iter_mut().zip(told).for_each(|(to, count)| *to = count);
    all
}

/// What is told of IPv6 on an interface.
fn of_ipv6(out: &mut nl::Writer<'_>) {
    out.u32(rt::IFLA_INET6_FLAGS, rt::IF_READY);
    out.put(rt::IFLA_INET6_TOKEN, &[0; 16]);
    out.put(rt::IFLA_INET6_ADDR_GEN_MODE, &[ADDR_GEN_MODE_EUI64]);
}

/// `IFA_F_` of an address.
pub(crate) fn address_flags(ip: IpAddr) -> u8 {
    match ip {
        // Nobody looks for duplicates here; of `::1` nobody would.
        IpAddr::V6(ip) if !ip.is_loopback() => rt::IFA_F_PERMANENT | rt::IFA_F_NODAD,
        IpAddr::V4(_) | IpAddr::V6(_) => rt::IFA_F_PERMANENT,
    }
}

/// RTM_NEWADDR, as `inet_fill_ifaddr` and `inet6_fill_ifaddr` write it.
fn address(id: InterfaceId, interface: &Interface, own: &Cidr) -> Entry {
    let ip = own.address();
    let bytes = super::bytes_of(ip);
    // All last for ever, from the host's beginning on.
    let life: Vec<u8> = [u32::MAX, u32::MAX, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let family = if ip.is_ipv4() { rt::AF_INET } else { rt::AF_INET6 };
    let flags = address_flags(ip);
    let scope = match ip {
        ip if ip.is_loopback() => rt::RT_SCOPE_HOST,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => rt::RT_SCOPE_LINK,
        IpAddr::V4(_) | IpAddr::V6(_) => rt::RT_SCOPE_UNIVERSE,
    };
    let fixed = rt::IfAddr { family, prefix: own.prefix(), flags, scope, index: id.index() };
    Entry::new(rt::RTM_NEWADDR, &fixed.encode(), |out| {
        out.put(rt::IFA_ADDRESS, &bytes);
        if ip.is_ipv4() {
            out.put(rt::IFA_LOCAL, &bytes);
            if let Some(broadcast) = own.broadcast().filter(|_| id != InterfaceId::LOOPBACK) {
                out.put(rt::IFA_BROADCAST, &broadcast.octets());
            }
            out.text(rt::IFA_LABEL, &interface.name);
            out.u32(rt::IFA_FLAGS, flags.into());
            out.put(rt::IFA_CACHEINFO, &life);
        } else {
            out.put(rt::IFA_CACHEINFO, &life);
            out.u32(rt::IFA_FLAGS, flags.into());
            if ip.is_loopback() {
                out.put(rt::IFA_PROTO, &[rt::IFAPROT_KERNEL_LO]);
            }
        }
    })
}
