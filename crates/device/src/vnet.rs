//! The header in front of each frame (VIRTIO 1.2, section 5.1.6; Linux's `struct virtio_net_hdr`): what is still to be
//! done to the frame, its checksum to be finished, or segments to be cut. Ten bytes, little-endian.

use crate::Unfit;

/// Bytes of the header.
pub(crate) const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
/// CWR is for the first segment only.
const GSO_ECN: u8 = 0x80;

/// No sender's segments are shorter: Linux's TCP_MIN_GSO_SIZE. It bounds how many a super-segment stands for.
const MIN_GSO_SIZE: u16 = 8;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Header {
    /// The transport's checksum: where its header begins in the frame, and where in that the field stands.
    pub(crate) partial: Option<(u16, u16)>,
    /// Whoever sent it says that the checksum is right.
    pub(crate) valid: bool,
    /// The frame stands for several.
    pub(crate) segments: Option<Segments>,
}

/// What a super-segment is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// Over IPv6, not IPv4.
    pub(crate) v6: bool,
    /// CWR is set.
    pub(crate) cwr: bool,
    /// Bytes of all headers together.
    pub(crate) headers: u16,
    /// Payload of each segment.
    pub(crate) size: u16,
}

impl Segments {
    pub(crate) fn kind(&self) -> u8 {
        let kind = if self.v6 { GSO_TCPV6 } else { GSO_TCPV4 };
        if self.cwr { kind | GSO_ECN } else { kind }
    }
}

impl Header {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let valid = if self.valid { DATA_VALID } else { 0 };
        let flags = if self.partial.is_some() { NEEDS_CSUM } else { valid };
        let (start, field) = self.partial.unwrap_or_default();
        let (kind, headers, size) = match self.segments {
            None => (GSO_NONE, 0, 0),
            Some(segments) => (segments.kind(), segments.headers, segments.size),
        };
        out.extend([flags, kind]);
        [headers, size, start, field].iter().for_each(|number| out.extend(number.to_le_bytes()));
    }

    /// Reads what stands in front of a frame. Segments of UDP datagrams are refused: nobody is told that we take them.
    pub(crate) fn parse(bytes: &[u8; LEN]) -> Result<Header, Unfit> {
        let [flags, kind, numbers @ ..] = bytes;
        let number = |at: usize| u16::from_le_bytes([numbers[at], numbers[at + 1]]);
        let (headers, size) = (number(0), number(2));
        let segments = match kind & !GSO_ECN {
            GSO_NONE => None,
            GSO_TCPV4 | GSO_TCPV6 if size < MIN_GSO_SIZE => return Err(Unfit::SegmentSize(size)),
            plain @ (GSO_TCPV4 | GSO_TCPV6) => {
                Some(Segments { v6: plain == GSO_TCPV6, cwr: kind & GSO_ECN != 0, headers, size })
            }
            other => return Err(Unfit::SegmentKind(other)),
        };
        let partial = (flags & NEEDS_CSUM != 0).then(|| (number(4), number(6)));
        Ok(Header { partial, valid: flags & DATA_VALID != 0, segments })
    }
}
