//! Frames to bytes and back. In front of each stands a [`vnet::Header`], so that checksums needn't be made and
//! super-segments needn't be cut for somebody who would only check the ones and join the others again.

use bytes::Bytes;
use sockeye_base::Chain;
use sockeye_wire::{Body, Frame, Packet, Payload, checksum, ethernet, ip, tcp, udp};
use thiserror::Error;

use crate::Layer;
use crate::vnet::{self, Header, Segments};

/// Most bytes a frame takes, with all that stands in front: the longest IPv6 packet is 40 bytes and 65,535.
pub const MAX_LEN: usize = vnet::LEN + ethernet::HEADER_LEN + 40 + 65_535;

/// Why a frame can't become bytes, or bytes are no frame. (A frame with a malformed packet is one: its payload stays
/// bytes.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The headers in front of the packet are not whole.
    #[error("truncated")]
    Truncated,
    /// More bytes than a packet's header can say, or than [`MAX_LEN`].
    #[error("{0} bytes in a frame")]
    TooLong(usize),
    /// An Ethernet header where none belongs, or none where one does.
    #[error("a frame for another kind of device")]
    Layer,
    /// A super-segment of another protocol than TCP, or unlike what it carries.
    #[error("a super-segment of kind {0}")]
    SegmentKind(u8),
    /// A super-segment of segments shorter than any sender's.
    #[error("segments of {0} bytes")]
    SegmentSize(u16),
}

/// How frames become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// What a frame begins with.
    pub layer: Layer,
    /// Checksums of TCP and UDP may be left to the other side. (Super-segments are written as they come: who has a peer
    /// that does not take them splits them.)
    pub partial_checksums: bool,
}

impl Codec {
    /// Puts a frame's bytes behind `out`.
    ///
    /// # Errors
    /// `TooLong`, `Layer`; nothing is written then.
    pub fn encode(&self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let sums = self.begin(frame, out)?;
        frame.write(sums, out);
        Ok(())
    }

    /// The same, but for data of TCP that is given back, to be sent behind `out` from where it lies.
    ///
    /// # Errors
    /// The same.
    pub fn encode_head<'f>(&self, frame: &'f Frame, out: &mut Vec<u8>) -> Result<Option<&'f Chain>, Unfit> {
        let sums = self.begin(frame, out)?;
        let data = match sums {
            checksum::Transport::Elsewhere => frame.write_head(out),
            checksum::Transport::Here => None,
        };
        if data.is_none() {
            frame.write(sums, out);
        }
        Ok(data)
    }

    /// Puts behind `out` what stands ahead of a frame; says who makes the checksums.
    fn begin(&self, frame: &Frame, out: &mut Vec<u8>) -> Result<checksum::Transport, Unfit> {
        if frame.ethernet.is_some() != (self.layer == Layer::Ethernet) {
            return Err(Unfit::Layer);
        }
        let header_len = frame.header_len();
        let longest = match frame.as_packet().map(|packet| &packet.ip) {
            Some(ip::Header::V6(_)) => 40 + 65_535,
            Some(ip::Header::V4(_)) | None => 65_535,
        };
        if frame.payload.len() > longest {
            return Err(Unfit::TooLong(frame.len()));
        }
        let mut header = frame.as_packet().map_or(Header::default(), |packet| describe(packet, header_len));
        let sums = if self.partial_checksums || header.segments.is_some() {
            checksum::Transport::Elsewhere
        } else {
            header.partial = None;
            checksum::Transport::Here
        };
        header.write(out);
        Ok(sums)
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn decode(&self, bytes: &Bytes) -> Result<Frame, Unfit> {
        if bytes.len() > MAX_LEN {
            return Err(Unfit::TooLong(bytes.len()));
        }
        let header = Header::parse(bytes.first_chunk().ok_or(Unfit::Truncated)?)?;
        let rest = bytes.slice(vnet::LEN..);
        let sums = if header.partial.is_some() || header.valid {
            checksum::Transport::Elsewhere
        } else {
            checksum::Transport::Here
        };
        let mut frame = match self.layer {
            Layer::Ip => Frame::parse_packet_shared(&rest, sums),
            Layer::Ethernet => Frame::parse_ethernet_shared(&rest, sums).map_err(|_| Unfit::Truncated)?,
        };
        if let Some(segments) = header.segments {
            mark(&mut frame, segments)?;
        }
        Ok(frame)
    }
}

/// What is left to be done to a packet that stands `offset` bytes behind the frame's beginning.
fn describe(packet: &Packet, offset: usize) -> Header {
    let start = offset + packet.ip.len();
    let field = match &packet.body {
        Body::Tcp(_) => tcp::CHECKSUM_AT,
        Body::Udp(_) => udp::CHECKSUM_AT,
        Body::Icmpv4(_) | Body::Icmpv6(_) | Body::Igmp(_) | Body::Fragment(_) | Body::Other { .. } => {
            return Header::default();
        }
    };
    let segments = packet.as_segment().filter(|segment| segment.count() > 1).map(|segment| Segments {
        v6: matches!(packet.ip, ip::Header::V6(_)),
        cwr: segment.flags.contains(tcp::Flags::CWR),
        headers: (start + segment.header_len()) as u16,
        size: segment.gso_size,
    });
    Header { partial: Some((start as u16, field as u16)), valid: false, segments }
}

/// Makes a frame a super-segment.
fn mark(frame: &mut Frame, segments: Segments) -> Result<(), Unfit> {
    let Payload::Packet(packet) = &mut frame.payload else { return Ok(()) };
    let v6 = matches!(packet.ip, ip::Header::V6(_));
    match &mut packet.body {
        Body::Tcp(segment) if v6 == segments.v6 => {
            // One that isn't longer than a single segment is one.
            let several = segment.payload.len() > usize::from(segments.size);
            segment.gso_size = if several { segments.size } else { 0 };
            Ok(())
        }
        Body::Tcp(_)
        | Body::Udp(_)
        | Body::Icmpv4(_)
        | Body::Icmpv6(_)
        | Body::Igmp(_)
        | Body::Fragment(_)
        | Body::Other { .. } => Err(Unfit::SegmentKind(segments.kind())),
    }
}

#[cfg(test)]
mod tests;
