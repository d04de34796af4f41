//! Interfaces: where packets enter and leave a host.

use sockeye_wire::ethernet::Mac;

use crate::Cidr;

/// An interface of one stack. 0 is always `lo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub usize);

impl InterfaceId {
    /// The loopback interface.
    pub const LOOPBACK: InterfaceId = InterfaceId(0);
}

/// An interface as it is configured.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
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
