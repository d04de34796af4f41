//! The single frames that a value stands for, as the bytes that a capture keeps of them. Of a super-segment the headers
//! are made once, and what differs from segment to segment is put into them.

use sockeye_base::{ChainReader, SeqNum};

use crate::checksum::{self, Checksum};
use crate::tcp::{self, Flags, Segment};
use crate::{Frame, ethernet, ip, ipv4, ipv6};

/// The single frames of [`Frame::heads`], in order.
pub struct Heads<'a> {
    frame: &'a Frame,
    rest: Rest<'a>,
}

enum Rest<'a> {
    /// The frame itself, which is one.
    Whole,
    /// Segments of a super-segment.
    Segments(Box<Segments<'a>>),
    Nothing,
}

/// What is left of a super-segment.
struct Segments<'a> {
    /// The headers from Ethernet's to TCP's options; what differs from segment to segment is zero.
    headers: Vec<u8>,
    ip: &'a ip::Header,
    /// Where its bytes begin, and those of TCP's.
    ip_at: usize,
    tcp_at: usize,
    /// The sum of the IP header (of version 4), and that of TCP's with the pseudo-header, as they are.
    ip_sum: Checksum,
    tcp_sum: Checksum,
    data: ChainReader<'a>,
    /// Bytes of data that are left.
    left: usize,
    gso_size: u16,
    id: u16,
    seq: SeqNum,
    flags: Flags,
    urgent: u16,
}

impl Frame {
    /// The single frames this value stands for (as [`Frame::split`] has them), of which there are [`Frame::count`].
    pub fn heads(&self) -> Heads<'_> {
        let packet = self.as_packet().filter(|packet| packet.count() > 1);
        let rest = match packet.and_then(|packet| Some((&packet.ip, packet.as_segment()?))) {
            Some((ip, segment)) => Rest::Segments(Box::new(Segments::new(self, ip, segment))),
            None => Rest::Whole,
        };
        Heads { frame: self, rest }
    }
}

impl Heads<'_> {
    /// Puts the first `snap` bytes of the next one behind `out`, and says how long it is whole; 0 if there is none. Lengths
    /// and checksums in it are those of the whole; data that is cut off is not copied.
    pub fn write_next(&mut self, snap: usize, out: &mut Vec<u8>) -> usize {
        match &mut self.rest {
            Rest::Whole => {
                self.rest = Rest::Nothing;
                self.frame.write_snapped(checksum::Transport::Here, snap, out);
                self.frame.len()
            }
            Rest::Segments(segments) => {
                let length = segments.write_next(snap, out);
                if segments.left == 0 {
                    self.rest = Rest::Nothing;
                }
                length
            }
            Rest::Nothing => 0,
        }
    }

    /// Makes of `kept`, a copy of what is kept of the one before, the same of the next one, if that is as long: `false`, and
    /// nothing has happened, if it isn't, or the headers are not kept whole.
    pub fn overwrite_next(&mut self, kept: &mut [u8]) -> bool {
        let Rest::Segments(segments) = &mut self.rest else { return false };
        let size = usize::from(segments.gso_size);
        if segments.left < size || kept.len() < segments.headers.len() {
            return false;
        }
        segments.fill(size, kept);
        if segments.left == 0 {
            self.rest = Rest::Nothing;
        }
        true
    }
}

impl<'a> Segments<'a> {
    fn new(frame: &Frame, ip: &'a ip::Header, segment: &'a Segment) -> Segments<'a> {
        let mut headers = Vec::with_capacity(frame.len() - segment.payload.len());
        headers.extend(frame.ethernet.iter().flat_map(ethernet::Header::to_bytes));
        let ip_at = headers.len();
        let (mut ip_sum, mut id) = (Checksum::new(), 0);
        match ip {
            ip::Header::V4(header) => {
                header.write((ip::protocol::TCP, 0), 0, &mut headers);
                let header_bytes = &mut headers[ip_at..];
                for at in [ipv4::LENGTH_AT, ipv4::ID_AT, ipv4::CHECKSUM_AT] {
                    checksum::put(header_bytes, at, 0);
                }
                ip_sum.add(header_bytes);
                id = header.id;
            }
            ip::Header::V6(header) => header.write(ip::protocol::TCP, 0, &mut headers),
        }
        let tcp_at = headers.len();
        segment.write_header(&mut headers);
        let header_bytes = &mut headers[tcp_at..];
        header_bytes[tcp::SEQ_AT..tcp::SEQ_AT + 4].fill(0);
        header_bytes[tcp::FLAGS_AT] = 0;
        checksum::put(header_bytes, tcp::URGENT_AT, 0);
        let mut tcp_sum = Checksum::pseudo_header(ip, ip::protocol::TCP, 0);
        tcp_sum.add(header_bytes);
        let Segment { seq, flags, urgent, gso_size, ref payload, .. } = *segment;
        let (data, left) = (payload.reader(), payload.len());
        Segments { headers, ip, ip_at, tcp_at, ip_sum, tcp_sum, data, left, gso_size, id, seq, flags, urgent }
    }

    fn write_next(&mut self, snap: usize, out: &mut Vec<u8>) -> usize {
        let size = self.left.min(self.gso_size.into());
        let (start, whole) = (out.len(), self.headers.len() + size);
        out.extend_from_slice(&self.headers);
        out.resize(start + snap.clamp(self.headers.len(), whole), 0);
        self.fill(size, &mut out[start..]);
        out.truncate(start.saturating_add(snap));
        whole
    }

    /// Makes of the headers of any segment, and room for data, those of the next one, which has so many bytes.
    fn fill(&mut self, size: usize, kept: &mut [u8]) {
        self.left -= size;
        let (headers, mut room) = kept.split_at_mut(self.headers.len());
        let mut sum = self.tcp_sum;
        self.data.take(size, |part| {
            sum.add(part);
            let kept = part.len().min(room.len());
            let (now, rest) = std::mem::take(&mut room).split_at_mut(kept);
            now.copy_from_slice(&part[..kept]);
            room = rest;
        });
        let taken = self.say_what_differs(size, sum, headers);
        self.go_on(taken);
    }

    /// Puts into the headers what the next segment has of its own; its data is summed up. Gives the sequence space it takes.
    fn say_what_differs(&self, size: usize, sum: Checksum, headers: &mut [u8]) -> u32 {
        let mut flags = self.flags;
        if self.left > 0 {
            flags.remove(Flags::PSH | Flags::FIN);
        }
        let (before, header) = headers.split_at_mut(self.tcp_at);
        let header_len = self.headers.len() - self.tcp_at;
        self.say_of_ip(header_len + size, &mut before[self.ip_at..]);
        header[tcp::SEQ_AT..tcp::SEQ_AT + 4].copy_from_slice(&self.seq.0.to_be_bytes());
        header[tcp::FLAGS_AT] = flags.bits();
        checksum::put(header, tcp::URGENT_AT, self.urgent);
        // In no order: an odd byte of data is at the end.
        let mut sum = sum;
        sum.add_long((header_len + size) as u32);
        sum.add_long(self.seq.0);
        sum.add_word(flags.bits().into());
        sum.add_word(self.urgent);
        checksum::put(header, tcp::CHECKSUM_AT, sum.finish());
        size as u32 + u32::from(flags.contains(Flags::SYN))
    }

    fn say_of_ip(&self, carried: usize, header: &mut [u8]) {
        match self.ip {
            ip::Header::V4(_) => {
                let length = u16::try_from(header.len() + carried).unwrap_or(0);
                let mut sum = self.ip_sum;
                sum.add_word(length);
                sum.add_word(self.id);
                checksum::put(header, ipv4::LENGTH_AT, length);
                checksum::put(header, ipv4::ID_AT, self.id);
                checksum::put(header, ipv4::CHECKSUM_AT, sum.finish());
            }
            ip::Header::V6(_) => {
                let length = header.len() - ipv6::HEADER_LEN + carried;
                checksum::put(header, ipv6::LENGTH_AT, u16::try_from(length).unwrap_or(0));
            }
        }
    }

    /// What the next one has of its own: see [`Segment::split`].
    fn go_on(&mut self, taken: u32) {
        self.id = self.id.wrapping_add(1);
        self.flags.remove(Flags::SYN | Flags::CWR);
        self.seq += taken;
        if self.flags.contains(Flags::URG) {
            match u32::from(self.urgent).checked_sub(taken) {
                Some(left) => self.urgent = left as u16,
                None => {
                    self.flags.remove(Flags::URG);
                    self.urgent = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::tests::{any_ip, any_segment};
    use crate::ethernet::Mac;
    use crate::{Packet, Payload};

    proptest! {
        #[test]
        fn are_the_single_frames(
            v6: bool,
            ethernet: bool,
            (ip, segment, gso_size) in (any_ip(false), any_segment(), 0u16..300),
            other_ip in any_ip(true),
            snap in prop_oneof![0usize..200, Just(usize::MAX)],
        ) {
            let segment = Segment { gso_size, ..segment };
            let payload = Payload::from(Packet::new(if v6 { other_ip } else { ip }, segment));
            let frame = match ethernet {
                true => Frame::between(Mac([2; 6]), Mac([4; 6]), payload),
                false => Frame::bare(payload),
            };
            let mut heads = frame.heads();
            let mut written = b"before".to_vec();
            for single in frame.clone().split() {
                written.truncate(6);
                prop_assert_eq!(heads.write_next(snap, &mut written), single.len());
                let whole = single.to_bytes();
                prop_assert_eq!(&written[6..], &whole[..snap.min(whole.len())]);
            }
            written.truncate(6);
            prop_assert_eq!((heads.write_next(snap, &mut written), written.len()), (0, 6));
            // Each over the one before it, where that goes.
            let mut heads = frame.heads();
            for single in frame.clone().split() {
                if written.len() == 6 || !heads.overwrite_next(&mut written[6..]) {
                    written.truncate(6);
                    prop_assert_eq!(heads.write_next(snap, &mut written), single.len());
                }
                let whole = single.to_bytes();
                prop_assert_eq!(&written[6..], &whole[..snap.min(whole.len())]);
            }
            prop_assert!(!heads.overwrite_next(&mut written[6..]));
        }
    }
}
