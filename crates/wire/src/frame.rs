//! Frames and packets: what interfaces take and give.

use std::net::IpAddr;

use bytes::Bytes;
use sockeye_base::Chain;

use crate::fragment::Fragment;
use crate::{arp, ethernet, icmpv4, icmpv6, igmp, ip, tcp, udp};

/// What crosses a link. Loopback carries packets with no Ethernet header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The Ethernet header, where the link has one.
    pub ethernet: Option<ethernet::Header>,
    /// What it carries.
    pub payload: Payload,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An IP packet.
    Packet(Packet),
    /// An ARP packet.
    Arp(arp::Packet),
    /// Bytes that are nothing known: a foreign EtherType, or a packet that was corrupted.
    Bytes(Bytes),
}

/// An IP packet: header values and what it carries, also as values. Lengths and checksums are made where bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The IP header.
    pub ip: ip::Header,
    /// What it carries.
    pub body: Body,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment, or several in one value.
    Tcp(tcp::Segment),
    /// A UDP datagram.
    Udp(udp::Datagram),
    /// An ICMP message (IPv4 only).
    Icmpv4(icmpv4::Message),
    /// An ICMPv6 message (IPv6 only).
    Icmpv6(icmpv6::Message),
    /// An IGMP message (IPv4 only).
    Igmp(igmp::Message),
    /// A piece of what was too long for one packet.
    Fragment(Fragment),
    /// Another protocol's bytes.
    Other {
        /// The protocol's number.
        protocol: u8,
        /// Its bytes.
        payload: Chain,
    },
}

impl Frame {
    /// A packet on a link without Ethernet headers.
    pub fn packet(packet: Packet) -> Frame {
        Frame::bare(Payload::Packet(packet))
    }

    /// A frame without an Ethernet header, or without one yet.
    pub fn bare(payload: Payload) -> Frame {
        Frame { ethernet: None, payload }
    }

    /// A frame on an Ethernet. The header's EtherType is made to say what is carried, but for bytes of unknown kind.
    pub fn ethernet(header: ethernet::Header, payload: Payload) -> Frame {
        let mut frame = Frame { ethernet: None, payload };
        frame.set_ethernet(header);
        frame
    }

    /// Gives it an Ethernet header, as [`Frame::ethernet`] does.
    pub fn set_ethernet(&mut self, mut header: ethernet::Header) {
        if let Some(kind) = self.payload.ether_type() {
            header.ether_type = kind;
        }
        self.ethernet = Some(header);
    }

    /// A frame on an Ethernet from one address to another.
    pub fn between(source: ethernet::Mac, destination: ethernet::Mac, payload: impl Into<Payload>) -> Frame {
        Frame::ethernet(ethernet::Header { destination, source, ether_type: 0 }, payload.into())
    }

    /// The same on an Ethernet: without a header of its own it gets one with addresses of zeros, as Linux's loopback
    /// interface shows its packets.
    pub fn on_ethernet(mut self) -> Frame {
        if self.ethernet.is_none() {
            let zero = ethernet::Mac::ZERO;
            self.set_ethernet(ethernet::Header { destination: zero, source: zero, ether_type: 0 });
        }
        self
    }

    /// Bytes on the wire, without padding and check sequence. A super-segment counts as one packet.
    pub fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    /// Bytes of the Ethernet header, or 0.
    pub fn header_len(&self) -> usize {
        self.ethernet.map_or(0, |_| ethernet::HEADER_LEN)
    }

    /// How many frames this value stands for: more than one if it carries a super-segment.
    pub fn count(&self) -> usize {
        match &self.payload {
            Payload::Packet(packet) => packet.count(),
            Payload::Arp(_) | Payload::Bytes(_) => 1,
        }
    }

    /// Bytes of all the frames it stands for.
    pub fn octets(&self) -> usize {
        match &self.payload {
            Payload::Packet(packet) => packet.octets() + packet.count() * self.header_len(),
            Payload::Arp(_) | Payload::Bytes(_) => self.len(),
        }
    }

    /// The IP packet it carries, if it does.
    pub fn as_packet(&self) -> Option<&Packet> {
        match &self.payload {
            Payload::Packet(packet) => Some(packet),
            Payload::Arp(_) | Payload::Bytes(_) => None,
        }
    }

    /// The TCP segment it carries, if it does.
    pub fn as_segment(&self) -> Option<&tcp::Segment> {
        self.as_packet()?.as_segment()
    }

    /// Reads once each line of the cache that it takes, and gives something made of it, so that it is read.
    pub fn look_ahead(&self) -> u64 {
        let segment = self.as_segment().map_or(0, |segment| segment.seq.0 ^ segment.payload.len() as u32);
        u64::from(segment) << 1 ^ u64::from(self.ethernet.is_some())
    }

    /// The same of the first of the bytes that a segment carries, when it has come itself.
    pub fn look_farther_ahead(&self) -> u64 {
        self.as_segment().map_or(0, |segment| {
            let first = segment.payload.pieces().next().and_then(<[u8]>::first);
            segment.payload.look_ahead() << 8 ^ u64::from(first.copied().unwrap_or(0))
        })
    }

    /// The single frames this value stands for, in order (see [`tcp::Segment::split`]).
    pub fn split(self) -> impl Iterator<Item = Frame> {
        let Frame { ethernet, payload } = self;
        let (packet, other) = match payload {
            Payload::Packet(packet) => (Some(packet), None),
            other @ (Payload::Arp(_) | Payload::Bytes(_)) => (None, Some(other)),
        };
        let packets = packet.into_iter().flat_map(Packet::split).map(Payload::Packet);
        packets.chain(other).map(move |payload| Frame { ethernet, payload })
    }
}

impl Payload {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        match self {
            Payload::Packet(packet) => packet.len(),
            Payload::Arp(_) => arp::LEN,
            Payload::Bytes(bytes) => bytes.len(),
        }
    }

    /// The EtherType that names it; `None` for bytes of unknown kind.
    pub fn ether_type(&self) -> Option<u16> {
        match self {
            Payload::Packet(packet) => Some(match packet.ip {
                ip::Header::V4(_) => ethernet::ether_type::IPV4,
                ip::Header::V6(_) => ethernet::ether_type::IPV6,
            }),
            Payload::Arp(_) => Some(ethernet::ether_type::ARP),
            Payload::Bytes(_) => None,
        }
    }
}

impl From<Packet> for Payload {
    fn from(packet: Packet) -> Payload {
        Payload::Packet(packet)
    }
}

impl From<arp::Packet> for Payload {
    fn from(packet: arp::Packet) -> Payload {
        Payload::Arp(packet)
    }
}

impl Packet {
    /// A packet of this header and body.
    pub fn new(ip: ip::Header, body: impl Into<Body>) -> Packet {
        Packet { ip, body: body.into() }
    }

    /// Bytes on the wire: what IPv4's total length says, or 40 and IPv6's payload length. A super-segment counts as
    /// one packet.
    pub fn len(&self) -> usize {
        self.ip.len() + self.carried_len()
    }

    /// Bytes behind the IP header.
    pub(crate) fn carried_len(&self) -> usize {
        match &self.body {
            Body::Tcp(segment) => segment.len(),
            Body::Udp(datagram) => datagram.len(),
            Body::Icmpv4(message) => message.len(),
            Body::Icmpv6(message) => message.len(),
            Body::Igmp(message) => message.len(),
            Body::Fragment(fragment) => fragment.len(&self.ip),
            Body::Other { payload, .. } => payload.len(),
        }
    }

    /// How many packets this value stands for: more than one if it carries a super-segment.
    pub fn count(&self) -> usize {
        self.as_segment().map_or(1, tcp::Segment::count)
    }

    /// Bytes of all the packets it stands for.
    pub fn octets(&self) -> usize {
        let headers = self.as_segment().map_or(0, |segment| self.len() - segment.payload.len());
        self.len() + (self.count() - 1) * headers
    }

    /// The number of the protocol it carries (see [`ip::protocol`]).
    pub fn protocol(&self) -> u8 {
        self.body.protocol()
    }

    /// Where it comes from.
    pub fn source(&self) -> IpAddr {
        self.ip.source()
    }

    /// Where it goes.
    pub fn destination(&self) -> IpAddr {
        self.ip.destination()
    }

    /// The ports of TCP or UDP, source first.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.body {
            Body::Tcp(segment) => Some((segment.source, segment.destination)),
            Body::Udp(datagram) => Some((datagram.source, datagram.destination)),
            Body::Icmpv4(_) | Body::Icmpv6(_) | Body::Igmp(_) | Body::Fragment(_) | Body::Other { .. } => {
                None
            }
        }
    }

    /// The TCP segment it carries, if it does.
    pub fn as_segment(&self) -> Option<&tcp::Segment> {
        match &self.body {
            Body::Tcp(segment) => Some(segment),
            Body::Udp(_)
            | Body::Icmpv4(_)
            | Body::Icmpv6(_)
            | Body::Igmp(_)
            | Body::Fragment(_)
            | Body::Other { .. } => None,
        }
    }

    /// Bytes of the longest single packet it stands for.
    pub fn longest(&self) -> usize {
        match self.as_segment() {
            Some(segment) if self.count() > 1 => {
                self.len() - segment.payload.len() + usize::from(segment.gso_size)
            }
            Some(_) | None => self.len(),
        }
    }

    /// The single packets this value stands for, in order (see [`tcp::Segment::split`]). IPv4's identification counts
    /// on from packet to packet, as Linux has it.
    pub fn split(self) -> impl Iterator<Item = Packet> {
        let Packet { ip, body } = self;
        let (segment, other) = match body {
            Body::Tcp(segment) => (Some(segment), None),
            other @ (Body::Udp(_)
            | Body::Icmpv4(_)
            | Body::Icmpv6(_)
            | Body::Igmp(_)
            | Body::Fragment(_)
            | Body::Other { .. }) => (None, Some(other)),
        };
        let segments = segment.into_iter().flat_map(tcp::Segment::split).map(Body::Tcp);
        let mut next = ip;
        segments.chain(other).map(move |body| {
            let ip = next.clone();
            if let ip::Header::V4(header) = &mut next {
                header.id = header.id.wrapping_add(1);
            }
            Packet { ip, body }
        })
    }
}

impl Body {
    /// The protocol's number (see [`ip::protocol`]); of a fragment that of the whole.
    pub fn protocol(&self) -> u8 {
        match self {
            Body::Tcp(_) => ip::protocol::TCP,
            Body::Udp(_) => ip::protocol::UDP,
            Body::Icmpv4(_) => ip::protocol::ICMP,
            Body::Icmpv6(_) => ip::protocol::ICMPV6,
            Body::Igmp(_) => ip::protocol::IGMP,
            Body::Fragment(fragment) => fragment.protocol,
            Body::Other { protocol, .. } => *protocol,
        }
    }
}

impl From<tcp::Segment> for Body {
    fn from(segment: tcp::Segment) -> Body {
        Body::Tcp(segment)
    }
}

impl From<udp::Datagram> for Body {
    fn from(datagram: udp::Datagram) -> Body {
        Body::Udp(datagram)
    }
}

impl From<Fragment> for Body {
    fn from(fragment: Fragment) -> Body {
        Body::Fragment(fragment)
    }
}

impl From<icmpv4::Message> for Body {
    fn from(message: icmpv4::Message) -> Body {
        Body::Icmpv4(message)
    }
}

impl From<icmpv6::Message> for Body {
    fn from(message: icmpv6::Message) -> Body {
        Body::Icmpv6(message)
    }
}

impl From<igmp::Message> for Body {
    fn from(message: igmp::Message) -> Body {
        Body::Igmp(message)
    }
}
