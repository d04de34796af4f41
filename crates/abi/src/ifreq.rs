//! `struct ifreq` and `struct ifconf`, by which ioctl(2) speaks of interfaces (netdevice(7)), on 64-bit machines.

use std::net::Ipv4Addr;

use bitflags::bitflags;

use crate::Errno;

const AF_INET: u16 = 2;
/// IFNAMSIZ.
const NAME: usize = 16;

bitflags! {
    /// IFF_: what an interface is and does.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct InterfaceFlags: u16 {
        /// It works.
        const UP = 0x1;
        /// It has a broadcast address.
        const BROADCAST = 0x2;
        /// It leads to this host itself.
        const LOOPBACK = 0x8;
        /// There is one other end.
        const POINTOPOINT = 0x10;
        /// Its link is there.
        const RUNNING = 0x40;
        /// It has no neighbours to be looked for.
        const NOARP = 0x80;
        /// It carries multicasts.
        const MULTICAST = 0x1000;
    }
}

/// ARPHRD_: what a hardware address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hardware {
    /// An Ethernet's.
    Ethernet([u8; 6]),
    /// `lo` has none.
    Loopback,
    /// A tunnel has none.
    None,
}

impl Hardware {
    /// The number of its kind, its address if it has room for one, and that for all.
    pub fn numbers(self) -> (u16, Option<[u8; 6]>, [u8; 6]) {
        match self {
            Hardware::Ethernet(address) => (1, Some(address), [0xff; 6]),
            Hardware::Loopback => (772, Some([0; 6]), [0; 6]),
            Hardware::None => (0xfffe, None, [0; 6]),
        }
    }
}

/// What a program asks, and the answer in the same place: a name and one value.
#[derive(Clone, Copy, Debug)]
pub struct Ifreq {
    bytes: [u8; Ifreq::LEN],
}

impl Ifreq {
    /// Its length.
    pub const LEN: usize = 40;

    /// A question as the program wrote it; EFAULT if there is too little of it.
    pub fn read(bytes: &[u8]) -> Result<Ifreq, Errno> {
        bytes.first_chunk().map(|bytes| Ifreq { bytes: *bytes }).ok_or(Errno::EFAULT)
    }

    /// An entry of the list that SIOCGIFCONF gives.
    pub fn entry(name: &str, address: Ipv4Addr) -> Ifreq {
        let mut entry = Ifreq { bytes: [0; Ifreq::LEN] };
        entry.set_name(name);
        entry.set_address(address);
        entry
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; Ifreq::LEN] {
        &self.bytes
    }

    /// The interface's name, and behind a colon the label of one of its addresses.
    pub fn name(&self) -> (&[u8], Option<&[u8]>) {
        let name = self.bytes.get(..NAME - 1).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut parts = name.splitn(2, |byte| *byte == b':');
        (parts.next().unwrap_or_default(), parts.next())
    }

    /// The index that SIOCGIFNAME asks about.
    pub fn index(&self) -> i32 {
        self.bytes.get(NAME..).and_then(|rest| rest.first_chunk()).map_or(0, |word| i32::from_ne_bytes(*word))
    }

    /// Answers with a name.
    pub fn set_name(&mut self, name: &str) {
        let bytes = name.bytes().take(NAME - 1).chain(std::iter::repeat(0));
        self.bytes.iter_mut().take(NAME).zip(bytes).for_each(|(to, from)| *to = from);
    }

    /// Answers with flags.
    pub fn set_flags(&mut self, flags: InterfaceFlags) {
        self.put(&flags.bits().to_ne_bytes());
    }

    /// Answers with an int.
    pub fn set_int(&mut self, value: i32) {
        self.put(&value.to_ne_bytes());
    }

    /// Answers with an address, as `struct sockaddr_in`.
    pub fn set_address(&mut self, address: Ipv4Addr) {
        let mut out = [0; 16];
        out[..2].copy_from_slice(&AF_INET.to_ne_bytes());
        out[4..8].copy_from_slice(&address.octets());
        self.put(&out);
    }

    /// Answers with a hardware address, as `struct sockaddr`.
    pub fn set_hardware(&mut self, hardware: Hardware) {
        let (kind, address, _) = hardware.numbers();
        let mut out = [0; 16];
        out[..2].copy_from_slice(&kind.to_ne_bytes());
        out[2..8].copy_from_slice(&address.unwrap_or_default());
        self.put(&out);
    }

    /// Answers with a `struct ifmap` of an interface without one.
    pub fn set_no_map(&mut self) {
        self.put(&[0; 24]);
    }

    fn put(&mut self, value: &[u8]) {
        self.bytes.iter_mut().skip(NAME).zip(value).for_each(|(to, from)| *to = *from);
    }
}
