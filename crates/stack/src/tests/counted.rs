//! What is dropped or refused is counted, by its reason.

use sockeye_base::{Bytes, Counter, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{ethernet, fragment, icmpv4, ip as wire_ip, udp};

use super::*;

/// The reasons that `b` counts when this comes in; not how much came.
fn counted(pair: &mut Pair, frame: Frame) -> Vec<Counter> {
    let before = pair.b.counters().clone();
    pair.b.input(pair.now, ETH0, frame);
    pair.run();
    let after = pair.b.counters();
    let reasons = Counter::ALL.iter().copied().take_while(|counter| *counter != Counter::IpInReceives);
    reasons.filter(|counter| after[*counter] > before[*counter]).collect()
}

/// In a frame for `b`.
fn framed(payload: impl Into<Payload>) -> Frame {
    let payload = payload.into();
    let ether_type = payload.ether_type().unwrap_or(ethernet::ether_type::IPV4);
    let header = ethernet::Header { destination: mac(2), source: mac(1), ether_type };
    Frame { ethernet: Some(header), payload }
}

fn packet(from: &str, to: &str, body: impl Into<Body>) -> Packet {
    Packet::new(wire_ip::Header::new(ip(from), ip(to)).unwrap(), body)
}

fn segment(flags: Flags, port: u16) -> Segment {
    Segment { source: 4000, destination: port, flags, seq: SeqNum(7), ..Segment::default() }
}

fn datagram(port: u16, len: usize) -> udp::Datagram {
    udp::Datagram { source: 4000, destination: port, payload: Chain::from(vec![0; len]) }
}

const HERE: (&str, &str) = ("10.61.0.1", "10.61.0.2");

#[test]
fn malformed_packets() {
    let mut pair = Pair::new();
    let whole = |body: Body| packet(HERE.0, HERE.1, body).to_bytes();
    let (tcp, udp) = (whole(Body::Tcp(segment(Flags::SYN, 80))), whole(Body::Udp(datagram(7, 9))));
    let echo =
        whole(Body::Icmpv4(icmpv4::Message::EchoRequest { id: 1, sequence: 1, payload: Chain::new() }));
    let spoilt = |bytes: &[u8], at: usize, mask: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= mask;
        Bytes::from(bytes)
    };
    let rechecked = |bytes: Bytes| {
        let mut bytes = bytes.to_vec();
        bytes[10..12].fill(0);
        let mut sum = sockeye_wire::checksum::Checksum::default();
        sum.add(&bytes[..20]);
        let sum = sum.finish().to_be_bytes();
        bytes[10..12].copy_from_slice(&sum);
        Bytes::from(bytes)
    };
    for (bytes, expected) in [
        (spoilt(&tcp, 22, 1), vec![Counter::TcpInErrs, Counter::TcpInCsumErrors]),
        (spoilt(&tcp, 32, 0xf0), vec![Counter::TcpInErrs]),
        (spoilt(&udp, 30, 1), vec![Counter::UdpInErrors, Counter::UdpInCsumErrors]),
        (spoilt(&echo, 25, 1), vec![Counter::IcmpInErrors, Counter::IcmpInCsumErrors]),
        (spoilt(&tcp, 8, 1), vec![Counter::IpInCsumErrors]),
        (spoilt(&tcp, 0, 0x04), vec![Counter::IpInHdrErrors]),
        (rechecked(spoilt(&tcp, 2, 1)), vec![Counter::IpInTruncated]),
        (Bytes::from_static(b"?"), vec![Counter::UnhandledProtocol]),
        (Bytes::new(), vec![Counter::IpInHdrErrors]),
    ] {
        assert_eq!(counted(&mut pair, framed(Payload::Bytes(bytes.clone()))), expected, "{bytes:?}");
    }
}

#[test]
fn strange_addresses_and_frames() {
    let mut pair = Pair::new();
    let syn = |from: &str, to: &str| framed(packet(from, to, segment(Flags::SYN, 80)));
    assert_eq!(counted(&mut pair, syn(HERE.0, "10.61.0.9")), [Counter::IpInAddrErrors]);
    assert_eq!(counted(&mut pair, syn("127.0.0.1", HERE.1)), [Counter::IpInvalidSource]);
    assert_eq!(counted(&mut pair, syn("224.0.0.1", HERE.1)), [Counter::IpInvalidSource]);
    assert_eq!(counted(&mut pair, syn(HERE.0, "10.61.0.255")), [Counter::TcpNoSocket]);
    let mut other = syn(HERE.0, HERE.1);
    other.ethernet.as_mut().unwrap().destination = mac(9);
    assert_eq!(counted(&mut pair, other.clone()), [Counter::OtherHost]);
    other.ethernet.as_mut().unwrap().destination = Mac::BROADCAST;
    assert_eq!(counted(&mut pair, other), [Counter::UnicastInMulticast]);
    let unknown = Body::Other { protocol: 99, payload: Chain::new() };
    assert_eq!(counted(&mut pair, framed(packet(HERE.0, HERE.1, unknown))), [Counter::IpInUnknownProtos]);
}

#[test]
fn segments_and_datagrams_for_nobody() {
    let mut pair = Pair::new();
    pair.listen("0.0.0.0", 80, 1);
    let mut tcp = |flags, port| counted(&mut pair, framed(packet(HERE.0, HERE.1, segment(flags, port))));
    assert_eq!(tcp(Flags::SYN, 81), [Counter::TcpNoSocket, Counter::TcpOutRsts]);
    assert_eq!(tcp(Flags::RST, 81), [Counter::TcpNoSocket]);
    assert_eq!(tcp(Flags::ACK, 80), [Counter::TcpFlags, Counter::TcpOutRsts]);
    assert_eq!(tcp(Flags::RST, 80), [Counter::TcpFlags]);
    assert_eq!(tcp(Flags::SYN | Flags::FIN, 80), [Counter::TcpFlags]);
    assert_eq!(tcp(Flags::empty(), 80), [Counter::TcpFlags]);
    let mut udp = |port, len| counted(&mut pair, framed(packet(HERE.0, HERE.1, datagram(port, len))));
    assert_eq!(udp(7, 1), [Counter::UdpNoPorts]);
    pair.b.udp_bind(pair.now, request("0.0.0.0", 7)).unwrap();
    for _ in 0..200 {
        counted(&mut pair, framed(packet(HERE.0, HERE.1, datagram(7, 1400))));
    }
    let full = counted(&mut pair, framed(packet(HERE.0, HERE.1, datagram(7, 1400))));
    assert_eq!(full, [Counter::UdpInErrors, Counter::UdpRcvbufErrors]);
}

#[test]
fn fragments_and_errors() {
    let mut pair = Pair::new();
    let piece = |offset: u16, more: bool, len: usize| {
        let payload = Chain::from(vec![0; len]);
        let body = Body::Fragment(fragment::Fragment { protocol: 17, id: 5, offset, more, payload });
        framed(packet(HERE.0, HERE.1, body))
    };
    assert_eq!(counted(&mut pair, piece(0, true, 80)), []);
    assert_eq!(counted(&mut pair, piece(40, true, 80)), [Counter::IpReasmFails]);
    assert_eq!(counted(&mut pair, piece(0, true, 80)), []);
    pair.pass(Duration::from_secs(31));
    assert_eq!(pair.b.counters()[Counter::IpReasmTimeout], 1);
    // About a segment that was never sent.
    let ours = packet(HERE.1, HERE.0, segment(Flags::ACK, 80));
    let error = icmpv4::Message::DestinationUnreachable {
        code: icmpv4::Unreachable::Host,
        original: icmpv4::quote(&ours),
    };
    assert_eq!(counted(&mut pair, framed(packet(HERE.0, HERE.1, error))), [Counter::OutOfWindowIcmps]);
    assert_eq!(pair.b.counters().by_name("TcpExtOutOfWindowIcmps"), Some(1));
}

#[test]
fn neighbours_that_do_not_answer() {
    let mut pair = Pair::new();
    let udp = pair.b.udp_bind(pair.now, request("0.0.0.0", 4000)).unwrap();
    for _ in 0..103 {
        pair.b.udp_send(pair.now, udp, Some(at("10.61.0.9", 7)), bytes("x")).unwrap();
    }
    pair.pass(Duration::from_secs(5));
    let counters = pair.b.counters();
    assert_eq!((counters[Counter::NeighbourQueueFull], counters[Counter::NeighbourFailed]), (2, 101));
}

#[test]
fn how_much_goes_in_and_out() {
    let mut pair = Pair::new();
    let id = pair.b.udp_bind(pair.now, request("10.61.0.2", 7)).unwrap();
    let sender = pair.a.udp_bind(pair.now, request("10.61.0.1", 4000)).unwrap();
    pair.a.udp_send(pair.now, sender, Some(at("10.61.0.2", 7)), bytes("0123456789")).unwrap();
    pair.run();
    assert_eq!(pair.b.udp_queue_len(id), 1);
    // Not received yet.
    assert_eq!(pair.b.counters()[Counter::UdpInDatagrams], 0);
    assert!(pair.b.udp_receive(id, false).is_some());
    // An ARP each way (42 bytes), a datagram of 38 in a frame of 52.
    let (a, b) = (pair.a.interface_counts(ETH0), pair.b.interface_counts(ETH0));
    assert_eq!((a.tx_packets, a.tx_bytes, a.rx_packets, a.rx_bytes), (2, 94, 1, 42));
    assert_eq!((b.rx_packets, b.rx_bytes, b.tx_packets, b.tx_bytes), (2, 94, 1, 42));
    assert_eq!((b.multicast, b.rx_dropped, b.tx_dropped), (0, 0, 0));
    let count = |stack: &Stack, counters: &[Counter]| -> Vec<u64> {
        counters.iter().map(|counter| stack.counters()[*counter]).collect()
    };
    use Counter as C;
    let sent = [C::IpOutRequests, C::IpOutTransmits, C::IpOutOctets, C::UdpOutDatagrams, C::IpInReceives];
    assert_eq!(count(&pair.a, &sent), [1, 1, 38, 1, 0]);
    let got = [C::IpInReceives, C::IpInDelivers, C::IpInOctets, C::UdpInDatagrams, C::IpInNoECTPkts];
    assert_eq!(count(&pair.b, &got), [1, 1, 38, 1, 1]);
    // What is too long is cut, and counts once when it is whole again.
    pair.a.udp_send(pair.now, sender, Some(at("10.61.0.2", 7)), Chain::from(vec![0; 3000])).unwrap();
    pair.run();
    assert_eq!(count(&pair.a, &[C::IpOutRequests, C::IpFragOKs, C::IpFragCreates]), [2, 1, 3]);
    assert_eq!(
        count(&pair.b, &[C::IpInReceives, C::IpReasmReqds, C::IpReasmOKs, C::IpInDelivers]),
        [4, 3, 1, 2]
    );
    // `lo` carries what goes to the host itself, in and out.
    pair.a.udp_send(pair.now, sender, Some(at("10.61.0.1", 9)), bytes("nobody")).unwrap();
    pair.run();
    let lo = pair.a.interface_counts(InterfaceId::LOOPBACK);
    assert_eq!((lo.rx_packets, lo.tx_packets, lo.rx_bytes == lo.tx_bytes), (2, 2, true));
    let icmp: Vec<_> = pair.a.icmp_counts().map(|(kind, n)| (kind.v4, kind.out, kind.kind, n)).collect();
    assert_eq!(icmp, [(true, false, 3, 1), (true, true, 3, 1)]);
}

#[test]
fn a_super_segment_counts_as_its_segments() {
    let mut pair = Pair::new();
    let segment = Segment { payload: Chain::from(vec![0; 2500]), gso_size: 1000, ..segment(Flags::ACK, 80) };
    pair.b.input(pair.now, ETH0, framed(packet(HERE.0, HERE.1, segment)));
    pair.run();
    use Counter as C;
    let counters = pair.b.counters();
    assert_eq!([C::IpInReceives, C::IpInOctets, C::TcpInSegs].map(|counter| counters[counter]), [3, 2620, 3]);
    let b = pair.b.interface_counts(ETH0);
    // With the answer to the question where its reset is to go.
    assert_eq!((b.rx_packets, b.rx_bytes), (3 + 1, 2620 + 3 * 14 + 42));
}
