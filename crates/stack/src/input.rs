//! The way in: from a frame on an interface to the protocol it is for. What can't be right is dropped in silence, and counted.

use std::net::IpAddr;

use sockeye_base::{Bytes, Counter, Instant};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Body, Frame, Packet, Payload, arp, icmpv6};

use crate::counting::IcmpKind;
use crate::fragments::Cut;
use crate::neighbour::Heard;
use crate::stack::Stack;
use crate::{Arrival, InterfaceId};

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Somebody on the link.
    Link,
    /// This host itself, which knows what it sends.
    Here,
}

impl Stack {
    /// A frame has arrived on an interface.
    pub fn input(&mut self, now: Instant, interface: InterfaceId, frame: impl Into<Box<Frame>>) {
        let mut frame = frame.into();
        self.count_frame_in(interface, &frame);
        if let Some(link) = self.links.get(interface.0)
            && interface != InterfaceId::LOOPBACK
        {
            let own = link.interface.mac;
            let (for_us, unicast) = match &frame.ethernet {
                Some(header) => (
                    header.destination == own || header.destination.is_multicast(),
                    header.destination == own,
                ),
                None => (true, true),
            };
            let group = |packet: &Packet| self.is_group(packet.destination());
            match frame.payload {
                // RFC 1122, section 3.3.6: a packet for one host must not come in a frame for all.
                Payload::Packet(packet) if for_us && (unicast || group(&packet)) => {
                    self.packet_input(now, (interface, Sender::Link), packet);
                }
                Payload::Arp(packet) if for_us => self.arp_input(now, interface, &packet),
                Payload::Packet(_) if for_us => self.count(Counter::UnicastInMulticast),
                Payload::Bytes(bytes) if for_us => self.count_malformed(&bytes),
                Payload::Packet(_) | Payload::Arp(_) | Payload::Bytes(_) => self.count(Counter::OtherHost),
            }
            *frame = Frame::bare(Payload::Bytes(Bytes::new()));
            self.spare.get_or_insert(frame);
        }
        self.settle(now);
    }

    /// A packet has arrived.
    pub(crate) fn packet_input(
        &mut self,
        now: Instant,
        (interface, sender): (InterfaceId, Sender),
        mut packet: Packet,
    ) {
        self.count_in(&packet);
        if sender == Sender::Link && self.goes_on(&packet) {
            return self.forward(now, packet);
        }
        let mut cut = Cut::default();
        // Who a fragment is for may stand in another.
        if let Body::Fragment(_) = packet.body {
            let is_v4 = packet.destination().is_ipv4();
            self.count_fragment(is_v4, false);
            let Some(whole) = self.fragment_input(now, packet) else { return };
            self.count_fragment(is_v4, true);
            (packet, cut) = whole;
        }
        let mut connection = self.tcp_lookup(interface, &packet);
        // What comes the way a connection goes was looked at when that began.
        let is_expected = matches!(connection, Some((_, true)));
        if sender == Sender::Link
            && !is_expected
            && let Err(reason) = self.admit(interface, &packet)
        {
            return self.count(reason);
        }
        // It would go on from here.
        if sender == Sender::Link
            && !is_expected
            && packet.ip.hop_limit() <= 1
            && self.is_strange(packet.destination())
        {
            self.count(Counter::IpInHdrErrors);
            return self.time_exceeded(now, &packet, 0);
        }
        // `lo` hears what its members do: what it sends comes back to it as from any link.
        let addresses = (packet.source(), packet.destination());
        if interface == InterfaceId::LOOPBACK
            && !is_expected
            && addresses.1.is_multicast()
            && !self.hears_group(interface, addresses.1, addresses.0)
        {
            return self.count(Counter::IpInAddrErrors);
        }
        let is_v4 = addresses.0.is_ipv4();
        if !is_expected && is_v4 && self.is_broadcast(addresses.1) {
            self.count_broadcast_in(&packet);
        }
        let arrival = Arrival {
            at: now,
            interface,
            destination: addresses.1,
            hop_limit: packet.ip.hop_limit(),
            traffic_class: packet.ip.traffic_class(),
            fragment: cut.largest,
            fragments_size: u32::try_from(cut.charge).unwrap_or(u32::MAX),
        };
        let heard = !self.raw.is_empty() && self.raw_input(arrival, &packet);
        if packet.is_unread() {
            let protocol = packet.protocol();
            match packet.read() {
                Ok(read) => packet = read,
                Err(why) => return self.count_why(why, Some(protocol)),
            }
            connection = self.tcp_lookup(interface, &packet);
        }
        let is_expected = matches!(connection, Some((_, true)));
        let is_foreign = match packet.body {
            Body::Icmpv4(_) | Body::Igmp(_) => !is_v4,
            Body::Icmpv6(_) => is_v4,
            Body::Other { .. } => !heard,
            Body::Tcp(_) | Body::Udp(_) | Body::Fragment(_) => false,
        };
        if !is_foreign {
            self.count_delivered(&packet);
        }
        match packet.body {
            Body::Tcp(_) if !is_expected && self.is_group(addresses.1) => self.count(Counter::TcpNoSocket),
            Body::Tcp(ref mut segment) => {
                let connection = connection.map(|(id, _)| id);
                self.tcp_input(now, interface, &packet.ip, segment, connection);
            }
            Body::Udp(_) => self.udp_input(arrival, packet),
            Body::Icmpv4(message) if is_v4 => self.icmpv4_input(addresses.0, arrival, message),
            Body::Icmpv6(icmpv6::Message::Mld(message)) if !is_v4 => {
                self.count_icmp(IcmpKind { v4: false, out: false, kind: message.kind() });
                self.mld_input(addresses.0, arrival, packet.ip.alerts_routers(), &message);
            }
            Body::Icmpv6(message) if !is_v4 => self.icmpv6_input(addresses.0, arrival, message),
            Body::Igmp(message) if is_v4 => self.igmp_input(arrival, &message),
            Body::Icmpv4(_) | Body::Icmpv6(_) | Body::Igmp(_) | Body::Fragment(_) => {
                self.count(Counter::IpInUnknownProtos)
            }
            Body::Other { .. } if heard => {}
            Body::Other { .. } => {
                self.count(Counter::IpInUnknownProtos);
                self.protocol_unreachable(now, &packet);
            }
        }
    }

    /// Whether the address names more than one host.
    pub fn is_group(&self, address: IpAddr) -> bool {
        address.is_multicast() || self.is_broadcast(address)
    }

    /// Whether a packet from a link may be what it says it is, and is for us. Its source must be one host, not this
    /// one (RFC 1122, section 3.2.1.3); loopback addresses are not seen on links, but for those ports whose packets a
    /// policy carries there. (Linux: `ip_route_input_slow`, `ipv6_rcv`.)
    fn admit(&self, interface: InterfaceId, packet: &Packet) -> Result<(), Counter> {
        let (source, destination) = (packet.source(), packet.destination());
        let (from_port, to_port) = packet.ports().unwrap_or((0, 0));
        let answers_policy = packet.ports().is_some() && self.routes.policy(from_port, source).is_some();
        let any_destination = packet.ports().is_some() && self.any_destination.contains(&to_port);
        let discovers = matches!(packet.body, Body::Icmpv6(_));
        let nobody = source.is_ipv6() && source.is_unspecified() && !discovers;
        // A switch that listens to IGMP asks from no address (`ip_mc_validate_source`).
        let switch_asks = source.is_unspecified() && matches!(packet.body, Body::Igmp(_));
        let source_is_wrong = nobody || (self.is_wrong_source(source) && !switch_asks);
        let source_is_ours = !source.is_unspecified() && self.is_local(source);
        if source_is_wrong || (source_is_ours && !answers_policy) {
            return Err(Counter::IpInvalidSource);
        }
        if destination.is_unspecified() {
            return Err(Counter::IpInAddrErrors);
        }
        let ours = !destination.is_loopback() && self.is_local(destination);
        let heard = destination.is_multicast()
            && (self.hears_group(interface, destination, source) || self.asks_members(interface, packet));
        let known = ours || any_destination || self.is_broadcast(destination) || heard;
        let known = known || self.is_strange(destination);
        if known { Ok(()) } else { Err(Counter::IpInAddrErrors) }
    }

    /// Whether nothing can come from there: the source of a packet is one host.
    pub(crate) fn is_wrong_source(&self, source: IpAddr) -> bool {
        match source {
            IpAddr::V4(address) => {
                address.octets()[0] == 0
                    || address.octets()[0] >= 240
                    || address.is_multicast()
                    || self.is_broadcast(source)
            }
            IpAddr::V6(address) => address.is_multicast(),
        }
    }

    /// RFC 826, with Linux's rules of who is remembered (`arp_process`).
    fn arp_input(&mut self, now: Instant, interface: InterfaceId, packet: &arp::Packet) {
        let (sender, target) = (IpAddr::from(packet.sender_ip), IpAddr::from(packet.target_ip));
        let usable = !sender.is_loopback() && !self.is_group(sender) && !packet.sender_mac.is_multicast();
        if !usable || target.is_loopback() || target.is_multicast() {
            return;
        }
        let Some(own) = self.mac(interface) else { return };
        let asks_for_us = packet.operation == arp::Operation::Request && self.is_local(target);
        if asks_for_us {
            let reply = arp::Packet {
                operation: arp::Operation::Reply,
                sender_mac: own,
                sender_ip: packet.target_ip,
                target_mac: packet.sender_mac,
                target_ip: packet.sender_ip,
            };
            self.put(interface, packet.sender_mac, Box::new(Frame::bare(Payload::Arp(reply))));
        }
        // RFC 5227: a probe has no sender; and nobody else has our address, whatever he says.
        if sender.is_unspecified() || self.is_local(sender) {
            return;
        }
        let how = match packet.operation {
            arp::Operation::Request if asks_for_us => Heard::Asked,
            arp::Operation::Reply if packet.target_mac == own => Heard::Answered { replaces: true },
            arp::Operation::Request | arp::Operation::Reply => Heard::Announced { replaces: true },
        };
        self.heard(now, interface, (sender, packet.sender_mac), how);
    }

    /// Takes note of a neighbour's hardware address.
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        (address, mac): (IpAddr, Mac),
        how: Heard,
    ) {
        self.neighbours(now, interface, |neighbours, context| neighbours.heard(context, address, mac, how));
        self.run_neighbour_actions(now, interface);
    }
}
