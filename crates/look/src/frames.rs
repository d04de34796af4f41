//! Frames for who looks: as pcapng, in bounded memory.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye_device::{CaptureInterface, CaptureWriter, LinkType, Seen};
use sockeye_lab::{Captured, Capturing, End, Lab};
use sockeye_view::{Filter, Lookup};
use sockeye_wire::print::{Direction, Link};

use crate::take::end_name;

/// Bytes of a capture that wait for who reads; what comes beyond is lost.
const WAITING: usize = 4 << 20;
/// Bytes of a frame that are sent if nothing else is said: more than any has.
const WHOLE: usize = 262_144;

/// Which frames somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Those that this host sends or gets, as tcpdump(8) there would show them; else all, once for each link they are sent on
    /// by a host.
    pub host: Option<String>,
    /// Of its interfaces this one.
    pub interface: Option<String>,
    /// Those that enter this link, at either end.
    pub link: Option<usize>,
    /// Bytes of each, its headers included.
    pub snap: Option<usize>,
    /// What they are like, in pcap-filter(7)'s language; addresses and ports as numbers.
    pub filter: Option<String>,
}

impl Wanted {
    /// What a lab has to capture for it.
    fn needs(&self) -> Capturing {
        let everywhere = (self.host.as_ref(), self.interface.as_ref(), self.link) == (None, None, None);
        if everywhere { Capturing::Sent } else { Capturing::All }
    }

    /// Whether each frame is told the direction of.
    fn tells_direction(&self) -> bool {
        self.link.is_none() && self.needs() == Capturing::All
    }

    /// Which way it went, if there is somebody to say so.
    fn direction(&self, captured: &Captured) -> Option<Direction> {
        if !self.tells_direction() {
            return None;
        }
        // What goes to the host itself is seen once, and as it comes: so libpcap has it.
        let came = captured.arrived || captured.link.is_none();
        Some(if came { Direction::In } else { Direction::Out })
    }

    fn is_at(&self, name: &str, captured: &Captured) -> bool {
        let of_switch = matches!(captured.end, End::Switch(_));
        if let Some(link) = self.link {
            return captured.link.is_some_and(|own| own.0 == link) && !captured.arrived;
        }
        if self.needs() == Capturing::Sent {
            return captured.is_sent();
        }
        let (host, interface) = name.split_once('/').unwrap_or(("", name));
        !of_switch
            && self.host.as_ref().is_none_or(|wanted| wanted == host)
            && self.interface.as_ref().is_none_or(|wanted| wanted == interface)
    }
}

/// Names mean something to who asks, not here.
struct NoNames;

impl Lookup for NoNames {
    fn host(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn port(&self, _: &str) -> Option<(u16, Option<u8>)> {
        None
    }
}

/// A capture that somebody reads while it is made.
pub(crate) struct Subscription {
    wanted: Wanted,
    filter: Option<Filter>,
    writer: CaptureWriter,
    /// Those the capture has told of: one for each side of a link.
    interfaces: BTreeMap<End, usize>,
    /// Bytes of what the writer has made that are sent.
    sent: usize,
    /// Frames that found no room, by interface; and whether that is still to be told.
    lost: BTreeMap<usize, u64>,
    is_to_tell: bool,
    /// When the network's time began, since 1970.
    began: Duration,
}

impl Subscription {
    /// Begins a capture; says why not.
    pub(crate) fn new(wanted: Wanted, began: Duration) -> Result<Subscription, String> {
        let filter = wanted.filter.as_deref().map(|text| Filter::parse(text, &NoNames)).transpose();
        let filter = filter.map_err(|error| error.to_string())?;
        if filter.as_ref().is_some_and(Filter::needs_direction) && !wanted.tells_direction() {
            return Err(
                "which way a packet goes is told only where a host or an interface is looked at".to_owned()
            );
        }
        let snap = wanted.snap.unwrap_or(WHOLE).min(WHOLE);
        let writer = CaptureWriter::new(snap);
        Ok(Subscription {
            wanted,
            filter,
            writer,
            interfaces: BTreeMap::new(),
            sent: 0,
            lost: BTreeMap::new(),
            is_to_tell: false,
            began,
        })
    }

    pub(crate) fn needs(&self) -> Capturing {
        self.wanted.needs()
    }

    /// Adds a frame, if it is wanted; it is lost if the reader is too far behind.
    pub(crate) fn show(&mut self, lab: &Lab, captured: &Captured) {
        let name = end_name(lab, captured.end);
        if !self.wanted.is_at(&name, captured) {
            return;
        }
        self.write(name, captured);
    }

    fn write(&mut self, name: String, captured: &Captured) {
        let next = self.interfaces.len();
        let interface = *self.interfaces.entry(captured.end).or_insert(next);
        if interface == next {
            // Of one type all: libpcap reads no file of several.
            let link_type = LinkType::Ethernet;
            self.writer.interface(&CaptureInterface { name: Some(name), link_type });
        }
        let at = self.time(captured);
        let comment = captured.dropped.map(|reason| format!("dropped: {reason}"));
        let direction = self.wanted.direction(captured);
        let is_full = self.waiting() > WAITING;
        if self.is_to_tell && !is_full {
            self.is_to_tell = false;
            for (interface, frames) in &self.lost {
                self.writer.lost(at, *interface, *frames);
            }
        }
        let frame = captured.on_ethernet();
        let mut lost = 0;
        if let (true, None) = (is_full, &self.filter) {
            lost = frame.count() as u64;
        } else {
            let seen = Seen { at, interface, comment: comment.as_deref(), direction };
            let reach = self.filter.as_ref().map_or(0, Filter::reach);
            let wants = |bytes: &[u8], length: usize| {
                let filter = self.filter.as_ref();
                let is_wanted =
                    filter.is_none_or(|filter| filter.wants((Link::Ethernet, direction), bytes, length));
                lost += u64::from(is_wanted && is_full);
                is_wanted && !is_full
            };
            self.writer.frame_if(&seen, &frame, (reach, wants));
        }
        if lost > 0 {
            *self.lost.entry(interface).or_default() += lost;
            self.is_to_tell = true;
        }
    }

    fn time(&self, captured: &Captured) -> Duration {
        self.began + Duration::from_nanos(captured.at.as_nanos())
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting(&mut self) -> usize {
        self.writer.bytes().len() - self.sent
    }

    /// Sends what waits, until there is no room: an error then, as when the reader is gone.
    pub(crate) fn send(&mut self, mut send: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        let made = self.writer.bytes();
        let result = loop {
            match made.get(self.sent..) {
                None | Some([]) => break Ok(()),
                Some(rest) => match send(rest) {
                    Ok(sent) => self.sent += sent,
                    Err(error) => break Err(error),
                },
            }
        };
        // What was sent goes when that is most of it: each byte is moved once at most.
        if self.sent * 2 >= made.len() {
            made.drain(..self.sent);
            self.sent = 0;
        }
        result
    }
}
