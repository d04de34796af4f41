//! Writing pcapng.

use std::io::{self, Write};
use std::time::Duration;

use sockeye_wire::{Frame, checksum};

use super::{BYTE_ORDER, CaptureInterface, Record, block, option};

/// Times are in nanoseconds: 10 to the power of minus this.
const NANOSECONDS: u8 = 9;

/// A pcapng file being written. Numbers are the machine's, times in nanoseconds.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    /// Bytes of each packet that are kept.
    snap: usize,
    /// The block being made.
    block: Vec<u8>,
    /// The frame being written.
    frame: Vec<u8>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file in which `snap` bytes of each packet are kept. Give it something buffered.
    pub fn new(out: W, snap: usize) -> io::Result<CaptureWriter<W>> {
        let mut writer = CaptureWriter { out, snap, block: Vec::new(), frame: Vec::new() };
        writer.begin(block::SECTION);
        writer.put(&BYTE_ORDER.to_ne_bytes());
        // Version 1.0; how long the section is isn't known.
        writer.put(&1_u16.to_ne_bytes());
        writer.put(&0_u16.to_ne_bytes());
        writer.put(&u64::MAX.to_ne_bytes());
        writer.option(option::SHB_USERAPPL, b"sockeye");
        writer.option(option::END, &[]);
        writer.end()?;
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
        self.end()
    }

    /// Writes a packet.
    pub fn packet(&mut self, record: &Record<'_>) -> io::Result<()> {
        let bytes = record.bytes.get(..self.snap).unwrap_or(record.bytes);
        // Enough until the year 2554.
        let at = u64::try_from(record.at.as_nanos()).unwrap_or(u64::MAX);
        self.begin(block::ENHANCED_PACKET);
        for word in
            [record.interface as u64, at >> 32, at & 0xffff_ffff, bytes.len() as u64, record.length as u64]
        {
            self.put(&(word as u32).to_ne_bytes());
        }
        self.put(bytes);
        self.pad();
        if let Some(comment) = record.comment {
            self.option(option::COMMENT, comment.as_bytes());
            self.option(option::END, &[]);
        }
        self.end()
    }

    /// Writes a frame, checksums and all; a super-segment as the frames it stands for.
    pub fn frame(
        &mut self,
        (at, interface): (Duration, usize),
        frame: &Frame,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.frame);
        let written = frame.clone().split().try_for_each(|frame| {
            bytes.clear();
            frame.write(checksum::Transport::Here, &mut bytes);
            self.packet(&Record { at, interface, length: bytes.len(), bytes: &bytes, comment })
        });
        self.frame = bytes;
        written
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
        self.end()
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes out what is buffered below.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put(&kind.to_ne_bytes());
        // Its length comes when it is known.
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, number: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.put(&number.to_ne_bytes());
        self.put(&(value.len() as u16).to_ne_bytes());
        self.put(value);
        self.pad();
    }

    fn end(&mut self) -> io::Result<()> {
        let length = (self.block.len() as u32 + 4).to_ne_bytes();
        self.put(&length);
        self.block[4..8].copy_from_slice(&length);
        self.out.write_all(&self.block)
    }
}
