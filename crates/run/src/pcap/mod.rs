//! `--pcap`: each frame into a pcapng file, and why it was lost.
//!
//! Bytes are made of a frame at once, while its data is still at hand; a thread of its own writes them.

mod behind;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use sockeye_device::{CaptureInterface, CaptureWriter, LinkType, Seen};
use sockeye_lab::{Captured, End, Lab};

use crate::Error;
use behind::WriteBehind;

/// A capture file being written.
pub struct Pcap {
    writer: CaptureWriter,
    file: WriteBehind,
    /// It could not be written: the network goes on without.
    failed: bool,
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
        let file = File::create(path).map_err(|error| Error::Trace(path.to_owned(), error))?;
        let (mut writer, mut file) = (CaptureWriter::new(snap), WriteBehind::new(file));
        file.put(|bytes| bytes.append(writer.bytes()));
        Ok(Pcap { writer, file, failed: false, interfaces: BTreeMap::new(), began })
    }

    /// Writes a frame, soon. No frame is lost to the file: if the disk is that slow, this waits.
    pub fn show(&mut self, lab: &Lab, captured: &Captured) {
        if !self.failed {
            self.file.begin();
            self.failed = !self.write(lab, captured);
        }
    }

    /// Waits until all is written; `false` if not all could be, which was said on standard error when it was found.
    pub fn finish(&mut self) -> bool {
        self.file.finish()
    }

    /// Whether it still can be written.
    fn write(&mut self, lab: &Lab, captured: &Captured) -> bool {
        let next = self.interfaces.len();
        let interface = *self.interfaces.entry(captured.end).or_insert(next);
        let new = (interface == next).then(|| {
            let host = captured.end.host().map(|host| format!("{}/", lab.host(host).name()));
            let name = Some(format!("{}{}", host.unwrap_or_default(), captured.name));
            // Of one type all: libpcap reads no file of several.
            CaptureInterface { name, link_type: LinkType::Ethernet }
        });
        let at = self.began + Duration::from_nanos(captured.at.as_nanos());
        let comment = captured.dropped.map(|reason| format!("dropped: {reason}"));
        let seen = Seen { at, interface, comment: comment.as_deref(), direction: None };
        let (writer, frame) = (&mut self.writer, captured.on_ethernet());
        // The bytes are made where they wait to be written.
        self.file.put(|bytes| {
            std::mem::swap(bytes, writer.bytes());
            new.iter().for_each(|interface| writer.interface(interface));
            writer.frame(&seen, &frame);
            std::mem::swap(bytes, writer.bytes());
        })
    }
}
