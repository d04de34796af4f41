//! Of ICMP, ICMPv6 and IGMP.

use super::*;

/// Packets that failed, of several protocols.
fn quoted(of_v6: bool) -> Vec<Vec<u8>> {
    let tcp = segment((40_400, 80), (1, 0), 2, &[2, 4, 5, 180], b"");
    let udp = [0x9c, 0x40, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4];
    let bodies: [(u8, &[u8]); 4] = [
        (TCP, &tcp),
        (UDP, &udp),
        (99, &udp),
        (if of_v6 { ICMPV6 } else { ICMP }, &[8, 0, 0, 0, 0, 1, 0, 2]),
    ];
    let whole = |(protocol, body): (u8, &[u8])| {
        if of_v6 { bare_v6(protocol, body) } else { bare_v4(protocol, body, PLAIN) }
    };
    bodies.into_iter().map(whole).collect()
}

fn icmp_message(kind: u8, code: u8, word: [u8; 4], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, code, 0, 0];
    out.extend(word);
    out.extend(rest);
    let sum = checksum::of(&out);
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

pub(super) fn icmp() -> Vec<Vec<u8>> {
    let quoted = quoted(false);
    let mut messages = Vec::new();
    for packet in &quoted {
        for code in 0..17 {
            messages.push(icmp_message(3, code, [0, 0, 5, 0], packet));
        }
        for (kind, codes) in [(4, 1), (5, 5), (11, 3), (12, 2)] {
            messages.extend((0..codes).map(|code| icmp_message(kind, code, [10, 61, 0, 9], packet)));
        }
    }
    messages.push(icmp_message(3, 4, [0; 4], &quoted[0]));
    messages.extend(
        [0, 8, 10, 13, 15, 16, 17, 1, 30, 200].map(|kind| icmp_message(kind, 0, [0, 17, 0, 1], &[7; 24])),
    );
    messages.push(icmp_message(14, 0, [0, 17, 0, 1], &[0, 0, 16, 0, 0, 1, 0, 0, 5, 38, 92, 0]));
    messages.push(icmp_message(18, 0, [0, 17, 0, 1], &[255, 255, 255, 0]));
    for (count, size, life) in [(1, 2, [0, 30]), (2, 2, [7, 8]), (1, 3, [0x70, 8]), (3, 2, [0, 60])] {
        let routers = [10, 61, 0, 1, 0, 0, 0, 5, 10, 61, 0, 3, 0, 0, 0, 9];
        messages.push(icmp_message(9, 0, [count, size, life[0], life[1]], &routers));
    }
    // Extensions behind 128 bytes of the packet.
    let mut long = quoted[0].clone();
    long.resize(128, 0);
    let mut extension =
        vec![0x20, 0, 0, 0, 0, 8, 1, 1, 0, 0x12, 0x31, 0xff, 0, 8, 2, 1, 1, 2, 3, 4, 0, 5, 9, 9, 7, 7, 7, 7];
    let sum = checksum::of(&extension);
    extension[2..4].copy_from_slice(&sum.to_be_bytes());
    for (said, version) in [(0, 0x20), (32, 0x20), (32, 0x10), (0, 0x21)] {
        extension[0] = version;
        messages.push(icmp_message(11, 0, [0, said, 0, 0], &[long.clone(), extension.clone()].concat()));
    }
    let mut frames: Vec<Vec<u8>> = messages.iter().map(|message| v4(ICMP, message)).collect();
    let mut wrong = frames[0].clone();
    wrong[36] ^= 1;
    frames.push(wrong);
    for short in [0, 1, 4, 7, 8, 20, 27, 28, 30] {
        frames.push(v4(ICMP, &messages[3][..short]));
    }
    frames.push(v6(ICMP, &messages[0]));
    frames
}

pub(super) fn icmpv6() -> Vec<Vec<u8>> {
    let target = &bare_v6(0, &[])[24..40];
    let message = |kind: u8, code: u8, word: [u8; 4], rest: &[u8]| {
        summed(icmp_message(kind, code, word, rest), 2, ICMPV6, true)
    };
    let mut messages = Vec::new();
    for packet in &quoted(true) {
        messages.extend((0..8).map(|code| message(1, code, [0; 4], packet)));
        messages.push(message(2, 0, [0, 0, 5, 0], packet));
        messages.extend((0..3).map(|code| message(3, code, [0; 4], packet)));
        messages.extend((0..5).map(|code| message(4, code, [0, 0, 0, 6], packet)));
    }
    messages.extend(
        [128, 129, 141, 142, 144, 146, 200, 201, 5, 100, 250]
            .map(|kind| message(kind, 0, [0, 17, 0, 1], &[7; 12])),
    );
    let link = [1, 1, 2, 0, 0, 0, 0, 1];
    let solicitation = [target, &link].concat();
    messages.push(message(135, 0, [0; 4], &solicitation));
    messages.push(message(135, 0, [0; 4], target));
    for flags in [0, 0x20, 0x40, 0x60, 0x80, 0xe0] {
        messages.push(message(136, 0, [flags, 0, 0, 0], &[target, &[2, 1, 2, 0, 0, 0, 0, 2]].concat()));
    }
    messages.push(message(
        137,
        0,
        [0; 4],
        &[target, target, &[4, 2, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]].concat(),
    ));
    messages.push(message(133, 0, [0; 4], &link));
    messages.push(message(133, 0, [0; 4], &[]));
    let prefix = |flags: u8, valid: [u8; 4]| {
        [&[3, 4, 64, flags], &valid[..], &[0, 0, 1, 0, 0, 0, 0, 0], target].concat()
    };
    let options: [Vec<u8>; 17] = [
        vec![],
        link.to_vec(),
        vec![5, 1, 0, 0, 0, 0, 5, 220],
        vec![5, 2, 0, 0, 0, 0, 5, 220, 0, 0, 0, 0, 0, 0, 0, 0],
        prefix(0xe0, [255; 4]),
        prefix(0, [0, 0, 7, 8]),
        [&[25, 3, 0, 0, 0, 0, 0, 60], target].concat(),
        [&[31, 3, 0, 0, 0, 0, 0, 60], &b"\x03lab\x00\x00\x00\x00\x01a\x01b\x00\x00\x00"[..]].concat(),
        vec![7, 1, 0, 0, 0, 0, 3, 232],
        vec![8, 1, 0, 0, 0, 1, 0, 60],
        [&[24, 3, 48, 8, 0, 0, 0, 60], target].concat(),
        [&[24, 2, 48, 0x18, 0, 0, 0, 60], &target[..8]].concat(),
        vec![24, 1, 0, 0, 255, 255, 255, 255],
        vec![99, 1, 1, 2, 3, 4, 5, 6],
        vec![5, 0, 0, 0, 0, 0, 5, 220],
        vec![5, 9, 0, 0, 0, 0, 5, 220],
        vec![5],
    ];
    for (index, option) in options.iter().enumerate() {
        let flags = [0, 0x80, 0x40, 0xe0, 0x08, 0x18, 0x10][index % 7];
        let fixed = [0, 0, 0, 9, 0, 0, 0, 8];
        messages.push(message(134, 0, [64, flags, 7, 8], &[&fixed[..], option].concat()));
        messages.push(message(134, 0, [64, flags, 7, 8], &[&fixed[..], option, &link].concat()));
    }
    let group = [0xff, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for kind in 130..133 {
        messages.push(message(kind, 0, [0, 10, 0, 0], &group));
        messages.push(message(kind, 0, [0, 10, 0, 0], &group[..12]));
    }
    for (delay, flags, interval, sources) in
        [([0, 10], 0, 125, 0), ([0x90, 1], 0x0a, 0x8f, 1), ([0, 1], 2, 125, 9)]
    {
        let tail = [&group[..], &[flags, interval, 0, sources], target].concat();
        messages.push(message(130, 0, [delay[0], delay[1], 0, 0], &tail));
    }
    let listed = [&[4, 0, 0, 0], &group[..], &[5, 0, 0, 1], &group, target, &[9, 0, 0, 0], &group].concat();
    messages.push(message(143, 0, [0, 0, 0, 3], &listed));
    messages.push(message(143, 0, [0, 0, 0, 9], &listed));
    messages.push(message(143, 0, [0, 0, 0, 2], &listed[..30]));
    let alert = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
    let mut frames: Vec<Vec<u8>> = messages.iter().map(|message| v6(ICMPV6, message)).collect();
    frames
        .extend(messages[messages.len() - 6..].iter().map(|message| v6(0, &[&alert[..], message].concat())));
    for short in [0, 1, 3, 7, 8, 20, 47, 48, 50, 52] {
        frames.push(v6(ICMPV6, &messages[4][..short]));
    }
    let mut wrong = frames[9].clone();
    wrong[56] ^= 1;
    frames.push(wrong);
    frames.push(v4(ICMPV6, &messages[0]));
    frames
}

pub(super) fn groups() -> Vec<Vec<u8>> {
    let message = |kind: u8, code: u8, rest: &[u8]| {
        let mut out = vec![kind, code, 0, 0];
        out.extend(rest);
        let sum = checksum::of(&out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out
    };
    let (group, any) = ([239, 1, 2, 3], [0; 4]);
    let mut messages = Vec::new();
    for code in [0, 1, 10, 100, 127, 128, 200, 255] {
        messages.push(message(0x11, code, &any));
        messages.push(message(0x11, code, &group));
        messages.push(message(0x11, code, &[any, [0; 4]].concat()));
        messages.push(message(0x11, code, &[group, [2, 125, 0, 2], group, group].concat()));
    }
    messages.push(message(0x11, 1, &[group, [2, 125, 0, 9], group].concat()));
    messages.push(message(0x11, 1, &[&group[..], &[2, 125, 0, 0, 1]].concat()));
    messages.push(message(0x11, 1, &[&group[..], &[1, 2]].concat()));
    messages.extend([0x12, 0x16, 0x17, 0x33].map(|kind| message(kind, 0, &group)));
    messages.push(message(0x12, 0, &[group, group].concat()));
    let records =
        [[0, 0, 0, 3], [4, 0, 0, 0], group, [5, 0, 0, 2], group, group, group, [8, 0, 0, 0], group].concat();
    messages.push(message(0x22, 0, &records));
    messages.push(message(0x22, 0, &[&[0, 0, 0, 9], &records[4..]].concat()));
    messages.push(message(0x22, 0, &[[0, 0, 0, 1], [4, 0, 0, 9], group].concat()));
    messages.push(message(0x22, 0, &[0, 0, 0, 0]));
    messages.push(vec![0x16, 0, 9, 9, 239, 1, 2, 3]);
    let alert = V4 { ttl: 1, options: &[148, 4, 0, 0], service: 0xc0, ..PLAIN };
    let mut frames: Vec<Vec<u8>> = messages.iter().map(|message| v4_with(IGMP, message, alert)).collect();
    frames.extend([0, 1, 3, 5].map(|short| v4_with(IGMP, &messages[3][..short], alert)));
    frames.push(v6(IGMP, &messages[0]));
    frames
}
