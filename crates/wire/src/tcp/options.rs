//! The options of the TCP header (RFC 9293, section 3.2; RFC 7323; RFC 2018; RFC 7413): values, bytes, and their order.

use sockeye_base::SeqNum;

use super::fast_open::{self, FastOpen};
use crate::read::{u16_at, u32_at};

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// Most SACK blocks that are read.
const MAX_SACK_BLOCKS: usize = 4;

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
    /// Fast open: a cookie, or the wish for one (SYN only; RFC 7413).
    pub fast_open: Option<Box<FastOpen>>,
}

/// The timestamps option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo: u32,
}

/// Most bytes of options a header has room for: its length is 4 bits, in words (RFC 9293, section 3.1).
pub const MAX_OPTIONS_LEN: usize = 40;

impl Options {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes they take in the header, padded as Linux pads them: a multiple of four, at most 40.
    pub fn len(&self) -> usize {
        let sack = match self.sack_room() {
            0 => 0,
            blocks => 4 + 8 * blocks,
        };
        self.len_without_sack() + sack
    }

    fn len_without_sack(&self) -> usize {
        let len = self.len_without_fast_open();
        len + self.fast_open_len(len)
    }

    fn len_without_fast_open(&self) -> usize {
        let mut len = 0;
        if self.mss.is_some() {
            len += 4;
        }
        // Two no-operations or SACK-permitted fill the timestamps' 10 bytes up to 12.
        if self.timestamps.is_some() {
            len += 12;
        } else if self.sack_permitted {
            len += 4;
        }
        if self.window_scale.is_some() {
            len += 4;
        }
        len
    }

    /// Bytes of the fast open option behind `before` others; 0 if it doesn't fit and is left out.
    fn fast_open_len(&self, before: usize) -> usize {
        let len = self.fast_open.as_ref().map_or(0, |option| option.len().next_multiple_of(4));
        if before + len > MAX_OPTIONS_LEN { 0 } else { len }
    }

    /// How many of the SACK blocks the header has room for; the rest are left out.
    pub(crate) fn sack_room(&self) -> usize {
        ((MAX_OPTIONS_LEN - self.len_without_sack()).saturating_sub(4) / 8).min(self.sack.len())
    }

    /// The options as they stand in the header, in Linux's order: MSS; timestamps with SACK-permitted or two
    /// no-operations before them; window scale; SACK; fast open.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        fields.extend(self.mss.map(Field::Mss));
        match (self.timestamps, self.sack_permitted) {
            (Some(timestamps), true) => fields.extend([Field::SackPermitted, Field::Timestamps(timestamps)]),
            (Some(timestamps), false) => {
                fields.extend([Field::NoOperation, Field::NoOperation, Field::Timestamps(timestamps)]);
            }
            (None, true) => fields.extend([Field::NoOperation, Field::NoOperation, Field::SackPermitted]),
            (None, false) => {}
        }
        if let Some(shift) = self.window_scale {
            fields.extend([Field::NoOperation, Field::WindowScale(shift)]);
        }
        let room = self.sack_room();
        if room > 0 {
            let blocks = self.sack.iter().take(room).copied().collect();
            fields.extend([Field::NoOperation, Field::NoOperation, Field::Sack(blocks)]);
        }
        let room = self.fast_open_len(self.len_without_fast_open());
        if let Some(option) = self.fast_open.as_ref().filter(|_| room > 0) {
            fields.push(Field::FastOpen(**option));
            fields.extend(std::iter::repeat_n(Field::NoOperation, room - option.len()));
        }
        fields
    }

    /// Puts them behind a header: [`Options::len`] bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for field in self.fields() {
            match field {
                Field::NoOperation => out.push(NO_OPERATION),
                Field::Mss(mss) => {
                    out.extend([MSS, 4]);
                    out.extend(mss.to_be_bytes());
                }
                Field::WindowScale(shift) => out.extend([WINDOW_SCALE, 3, shift]),
                Field::SackPermitted => out.extend([SACK_PERMITTED, 2]),
                Field::Timestamps(Timestamps { value, echo }) => {
                    out.extend([TIMESTAMPS, 10]);
                    out.extend(value.to_be_bytes());
                    out.extend(echo.to_be_bytes());
                }
                Field::Sack(blocks) => {
                    out.extend([SACK, 2 + 8 * blocks.len() as u8]);
                    for (left, right) in blocks {
                        out.extend(left.0.to_be_bytes());
                        out.extend(right.0.to_be_bytes());
                    }
                }
                Field::FastOpen(option) => option.write(out),
            }
        }
    }

    /// Reads a header's options. What is unknown is skipped, and so is an option of the wrong length; a length that
    /// makes no sense ends the reading, as in Linux. Of an option given twice the last counts.
    pub fn parse(bytes: &[u8]) -> Options {
        let mut options = Options::default();
        let mut left = bytes;
        while let Some((&kind, rest)) = left.split_first() {
            if kind == END {
                break;
            }
            if kind == NO_OPERATION {
                left = rest;
                continue;
            }
            // RFC 9293, section 3.2: the length counts the kind and itself.
            let Some(&len) = rest.first() else { break };
            if len < 2 {
                break;
            }
            let Some((option, rest)) = left.split_at_checked(usize::from(len)) else { break };
            options.read(kind, &option[2..]);
            left = rest;
        }
        options
    }

    fn read(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (MSS, [_, _]) => self.mss = Some(u16_at(value, 0)),
            (WINDOW_SCALE, [shift]) => self.window_scale = Some(*shift),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (TIMESTAMPS, [_, _, _, _, _, _, _, _]) => {
                self.timestamps = Some(Timestamps { value: u32_at(value, 0), echo: u32_at(value, 4) });
            }
            (SACK, _) => {
                if let (blocks, []) = value.as_chunks::<8>() {
                    let edges = |block: &[u8; 8]| (SeqNum(u32_at(block, 0)), SeqNum(u32_at(block, 4)));
                    self.sack = blocks.iter().take(MAX_SACK_BLOCKS).map(edges).collect();
                }
            }
            (fast_open::KIND, cookie) => self.read_fast_open(cookie, false),
            (fast_open::EXPERIMENT, [high, low, cookie @ ..])
                if u16::from_be_bytes([*high, *low]) == fast_open::MAGIC =>
            {
                self.read_fast_open(cookie, true);
            }
            _ => {}
        }
    }

    /// An option of odd length is as if it weren't there; one too short or too long takes back an earlier one, as in
    /// Linux.
    fn read_fast_open(&mut self, cookie: &[u8], experimental: bool) {
        if cookie.len().is_multiple_of(2) {
            self.fast_open = FastOpen::new(cookie, experimental).map(Box::new);
        }
    }
}

/// One option of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Fills up to a boundary.
    NoOperation,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// Timestamps.
    Timestamps(Timestamps),
    /// Selective acknowledgement.
    Sack(Vec<(SeqNum, SeqNum)>),
    /// Fast open.
    FastOpen(FastOpen),
}
