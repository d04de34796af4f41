//! Capture files as commands read them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use clap::Args;
use sockeye_device::{CaptureError, CaptureReader, LinkType, Record};
use sockeye_view::Filter;
use sockeye_wire::print::Link;
use sockeye_wire::{Frame, checksum};

/// No packet is longer.
pub(crate) const LONGEST: usize = 262_144;

/// A capture file being read.
pub(crate) type Reader = CaptureReader<BufReader<Box<dyn Read>>>;

/// Opens a capture file, or standard input.
pub(crate) fn open(path: &Path) -> Result<Reader, CaptureError> {
    let input: Box<dyn Read> =
        if is_standard(path) { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    read(input)
}

/// Begins to read a capture.
pub(crate) fn read(input: Box<dyn Read>) -> Result<Reader, CaptureError> {
    CaptureReader::new(BufReader::with_capacity(1 << 16, input))
}

/// Whether `-` is meant.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Which interfaces' packets are wanted.
#[derive(Args)]
pub(crate) struct Interfaces {
    /// Only what was captured there: a host, HOST/eth1, or an interface's name; may be given again. In a capture of
    /// Sockeye's a packet stands where it was sent, and at each router again
    #[arg(short, long = "interface", value_name = "NAME")]
    interface: Vec<String>,
}

impl Interfaces {
    /// Their names, as they were given.
    pub(crate) fn names(&self) -> &[String] {
        &self.interface
    }

    /// Whether a packet is wanted.
    pub(crate) fn want(&self, reader: &Reader, record: &Record<'_>) -> bool {
        if self.interface.is_empty() {
            return true;
        }
        let name = reader.interfaces().nth(record.interface).and_then(|interface| interface.name.as_deref());
        let name = name.unwrap_or("");
        let is_of = |wanted: &String| {
            let host = name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('/'));
            name == wanted || host || name.rsplit('/').next() == Some(wanted)
        };
        self.interface.iter().any(is_of)
    }
}

/// Whether a filter wants a packet, and what that begins with.
///
/// # Errors
/// The packet is one that nobody here reads, or it isn't known which way it went, and the filter asks.
pub(crate) fn wanted(reader: &Reader, record: &Record<'_>, filter: &Filter) -> Result<(bool, Link), String> {
    let link = link_of(reader, record)?;
    if filter.needs_direction() && record.direction.is_none() {
        return Err("the capture does not tell which way packets went, which the filter asks for".to_owned());
    }
    Ok((filter.wants((link, record.direction), record.bytes, record.length), link))
}

/// What a packet begins with; an error for what nobody here reads.
fn link_of(reader: &Reader, record: &Record<'_>) -> Result<Link, String> {
    match reader.link_type(record.interface) {
        LinkType::Ethernet => Ok(Link::Ethernet),
        LinkType::Raw => Ok(Link::Raw),
        LinkType::Other(number) => Err(format!("packets of link type {number}")),
    }
}

/// The packet as values, whatever its checksums: where a packet is captured at its sender, the interface has yet to make
/// them. What was not captured is zeros.
pub(crate) fn frame_unchecked(link: Link, record: &Record<'_>) -> Frame {
    let length = record.length.min(LONGEST);
    let mut bytes = record.bytes.to_vec();
    bytes.resize(bytes.len().max(length), 0);
    let bytes = Bytes::from(bytes);
    let sums = checksum::Transport::Elsewhere;
    match link {
        Link::Ethernet => Frame::parse_ethernet_shared(&bytes, sums)
            .unwrap_or_else(|_| Frame::parse_packet_shared(&bytes, sums)),
        Link::Raw => Frame::parse_packet_shared(&bytes, sums),
    }
}
