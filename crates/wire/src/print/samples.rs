//! Packets for the comparison with tcpdump.

use std::net::IpAddr;

use bytes::Bytes;
use sockeye_base::{Chain, SeqNum};

use crate::ethernet::Mac;
use crate::membership::{Details, Record, RecordKind};
use crate::tcp::{FastOpen, Flags, Options, Segment, Timestamps};
use crate::{Body, Frame, Packet, arp, icmpv4, icmpv6, igmp, ip, mld, udp};

fn ip(source: &str, destination: &str) -> ip::Header {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    ip::Header::new(address(source), address(destination)).unwrap()
}

/// Between client and server of one family.
struct Pair {
    client: &'static str,
    server: &'static str,
}

const V4: Pair = Pair { client: "10.61.0.1", server: "10.61.0.2" };
const V6: Pair = Pair { client: "fd61::1", server: "fd61::2" };

impl Pair {
    fn out(&self, body: impl Into<Body>) -> Frame {
        Frame::packet(Packet::new(ip(self.client, self.server), body))
    }

    fn back(&self, body: impl Into<Body>) -> Frame {
        Frame::packet(Packet::new(ip(self.server, self.client), body))
    }
}

fn segment(ports: (u16, u16), seq: u32, ack: u32, flags: Flags, payload: &[u8]) -> Segment {
    Segment {
        source: ports.0,
        destination: ports.1,
        seq: SeqNum(seq),
        ack: SeqNum(ack),
        flags,
        window: 502,
        options: stamped(7, 9),
        payload: Bytes::copy_from_slice(payload).into(),
        ..Segment::default()
    }
}

fn stamped(value: u32, echo: u32) -> Options {
    Options { timestamps: Some(Timestamps { value, echo }), ..Options::default() }
}

fn syn_options(echo: u32) -> Options {
    Options { mss: Some(1460), window_scale: Some(7), sack_permitted: true, ..stamped(1, echo) }
}

const ACK: Flags = Flags::ACK;
const PUSH: Flags = Flags::ACK.union(Flags::PSH);

/// A connection from start to end, the client's sequence numbers about to wrap.
fn connection(pair: &Pair, ports: (u16, u16)) -> Vec<Frame> {
    let iss = u32::MAX - 20;
    let irs = 5_000;
    let client = |seq, ack: u32, flags, payload: &[u8]| {
        segment(ports, iss.wrapping_add(seq), irs + ack, flags, payload)
    };
    let server = |seq: u32, ack, flags, payload: &[u8]| {
        segment((ports.1, ports.0), irs + seq, iss.wrapping_add(ack), flags, payload)
    };
    let get = b"GET /bytes/10 HTTP/1.1\r\nHost: tekapo\r\n\r\n";
    let sent = 1 + get.len() as u32;
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let got = 1 + ok.len() as u32;
    let fin = Flags::ACK | Flags::FIN;
    let mut sack = client(sent, got, ACK, b"");
    sack.options.sack =
        vec![(SeqNum(irs + 2000), SeqNum(irs + 3000)), (SeqNum(irs + 100), SeqNum(irs + 200))];
    let mut sack_back = server(got, 1, ACK, b"");
    sack_back.options.sack = vec![(SeqNum(iss.wrapping_add(20)), SeqNum(iss.wrapping_add(40)))];
    let mut syn = Segment { options: syn_options(0), window: 64240, ..client(0, 0, Flags::SYN, b"") };
    syn.ack = SeqNum(0);
    let syn_ack = Segment { options: syn_options(1), window: 65160, ..server(0, 1, Flags::SYN | ACK, b"") };
    vec![
        pair.out(syn.clone()),
        pair.out(Segment { flags: Flags::SYN | Flags::ECE | Flags::CWR, ..syn }),
        pair.back(syn_ack),
        pair.out(client(1, 1, ACK, b"")),
        pair.out(client(1, 1, PUSH, get)),
        pair.back(server(1, sent, ACK, b"")),
        pair.back(server(1, sent, PUSH, ok)),
        pair.out(sack),
        pair.back(sack_back),
        pair.out(client(sent, got, fin, b"")),
        pair.back(server(got, sent + 1, fin, b"bye")),
        pair.out(client(sent + 1, got + 4, ACK, b"")),
        pair.out(client(sent + 1, got + 4, Flags::RST | ACK, b"")),
        pair.out(client(sent + 1, 0, Flags::RST, b"")),
    ]
}

/// Segments that are not of a connection seen from its start, and odd ones.
fn odd_segments() -> Vec<Frame> {
    let plain = |frame: Segment| Segment { options: Options::default(), ..frame };
    let ports = (40_002, 7);
    let mut urgent = plain(segment(ports, 1000, 2000, PUSH | Flags::URG, b"abcdef"));
    urgent.urgent = 3;
    let mut scaled = plain(segment((1, 2), 0, 0, Flags::SYN, b""));
    scaled.options = Options { mss: Some(536), window_scale: Some(14), ..Options::default() };
    let mut sack = plain(segment((1, 2), 0, 0, Flags::SYN, b""));
    sack.options = Options { mss: Some(1440), sack_permitted: true, ..Options::default() };
    let opens = |cookie: &[u8], experimental| {
        let fast_open = FastOpen::new(cookie, experimental).map(Box::new);
        let options = Options { fast_open, ..syn_options(0) };
        V4.out(Segment { options, ..segment((6, 9), 0, 0, Flags::SYN, b"data") })
    };
    vec![
        opens(b"", false),
        opens(b"", true),
        opens(b"12345678", false),
        opens(b"123456", true),
        V4.out(plain(segment(ports, 1000, 2000, ACK, b""))),
        V4.out(urgent),
        V4.back(plain(segment((7, 40_002), 2000, 1006, PUSH, b"abcdef"))),
        V4.out(plain(segment((40_003, 9), 77, 0, Flags::empty(), b""))),
        V4.out(plain(segment((40_003, 9), 77, 0, Flags::all(), b""))),
        V4.out(scaled),
        V4.out(sack),
        V4.out(plain(segment((5000, 5000), 10, 20, PUSH, b"x"))),
        V4.back(plain(segment((5000, 5000), 20, 11, PUSH, b"y"))),
        V4.out(plain(segment((5000, 5000), 11, 21, ACK, b""))),
        V4.out(plain(segment((5000, 5000), 11, 21, Flags::SYN, b"data"))),
        V4.out(plain(segment((5001, 5000), 11, 21, Flags::RST, b"why"))),
        V6.out(plain(segment((5001, 5000), 11, 21, Flags::ACK, b"why"))),
        V6.back(plain(segment((5000, 5001), 21, 14, Flags::ACK, b"not"))),
    ]
}

/// What port 80 says, line by line.
fn http() -> Vec<Frame> {
    let texts: &[&[u8]] = &[
        b"POST /upload HTTP/1.1\r\n\r\n",
        b"get /lower HTTP/1.0\n",
        b"GET /cut/off",
        b"GET /cut\r",
        b"GET /cr\rhere\r\n",
        b"GET /bin\x01ary\r\n",
        b"GET\t/tab\t\r\n",
        b"FROB / HTTP/1.1\r\n",
        b"HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n",
        b"HTTP/1.0 2000 What\r\n",
        b"HTTP/1.0  204\r\n",
        b"HTTP/1.0 \r\n204",
        b" GET / HTTP/1.1\r\n",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\x00\x01\x02",
        b"\xff",
        b"just text in the middle of a body\r\nmore of it",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\n",
        b"1234 200 x\r\n",
        b"GET",
        b"GET \r\n",
        b"one 200",
    ];
    let mut seq = 1;
    let mut frames = Vec::new();
    for text in texts {
        frames.push(
            V4.out(Segment { options: Options::default(), ..segment((40_010, 80), seq, 1, PUSH, text) }),
        );
        seq += text.len() as u32;
    }
    for len in [126, 127, 128, 129] {
        let text = [&vec![b'w'; len], b" 200 OK\r\n".as_slice()].concat();
        frames.push(
            V4.out(Segment { options: Options::default(), ..segment((40_010, 80), seq, 1, PUSH, &text) }),
        );
    }
    let long = [b"GET /".as_slice(), &[b'a'; 200], b" HTTP/1.1\r\n"].concat();
    for (ports, flags) in
        [((80, 40_011), PUSH), ((40_011, 8080), ACK), ((3128, 1), Flags::RST), ((81, 1), ACK)]
    {
        frames.push(V6.out(segment(
            ports,
            1,
            1,
            flags,
            if ports.0 == 80 { &long } else { b"GET / HTTP/1.1\r\n\r\n" },
        )));
    }
    frames
}

fn datagrams() -> Vec<Frame> {
    let datagram = |source, destination, payload: &'static [u8]| udp::Datagram {
        source,
        destination,
        payload: Bytes::from_static(payload).into(),
    };
    vec![
        V4.out(datagram(40_000, 9, b"abc")),
        V6.out(datagram(40_000, 9, b"")),
        V4.back(datagram(7, 40_000, b"hello, world")),
        V4.out(Body::Other { protocol: 99, payload: Chain::from(vec![1, 2, 3]) }),
        V6.out(Body::Other { protocol: 99, payload: Chain::from(vec![1, 2, 3]) }),
        V6.out(Body::Other { protocol: 59, payload: Chain::new() }),
        V4.out(Body::Other { protocol: 253, payload: Chain::new() }),
    ]
}

fn failed(pair: &Pair, ports: (u16, u16), tcp: bool) -> Packet {
    let body: Body = if tcp {
        segment(ports, 1, 0, Flags::SYN, b"").into()
    } else {
        udp::Datagram { source: ports.0, destination: ports.1, payload: vec![1, 2, 3].into() }.into()
    };
    Packet::new(ip(pair.client, pair.server), body)
}

fn icmp4() -> Vec<Frame> {
    use icmpv4::{Message, Unreachable, quote};
    let unreachable =
        |code, packet: &Packet| V4.back(Message::DestinationUnreachable { code, original: quote(packet) });
    let udp = failed(&V4, (4000, 9), false);
    let tcp = failed(&V4, (4000, 80), true);
    let other = Packet::new(
        ip(V4.client, V4.server),
        Body::Other { protocol: 99, payload: vec![0, 1, 2, 3, 4, 5, 6, 7].into() },
    );
    let payload = Chain::from(vec![0; 56]);
    let mut frames = vec![
        V4.out(Message::EchoRequest { id: 17, sequence: 1, payload: payload.clone() }),
        V4.back(Message::EchoReply { id: 17, sequence: 1, payload }),
    ];
    for packet in [&udp, &tcp, &other] {
        frames.push(unreachable(Unreachable::Port, packet));
    }
    frames.push(unreachable(Unreachable::Protocol, &other));
    frames.push(unreachable(Unreachable::FragmentationNeeded { mtu: 1280 }, &tcp));
    frames.push(unreachable(Unreachable::FragmentationNeeded { mtu: 0 }, &tcp));
    frames.push(unreachable(Unreachable::Net, &tcp));
    frames.push(unreachable(Unreachable::Host, &tcp));
    for code in 5..17 {
        frames.push(unreachable(Unreachable::Other(code), &tcp));
    }
    for code in 0..3 {
        frames.push(V4.back(Message::TimeExceeded { code, original: quote(&udp) }));
    }
    frames.push(V4.back(Message::Other { kind: 200, code: 0, rest: Bytes::from_static(&[0; 16]) }));
    frames.push(V4.back(Message::Other {
        kind: 4,
        code: 0,
        rest: [&[0; 4], &quote(&udp)[..]].concat().into(),
    }));
    frames
}

fn icmp6() -> Vec<Frame> {
    use icmpv6::{Message, Unreachable, quote};
    let unreachable =
        |code, packet: &Packet| V6.back(Message::DestinationUnreachable { code, original: quote(packet) });
    let udp = failed(&V6, (4000, 9), false);
    let tcp = failed(&V6, (4000, 80), true);
    let other = Packet::new(
        ip(V6.client, V6.server),
        Body::Other { protocol: 99, payload: vec![0, 1, 2, 3, 4, 5, 6, 7].into() },
    );
    let payload = Chain::from(vec![0; 56]);
    let mac = Mac([2, 0, 0, 0, 0, 2]);
    let target = "fd61::2".parse().unwrap();
    let advertisement = |router, solicited, override_flag, target_mac| {
        V6.back(Message::NeighborAdvertisement { target, target_mac, router, solicited, override_flag })
    };
    let mut frames = vec![
        V6.out(Message::EchoRequest { id: 17, sequence: 1, payload: payload.clone() }),
        V6.back(Message::EchoReply { id: 17, sequence: 1, payload }),
        V6.out(Message::NeighborSolicitation { target, source_mac: Some(mac) }),
        V6.out(Message::NeighborSolicitation { target, source_mac: None }),
        advertisement(false, true, true, Some(mac)),
        advertisement(true, false, false, None),
    ];
    for packet in [&udp, &tcp, &other] {
        frames.push(unreachable(Unreachable::Port, packet));
    }
    frames.push(unreachable(Unreachable::NoRoute, &tcp));
    frames.push(unreachable(Unreachable::Prohibited, &tcp));
    frames.push(unreachable(Unreachable::Address, &tcp));
    frames.push(unreachable(Unreachable::Other(2), &tcp));
    for code in 0..3 {
        frames.push(V6.back(Message::TimeExceeded { code, original: quote(&udp) }));
    }
    frames.push(V6.back(Message::PacketTooBig { mtu: 1280, original: quote(&udp) }));
    frames.push(V6.out(Message::Other { kind: 133, code: 0, rest: Bytes::from_static(&[0; 4]) }));
    frames
}

/// A datagram and a ping of each family, cut for an MTU of 1280.
pub(crate) fn fragments() -> Vec<Frame> {
    let data = Chain::from(vec![0; 3000]);
    let datagram = udp::Datagram { source: 4000, destination: 7, payload: data.clone() };
    let (id, sequence) = (17, 1);
    let bodies = [
        (&V4, Body::from(datagram.clone())),
        (&V6, datagram.into()),
        (&V4, icmpv4::Message::EchoRequest { id, sequence, payload: data.clone() }.into()),
        (&V4, icmpv4::Message::EchoReply { id, sequence, payload: data.clone() }.into()),
        (&V6, icmpv6::Message::EchoRequest { id, sequence, payload: data.clone() }.into()),
        (&V6, icmpv6::Message::EchoReply { id, sequence, payload: data.clone() }.into()),
        (&V4, Body::Other { protocol: 253, payload: data.clone() }),
        (&V6, Body::Other { protocol: 253, payload: data }),
    ];
    let cut = |(pair, body): (&Pair, Body)| {
        Packet::new(ip(pair.client, pair.server), body).fragment(1280, 0x0102_0304)
    };
    bodies.into_iter().flat_map(cut).map(Frame::packet).collect()
}

/// Frames without Ethernet headers.
pub(crate) fn packets() -> Vec<Frame> {
    let mut frames = connection(&V4, (40_001, 80));
    frames.extend(connection(&V6, (80, 40_001)));
    frames.extend(connection(&V4, (50_001, 50_000)));
    frames.extend(odd_segments());
    frames.extend(http());
    frames.extend(datagrams());
    frames.extend(icmp4());
    frames.extend(icmp6());
    frames
}

/// Frames with them.
pub(crate) fn ethernet_frames() -> Vec<Frame> {
    let (a, b) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    let address = |text: &str| text.parse().unwrap();
    let request = arp::Packet::request(a, address("10.61.0.1"), address("10.61.0.2"));
    let probe = arp::Packet { sender_ip: address("0.0.0.0"), ..request.clone() };
    let gratuitous = arp::Packet { target_ip: request.sender_ip, ..request.clone() };
    let known = arp::Packet { target_mac: b, ..request.clone() };
    let reply = request.reply(b);
    let gratuitous_reply = arp::Packet { target_ip: reply.sender_ip, ..reply.clone() };
    let mut frames: Vec<Frame> = [request, probe, gratuitous, known, reply, gratuitous_reply]
        .into_iter()
        .map(|packet| Frame::between(a, Mac::BROADCAST, packet))
        .collect();
    for frame in connection(&V4, (40_001, 80)).into_iter().take(3) {
        frames.push(Frame::between(a, b, frame.payload));
    }
    frames
}

/// Who is in which group: IGMP and MLD.
pub(super) fn memberships() -> Vec<Frame> {
    let group = std::net::Ipv4Addr::new(239, 1, 2, 3);
    let group_v6 = std::net::Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 1);
    let igmp = |message: igmp::Message| {
        let mut ip = ip("10.61.0.1", "224.0.0.22");
        ip.alert_routers();
        Frame::packet(Packet::new(ip, message))
    };
    let mld = |message: mld::Message| {
        let mut ip = ip("fe80::1", "ff02::16");
        ip.alert_routers();
        Frame::packet(Packet::new(ip, icmpv6::Message::Mld(message)))
    };
    let v3 = |group, response, sources| {
        let details = Details { suppress: false, robustness: 2, interval: 125, sources };
        igmp(igmp::Message::Query { group, response, details: Some(details) })
    };
    let v2 = |group, response, sources| {
        let details = Details { suppress: false, robustness: 2, interval: 125, sources };
        mld(mld::Message::Query { group, response, details: Some(details) })
    };
    let (any, any_v6) = (std::net::Ipv4Addr::UNSPECIFIED, std::net::Ipv6Addr::UNSPECIFIED);
    let query = |group, response| igmp(igmp::Message::Query { group, response, details: None });
    let record = Record { kind: RecordKind::ToExclude, group, sources: Vec::new() };
    let record_v6 = Record { kind: RecordKind::Allow, group: group_v6, sources: vec![group_v6] };
    vec![
        v3(any, 10, vec![]),
        v3(any, 100, vec![]),
        v3(any, 255, vec![]),
        v3(any, 0, vec![]),
        v3(group, 10, vec![]),
        v3(group, 1, vec![group, group]),
        query(any, 100),
        query(any, 0),
        query(group, 10),
        igmp(igmp::Message::ReportV1 { group }),
        igmp(igmp::Message::ReportV2 { group }),
        igmp(igmp::Message::Leave { group }),
        igmp(igmp::Message::ReportV3 { records: vec![record.clone(), record] }),
        igmp(igmp::Message::Other { kind: 0x33, code: 0, rest: vec![0; 8].into() }),
        v2(any_v6, 1000, vec![]),
        v2(any_v6, 0x8001, vec![]),
        v2(group_v6, 1000, vec![]),
        v2(group_v6, 10_000, vec![group_v6]),
        mld(mld::Message::Query { group: any_v6, response: 1000, details: None }),
        mld(mld::Message::Query { group: group_v6, response: 10, details: None }),
        mld(mld::Message::ReportV1 { group: group_v6 }),
        mld(mld::Message::Done { group: group_v6 }),
        mld(mld::Message::ReportV2 { records: vec![record_v6] }),
    ]
}
