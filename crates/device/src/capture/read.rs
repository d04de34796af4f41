//! Reading pcapng and pcap.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use sockeye_wire::print::Direction;
use thiserror::Error;

use super::{BYTE_ORDER, CaptureInterface, LinkType, Record, block, option};

/// No block, and no packet, is longer: what tcpdump takes is 256 KiB.
const LONGEST: usize = 1 << 20;
/// No file has more interfaces.
const MOST_INTERFACES: usize = 65_536;

/// Why a capture can't be read on.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is neither pcap nor pcapng.
    #[error("not a capture file: it begins with {0:#010x}")]
    Unknown(u32),
    /// It ends in the middle of something.
    #[error("cut short at byte {0}")]
    Truncated(u64),
    /// Something in it can't be.
    #[error("{what} at byte {at}")]
    Malformed {
        /// What.
        what: &'static str,
        /// Where, from the beginning of the file.
        at: u64,
    },
}

/// A capture file being read.
#[derive(Debug)]
pub struct CaptureReader<R> {
    input: R,
    format: Format,
    /// Numbers are written the other way round than this machine's.
    swapped: bool,
    interfaces: Vec<Interface>,
    /// Where those of this section begin.
    section: usize,
    /// The block or packet that was read last.
    block: Vec<u8>,
    /// Where in it the packet is.
    place: Option<Place>,
    /// How much has been read.
    position: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Pcap { nanoseconds: bool },
    PcapNg,
}

#[derive(Clone, Debug)]
struct Interface {
    shown: CaptureInterface,
    /// Parts of a second that times count.
    per_second: u64,
    /// Seconds to be added to them.
    offset: i64,
    snap: usize,
    /// Packets that the file says it misses.
    lost: u64,
}

/// Where in the block the parts of a packet are.
#[derive(Clone, Debug)]
struct Place {
    at: Duration,
    interface: usize,
    length: usize,
    bytes: std::ops::Range<usize>,
    comment: Option<std::ops::Range<usize>>,
    direction: Option<Direction>,
}

impl<R: Read> CaptureReader<R> {
    /// Reads the beginning of a file. Give it something buffered.
    pub fn new(input: R) -> Result<CaptureReader<R>, CaptureError> {
        let mut reader = CaptureReader {
            input,
            format: Format::PcapNg,
            swapped: false,
            interfaces: Vec::new(),
            section: 0,
            block: Vec::new(),
            place: None,
            position: 0,
        };
        let mut magic = [0; 4];
        reader.fill(&mut magic)?;
        let magic = u32::from_ne_bytes(magic);
        if magic == block::SECTION {
            reader.section()?;
            return Ok(reader);
        }
        let known = |magic| match magic {
            0xa1b2_c3d4 => Some(Format::Pcap { nanoseconds: false }),
            0xa1b2_3c4d => Some(Format::Pcap { nanoseconds: true }),
            _ => None,
        };
        reader.swapped = known(magic).is_none();
        reader.format =
            known(magic).or_else(|| known(magic.swap_bytes())).ok_or(CaptureError::Unknown(magic))?;
        reader.pcap_header()?;
        Ok(reader)
    }

    /// The interfaces the file has told of so far, those of all its sections.
    pub fn interfaces(&self) -> impl Iterator<Item = &CaptureInterface> {
        self.interfaces.iter().map(|interface| &interface.shown)
    }

    /// What the packets of an interface begin with.
    pub fn link_type(&self, interface: usize) -> LinkType {
        self.interfaces
            .get(interface)
            .map_or(LinkType::Other(u16::MAX), |interface| interface.shown.link_type)
    }

    /// Packets that were seen and are missing, as far as the file has told.
    pub fn lost(&self) -> u64 {
        self.interfaces.iter().map(|interface| interface.lost).fold(0, u64::saturating_add)
    }

    /// Goes on to the next packet; `false` at the end.
    pub fn advance(&mut self) -> Result<bool, CaptureError> {
        self.place = None;
        self.place = match self.format {
            Format::Pcap { nanoseconds } => self.pcap_packet(nanoseconds)?,
            Format::PcapNg => self.pcapng_packet()?,
        };
        Ok(self.place.is_some())
    }

    /// The packet it has come to; `None` before the first and after the last.
    pub fn record(&self) -> Option<Record<'_>> {
        let Place { at, interface, length, bytes, comment, direction } = self.place.clone()?;
        let comment = comment.and_then(|comment| std::str::from_utf8(self.block.get(comment)?).ok());
        let bytes = self.block.get(bytes).unwrap_or_default();
        Some(Record { at, interface, length, bytes, comment, direction })
    }

    fn pcap_header(&mut self) -> Result<(), CaptureError> {
        self.read_block(20)?;
        let snap = self.word(12) as usize;
        // The upper bits say how long a check sequence is.
        let link_type = LinkType::from_number(self.word(16) as u16);
        let shown = CaptureInterface { name: None, link_type };
        self.interfaces.push(Interface { shown, per_second: 1, offset: 0, snap, lost: 0 });
        Ok(())
    }

    fn pcap_packet(&mut self, nanoseconds: bool) -> Result<Option<Place>, CaptureError> {
        let at = self.position;
        let mut header = [0; 16];
        if !self.fill_or_end(&mut header)? {
            return Ok(None);
        }
        self.block.clear();
        self.block.extend_from_slice(&header);
        let [seconds, part, kept, length] = [0, 4, 8, 12].map(|at| self.word(at));
        let kept = kept as usize;
        if kept > LONGEST {
            return Err(CaptureError::Malformed { what: "a packet that is too long", at });
        }
        let scale = if nanoseconds { 1 } else { 1000 };
        let when = Duration::from_secs(seconds.into()) + Duration::from_nanos(u64::from(part) * scale);
        self.read_block(kept)?;
        Ok(Some(Place {
            at: when,
            interface: 0,
            length: length as usize,
            bytes: 0..kept,
            comment: None,
            direction: None,
        }))
    }

    /// The rest of a section's first block, behind its type.
    fn section(&mut self) -> Result<(), CaptureError> {
        let at = self.position - 4;
        let mut start = [0; 8];
        self.fill(&mut start)?;
        let [length, order] = [0, 4].map(|at| u32::from_ne_bytes(std::array::from_fn(|i| start[at + i])));
        self.swapped = match order {
            BYTE_ORDER => false,
            other if other.swap_bytes() == BYTE_ORDER => true,
            _ => return Err(CaptureError::Malformed { what: "no byte order", at }),
        };
        let length = if self.swapped { length.swap_bytes() } else { length } as usize;
        if !(28..=LONGEST).contains(&length) || !length.is_multiple_of(4) {
            return Err(CaptureError::Malformed { what: "a section of impossible length", at });
        }
        self.section = self.interfaces.len();
        self.read_block(length - 12)?;
        if self.half(0) != 1 {
            return Err(CaptureError::Malformed { what: "another version of pcapng", at });
        }
        Ok(())
    }

    fn pcapng_packet(&mut self) -> Result<Option<Place>, CaptureError> {
        loop {
            let at = self.position;
            let mut kind = [0; 4];
            if !self.fill_or_end(&mut kind)? {
                return Ok(None);
            }
            // A section begins the same in both orders.
            if u32::from_ne_bytes(kind) == block::SECTION {
                self.section()?;
                continue;
            }
            let mut length = [0; 4];
            self.fill(&mut length)?;
            let [kind, length] = [kind, length].map(|bytes| self.ordered(u32::from_ne_bytes(bytes)));
            let length = length as usize;
            if !(12..=LONGEST).contains(&length) || !length.is_multiple_of(4) {
                return Err(CaptureError::Malformed { what: "a block of impossible length", at });
            }
            self.read_block(length - 8)?;
            if self.word(length - 12) as usize != length {
                return Err(CaptureError::Malformed { what: "a block with two lengths", at });
            }
            let malformed = |what| CaptureError::Malformed { what, at };
            let end = length - 12;
            match kind {
                block::INTERFACE => self.interface(end).map_err(malformed)?,
                block::ENHANCED_PACKET => return self.enhanced(end).map(Some).map_err(malformed),
                block::STATISTICS => self.statistics(end).map_err(malformed)?,
                block::SIMPLE_PACKET => return self.simple(end).map(Some).map_err(malformed),
                _ => {}
            }
        }
    }

    fn interface(&mut self, end: usize) -> Result<(), &'static str> {
        if end < 8 {
            return Err("an interface that is too short");
        }
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err("too many interfaces");
        }
        let shown = CaptureInterface { name: None, link_type: LinkType::from_number(self.half(0)) };
        let mut interface =
            Interface { shown, per_second: 1_000_000, offset: 0, snap: self.word(4) as usize, lost: 0 };
        for (number, value) in self.options(8, end)? {
            let bytes = self.block.get(value).unwrap_or_default();
            match (number, bytes) {
                (option::IF_NAME, name) => {
                    interface.shown.name = Some(String::from_utf8_lossy(name).into_owned())
                }
                (option::IF_TSRESOL, [power, ..]) => interface.per_second = per_second(*power)?,
                (option::IF_TSOFFSET, bytes) => {
                    if let Some(offset) = bytes.first_chunk() {
                        let offset = i64::from_ne_bytes(*offset);
                        interface.offset = if self.swapped { offset.swap_bytes() } else { offset };
                    }
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn statistics(&mut self, end: usize) -> Result<(), &'static str> {
        if end < 12 {
            return Err("statistics that are too short");
        }
        let options = self.options(12, end)?;
        let lost = options.into_iter().find(|(number, _)| *number == option::ISB_OSDROP);
        let lost = lost.and_then(|(_, value)| self.block.get(value)?.first_chunk().copied());
        let number = self.section.saturating_add(self.word(0) as usize);
        if let (Some(interface), Some(lost)) = (self.interfaces.get_mut(number), lost) {
            let lost = u64::from_ne_bytes(lost);
            interface.lost = if self.swapped { lost.swap_bytes() } else { lost };
        }
        Ok(())
    }

    fn enhanced(&self, end: usize) -> Result<Place, &'static str> {
        if end < 20 {
            return Err("a packet that is too short");
        }
        let [interface, high, low, kept, length] = [0, 4, 8, 12, 16].map(|at| self.word(at));
        let interface = self.section.saturating_add(interface as usize);
        let kept = kept as usize;
        let from = self.interfaces.get(interface).ok_or("a packet of an unknown interface")?;
        let bytes = 20..20_usize
            .checked_add(kept)
            .filter(|past| *past <= end)
            .ok_or("a packet longer than its block")?;
        let (mut comment, mut direction) = (None, None);
        for (number, value) in self.options(bytes.end.next_multiple_of(4).min(end), end)? {
            match number {
                option::COMMENT if comment.is_none() => comment = Some(value),
                option::EPB_FLAGS if value.len() == 4 => direction = direction_of(self.word(value.start)),
                _ => {}
            }
        }
        let at = from.time(u64::from(high) << 32 | u64::from(low));
        Ok(Place { at, interface, length: length as usize, bytes, comment, direction })
    }

    fn simple(&self, end: usize) -> Result<Place, &'static str> {
        if end < 4 {
            return Err("a packet that is too short");
        }
        let first = self.interfaces.get(self.section).ok_or("a packet without an interface")?;
        let length = self.word(0) as usize;
        let snap = if first.snap == 0 { usize::MAX } else { first.snap };
        let past = 4 + length.min(snap).min(end - 4);
        let at = Duration::ZERO;
        Ok(Place { at, interface: self.section, length, bytes: 4..past, comment: None, direction: None })
    }

    /// The options from one place to another: their numbers, and where their values are.
    fn options(&self, mut at: usize, end: usize) -> Result<Vec<(u16, std::ops::Range<usize>)>, &'static str> {
        let mut options = Vec::new();
        while at + 4 <= end {
            let (number, length) = (self.half(at), usize::from(self.half(at + 2)));
            if number == option::END {
                break;
            }
            let value = at + 4..at + 4 + length;
            if value.end > end {
                return Err("an option longer than its block");
            }
            at = value.end.next_multiple_of(4);
            options.push((number, value));
        }
        Ok(options)
    }

    fn ordered(&self, word: u32) -> u32 {
        if self.swapped { word.swap_bytes() } else { word }
    }

    /// Four bytes of the block; 0 beyond its end.
    fn word(&self, at: usize) -> u32 {
        let bytes = self.block.get(at..).and_then(|rest| rest.first_chunk());
        self.ordered(bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes)))
    }

    fn half(&self, at: usize) -> u16 {
        let bytes = self.block.get(at..).and_then(|rest| rest.first_chunk());
        let half = bytes.map_or(0, |bytes| u16::from_ne_bytes(*bytes));
        if self.swapped { half.swap_bytes() } else { half }
    }

    /// Reads so many bytes as the block.
    fn read_block(&mut self, length: usize) -> Result<(), CaptureError> {
        let mut block = std::mem::take(&mut self.block);
        block.resize(length, 0);
        let read = self.fill(&mut block);
        self.block = block;
        read
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), CaptureError> {
        if buffer.is_empty() || self.fill_or_end(buffer)? {
            return Ok(());
        }
        Err(CaptureError::Truncated(self.position))
    }

    /// Fills a buffer; `false` if there is nothing more at all.
    fn fill_or_end(&mut self, buffer: &mut [u8]) -> Result<bool, CaptureError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(CaptureError::Truncated(self.position)),
                Ok(count) => {
                    filled += count;
                    self.position += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl Interface {
    fn time(&self, count: u64) -> Duration {
        let seconds = (count / self.per_second).saturating_add_signed(self.offset);
        let part = u128::from(count % self.per_second) * 1_000_000_000 / u128::from(self.per_second);
        Duration::new(seconds, part as u32)
    }
}

/// The lowest two bits of a packet's flags.
fn direction_of(flags: u32) -> Option<Direction> {
    match flags & 3 {
        1 => Some(Direction::In),
        2 => Some(Direction::Out),
        _ => None,
    }
}

/// Parts of a second, from a power of ten or (with the upper bit set) of two.
fn per_second(power: u8) -> Result<u64, &'static str> {
    let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow((power & 0x7f).into()).ok_or("times too fine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_grain() {
        let time = |power, count| {
            let shown = CaptureInterface { name: None, link_type: LinkType::Raw };
            Interface { shown, per_second: per_second(power).unwrap(), offset: 0, snap: 0, lost: 0 }
                .time(count)
        };
        assert_eq!(time(6, 1_500_000), Duration::from_millis(1500));
        assert_eq!(time(0x80 | 10, 1536), Duration::from_millis(1500));
        assert_eq!(time(19, u64::MAX), Duration::new(1, 844_674_407));
        assert!(per_second(20).is_err() && per_second(0xff).is_err());
    }
}
