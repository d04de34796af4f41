//! The single frames that a value stands for, as the bytes that a capture keeps of them. Of a super-segment the headers
//! are made once, and what differs from segment to segment is put into them.

use sockeye_base::{ChainReader, SeqNum};

use crate::checksum::{self, Checksum};
use crate::tcp::{self, Flags, Segment};
use crate::{Frame, ethernet, ip, ipv4};

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
    ip: &'a ip::Header,
    segment: &'a Segment,
    /// The headers from Ethernet's to TCP's options, its checksum left out.
    headers: Vec<u8>,
    /// Where TCP's begins.
    tcp: usize,
    data: ChainReader<'a>,
    /// Bytes of data that are left.
    left: usize,
    /// How many went before.
    number: u16,
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
}

impl<'a> Segments<'a> {
    fn new(frame: &Frame, ip: &'a ip::Header, segment: &'a Segment) -> Segments<'a> {
        let mut headers = Vec::with_capacity(frame.len() - segment.payload.len());
        headers.extend(frame.ethernet.iter().flat_map(ethernet::Header::to_bytes));
        // The length comes with each.
        match ip {
            ip::Header::V4(header) => header.write((ip::protocol::TCP, 0), 0, &mut headers),
            ip::Header::V6(header) => header.write(ip::protocol::TCP, 0, &mut headers),
        }
        let tcp = headers.len();
        segment.write_header(&mut headers);
        let Segment { seq, flags, urgent, ref payload, .. } = *segment;
        let (data, left) = (payload.reader(), payload.len());
        Segments { ip, segment, headers, tcp, data, left, number: 0, seq, flags, urgent }
    }

    fn write_next(&mut self, snap: usize, out: &mut Vec<u8>) -> usize {
        let size = self.left.min(self.segment.gso_size.into());
        self.left -= size;
        let taken = self.say_what_differs(size);
        let header_len = self.headers.len() - self.tcp;
        let start = out.len();
        out.extend_from_slice(&self.headers);
        let mut sum = Checksum::pseudo_header(self.ip, ip::protocol::TCP, header_len + size);
        sum.add(&self.headers[self.tcp..]);
        let mut room = snap.saturating_sub(self.headers.len());
        self.data.take(size, |part| {
            sum.add(part);
            let kept = part.get(..room).unwrap_or(part);
            out.extend_from_slice(kept);
            room -= kept.len();
        });
        checksum::put(&mut out[start + self.tcp..], tcp::CHECKSUM_AT, sum.finish());
        out.truncate(start.saturating_add(snap));
        self.go_on(taken);
        self.headers.len() + size
    }

    /// Makes the headers those of the next segment, with so many bytes of data. Gives the sequence space it takes.
    fn say_what_differs(&mut self, size: usize) -> u32 {
        let mut flags = self.flags;
        if self.left > 0 {
            flags.remove(Flags::PSH | Flags::FIN);
        }
        let (headers, tcp) = self.headers.split_at_mut(self.tcp);
        let (_, ip) = headers.split_at_mut(headers.len() - self.ip.len());
        let carried = self.ip.len() + tcp.len() + size;
        match self.ip {
            ip::Header::V4(header) => {
                checksum::put(ip, 2, u16::try_from(carried).unwrap_or(0));
                checksum::put(ip, 4, header.id.wrapping_add(self.number));
                checksum::put(ip, ipv4::CHECKSUM_AT, 0);
                let sum = checksum::of(ip);
                checksum::put(ip, ipv4::CHECKSUM_AT, sum);
            }
            ip::Header::V6(_) => {
                checksum::put(ip, 4, u16::try_from(carried - crate::ipv6::HEADER_LEN).unwrap_or(0));
            }
        }
        tcp[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        tcp[13] = flags.bits();
        checksum::put(tcp, 18, self.urgent);
        size as u32 + u32::from(flags.contains(Flags::SYN))
    }

    /// What the next one has of its own: see [`Segment::split`].
    fn go_on(&mut self, taken: u32) {
        self.number = self.number.wrapping_add(1);
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
        }
    }
}
