//! Frames of every kind, right ones and wrong ones, made byte by byte: for a printer and for filters to be held against
//! tcpdump's.

mod datagrams;
mod headers;
mod icmp;
mod tcp;

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
    frames.extend(tcp::connection());
    frames.extend(tcp::segments());
    frames.extend(tcp::options());
    frames.extend(datagrams::datagrams());
    frames.extend(datagrams::names());
    frames.extend(icmp::icmp());
    frames.extend(icmp::icmpv6());
    frames.extend(icmp::groups());
    frames.extend(headers::headers_v4());
    frames.extend(headers::headers_v6());
    frames.extend(headers::links());
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
