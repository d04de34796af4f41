//! `--pcap`: each frame into a pcapng file, and why it was lost.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use sockeye_device::{CaptureInterface, CaptureWriter, LinkType};
use sockeye_lab::{Captured, End, Lab};

use crate::Error;

/// A capture file being written.
pub struct Pcap {
    /// `None` once it could not be written: the program goes on.
    writer: Option<CaptureWriter<BufWriter<File>>>,
    /// Those the file has been told of: one for each side of a link.
    interfaces: BTreeMap<End, usize>,
    /// When the network's time began, since 1970.
    began: Duration,
}

impl Pcap {
    /// Begins a file, made anew, that keeps `snap` bytes of each frame; the network's time began so long after 1970.
    ///
    /// # Errors
    /// It can't be made.
    pub fn create(path: &Path, snap: usize, began: Duration) -> Result<Pcap, Error> {
        let file = File::create(path).and_then(|file| CaptureWriter::new(BufWriter::new(file), snap));
        let writer = file.map_err(|error| Error::Trace(path.to_owned(), error))?;
        Ok(Pcap { writer: Some(writer), interfaces: BTreeMap::new(), began })
    }

    /// Writes a frame.
    pub fn show(&mut self, lab: &Lab, captured: &Captured) {
        let written = self.write(lab, captured);
        self.note(written);
    }

    /// Writes out what was kept back.
    pub fn flush(&mut self) {
        let flushed = self.writer.as_mut().map_or(Ok(()), CaptureWriter::flush);
        self.note(flushed);
    }

    fn write(&mut self, lab: &Lab, captured: &Captured) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let next = self.interfaces.len();
        let interface = *self.interfaces.entry(captured.end).or_insert(next);
        if interface == next {
            let link_type =
                if captured.frame.ethernet.is_some() { LinkType::Ethernet } else { LinkType::Raw };
            let host = captured.end.host().map(|host| format!("{}/", lab.host(host).name()));
            let name = format!("{}{}", host.unwrap_or_default(), captured.name);
            writer.interface(&CaptureInterface { name: Some(name), link_type })?;
        }
        let at = self.began + Duration::from_nanos(captured.at.as_nanos());
        let comment = captured.dropped.map(|reason| format!("dropped: {reason}"));
        writer.frame((at, interface), &captured.frame, comment.as_deref())
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            let _ = writeln!(io::stderr(), "sockeye: the capture ends here: {error}");
            self.writer = None;
        }
    }
}
