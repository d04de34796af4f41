//! ICMP errors: whose packet they are about, and what they say.

use std::net::SocketAddr;

use sockeye_wire::icmpv4::{self, Unreachable};
use sockeye_wire::{Body, Packet, Quote, icmpv6, ip};

/// Source and destination of the TCP segment that an error is about, and the error in words.
pub(super) fn about(packet: &Packet) -> Option<(SocketAddr, SocketAddr, String)> {
    let (original, words) = match &packet.body {
        Body::Icmpv4(message) => (message.original()?, words_v4(message)?),
        Body::Icmpv6(message) => (message.original()?, words_v6(message)?),
        Body::Tcp(_) | Body::Udp(_) | Body::Igmp(_) | Body::Fragment(_) | Body::Other { .. } => return None,
    };
    let quote = Quote::parse(original)?;
    let tcp = quote.protocol == ip::protocol::TCP;
    let source = SocketAddr::new(quote.source, quote.source_port);
    tcp.then(|| (source, SocketAddr::new(quote.destination, quote.destination_port), words))
}

fn words_v4(message: &icmpv4::Message) -> Option<String> {
    Some(match message {
        icmpv4::Message::DestinationUnreachable { code, .. } => match code {
            Unreachable::Net => "network unreachable".to_owned(),
            Unreachable::Host => "host unreachable".to_owned(),
            Unreachable::Protocol => "protocol unreachable".to_owned(),
            Unreachable::Port => "port unreachable".to_owned(),
            Unreachable::FragmentationNeeded { mtu } => {
                format!("packet too big, the next link takes {mtu} bytes")
            }
            Unreachable::Other(9 | 10 | 13) => "prohibited".to_owned(),
            Unreachable::Other(code) => format!("unreachable (code {code})"),
        },
        icmpv4::Message::TimeExceeded { .. } => "too many hops".to_owned(),
        icmpv4::Message::EchoRequest { .. }
        | icmpv4::Message::EchoReply { .. }
        | icmpv4::Message::Other { .. } => return None,
    })
}

fn words_v6(message: &icmpv6::Message) -> Option<String> {
    Some(match message {
        icmpv6::Message::DestinationUnreachable { code, .. } => match code {
            icmpv6::Unreachable::NoRoute => "no route".to_owned(),
            icmpv6::Unreachable::Prohibited => "prohibited".to_owned(),
            icmpv6::Unreachable::Address => "host unreachable".to_owned(),
            icmpv6::Unreachable::Port => "port unreachable".to_owned(),
            icmpv6::Unreachable::Other(code) => format!("unreachable (code {code})"),
        },
        icmpv6::Message::PacketTooBig { mtu, .. } => {
            format!("packet too big, the next link takes {mtu} bytes")
        }
        icmpv6::Message::TimeExceeded { .. } => "too many hops".to_owned(),
        icmpv6::Message::EchoRequest { .. }
        | icmpv6::Message::EchoReply { .. }
        | icmpv6::Message::NeighborSolicitation { .. }
        | icmpv6::Message::NeighborAdvertisement { .. }
        | icmpv6::Message::Mld(_)
        | icmpv6::Message::Other { .. } => return None,
    })
}
