//! Raw sockets and ping sockets (raw(7), icmp(7)): who hears what, and what they may send.
//!
//! They stand among UDP's sockets, whose queues, errors, ways and path MTUs they share; instead of a port they have a
//! protocol's number or an echo identifier. A raw socket gets a copy of every packet of its protocol, whatever becomes of
//! that; a ping socket gets the replies to its own echo requests.
//!
//! Not modelled: packets whose checksums a link has broken are not heard; options of IPv4 headers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_base::{Bytes, Chain, Counter, Instant, Rng};
use sockeye_wire::{Body, Packet, Quote, checksum, icmpv4, icmpv6, ip};

use crate::interface::Device;
use crate::ports::Claim;
use crate::stack::{Stack, UdpId};
use crate::udp::{LONGEST, Ready, Socket};
use crate::{Arrival, BindError, BindRequest, SendError};

/// Where the fields of an IPv4 header are that the host fills in for a program that writes its own.
mod field {
    pub(super) const LENGTH: usize = 2;
    pub(super) const ID: usize = 4;
    pub(super) const FLAGS: usize = 6;
    pub(super) const DONT_FRAGMENT: u8 = 0x40;
    pub(super) const SOURCE: usize = 12;
    pub(super) const END: usize = 20;
}

/// Message types whose packets a raw ICMP socket does not want: a bit each (ICMP_FILTER, ICMPV6_FILTER). IPv4's has 32.
pub type IcmpFilter = [u32; 8];

/// What a raw socket has set that is not every socket's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawOptions {
    /// ICMP_FILTER, ICMPV6_FILTER.
    pub filter: IcmpFilter,
    /// Where a checksum is to be put into what it sends, and looked at in what it hears (IPV6_CHECKSUM).
    pub checksum_at: Option<usize>,
    /// The program writes the IP header, too (IP_HDRINCL, IPV6_HDRINCL).
    pub writes_header: bool,
}

/// What a raw or ping socket has where a UDP socket has its port.
#[derive(Debug)]
pub(crate) struct Raw {
    kind: Kind,
    claim: Claim,
    options: RawOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ping {
        id: u16,
        /// `bind` named the address.
        named: bool,
    },
    Raw {
        protocol: u16,
        /// Since `connect` dissolved its association it hears nothing, for good: Linux takes it out of its table then
        /// (`__udp_disconnect`; seen on 6.18).
        deaf: bool,
    },
}

/// Who hears what.
#[derive(Debug, Default)]
pub(crate) struct RawTable {
    /// Raw sockets by their protocols.
    by_protocol: BTreeMap<u16, Vec<UdpId>>,
    /// Ping sockets by their identifiers, both families', in the order they were bound.
    by_id: BTreeMap<u16, Vec<UdpId>>,
    /// The identifier last given.
    last_id: Option<u16>,
}

impl RawTable {
    /// Whether there is no such socket.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_protocol.is_empty() && self.by_id.is_empty()
    }

    /// The identifier after the last that nobody has; they go round, so that one comes again as late as can be.
    fn free_id(&mut self, rng: &mut Rng) -> Option<u16> {
        let from = *self.last_id.get_or_insert_with(|| rng.next_u32() as u16);
        let id = (1..=u16::MAX)
            .map(|step| from.wrapping_add(step))
            .find(|id| *id != 0 && !self.by_id.contains_key(id))?;
        self.last_id = Some(id);
        Some(id)
    }
}

impl Raw {
    /// What getsockname shows as its port, and where it hears: a raw socket's port is its protocol's number.
    pub(crate) fn place(&self) -> (u16, Claim) {
        let port = match self.kind {
            Kind::Ping { id, .. } => id,
            Kind::Raw { deaf: true, .. } => 0,
            Kind::Raw { protocol, .. } => protocol,
        };
        (port, self.claim)
    }

    /// Hears at all addresses of its family again.
    fn widen(&mut self) {
        self.claim.address = match self.claim.address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
    }

    /// Whether its filter keeps this message out: so it does all that have no whole header. Types that the filter has no
    /// bit for come through.
    fn filters(&self, packet: &Packet, carried: &[u8]) -> bool {
        let (types, least) = match packet.ip {
            ip::Header::V4(_) if packet.protocol() == ip::protocol::ICMP => (32, icmpv4::HEADER_LEN),
            ip::Header::V6(_) if packet.protocol() == ip::protocol::ICMPV6 => (256, 4),
            ip::Header::V4(_) | ip::Header::V6(_) => return false,
        };
        let kind = carried.first().copied().map_or(types, usize::from);
        let word = self.options.filter.get(kind / 32).copied().unwrap_or_default();
        carried.len() < least || (kind < types && word >> (kind % 32) & 1 == 1)
    }

    /// Whether what it is to look at adds up.
    fn accepts(&self, packet: &Packet, carried: &[u8]) -> bool {
        self.options.checksum_at.is_none() || {
            let mut sum = checksum::Checksum::pseudo_header(&packet.ip, packet.protocol(), carried.len());
            sum.add(carried);
            sum.finish() == 0
        }
    }
}

impl Stack {
    /// A raw socket of this protocol: it hears from now on.
    pub fn raw_open(&mut self, v6: bool, protocol: u16) -> UdpId {
        // RFC 3542, section 3.1: of ICMPv6's messages the host always makes and checks the checksums.
        let checksum_at = (v6 && protocol == ip::protocol::ICMPV6.into()).then_some(2);
        let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { Ipv4Addr::UNSPECIFIED.into() };
        let raw = Raw {
            kind: Kind::Raw { protocol, deaf: false },
            claim: Claim::new(any, false, true, false),
            options: RawOptions { checksum_at, ..RawOptions::default() },
        };
        let id = self.udp.insert(Socket::raw(raw, self.settings.rmem_default));
        self.raw.by_protocol.entry(protocol).or_default().push(id);
        id
    }

    /// Gives a raw socket an address to hear at and to send from, again and again; the unspecified one takes it back.
    pub fn raw_bind(&mut self, socket: UdpId, request: &BindRequest) -> Result<(), BindError> {
        if !self.may_bind(request) {
            return Err(BindError::NotLocal);
        }
        if let Some(raw) = self.raw_mut(socket) {
            raw.claim.address = request.local.ip();
        }
        Ok(())
    }

    /// A ping socket with an identifier as its port: 0 takes one that is free. Sockets share one if all set SO_REUSEADDR, as
    /// they do from the start; their addresses don't matter.
    pub fn ping_bind(&mut self, request: &BindRequest) -> Result<UdpId, BindError> {
        let local = request.local;
        if !self.may_bind(request) || self.is_group(local.ip()) {
            return Err(BindError::NotLocal);
        }
        let id = match local.port() {
            0 => self.raw.free_id(&mut self.rng).ok_or(BindError::InUse)?,
            id => id,
        };
        let shares = |other: &UdpId| self.raw_at(*other).is_some_and(|other| other.claim.reuse_address);
        let others = self.raw.by_id.get(&id).map(Vec::as_slice).unwrap_or_default();
        let shared = request.reuse_address && others.iter().all(shares);
        if !others.is_empty() && !shared {
            return Err(BindError::InUse);
        }
        let raw = Raw {
            kind: Kind::Ping { id, named: !local.ip().is_unspecified() },
            claim: Claim::from(&BindRequest { dual: false, ..*request }),
            options: RawOptions::default(),
        };
        let socket = self.udp.insert(Socket::raw(raw, self.settings.rmem_default));
        self.raw.by_id.entry(id).or_default().push(socket);
        Ok(socket)
    }

    /// What a raw socket has set.
    pub fn raw_options(&self, socket: UdpId) -> Option<RawOptions> {
        self.raw_at(socket).map(|raw| raw.options)
    }

    /// The same, to change.
    pub fn raw_set_options(&mut self, socket: UdpId, options: RawOptions) {
        if let Some(raw) = self.raw_mut(socket) {
            raw.options = options;
        }
    }

    /// Sends what a raw or ping socket wrote; the way was found before. Of an echo request sequence number and data count;
    /// the identifier is the socket's.
    pub fn raw_transmit(&mut self, now: Instant, ready: Ready, payload: Chain) -> Result<(), SendError> {
        let raw = self.raw_at(ready.socket).ok_or(SendError::NoSocket)?;
        let body = match raw.kind {
            Kind::Ping { id, .. } => echo_request(&ready.ip, id, payload).ok_or(SendError::Malformed)?,
            Kind::Raw { protocol, .. } => {
                // The header has eight bits for it, whatever the socket was opened with.
                let protocol = (protocol & 0xff) as u8;
                let mut bytes = payload.to_vec();
                if let Some(at) = raw.options.checksum_at {
                    put_checksum(&ready.ip, protocol, at, &mut bytes)?;
                }
                Body::verbatim(&ready.ip, protocol, bytes.into())
            }
        };
        self.udp_transmit_body(now, ready, body);
        Ok(())
    }

    /// Sends a packet whose header the program wrote, too. Where it goes by was found before, and is not what the header
    /// says. Of an IPv4 header the host fills in length and checksum, and source and identification where they are 0.
    pub fn raw_transmit_whole(
        &mut self,
        now: Instant,
        ready: &Ready,
        payload: &Chain,
    ) -> Result<(), SendError> {
        let mut bytes = payload.to_vec();
        if bytes.len() > self.mtu(&ready.path).min(LONGEST) {
            return Err(SendError::TooLong);
        }
        if let ip::Header::V4(header) = &ready.ip {
            let header_len = bytes.first().map_or(0, |first| usize::from(first & 0xf) * 4);
            if header_len < field::END || header_len > bytes.len() {
                return Err(SendError::Malformed);
            }
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            let may_be_cut = bytes.get(field::FLAGS).is_some_and(|flags| flags & field::DONT_FRAGMENT == 0);
            let is_zero = |at: usize, len: usize| {
                bytes.get(at..at + len).is_some_and(|field| field.iter().all(|byte| *byte == 0))
            };
            // RFC 6864, section 4.1: what is never cut needs no number.
            let fields = [
                (true, field::LENGTH, &len.to_be_bytes()[..]),
                (is_zero(field::SOURCE, 4), field::SOURCE, &header.source.octets()),
                (may_be_cut && is_zero(field::ID, 2), field::ID, &header.id.to_be_bytes()),
            ];
            for (_, at, value) in fields.into_iter().filter(|(fill, ..)| *fill) {
                if let Some(place) = bytes.get_mut(at..at + value.len()) {
                    place.copy_from_slice(value);
                }
            }
        }
        // What is no packet nobody would take.
        match Packet::verbatim(&Bytes::from(bytes)) {
            Ok(packet) => self.transmit(now, &ready.path, packet),
            Err(_) => self.count(Counter::IpInHdrErrors),
        }
        self.settle(now);
        Ok(())
    }

    /// A connected socket hears at the address it sends from.
    pub(crate) fn raw_narrow(&mut self, socket: UdpId, source: IpAddr) {
        if let Some(raw) = self.raw_mut(socket) {
            raw.claim.address = source;
        }
    }

    /// Back to having no peer. A raw socket hears nothing any more, as Linux has it.
    pub(crate) fn raw_disconnect(&mut self, socket: UdpId) {
        let Some(raw) = self.raw_mut(socket) else { return };
        match &mut raw.kind {
            Kind::Ping { named: true, .. } => {}
            Kind::Ping { named: false, .. } => raw.widen(),
            Kind::Raw { deaf, protocol } => {
                *deaf = true;
                let protocol = *protocol;
                raw.widen();
                take_out(&mut self.raw.by_protocol, protocol, socket);
            }
        }
    }

    /// The socket is gone.
    pub(crate) fn raw_closed(&mut self, socket: UdpId, raw: &Raw) {
        match raw.kind {
            Kind::Ping { id, .. } => take_out(&mut self.raw.by_id, id, socket),
            Kind::Raw { protocol, .. } => take_out(&mut self.raw.by_protocol, protocol, socket),
        }
    }

    /// SO_REUSEADDR set after binding.
    pub(crate) fn raw_set_reuse(&mut self, socket: UdpId, on: bool) {
        if let Some(raw) = self.raw_mut(socket) {
            raw.claim.reuse_address = on;
        }
    }

    /// SO_BINDTODEVICE.
    pub(crate) fn raw_set_device(&mut self, socket: UdpId, device: Device) {
        if let Some(raw) = self.raw_mut(socket) {
            raw.claim.device = device;
        }
    }

    /// A packet has arrived: every raw socket it is for gets a copy, and a ping socket the reply it waits for. Says whether
    /// any hears the protocol.
    pub(crate) fn raw_input(&mut self, arrival: Arrival, packet: &Packet) -> bool {
        let (local, remote) = (packet.destination(), packet.source());
        let arrival = Arrival { interface: self.device_of(arrival.interface, local), ..arrival };
        let ping = packet.echo_reply().and_then(|id| self.ping_lookup(Some(&arrival), id, local));
        if let Some(socket) = ping {
            self.raw_deliver(socket, remote, packet.carried().into(), arrival);
        }
        let sockets = self.raw.by_protocol.get(&packet.protocol().into()).map(Vec::as_slice);
        let hears = |id: &&UdpId| self.raw_hears(**id, Some(&arrival), (local, remote));
        let hearing: Vec<UdpId> = sockets.unwrap_or_default().iter().filter(hears).copied().collect();
        if hearing.is_empty() {
            return false;
        }
        for single in packet.clone().split() {
            let whole = Bytes::from(single.to_bytes());
            let carried = whole.slice(single.ip.len()..);
            // A program is shown IPv4's header, but not IPv6's.
            let payload = if local.is_ipv4() { whole } else { carried.clone() };
            for id in &hearing {
                let wanted = self
                    .raw_at(*id)
                    .is_some_and(|raw| !raw.filters(&single, &carried) && raw.accepts(&single, &carried));
                if wanted {
                    self.raw_deliver(*id, remote, payload.clone().into(), arrival);
                }
            }
        }
        true
    }

    /// The raw and ping sockets that may have sent what an ICMP error quotes, and whether they wrote its header.
    pub(crate) fn raw_of_quote(&self, quote: &Quote) -> Vec<(UdpId, bool)> {
        let sockets = self.raw.by_protocol.get(&quote.protocol.into()).map(Vec::as_slice);
        let sent = |id: &&UdpId| self.raw_hears(**id, None, (quote.source, quote.destination));
        let ping = quote.echo.and_then(|id| self.ping_lookup(None, id, quote.source));
        let ids = sockets.unwrap_or_default().iter().filter(sent).copied().chain(ping);
        ids.filter_map(|id| Some((id, self.raw_at(id)?.options.writes_header))).collect()
    }

    /// Of the ping sockets with this identifier the one bound last.
    fn ping_lookup(&self, arrival: Option<&Arrival>, id: u16, local: IpAddr) -> Option<UdpId> {
        let hears = |id: &&UdpId| self.raw_at(**id).is_some_and(|raw| raw.hears_at(arrival, local));
        self.raw.by_id.get(&id)?.iter().rev().find(hears).copied()
    }

    fn raw_hears(&self, id: UdpId, arrival: Option<&Arrival>, (local, remote): (IpAddr, IpAddr)) -> bool {
        let Some(socket) = self.udp.get(id) else { return false };
        let Some(raw) = &socket.raw else { return false };
        raw.hears_at(arrival, local)
            && socket.remote.is_none_or(|peer| peer.ip() == remote)
            && arrival.is_none_or(|arrival| self.udp_hears(id, (arrival.interface, local), remote))
    }

    fn raw_deliver(&mut self, id: UdpId, source: IpAddr, payload: Chain, arrival: Arrival) {
        let Some(socket) = self.udp.get_mut(id) else { return };
        if socket.inbox.push(SocketAddr::new(source, 0), payload, arrival) {
            self.udp_announce(id);
        } else {
            self.count(Counter::SocketRcvbuff);
        }
    }

    fn raw_at(&self, socket: UdpId) -> Option<&Raw> {
        self.udp.get(socket)?.raw.as_deref()
    }

    fn raw_mut(&mut self, socket: UdpId) -> Option<&mut Raw> {
        self.udp.get_mut(socket)?.raw.as_deref_mut()
    }
}

impl Raw {
    fn hears_at(&self, arrival: Option<&Arrival>, local: IpAddr) -> bool {
        self.claim.takes(local) && arrival.is_none_or(|arrival| self.claim.device.takes(arrival.interface))
    }
}

fn take_out(table: &mut BTreeMap<u16, Vec<UdpId>>, key: u16, socket: UdpId) {
    if let Some(sockets) = table.get_mut(&key) {
        sockets.retain(|id| *id != socket);
        if sockets.is_empty() {
            table.remove(&key);
        }
    }
}

/// RFC 3542, section 3.1: a 16-bit checksum at this place, over the pseudo-header and all that is carried; what stood
/// there doesn't count.
fn put_checksum(ip: &ip::Header, protocol: u8, at: usize, bytes: &mut [u8]) -> Result<(), SendError> {
    let len = bytes.len();
    let place = bytes.get_mut(at..at + 2).ok_or(SendError::Malformed)?;
    place.fill(0);
    let mut sum = checksum::Checksum::pseudo_header(ip, protocol, len);
    sum.add(bytes);
    let sum = match sum.finish() {
        0 if protocol == ip::protocol::UDP => u16::MAX,
        sum => sum,
    };
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    Ok(())
}

/// The echo request that a program's message asks for.
fn echo_request(ip: &ip::Header, id: u16, mut message: Chain) -> Option<Body> {
    let mut head = [0; icmpv4::HEADER_LEN];
    if message.copy_to(&mut head) < head.len() {
        return None;
    }
    message.advance(head.len());
    let [.., high, low] = head;
    let (sequence, payload) = (u16::from_be_bytes([high, low]), message);
    Some(match ip {
        ip::Header::V4(_) => icmpv4::Message::EchoRequest { id, sequence, payload }.into(),
        ip::Header::V6(_) => icmpv6::Message::EchoRequest { id, sequence, payload }.into(),
    })
}
