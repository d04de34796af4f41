//! The TCP header and its options (RFC 9293, section 3.1; RFC 7323; RFC 2018; RFC 7413).

mod fast_open;
mod options;

use bitflags::bitflags;
use bytes::Bytes;
use sockeye_base::{Chain, SeqNum};

use crate::checksum::{self, Checksum};
use crate::read::{u16_at, u32_at};
use crate::{Malformed, ip};

pub use fast_open::{Cookie, FastOpen};
pub use options::{Field, MAX_OPTIONS_LEN, Options, Timestamps};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

/// Where the checksum stands in the header.
pub const CHECKSUM_AT: usize = 16;
/// Where the sequence number stands, the flags and the urgent pointer.
pub(crate) const SEQ_AT: usize = 4;
pub(crate) const FLAGS_AT: usize = 13;
pub(crate) const URGENT_AT: usize = 18;

bitflags! {
    /// The eight flags of the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronise sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push.
        const PSH = 0x08;
        /// The acknowledgement number counts.
        const ACK = 0x10;
        /// The urgent pointer counts.
        const URG = 0x20;
        /// ECN echo (RFC 3168).
        const ECE = 0x40;
        /// Congestion window reduced (RFC 3168).
        const CWR = 0x80;
    }
}

impl Flags {
    /// tcpdump's letters, in its order.
    pub const LETTERS: [(Flags, char); 8] = [
        (Flags::FIN, 'F'),
        (Flags::SYN, 'S'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::ACK, '.'),
        (Flags::URG, 'U'),
        (Flags::ECE, 'E'),
        (Flags::CWR, 'W'),
    ];
}

/// A TCP segment; or, with `gso_size` > 0 and more payload than that, several segments in one value: all with these
/// header values, the sequence numbers counting on, FIN and PSH on the last only.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Segment {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number of the first byte (or of SYN).
    pub seq: SeqNum,
    /// Acknowledgement number; meaningful with ACK.
    pub ack: SeqNum,
    /// Flags.
    pub flags: Flags,
    /// The window field as it stands in the header (unscaled).
    pub window: u16,
    /// The urgent pointer as it stands in the header.
    pub urgent: u16,
    /// Options.
    pub options: Options,
    /// User data.
    pub payload: Chain,
    /// How many bytes of user data each segment of this value carries; 0: it is a single segment.
    pub gso_size: u16,
}

impl Segment {
    /// How much sequence space it takes: its data, and one each for SYN and FIN.
    pub fn sequence_len(&self) -> u32 {
        self.payload.len() as u32
            + u32::from(self.flags.contains(Flags::SYN))
            + u32::from(self.flags.contains(Flags::FIN))
    }

    /// How many segments this value stands for; at least 1.
    pub fn count(&self) -> usize {
        match usize::from(self.gso_size) {
            0 => 1,
            size => self.payload.len().div_ceil(size).max(1),
        }
    }

    /// Bytes of its header with options.
    pub fn header_len(&self) -> usize {
        HEADER_LEN + self.options.len()
    }

    /// Bytes of its header and data: what IP carries. A super-segment counts as one.
    pub fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    /// The sequence number behind the last this segment takes.
    pub fn end(&self) -> SeqNum {
        self.seq + self.sequence_len()
    }

    /// Puts its bytes behind `out`: the header, and of the data what lies in the first `snap` bytes. A super-segment is
    /// written as one segment.
    pub(crate) fn write_snapped(
        &self,
        ip: &ip::Header,
        sums: checksum::Transport,
        snap: usize,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        self.write_header(out);
        let header = &mut out[start..];
        let room = snap.saturating_sub(header.len());
        let sum = Checksum::pseudo_header(ip, ip::protocol::TCP, header.len() + self.payload.len());
        let sum = sum.field(header, &self.payload, sums);
        checksum::put(header, CHECKSUM_AT, sum);
        self.payload.write_head(room, out);
    }

    /// Puts its header behind `out`, with the checksum left to who takes it.
    pub(crate) fn write_head(&self, ip: &ip::Header, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_header(out);
        let sum = Checksum::pseudo_header(ip, ip::protocol::TCP, self.len()).unfinished();
        checksum::put(&mut out[start..], CHECKSUM_AT, sum);
    }

    /// The header, without a checksum.
    pub(crate) fn write_header(&self, out: &mut Vec<u8>) {
        out.extend(self.source.to_be_bytes());
        out.extend(self.destination.to_be_bytes());
        out.extend(self.seq.0.to_be_bytes());
        out.extend(self.ack.0.to_be_bytes());
        // The data offset, in words, is the upper half of its byte.
        out.extend([(self.header_len() as u8 / 4) << 4, self.flags.bits()]);
        out.extend(self.window.to_be_bytes());
        out.extend([0, 0]);
        out.extend(self.urgent.to_be_bytes());
        self.options.write(out);
    }

    /// Reads a segment of a packet.
    pub(crate) fn parse(
        ip: &ip::Header,
        sums: checksum::Transport,
        bytes: &Bytes,
    ) -> Result<Segment, Malformed> {
        let view = View::new(bytes)?;
        if !Checksum::pseudo_header(ip, ip::protocol::TCP, bytes.len()).accepts(bytes, sums) {
            return Err(Malformed::Checksum);
        }
        Ok(view.to_segment(bytes.slice_ref(view.payload()).into()))
    }

    /// The single segments this value stands for, in order; at least one, and none with `gso_size`.
    ///
    /// PSH and FIN go with the last, SYN and CWR with the first; the urgent pointer counts from each one's own
    /// sequence number and is left out of those behind the urgent data.
    pub fn split(self) -> Split {
        Split { size: usize::from(self.gso_size), first: true, rest: Some(self) }
    }
}

/// The single segments of a super-segment: see [`Segment::split`].
#[derive(Clone, Debug)]
pub struct Split {
    size: usize,
    first: bool,
    rest: Option<Segment>,
}

impl Iterator for Split {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let mut rest = self.rest.take()?;
        rest.gso_size = 0;
        if !self.first {
            rest.flags.remove(Flags::CWR);
        }
        self.first = false;
        if self.size == 0 || rest.payload.len() <= self.size {
            return Some(rest);
        }
        let payload = rest.payload.split_to(self.size);
        let mut segment = Segment { payload, options: rest.options.clone(), ..rest };
        segment.flags.remove(Flags::PSH | Flags::FIN);
        let taken = segment.sequence_len();
        rest.flags.remove(Flags::SYN);
        rest.seq += taken;
        if rest.flags.contains(Flags::URG) {
            match u32::from(rest.urgent).checked_sub(taken) {
                Some(left) => rest.urgent = left as u16,
                None => {
                    rest.flags.remove(Flags::URG);
                    rest.urgent = 0;
                }
            }
        }
        self.rest = Some(rest);
        Some(segment)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.rest {
            None => 0,
            Some(_) if self.size == 0 => 1,
            Some(rest) => rest.payload.len().div_ceil(self.size).max(1),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Split {}

/// A segment's bytes with a header that is whole; the checksum is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl<'a> View<'a> {
    /// Looks at what an IP packet carries.
    ///
    /// # Errors
    /// `Truncated` below 20 bytes, `DataOffset` if the header is said to be shorter or to go beyond the bytes.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let len = usize::from(bytes[12] >> 4) * 4;
        if len < HEADER_LEN {
            return Err(Malformed::DataOffset);
        }
        let (header, payload) = bytes.split_at_checked(len).ok_or(Malformed::DataOffset)?;
        Ok(View { header, payload })
    }

    /// Sequence number.
    pub fn seq(&self) -> SeqNum {
        SeqNum(u32_at(self.header, 4))
    }

    /// Flags.
    pub fn flags(&self) -> Flags {
        Flags::from_bits_retain(self.header[13])
    }

    /// The options' bytes.
    pub fn options(&self) -> &'a [u8] {
        &self.header[HEADER_LEN..]
    }

    /// User data.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn to_segment(self, payload: Chain) -> Segment {
        Segment {
            source: u16_at(self.header, 0),
            destination: u16_at(self.header, 2),
            seq: self.seq(),
            ack: SeqNum(u32_at(self.header, 8)),
            flags: self.flags(),
            window: u16_at(self.header, 14),
            urgent: u16_at(self.header, 18),
            options: Options::parse(self.options()),
            payload,
            gso_size: 0,
        }
    }
}

#[cfg(test)]
mod tests;
