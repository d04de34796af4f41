//! What capturing costs: bulk over a link of MTU 1500 with each frame written as pcapng, to nowhere, beside the same
//! unseen. What a disk costs is its own.

use std::time::Duration;

use sockeye_device::{CaptureInterface, CaptureWriter, LinkType, Seen};
use sockeye_lab::Lab;

use crate::Rows;
use crate::bulk::{self, GIGA};
use crate::pair::Setup;
use crate::report::{Better, Row};
use crate::sampling::Effort;

/// What holds the headers.
const SNAP: usize = 128;

pub(crate) fn rows() -> Rows {
    let row = |name, target| {
        let (unit, better, peer_name) = ("GB/s", Better::More, "the same, not captured");
        let measure = move |snap: usize| {
            let unseen = |sample| bulk::sockeye(sample, &Setup::new(1500));
            move |effort: &Effort| Some(effort.medians(|sample| captured(sample, snap), unseen))
        };
        (Row { name, unit, better, peer_name, target }, measure)
    };
    let (head, measure_head) = row("captured: bulk, 128 bytes of each frame", 0.67);
    let (whole, measure_whole) = row("captured: bulk, frames as they are", 0.3);
    vec![(head, Box::new(measure_head(SNAP))), (whole, Box::new(measure_whole(usize::MAX)))]
}

fn captured(sample: Duration, snap: usize) -> f64 {
    let mut writer = CaptureWriter::new(snap);
    let interface = CaptureInterface { name: None, link_type: LinkType::Ethernet };
    writer.interface(&interface);
    let watch = move |lab: &mut Lab| {
        while let Some(captured) = lab.poll_captured() {
            let at = Duration::from_nanos(captured.at.as_nanos());
            let seen = Seen { at, interface: 0, comment: None, direction: None };
            writer.frame(&seen, &captured.frame);
        }
        writer.bytes().clear();
    };
    bulk::watched(sample, &Setup::new(1500), (true, watch)) / GIGA
}
