//! Sending datagrams, in two steps: all that can go wrong is found before the data are copied.

use std::net::{IpAddr, SocketAddr};

use sockeye_base::{Chain, Counter, Duration, Instant};
use sockeye_wire::{Body, Packet, ip, udp};

use super::{meant, specific};
use crate::interface::Device;
use crate::output::{IpOptions, Transport};
use crate::route::{Path, longest_packet};
use crate::stack::{Stack, UdpId};
use crate::{DatagramError, ErrorReport, InterfaceId, SendError};

/// The longest packet of IPv4; IPv6's header does not count.
pub(crate) const LONGEST: usize = 65_535;
/// Most datagrams that one call sends by UDP_SEGMENT (`UDP_MAX_SEGMENTS`).
const SEGMENTS: usize = 128;
/// How long a router is believed (`mtu_expires`).
const PATH_MTU_LASTS: Duration = Duration::from_secs(600);

/// How a datagram is to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// Where to; none: to the peer.
    pub to: Option<SocketAddr>,
    /// What its header says, if not what the socket's do.
    pub options: Option<IpOptions>,
    /// Where it comes from, if not from where the route or `bind` says (IP_PKTINFO).
    pub source: Option<IpAddr>,
    /// Where it leaves, if not where the route says.
    pub interface: Option<InterfaceId>,
    /// It is refused if it is too long for the path (IPV6_DONTFRAG).
    pub dont_fragment: bool,
    /// Its data are cut into datagrams of so many bytes (UDP_SEGMENT); 0: they are one.
    pub segment: u16,
}

/// A datagram that may go: all but its data.
#[derive(Clone, Debug)]
pub struct Ready {
    pub(crate) path: Path,
    mtu: usize,
    /// What the error queue tells of the MTU.
    told: u32,
    pub(crate) ip: ip::Header,
    /// Source and destination.
    ports: (u16, u16),
    /// Bytes of the header that is the host's to write.
    header_len: usize,
    /// It is not to be cut, here or on the way.
    is_whole: bool,
    /// Bytes of each datagram its data are cut into; 0: they are one.
    segment: u16,
    /// Who is in its group here hears it, too.
    loops_back: bool,
    pub(crate) socket: UdpId,
}

impl Ready {
    /// Where it goes.
    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.ip.destination(), self.ports.1)
    }
}

impl Stack {
    /// Sends a datagram, to the peer if `to` is none.
    pub fn udp_send(
        &mut self,
        now: Instant,
        socket: UdpId,
        to: Option<SocketAddr>,
        payload: Chain,
    ) -> Result<(), SendError> {
        let ready = self.udp_prepare(now, socket, Directions { to, ..Directions::default() })?;
        self.udp_check_length(&ready, payload.len())?;
        self.udp_transmit(now, ready, payload);
        Ok(())
    }

    /// Finds a datagram's way and makes its header.
    pub fn udp_prepare(
        &mut self,
        now: Instant,
        socket: UdpId,
        message: Directions,
    ) -> Result<Ready, SendError> {
        let entry = self.udp.sockets.get(socket).ok_or(SendError::NoSocket)?;
        let remote = meant(message.to.or(entry.remote).ok_or(SendError::NoDestination)?);
        let (port, claim) = self.udp_place(entry).ok_or(SendError::NoSocket)?;
        let (is_raw, options) = (entry.raw.is_some(), message.options.unwrap_or(entry.options));
        if !claim.reaches(remote.ip()) {
            return Err(SendError::NoRoute);
        }
        // As Linux: of IPv4 the source is looked at before the interface, of IPv6 after it.
        let source = message.source.map_or(Ok(()), |source| self.check_source(source, options));
        let device = match message.interface {
            Some(_) if remote.is_ipv4() && source.is_err() => claim.device,
            Some(interface) if self.links.get(interface.0).is_none() => return Err(SendError::NoInterface),
            Some(interface) => Device::from(Some(interface)),
            None => claim.device,
        };
        source?;
        let asked = entry.asked.iter().find(|(who, _)| *who == remote).map(|(_, address)| *address);
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let bound = message
            .source
            .or_else(|| specific(&claim, remote.ip()).filter(|address| !self.is_group(*address)));
        let to = (remote.ip(), if is_raw { 0 } else { remote.port() });
        let way = self.outgoing(remote.ip(), (bound, device), &outgoing);
        let (path, source) = self.path_and_source(Transport::Udp, to, way, options)?;
        let source = asked.filter(|_| bound.is_none()).unwrap_or(source);
        let mtu = self.udp_mtu(now, socket, (remote.ip(), &path));
        let mtu = if options.longest_packet == 0 { mtu } else { mtu.min(options.longest_packet.into()) };
        let mut ip = self.ip_header(source, remote.ip(), options).ok_or(SendError::NoSource)?;
        match &mut ip {
            ip::Header::V4(header) => {
                header.dont_fragment = options.discovery.marks_datagrams();
                // RFC 6864: what may be cut on the way needs a number of its own.
                if is_raw || !header.dont_fragment {
                    header.id = self.rng.next_u32() as u16;
                }
            }
            ip::Header::V6(_) if options.no_flow_label => {}
            ip::Header::V6(header) => header.flow_label = self.tcp.flow_label(&(source, port, remote)),
        }
        let is_whole = !options.discovery.cuts() || message.dont_fragment;
        let loops_back = remote.ip().is_multicast() && outgoing.multicast_loop;
        // Without heed to what routers say, the link alone is told of.
        let told = if options.discovery.heeds_routers() { mtu } else { self.mtu(&path) };
        let told = u32::try_from(told).unwrap_or(u32::MAX);
        let header_len = if is_raw { 0 } else { udp::HEADER_LEN };
        let ports = (port, remote.port());
        Ok(Ready {
            path,
            mtu,
            told,
            ip,
            ports,
            header_len,
            is_whole,
            segment: message.segment,
            loops_back,
            socket,
        })
    }

    /// Whether a datagram of so many bytes may go this way. Who queues errors finds one there if it may not.
    pub fn udp_check_length(&mut self, ready: &Ready, len: usize) -> Result<(), SendError> {
        let carried = ready.header_len + len;
        let most = if ready.destination().is_ipv4() { LONGEST - ready.ip.len() } else { LONGEST };
        let whole = ready.ip.len() + carried;
        let segment = usize::from(ready.segment);
        if segment > 0 && carried <= most {
            // As Linux: nobody finds an error in the queue for this.
            let longest = whole - len + len.min(segment);
            return match len {
                _ if longest > ready.mtu => Err(SendError::TooLong),
                _ if len > segment * SEGMENTS => Err(SendError::TooMany),
                _ => Ok(()),
            };
        }
        if carried <= most && (whole <= ready.mtu || !ready.is_whole) {
            return Ok(());
        }
        let (error, info, mut destination) = (DatagramError::TooLong, ready.told, ready.destination());
        if let Some(entry) = self.udp.sockets.get_mut(ready.socket)
            && entry.queues_errors_of(destination)
        {
            // As Linux: over IPv4 it is the peer's port, whoever the datagram was for.
            if destination.is_ipv4() {
                destination.set_port(entry.remote.map_or(0, |peer| peer.port()));
            }
            let report = ErrorReport { error, complaint: None, info, destination, payload: Chain::new() };
            entry.inbox.push_error(report);
            self.udp_announce(ready.socket);
        }
        Err(SendError::TooLong)
    }

    /// Sends a datagram that may go.
    pub fn udp_transmit(&mut self, now: Instant, ready: Ready, payload: Chain) {
        let (source, destination) = ready.ports;
        let mut rest = payload;
        while ready.segment > 0 && rest.len() > usize::from(ready.segment) {
            let payload = rest.split_to(ready.segment.into());
            let body = Body::Udp(udp::Datagram { source, destination, payload });
            self.udp_transmit_body(now, ready.clone(), body);
        }
        let body = Body::Udp(udp::Datagram { source, destination, payload: rest });
        self.udp_transmit_body(now, ready, body);
    }

    /// Sends what a packet is to carry this way.
    pub(crate) fn udp_transmit_body(&mut self, now: Instant, ready: Ready, body: Body) {
        let Ready { path, mtu, ip, loops_back, .. } = ready;
        let packet = Packet { ip, body };
        if let Body::Udp(_) = packet.body {
            let v4 = packet.destination().is_ipv4();
            self.count(if v4 { Counter::UdpOutDatagrams } else { Counter::Udp6OutDatagrams });
        }
        if loops_back {
            self.loop_back(path.interface, &packet);
        }
        self.transmit_cut(now, &path, mtu, packet);
        self.settle(now);
    }

    /// Whether a datagram may name this address as its source (`ip_route_output_key`, `ip6_datagram_send_ctl`).
    fn check_source(&self, source: IpAddr, options: IpOptions) -> Result<(), SendError> {
        let is_ours = options.any_source || self.is_local(source);
        match source {
            IpAddr::V4(address) if address.octets()[0] == 0 || self.is_group(source) => {
                Err(SendError::BadSource)
            }
            IpAddr::V4(_) if !is_ours => Err(SendError::NoRoute),
            IpAddr::V6(_) if !is_ours => Err(SendError::BadSource),
            IpAddr::V4(_) | IpAddr::V6(_) => Ok(()),
        }
    }

    /// The longest packet a socket's datagrams to this address may be, by the link and what routers said lately.
    fn udp_mtu(&self, now: Instant, socket: UdpId, (remote, path): (IpAddr, &Path)) -> usize {
        let link = self.mtu(path).min(longest_packet(remote));
        let Some(entry) = self.udp.sockets.get(socket) else { return link };
        let told = entry.path_mtu.filter(|(to, _, at)| *to == remote && now.since(*at) < PATH_MTU_LASTS);
        match told {
            Some((_, mtu, _)) if entry.options.discovery.heeds_routers() => link.min(mtu),
            Some(_) | None => link,
        }
    }

    /// The same for the peer of a connected socket (IP_MTU).
    pub fn udp_path_mtu(&self, now: Instant, socket: UdpId) -> Option<usize> {
        let entry = self.udp.sockets.get(socket)?;
        let (remote, options) = (entry.remote?, entry.options);
        let (_, claim) = self.udp_place(entry)?;
        let outgoing = entry.outgoing.as_deref().copied().unwrap_or_default();
        let way = self.outgoing(remote.ip(), (None, claim.device), &outgoing);
        let to = (remote.ip(), if entry.raw.is_some() { 0 } else { remote.port() });
        let (path, _) = self.path_and_source(Transport::Udp, to, way, options).ok()?;
        Some(self.udp_mtu(now, socket, (remote.ip(), &path)))
    }
}
