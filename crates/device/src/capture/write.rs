//! Writing pcapng.

use std::ops::Range;
use std::time::Duration;

use sockeye_wire::print::Direction;
use sockeye_wire::{Frame, Heads};

use super::{BYTE_ORDER, CaptureInterface, Record, block, option};

/// Times are in nanoseconds: 10 to the power of minus this.
const NANOSECONDS: u8 = 9;

/// Where and when a frame was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// When, since 1970.
    pub at: Duration,
    /// By which of the file's interfaces.
    pub interface: usize,
    /// What is to be noted.
    pub comment: Option<&'a str>,
    /// Which way it went there, if that is to be told.
    pub direction: Option<Direction>,
}

/// Makes the bytes of a pcapng file. Numbers are the machine's, times in nanoseconds.
#[derive(Debug)]
pub struct CaptureWriter {
    /// Bytes of each packet that are kept.
    snap: usize,
    /// What has been made and not taken away.
    bytes: Vec<u8>,
    /// Where the last block begins.
    block: usize,
}

impl CaptureWriter {
    /// Begins a file in which `snap` bytes of each packet are kept.
    pub fn new(snap: usize) -> CaptureWriter {
        let mut writer = CaptureWriter { snap, bytes: Vec::new(), block: 0 };
        writer.begin(block::SECTION);
        writer.put(&BYTE_ORDER.to_ne_bytes());
        // Version 1.0; how long the section is isn't known.
        writer.put(&1_u16.to_ne_bytes());
        writer.put(&0_u16.to_ne_bytes());
        writer.put(&u64::MAX.to_ne_bytes());
        writer.option(option::SHB_USERAPPL, b"sockeye");
        writer.option(option::END, &[]);
        writer.end();
        writer
    }

    /// What has been made: whole blocks, to be taken away by whoever puts them where they belong.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Tells of an interface, before its first packet. They count from 0.
    pub fn interface(&mut self, interface: &CaptureInterface) {
        self.begin(block::INTERFACE);
        self.put(&interface.link_type.number().to_ne_bytes());
        self.put(&0_u16.to_ne_bytes());
        let snap = u32::try_from(self.snap).unwrap_or(0);
        self.put(&snap.to_ne_bytes());
        if let Some(name) = &interface.name {
            self.option(option::IF_NAME, name.as_bytes());
        }
        self.option(option::IF_TSRESOL, &[NANOSECONDS]);
        self.option(option::END, &[]);
        self.end();
    }

    /// Writes a packet.
    pub fn packet(&mut self, record: &Record<'_>) {
        let Record { at, interface, length, bytes, comment, direction } = *record;
        let kept = bytes.get(..self.snap).unwrap_or(bytes);
        self.enhanced(&Seen { at, interface, comment, direction }, |out| {
            out.extend_from_slice(kept);
            length
        });
    }

    /// Writes a frame, checksums and all; a super-segment as the frames it stands for.
    pub fn frame(&mut self, seen: &Seen<'_>, frame: &Frame) {
        let snap = self.snap;
        let mut heads = frame.heads();
        let mut left = frame.count();
        while left > 0 {
            let kept = self.enhanced(seen, |out| heads.write_next(snap, out));
            left -= 1;
            while left > 0 && self.again(&mut heads, kept.clone()) {
                left -= 1;
            }
        }
    }

    /// Puts the block before behind itself and makes of it that of the next of `heads`: most are as long, and differ by a few
    /// numbers and their data. Whether this one is.
    fn again(&mut self, heads: &mut Heads<'_>, kept: Range<usize>) -> bool {
        let before = self.block;
        self.block = self.bytes.len();
        self.bytes.extend_from_within(before..);
        let is_alike = heads.overwrite_next(&mut self.bytes[self.block..][kept]);
        if !is_alike {
            self.bytes.truncate(self.block);
            self.block = before;
        }
        is_alike
    }

    /// The same, of those single frames that are wanted: `wants` is shown the first `reach` bytes of each at least, and its
    /// length.
    pub fn frame_if(
        &mut self,
        seen: &Seen<'_>,
        frame: &Frame,
        (reach, mut wants): (usize, impl FnMut(&[u8], usize) -> bool),
    ) {
        let snap = self.snap;
        let mut heads = frame.heads();
        for _ in 0..frame.count() {
            let mut is_wanted = false;
            self.enhanced(seen, |out| {
                let start = out.len();
                let length = heads.write_next(snap.max(reach), out);
                is_wanted = wants(&out[start..], length);
                out.truncate(start.saturating_add(snap));
                length
            });
            if !is_wanted {
                self.bytes.truncate(self.block);
            }
        }
    }

    /// Tells how many packets of an interface were lost to the file so far.
    pub fn lost(&mut self, at: Duration, interface: usize, packets: u64) {
        let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.begin(block::STATISTICS);
        for word in [interface as u64, at >> 32, at & 0xffff_ffff] {
            self.put(&(word as u32).to_ne_bytes());
        }
        self.option(option::ISB_OSDROP, &packets.to_ne_bytes());
        self.option(option::END, &[]);
        self.end();
    }

    /// A packet; `write` puts those of its bytes that are kept behind the others, and says how long it is. Gives where in the
    /// block they are.
    fn enhanced(&mut self, seen: &Seen<'_>, write: impl FnOnce(&mut Vec<u8>) -> usize) -> Range<usize> {
        // Enough until the year 2554.
        let at = u64::try_from(seen.at.as_nanos()).unwrap_or(u64::MAX);
        self.block = self.bytes.len();
        // Lengths come when they are known.
        let head = [block::ENHANCED_PACKET, 0, seen.interface as u32, (at >> 32) as u32, at as u32, 0, 0];
        self.put(head.map(u32::to_ne_bytes).as_flattened());
        let start = self.bytes.len();
        let length = write(&mut self.bytes);
        let kept = self.bytes.len() - start;
        let lengths = [kept as u32, length as u32];
        self.bytes[start - 8..start].copy_from_slice(lengths.map(u32::to_ne_bytes).as_flattened());
        self.pad();
        if let Some(comment) = seen.comment {
            self.option(option::COMMENT, comment.as_bytes());
        }
        if let Some(direction) = seen.direction {
            let bits: u32 = match direction {
                Direction::In => 1,
                Direction::Out => 2,
            };
            self.option(option::EPB_FLAGS, &bits.to_ne_bytes());
        }
        if seen.comment.is_some() || seen.direction.is_some() {
            self.option(option::END, &[]);
        }
        self.end();
        start - self.block..start - self.block + kept
    }

    fn begin(&mut self, kind: u32) {
        self.block = self.bytes.len();
        self.put(&kind.to_ne_bytes());
        // Its length comes when it is known.
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// All blocks are a multiple of four bytes long, so it is the place in them that counts.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, number: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.put(&number.to_ne_bytes());
        self.put(&(value.len() as u16).to_ne_bytes());
        self.put(value);
        self.pad();
    }

    fn end(&mut self) {
        let length = ((self.bytes.len() - self.block) as u32 + 4).to_ne_bytes();
        self.put(&length);
        self.bytes[self.block + 4..self.block + 8].copy_from_slice(&length);
    }
}
