//! What IPv4 and IPv6 headers have in common.

use std::net::IpAddr;

use crate::{ipv4, ipv6};

/// Protocol numbers (IANA).
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// IGMP.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
}

/// What the two ECN bits of a header say (RFC 3168, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ecn {
    /// The transport doesn't know of marks.
    #[default]
    NotEct = 0,
    /// It does: ECT(1).
    Ect1 = 1,
    /// It does: ECT(0).
    Ect0 = 2,
    /// A router met congestion.
    Ce = 3,
}

impl Ecn {
    /// What a TOS byte or traffic class says.
    pub fn of(traffic_class: u8) -> Ecn {
        match traffic_class & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }
}

/// An IP header of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// Version 4.
    V4(ipv4::Header),
    /// Version 6.
    V6(ipv6::Header),
}

impl Header {
    /// A header with the usual values: hop limit 64, no traffic class, DF set in IPv4.
    ///
    /// Returns `None` if the two addresses are not of one family.
    pub fn new(source: IpAddr, destination: IpAddr) -> Option<Header> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Some(Header::V4(ipv4::Header::new(source, destination)))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Some(Header::V6(ipv6::Header::new(source, destination)))
            }
            _ => None,
        }
    }

    /// Where the packet comes from.
    pub fn source(&self) -> IpAddr {
        match self {
            Header::V4(header) => header.source.into(),
            Header::V6(header) => header.source.into(),
        }
    }

    /// Where the packet goes.
    pub fn destination(&self) -> IpAddr {
        match self {
            Header::V4(header) => header.destination.into(),
            Header::V6(header) => header.destination.into(),
        }
    }

    /// TTL or hop limit.
    pub fn hop_limit(&self) -> u8 {
        match self {
            Header::V4(header) => header.ttl,
            Header::V6(header) => header.hop_limit,
        }
    }

    /// One hop further.
    pub fn age(&mut self) {
        let limit = match self {
            Header::V4(header) => &mut header.ttl,
            Header::V6(header) => &mut header.hop_limit,
        };
        *limit = limit.saturating_sub(1);
    }

    /// Bytes of this header, with the one option it may have.
    pub fn len(&self) -> usize {
        match self {
            Header::V4(header) => header.len(),
            Header::V6(header) => header.len(),
        }
    }

    /// Sets TTL or hop limit.
    pub fn set_hop_limit(&mut self, hops: u8) {
        match self {
            Header::V4(header) => header.ttl = hops,
            Header::V6(header) => header.hop_limit = hops,
        }
    }

    /// Asks every router on the way to look into the packet (RFC 2113, RFC 2711).
    pub fn alert_routers(&mut self) {
        match self {
            Header::V4(header) => header.router_alert = true,
            Header::V6(header) => header.router_alert = true,
        }
    }

    /// Whether routers are asked to look into the packet.
    pub fn alerts_routers(&self) -> bool {
        match self {
            Header::V4(header) => header.router_alert,
            Header::V6(header) => header.router_alert,
        }
    }

    /// TOS or traffic class.
    pub fn traffic_class(&self) -> u8 {
        match self {
            Header::V4(header) => header.tos,
            Header::V6(header) => header.traffic_class,
        }
    }

    /// What its ECN bits say.
    pub fn ecn(&self) -> Ecn {
        Ecn::of(self.traffic_class())
    }

    /// Sets its ECN bits.
    pub fn set_ecn(&mut self, ecn: Ecn) {
        match self {
            Header::V4(header) => header.tos = header.tos & !3 | ecn as u8,
            Header::V6(header) => header.traffic_class = header.traffic_class & !3 | ecn as u8,
        }
    }
}
