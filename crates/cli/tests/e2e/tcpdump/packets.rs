//! Frames of every kind, right ones and wrong ones, made byte by byte: for a printer and for filters to be held against
//! tcpdump's.

use sockeye_wire::checksum;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const IGMP: u8 = 2;

/// A frame as a capture holds it: its first bytes, and how long it was.
pub(crate) struct Captured {
    pub(crate) bytes: Vec<u8>,
    pub(crate) length: usize,
}

impl From<Vec<u8>> for Captured {
    fn from(bytes: Vec<u8>) -> Captured {
        Captured { length: bytes.len(), bytes }
    }
}

/// A capture file of them, in pcap's format, a millisecond apart.
pub(crate) fn file(frames: &[Captured]) -> Vec<u8> {
    let mut out = Vec::new();
    let words =
        |out: &mut Vec<u8>, words: &[u32]| words.iter().for_each(|word| out.extend(word.to_le_bytes()));
    words(&mut out, &[0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1]);
    for (index, frame) in frames.iter().enumerate() {
        let (seconds, part) = (1_700_000_000 + index as u32 / 1000, index as u32 % 1000 * 1000);
        words(&mut out, &[seconds, part, frame.bytes.len() as u32, frame.length as u32]);
        out.extend(&frame.bytes);
    }
    out
}

/// All of them.
pub(crate) fn all() -> Vec<Captured> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    frames.extend(connection());
    frames.extend(segments());
    frames.extend(options());
    frames.extend(datagrams());
    frames.extend(names());
    frames.extend(icmp());
    frames.extend(icmpv6());
    frames.extend(groups());
    frames.extend(headers_v4());
    frames.extend(headers_v6());
    frames.extend(links());
    let whole = frames.len();
    let mut captured: Vec<Captured> = frames.iter().cloned().map(Captured::from).collect();
    // Some of each kind, cut at each byte.
    for frame in frames.iter().step_by(whole / 30) {
        for end in (1..frame.len().min(120)).step_by(3) {
            captured.push(Captured { bytes: frame[..end].to_vec(), length: frame.len() });
        }
    }
    captured
}

/// As many as wanted of those, with a byte of each changed.
pub(crate) fn broken(count: usize) -> Vec<Captured> {
    let whole = all();
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    let changed = |index: usize| {
        let Captured { bytes, length } = &whole[index % whole.len()];
        let mut bytes = bytes.clone();
        // Behind the type: other kinds of frames are others' business.
        let at = 14 + next(bytes.len().saturating_sub(14).clamp(1, 120));
        // No other protocol, and no port that tcpdump knows more of.
        let kept = [23, 20, 34, 35, 36, 37, 54, 55, 56, 57];
        if let Some(byte) = bytes.get_mut(at).filter(|_| !kept.contains(&at)) {
            *byte = [0, 1, 0x45, 0x7f, 0xff, 0xc0][next(6)];
        }
        Captured { bytes, length: *length }
    };
    (0..count).map(changed).collect()
}

fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    out.extend(kind.to_be_bytes());
    out.extend(payload);
    out
}

/// What an IPv4 header may have besides.
#[derive(Clone, Copy)]
struct V4<'a> {
    service: u8,
    fragment: u16,
    ttl: u8,
    options: &'a [u8],
}

const PLAIN: V4<'static> = V4 { service: 0, fragment: 0x4000, ttl: 64, options: &[] };

fn bare_v4(protocol: u8, payload: &[u8], with: V4<'_>) -> Vec<u8> {
    let header_len = 20 + with.options.len();
    let mut out = vec![0x40 | (header_len / 4) as u8, with.service];
    out.extend(((header_len + payload.len()) as u16).to_be_bytes());
    out.extend([0x12, 0x34]);
    out.extend(with.fragment.to_be_bytes());
    out.extend([with.ttl, protocol, 0, 0, 10, 61, 0, 1, 10, 61, 0, 2]);
    out.extend(with.options);
    let sum = checksum::of(&out);
    out[10..12].copy_from_slice(&sum.to_be_bytes());
    out.extend(payload);
    out
}

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ether(IPV4, &bare_v4(protocol, payload, PLAIN))
}

fn v4_with(protocol: u8, payload: &[u8], with: V4<'_>) -> Vec<u8> {
    ether(IPV4, &bare_v4(protocol, payload, with))
}

fn bare_v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, 64]);
    out.extend([0xfd, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    out.extend([0xfd, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    out.extend(payload);
    out
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    ether(IPV6, &bare_v6(next, payload))
}

/// A message with its checksum at a place, over the pseudo-header of a family.
fn summed(mut message: Vec<u8>, at: usize, protocol: u8, of_v6: bool) -> Vec<u8> {
    message[at..at + 2].fill(0);
    let mut sum = checksum::Checksum::new();
    if of_v6 {
        sum.add(&bare_v6(0, &[])[8..40]);
    } else {
        sum.add(&bare_v4(0, &[], PLAIN)[12..20]);
    }
    sum.add(&(message.len() as u32).to_be_bytes());
    sum.add(&[0, protocol]);
    sum.add(&message);
    let sum = sum.finish().to_be_bytes();
    message[at..at + 2].copy_from_slice(&sum);
    message
}

/// A segment: ports, numbers, flags, options and data.
fn segment(
    (from, to): (u16, u16),
    (seq, ack): (u32, u32),
    flags: u8,
    options: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(from.to_be_bytes());
    out.extend(to.to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    out.extend([((20 + options.len()) / 4 * 16) as u8, flags, 1, 246, 0, 0, 0, 9]);
    out.extend(options);
    out.extend(data);
    out
}

fn tcp(ports: (u16, u16), numbers: (u32, u32), flags: u8, options: &[u8], data: &[u8]) -> [Vec<u8>; 2] {
    let segment = segment(ports, numbers, flags, options, data);
    [v4(TCP, &summed(segment.clone(), 16, TCP, false)), v6(TCP, &summed(segment, 16, TCP, true))]
}

fn udp((from, to): (u16, u16), data: &[u8]) -> [Vec<u8>; 2] {
    let mut datagram = Vec::new();
    for number in [from, to, 8 + data.len() as u16, 0] {
        datagram.extend(number.to_be_bytes());
    }
    datagram.extend(data);
    [v4(UDP, &summed(datagram.clone(), 6, UDP, false)), v6(UDP, &summed(datagram, 6, UDP, true))]
}

/// The same, as it comes from the other end.
fn back(mut frame: Vec<u8>) -> Vec<u8> {
    let (at, size) = if frame[12] == 8 { (26, 4) } else { (22, 16) };
    for index in 0..size {
        frame.swap(at + index, at + size + index);
    }
    frame
}

fn connection() -> Vec<Vec<u8>> {
    let stamps = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];
    let syn = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let sack = |left: u32| {
        let mut option = stamps.to_vec();
        option.extend([1, 1, 5, 10]);
        option.extend(left.to_be_bytes());
        option.extend((left + 100).to_be_bytes());
        option
    };
    let (iss, irs) = (u32::MAX - 20, 5000);
    let (out, home) = ((40_001, 80), (80, 40_001));
    let get = b"GET /bytes/10 HTTP/1.1\r\nHost: tekapo\r\nAccept: */*\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let mut frames = Vec::new();
    frames.extend(tcp(out, (iss, 0), 2, &syn, b""));
    frames.extend(tcp(out, (iss, 0), 0xc2, &syn, b""));
    frames.extend(tcp(home, (irs, iss.wrapping_add(1)), 0x12, &syn, b"").map(back));
    frames.extend(tcp(out, (iss.wrapping_add(1), irs + 1), 0x10, &stamps, b""));
    frames.extend(tcp(out, (iss.wrapping_add(1), irs + 1), 0x18, &stamps, get));
    frames.extend(tcp(home, (irs + 1, iss.wrapping_add(50)), 0x18, &stamps, answer).map(back));
    frames.extend(
        tcp(home, (irs + 60, iss.wrapping_add(50)), 0x10, &sack(iss.wrapping_add(60)), b"").map(back),
    );
    frames.extend(tcp(out, (iss.wrapping_add(50), irs + 60), 0x10, &sack(irs + 100), b""));
    frames.extend(tcp(out, (iss.wrapping_add(50), irs + 60), 0x11, &stamps, b"bye"));
    frames.extend(tcp(out, (iss.wrapping_add(54), 0), 4, &[], b""));
    frames
}

fn segments() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for flags in 0..=255 {
        let [first, second] = tcp(
            (4000, 5000 + u16::from(flags & 3)),
            (100, 200),
            flags,
            &[],
            &[b'x'; 3][..usize::from(flags % 3)],
        );
        frames.push(if flags % 2 == 0 { first } else { second });
    }
    let texts: [(u16, &[u8]); 24] = [
        (80, b"POST /a%20b HTTP/1.0\r\nA: b\r\n\r\nbody"),
        (8080, b"no request at all\r\n"),
        (80, b"HTTP/1.1 404"),
        (80, b"HTTP/1.1\t404 Not Found\n"),
        (80, b"get x\n"),
        (80, b"PUT /\x01\r\n"),
        (80, b"PUT /\r"),
        (80, b"PUT /\rx"),
        (80, b" PUT /\r\n"),
        (3128, b"GET / HTTP/1.1\r\n\r\n"),
        (25, b"220 mail\r\n250 ok\r\n"),
        (21, b"USER anonymous\r\n"),
        (21, b"\xff\xfe"),
        (43, b"example.org\r\n"),
        (22, b"SSH-2.0-OpenSSH_9.2\r\n"),
        (22, b"SSH-2.0"),
        (22, b"no"),
        (554, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"),
        (6379, b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n"),
        (6379, b"+OK\r\n:12\r\n-ERR no\r\n$-1\r\n*0\r\n$0\r\n\r\n"),
        (6379, b"PING\r\nPING\r\n"),
        (6379, b"$99\r\nx\r\n"),
        (6379, b"*-2\r\n$x\r\n$99999999999\r\n$5\r\n"),
        (6379, b"*1\r\n*1\r\n*1\r\n:1\r\n"),
    ];
    for (port, text) in texts {
        let [first, second] = tcp((40_100, port), (1, 1), 0x18, &[], text);
        frames.extend([first, back(second)]);
    }
    // Why, in words.
    for text in [&b"no such thing"[..], b"\x00\x7f\x80\xff\t", &[b'a'; 40]] {
        frames.extend(tcp((40_101, 81), (1, 1), 0x14, &[], text));
    }
    // Wrong in other ways.
    for offset in [0, 4, 6, 15] {
        let [mut first, mut second] = tcp((40_102, 82), (1, 1), 0x10, &[], b"abc");
        (first[46], second[66]) = (offset << 4, offset << 4);
        frames.extend([first, second]);
    }
    let [mut first, mut second] = tcp((40_103, 83), (1, 1), 0x30, &[], b"abc");
    (first[50], second[70]) = (9, 9);
    frames.extend([first, second]);
    frames
}

fn options() -> Vec<Vec<u8>> {
    let options: [&[u8]; 46] = [
        &[2, 4, 5, 180],
        &[2, 6, 5, 180, 0, 0],
        &[2, 3, 5],
        &[2, 0],
        &[2, 1],
        &[2, 9],
        &[3, 3, 7],
        &[4, 2],
        &[5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        &[5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
        &[5, 9, 0, 0, 0, 1, 0, 0, 0],
        &[5, 2],
        &[6, 6, 0, 0, 0, 1],
        &[7, 6, 0, 0, 0, 1],
        &[8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        &[8, 8, 0, 0, 0, 1, 0, 0],
        &[11, 6, 0, 0, 0, 9],
        &[12, 6, 0, 0, 0, 9],
        &[13, 6, 0, 0, 0, 9],
        &[19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        &[20, 4, 1, 2],
        &[28, 4, 0x80, 3],
        &[28, 4, 0, 4],
        &[29, 4, 1, 2],
        &[29, 8, 1, 2, 3, 4, 5, 6],
        &[29, 3, 1],
        &[34, 2],
        &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8],
        &[34, 5, 1, 2, 3],
        &[34, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
        &[254, 4, 0xf9, 0x89],
        &[254, 12, 0xf9, 0x89, 1, 2, 3, 4, 5, 6, 7, 8],
        &[254, 4, 0x12, 0x34],
        &[254, 3, 1],
        &[253, 4, 1, 2],
        &[77, 2],
        &[77, 5, 1, 2, 3],
        &[1],
        &[1, 1, 1, 1],
        &[0],
        &[1, 0, 2, 4],
        &[1, 1, 2],
        &[4, 2, 2, 2],
        &[1, 3, 4, 7, 7],
        &[69, 40],
        &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
    ];
    let each = options.iter().enumerate().flat_map(|(index, option)| {
        tcp(
            (30_000 + index as u16, 90),
            (7, 8),
            0x10 | (index & 2) as u8,
            option,
            &[b'x'; 2][..index % 3 / 2],
        )
    });
    each.collect()
}

fn datagrams() -> Vec<Vec<u8>> {
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

fn names() -> Vec<Vec<u8>> {
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

fn icmp() -> Vec<Vec<u8>> {
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

fn icmpv6() -> Vec<Vec<u8>> {
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

fn groups() -> Vec<Vec<u8>> {
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

fn headers_v4() -> Vec<Vec<u8>> {
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

fn headers_v6() -> Vec<Vec<u8>> {
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

fn links() -> Vec<Vec<u8>> {
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
