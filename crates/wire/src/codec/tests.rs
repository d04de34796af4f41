//! Every value survives its bytes; bytes that are no packet are refused for the right reason and never panic.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sockeye_base::{Chain, SeqNum};

use super::*;
use crate::ethernet::Mac;
use crate::membership::{Address, Details, Record, RecordKind};
use crate::tcp::{FastOpen, Field, Flags, Options, Segment, Timestamps};
use crate::{Quote, checksum, mld};

pub(crate) fn any_ip(v6: bool) -> BoxedStrategy<ip::Header> {
    if v6 {
        let parts =
            (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u8>(), 0u32..1 << 20, any::<u8>(), any::<bool>());
        parts
            .prop_map(|(source, destination, traffic_class, flow_label, hop_limit, router_alert)| {
                let (source, destination) = (Ipv6Addr::from(source), Ipv6Addr::from(destination));
                ip::Header::V6(ipv6::Header {
                    source,
                    destination,
                    traffic_class,
                    flow_label,
                    hop_limit,
                    router_alert,
                })
            })
            .boxed()
    } else {
        let parts = (
            any::<[u8; 4]>(),
            any::<[u8; 4]>(),
            any::<u8>(),
            any::<u16>(),
            any::<bool>(),
            any::<u8>(),
            any::<bool>(),
        );
        parts
            .prop_map(|(source, destination, tos, id, dont_fragment, ttl, router_alert)| {
                let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
                ip::Header::V4(ipv4::Header {
                    source,
                    destination,
                    tos,
                    id,
                    dont_fragment,
                    ttl,
                    router_alert,
                })
            })
            .boxed()
    }
}

/// Data in several pieces, some of odd length.
fn any_payload() -> impl Strategy<Value = Chain> {
    vec(vec(any::<u8>(), 0..200), 0..5).prop_map(|pieces| {
        let mut chain = Chain::new();
        pieces.into_iter().for_each(|piece| chain.push(piece.into()));
        chain
    })
}

fn any_options() -> impl Strategy<Value = Options> {
    let timestamps = option::of((any::<u32>(), any::<u32>()));
    let sack = vec((any::<u32>(), any::<u32>()), 0..5);
    let fast_open = option::of((vec(any::<u8>(), 0..18), any::<bool>()));
    let parts =
        (option::of(any::<u16>()), option::of(any::<u8>()), any::<bool>(), timestamps, sack, fast_open);
    parts.prop_map(|(mss, window_scale, sack_permitted, timestamps, sack, fast_open)| {
        let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
        let sack = sack.into_iter().map(|(left, right)| (SeqNum(left), SeqNum(right))).collect();
        let fast_open = fast_open.and_then(|(cookie, exp)| FastOpen::new(&cookie, exp)).map(Box::new);
        let mut options = Options { mss, window_scale, sack_permitted, timestamps, sack, fast_open };
        if !options.fields().iter().any(|field| matches!(field, Field::FastOpen(_))) {
            options.fast_open = None;
        }
        // What the header has no room for is not written.
        let room = options.sack_room();
        options.sack.truncate(room);
        options
    })
}

pub(crate) fn any_segment() -> impl Strategy<Value = Segment> {
    let numbers =
        (any::<u16>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u8>(), any::<u16>(), any::<u16>());
    (numbers, any_options(), any_payload()).prop_map(|(numbers, options, payload)| {
        let (source, destination, seq, ack, flags, window, urgent) = numbers;
        let (seq, ack, flags) = (SeqNum(seq), SeqNum(ack), Flags::from_bits_retain(flags));
        Segment { source, destination, seq, ack, flags, window, urgent, options, payload, gso_size: 0 }
    })
}

fn any_icmpv4() -> impl Strategy<Value = icmpv4::Message> {
    use icmpv4::{Message, Unreachable};
    let echo = (any::<u16>(), any::<u16>(), any_payload(), any::<bool>());
    let error = (any::<u8>(), any::<u16>(), vec(any::<u8>(), 0..100));
    prop_oneof![
        echo.prop_map(|(id, sequence, payload, request)| match request {
            true => Message::EchoRequest { id, sequence, payload },
            false => Message::EchoReply { id, sequence, payload },
        }),
        error.clone().prop_map(|(code, mtu, original)| Message::DestinationUnreachable {
            code: Unreachable::from_code(code, mtu),
            original: original.into(),
        }),
        error
            .clone()
            .prop_map(|(code, _, original)| Message::TimeExceeded { code, original: original.into() }),
        error.prop_map(|(code, kind, rest)| Message::Other {
            kind: 30 + kind as u8 % 200,
            code,
            rest: rest.into()
        }),
    ]
}

fn any_icmpv6() -> impl Strategy<Value = icmpv6::Message> {
    use icmpv6::{Message, Unreachable};
    let echo = (any::<u16>(), any::<u16>(), any_payload(), any::<bool>());
    let error = (any::<u8>(), any::<u32>(), vec(any::<u8>(), 0..100));
    let neighbor = (any::<[u8; 16]>(), option::of(any::<[u8; 6]>()), any::<[bool; 3]>(), any::<bool>());
    prop_oneof![
        echo.prop_map(|(id, sequence, payload, request)| match request {
            true => Message::EchoRequest { id, sequence, payload },
            false => Message::EchoReply { id, sequence, payload },
        }),
        error.clone().prop_map(|(code, _, original)| Message::DestinationUnreachable {
            code: Unreachable::from_code(code),
            original: original.into(),
        }),
        error.clone().prop_map(|(_, mtu, original)| Message::PacketTooBig { mtu, original: original.into() }),
        error
            .clone()
            .prop_map(|(code, _, original)| Message::TimeExceeded { code, original: original.into() }),
        error.prop_map(|(code, kind, rest)| Message::Other {
            kind: 150 + kind as u8 % 100,
            code,
            rest: rest.into()
        }),
        any_mld().prop_map(Message::Mld),
        neighbor.prop_map(|(target, mac, [router, solicited, override_flag], asks)| {
            let (target, mac) = (target.into(), mac.map(Mac));
            match asks {
                true => Message::NeighborSolicitation { target, source_mac: mac },
                false => Message::NeighborAdvertisement {
                    target,
                    target_mac: mac,
                    router,
                    solicited,
                    override_flag,
                },
            }
        }),
    ]
}

fn any_details<A: Address + Arbitrary>() -> impl Strategy<Value = Option<Details<A>>> {
    let parts = (any::<bool>(), 0u8..8, any::<u8>(), vec(any::<A>(), 0..9));
    option::of(parts.prop_map(|(suppress, robustness, interval, sources)| Details {
        suppress,
        robustness,
        interval,
        sources,
    }))
}

fn any_records<A: Address + Arbitrary>() -> impl Strategy<Value = Vec<Record<A>>> {
    use RecordKind::{Allow, Block, IsExclude, IsInclude, ToExclude, ToInclude};
    let kinds = vec![IsInclude, IsExclude, ToInclude, ToExclude, Allow, Block];
    let parts = (prop::sample::select(kinds), any::<A>(), vec(any::<A>(), 0..9));
    vec(parts.prop_map(|(kind, group, sources)| Record { kind, group, sources }), 0..9)
}

fn any_igmp() -> impl Strategy<Value = igmp::Message> {
    use igmp::Message;
    let group = || any::<Ipv4Addr>();
    prop_oneof![
        (group(), any::<u8>(), any_details()).prop_map(|(group, response, details)| Message::Query {
            group,
            response,
            details
        }),
        group().prop_map(|group| Message::ReportV1 { group }),
        group().prop_map(|group| Message::ReportV2 { group }),
        group().prop_map(|group| Message::Leave { group }),
        any_records().prop_map(|records| Message::ReportV3 { records }),
        (0x30u8.., any::<u8>(), vec(any::<u8>(), 0..50)).prop_map(|(kind, code, rest)| Message::Other {
            kind,
            code,
            rest: rest.into()
        }),
    ]
}

fn any_mld() -> impl Strategy<Value = mld::Message> {
    use mld::Message;
    let group = || any::<Ipv6Addr>();
    prop_oneof![
        (group(), any::<u16>(), any_details()).prop_map(|(group, response, details)| Message::Query {
            group,
            response,
            details
        }),
        group().prop_map(|group| Message::ReportV1 { group }),
        group().prop_map(|group| Message::Done { group }),
        any_records().prop_map(|records| Message::ReportV2 { records }),
    ]
}

fn any_body(v6: bool) -> BoxedStrategy<Body> {
    let icmp = if v6 {
        any_icmpv6().prop_map(Body::Icmpv6).boxed()
    } else {
        prop_oneof![any_icmpv4().prop_map(Body::Icmpv4), any_igmp().prop_map(Body::Igmp)].boxed()
    };
    let udp = (any::<u16>(), any::<u16>(), any_payload());
    prop_oneof![
        any_segment().prop_map(Body::Tcp),
        udp.prop_map(|(source, destination, payload)| udp::Datagram { source, destination, payload }.into()),
        icmp,
        (99u8..=255, any_payload()).prop_map(|(protocol, payload)| Body::Other { protocol, payload }),
    ]
    .boxed()
}

fn any_packet() -> impl Strategy<Value = Packet> {
    any::<bool>().prop_flat_map(|v6| (any_ip(v6), any_body(v6)).prop_map(|(ip, body)| Packet { ip, body }))
}

fn any_arp() -> impl Strategy<Value = arp::Packet> {
    let ends = (any::<[u8; 6]>(), any::<[u8; 4]>(), any::<[u8; 6]>(), any::<[u8; 4]>());
    (any::<bool>(), ends).prop_map(|(request, ends)| arp::Packet {
        operation: if request { arp::Operation::Request } else { arp::Operation::Reply },
        sender_mac: Mac(ends.0),
        sender_ip: ends.1.into(),
        target_mac: Mac(ends.2),
        target_ip: ends.3.into(),
    })
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let foreign = vec(any::<u8>(), 0..100).prop_map(|bytes| Payload::Bytes(bytes.into()));
    let payload =
        prop_oneof![any_packet().prop_map(Payload::from), any_arp().prop_map(Payload::Arp), foreign];
    (any::<[u8; 6]>(), any::<[u8; 6]>(), payload).prop_map(|(destination, source, payload)| {
        let header =
            ethernet::Header { destination: Mac(destination), source: Mac(source), ether_type: 0x88b5 };
        Frame::ethernet(header, payload)
    })
}

/// Puts an IPv4 header's checksum right after a change.
fn repair(bytes: &mut [u8]) {
    let len = usize::from(bytes[0] & 0xf) * 4;
    bytes[10..12].fill(0);
    let sum = checksum::of(&bytes[..len]);
    checksum::put(bytes, 10, sum);
}

proptest! {
    #[test]
    fn packets_survive_their_bytes(packet in any_packet()) {
        let mut bytes = packet.to_bytes();
        prop_assert_eq!(bytes.len(), packet.len());
        prop_assert_eq!(Packet::parse(&bytes), Ok(packet.clone()));
        // A short frame's padding is no part of the packet.
        bytes.extend([0xee; 9]);
        prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
    }

    /// A sum begun here and finished elsewhere, over the bytes from where the transport's header begins, is the
    /// checksum.
    #[test]
    fn a_checksum_can_be_finished_elsewhere(packet in any_packet()) {
        let mut bytes = Vec::new();
        packet.write(checksum::Transport::Elsewhere, &mut bytes);
        let shared = Bytes::from(bytes.clone());
        prop_assert_eq!(Packet::parse_shared(&shared, checksum::Transport::Elsewhere), Ok(packet.clone()));
        let start = packet.ip.len();
        let at = match packet.body {
            Body::Tcp(_) => tcp::CHECKSUM_AT,
            Body::Udp(_) => udp::CHECKSUM_AT,
            _ => return Ok(()),
        };
        let sum = checksum::of(&bytes[start..]);
        checksum::put(&mut bytes[start..], at, if sum == 0 { 0xffff } else { sum });
        prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
    }

    #[test]
    fn frames_survive_their_bytes(frame in any_frame()) {
        let bytes = frame.to_bytes();
        prop_assert_eq!(bytes.len(), frame.len());
        prop_assert_eq!(Frame::parse_ethernet(&bytes), Ok(frame));
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..200), version in prop::sample::select(vec![0x45u8, 0x4f, 0x60])) {
        let look = |bytes: &[u8]| {
            let _ = (Packet::parse(bytes), Frame::parse_ethernet(bytes), Quote::parse(bytes), arp::Packet::parse(bytes));
            let _ = crate::print::Printer::default().line(&Frame::parse_packet(bytes), "");
            let _ = Options::parse(bytes);
        };
        look(&bytes);
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        look(&bytes);
    }

    /// One byte is not what it was: no panic, and what is read anyway can be written and read again.
    #[test]
    fn mutated_packets_do_not_panic(packet in any_packet(), at: prop::sample::Index, flip in 1u8..=255, cut: prop::sample::Index) {
        let mut bytes = packet.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        for fix in [false, true] {
            if fix && packet.source().is_ipv4() && bytes[0] >> 4 == 4 && usize::from(bytes[0] & 0xf) * 4 <= bytes.len() {
                repair(&mut bytes);
            }
            if let Ok(read) = Packet::parse(&bytes) {
                prop_assert_eq!(Packet::parse(&read.to_bytes()), Ok(read));
            }
            let frame = Frame::parse_packet(&bytes);
            let _ = crate::print::Printer::default().line(&frame, "");
        }
        let _ = Packet::parse(&bytes[..cut.index(bytes.len())]);
        let _ = Quote::parse(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn a_wrong_bit_is_noticed(packet in any_packet(), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = packet.to_bytes();
        let start = packet.ip.len();
        let at = start + at.index((bytes.len() - start).max(1));
        // A UDP checksum of one bit may become "none".
        let may_pass = match packet.body {
            Body::Other { .. } => true,
            Body::Fragment(_) => false,
            Body::Udp(_) => at == start + 6 || at == start + 7,
            Body::Tcp(_) | Body::Icmpv4(_) | Body::Icmpv6(_) | Body::Igmp(_) => false,
        };
        if may_pass {
            return Ok(());
        }
        bytes[at] ^= 1 << bit;
        prop_assert!(Packet::parse(&bytes).is_err());
    }

    #[test]
    fn quotes_say_whose_packet_it_was(packet in any_packet(), cut in 0usize..700) {
        let quoted = match packet.ip {
            ip::Header::V4(_) => icmpv4::quote(&packet),
            ip::Header::V6(_) => icmpv6::quote(&packet),
        };
        let most = if packet.source().is_ipv4() { 548 } else { 1232 };
        prop_assert!(quoted.len() <= most);
        prop_assert_eq!(&quoted[..], &packet.to_bytes()[..quoted.len()]);
        let quote = Quote::parse(&quoted[..cut.min(quoted.len())]);
        prop_assert_eq!(quote.is_some(), cut.min(quoted.len()) >= packet.ip.len() + 8);
        if let Some(quote) = quote {
            prop_assert_eq!((quote.source, quote.destination), (packet.source(), packet.destination()));
            prop_assert_eq!(quote.protocol, packet.protocol());
            prop_assert_eq!((quote.source_port, quote.destination_port), packet.ports().unwrap_or_default());
            prop_assert_eq!(quote.tcp_seq, packet.as_segment().map(|segment| segment.seq));
        }
    }
}

/// A UDP datagram over IPv4, as bytes.
fn datagram_v4() -> Vec<u8> {
    let ip = ip::Header::V4(ipv4::Header::new(Ipv4Addr::new(10, 61, 0, 1), Ipv4Addr::new(10, 61, 0, 2)));
    let payload = vec![1, 2, 3].into();
    Packet::new(ip, udp::Datagram { source: 1000, destination: 9, payload }).to_bytes()
}

/// The same over IPv6.
fn datagram_v6() -> Vec<u8> {
    let ip = ip::Header::V6(ipv6::Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED));
    let payload = vec![1, 2, 3].into();
    Packet::new(ip, udp::Datagram { source: 1000, destination: 9, payload }).to_bytes()
}

#[test]
fn ipv4_headers_are_checked() {
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = datagram_v4();
        change(&mut bytes);
        repair(&mut bytes);
        Packet::parse(&bytes)
    };
    assert!(parse(&|_| {}).is_ok());
    assert_eq!(parse(&|bytes| bytes[0] = 0x35), Err(Malformed::Version(3)));
    assert_eq!(parse(&|bytes| bytes[0] = 0x44), Err(Malformed::HeaderLength));
    assert_eq!(parse(&|bytes| bytes[3] = 19), Err(Malformed::Length));
    assert_eq!(parse(&|bytes| bytes[3] += 1), Err(Malformed::Length));
    assert_eq!(parse(&|bytes| bytes[6] |= 0x20), Err(Malformed::Fragment), "11 bytes and more to come");
    assert!(matches!(parse(&|bytes| bytes[7] = 1), Ok(Packet { body: Body::Fragment(_), .. })));
    assert_eq!(parse(&|bytes| bytes[25] = 7), Err(Malformed::UdpLength));
    assert_eq!(parse(&|bytes| bytes[25] = 12), Err(Malformed::UdpLength));
    assert_eq!(parse(&|bytes| bytes[30] = 7), Err(Malformed::Checksum));
    assert!(parse(&|bytes| bytes[26..28].fill(0)).is_ok(), "UDP without checksum");
    let mut bytes = datagram_v4();
    bytes[8] = 3;
    assert_eq!(Packet::parse(&bytes), Err(Malformed::HeaderChecksum));
    // Options are skipped.
    let with_options = |bytes: &mut Vec<u8>| {
        bytes[0] = 0x46;
        bytes[3] += 4;
        bytes.splice(20..20, [1, 1, 1, 0]);
    };
    assert_eq!(parse(&with_options), Packet::parse(&datagram_v4()));
    let body: ip::Header = ip::Header::V4(ipv4::Header::new(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST));
    let mut short =
        Packet::new(body, Body::Other { protocol: ip::protocol::TCP, payload: vec![0; 19].into() });
    assert_eq!(Packet::parse(&short.to_bytes()), Err(Malformed::Truncated));
    short.body = Body::Other { protocol: ip::protocol::TCP, payload: vec![0; 20].into() };
    assert_eq!(Packet::parse(&short.to_bytes()), Err(Malformed::DataOffset));
}

#[test]
fn ipv6_extension_headers_are_skipped_in_bounds() {
    let with = |first: u8, headers: &[u8]| {
        let mut bytes = datagram_v6();
        bytes[6] = first;
        bytes[5] += headers.len() as u8;
        bytes.splice(40..40, headers.iter().copied());
        Packet::parse(&bytes)
    };
    let plain = Packet::parse(&datagram_v6());
    assert!(plain.is_ok());
    assert_eq!(with(0, &[17, 0, 1, 4, 0, 0, 0, 0]), plain);
    assert_eq!(with(60, &[17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), plain);
    assert_eq!(with(0, &[60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]), plain);
    assert_eq!(with(60, &[0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]), Err(Malformed::Extension));
    assert_eq!(with(0, &[17, 9, 1, 4, 0, 0, 0, 0]), Err(Malformed::Truncated));
    assert_eq!(with(43, &[17, 0, 0, 0, 0, 0, 0, 0]), plain);
    assert_eq!(with(43, &[17, 0, 0, 1, 0, 0, 0, 0]), Err(Malformed::Extension));
    assert_eq!(with(44, &[17, 0, 0, 0, 0, 0, 0, 9]), plain, "an atomic fragment");
    assert_eq!(with(44, &[17, 0, 0, 1, 0, 0, 0, 9]), Err(Malformed::Fragment), "11 bytes and more to come");
    let last = with(44, &[17, 0, 0, 8, 0, 0, 0, 9]);
    let Ok(Packet { body: Body::Fragment(piece), .. }) = last else { panic!("{last:?}") };
    assert_eq!((piece.protocol, piece.id, piece.offset, piece.more), (17, 9, 8, false));
    let mut bytes = datagram_v6();
    bytes[46..48].fill(0);
    assert_eq!(Packet::parse(&bytes), Err(Malformed::Checksum), "UDP without checksum");
    bytes[5] = 200;
    assert_eq!(Packet::parse(&bytes), Err(Malformed::Length));
}

#[test]
fn what_is_malformed_in_a_frame_stays_bytes() {
    let header = ethernet::Header {
        destination: Mac::BROADCAST,
        source: Mac([2, 0, 0, 0, 0, 1]),
        ether_type: ethernet::ether_type::IPV6,
    };
    let frame = |carried: &[u8]| {
        Frame::parse_ethernet(&[&header.to_bytes(), carried].concat()).map(|frame| frame.payload)
    };
    assert!(matches!(frame(&datagram_v6()), Ok(Payload::Packet(_))));
    assert_eq!(frame(&datagram_v4()), Ok(Payload::Bytes(datagram_v4().into())), "the other version");
    assert_eq!(frame(&[0x60]), Ok(Payload::Bytes(vec![0x60].into())));
    assert_eq!(Frame::parse_ethernet(&[0; 13]), Err(Malformed::Truncated));
}

#[test]
fn neighbor_options_are_checked() {
    let message = icmpv6::Message::NeighborSolicitation { target: Ipv6Addr::LOCALHOST, source_mac: None };
    let ip = ip::Header::V6(ipv6::Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
    let with = |options: &[u8]| {
        let mut bytes = Packet::new(ip.clone(), message.clone()).to_bytes();
        bytes[5] += options.len() as u8;
        bytes.extend(options);
        bytes[42..44].fill(0);
        let mut sum = checksum::Checksum::pseudo_header(&ip, ip::protocol::ICMPV6, bytes.len() - 40);
        sum.add(&bytes[40..]);
        checksum::put(&mut bytes, 42, sum.finish());
        Packet::parse(&bytes).map(|packet| match packet.body {
            Body::Icmpv6(icmpv6::Message::NeighborSolicitation { source_mac, .. }) => source_mac,
            _ => None,
        })
    };
    let mac = Mac([2, 0, 0, 0, 0, 7]);
    assert_eq!(with(&[]), Ok(None));
    assert_eq!(with(&[14, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 7]), Ok(Some(mac)));
    assert_eq!(with(&[2, 1, 2, 0, 0, 0, 0, 7]), Ok(None), "the other's option");
    assert_eq!(with(&[1, 0, 2, 0, 0, 0, 0, 7]), Err(Malformed::NeighborOption));
    assert_eq!(with(&[1, 2, 2, 0, 0, 0, 0, 7]), Err(Malformed::NeighborOption));
    assert_eq!(with(&[1]), Err(Malformed::NeighborOption));
}

/// Lengths that say more than is there, or less.
#[test]
fn membership_messages_that_are_not_whole_stay_bytes() {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let record = Record { kind: RecordKind::Allow, group, sources: vec![Ipv4Addr::new(10, 0, 0, 7)] };
    let whole = igmp::Message::ReportV3 { records: vec![record.clone(), record.clone()] };
    let mut bytes = Vec::new();
    whole.write(&mut bytes);
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        bytes[2..4].fill(0);
        let sum = checksum::of(&bytes);
        checksum::put(&mut bytes, 2, sum);
        igmp::Message::parse(&bytes.into()).unwrap()
    };
    let is_bytes = |message| matches!(message, igmp::Message::Other { .. });
    assert_eq!(parse(&|_| {}), whole);
    assert!(is_bytes(parse(&|bytes| bytes[7] = 3)), "three records");
    assert!(is_bytes(parse(&|bytes| bytes[10] = 0xff)), "65,281 sources");
    assert!(is_bytes(parse(&|bytes| bytes[9] = 0xff)), "auxiliary data");
    assert!(is_bytes(parse(&|bytes| bytes.truncate(6))));
    let one = igmp::Message::ReportV3 { records: vec![record] };
    assert_eq!(parse(&|bytes| bytes[7] = 1), one, "what is behind is skipped");
    assert_eq!(parse(&|bytes| bytes[8] = 77), one, "an unknown kind is skipped");
    assert!(is_bytes(parse(&|bytes| {
        bytes.truncate(11);
        bytes[0] = 0x11;
    })));
}

#[test]
fn response_times_are_mantissa_and_exponent() {
    let times = |code| (igmp::response_time(code).as_millis(), crate::membership::seconds(code).as_secs());
    assert_eq!(
        [times(10), times(127), times(128), times(255)],
        [(1000, 10), (12_700, 127), (12_800, 128), (3_174_400, 31_744)]
    );
    let times = [1000, 0x7fff, 0x8000, 0xffff].map(|code| mld::response_time(code).as_millis());
    assert_eq!(times, [1000, 32_767, 32_768, 8_387_584]);
}
