//! Of UDP, and of DNS, which it carries.

use super::*;

pub(super) fn datagrams() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for length in [0, 1, 2, 3, 31, 700] {
        frames.extend(udp((40_200, 9999), &vec![b'u'; length]));
    }
    // Its length, and its checksum.
    for (at, bytes) in
        [(4, [0, 0]), (4, [0, 7]), (4, [0, 8]), (4, [0, 10]), (4, [4, 0]), (6, [0, 0]), (6, [9, 9])]
    {
        for (mut frame, start) in udp((40_201, 9998), b"datagram").into_iter().zip([34, 54]) {
            frame[start + at..start + at + 2].copy_from_slice(&bytes);
            frames.push(frame);
        }
    }
    for short in 0..9 {
        frames.push(v4(UDP, &[0x9c, 0x40, 0, 9, 0, 12, 0, 0, 1][..short]));
        frames.push(v6(UDP, &[0x9c, 0x40, 0, 9, 0, 12, 0, 0, 1][..short]));
        frames.push(v4(TCP, &segment((5, 6), (1, 2), 2, &[], b"")[..short * 2]));
        frames.push(v6(TCP, &segment((5, 6), (1, 2), 2, &[], b"")[..short * 2]));
    }
    for text in [&b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\n"[..], b"SIP/2.0 200 OK\r\n", b"\0\0\0\0"] {
        frames.extend(udp((5060, 40_202), text));
    }
    frames
}

/// A message of DNS: its flags, how much it has of what, and the rest.
fn dns(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend(flags.to_be_bytes());
    counts.iter().for_each(|count| out.extend(count.to_be_bytes()));
    out.extend(rest);
    out
}

fn question(kind: u16, class: u16) -> Vec<u8> {
    let mut out = b"\x06tekapo\x03lab\x00".to_vec();
    out.extend(kind.to_be_bytes());
    out.extend(class.to_be_bytes());
    out
}

fn record(kind: u16, class: u16, value: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 12];
    out.extend(kind.to_be_bytes());
    out.extend(class.to_be_bytes());
    out.extend(90_061_u32.to_be_bytes());
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
    out
}

pub(super) fn names() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for kind in [1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 48, 49, 98, 99, 104, 105, 249, 252, 255, 256, 257] {
        messages.push(dns(0x100, [1, 0, 0, 0], &question(kind, 1)));
    }
    for (class, flags) in
        [(3, 0x110), (4, 0x800), (255, 0x100), (9, 0x100), (0x8001, 0x100), (1, 0x2900), (1, 0x7800)]
    {
        messages.push(dns(flags, [1, 0, 0, 0], &question(1, class)));
    }
    let name = b"\x03www\xc0\x0c";
    let soa =
        [&b"\xc0\x0c\x04root\xc0\x0c"[..], &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]]
            .concat();
    let address_v6 = [0xfd, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    let values: [(u16, &[u8]); 22] = [
        (1, &[10, 61, 0, 2]),
        (1, &[10, 61]),
        (28, &address_v6),
        (28, &address_v6[..4]),
        (2, name),
        (5, name),
        (12, b"\x00"),
        (39, b"\xc0\x0c"),
        (6, &soa),
        (6, &soa[..20]),
        (15, b"\x00\x0a\x04mail\xc0\x0c"),
        (16, b"\x05hello\x03a\x01b"),
        (16, b"\x05he"),
        (33, b"\x00\x01\x00\x02\x00\x50\xc0\x0c"),
        (256, b"\x00\x01\x00\x02http://x/"),
        (13, b"\x01a\x01b"),
        (999, b"abc"),
        (2, b"\xc0\xff"),
        (2, b"\x80"),
        (2, b"\x43ab"),
        (2, b"\x41\x09\xff\x80\x00"),
        (2, &[63; 400]),
    ];
    for (kind, value) in values {
        let rest = [question(kind, 1), record(kind, 1, value)].concat();
        messages.push(dns(0x8180, [1, 1, 0, 0], &rest));
        messages.push(dns(0x8180, [1, 1, 0, 0], &rest[..rest.len() - 1]));
    }
    for flags in (0..16).map(|code| 0x8580 | code).chain([0x8000, 0x8320, 0x83a0, 0xf9b0, 0x8010]) {
        messages.push(dns(flags, [1, 0, 1, 0], &[question(1, 1), record(6, 1, &soa)].concat()));
    }
    let options: [&[u8]; 28] = [
        &[],
        &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0, 10, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0, 10, 0, 2, 1, 2],
        &[0, 8, 0, 7, 0, 1, 24, 0, 10, 61, 0],
        &[0, 8, 0, 12, 0, 2, 64, 0, 0xfd, 0x61, 0, 0, 0, 0, 0, 0],
        &[0, 8, 0, 2, 0, 1],
        &[0, 8, 0, 5, 0, 3, 8, 0, 1],
        &[0, 8, 0, 5, 0, 1, 33, 0, 1],
        &[0, 12, 0, 3, 0, 0, 0],
        &[0, 11, 0, 2, 0, 105],
        &[0, 11, 0, 0],
        &[0, 11, 0, 1, 1],
        &[0, 9, 0, 4, 0, 0, 0, 60],
        &[0, 9, 0, 3, 0, 0, 0],
        &[0, 3, 0, 2, 0xab, 0xcd],
        &[0, 5, 0, 3, 5, 8, 99],
        &[0, 6, 0, 3, 1, 2, 99],
        &[0, 7, 0, 2, 1, 2],
        &[0, 14, 0, 4, 0, 1, 0, 2],
        &[0, 14, 0, 1, 1],
        &[0, 1, 0, 0, 0, 2, 0, 1, 7],
        &[0, 16, 0, 1, 7, 0, 17, 0, 1, 7],
        &[0x12, 0x34, 0, 1, 7],
        &[0, 4, 0, 1, 7],
        &[0, 15, 0, 1, 7],
        &[0, 10],
        &[0, 10, 0, 9, 1],
    ];
    for option in options {
        let mut opt = vec![0, 0, 41, 4, 208, 0, 0, 0x80, 0];
        opt.extend((option.len() as u16).to_be_bytes());
        opt.extend(option);
        messages.push(dns(0x120, [1, 0, 0, 1], &[question(1, 1), opt.clone()].concat()));
        opt[5] = 1;
        messages.push(dns(
            0x8180,
            [1, 1, 0, 1],
            &[question(1, 1), record(1, 1, &[10, 61, 0, 2]), opt].concat(),
        ));
    }
    messages.push(dns(0x8180, [0, 0, 0, 0], &[]));
    messages.push(dns(
        0x8180,
        [2, 2, 0, 0],
        &[question(1, 1), question(28, 1), record(1, 1, &[1, 2, 3, 4]), record(1, 3, &[1, 2, 3, 5])].concat(),
    ));
    messages.push(dns(
        0x0100,
        [2, 1, 1, 1],
        &[
            question(1, 1),
            question(28, 1),
            record(1, 1, &[1, 2, 3, 4]),
            record(2, 1, name),
            record(1, 1, &[1, 2, 3, 4]),
        ]
        .concat(),
    ));
    messages.push(dns(0x0900, [0, 1, 0, 0], &record(1, 1, &[1, 2, 3, 4])));
    messages.push(dns(0x0100, [3, 0, 0, 0], &question(1, 1)));
    messages.push(dns(0x8180, [1, 9, 9, 9], &[question(1, 1), record(1, 1, &[1, 2, 3, 4])].concat()));
    messages.push(b"short".to_vec());
    let mut frames = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let [first, second] = udp((40_300, if index % 5 == 4 { 5353 } else { 53 }), message);
        frames.push(if index % 2 == 0 { first } else { back(second) });
    }
    for message in [&messages[0], &messages[30], &messages[40]] {
        let stream = [&(message.len() as u16).to_be_bytes(), message.as_slice()].concat();
        frames.extend(tcp((40_301, 53), (1, 1), 0x18, &[], &stream));
        frames.extend(tcp((40_301, 53), (1, 1), 0x18, &[], &stream[..9]));
        frames.extend(tcp((40_301, 53), (1, 1), 0x18, &[], &stream[..1]));
    }
    frames
}
