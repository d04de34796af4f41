//! Forwarding, where the host is a router (`ip_forward`, `forwarding`): packets for others go on, one hop older (RFC 1812;
//! RFC 8200). Not modelled: redirects, groups' packets, source routes.

use std::net::IpAddr;

use sockeye_base::{Counter, Instant};
use sockeye_wire::{Packet, icmpv4, icmpv6, ip};

use crate::interface::Device;
use crate::route::{Path, is_link_local};
use crate::stack::Stack;

impl Stack {
    /// Whether a packet from a link is for somebody else, whom this host would send it on to.
    pub(crate) fn goes_on(&self, packet: &Packet) -> bool {
        let destination = packet.destination();
        let forwards = match destination {
            IpAddr::V4(_) => self.settings.ip_forward,
            IpAddr::V6(_) => self.settings.ip6_forward,
        };
        forwards
            && !destination.is_loopback()
            && !destination.is_unspecified()
            && !is_link_local(destination)
            && !self.is_group(destination)
            && !self.is_local(destination)
            && !packet.ports().is_some_and(|(_, port)| self.any_destination.contains(&port))
            // Where no route leads, who answers for others does.
            && (!self.is_strange(destination) || self.has_route(destination))
    }

    /// Sends a packet on, or tells its sender why not.
    pub(crate) fn forward(&mut self, now: Instant, mut packet: Packet) {
        let (source, destination) = (packet.source(), packet.destination());
        if self.is_wrong_source(source) || self.is_local(source) || source.is_unspecified() {
            return self.count(Counter::IpInvalidSource);
        }
        let Some(path) = self.path(destination, Device::default()) else {
            self.count(Counter::IpOutNoRoutes);
            return self.send_error(now, &packet, icmpv4::Unreachable::Net, icmpv6::Unreachable::NoRoute);
        };
        // RFC 4291, section 2.5.6: such a source means nothing beyond its link.
        if is_link_local(source) {
            return self.count(Counter::IpInAddrErrors);
        }
        if packet.ip.hop_limit() <= 1 {
            self.count(Counter::IpInHdrErrors);
            return self.time_exceeded(now, &packet, 0);
        }
        let mtu = self.mtu(&path);
        if packet.longest() > mtu {
            return self.forward_too_long(now, &path, mtu, packet);
        }
        packet.ip.age();
        self.count_forwarded(&packet);
        self.transmit_one(now, &path, packet);
    }

    /// A packet is too long for the link it is to leave by: IPv4 cuts it if it may, and else the sender is told of the
    /// MTU (RFC 1191, section 4; RFC 8201).
    fn forward_too_long(&mut self, now: Instant, path: &Path, mtu: usize, packet: Packet) {
        let may_cut = match &packet.ip {
            ip::Header::V4(header) => !header.dont_fragment,
            ip::Header::V6(_) => false,
        };
        for mut packet in packet.split() {
            let length = packet.len();
            if length > mtu && !may_cut {
                self.packet_too_big(now, &packet, mtu);
                continue;
            }
            packet.ip.age();
            self.count_forwarded(&packet);
            if length <= mtu {
                self.transmit_one(now, path, packet);
                continue;
            }
            // The pieces keep the packet's number.
            let id = match &packet.ip {
                ip::Header::V4(header) => header.id.into(),
                ip::Header::V6(_) => 0,
            };
            let pieces = packet.fragment(mtu, id);
            self.count_cut(true, pieces.len());
            pieces.into_iter().for_each(|piece| self.transmit_one(now, path, piece));
        }
    }
}
