//! Multicast groups: what sockets join and leave, and whom they hear there (ip(7), ipv6(7), RFC 3678). The checks and their
//! order are those of Linux's `ip_mc_join_group` and `ipv6_sock_mc_join`, and their kin.

use std::net::IpAddr;

use sockeye_abi::{Device, Errno, Family, GroupFilter, GroupRequest, Opt, State, Value};
use sockeye_base::Instant;
use sockeye_stack::{FilterMode, GroupError, InterfaceId, MembersId, SourceChange};

use crate::errors;
use crate::host::{Host, Kind, Result, SocketId};

/// What an option does with a group.
enum Act {
    Join,
    Leave,
    Source(SourceChange, FilterMode),
    Filter,
}

impl Act {
    fn of(opt: Opt) -> Option<Act> {
        use FilterMode::{Exclude, Include};
        use SourceChange::{Add, Remove};
        Some(match opt {
            Opt::IpAddMembership
            | Opt::Ipv6AddMembership
            | Opt::IpMcastJoinGroup
            | Opt::Ipv6McastJoinGroup => Act::Join,
            Opt::IpDropMembership
            | Opt::Ipv6DropMembership
            | Opt::IpMcastLeaveGroup
            | Opt::Ipv6McastLeaveGroup => Act::Leave,
            Opt::IpBlockSource | Opt::IpMcastBlockSource | Opt::Ipv6McastBlockSource => {
                Act::Source(Add, Exclude)
            }
            Opt::IpUnblockSource | Opt::IpMcastUnblockSource | Opt::Ipv6McastUnblockSource => {
                Act::Source(Remove, Exclude)
            }
            Opt::IpAddSourceMembership | Opt::IpMcastJoinSourceGroup | Opt::Ipv6McastJoinSourceGroup => {
                Act::Source(Add, Include)
            }
            Opt::IpDropSourceMembership | Opt::IpMcastLeaveSourceGroup | Opt::Ipv6McastLeaveSourceGroup => {
                Act::Source(Remove, Include)
            }
            Opt::IpMsfilter | Opt::IpMcastMsfilter | Opt::Ipv6McastMsfilter => Act::Filter,
            _ => return None,
        })
    }
}

impl Host {
    /// Reads whom of a group's sources a socket hears: IP_MSFILTER and MCAST_MSFILTER, whose question is a filter without
    /// sources. EADDRNOTAVAIL if the socket isn't in the group, EINVAL if it is none, ENODEV, ENOPROTOOPT.
    pub fn group_filter(&self, id: SocketId, opt: Opt, asked: &GroupFilter) -> Result<GroupFilter> {
        let socket = self.get(id)?;
        let row = opt.row();
        if row.state == State::Rejected || !row.readable || !row.applies(socket.family, socket.transport()) {
            return Err(Errno::ENOPROTOOPT);
        }
        if !asked.group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        let interface = match opt {
            Opt::IpMsfilter => self.group_device(asked.group, asked.device).ok_or(Errno::ENODEV)?,
            _ => self.interface_at(asked.device.index).ok_or(Errno::EADDRNOTAVAIL)?,
        };
        let members = socket.members.ok_or(Errno::EADDRNOTAVAIL)?;
        let filter = self.stack.group_filter(members, asked.group, interface);
        let (mode, sources) = filter.ok_or(Errno::EADDRNOTAVAIL)?;
        let include = mode == FilterMode::Include;
        Ok(GroupFilter { include, sources: sources.to_vec(), ..asked.clone() })
    }

    /// Whether a socket is, or was, in a multicast group.
    pub fn is_in_groups(&self, id: SocketId) -> bool {
        self.get(id).is_ok_and(|socket| socket.members.is_some())
    }

    /// Sets an option about groups; `None` if it is none of these.
    pub(crate) fn set_group_option(
        &mut self,
        now: Instant,
        id: SocketId,
        (opt, value): (Opt, &Value),
    ) -> Option<Result<()>> {
        let act = Act::of(opt)?;
        let is_stream = self.get(id).is_ok_and(|socket| socket.transport().is_stream());
        let old_way = matches!(
            opt,
            Opt::IpAddMembership | Opt::IpDropMembership | Opt::Ipv6AddMembership | Opt::Ipv6DropMembership
        );
        // A stream may name sources all the same.
        if is_stream && old_way {
            return Some(Err(Errno::EPROTO));
        }
        Some(match (act, value) {
            (Act::Join, Value::Group(asked)) => self.join(now, id, asked, FilterMode::Exclude),
            (Act::Leave, Value::Group(asked)) => self.leave(now, id, asked),
            (Act::Source(change, mode), Value::Group(asked)) => {
                self.change_source(now, id, asked, (change, mode))
            }
            (Act::Filter, Value::Filter(filter)) => self.set_filter(now, id, filter),
            _ => Err(Errno::EINVAL),
        })
    }

    /// Lets the stack know what a socket that is in groups hears beside them.
    pub(crate) fn tell_members(&mut self, id: SocketId) -> Result<()> {
        let socket = self.get(id)?;
        let (v4, v6) = socket.options.interfaces.hears_all(socket.family);
        let begins_with = (socket.family == Family::Inet, true);
        if socket.members.is_some() || (v4, v6) != begins_with {
            let members = self.members_of(id)?;
            self.stack.members_hear_all(members, v4, v6);
        }
        Ok(())
    }

    fn join(&mut self, now: Instant, id: SocketId, asked: &GroupRequest, mode: FilterMode) -> Result<()> {
        let interface = self.group_on(asked.group, asked.device)?;
        let members = self.members_of(id)?;
        self.stack.group_join(now, members, (asked.group, interface), mode).map_err(errors::of_group)
    }

    /// IPv4 must find an interface if none is named; to IPv6 any will do then.
    fn leave(&mut self, now: Instant, id: SocketId, asked: &GroupRequest) -> Result<()> {
        let &GroupRequest { group, device, .. } = asked;
        let named = device.index != 0 || !device.address.is_unspecified();
        let interface = match group {
            IpAddr::V6(group) if !group.is_multicast() => return Err(Errno::EINVAL),
            IpAddr::V6(_) if !named => None,
            IpAddr::V6(_) => Some(self.interface_at(device.index).ok_or(Errno::EADDRNOTAVAIL)?),
            IpAddr::V4(_) => {
                let missing = if named { Errno::EADDRNOTAVAIL } else { Errno::ENODEV };
                Some(self.group_device(group, device).ok_or(missing)?)
            }
        };
        let members = self.get(id)?.members.ok_or(Errno::EADDRNOTAVAIL)?;
        self.stack.group_leave(now, members, (group, interface)).map_err(errors::of_group)
    }

    fn change_source(
        &mut self,
        now: Instant,
        id: SocketId,
        asked: &GroupRequest,
        (change, mode): (SourceChange, FilterMode),
    ) -> Result<()> {
        let source = asked.source.ok_or(Errno::EINVAL)?;
        let interface = self.group_on(asked.group, asked.device)?;
        let members = self.members_of(id)?;
        let group = (asked.group, interface);
        // Whoever names its first source joins with it.
        if (change, mode) == (SourceChange::Add, FilterMode::Include) {
            match self.stack.group_join(now, members, group, mode) {
                Ok(()) | Err(GroupError::IsMember) => {}
                Err(error) => return Err(errors::of_group(error)),
            }
        }
        self.stack.group_source(now, members, group, (source, change, mode)).map_err(errors::of_group)
    }

    fn set_filter(&mut self, now: Instant, id: SocketId, filter: &GroupFilter) -> Result<()> {
        if filter.count > self.stack.most_sources(filter.group) {
            return Err(Errno::ENOBUFS);
        }
        if filter.sources.len() < filter.count {
            return Err(Errno::EINVAL);
        }
        let interface = self.group_on(filter.group, filter.device)?;
        let mode = if filter.include { FilterMode::Include } else { FilterMode::Exclude };
        let members = self.members_of(id)?;
        let filter_wanted = (mode, filter.sources.clone());
        self.stack
            .group_set_filter(now, members, (filter.group, interface), filter_wanted)
            .map_err(errors::of_group)
    }

    /// The interface of a group, which must be one: EINVAL; ENODEV.
    fn group_on(&self, group: IpAddr, device: Device) -> Result<InterfaceId> {
        if !group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        self.group_device(group, device).ok_or(Errno::ENODEV)
    }

    fn group_device(&self, group: IpAddr, Device { index, address }: Device) -> Option<InterfaceId> {
        match (index, address.is_unspecified()) {
            (0, true) => self.stack.group_interface(group),
            (0, false) => self.interface_of(address),
            (index, _) => self.interface_at(index),
        }
    }

    /// A socket's memberships, begun now if it has none.
    fn members_of(&mut self, id: SocketId) -> Result<MembersId> {
        let socket = self.get(id)?;
        if let Some(members) = socket.members {
            return Ok(members);
        }
        let (v4, v6) = socket.options.interfaces.hears_all(socket.family);
        let members = self.stack.members_open();
        self.stack.members_hear_all(members, v4, v6);
        self.get_mut(id)?.members = Some(members);
        if let Kind::Datagram(datagram) = &self.get(id)?.kind
            && let Some(udp) = datagram.udp
        {
            self.stack.udp_set_members(udp, members);
        }
        Ok(members)
    }
}
