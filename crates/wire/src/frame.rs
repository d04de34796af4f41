//! Frames and packets: what interfaces take and give.

use bytes::Bytes;
use sockeye_base::Chain;

use crate::{arp, ethernet, icmpv4, icmpv6, ip, tcp, udp};

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
    /// Another protocol's bytes.
    Other {
        /// The protocol's number.
        protocol: u8,
        /// Its bytes.
        payload: Chain,
    },
}
