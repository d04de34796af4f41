//! ICMP for both versions: echo, the errors we send (at a bounded rate) and those that come back, neighbour discovery.
//!
//! Not modelled: redirects, router messages, timestamps, ping sockets; echo replies are dropped.

mod limiter;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sockeye_base::{Bytes, Counter, Instant};
use sockeye_tcp as tcp;
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Body, Packet, Quote, icmpv4, icmpv6, ip, udp};

pub(crate) use limiter::Limiter;

use crate::counting::IcmpKind;
use crate::groups::ALL_NODES;
use crate::neighbour::Heard;
use crate::output::IpOptions;
use crate::stack::{Stack, UdpId};
use crate::{Arrival, Complaint, DatagramError, ErrorReport, InterfaceId};

/// An error as each transport understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meaning {
    tcp: Option<tcp::Error>,
    /// What datagram sockets are told.
    datagram: DatagramError,
    /// It won't pass by itself: connected sockets are told even without IP_RECVERR.
    is_hard: bool,
    /// More about it (`ee_info`): the MTU a router told, or the place of the bad parameter.
    info: u32,
}

impl Meaning {
    fn soft(tcp: Option<tcp::Unreachable>, datagram: DatagramError) -> Meaning {
        Meaning { tcp: tcp.map(tcp::Error::Unreachable), datagram, is_hard: false, info: 0 }
    }

    fn hard(tcp: Option<tcp::Unreachable>, datagram: DatagramError) -> Meaning {
        Meaning { is_hard: true, ..Meaning::soft(tcp, datagram) }
    }

    fn too_long(mtu: u32) -> Meaning {
        Meaning { info: mtu, ..Meaning::hard(None, DatagramError::TooLong) }
    }

    fn time_exceeded() -> Meaning {
        Meaning::soft(Some(tcp::Unreachable::Host), DatagramError::HostUnreachable)
    }

    fn parameter(place: u32) -> Meaning {
        Meaning { info: place, ..Meaning::hard(Some(tcp::Unreachable::Parameter), DatagramError::Parameter) }
    }
}

impl Stack {
    /// An ICMP message has arrived.
    pub(crate) fn icmpv4_input(&mut self, source: IpAddr, arrival: Arrival, message: icmpv4::Message) {
        use icmpv4::Message;
        let (now, destination) = (arrival.at, arrival.destination);
        self.count_icmp(IcmpKind { v4: true, out: false, kind: message.kind_and_code().0 });
        let complaint = |kind, code| Complaint { offender: source, kind, code, arrival };
        match message {
            Message::EchoRequest { .. } if self.is_strange(destination) => {
                self.strange_echo(&arrival, source, Body::Icmpv4(message));
            }
            Message::EchoRequest { id, sequence, payload } if !self.settings.icmp_echo_ignore_all => {
                let from = match self.is_group(destination) {
                    true if self.settings.icmp_echo_ignore_broadcasts => None,
                    true => self.route_source(source),
                    false => Some(destination),
                };
                let reply = Message::EchoReply { id, sequence, payload };
                if let Some(from) = from {
                    self.send_icmp(now, (from, source), (arrival.traffic_class, Body::Icmpv4(reply)));
                }
            }
            Message::DestinationUnreachable { code, original } => {
                if let Some(meaning) = meaning_v4(code) {
                    self.icmp_error(complaint(3, code.code()), &original, meaning);
                }
            }
            Message::TimeExceeded { code, original } => {
                self.icmp_error(complaint(11, code), &original, Meaning::time_exceeded());
            }
            // Parameter problem.
            Message::Other { kind: 12, code, rest } => {
                if let Some((place, original)) = rest.split_at_checked(4) {
                    let place = place.first().copied().unwrap_or_default();
                    self.icmp_error(complaint(12, code), original, Meaning::parameter(place.into()));
                }
            }
            Message::EchoRequest { .. } | Message::EchoReply { .. } | Message::Other { .. } => {}
        }
    }

    /// An ICMPv6 message has arrived.
    pub(crate) fn icmpv6_input(&mut self, source: IpAddr, arrival: Arrival, message: icmpv6::Message) {
        use icmpv6::Message;
        let Arrival { at: now, interface, destination, hop_limit, .. } = arrival;
        self.count_icmp(IcmpKind { v4: false, out: false, kind: message.kind_and_code().0 });
        let complaint = |kind, code| Complaint { offender: source, kind, code, arrival };
        match message {
            Message::EchoRequest { .. } if self.is_strange(destination) => {
                self.strange_echo(&arrival, source, Body::Icmpv6(message));
            }
            Message::EchoRequest { id, sequence, payload }
                if !source.is_unspecified() && !self.settings.icmpv6_echo_ignore_all =>
            {
                let from =
                    if destination.is_multicast() { self.route_source(source) } else { Some(destination) };
                let reply = Message::EchoReply { id, sequence, payload };
                if let Some(from) = from {
                    self.send_icmp(now, (from, source), (arrival.traffic_class, Body::Icmpv6(reply)));
                }
            }
            Message::DestinationUnreachable { code, original } => {
                self.icmp_error(complaint(1, code.code()), &original, meaning_v6(code));
            }
            Message::PacketTooBig { mtu, original } => {
                self.icmp_error(complaint(2, 0), &original, Meaning::too_long(mtu));
            }
            Message::TimeExceeded { code, original } => {
                self.icmp_error(complaint(3, code), &original, Meaning::time_exceeded());
            }
            // Parameter problem.
            Message::Other { kind: 4, code, rest } => {
                if let Some((place, original)) = rest.split_first_chunk() {
                    let place = u32::from_be_bytes(*place);
                    self.icmp_error(complaint(4, code), original, Meaning::parameter(place));
                }
            }
            // RFC 4861, section 7.1: only from the link itself.
            Message::NeighborSolicitation { target, source_mac } if hop_limit == 255 => {
                self.solicitation(now, interface, source, (target, source_mac));
            }
            Message::NeighborAdvertisement {
                target,
                target_mac: Some(mac),
                solicited,
                override_flag,
                ..
            } if hop_limit == 255
                && !target.is_multicast()
                && !self.is_local(target.into())
                && !mac.is_multicast() =>
            {
                let replaces = override_flag;
                let how =
                    if solicited { Heard::Answered { replaces } } else { Heard::Announced { replaces } };
                self.heard(now, interface, (target.into(), mac), how);
            }
            Message::EchoRequest { .. }
            | Message::EchoReply { .. }
            | Message::NeighborSolicitation { .. }
            | Message::NeighborAdvertisement { .. }
            | Message::Mld(_)
            | Message::Other { .. } => {}
        }
    }

    /// An echo request for somebody else.
    fn strange_echo(&mut self, arrival: &Arrival, source: IpAddr, body: Body) {
        let options =
            IpOptions { ttl: Some(arrival.hop_limit), tos: arrival.traffic_class, ..IpOptions::default() };
        if let Some(ip) = self.ip_header(source, arrival.destination, options) {
            self.take_datagram(Packet { ip, body });
        }
    }

    /// RFC 4861, section 7.2.3: who asks for an address of ours is answered, and remembered.
    fn solicitation(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        source: IpAddr,
        (target, source_mac): (Ipv6Addr, Option<Mac>),
    ) {
        let IpAddr::V6(source) = source else { return };
        let Some(own) = self.mac(interface) else { return };
        if target.is_loopback() || !self.is_local(target.into()) {
            return;
        }
        let solicited = !source.is_unspecified();
        let advertisement = icmpv6::Message::NeighborAdvertisement {
            target,
            target_mac: Some(own),
            router: self.settings.ip6_forward,
            solicited,
            override_flag: true,
        };
        // One that has no address yet (duplicate address detection) is told with all the others.
        if !solicited {
            let mac = Mac::for_ipv6_multicast(ALL_NODES);
            return self.put_neighbour_message(interface, mac, (target, ALL_NODES), advertisement);
        }
        let Some(mac) = source_mac.filter(|mac| !mac.is_multicast()) else { return };
        self.heard(now, interface, (source.into(), mac), Heard::Asked);
        self.put_neighbour_message(interface, mac, (target, source), advertisement);
    }

    /// UDP to a port nobody has (RFC 1122, section 4.1.3.1).
    pub(crate) fn port_unreachable(&mut self, now: Instant, packet: &Packet) {
        self.send_error(now, packet, icmpv4::Unreachable::Port, icmpv6::Unreachable::Port);
    }

    /// A protocol nobody speaks (RFC 1122, section 3.2.2.1). For IPv6 it is a parameter problem that points at the
    /// next-header field (RFC 8200, section 4).
    pub(crate) fn protocol_unreachable(&mut self, now: Instant, packet: &Packet) {
        if packet.source().is_ipv4() {
            return self.send_error(
                now,
                packet,
                icmpv4::Unreachable::Protocol,
                icmpv6::Unreachable::Other(0),
            );
        }
        if self.may_complain(now, packet, (3, 4)) {
            let mut rest = 6u32.to_be_bytes().to_vec();
            rest.extend_from_slice(&icmpv6::quote(packet));
            let message = icmpv6::Message::Other { kind: 4, code: 1, rest: rest.into() };
            let from = self.complaint_source(packet);
            self.send_icmp(now, (from, packet.source()), (0, Body::Icmpv6(message)));
        }
    }

    /// A neighbour did not answer: the sender of a packet that waited for it is told by ICMP, by this host itself; TCP,
    /// which can do without, directly.
    pub(crate) fn host_unreachable(&mut self, now: Instant, packet: &Packet) {
        if !self.is_local(packet.source()) {
            // It was on its way through.
            return self.send_error(now, packet, icmpv4::Unreachable::Host, icmpv6::Unreachable::Address);
        }
        if let Body::Tcp(segment) = &packet.body {
            let tuple = (packet.source(), segment.source, packet.destination(), segment.destination);
            let error = tcp::Error::Unreachable(tcp::Unreachable::Host);
            self.tcp_error(now, tuple, segment.seq, error);
        } else if self.may_complain(now, packet, (3, 1)) {
            let body = unreachable(packet, icmpv4::Unreachable::Host, icmpv6::Unreachable::Address);
            let own = packet.source();
            self.send_icmp(now, (own, own), (tos_of_error(packet), body));
        }
    }

    /// A packet went too far (code 0), or not all pieces of one came in time (code 1; `packet` is its front).
    pub(crate) fn time_exceeded(&mut self, now: Instant, packet: &Packet, code: u8) {
        let body = match packet.source() {
            IpAddr::V4(_) => {
                Body::Icmpv4(icmpv4::Message::TimeExceeded { code, original: icmpv4::quote(packet) })
            }
            IpAddr::V6(_) => {
                Body::Icmpv6(icmpv6::Message::TimeExceeded { code, original: icmpv6::quote(packet) })
            }
        };
        self.complain(now, packet, (11, 3), body);
    }

    /// A packet is too long for the link it would leave by (RFC 1191, section 4; RFC 4443, section 3.2).
    pub(crate) fn packet_too_big(&mut self, now: Instant, packet: &Packet, mtu: usize) {
        let body = match packet.source() {
            IpAddr::V4(_) => {
                let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                let code = icmpv4::Unreachable::FragmentationNeeded { mtu };
                unreachable(packet, code, icmpv6::Unreachable::NoRoute)
            }
            IpAddr::V6(_) => {
                let mtu = u32::try_from(mtu).unwrap_or(u32::MAX);
                Body::Icmpv6(icmpv6::Message::PacketTooBig { mtu, original: icmpv6::quote(packet) })
            }
        };
        self.complain(now, packet, (3, 2), body);
    }

    pub(crate) fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet,
        v4: icmpv4::Unreachable,
        v6: icmpv6::Unreachable,
    ) {
        self.complain(now, packet, (3, 1), unreachable(packet, v4, v6));
    }

    /// Tells a packet's sender what became of it, by a message of this type of ICMP and of ICMPv6.
    fn complain(&mut self, now: Instant, packet: &Packet, types: (u8, u8), body: Body) {
        if self.may_complain(now, packet, types) {
            let from = self.complaint_source(packet);
            self.send_icmp(now, (from, packet.source()), (tos_of_error(packet), body));
        }
    }

    /// On `lo` no rate counts, nor for types that are let through.
    fn may_complain(&mut self, now: Instant, packet: &Packet, (v4, v6): (u8, u8)) -> bool {
        let source = packet.source();
        if self.must_not_complain(packet) {
            return false;
        }
        let is_rated = match source {
            IpAddr::V4(_) => self.settings.icmp_ratemask >> v4 & 1 == 1,
            // Packet too big is not (`ratemask` of ipv6.icmp).
            IpAddr::V6(_) => v6 != 2,
        };
        let may = !is_rated || self.is_local(source) || self.icmp.allow(now, &self.settings, source);
        if !may {
            self.count(Counter::IcmpOutRateLimit);
        }
        may
    }

    /// RFC 1122, section 3.2.2: no error answers another error, nor a packet that was not for this host alone or came from
    /// nobody.
    pub(crate) fn must_not_complain(&self, packet: &Packet) -> bool {
        let (source, destination) = (packet.source(), packet.destination());
        let wrong = self.is_group(destination) || self.is_group(source) || source.is_unspecified();
        wrong || is_error(packet)
    }

    /// Errors come from the address that was asked, but nothing with a loopback address goes onto a link.
    pub(crate) fn complaint_source(&self, packet: &Packet) -> IpAddr {
        let asked = packet.destination();
        if self.is_local(asked) && (!asked.is_loopback() || self.is_local(packet.source())) {
            return asked;
        }
        self.route_source(packet.source()).unwrap_or(asked)
    }

    pub(crate) fn send_icmp(
        &mut self,
        now: Instant,
        (source, destination): (IpAddr, IpAddr),
        (tos, body): (u8, Body),
    ) {
        let options = IpOptions { tos, ..IpOptions::default() };
        let Some(mut ip) = self.ip_header(source, destination, options) else { return };
        if let ip::Header::V4(header) = &mut ip {
            header.dont_fragment = false;
            header.id = self.rng.next_u32() as u16;
        }
        self.send_routed(now, Packet { ip, body });
    }

    /// An error came for a packet of ours: its quote says whose (RFC 1122, section 3.2.2).
    fn icmp_error(&mut self, complaint: Complaint, original: &[u8], meaning: Meaning) {
        let now = complaint.arrival.at;
        let Some(quote) = Quote::parse(original) else { return self.count(Counter::IcmpInErrors) };
        let tuple = (quote.source, quote.source_port, quote.destination, quote.destination_port);
        let mtu = (meaning.datagram == DatagramError::TooLong)
            .then(|| usize::try_from(meaning.info).unwrap_or(usize::MAX));
        match (quote.protocol, quote.tcp_seq) {
            (ip::protocol::TCP, Some(seq)) => {
                let sized = mtu.map(|mtu| self.tcp_path_mtu(now, tuple, seq, mtu));
                let told = meaning.tcp.map(|error| self.tcp_error(now, tuple, seq, error));
                if sized == Some(false) || told == Some(false) {
                    self.count(Counter::OutOfWindowIcmps);
                }
            }
            (ip::protocol::UDP, _) => {
                let local = SocketAddr::new(quote.source, quote.source_port);
                let remote = SocketAddr::new(quote.destination, quote.destination_port);
                if let Some(id) = self.udp_sender(local, remote) {
                    let payload = (remote, original.get(quote.header_len + udp::HEADER_LEN..));
                    self.datagram_error(id, (complaint, quote), payload, (meaning, mtu));
                }
            }
            _ => {}
        }
        if self.raw.is_empty() {
            return;
        }
        for (id, is_whole) in self.raw_of_quote(&quote) {
            let start = if is_whole { 0 } else { quote.header_len };
            let payload = (SocketAddr::new(quote.destination, 0), original.get(start..));
            self.datagram_error(id, (complaint, quote), payload, (meaning, mtu));
        }
    }

    /// The same for one datagram socket: what it sent, and where to.
    fn datagram_error(
        &mut self,
        id: UdpId,
        (complaint, quote): (Complaint, Quote),
        (destination, payload): (SocketAddr, Option<&[u8]>),
        (meaning, mtu): (Meaning, Option<usize>),
    ) {
        let way = (quote.source, quote.destination);
        let is_hard = match mtu {
            Some(mtu) => self.udp_path_mtu_input(complaint.arrival.at, id, way, mtu),
            None => Some(meaning.is_hard),
        };
        let Some(is_hard) = is_hard else { return };
        let report = ErrorReport {
            error: meaning.datagram,
            complaint: Some(complaint),
            info: meaning.info,
            destination,
            payload: Bytes::copy_from_slice(payload.unwrap_or_default()).into(),
        };
        self.udp_error_input(id, report, is_hard);
    }
}

pub(crate) fn unreachable(packet: &Packet, v4: icmpv4::Unreachable, v6: icmpv6::Unreachable) -> Body {
    match packet.source() {
        IpAddr::V4(_) => Body::Icmpv4(icmpv4::Message::DestinationUnreachable {
            code: v4,
            original: icmpv4::quote(packet),
        }),
        IpAddr::V6(_) => Body::Icmpv6(icmpv6::Message::DestinationUnreachable {
            code: v6,
            original: icmpv6::quote(packet),
        }),
    }
}

/// RFC 1812, section 4.3.2.5: an error has the precedence of network control. (Linux, over IPv6, none.)
pub(crate) fn tos_of_error(packet: &Packet) -> u8 {
    match packet.source() {
        IpAddr::V4(_) => packet.ip.traffic_class() & 0x1e | 0xc0,
        IpAddr::V6(_) => 0,
    }
}

/// Whether it is an ICMP error, or the front of one.
fn is_error(packet: &Packet) -> bool {
    match &packet.body {
        Body::Icmpv4(message) => message.is_error(),
        Body::Icmpv6(message) => message.is_error(),
        Body::Fragment(fragment) => {
            let kind = fragment.payload.pieces().next().and_then(|piece| piece.first());
            match fragment.protocol {
                ip::protocol::ICMP => kind.is_some_and(|kind| matches!(kind, 3 | 4 | 5 | 11 | 12)),
                ip::protocol::ICMPV6 => kind.is_some_and(|kind| *kind < 128),
                _ => false,
            }
        }
        Body::Tcp(_) | Body::Udp(_) | Body::Igmp(_) | Body::Other { .. } => false,
    }
}

/// Linux's `icmp_err_convert`; nothing for a code it doesn't know.
fn meaning_v4(code: icmpv4::Unreachable) -> Option<Meaning> {
    use DatagramError as Error;
    use icmpv4::Unreachable as Code;
    use tcp::Unreachable as Tcp;
    Some(match code {
        Code::Net => Meaning::soft(Some(Tcp::Net), Error::NetUnreachable),
        Code::Host => Meaning::soft(Some(Tcp::Host), Error::HostUnreachable),
        Code::Protocol => Meaning::hard(Some(Tcp::Protocol), Error::ProtocolUnreachable),
        Code::Port => {
            Meaning { tcp: Some(tcp::Error::Refused), ..Meaning::hard(None, Error::PortUnreachable) }
        }
        Code::FragmentationNeeded { mtu } => Meaning::too_long(mtu.into()),
        Code::Other(5) => Meaning::soft(None, Error::SourceRoute),
        Code::Other(6 | 9) => Meaning::hard(Some(Tcp::Net), Error::NetUnreachable),
        Code::Other(7) => Meaning::hard(Some(Tcp::HostDown), Error::HostDown),
        Code::Other(8) => Meaning::hard(Some(Tcp::NoNet), Error::NoNet),
        Code::Other(10 | 13 | 14 | 15) => Meaning::hard(Some(Tcp::Host), Error::HostUnreachable),
        Code::Other(11) => Meaning::soft(Some(Tcp::Net), Error::NetUnreachable),
        Code::Other(12) => Meaning::soft(Some(Tcp::Host), Error::HostUnreachable),
        Code::Other(_) => return None,
    })
}

/// Linux's `icmpv6_err_convert`.
fn meaning_v6(code: icmpv6::Unreachable) -> Meaning {
    use DatagramError as Error;
    use icmpv6::Unreachable as Code;
    use tcp::Unreachable as Tcp;
    match code {
        Code::NoRoute => Meaning::soft(Some(Tcp::Net), Error::NetUnreachable),
        Code::Prohibited | Code::Other(5 | 6) => Meaning::hard(Some(Tcp::Prohibited), Error::Prohibited),
        Code::Address | Code::Other(2) => Meaning::soft(Some(Tcp::Host), Error::HostUnreachable),
        Code::Port => {
            Meaning { tcp: Some(tcp::Error::Refused), ..Meaning::hard(None, Error::PortUnreachable) }
        }
        Code::Other(_) => Meaning::hard(None, Error::Parameter),
    }
}
