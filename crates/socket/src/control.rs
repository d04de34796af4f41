//! What control messages ask of a message to send, and tell of one received, in Linux's order (`ip_cmsg_send`,
//! `ip6_datagram_send_ctl`; `sock_recv_cmsgs`, `ip_cmsg_recv`, `ip6_datagram_recv_ctl`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use sockeye_abi::{Control, Errno, Family, Opt, PktInfo, PktInfo6};
use sockeye_base::{Duration, Instant};
use sockeye_stack::{Arrival, InterfaceId, IpOptions};

use crate::address;
use crate::host::{Host, Result, Socket};
use crate::options::Options;

const SOL_IP: i32 = 0;
const SOL_SOCKET: i32 = 1;
const SOL_UDP: i32 = 17;
const SOL_IPV6: i32 = 41;
const IPV6_PKTINFO: i32 = 50;

/// What control messages ask of a datagram to send. What they say nothing of is as the socket's options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// TTL or hop limit.
    hop_limit: Option<u8>,
    /// TOS or traffic class.
    traffic_class: Option<u8>,
    /// IPV6_DONTFRAG.
    pub(crate) dont_fragment: Option<bool>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) interface: Option<InterfaceId>,
    /// UDP_SEGMENT.
    pub(crate) segment: Option<u16>,
}

impl Wishes {
    /// Those for a stream: only what goes for every socket.
    pub(crate) fn of_stream(control: &[Control]) -> Result<Wishes> {
        let mut wishes = Wishes::default();
        for message in control.iter().filter(|message| message.number().0 == SOL_SOCKET) {
            wishes.note_for_socket(message)?;
        }
        Ok(wishes)
    }

    /// Those for a datagram of a socket of this family. EINVAL for one that is not for sending, or not as it must be;
    /// those of other protocols are not looked at.
    pub(crate) fn of_datagram(family: Family, over_v4: bool, control: &[Control]) -> Result<Wishes> {
        let mut wishes = Wishes::default();
        for message in control {
            match message.number().0 {
                SOL_SOCKET => wishes.note_for_socket(message)?,
                SOL_UDP => match message {
                    Control::UdpSegment(size) => wishes.segment = Some(*size),
                    _ => return Err(Errno::EINVAL),
                },
                SOL_IP if over_v4 => wishes.note_for_ip(message)?,
                SOL_IPV6 if !over_v4 => wishes.note_for_ipv6(message)?,
                // A socket of IPv6 may name its mapped source.
                SOL_IPV6 if family == Family::Inet6 => match message {
                    Control::Ipv6PktInfo(info) => {
                        let source = info.address.to_ipv4_mapped().ok_or(Errno::EINVAL)?;
                        wishes.note_way(source.into(), info.interface);
                    }
                    Control::Other { kind: IPV6_PKTINFO, .. } => return Err(Errno::EINVAL),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(wishes)
    }

    fn note_for_socket(&mut self, message: &Control) -> Result<()> {
        match message {
            // Those of Unix-domain sockets are let pass; marks and priorities steer nothing here.
            Control::Mark(_) | Control::Priority(_) | Control::Rights(_) | Control::Credentials(_) => Ok(()),
            Control::Other { kind: 1 | 2, .. } => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn note_for_ip(&mut self, message: &Control) -> Result<()> {
        match message {
            Control::IpPktInfo(info) => self.note_way(info.local.into(), info.interface),
            Control::IpTtl(ttl) if *ttl > 0 => self.hop_limit = Some(*ttl),
            Control::IpTos(tos) => self.traffic_class = Some(*tos),
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn note_for_ipv6(&mut self, message: &Control) -> Result<()> {
        match message {
            Control::Ipv6PktInfo(info) => self.note_way(info.address.into(), info.interface),
            Control::Ipv6HopLimit(hops) => self.hop_limit = u8::try_from(*hops).ok(),
            // As Linux: -1 is no default here, but all bits.
            Control::Ipv6Tclass(class) => self.traffic_class = Some(u8::try_from(*class).unwrap_or(u8::MAX)),
            Control::Ipv6DontFrag(on) => self.dont_fragment = Some(*on),
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn note_way(&mut self, source: IpAddr, interface: u32) {
        self.source = Some(source).filter(|source| !source.is_unspecified());
        self.interface = InterfaceId::from_index(interface).or(self.interface);
    }

    /// The socket's header options with what is asked for instead.
    pub(crate) fn apply(&self, own: IpOptions) -> IpOptions {
        IpOptions { ttl: self.hop_limit.or(own.ttl), tos: self.traffic_class.unwrap_or(own.tos), ..own }
    }
}

impl Host {
    /// What the socket's options want to be told of something that arrived.
    pub(crate) fn controls(&self, socket: &Socket, arrival: &Arrival, dropped: u32) -> Vec<Control> {
        let options = &socket.options;
        if !options.asks_anything() {
            return Vec::new();
        }
        let mut told = Vec::new();
        let at = self.wall_clock(arrival.at);
        match options.timestamps {
            Some((numbers, true)) => told.push(Control::TimestampNs(at, numbers)),
            Some((numbers, false)) => told.push(Control::Timestamp(at, numbers)),
            None => {}
        }
        if options.asks(Opt::SoRxqOvfl) && dropped > 0 {
            told.push(Control::RxqOvfl(dropped));
        }
        told
    }

    /// What they want to be told of its IP header.
    pub(crate) fn ip_controls(&self, socket: &Socket, arrival: &Arrival, port: u16) -> Vec<Control> {
        let options = &socket.options;
        let mut told = Vec::new();
        if !options.asks_anything() {
            return told;
        }
        let destination = address::to_program(socket.family, SocketAddr::new(arrival.destination, port));
        if options.asks(Opt::Ipv6RecvPktInfo)
            && let IpAddr::V6(address) = destination.ip()
        {
            let interface = self.shown_interface(arrival);
            told.push(Control::Ipv6PktInfo(PktInfo6 { address, interface }));
        }
        match arrival.destination {
            IpAddr::V4(address) => {
                let interface = self.shown_interface(arrival);
                let info =
                    PktInfo { interface, local: self.local_for(arrival, address), destination: address };
                tell_ip(options, arrival, (info, port), &mut told);
            }
            IpAddr::V6(_) => tell_ipv6(options, arrival, destination, &mut told),
        }
        told
    }

    /// The interface it came in by: of what came over `lo`, the one that has the address.
    fn shown_interface(&self, arrival: &Arrival) -> u32 {
        let owner = || self.stack.interface_of(arrival.destination);
        let by_loopback = arrival.interface == InterfaceId::LOOPBACK;
        by_loopback.then(owner).flatten().unwrap_or(arrival.interface).index()
    }

    /// The address of ours that a datagram was for: of one to a group, the one that would be asked.
    fn local_for(&self, arrival: &Arrival, destination: Ipv4Addr) -> Ipv4Addr {
        if self.stack.is_local(destination.into()) {
            return destination;
        }
        let first = self.stack.interfaces().find(|(id, _)| *id == arrival.interface);
        let addresses = first.into_iter().flat_map(|(_, interface)| &interface.addresses);
        let mut own = addresses.filter_map(|cidr| match cidr.address() {
            IpAddr::V4(own) => Some(own),
            IpAddr::V6(_) => None,
        });
        own.next().unwrap_or(destination)
    }

    /// What the wall clock says at a moment, since 1970.
    pub fn wall_clock(&self, at: Instant) -> Duration {
        self.stack.settings().epoch + at.since(Instant::ZERO)
    }
}

fn tell_ip(options: &Options, arrival: &Arrival, (info, port): (PktInfo, u16), told: &mut Vec<Control>) {
    if options.asks(Opt::IpPktInfo) {
        told.push(Control::IpPktInfo(info));
    }
    if options.asks(Opt::IpRecvTtl) {
        told.push(Control::IpTtl(arrival.hop_limit));
    }
    if options.asks(Opt::IpRecvTos) {
        told.push(Control::IpTos(arrival.traffic_class));
    }
    if options.asks(Opt::IpRecvOrigDstAddr) {
        told.push(Control::IpOrigDstAddr(SocketAddrV4::new(info.destination, port)));
    }
    if options.asks(Opt::IpRecvFragSize) && arrival.fragment > 0 {
        told.push(Control::IpFragSize(arrival.fragment.into()));
    }
}

fn tell_ipv6(options: &Options, arrival: &Arrival, destination: SocketAddr, told: &mut Vec<Control>) {
    if options.asks(Opt::Ipv6RecvHopLimit) {
        told.push(Control::Ipv6HopLimit(arrival.hop_limit.into()));
    }
    if options.asks(Opt::Ipv6RecvTclass) {
        told.push(Control::Ipv6Tclass(arrival.traffic_class.into()));
    }
    if options.asks(Opt::Ipv6RecvOrigDstAddr)
        && let SocketAddr::V6(destination) = destination
    {
        told.push(Control::Ipv6OrigDstAddr(destination));
    }
    if options.asks(Opt::Ipv6RecvFragSize) && arrival.fragment > 0 {
        told.push(Control::Ipv6FragSize(arrival.fragment.into()));
    }
}
