//! Capture files: pcapng written, pcapng and pcap read (draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap). Packets go
//! through one at a time, in constant memory.
//!
//! Not modelled: names, statistics and secrets among pcapng's blocks, which are skipped, and its packets of unknown
//! interface, which are errors.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::time::Duration;

use sockeye_wire::print::Direction;

pub use read::{CaptureError, CaptureReader};
pub use write::{CaptureWriter, Seen};

/// What packets begin with (the numbers of tcpdump.org's list of link types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// An IP header, of either version.
    Raw,
    /// Something else.
    Other(u16),
}

impl LinkType {
    fn number(self) -> u16 {
        match self {
            LinkType::Ethernet => 1,
            LinkType::Raw => 101,
            LinkType::Other(number) => number,
        }
    }

    fn from_number(number: u16) -> LinkType {
        match number {
            1 => LinkType::Ethernet,
            // 12 and 14 are what OpenBSD and BSD/OS write for it.
            12 | 14 | 101 => LinkType::Raw,
            number => LinkType::Other(number),
        }
    }
}

/// A packet of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was seen, since 1970.
    pub at: Duration,
    /// Where it was seen: 0 for the first interface of the file.
    pub interface: usize,
    /// How long it was, in bytes.
    pub length: usize,
    /// Its first bytes, or all.
    pub bytes: &'a [u8],
    /// What somebody noted.
    pub comment: Option<&'a str>,
    /// Which way it went there, if that is known.
    pub direction: Option<Direction>,
}

/// An interface of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureInterface {
    /// Its name; pcap has none.
    pub name: Option<String>,
    /// What its packets begin with.
    pub link_type: LinkType,
}

/// The types of pcapng's blocks.
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const STATISTICS: u32 = 5;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// The numbers of pcapng's options.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const EPB_FLAGS: u16 = 2;
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const IF_TSRESOL: u16 = 9;
    pub(super) const IF_TSOFFSET: u16 = 14;
    pub(super) const SHB_USERAPPL: u16 = 4;
    pub(super) const ISB_OSDROP: u16 = 7;
}

/// What says how a section's numbers are written.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
