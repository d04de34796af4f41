//! Writing pcapng.

use std::io::{self, Write};
use std::time::Duration;

use sockeye_wire::Frame;

use super::{BYTE_ORDER, CaptureInterface, Record, block, option};

/// Times are in nanoseconds: 10 to the power of minus this.
const NANOSECONDS: u8 = 9;

/// A pcapng file being written. Numbers are the machine's, times in nanoseconds.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    /// Bytes of each packet that are kept.
    snap: usize,
    /// Blocks that are written in one go: those of a frame.
    blocks: Vec<u8>,
    /// Where the last of them begins.
    block: usize,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file in which `snap` bytes of each packet are kept. Give it something buffered.
    pub fn new(out: W, snap: usize) -> io::Result<CaptureWriter<W>> {
        let mut writer = CaptureWriter { out, snap, blocks: Vec::new(), block: 0 };
        writer.begin(block::SECTION);
        writer.put(&BYTE_ORDER.to_ne_bytes());
        // Version 1.0; how long the section is isn't known.
        writer.put(&1_u16.to_ne_bytes());
        writer.put(&0_u16.to_ne_bytes());
        writer.put(&u64::MAX.to_ne_bytes());
        writer.option(option::SHB_USERAPPL, b"sockeye");
        writer.option(option::END, &[]);
        writer.end();
        writer.write_out()?;
        Ok(writer)
    }

    /// Tells of an interface, before its first packet. They count from 0.
    pub fn interface(&mut self, interface: &CaptureInterface) -> io::Result<()> {
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
        self.write_out()
    }

    /// Writes a packet.
    pub fn packet(&mut self, record: &Record<'_>) -> io::Result<()> {
        let bytes = record.bytes.get(..self.snap).unwrap_or(record.bytes);
        let place = (record.at, record.interface);
        self.enhanced(place, record.comment, |out| {
            out.extend_from_slice(bytes);
            record.length
        });
        self.write_out()
    }

    /// Writes a frame, checksums and all; a super-segment as the frames it stands for.
    pub fn frame(
        &mut self,
        (at, interface): (Duration, usize),
        frame: &Frame,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let snap = self.snap;
        let mut heads = frame.heads();
        for _ in 0..frame.count() {
            self.enhanced((at, interface), comment, |out| heads.write_next(snap, out));
        }
        self.write_out()
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Tells how many packets of an interface were lost to the file so far.
    pub fn lost(&mut self, at: Duration, interface: usize, packets: u64) -> io::Result<()> {
        let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.begin(block::STATISTICS);
        for word in [interface as u64, at >> 32, at & 0xffff_ffff] {
            self.put(&(word as u32).to_ne_bytes());
        }
        self.option(option::ISB_OSDROP, &packets.to_ne_bytes());
        self.option(option::END, &[]);
        self.end();
        self.write_out()
    }

    /// Writes out what is buffered below.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A packet; `write` puts those of its bytes that are kept behind the others, and says how long it is.
    fn enhanced(
        &mut self,
        (at, interface): (Duration, usize),
        comment: Option<&str>,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) {
        // Enough until the year 2554.
        let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.begin(block::ENHANCED_PACKET);
        for word in [interface as u64, at >> 32, at & 0xffff_ffff] {
            self.put(&(word as u32).to_ne_bytes());
        }
        let lengths = self.blocks.len();
        self.put(&[0; 8]);
        let length = write(&mut self.blocks);
        let kept = self.blocks.len() - lengths - 8;
        for (at, length) in [(lengths, kept), (lengths + 4, length)] {
            self.blocks[at..at + 4].copy_from_slice(&(length as u32).to_ne_bytes());
        }
        self.pad();
        if let Some(comment) = comment {
            self.option(option::COMMENT, comment.as_bytes());
            self.option(option::END, &[]);
        }
        self.end();
    }

    fn begin(&mut self, kind: u32) {
        self.block = self.blocks.len();
        self.put(&kind.to_ne_bytes());
        // Its length comes when it is known.
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.blocks.extend_from_slice(bytes);
    }

    /// All blocks are a multiple of four bytes long, so it is the place in them that counts.
    fn pad(&mut self) {
        self.blocks.resize(self.blocks.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, number: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.put(&number.to_ne_bytes());
        self.put(&(value.len() as u16).to_ne_bytes());
        self.put(value);
        self.pad();
    }

    fn end(&mut self) {
        let length = ((self.blocks.len() - self.block) as u32 + 4).to_ne_bytes();
        self.put(&length);
        self.blocks[self.block + 4..self.block + 8].copy_from_slice(&length);
    }

    fn write_out(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.blocks);
        self.blocks.clear();
        written
    }
}
