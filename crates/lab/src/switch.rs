//! Switches: frames that come in by one link leave by the one where their destination was seen, or by all others (IEEE
//! 802.1D). Not modelled: VLANs, groups that nobody listens to, a spanning tree that changes.

use std::collections::BTreeMap;

use sockeye_base::{Duration, Instant};
use sockeye_wire::ethernet::Mac;

use crate::link::Lane;

/// So many addresses a switch remembers; those beyond are flooded.
const LEARNED: usize = 8192;
/// How long it remembers one (802.1D: 300 s).
const AGE: Duration = Duration::from_secs(300);

/// How often it looks for those that are past it, once it has no room left.
const SWEEP: Duration = Duration::from_secs(1);

/// A switch at work.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) name: String,
    /// The links plugged in, each from this end.
    ports: Vec<Lane>,
    learned: BTreeMap<Mac, (usize, Instant)>,
    /// When those past their age were last looked for.
    swept: Instant,
    /// A switch joined to it, or itself if it stands for all that are joined.
    pub(crate) joined: usize,
}

impl Switch {
    pub(crate) fn new(name: &str, joined: usize) -> Switch {
        Switch {
            name: name.to_owned(),
            ports: Vec::new(),
            learned: BTreeMap::new(),
            swept: Instant::ZERO,
            joined,
        }
    }

    pub(crate) fn plug(&mut self, lane: Lane) {
        self.ports.push(lane);
    }

    /// Where a frame goes on that came in by the far end of this lane.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        came_by: Lane,
        (source, destination): (Mac, Mac),
    ) -> impl Iterator<Item = Lane> + use<> {
        let from = self.ports.iter().position(|port| *port == came_by.back());
        if self.learned.len() >= LEARNED && now.since(self.swept) >= SWEEP {
            self.learned.retain(|_, (_, seen)| now.since(*seen) < AGE);
            self.swept = now;
        }
        if let Some(from) = from
            && !source.is_multicast()
            && (self.learned.len() < LEARNED || self.learned.contains_key(&source))
        {
            self.learned.insert(source, (from, now));
        }
        let known = self.learned.get(&destination).filter(|(_, seen)| now.since(*seen) < AGE);
        let only = known.map(|(port, _)| *port);
        let leaves = |port: usize| from != Some(port) && only.is_none_or(|only| only == port);
        let ports: Vec<Lane> =
            self.ports.iter().enumerate().filter(|(port, _)| leaves(*port)).map(|(_, lane)| *lane).collect();
        ports.into_iter()
    }
}
