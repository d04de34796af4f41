//! What the host counts: the reasons for which it dropped or refused something, and how much went in and out. A
//! super-segment counts as the packets it stands for.

use std::collections::BTreeMap;

use sockeye_base::{Counter, Counters};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::ip;
use sockeye_wire::{Body, Frame, Malformed, Packet};

use crate::InterfaceId;
use crate::stack::Stack;

/// What an interface has carried (`struct rtnl_link_stats64`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Frames that came, and their bytes, Ethernet headers included.
    pub rx_packets: u64,
    /// Bytes of them.
    pub rx_bytes: u64,
    /// Those of a kind that nobody knows.
    pub rx_dropped: u64,
    /// Those for groups.
    pub multicast: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes of them.
    pub tx_bytes: u64,
    /// Frames that found no room in the interface's queue.
    pub tx_dropped: u64,
}

/// A type of ICMP's messages, which way they went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IcmpKind {
    /// ICMP, not ICMPv6.
    pub v4: bool,
    /// It was sent.
    pub out: bool,
    /// Its type.
    pub kind: u8,
}

/// How often messages of a type of ICMP went in or out.
pub(crate) type IcmpCounts = BTreeMap<IcmpKind, u64>;

/// The names of one version's counters.
struct Names {
    receives: Counter,
    delivers: Counter,
    forwarded: Counter,
    requests: Counter,
    transmits: Counter,
    reassembled: (Counter, Counter),
    cut: (Counter, Counter),
    octets: (Counter, Counter),
    groups: ((Counter, Counter), (Counter, Counter)),
    /// By the bits of the ECN field.
    ecn: [Counter; 4],
}

const V4: Names = {
    use Counter as C;
    Names {
        receives: C::IpInReceives,
        delivers: C::IpInDelivers,
        forwarded: C::IpForwDatagrams,
        requests: C::IpOutRequests,
        transmits: C::IpOutTransmits,
        reassembled: (C::IpReasmReqds, C::IpReasmOKs),
        cut: (C::IpFragOKs, C::IpFragCreates),
        octets: (C::IpInOctets, C::IpOutOctets),
        groups: ((C::IpInMcastPkts, C::IpInMcastOctets), (C::IpOutMcastPkts, C::IpOutMcastOctets)),
        ecn: [C::IpInNoECTPkts, C::IpInECT1Pkts, C::IpInECT0Pkts, C::IpInCEPkts],
    }
};

const V6: Names = {
    use Counter as C;
    Names {
        receives: C::Ip6InReceives,
        delivers: C::Ip6InDelivers,
        forwarded: C::Ip6OutForwDatagrams,
        requests: C::Ip6OutRequests,
        transmits: C::Ip6OutTransmits,
        reassembled: (C::Ip6ReasmReqds, C::Ip6ReasmOKs),
        cut: (C::Ip6FragOKs, C::Ip6FragCreates),
        octets: (C::Ip6InOctets, C::Ip6OutOctets),
        groups: ((C::Ip6InMcastPkts, C::Ip6InMcastOctets), (C::Ip6OutMcastPkts, C::Ip6OutMcastOctets)),
        ecn: [C::Ip6InNoECTPkts, C::Ip6InECT1Pkts, C::Ip6InECT0Pkts, C::Ip6InCEPkts],
    }
};

fn names(is_v4: bool) -> &'static Names {
    if is_v4 { &V4 } else { &V6 }
}

fn wide(n: usize) -> u64 {
    n as u64
}

impl Stack {
    /// What has been counted since the host was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What an interface has carried since then.
    pub fn interface_counts(&self, id: InterfaceId) -> InterfaceCounts {
        self.links.get(id.0).map(|link| link.counts).unwrap_or_default()
    }

    /// The types of ICMP's messages that went in or out since then, and how many did.
    pub fn icmp_counts(&self) -> impl Iterator<Item = (IcmpKind, u64)> {
        self.icmp_counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// A packet has come, to be looked at.
    #[inline]
    pub(crate) fn count_in(&mut self, packet: &Packet) {
        let (n, octets) = (wide(packet.count()), wide(packet.octets()));
        let destination = packet.destination();
        let names = names(destination.is_ipv4());
        self.counters.add_many(names.receives, n);
        self.counters.add_many(names.octets.0, octets);
        self.counters.add_many(names.ecn[packet.ip.ecn() as usize], n);
        if destination.is_multicast() {
            self.counters.add_many(names.groups.0.0, n);
            self.counters.add_many(names.groups.0.1, octets);
        }
    }

    /// The same, and it was for all.
    pub(crate) fn count_broadcast_in(&mut self, packet: &Packet) {
        self.count(Counter::IpInBcastPkts);
        self.counters.add_many(Counter::IpInBcastOctets, wide(packet.octets()));
    }

    /// A packet is for this host, and somebody takes it.
    #[inline]
    pub(crate) fn count_delivered(&mut self, packet: &Packet) {
        self.counters.add_many(names(packet.destination().is_ipv4()).delivers, wide(packet.count()));
    }

    /// This host has made a packet, which is on its way now.
    #[inline]
    pub(crate) fn count_out(&mut self, packet: &Packet) {
        let n = wide(packet.count());
        let names = names(packet.destination().is_ipv4());
        self.counters.add_many(names.requests, n);
        let kind = match &packet.body {
            Body::Tcp(_) => return self.count_sent(packet, n),
            Body::Icmpv4(message) => Some((true, message.kind_and_code().0)),
            Body::Icmpv6(message) => Some((false, message.kind_and_code().0)),
            Body::Udp(_) | Body::Igmp(_) | Body::Fragment(_) | Body::Other { .. } => None,
        };
        if let Some((v4, kind)) = kind {
            self.count_icmp(IcmpKind { v4, out: true, kind });
        }
        if self.is_broadcast(packet.destination()) {
            self.count(Counter::IpOutBcastPkts);
            self.counters.add_many(Counter::IpOutBcastOctets, wide(packet.octets()));
        }
        self.count_sent(packet, n);
    }

    /// A packet goes on, to somebody else.
    pub(crate) fn count_forwarded(&mut self, packet: &Packet) {
        let n = wide(packet.count());
        self.counters.add_many(names(packet.destination().is_ipv4()).forwarded, n);
        self.count_sent(packet, n);
    }

    #[inline]
    fn count_sent(&mut self, packet: &Packet, n: u64) {
        let (destination, octets) = (packet.destination(), wide(packet.octets()));
        let names = names(destination.is_ipv4());
        self.counters.add_many(names.transmits, n);
        self.counters.add_many(names.octets.1, octets);
        if destination.is_multicast() {
            self.counters.add_many(names.groups.1.0, n);
            self.counters.add_many(names.groups.1.1, octets);
        }
    }

    /// A packet was cut into so many pieces.
    pub(crate) fn count_cut(&mut self, is_v4: bool, pieces: usize) {
        let (done, created) = names(is_v4).cut;
        self.count(done);
        self.counters.add_many(created, wide(pieces));
    }

    /// A fragment has come; or, if it `completes` one, a packet was put together.
    pub(crate) fn count_fragment(&mut self, is_v4: bool, completes: bool) {
        let (asked, done) = names(is_v4).reassembled;
        self.count(if completes { done } else { asked });
    }

    pub(crate) fn count_icmp(&mut self, kind: IcmpKind) {
        *self.icmp_counts.entry(kind).or_default() += 1;
    }

    /// A frame has come in by an interface.
    #[inline]
    pub(crate) fn count_frame_in(&mut self, interface: InterfaceId, frame: &Frame) {
        if let Some(link) = self.links.get_mut(interface.0) {
            link.counts.rx_packets += wide(frame.count());
            link.counts.rx_bytes += wide(frame.octets());
            let to = frame.ethernet.map(|header| header.destination);
            let is_group = to.is_some_and(|to| to.is_multicast() && to != Mac::BROADCAST);
            link.counts.multicast += u64::from(is_group);
        }
    }

    /// A frame leaves by an interface, or finds no room.
    #[inline]
    pub(crate) fn count_frame_out(&mut self, interface: InterfaceId, frame: &Frame, has_room: bool) {
        if let Some(link) = self.links.get_mut(interface.0) {
            if has_room {
                link.counts.tx_packets += wide(frame.count());
                link.counts.tx_bytes += wide(frame.octets());
            } else {
                link.counts.tx_dropped += wide(frame.count());
            }
        }
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        self.counters.add(counter);
    }

    /// Bytes have come that are no frame of a kind known: an IP packet that can't be, or something foreign.
    pub(crate) fn count_malformed(&mut self, bytes: &[u8]) {
        match Packet::parse(bytes) {
            // What is whole only came in the wrong frame.
            Ok(_) => self.count(Counter::UnhandledProtocol),
            Err(why) => self.count_why(why, protocol_of(bytes)),
        }
    }

    /// A packet that arrived, or was put together of fragments, can't be.
    pub(crate) fn count_why(&mut self, why: Malformed, protocol: Option<u8>) {
        let (wrong, checksum) = match protocol {
            Some(ip::protocol::TCP) => (Counter::TcpInErrs, Counter::TcpInCsumErrors),
            Some(ip::protocol::UDP) => (Counter::UdpInErrors, Counter::UdpInCsumErrors),
            Some(ip::protocol::ICMP | ip::protocol::ICMPV6) => {
                (Counter::IcmpInErrors, Counter::IcmpInCsumErrors)
            }
            Some(_) | None => (Counter::IpInHdrErrors, Counter::IpInCsumErrors),
        };
        match why {
            Malformed::Checksum => {
                self.count(wrong);
                self.count(checksum);
            }
            Malformed::HeaderChecksum => self.count(Counter::IpInCsumErrors),
            Malformed::Length => self.count(Counter::IpInTruncated),
            Malformed::DataOffset | Malformed::UdpLength | Malformed::NeighborOption => self.count(wrong),
            Malformed::Fragment => self.count(Counter::IpReasmFails),
            // The IP header is whole, or there would be no protocol.
            Malformed::Truncated => self.count(wrong),
            Malformed::Version(_) => self.count(Counter::UnhandledProtocol),
            Malformed::HeaderLength | Malformed::Extension => self.count(Counter::IpInHdrErrors),
            Malformed::Arp => self.count(Counter::UnhandledProtocol),
        }
    }
}

/// What an IP packet carries, as its header says, if that is right.
fn protocol_of(bytes: &[u8]) -> Option<u8> {
    match bytes.first()? >> 4 {
        4 => Some(sockeye_wire::ipv4::View::new(bytes).ok()?.protocol()),
        6 => Some(sockeye_wire::ipv6::View::new(bytes).ok()?.protocol()),
        _ => None,
    }
}
