//! Fragments: the pieces of a packet that is longer than a link takes (RFC 791, section 3.2; RFC 8200, section 4.5).

use bytes::Bytes;
use sockeye_base::Chain;

use crate::read::{u16_at, u32_at};
use crate::{Body, Malformed, Packet, checksum, ip};

/// Bytes of IPv6's fragment header.
pub const HEADER_LEN: usize = 8;

/// IPv6's number of the fragment header.
pub(crate) const NUMBER: u8 = 44;

/// Where pieces may be cut.
const UNIT: usize = 8;

/// MF in IPv4's flags and fragment offset.
const MORE_V4: u16 = 0x2000;

/// A piece of what a packet carries. That piece is bytes: a header may stand in it, or lie cut in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The protocol of what was cut.
    pub protocol: u8,
    /// IPv6's identification. IPv4's stands in its header; this is 0 there.
    pub id: u32,
    /// Where the piece starts in what was cut, in bytes: a multiple of 8.
    pub offset: u16,
    /// More pieces come behind it.
    pub more: bool,
    /// The piece: a multiple of 8 bytes if more come.
    pub payload: Chain,
}

impl Fragment {
    /// Where it ends in what was cut.
    pub fn end(&self) -> usize {
        usize::from(self.offset) + self.payload.len()
    }

    /// Bytes behind the IP header.
    pub(crate) fn len(&self, ip: &ip::Header) -> usize {
        let header = match ip {
            ip::Header::V4(_) => 0,
            ip::Header::V6(_) => HEADER_LEN,
        };
        header + self.payload.len()
    }

    /// IPv4's field: the offset in units of 8 bytes, and the flag.
    pub(crate) fn field_v4(&self) -> u16 {
        (self.offset / UNIT as u16) | if self.more { MORE_V4 } else { 0 }
    }

    /// Puts its bytes behind `out`.
    pub(crate) fn write(&self, ip: &ip::Header, out: &mut Vec<u8>) {
        if matches!(ip, ip::Header::V6(_)) {
            out.extend([self.protocol, 0]);
            // Here the offset stands in the upper 13 bits, so in bytes.
            out.extend(((self.offset & !7) | u16::from(self.more)).to_be_bytes());
            out.extend(self.id.to_be_bytes());
        }
        self.payload.pieces().for_each(|piece| out.extend_from_slice(piece));
    }

    /// What IPv6's fragment header says.
    pub(crate) fn from_header_v6(header: &[u8; HEADER_LEN]) -> Fragment {
        let field = u16_at(header, 2);
        let (offset, more) = (field & !7, field & 1 != 0);
        Fragment { protocol: header[0], id: u32_at(header, 4), offset, more, payload: Chain::new() }
    }

    /// What IPv4's field says.
    pub(crate) fn from_field_v4(field: u16, protocol: u8) -> Fragment {
        let (offset, more) = ((field & 0x1fff) * UNIT as u16, field & MORE_V4 != 0);
        Fragment { protocol, id: 0, offset, more, payload: Chain::new() }
    }

    /// The same with its bytes.
    ///
    /// # Errors
    /// `Fragment` if it is empty, can't be followed by another, or reaches beyond 65,535 bytes.
    pub(crate) fn with_payload(mut self, bytes: Bytes) -> Result<Fragment, Malformed> {
        self.payload = bytes.into();
        let odd = self.more && !self.payload.len().is_multiple_of(UNIT);
        if self.payload.is_empty() || odd || self.end() > usize::from(u16::MAX) {
            return Err(Malformed::Fragment);
        }
        Ok(self)
    }
}

impl Packet {
    /// Cuts it into packets of at most `mtu` bytes, that say by `id` that they belong together (IPv4 takes 16 bits of
    /// it). None if nothing fits.
    pub fn fragment(&self, mtu: usize, id: u32) -> Vec<Packet> {
        let mut ip = self.ip.clone();
        let (headers, own_id) = match &mut ip {
            ip::Header::V4(header) => {
                header.dont_fragment = false;
                header.id = id as u16;
                (self.ip.len(), 0)
            }
            ip::Header::V6(_) => (self.ip.len() + HEADER_LEN, id),
        };
        let size = mtu.saturating_sub(headers) / UNIT * UNIT;
        let carried = Bytes::from(self.to_bytes()).slice(self.ip.len()..);
        // A router may cut a piece in pieces.
        let (base, last) = match &self.body {
            Body::Fragment(piece) => (usize::from(piece.offset), !piece.more),
            _ => (0, true),
        };
        if size == 0 {
            return Vec::new();
        }
        let piece = |at: usize| {
            let end = (at + size).min(carried.len());
            let body = Body::Fragment(Fragment {
                protocol: self.protocol(),
                id: own_id,
                offset: u16::try_from(base + at).ok()?,
                more: end < carried.len() || !last,
                payload: carried.slice(at..end).into(),
            });
            Some(Packet { ip: ip.clone(), body })
        };
        (0..carried.len()).step_by(size).filter_map(piece).collect()
    }

    /// The packet whose pieces, put together, are these bytes of this protocol.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn assembled(ip: ip::Header, protocol: u8, carried: &Bytes) -> Result<Packet, Malformed> {
        let body = Body::parse(&ip, protocol, checksum::Transport::Here, carried.clone())?;
        Ok(Packet { ip, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{icmpv4, icmpv6, udp};

    fn packet(source: &str, destination: &str, body: impl Into<Body>) -> Packet {
        let header = ip::Header::new(source.parse().unwrap(), destination.parse().unwrap());
        Packet::new(header.unwrap(), body)
    }

    fn samples() -> Vec<Packet> {
        let data: Vec<u8> = (0..3000u32).map(|i| (i >> 3) as u8).collect();
        let datagram =
            |data: &[u8]| udp::Datagram { source: 9, destination: 7, payload: data.to_vec().into() };
        let (id, sequence, payload) = (1, 2, Chain::from(data.clone()));
        vec![
            packet("10.0.0.1", "10.0.0.2", datagram(&data)),
            packet("fd61::1", "fd61::2", datagram(&vec![7; 65_527])),
            packet(
                "10.0.0.1",
                "10.0.0.2",
                icmpv4::Message::EchoRequest { id, sequence, payload: payload.clone() },
            ),
            packet("fd61::1", "fd61::2", icmpv6::Message::EchoReply { id, sequence, payload }),
        ]
    }

    #[test]
    fn pieces_cross_as_bytes_and_make_the_whole() {
        for whole in samples() {
            let mut carried = Vec::new();
            let pieces = whole.fragment(1500, 0x1_2345);
            for (index, piece) in pieces.iter().enumerate() {
                let bytes = piece.to_bytes();
                assert!(bytes.len() <= 1500 && bytes.len() == piece.len());
                assert_eq!(Packet::parse(&bytes), Ok(piece.clone()));
                let Body::Fragment(fragment) = &piece.body else { panic!("{piece:?}") };
                assert_eq!(usize::from(fragment.offset), carried.len());
                assert_eq!(fragment.more, index + 1 < pieces.len());
                assert_eq!(fragment.end(), carried.len() + fragment.payload.len());
                carried.extend(fragment.payload.to_vec());
            }
            let first = pieces[0].clone();
            let assembled = Packet::assembled(first.ip, whole.protocol(), &carried.into()).unwrap();
            assert_eq!(assembled.body, whole.body);
        }
        assert_eq!(samples()[0].fragment(27, 1), []);
    }

    #[test]
    fn impossible_pieces_are_malformed() {
        let piece = |more, len: usize, offset| {
            let fragment = Fragment { protocol: 17, id: 0, offset, more, payload: vec![0; len].into() };
            Packet::parse(&packet("10.0.0.1", "10.0.0.2", fragment.clone()).to_bytes()).err()
        };
        assert_eq!(piece(true, 8, 0), None);
        assert_eq!(piece(true, 7, 0), Some(Malformed::Fragment));
        assert_eq!(piece(false, 7, 8), None);
        assert_eq!(piece(false, 0, 8), Some(Malformed::Fragment));
        assert_eq!(piece(false, 8, 65_528), Some(Malformed::Fragment));
        assert_eq!(piece(false, 7, 65_528), None);
    }
}
