//! Which interfaces a socket's packets leave by, and what is said of those to groups (ip(7), ipv6(7), socket(7)).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{Device, Errno, Family, Opt, Value};
use sockeye_stack::{InterfaceId, Outgoing};

use crate::address;
use crate::host::{Host, Kind, Result, SocketId};

/// What Linux begins with: groups' packets go one hop and are heard here, too.
#[derive(Clone, Debug)]
pub(crate) struct Interfaces {
    /// IP_UNICAST_IF, IPV6_UNICAST_IF.
    unicast_v4: Option<InterfaceId>,
    unicast_v6: Option<InterfaceId>,
    /// IP_MULTICAST_IF and the address it was given, IPV6_MULTICAST_IF.
    multicast_v4: (Option<InterfaceId>, Ipv4Addr),
    multicast_v6: Option<InterfaceId>,
    ttl: u8,
    hops: u8,
    loop_v4: bool,
    loop_v6: bool,
    /// IP_MULTICAST_ALL (if it was not set, what the family says), IPV6_MULTICAST_ALL.
    all_v4: Option<bool>,
    all_v6: bool,
}

impl Default for Interfaces {
    fn default() -> Interfaces {
        Interfaces {
            unicast_v4: None,
            unicast_v6: None,
            multicast_v4: (None, Ipv4Addr::UNSPECIFIED),
            multicast_v6: None,
            ttl: 1,
            hops: 1,
            loop_v4: true,
            loop_v6: true,
            all_v4: None,
            all_v6: true,
        }
    }
}

impl Interfaces {
    /// How far packets to this address go, if it is a group's.
    pub(crate) fn hops(&self, remote: IpAddr) -> Option<u8> {
        let hops = if remote.is_ipv4() { self.ttl } else { self.hops };
        remote.is_multicast().then_some(hops)
    }

    /// Where packets to this address leave; `scope` is the interface that a link-local address was given with.
    pub(crate) fn outgoing(&self, remote: IpAddr, scope: Option<InterfaceId>) -> Outgoing {
        match remote {
            IpAddr::V4(_) => Outgoing {
                unicast: self.unicast_v4,
                multicast: self.multicast_v4.0,
                multicast_source: Some(self.multicast_v4.1)
                    .filter(|address| !address.is_unspecified())
                    .map(IpAddr::V4),
                multicast_loop: self.loop_v4,
            },
            IpAddr::V6(_) => Outgoing {
                unicast: scope.or(self.unicast_v6),
                multicast: scope.or(self.multicast_v6),
                multicast_source: None,
                multicast_loop: self.loop_v6,
            },
        }
    }

    /// Whether groups of IPv4 and of IPv6 are heard that only others have joined: of IPv4 by AF_INET's sockets.
    pub(crate) fn hears_all(&self, family: Family) -> (bool, bool) {
        (self.all_v4.unwrap_or(family == Family::Inet), self.all_v6)
    }

    /// What getsockopt shows; `None` for an option that isn't kept here.
    pub(crate) fn shown(&self, opt: Opt, family: Family) -> Option<Value> {
        let index = |interface: Option<InterfaceId>| Value::Int(interface.map_or(0, number));
        Some(match opt {
            Opt::IpUnicastIf => index(self.unicast_v4),
            Opt::Ipv6UnicastIf => index(self.unicast_v6),
            Opt::IpMulticastIf => Device { index: 0, address: self.multicast_v4.1 }.into(),
            Opt::Ipv6MulticastIf => index(self.multicast_v6),
            Opt::IpMulticastTtl => i32::from(self.ttl).into(),
            Opt::Ipv6MulticastHops => i32::from(self.hops).into(),
            Opt::IpMulticastLoop => self.loop_v4.into(),
            Opt::Ipv6MulticastLoop => self.loop_v6.into(),
            Opt::IpMulticastAll => self.hears_all(family).0.into(),
            Opt::Ipv6MulticastAll => self.all_v6.into(),
            _ => return None,
        })
    }
}

/// An interface's index as programs have it.
pub(crate) fn number(interface: InterfaceId) -> i32 {
    i32::try_from(interface.index()).unwrap_or(i32::MAX)
}

/// The interface of an index above 0, whether there is one or not.
fn of_number(index: i32) -> Option<InterfaceId> {
    InterfaceId::from_index(u32::try_from(index).ok()?)
}

impl Host {
    /// The interface of this index.
    pub(crate) fn interface_at(&self, index: i32) -> Option<InterfaceId> {
        let wanted = of_number(index)?;
        self.stack.interfaces().map(|(id, _)| id).find(|id| *id == wanted)
    }

    /// The interface that has this address of IPv4.
    pub(crate) fn interface_of(&self, address: Ipv4Addr) -> Option<InterfaceId> {
        self.stack.interface_of(address.into())
    }

    /// Sets an option that names an interface, or says how packets to groups are sent; `None` if it is none of these.
    pub(super) fn set_interface_option(
        &mut self,
        id: SocketId,
        opt: Opt,
        value: &Value,
    ) -> Option<Result<()>> {
        Some(match opt {
            Opt::SoBindToDevice | Opt::SoBindToIfindex => self.set_device_option(id, value),
            Opt::IpUnicastIf
            | Opt::Ipv6UnicastIf
            | Opt::IpMulticastIf
            | Opt::Ipv6MulticastIf
            | Opt::IpMulticastTtl
            | Opt::Ipv6MulticastHops
            | Opt::IpMulticastLoop
            | Opt::Ipv6MulticastLoop
            | Opt::IpMulticastAll
            | Opt::Ipv6MulticastAll => self.store_interface(id, opt, value),
            _ => return None,
        })
    }

    /// SO_BINDTODEVICE by name, where there must be such an interface; SO_BINDTOIFINDEX by index, where Linux doesn't look.
    fn set_device_option(&mut self, id: SocketId, value: &Value) -> Result<()> {
        let device = match value {
            Value::Bytes(name) if name.is_empty() => None,
            Value::Bytes(name) => {
                let mut interfaces = self.stack.interfaces();
                let named = interfaces.find(|(_, interface)| interface.name.as_bytes() == name.as_slice());
                Some(named.ok_or(Errno::ENODEV)?.0)
            }
            other => of_number(other.int()?),
        };
        self.set_device(id, device)
    }

    /// A link-local address is bound with its interface (`inet6_bind`): EINVAL without one, ENODEV, EADDRNOTAVAIL. The
    /// socket keeps the interface even then.
    pub(crate) fn bind_to_own_scope(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        if !address::needs_scope(address.ip()) || self.get(id)?.family != Family::Inet6 {
            return Ok(());
        }
        let bound = self.get(id)?.options.device;
        let device = address::scope(address).or(bound).ok_or(Errno::EINVAL)?;
        if bound != Some(device) {
            self.set_device(id, Some(device))?;
        }
        self.interface_at(number(device)).ok_or(Errno::ENODEV)?;
        if !address.ip().is_multicast() && self.stack.interface_of(address.ip()) != Some(device) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        Ok(())
    }

    /// A socket that connects to a link-local address is bound to its interface (`__ip6_datagram_connect`,
    /// `tcp_v6_connect`): EINVAL without one, or if it is bound to another.
    pub(crate) fn bind_to_peers_scope(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        if !address::needs_scope(address.ip()) {
            return Ok(());
        }
        let options = &self.get(id)?.options;
        let (bound, multicast) = (options.device, options.interfaces.multicast_v6);
        let scope = address::scope(address);
        if let (Some(bound), Some(scope)) = (bound, scope)
            && bound != scope
        {
            return Err(Errno::EINVAL);
        }
        let of_group = multicast.filter(|_| address.ip().is_multicast());
        let device = scope.or(bound).or(of_group).ok_or(Errno::EINVAL)?;
        if bound == Some(device) { Ok(()) } else { self.set_device(id, Some(device)) }
    }

    /// Binds a socket to an interface, or to none.
    pub(crate) fn set_device(&mut self, id: SocketId, device: Option<InterfaceId>) -> Result<()> {
        let socket = self.get_mut(id)?;
        Arc::make_mut(&mut socket.options).device = device;
        match &socket.kind {
            Kind::Datagram(datagram) => {
                if let Some(udp) = datagram.udp {
                    self.stack.udp_set_device(udp, device);
                }
            }
            Kind::Stream(stream) => {
                if let Some(bind) = stream.bind {
                    self.stack.set_device(bind, device);
                }
            }
        }
        Ok(())
    }

    /// What SO_BINDTODEVICE shows: a name; ENODEV if the interface isn't there.
    pub(super) fn shown_device(&self, id: SocketId) -> Result<Value> {
        let Some(device) = self.get(id)?.options.device else { return Ok(Value::Bytes(Vec::new())) };
        let mut interfaces = self.stack.interfaces();
        let (_, interface) = interfaces.find(|(id, _)| *id == device).ok_or(Errno::ENODEV)?;
        Ok(Value::Bytes(interface.name.as_bytes().to_vec()))
    }

    /// The checks are `do_ip_setsockopt`'s and `do_ipv6_setsockopt`'s.
    fn store_interface(&mut self, id: SocketId, opt: Opt, value: &Value) -> Result<()> {
        let socket = self.get(id)?;
        let (is_stream, bound) = (socket.transport().is_stream(), socket.options.device);
        match opt {
            Opt::IpMulticastIf | Opt::IpMulticastTtl if is_stream => return Err(Errno::EINVAL),
            Opt::Ipv6MulticastIf | Opt::Ipv6MulticastHops if is_stream => return Err(Errno::ENOPROTOOPT),
            _ => {}
        }
        let device = match (opt, value) {
            (Opt::IpMulticastIf, Value::Device(device)) => self.multicast_device(*device)?,
            (Opt::IpUnicastIf | Opt::Ipv6UnicastIf | Opt::Ipv6MulticastIf, Value::Int(index))
                if *index != 0 =>
            {
                let missing = if opt == Opt::Ipv6MulticastIf { Errno::ENODEV } else { Errno::EADDRNOTAVAIL };
                Some(self.interface_at(*index).ok_or(missing)?)
            }
            _ => None,
        };
        let is_unicast = matches!(opt, Opt::IpUnicastIf | Opt::Ipv6UnicastIf);
        if device.is_some() && bound.is_some_and(|bound| is_unicast || device != Some(bound)) {
            return Err(Errno::EINVAL);
        }
        let hops = value.int().ok().and_then(|hops| u8::try_from(hops).ok()).unwrap_or(1);
        let own = &mut Arc::make_mut(&mut self.get_mut(id)?.options).interfaces;
        match opt {
            Opt::IpUnicastIf => own.unicast_v4 = device,
            Opt::Ipv6UnicastIf => own.unicast_v6 = device,
            Opt::IpMulticastIf => {
                let Value::Device(named) = value else { return Err(Errno::EINVAL) };
                own.multicast_v4 = (device, named.address);
            }
            Opt::Ipv6MulticastIf => own.multicast_v6 = device,
            Opt::IpMulticastTtl => own.ttl = hops,
            Opt::Ipv6MulticastHops => own.hops = hops,
            Opt::IpMulticastLoop => own.loop_v4 = value.flag()?,
            Opt::Ipv6MulticastLoop => own.loop_v6 = value.flag()?,
            Opt::IpMulticastAll => own.all_v4 = Some(value.flag()?),
            Opt::Ipv6MulticastAll => own.all_v6 = value.flag()?,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        self.tell_members(id)
    }

    /// The interface of IP_MULTICAST_IF: none takes it back. EADDRNOTAVAIL if there is no such.
    fn multicast_device(&self, Device { index, address }: Device) -> Result<Option<InterfaceId>> {
        let found = match (index, address.is_unspecified()) {
            (0, true) => return Ok(None),
            (0, false) => self.interface_of(address),
            (index, _) => self.interface_at(index),
        };
        found.map(Some).ok_or(Errno::EADDRNOTAVAIL)
    }
}
