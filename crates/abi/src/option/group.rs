//! The structs by which programs speak of multicast groups (ip(7), ipv6(7), RFC 3678). What their fields mean for a host's
//! interfaces is not known here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::SOL_IP;
use super::value::{Value, int_at};
use crate::Errno;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `sizeof(struct sockaddr_storage)`.
const STORAGE: usize = 128;
/// Where the group's address stands in `group_req`, `group_source_req` and `group_filter`.
const GROUP: usize = 8;
/// Bytes of a `group_filter` and of an `ip_msfilter` without sources.
const FILTER: usize = 144;
const FILTER_V4: usize = 16;
/// MCAST_INCLUDE; MCAST_EXCLUDE is 0.
const INCLUDE: u32 = 1;

/// Which struct an option's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `struct ip_mreq` or `struct ip_mreqn`.
    Mreq,
    /// `struct ip_mreq_source`.
    MreqSource,
    /// `struct ipv6_mreq`.
    Ipv6Mreq,
    /// `struct group_req`.
    GroupReq,
    /// `struct group_source_req`.
    GroupSourceReq,
    /// `struct ip_msfilter`.
    IpMsfilter,
    /// `struct group_filter`.
    GroupFilter,
}

/// Which interface is meant: by its index unless that is 0, else by one of its addresses unless that is 0.0.0.0, else the
/// one that the route leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its index.
    pub index: i32,
    /// One of its addresses.
    pub address: Ipv4Addr,
}

/// A group to join or leave, or a source of it to be heard or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupRequest {
    /// The group; nothing says yet that it is one.
    pub group: IpAddr,
    /// On which interface.
    pub device: Device,
    /// The source, where the option is about one.
    pub source: Option<IpAddr>,
}

/// Whom of a group's sources a socket hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFilter {
    /// The group; nothing says yet that it is one.
    pub group: IpAddr,
    /// On which interface.
    pub device: Device,
    /// Only the sources are heard (MCAST_INCLUDE); else all but them (MCAST_EXCLUDE).
    pub include: bool,
    /// The sources.
    pub sources: Vec<IpAddr>,
    /// How many the program says there are: more than there are is EINVAL, more than the host takes is ENOBUFS. When it
    /// asks, how many it has room for.
    pub count: usize,
}

impl Layout {
    /// Its name in C.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Mreq => "struct ip_mreqn",
            Layout::MreqSource => "struct ip_mreq_source",
            Layout::Ipv6Mreq => "struct ipv6_mreq",
            Layout::GroupReq => "struct group_req",
            Layout::GroupSourceReq => "struct group_source_req",
            Layout::IpMsfilter => "struct ip_msfilter",
            Layout::GroupFilter => "struct group_filter",
        }
    }
}

impl Device {
    /// The interface of this index.
    pub const fn index(index: i32) -> Device {
        Device { index, address: Ipv4Addr::UNSPECIFIED }
    }
}

impl From<Device> for Value {
    fn from(device: Device) -> Value {
        Value::Device(device)
    }
}

/// Decodes what setsockopt was given. EINVAL if it is too short for the struct; where Linux asks for another address family
/// its error.
pub(super) fn decode(level: i32, layout: Layout, bytes: &[u8]) -> Result<Value, Errno> {
    let is_v4 = level == SOL_IP;
    let request = |group, device, source| Ok(Value::Group(GroupRequest { group, device, source }));
    match layout {
        Layout::Mreq => request(v4_at(bytes, 0)?.into(), device_at(bytes, 4)?, None),
        Layout::MreqSource if bytes.len() != 12 => Err(Errno::EINVAL),
        Layout::MreqSource => {
            let device = Device { index: 0, address: v4_at(bytes, 4)? };
            request(v4_at(bytes, 0)?.into(), device, Some(v4_at(bytes, 8)?.into()))
        }
        Layout::Ipv6Mreq => {
            let group = Ipv6Addr::from(field::<16>(bytes, 0)?);
            request(group.into(), Device::index(int_at(bytes, 16)?), None)
        }
        Layout::GroupReq => {
            let other = if is_v4 { Errno::EINVAL } else { Errno::EADDRNOTAVAIL };
            let group = storage_at(bytes, GROUP, is_v4)?.ok_or(other)?;
            request(group, Device::index(int_at(bytes, 0)?), None)
        }
        Layout::GroupSourceReq if is_v4 && bytes.len() != GROUP + 2 * STORAGE => Err(Errno::EINVAL),
        Layout::GroupSourceReq => {
            let (group, source) =
                (storage_at(bytes, GROUP, is_v4)?, storage_at(bytes, GROUP + STORAGE, is_v4)?);
            let (group, source) = (group.ok_or(Errno::EADDRNOTAVAIL)?, source.ok_or(Errno::EADDRNOTAVAIL)?);
            request(group, Device::index(int_at(bytes, 0)?), Some(source))
        }
        Layout::IpMsfilter => {
            let mut filter = decode_ip_msfilter(bytes)?;
            let sources = bytes.get(FILTER_V4..).unwrap_or_default().chunks_exact(4).take(filter.count);
            filter.sources =
                sources.map(|source| v4_at(source, 0).map(IpAddr::from)).collect::<Result<_, _>>()?;
            Ok(Value::Filter(filter))
        }
        Layout::GroupFilter => {
            let other = if is_v4 { Errno::EADDRNOTAVAIL } else { Errno::EINVAL };
            let mut filter = decode_group_filter(bytes, is_v4, other)?;
            let sources = bytes.get(FILTER..).unwrap_or_default().chunks_exact(STORAGE).take(filter.count);
            for source in sources {
                // Linux doesn't look at the family of IPv6's.
                let source = match storage_at(source, 0, is_v4)? {
                    None if is_v4 => return Err(Errno::EADDRNOTAVAIL),
                    None => Ipv6Addr::from(field::<16>(source, 8)?).into(),
                    Some(source) => source,
                };
                filter.sources.push(source);
            }
            Ok(Value::Filter(filter))
        }
    }
}

/// Decodes what a program asks of a filter: the head of what getsockopt was given. EINVAL if it is too short.
pub(super) fn decode_question(level: i32, layout: Layout, bytes: &[u8]) -> Result<GroupFilter, Errno> {
    let is_v4 = level == SOL_IP;
    let other = if is_v4 { Errno::EINVAL } else { Errno::EADDRNOTAVAIL };
    match layout {
        Layout::IpMsfilter => decode_ip_msfilter(bytes),
        _ => decode_group_filter(bytes, is_v4, other),
    }
}

/// The struct with as many sources as the program has room for; it says how many there are. (Linux goes by the count alone,
/// not by the length of the buffer.)
pub(super) fn encode_filter(layout: Layout, filter: &GroupFilter) -> Vec<u8> {
    let count = u32::try_from(filter.sources.len()).unwrap_or(u32::MAX).to_ne_bytes();
    let mode = if filter.include { INCLUDE } else { 0 }.to_ne_bytes();
    let shown = filter.sources.iter().take(filter.count);
    match layout {
        Layout::IpMsfilter => {
            let octets = |address: &IpAddr| match address {
                IpAddr::V4(address) => address.octets(),
                IpAddr::V6(_) => [0; 4],
            };
            let mut out = [octets(&filter.group), filter.device.address.octets(), mode, count].concat();
            out.extend(shown.flat_map(octets));
            out
        }
        _ => {
            let mut out = filter.device.index.to_ne_bytes().to_vec();
            out.resize(GROUP, 0);
            out.extend(storage(filter.group));
            out.extend([mode, count].concat());
            out.extend(shown.flat_map(|source| storage(*source)));
            out
        }
    }
}

/// IP_MULTICAST_IF: an address, `ip_mreq` or `ip_mreqn`.
pub(super) fn decode_device(bytes: &[u8]) -> Result<Value, Errno> {
    let device = match bytes.len() {
        0..8 => Device { index: 0, address: v4_at(bytes, 0)? },
        _ => device_at(bytes, 4)?,
    };
    Ok(Value::Device(device))
}

fn decode_ip_msfilter(bytes: &[u8]) -> Result<GroupFilter, Errno> {
    let (group, address) = (v4_at(bytes, 0)?.into(), v4_at(bytes, 4)?);
    Ok(GroupFilter {
        group,
        device: Device { index: 0, address },
        include: mode_at(bytes, 8)?,
        sources: Vec::new(),
        count: count_at(bytes, 12)?,
    })
}

fn decode_group_filter(bytes: &[u8], is_v4: bool, other: Errno) -> Result<GroupFilter, Errno> {
    let count = count_at(bytes, FILTER - 4)?;
    Ok(GroupFilter {
        group: storage_at(bytes, GROUP, is_v4)?.ok_or(other)?,
        device: Device::index(int_at(bytes, 0)?),
        include: mode_at(bytes, FILTER - 8)?,
        sources: Vec::new(),
        count,
    })
}

fn mode_at(bytes: &[u8], at: usize) -> Result<bool, Errno> {
    match int_at(bytes, at)?.cast_unsigned() {
        0 => Ok(false),
        INCLUDE => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}

fn count_at(bytes: &[u8], at: usize) -> Result<usize, Errno> {
    usize::try_from(int_at(bytes, at)?.cast_unsigned()).map_err(|_| Errno::ENOBUFS)
}

/// The end of `ip_mreq` (an address) or of `ip_mreqn` (an address and an index).
fn device_at(bytes: &[u8], at: usize) -> Result<Device, Errno> {
    Ok(Device { address: v4_at(bytes, at)?, index: int_at(bytes, at + 4).unwrap_or(0) })
}

/// The address in a `sockaddr_storage`; none if it is of another family.
fn storage_at(bytes: &[u8], at: usize, is_v4: bool) -> Result<Option<IpAddr>, Errno> {
    let storage = bytes.get(at..at + STORAGE).ok_or(Errno::EINVAL)?;
    let family = u16::from_ne_bytes(field(storage, 0)?);
    Ok(match (family, is_v4) {
        (AF_INET, true) => Some(v4_at(storage, 4)?.into()),
        (AF_INET6, false) => Some(Ipv6Addr::from(field::<16>(storage, 8)?).into()),
        _ => None,
    })
}

fn storage(address: IpAddr) -> [u8; STORAGE] {
    let mut out = [0; STORAGE];
    let mut put = |at: usize, bytes: &[u8]| {
        out.iter_mut().skip(at).zip(bytes).for_each(|(out, byte)| *out = *byte);
    };
    match address {
        IpAddr::V4(address) => {
            put(0, &AF_INET.to_ne_bytes());
            put(4, &address.octets());
        }
        IpAddr::V6(address) => {
            put(0, &AF_INET6.to_ne_bytes());
            put(8, &address.octets());
        }
    }
    out
}

fn v4_at(bytes: &[u8], at: usize) -> Result<Ipv4Addr, Errno> {
    field::<4>(bytes, at).map(Ipv4Addr::from)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    bytes.get(at..at + N).and_then(|slice| slice.try_into().ok()).ok_or(Errno::EINVAL)
}
