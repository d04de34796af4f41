//! What the host counts: the reasons for which it dropped or refused something.

use sockeye_base::{Counter, Counters};
use sockeye_wire::{Malformed, Packet, ip};

use crate::stack::Stack;

impl Stack {
    /// What has been counted since the host was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
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
