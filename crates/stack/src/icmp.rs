//! ICMP for both versions: echo, the errors we send (at a bounded rate) and those that come back, neighbour discovery.
//!
//! Not modelled: redirects, router messages, timestamps, ping sockets; echo replies are dropped.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sockeye_base::{Bytes, Counter, Duration, Instant};
use sockeye_tcp as tcp;
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Body, Packet, Quote, icmpv4, icmpv6, ip, udp};

use crate::groups::ALL_NODES;
use crate::neighbour::Heard;
use crate::output::IpOptions;
use crate::stack::Stack;
use crate::{Arrival, Complaint, DatagramError, ErrorReport, InterfaceId, Settings};

/// How many errors one destination gets at once before its rate counts (Linux's `XRLIM_BURST_FACTOR`).
const DESTINATION_BURST: u32 = 6;
/// How many destinations' rates are remembered.
const DESTINATIONS: usize = 1024;

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

/// The rates of ICMP errors sent: token buckets, one for all and one per destination (`icmp_global_allow`,
/// `inet_peer_xrlim_allow`).
#[derive(Debug)]
pub(crate) struct Limiter {
    all: Bucket,
    per_second: u32,
    burst: u32,
    ratelimit: Duration,
    destinations: BTreeMap<IpAddr, Bucket>,
}

/// Tokens, each worth the time it takes to earn.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    credit: Duration,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant, price: Duration, burst: u32) -> bool {
        self.credit = (self.credit + now.since(self.at)).min(price * burst);
        self.at = now;
        let paid = self.credit.checked_sub(price);
        self.credit = paid.unwrap_or(self.credit);
        paid.is_some()
    }
}

impl Limiter {
    pub(crate) fn new(settings: &Settings) -> Limiter {
        let per_second = settings.icmp_msgs_per_sec.max(1);
        let credit = Duration::from_secs(1) / per_second * settings.icmp_msgs_burst;
        Limiter {
            all: Bucket { credit, at: Instant::ZERO },
            per_second,
            burst: settings.icmp_msgs_burst,
            ratelimit: settings.icmp_ratelimit,
            destinations: BTreeMap::new(),
        }
    }

    /// Whether an error may go to this destination now.
    fn allow(&mut self, now: Instant, destination: IpAddr) -> bool {
        if self.destinations.len() >= DESTINATIONS && !self.destinations.contains_key(&destination) {
            // Those that are full again need no memory.
            let full = self.ratelimit * DESTINATION_BURST;
            self.destinations.retain(|_, bucket| bucket.credit + now.since(bucket.at) < full);
            if self.destinations.len() >= DESTINATIONS {
                return false;
            }
        }
        let fresh = Bucket { credit: self.ratelimit * DESTINATION_BURST, at: now };
        let bucket = self.destinations.entry(destination).or_insert(fresh);
        bucket.take(now, self.ratelimit, DESTINATION_BURST)
            && self.all.take(now, Duration::from_secs(1) / self.per_second, self.burst)
    }
}

impl Stack {
    /// An ICMP message has arrived.
    pub(crate) fn icmpv4_input(&mut self, source: IpAddr, arrival: Arrival, message: icmpv4::Message) {
        use icmpv4::Message;
        let (now, destination) = (arrival.at, arrival.destination);
        let complaint = |kind, code| Complaint { offender: source, kind, code, arrival };
        match message {
            // Linux ignores echo requests to broadcast addresses (icmp_echo_ignore_broadcasts).
            Message::EchoRequest { id, sequence, payload } if !self.is_group(destination) => {
                let reply = Message::EchoReply { id, sequence, payload };
                self.send_icmp(now, (destination, source), Body::Icmpv4(reply));
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
        let complaint = |kind, code| Complaint { offender: source, kind, code, arrival };
        match message {
            Message::EchoRequest { id, sequence, payload } if !source.is_unspecified() => {
                let from =
                    if destination.is_multicast() { self.route_source(source) } else { Some(destination) };
                let reply = Message::EchoReply { id, sequence, payload };
                if let Some(from) = from {
                    self.send_icmp(now, (from, source), Body::Icmpv6(reply));
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
            | Message::Other { .. } => {}
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
            router: false,
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
        if self.may_complain(now, packet) {
            let mut rest = 6u32.to_be_bytes().to_vec();
            rest.extend_from_slice(&icmpv6::quote(packet));
            let message = icmpv6::Message::Other { kind: 4, code: 1, rest: rest.into() };
            let from = self.complaint_source(packet);
            self.send_icmp(now, (from, packet.source()), Body::Icmpv6(message));
        }
    }

    /// A neighbour did not answer: the sender of a packet that waited for it is told, as if by ICMP.
    pub(crate) fn host_unreachable(&mut self, now: Instant, packet: &Packet) {
        match &packet.body {
            Body::Tcp(segment) => {
                let tuple = (packet.source(), segment.source, packet.destination(), segment.destination);
                let error = tcp::Error::Unreachable(tcp::Unreachable::Host);
                self.tcp_error(now, tuple, segment.seq, error);
            }
            Body::Udp(datagram) => {
                let (offender, is_v4) = (packet.source(), packet.source().is_ipv4());
                let (kind, code) = if is_v4 { (3, 1) } else { (1, 3) };
                let arrival = Arrival {
                    at: now,
                    interface: InterfaceId::LOOPBACK,
                    destination: offender,
                    hop_limit: self.settings.default_ttl,
                    traffic_class: packet.ip.traffic_class(),
                    fragment: 0,
                    fragments_size: 0,
                };
                let report = ErrorReport {
                    error: DatagramError::HostUnreachable,
                    complaint: Some(Complaint { offender, kind, code, arrival }),
                    info: 0,
                    destination: SocketAddr::new(packet.destination(), datagram.destination),
                    payload: datagram.payload.clone(),
                };
                self.udp_error_input((offender, datagram.source), report, false);
            }
            Body::Icmpv4(_) | Body::Icmpv6(_) | Body::Fragment(_) | Body::Other { .. } => {}
        }
    }

    /// Not all pieces of a packet came in time: code 1 of time exceeded.
    pub(crate) fn reassembly_expired(&mut self, now: Instant, front: &Packet) {
        if !self.may_complain(now, front) {
            return;
        }
        let body = match front.source() {
            IpAddr::V4(_) => {
                Body::Icmpv4(icmpv4::Message::TimeExceeded { code: 1, original: icmpv4::quote(front) })
            }
            IpAddr::V6(_) => {
                Body::Icmpv6(icmpv6::Message::TimeExceeded { code: 1, original: icmpv6::quote(front) })
            }
        };
        let from = self.complaint_source(front);
        self.send_icmp(now, (from, front.source()), body);
    }

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet,
        v4: icmpv4::Unreachable,
        v6: icmpv6::Unreachable,
    ) {
        if !self.may_complain(now, packet) {
            return;
        }
        let body = match packet.source() {
            IpAddr::V4(_) => Body::Icmpv4(icmpv4::Message::DestinationUnreachable {
                code: v4,
                original: icmpv4::quote(packet),
            }),
            IpAddr::V6(_) => Body::Icmpv6(icmpv6::Message::DestinationUnreachable {
                code: v6,
                original: icmpv6::quote(packet),
            }),
        };
        let from = self.complaint_source(packet);
        self.send_icmp(now, (from, packet.source()), body);
    }

    /// RFC 1122, section 3.2.2: no error answers a packet that was not for this host alone or came from nobody. On `lo`
    /// no rate counts.
    fn may_complain(&mut self, now: Instant, packet: &Packet) -> bool {
        let (source, destination) = (packet.source(), packet.destination());
        let wrong = self.is_group(destination) || self.is_group(source) || source.is_unspecified();
        if wrong {
            return false;
        }
        let may = self.is_local(source) || self.icmp.allow(now, source);
        if !may {
            self.count(Counter::IcmpOutRateLimit);
        }
        may
    }

    /// Errors come from the address that was asked, but nothing with a loopback address goes onto a link.
    fn complaint_source(&self, packet: &Packet) -> IpAddr {
        let asked = packet.destination();
        if self.is_local(asked) && (!asked.is_loopback() || self.is_local(packet.source())) {
            return asked;
        }
        self.route_source(packet.source()).unwrap_or(asked)
    }

    fn send_icmp(&mut self, now: Instant, (source, destination): (IpAddr, IpAddr), body: Body) {
        let Some(mut ip) = self.ip_header(source, destination, IpOptions::default()) else { return };
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
        let Meaning { datagram: error, info, .. } = meaning;
        let mtu = (error == DatagramError::TooLong).then(|| usize::try_from(info).unwrap_or(usize::MAX));
        match (quote.protocol, quote.tcp_seq) {
            (ip::protocol::TCP, Some(seq)) => {
                let sized = mtu.map(|mtu| self.tcp_path_mtu(now, tuple, seq, mtu));
                let told = meaning.tcp.map(|error| self.tcp_error(now, tuple, seq, error));
                if sized == Some(false) || told == Some(false) {
                    self.count(Counter::OutOfWindowIcmps);
                }
            }
            (ip::protocol::UDP, _) => {
                let is_hard = match mtu {
                    Some(mtu) => self.udp_path_mtu_input(now, tuple, mtu),
                    None => Some(meaning.is_hard),
                };
                let Some(is_hard) = is_hard else { return };
                let payload = original.get(quote.header_len + udp::HEADER_LEN..).unwrap_or_default();
                let report = ErrorReport {
                    error,
                    complaint: Some(complaint),
                    info,
                    destination: SocketAddr::new(quote.destination, quote.destination_port),
                    payload: Bytes::copy_from_slice(payload).into(),
                };
                self.udp_error_input((quote.source, quote.source_port), report, is_hard);
            }
            _ => {}
        }
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
