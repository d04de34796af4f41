//! Neighbours: RTM_GETNEIGH. Those that nobody looked for (groups, IPv6's NOARP) have no entries here.

use sockeye_abi::Errno;
use sockeye_abi::netlink::{self as nl, route as rt};
use sockeye_base::Instant;
use sockeye_stack::{InterfaceId, NeighbourEntry, Reachability};

use super::{Answer, Asker, Entry, Picked, Refusal, Rest};
use crate::host::Host;
use crate::options::number;

/// Ticks in a second, as programs are told times (USER_HZ).
const TICKS: u128 = 100;

impl Host {
    pub(super) fn dump_neighbours(
        &self,
        asker: Asker,
        family: u8,
        payload: &[u8],
    ) -> Result<Answer, Refusal> {
        const BAD: &str = "Invalid values in header for neighbor dump request";
        let asked = rt::Nd::decode(payload).unwrap_or_default();
        let attributes = payload.get(rt::Nd::LEN..).unwrap_or_default();
        if asker.strict {
            rt::Nd::decode(payload)
                .map_err(|errno| Refusal(errno, Some("Invalid header for neighbor dump request")))?;
            if (asked.index, asked.state, asked.kind, asked.flags & !rt::NTF_PROXY) != (0, 0, 0, 0) {
                return Err(Refusal(Errno::EINVAL, Some(BAD)));
            }
        }
        let device = nl::attribute_u32(attributes, rt::NDA_IFINDEX).filter(|index| *index != 0);
        let master = nl::attribute_u32(attributes, rt::NDA_MASTER).filter(|index| *index != 0);
        // Nobody is answered for here, and no interface belongs to another.
        let none = asked.flags & rt::NTF_PROXY != 0 || master.is_some();
        let mut entries = Vec::new();
        for v4 in [true, false].into_iter().filter(|_| !none) {
            let is_wanted = match family {
                rt::AF_INET => v4,
                rt::AF_INET6 => !v4,
                _ => true,
            };
            for (id, _) in self.stack.interfaces() {
                if is_wanted && device.is_none_or(|index| index == id.index()) {
                    let all = self.stack.neighbour_entries(asker.now, id).into_iter();
                    let own = all.filter(|entry| entry.address.is_ipv4() == v4);
                    entries.extend(own.map(|entry| neighbour(asker.now, id, &entry)));
                }
            }
        }
        let picked = if device.is_some() || master.is_some() { Picked::All } else { Picked::Nothing };
        Ok(Answer::Dump(Rest::Entries(entries.into_iter()), picked))
    }

    pub(super) fn one_neighbour(&self, asker: Asker, payload: &[u8]) -> Result<Entry, Refusal> {
        let asked = rt::Nd::decode(payload)
            .map_err(|errno| Refusal(errno, Some("Invalid header for neighbor get request")))?;
        let attributes = payload.get(rt::Nd::LEN..).unwrap_or_default();
        let address = nl::attribute(attributes, rt::NDA_DST).and_then(super::address_of);
        let address = address.ok_or(Refusal(Errno::EINVAL, Some("Network address not specified")))?;
        if asked.index == 0 {
            return Err(Refusal(Errno::EINVAL, Some("No device specified")));
        }
        let unknown = Refusal(Errno::ENODEV, Some("Unknown device ifindex"));
        let id = self.interface_at(asked.index).ok_or(unknown)?;
        let entries = self.stack.neighbour_entries(asker.now, id);
        let found = entries.iter().find(|entry| entry.address == address);
        let entry = found.ok_or(Refusal(Errno::ENOENT, Some("Neighbour entry not found")))?;
        Ok(neighbour(asker.now, id, entry))
    }
}

/// RTM_NEWNEIGH, as `neigh_fill_info` writes it.
fn neighbour(now: Instant, id: InterfaceId, entry: &NeighbourEntry) -> Entry {
    let family = if entry.address.is_ipv4() { rt::AF_INET } else { rt::AF_INET6 };
    let state = match entry.state {
        Reachability::Incomplete => rt::NUD_INCOMPLETE,
        Reachability::Reachable => rt::NUD_REACHABLE,
        Reachability::Stale => rt::NUD_STALE,
        Reachability::Delay => rt::NUD_DELAY,
        Reachability::Probe => rt::NUD_PROBE,
        Reachability::Failed => rt::NUD_FAILED,
    };
    let ticks = u32::try_from(now.since(entry.updated).as_millis() * TICKS / 1000).unwrap_or(u32::MAX);
    let times: Vec<u8> = [ticks, ticks, ticks, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let fixed = rt::Nd { family, index: number(id), state, flags: 0, kind: rt::RTN_UNICAST };
    Entry::new(rt::RTM_NEWNEIGH, &fixed.encode(), |out| {
        out.put(rt::NDA_DST, &super::bytes_of(entry.address));
        if let Some(mac) = entry.mac {
            out.put(rt::NDA_LLADDR, &mac.0);
        }
        out.u32(rt::NDA_PROBES, entry.probes.into());
        out.put(rt::NDA_CACHEINFO, &times);
    })
}
