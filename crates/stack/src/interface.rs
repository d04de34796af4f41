//! Interfaces: where packets enter and leave a host.

use std::borrow::Cow;
use std::num::NonZeroU16;

use sockeye_wire::ethernet::Mac;

use crate::Cidr;

/// An interface of one stack. 0 is always `lo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub usize);

impl InterfaceId {
    /// The loopback interface.
    pub const LOOPBACK: InterfaceId = InterfaceId(0);
}

impl InterfaceId {
    /// Its number in the socket interface (`if_nametoindex`): `lo` is 1.
    pub fn index(self) -> u32 {
        u32::try_from(self.0).map_or(u32::MAX, |n| n.saturating_add(1))
    }

    /// The interface that would have this number; 0 is none.
    pub fn from_index(index: u32) -> Option<InterfaceId> {
        usize::try_from(index.checked_sub(1)?).ok().map(InterfaceId)
    }
}

/// Which interfaces a socket has to do with: one (SO_BINDTODEVICE, the scope of a link-local address), or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Device(Option<NonZeroU16>);

impl Device {
    /// The one.
    pub(crate) fn one(self) -> Option<InterfaceId> {
        self.0.and_then(|index| InterfaceId::from_index(index.get().into()))
    }

    /// Whether what came in there is for it.
    pub(crate) fn takes(self, interface: InterfaceId) -> bool {
        self.one().is_none_or(|own| own == interface)
    }

    /// Whether some interface belongs to both.
    pub(crate) fn overlaps(self, other: Device) -> bool {
        self.0.is_none() || other.0.is_none() || self == other
    }
}

impl From<Option<InterfaceId>> for Device {
    fn from(interface: Option<InterfaceId>) -> Device {
        // A host has never so many that one has no number here.
        Device(interface.and_then(|id| NonZeroU16::new(u16::try_from(id.index()).unwrap_or(u16::MAX))))
    }
}

/// An interface as it is configured.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: Cow<'static, str>,
    /// Its hardware address; all zero where packets go without an Ethernet header: `lo`, a TUN.
    pub mac: Mac,
    /// The longest IP packet it takes, in bytes.
    pub mtu: usize,
    /// Its addresses, each with its network.
    pub addresses: Vec<Cidr>,
}

impl Interface {
    /// Its hardware address, if its frames have Ethernet headers.
    pub(crate) fn mac(&self) -> Option<Mac> {
        (self.mac != Mac::ZERO).then_some(self.mac)
    }
}
