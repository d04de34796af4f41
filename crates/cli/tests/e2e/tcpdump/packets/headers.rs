//! Of IP, of either version, and of the links below it.

use super::*;

pub(super) fn headers_v4() -> Vec<Vec<u8>> {
    let udp = [0x9c, 0x40, 0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4];
    let mut frames = Vec::new();
    for service in 0..8_u8 {
        frames.push(v4_with(UDP, &udp, V4 { service: service.wrapping_mul(37), ttl: service, ..PLAIN }));
    }
    for fragment in [0, 0x2000, 0x8000, 0xe000, 1, 0x2001, 0x1fff, 0x4001] {
        for (protocol, payload) in [
            (UDP, &udp[..]),
            (TCP, &segment((1, 2), (3, 4), 0x10, &[], b"")),
            (ICMP, &[8, 0, 0, 0, 0, 1, 0, 2]),
            (253, &udp),
        ] {
            frames.push(v4_with(protocol, payload, V4 { fragment, ..PLAIN }));
        }
    }
    let options: [&[u8]; 24] = [
        &[1, 1, 1, 0],
        &[0, 0, 0, 0],
        &[7, 7, 8, 10, 61, 0, 1, 0],
        &[7, 11, 8, 10, 61, 0, 1, 10, 61, 0, 9, 0],
        &[7, 7, 4, 10, 61, 0, 1, 0],
        &[7, 7, 0, 10, 61, 0, 1, 0],
        &[7, 8, 5, 10, 61, 0, 1, 0],
        &[7, 2, 1, 1],
        &[131, 7, 4, 10, 61, 0, 9, 1],
        &[137, 11, 4, 10, 61, 0, 9, 10, 61, 0, 8, 0],
        &[68, 12, 9, 0, 0, 0, 0, 5, 0, 0, 0, 6],
        &[68, 12, 13, 1, 10, 61, 0, 1, 0, 0, 0, 6],
        &[68, 12, 5, 0x33, 10, 61, 0, 1, 0, 0, 0, 6],
        &[68, 12, 5, 0x52, 10, 61, 0, 1, 0, 0, 0, 6],
        &[68, 8, 1, 0, 0, 0, 0, 5],
        &[68, 2, 1, 1],
        &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[148, 4, 0, 0],
        &[148, 4, 0, 5],
        &[148, 2, 1, 1],
        &[82, 4, 0, 0],
        &[99, 4, 1, 2],
        &[99, 1, 0, 0],
        &[99, 9, 0, 0],
    ];
    for option in options {
        frames.push(v4_with(UDP, &udp, V4 { options: option, ..PLAIN }));
        frames.push(v4_with(
            TCP,
            &summed(segment((1, 2), (3, 4), 2, &[], b""), 16, TCP, false),
            V4 { options: option, ..PLAIN },
        ));
    }
    // Version and header's length; total length; checksum.
    for (at, value) in [
        (14, 0x44),
        (14, 0x46),
        (14, 0x4f),
        (14, 0x55),
        (14, 0x65),
        (14, 0x05),
        (16, 1),
        (17, 19),
        (17, 24),
        (17, 99),
        (25, 9),
    ] {
        let mut frame = v4(UDP, &udp);
        frame[at] = value;
        frames.push(frame);
    }
    let mut unsized_frame = v4(TCP, &segment((1, 2), (3, 4), 0x10, &[], b"of a card"));
    unsized_frame[16..18].fill(0);
    frames.push(unsized_frame);
    frames.push(ether(IPV4, &bare_v4(UDP, &udp, PLAIN)[..19]));
    frames.push(ether(IPV4, &[]));
    // Padding behind.
    frames.push([v4(TCP, &segment((1, 2), (3, 4), 0x10, &[], b"")), vec![0; 6]].concat());
    // Packets in packets.
    let mut nested = bare_v4(UDP, &udp, PLAIN);
    for depth in 0..6 {
        nested = if depth % 2 == 0 {
            bare_v4(4, &nested, PLAIN)
        } else {
            bare_v4(41, &bare_v6(4, &nested), PLAIN)
        };
        frames.push(ether(IPV4, &nested));
    }
    frames.extend([59, 77, 99, 143, 253].map(|protocol| v4(protocol, &udp)));
    frames
}

pub(super) fn headers_v6() -> Vec<Vec<u8>> {
    let udp = summed(vec![0x9c, 0x40, 0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4], 6, UDP, true);
    let target = bare_v6(0, &[])[24..40].to_vec();
    let routing =
        |kind: u8, length: u8| [vec![UDP, length, kind, 1, 0, 0, 0, 0], target.clone(), udp.clone()].concat();
    let mut frames = Vec::new();
    for (index, option) in [
        &[1, 4, 0, 0, 0, 0][..],
        &[0, 0, 0, 0, 0, 0],
        &[5, 2, 0, 0, 1, 0],
        &[5, 1, 0, 1, 1, 0],
        &[1, 2, 0, 0, 5, 2],
        &[0xc2, 4, 0, 1, 0, 0],
        &[0xc2, 4, 0, 0, 9, 0],
        &[0xc2, 3, 0, 0, 9, 0],
        &[0xc9, 4, 0, 0, 9, 0],
        &[0x8a, 1, 0, 0, 0, 0],
        &[0x3e, 2, 0, 0, 1, 0],
        &[9, 9, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 1],
    ]
    .into_iter()
    .enumerate()
    {
        let header = |next: u8| [&[next, 0], option].concat();
        frames.push(v6(0, &[header(UDP), udp.clone()].concat()));
        frames.push(v6(60, &[header(UDP), udp.clone()].concat()));
        let second = [0, 60, 43][index % 3];
        frames.push(v6(0, &[header(60), header(second), header(UDP), udp.clone()].concat()));
        let mut unsized_frame = v6(0, &[header(UDP), udp.clone()].concat());
        unsized_frame[18..20].fill(0);
        frames.push(unsized_frame);
    }
    let home = [vec![UDP, 2, 0xc9, 18], target.clone(), vec![1, 0, 0, 0]].concat();
    frames.push(v6(60, &[home, udp.clone()].concat()));
    for (kind, length) in [(0, 2), (2, 2), (4, 2), (0, 1), (4, 1), (3, 2), (0, 0), (2, 8)] {
        frames.push(v6(43, &routing(kind, length)));
    }
    let tcp = segment((1, 2), (3, 4), 2, &[], b"data");
    for (protocol, payload) in
        [(UDP, &udp[..]), (TCP, &tcp), (ICMPV6, &[128, 0, 0, 0, 0, 1, 0, 2]), (253, &udp)]
    {
        for offset in [0, 1, 8, 0xfff8, 0xfff9] {
            let header =
                [vec![protocol, 0, (offset >> 8) as u8, offset as u8, 1, 2, 3, 4], payload.to_vec()].concat();
            frames.push(v6(44, &header));
        }
    }
    frames.push(v6(44, &[UDP, 0, 0, 1, 0, 0, 0, 1]));
    frames.push(v6(44, &[UDP, 0, 0]));
    for (at, value) in [
        (14, 0x6f),
        (15, 0x1f),
        (16, 9),
        (14, 0x45),
        (14, 0x50),
        (18, 1),
        (19, 4),
        (19, 0),
        (20, 59),
        (20, 99),
        (20, 77),
        (21, 0),
    ] {
        let mut frame = v6(UDP, &udp);
        frame[at] = value;
        frames.push(frame);
    }
    frames.push(v6(41, &bare_v6(UDP, &udp)));
    frames.push(v6(4, &bare_v4(UDP, &udp, PLAIN)));
    frames.push(ether(IPV6, &bare_v6(UDP, &udp)[..39]));
    // Addresses of all shapes.
    for (index, address) in [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 61, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 61, 0, 1],
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0],
    ]
    .into_iter()
    .enumerate()
    {
        let mut frame = v6(if index % 2 == 0 { UDP } else { 253 }, &udp);
        frame[22..38].copy_from_slice(&address);
        frames.push(frame);
    }
    frames
}

pub(super) fn links() -> Vec<Vec<u8>> {
    let arp = |operation: u16, hardware: u16, protocol: u16, lengths: [u8; 2], target: u8| {
        let mut out = Vec::new();
        out.extend(hardware.to_be_bytes());
        out.extend(protocol.to_be_bytes());
        out.extend(lengths);
        out.extend(operation.to_be_bytes());
        let (mac, address) = (usize::from(lengths[0]), usize::from(lengths[1]));
        out.extend(vec![2; mac]);
        out.extend(&[10, 61, 0, 1][..address.min(4)]);
        out.extend(vec![target; mac]);
        out.extend(&[10, 61, 0, 2][..address.min(4)]);
        out
    };
    let mut frames = Vec::new();
    for operation in 0..12 {
        frames.push(ether(ARP, &arp(operation, 1, IPV4, [6, 4], 0)));
        frames.push(ether(0x8035, &arp(operation, 1, IPV4, [6, 4], 3)));
    }
    for (hardware, protocol, lengths) in [
        (6, IPV4, [6, 4]),
        (99, IPV4, [6, 4]),
        (1, 0x1000, [6, 4]),
        (1, 0x1234, [6, 4]),
        (1, IPV4, [6, 3]),
        (1, IPV4, [0, 4]),
        (1, IPV4, [8, 4]),
    ] {
        frames.push(ether(ARP, &arp(1, hardware, protocol, lengths, 3)));
        frames.push(ether(ARP, &arp(2, hardware, protocol, lengths, 3)));
    }
    frames.push(ether(ARP, &[arp(1, 1, IPV4, [6, 4], 0), vec![0; 18]].concat()));
    for kind in [0x0801, 0x88b5, 0xffff, 0x0600] {
        frames.push(ether(kind, b"nobody knows what this is\0\x01"));
    }
    frames.push(ether(0x88b5, &[]));
    let udp = bare_v4(UDP, &[0x9c, 0x40, 0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4], PLAIN);
    let tag = |tag: u16, kind: u16, rest: &[u8]| [&tag.to_be_bytes()[..], &kind.to_be_bytes(), rest].concat();
    frames.push(ether(0x8100, &tag(5, IPV4, &udp)));
    frames.push(ether(0x8100, &tag(0xf005, 0x88b5, &udp)));
    frames.push(ether(0x88a8, &tag(7, 0x8100, &tag(8, IPV4, &udp))));
    frames.push(ether(0x8100, &[0, 5]));
    let mut everybody = v4(UDP, &udp[20..]);
    everybody[..6].fill(0xff);
    everybody[30..34].fill(0xff);
    frames.push(everybody);
    let mut group = v4(UDP, &udp[20..]);
    group[..6].copy_from_slice(&[1, 0, 0x5e, 1, 2, 3]);
    group[30..34].copy_from_slice(&[239, 1, 2, 3]);
    frames.push(group);
    frames
}
