//! Packets as raw sockets write and read them (raw(7)): byte for byte. Between hosts packets travel as values, and a value
//! says only what its protocol has a use for; what would not come out the same is carried as the bytes it was.

use bytes::Bytes;

use crate::{Body, Malformed, Packet, checksum, fragment, icmpv4, icmpv6, ip, ipv4, ipv6};

impl Body {
    /// What a program's bytes are behind an IP header of this protocol.
    pub fn verbatim(ip: &ip::Header, protocol: u8, bytes: Bytes) -> Body {
        let as_bytes = Body::Other { protocol, payload: bytes.clone().into() };
        // This number says in IPv6 that a fragment follows.
        if protocol == fragment::NUMBER {
            return as_bytes;
        }
        match Body::parse(ip, protocol, checksum::Transport::Here, bytes.clone()) {
            Ok(body) if Packet::new(ip.clone(), body.clone()).carried() == bytes => body,
            Ok(_) | Err(_) => as_bytes,
        }
    }
}

impl Packet {
    /// The packet that a program's bytes are, its IP header included. Lengths and version are looked at; the header's
    /// checksum is made anew. Of the options of the IPv4 header only the router alert stays.
    ///
    /// # Errors
    /// Why no host would take it.
    pub fn verbatim(bytes: &Bytes) -> Result<Packet, Malformed> {
        let (ip, protocol, piece, payload) = match bytes.first().map(|first| first >> 4) {
            Some(6) => {
                let view = ipv6::View::new(bytes)?;
                (ip::Header::V6(view.header()), view.protocol(), view.fragment(), view.payload())
            }
            _ => {
                let view = ipv4::View::new(bytes)?;
                (ip::Header::V4(view.header()), view.protocol(), view.fragment(), view.payload())
            }
        };
        let carried = bytes.slice_ref(payload);
        let body = match piece {
            Some(piece) => Body::Fragment(piece.with_payload(carried)?),
            None => Body::verbatim(&ip, protocol, carried),
        };
        Ok(Packet { ip, body })
    }

    /// Whether it carries bytes of a protocol that has values here: a program wrote them, and something about them is odd.
    pub fn is_unread(&self) -> bool {
        let protocol = match &self.body {
            Body::Other { protocol, .. } => *protocol,
            _ => return false,
        };
        match &self.ip {
            ip::Header::V4(_) => {
                matches!(
                    protocol,
                    ip::protocol::TCP | ip::protocol::UDP | ip::protocol::ICMP | ip::protocol::IGMP
                )
            }
            ip::Header::V6(_) => {
                matches!(protocol, ip::protocol::TCP | ip::protocol::UDP | ip::protocol::ICMPV6)
            }
        }
    }

    /// The same with what it carries as a value of its protocol.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn read(self) -> Result<Packet, Malformed> {
        let Body::Other { protocol, payload } = self.body else { return Ok(self) };
        let bytes = payload.to_vec().into();
        let body = Body::parse(&self.ip, protocol, checksum::Transport::Here, bytes)?;
        Ok(Packet { ip: self.ip, body })
    }

    /// The bytes behind its IP header.
    pub fn carried(&self) -> Bytes {
        Bytes::from(self.to_bytes()).slice(self.ip.len()..)
    }

    /// The identifier of the echo reply it carries, if it does.
    pub fn echo_reply(&self) -> Option<u16> {
        match &self.body {
            Body::Icmpv4(icmpv4::Message::EchoReply { id, .. })
            | Body::Icmpv6(icmpv6::Message::EchoReply { id, .. }) => Some(*id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            protocol in prop_oneof![Just(1u8), Just(6), Just(17), Just(58), any::<u8>()],
            v6: bool,
            mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
            right: bool,
        ) {
            let (source, destination) = if v6 { ("fd61::1", "fd61::2") } else { ("10.0.0.1", "10.0.0.2") };
            let ip = ip::Header::new(source.parse().unwrap(), destination.parse().unwrap()).unwrap();
            // A right ICMP checksum, to get past it.
            if right && bytes.len() > 8 {
                (bytes[2], bytes[3]) = (0, 0);
                let mut sum = checksum::Checksum::new();
                if v6 {
                    sum = checksum::Checksum::pseudo_header(&ip, 58, bytes.len());
                }
                sum.add(&bytes);
                bytes[2..4].copy_from_slice(&sum.finish().to_be_bytes());
            }
            let body = Body::verbatim(&ip, protocol, bytes.clone().into());
            prop_assert_eq!(body.protocol(), protocol);
            let packet = Packet { ip, body };
            prop_assert_eq!(packet.carried(), &bytes);
            if !v6 {
                let whole = packet.to_bytes();
                let again = Packet::verbatim(&whole.clone().into()).unwrap();
                prop_assert_eq!(again.to_bytes(), whole);
            }
            if packet.is_unread() {
                let _ = packet.read();
            }
        }
    }

    #[test]
    fn what_is_odd_stays_bytes() {
        let ip = ip::Header::new("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()).unwrap();
        let echo = icmpv4::Message::EchoRequest { id: 1, sequence: 2, payload: vec![3; 4].into() };
        let bytes = Packet::new(ip.clone(), echo.clone()).carried();
        assert_eq!(Body::verbatim(&ip, 1, bytes.clone()), Body::Icmpv4(echo));
        let mut wrong = bytes.to_vec();
        wrong[2] ^= 1;
        let packet = Packet { body: Body::verbatim(&ip, 1, wrong.into()), ip };
        assert!(packet.is_unread());
        assert_eq!(packet.read(), Err(Malformed::Checksum));
    }
}
