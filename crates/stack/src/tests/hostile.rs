//! Anything may come in by a link.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use sockeye_base::{Bytes, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Segment, Timestamps};
use sockeye_wire::{arp, ethernet, icmpv4, icmpv6, ip as wire_ip, ipv4, ipv6, udp};

use super::*;

fn v4() -> BoxedStrategy<Ipv4Addr> {
    let known = [
        "10.61.0.1",
        "10.61.0.2",
        "10.61.0.3",
        "10.61.0.255",
        "127.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "224.0.0.1",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.map(|text| text.parse().unwrap()).to_vec()),
        1 => any::<u32>().prop_map(Ipv4Addr::from_bits),
    ]
    .boxed()
}

fn v6() -> BoxedStrategy<Ipv6Addr> {
    let known = ["fd61::1", "fd61::2", "fd61::3", "::", "::1", "ff02::1", "ff02::1:ff00:1"];
    prop_oneof![
        8 => proptest::sample::select(known.map(|text| text.parse().unwrap()).to_vec()),
        1 => any::<u128>().prop_map(Ipv6Addr::from_bits),
    ]
    .boxed()
}

fn macs() -> BoxedStrategy<Mac> {
    prop_oneof![8 => (0u8..4).prop_map(mac), 1 => Just(Mac::BROADCAST), 1 => any::<[u8; 6]>().prop_map(Mac)]
        .boxed()
}

fn header() -> BoxedStrategy<wire_ip::Header> {
    prop_oneof![
        (v4(), v4(), any::<u8>()).prop_map(|(source, destination, ttl)| {
            wire_ip::Header::V4(ipv4::Header { ttl, ..ipv4::Header::new(source, destination) })
        }),
        (v6(), v6(), proptest::sample::select(vec![255u8, 64, 0])).prop_map(
            |(source, destination, hop_limit)| {
                wire_ip::Header::V6(ipv6::Header { hop_limit, ..ipv6::Header::new(source, destination) })
            }
        ),
    ]
    .boxed()
}

fn port() -> BoxedStrategy<u16> {
    prop_oneof![Just(80u16), Just(7), Just(53), Just(0), Just(1000), any::<u16>()].boxed()
}

fn segment() -> BoxedStrategy<Segment> {
    let options = (any::<Option<u16>>(), any::<Option<u8>>(), any::<Option<(u32, u32)>>(), any::<bool>());
    let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), prop_oneof![Just(0u16), Just(1), any::<u16>()]);
    ((port(), port()), numbers, any::<u8>(), options, 0usize..3000)
        .prop_map(
            |(
                (source, destination),
                (seq, ack, window, gso_size),
                flags,
                (mss, window_scale, stamps, sack_permitted),
                len,
            )| Segment {
                source,
                destination,
                seq: SeqNum(seq),
                ack: SeqNum(ack),
                flags: Flags::from_bits_truncate(flags),
                window,
                urgent: (ack >> 7) as u16,
                options: Options {
                    mss,
                    window_scale,
                    sack_permitted,
                    timestamps: stamps.map(|(value, echo)| Timestamps { value, echo }),
                    ..Options::default()
                },
                payload: Chain::from(vec![0; len]),
                gso_size,
            },
        )
        .boxed()
}

fn original() -> BoxedStrategy<Bytes> {
    let quoted = (header(), body(Just(Bytes::new()).boxed()))
        .prop_map(|(ip, body)| icmpv4::quote(&Packet { ip, body }));
    prop_oneof![quoted, proptest::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from)].boxed()
}

fn body(original: BoxedStrategy<Bytes>) -> BoxedStrategy<Body> {
    let v6_original = original.clone();
    let v4_message = (any::<u8>(), any::<u16>(), original).prop_map(|(kind, n, original)| match kind % 4 {
        0 => icmpv4::Message::EchoRequest { id: n, sequence: n, payload: Chain::from(original) },
        1 => icmpv4::Message::DestinationUnreachable {
            code: icmpv4::Unreachable::from_code(kind >> 2, n),
            original,
        },
        2 => icmpv4::Message::TimeExceeded { code: kind, original },
        _ => icmpv4::Message::Other { kind, code: 0, rest: original },
    });
    let v6_message = (any::<u8>(), any::<u32>(), v6_original, v6(), macs()).prop_map(
        |(kind, n, original, target, mac)| match kind % 6 {
            0 => icmpv6::Message::EchoRequest { id: n as u16, sequence: 0, payload: Chain::from(original) },
            1 => icmpv6::Message::DestinationUnreachable {
                code: icmpv6::Unreachable::from_code(kind >> 3),
                original,
            },
            2 => icmpv6::Message::PacketTooBig { mtu: n, original },
            3 => icmpv6::Message::NeighborSolicitation { target, source_mac: Some(mac) },
            4 => icmpv6::Message::NeighborAdvertisement {
                target,
                target_mac: Some(mac),
                router: false,
                solicited: n % 2 == 0,
                override_flag: n % 3 == 0,
            },
            _ => icmpv6::Message::Other { kind, code: 0, rest: original },
        },
    );
    prop_oneof![
        4 => segment().prop_map(Body::Tcp),
        2 => ((port(), port()), 0usize..2000).prop_map(|((source, destination), len)| {
            Body::Udp(udp::Datagram { source, destination, payload: Chain::from(vec![0; len]) })
        }),
        1 => v4_message.prop_map(Body::Icmpv4),
        1 => v6_message.prop_map(Body::Icmpv6),
        1 => any::<u8>().prop_map(|protocol| Body::Other { protocol, payload: Chain::new() }),
    ]
    .boxed()
}

fn frame() -> BoxedStrategy<Frame> {
    let arp = (any::<bool>(), macs(), v4(), macs(), v4()).prop_map(
        |(asks, sender_mac, sender_ip, target_mac, target_ip)| {
            let operation = if asks { arp::Operation::Request } else { arp::Operation::Reply };
            Payload::Arp(arp::Packet { operation, sender_mac, sender_ip, target_mac, target_ip })
        },
    );
    let payload = prop_oneof![
        8 => (header(), body(original())).prop_map(|(ip, body)| Payload::from(Packet { ip, body })),
        2 => arp,
        1 => Just(Payload::Bytes(Bytes::from_static(b"?"))),
    ];
    let header = (macs(), macs(), any::<u16>())
        .prop_map(|(destination, source, ether_type)| ethernet::Header { destination, source, ether_type });
    (proptest::option::weighted(0.9, header), payload)
        .prop_map(|(ethernet, payload)| Frame { ethernet, payload })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// No frame makes a host panic, stop, or keep more than its bounds; afterwards it still serves.
    #[test]
    fn no_frame_does_harm(frames in proptest::collection::vec((frame(), 0u64..3000), 1..60)) {
        let mut pair = Pair::new();
        pair.listen("::", 80, 5);
        let udp = pair.b.udp_bind(pair.now, request("::", 7)).unwrap();
        pair.b.accept_any_destination(53);
        pair.listen("::", 53, 5);
        // All that comes is overheard, and nobody reads it.
        let raw = [(false, 1), (false, 6), (false, 17), (true, 6), (true, 58)].map(|(v6, protocol)| {
            let raw = pair.b.raw_open(v6, protocol);
            pair.b.udp_set_receive_buffer(raw, 100_000);
            raw
        });
        let ping = pair.b.ping_bind(&request("0.0.0.0", 7)).unwrap();
        // A connection whose ends the frames are likely to name.
        let bind = pair.b.bind_tcp(request("0.0.0.0", 1000)).unwrap();
        let to = at("10.61.0.1", 7);
        let out = pair.b.tcp_connect(pair.now, Origin::Bound(bind), to, (sockeye_tcp::Config::default(), IpOptions::default())).unwrap();
        for (frame, wait) in frames {
            pair.b.input(pair.now, ETH0, frame);
            while pair.b.poll_frame().is_some() {}
            while pair.b.poll_event().is_some() {}
            pair.now += Duration::from_millis(wait);
            pair.b.advance(pair.now);
            prop_assert!(pair.b.next_deadline().is_none_or(|at| at > pair.now));
            if let Some(tcb) = pair.b.tcp(out) {
                prop_assert_eq!(tcb.check_invariants(), Ok(()));
            }
            while pair.b.udp_receive(udp, false).is_some() {}
            for raw in raw.into_iter().chain([ping]) {
                // Each takes 832 bytes at least.
                prop_assert!(pair.b.udp_queue_len(raw) <= 300);
            }
        }
        while pair.b.poll_frame().is_some() {}
        // What neighbours said of themselves may be wrong for a while, so ask from a fresh address.
        pair.a = host(77);
        pair.now += Duration::from_secs(300);
        pair.b.advance(pair.now);
        while pair.b.poll_frame().is_some() {}
        let a = pair.a.udp_bind(pair.now, request("0.0.0.0", 4000)).unwrap();
        pair.a.udp_send(pair.now, a, Some(at("10.61.0.2", 7)), bytes("x")).unwrap();
        pair.run();
        prop_assert_eq!(pair.b.udp_queue_len(udp), 1);
    }
}
