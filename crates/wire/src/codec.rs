//! From frames and packets to bytes and back. Bytes are needed at the edges only: a TUN device, a capture file, the
//! channel to another process, and the quotes in ICMP errors.

use bytes::Bytes;
use sockeye_base::Chain;

use crate::{
    Body, Frame, Malformed, Packet, Payload, arp, checksum, ethernet, fragment, icmpv4, icmpv6, igmp, ip,
    ipv4, ipv6, tcp, udp,
};

impl Packet {
    /// Its bytes, with lengths and checksums made. A super-segment is written as one packet, which can't be longer
    /// than 65,535 bytes: split it first if single packets are wanted.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write(checksum::Transport::Here, &mut out);
        out
    }

    /// Puts its bytes behind `out`.
    pub fn write(&self, sums: checksum::Transport, out: &mut Vec<u8>) {
        self.write_snapped(sums, usize::MAX, out);
    }

    /// Puts its first `snap` bytes behind `out`. Lengths and checksums are those of the whole; user data of TCP and UDP
    /// that is cut off is not copied.
    fn write_snapped(&self, sums: checksum::Transport, snap: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_ip(out);
        let snapped = snap.saturating_sub(self.ip.len());
        match &self.body {
            Body::Tcp(segment) => segment.write_snapped(&self.ip, sums, snapped, out),
            Body::Udp(datagram) => datagram.write_snapped(&self.ip, sums, snapped, out),
            Body::Icmpv4(message) => message.write(out),
            Body::Icmpv6(message) => message.write(&self.ip, out),
            Body::Igmp(message) => message.write(out),
            Body::Fragment(piece) => piece.write(&self.ip, out),
            Body::Other { payload, .. } => payload.pieces().for_each(|piece| out.extend_from_slice(piece)),
        }
        out.truncate(start.saturating_add(snap));
    }

    /// If it is TCP, puts its headers behind `out`, with the checksum left to who takes it; gives the data, which comes next.
    fn write_head(&self, out: &mut Vec<u8>) -> Option<&Chain> {
        let Body::Tcp(segment) = &self.body else { return None };
        self.write_ip(out);
        segment.write_head(&self.ip, out);
        Some(&segment.payload)
    }

    fn write_ip(&self, out: &mut Vec<u8>) {
        let (protocol, len) = (self.body.protocol(), self.carried_len());
        match (&self.ip, &self.body) {
            (ip::Header::V4(header), Body::Fragment(piece)) => {
                header.write((protocol, piece.field_v4()), len, out);
            }
            (ip::Header::V4(header), _) => header.write((protocol, 0), len, out),
            (ip::Header::V6(header), Body::Fragment(_)) => header.write(fragment::NUMBER, len, out),
            (ip::Header::V6(header), _) => header.write(protocol, len, out),
        }
    }

    /// Reads a packet of either version, copying it once. Lengths, versions and checksums are checked; of options of
    /// the IPv4 header and of IPv6 extension headers the router alert is read; bytes behind the packet are left out.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        Packet::parse_shared(&Bytes::copy_from_slice(bytes), checksum::Transport::Here)
    }

    /// As [`Packet::parse`], but user data stays where it is and is shared, and the checksum of TCP or UDP may have been
    /// seen to.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn parse_shared(bytes: &Bytes, sums: checksum::Transport) -> Result<Packet, Malformed> {
        match bytes.first().map(|first| first >> 4) {
            None => Err(Malformed::Truncated),
            Some(4) => {
                let view = ipv4::View::new(bytes)?;
                if !view.checksum_is_right() {
                    return Err(Malformed::HeaderChecksum);
                }
                let ip = ip::Header::V4(view.header());
                let carried = bytes.slice_ref(view.payload());
                let body = match view.fragment() {
                    Some(piece) => Body::Fragment(piece.with_payload(carried)?),
                    None => Body::parse(&ip, view.protocol(), sums, carried)?,
                };
                Ok(Packet { ip, body })
            }
            Some(6) => {
                let view = ipv6::View::new(bytes)?;
                let ip = ip::Header::V6(view.header());
                let carried = bytes.slice_ref(view.payload());
                let body = match view.fragment() {
                    Some(piece) => Body::Fragment(piece.with_payload(carried)?),
                    None => Body::parse(&ip, view.protocol(), sums, carried)?,
                };
                Ok(Packet { ip, body })
            }
            Some(version) => Err(Malformed::Version(version)),
        }
    }

    /// The first `len` bytes of this packet, or of the first it stands for.
    pub(crate) fn head(&self, len: usize) -> Bytes {
        let mut bytes = match self.count() {
            0 | 1 => self.to_bytes(),
            _ => self.clone().split().next().map(|first| first.to_bytes()).unwrap_or_default(),
        };
        bytes.truncate(len);
        bytes.into()
    }
}

impl Body {
    pub(crate) fn parse(
        ip: &ip::Header,
        protocol: u8,
        sums: checksum::Transport,
        bytes: Bytes,
    ) -> Result<Body, Malformed> {
        Ok(match (protocol, ip) {
            (ip::protocol::TCP, _) => Body::Tcp(tcp::Segment::parse(ip, sums, &bytes)?),
            (ip::protocol::UDP, _) => Body::Udp(udp::Datagram::parse(ip, sums, &bytes)?),
            (ip::protocol::ICMP, ip::Header::V4(_)) => Body::Icmpv4(icmpv4::Message::parse(&bytes)?),
            (ip::protocol::IGMP, ip::Header::V4(_)) => Body::Igmp(igmp::Message::parse(&bytes)?),
            (ip::protocol::ICMPV6, ip::Header::V6(_)) => Body::Icmpv6(icmpv6::Message::parse(ip, &bytes)?),
            (protocol, _) => Body::Other { protocol, payload: bytes.into() },
        })
    }
}

impl Frame {
    /// Its bytes, with the Ethernet header if it has one; no padding, no check sequence.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write(checksum::Transport::Here, &mut out);
        out
    }

    /// Puts its bytes behind `out`.
    pub fn write(&self, sums: checksum::Transport, out: &mut Vec<u8>) {
        self.write_snapped(sums, usize::MAX, out);
    }

    /// Puts its first `snap` bytes behind `out`, as a capture wants them: lengths and checksums are those of the whole,
    /// and what is cut off of user data is not copied.
    pub fn write_snapped(&self, sums: checksum::Transport, snap: usize, out: &mut Vec<u8>) {
        let start = out.len();
        if let Some(header) = &self.ethernet {
            out.extend(header.to_bytes());
        }
        match &self.payload {
            Payload::Packet(packet) => {
                packet.write_snapped(sums, snap.saturating_sub(self.header_len()), out);
            }
            Payload::Arp(packet) => out.extend(packet.to_bytes()),
            Payload::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        out.truncate(start.saturating_add(snap));
    }

    /// If it carries TCP, puts all that stands ahead of the data behind `out`, with the checksum left to who takes it; gives
    /// the data. Else nothing is written.
    pub fn write_head(&self, out: &mut Vec<u8>) -> Option<&Chain> {
        let Payload::Packet(packet @ Packet { body: Body::Tcp(_), .. }) = &self.payload else { return None };
        if let Some(header) = &self.ethernet {
            out.extend(header.to_bytes());
        }
        packet.write_head(out)
    }

    /// Reads a frame with an Ethernet header. What it carries stays bytes if it is of a kind not known, or malformed:
    /// [`Packet::parse_shared`] then says why.
    ///
    /// # Errors
    /// `Truncated` if the header is not whole.
    pub fn parse_ethernet(bytes: &[u8]) -> Result<Frame, Malformed> {
        Frame::parse_ethernet_shared(&Bytes::copy_from_slice(bytes), checksum::Transport::Here)
    }

    /// As [`Frame::parse_ethernet`], but user data stays where it is and is shared, and the checksum of TCP or UDP may
    /// have been seen to.
    ///
    /// # Errors
    /// `Truncated` if the header is not whole.
    pub fn parse_ethernet_shared(bytes: &Bytes, sums: checksum::Transport) -> Result<Frame, Malformed> {
        let header = ethernet::Header::parse(bytes)?;
        let carried = bytes.slice(ethernet::HEADER_LEN..);
        let payload = match header.ether_type {
            ethernet::ether_type::ARP => arp::Packet::parse(&carried).ok().map(Payload::Arp),
            ethernet::ether_type::IPV4 | ethernet::ether_type::IPV6 => {
                Packet::parse_shared(&carried, sums).ok().map(Payload::from)
            }
            _ => None,
        };
        // An IPv4 packet under IPv6's EtherType is no IPv4 packet.
        let payload = payload.filter(|payload| payload.ether_type() == Some(header.ether_type));
        Ok(Frame { ethernet: Some(header), payload: payload.unwrap_or(Payload::Bytes(carried)) })
    }

    /// Reads a frame of a link without Ethernet headers; a malformed packet stays bytes.
    pub fn parse_packet(bytes: &[u8]) -> Frame {
        Frame::parse_packet_shared(&Bytes::copy_from_slice(bytes), checksum::Transport::Here)
    }

    /// As [`Frame::parse_packet`], but user data stays where it is and is shared, and the checksum of TCP or UDP may have
    /// been seen to.
    pub fn parse_packet_shared(bytes: &Bytes, sums: checksum::Transport) -> Frame {
        let packet = Packet::parse_shared(bytes, sums).map(Payload::from);
        Frame { ethernet: None, payload: packet.unwrap_or_else(|_| Payload::Bytes(bytes.clone())) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
