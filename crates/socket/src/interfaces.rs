//! What programs ask about interfaces by ioctl(2): netdevice(7)'s questions, answered as `dev_ioctl` and `devinet_ioctl` do.
//! Interfaces are set up by who owns the network, not by programs on it: to change one is EPERM.

use std::net::{IpAddr, Ipv4Addr};

use sockeye_abi::{Errno, Family, Hardware, Ifreq, InterfaceFlags, ioctl};
use sockeye_stack::{Cidr, Interface, InterfaceId};

use crate::host::{Host, Result, SocketId};
use crate::options::number;

/// `txqueuelen` as Linux begins with it.
pub(crate) const QUEUE_LEN: i32 = 1000;

impl Host {
    /// What an interface is and does (IFF_).
    pub fn interface_flags(&self, id: InterfaceId, interface: &Interface) -> InterfaceFlags {
        let kind = match hardware(id, interface) {
            Hardware::Loopback => InterfaceFlags::LOOPBACK,
            Hardware::Ethernet(_) => InterfaceFlags::BROADCAST | InterfaceFlags::MULTICAST,
            Hardware::None => InterfaceFlags::POINTOPOINT | InterfaceFlags::NOARP | InterfaceFlags::MULTICAST,
        };
        kind | InterfaceFlags::UP | InterfaceFlags::RUNNING
    }

    /// SIOCGIFCONF: an entry for each address of IPv4.
    pub fn interface_list(&self) -> Vec<Ifreq> {
        let entries = self.stack.interfaces().flat_map(|(_, interface)| {
            let addresses = interface.addresses.iter().filter_map(v4);
            addresses.map(|(address, _)| Ifreq::entry(&interface.name, address))
        });
        entries.collect()
    }

    /// Answers an ioctl(2) whose argument is a `struct ifreq`, in place; `None` if it is another. ENODEV for no such interface,
    /// EADDRNOTAVAIL for one without such an address, ENOTTY for an address of IPv4 on a socket of IPv6, EPERM for a change.
    pub fn interface_ioctl(&self, id: SocketId, request: u32, argument: &mut [u8]) -> Option<Result<()>> {
        if ioctl::sets_interface(request) {
            return Some(Err(Errno::EPERM));
        }
        if !ioctl::asks_of_interface(request) {
            return None;
        }
        let answer = Ifreq::read(argument).and_then(|asked| self.interface_answer(id, request, asked));
        Some(answer.map(|answer| {
            argument.iter_mut().zip(answer.bytes()).for_each(|(to, from)| *to = *from);
        }))
    }

    fn interface_answer(&self, socket: SocketId, request: u32, mut asked: Ifreq) -> Result<Ifreq> {
        if request == ioctl::SIOCGIFNAME {
            let id = self.interface_at(asked.index()).ok_or(Errno::ENODEV)?;
            let name = self
                .stack
                .interfaces()
                .find(|(other, _)| *other == id)
                .ok_or(Errno::ENODEV)?
                .1
                .name
                .to_string();
            asked.set_name(&name);
            return Ok(asked);
        }
        let is_about_address = matches!(
            request,
            ioctl::SIOCGIFADDR | ioctl::SIOCGIFDSTADDR | ioctl::SIOCGIFBRDADDR | ioctl::SIOCGIFNETMASK
        );
        if is_about_address && self.family(socket) != Ok(Family::Inet) {
            return Err(Errno::ENOTTY);
        }
        let (name, label) = asked.name();
        let mut interfaces = self.stack.interfaces();
        let found = interfaces.find(|(_, interface)| interface.name.as_bytes() == name);
        let (id, interface) = found.ok_or(Errno::ENODEV)?;
        if is_about_address {
            // No address has a label here.
            let first = interface.addresses.iter().find_map(v4).filter(|_| label.is_none());
            let (address, own) = first.ok_or(Errno::EADDRNOTAVAIL)?;
            let broadcast = own.broadcast().filter(|_| id != InterfaceId::LOOPBACK);
            asked.set_address(match request {
                ioctl::SIOCGIFBRDADDR => broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED),
                ioctl::SIOCGIFNETMASK => netmask(own),
                _ => address,
            });
            return Ok(asked);
        }
        match request {
            ioctl::SIOCGIFFLAGS => asked.set_flags(self.interface_flags(id, interface)),
            ioctl::SIOCGIFMTU => asked.set_int(i32::try_from(interface.mtu).unwrap_or(i32::MAX)),
            ioctl::SIOCGIFINDEX => asked.set_int(number(id)),
            ioctl::SIOCGIFHWADDR => asked.set_hardware(hardware(id, interface)),
            ioctl::SIOCGIFTXQLEN => asked.set_int(QUEUE_LEN),
            ioctl::SIOCGIFMAP => asked.set_no_map(),
            // SIOCGIFMETRIC: Linux has had none for long.
            _ => asked.set_int(0),
        }
        Ok(asked)
    }
}

pub(crate) fn hardware(id: InterfaceId, interface: &Interface) -> Hardware {
    match interface.mac.0 {
        _ if id == InterfaceId::LOOPBACK => Hardware::Loopback,
        [0, 0, 0, 0, 0, 0] => Hardware::None,
        address => Hardware::Ethernet(address),
    }
}

fn v4(own: &Cidr) -> Option<(Ipv4Addr, Cidr)> {
    match own.address() {
        IpAddr::V4(address) => Some((address, *own)),
        IpAddr::V6(_) => None,
    }
}

fn netmask(own: Cidr) -> Ipv4Addr {
    let hosts = u32::MAX.checked_shr(own.prefix().into()).unwrap_or(0);
    Ipv4Addr::from_bits(!hosts)
}
