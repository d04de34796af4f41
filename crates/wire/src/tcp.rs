//! The TCP header and its options (RFC 9293, section 3.1; RFC 7323; RFC 2018).

use bitflags::bitflags;
use sockeye_base::{Chain, SeqNum};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

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

/// The options that are understood, each at most once. Unknown ones are skipped when read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Maximum segment size (SYN only).
    pub mss: Option<u16>,
    /// Window scale shift (SYN only).
    pub window_scale: Option<u8>,
    /// SACK permitted (SYN only).
    pub sack_permitted: bool,
    /// Timestamps: value and echo reply (RFC 7323).
    pub timestamps: Option<Timestamps>,
    /// Selective acknowledgement: up to four blocks (left edge, right edge), the most recent first (RFC 2018).
    pub sack: Vec<(SeqNum, SeqNum)>,
}

/// The timestamps option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo: u32,
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
}
