//! Switches: frames that come in by one link leave by the one where their destination was seen, or by all others (IEEE
//! 802.1D). Not modelled: VLANs, groups that nobody listens to, a spanning tree that changes.

use std::collections::BTreeMap;

use sockeye_base::{Duration, Instant};
use sockeye_wire::ethernet::Mac;

use crate::link::Lane;

/// So many addresses a switch remembers at least, and [`PER_PORT`] for each port; those beyond are flooded.
const LEARNED: usize = 8192;
const PER_PORT: usize = 2;
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
    /// Which of them a link is plugged into.
    plugged: BTreeMap<Lane, usize>,
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
            plugged: BTreeMap::new(),
            learned: BTreeMap::new(),
            swept: Instant::ZERO,
            joined,
        }
    }

    pub(crate) fn plug(&mut self, lane: Lane) {
        self.plugged.insert(lane, self.ports.len());
        self.ports.push(lane);
    }

    /// The link plugged into a port, away from here.
    pub(crate) fn port(&self, port: usize) -> Option<Lane> {
        self.ports.get(port).copied()
    }

    /// By which port a frame goes on that came in by the far end of this lane.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        came_by: Lane,
        (source, destination): (Mac, Mac),
    ) -> Onward {
        let from = self.plugged.get(&came_by.back()).copied();
        let most = LEARNED.max(PER_PORT * self.ports.len());
        if self.learned.len() >= most && now.since(self.swept) >= SWEEP {
            self.learned.retain(|_, (_, seen)| now.since(*seen) < AGE);
            self.swept = now;
        }
        if let Some(from) = from
            && !source.is_multicast()
            && (self.learned.len() < most || self.learned.contains_key(&source))
        {
            self.learned.insert(source, (from, now));
        }
        match self.learned.get(&destination).filter(|(_, seen)| now.since(*seen) < AGE) {
            Some((port, _)) if Some(*port) == from => Onward::Nowhere,
            Some((port, _)) => Onward::By(*port),
            None => Onward::ByAllBut(from),
        }
    }
}

/// Where a frame goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onward {
    /// It came from where it is to go.
    Nowhere,
    By(usize),
    ByAllBut(Option<usize>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkId;

    fn lane(link: usize) -> Lane {
        Lane { link: LinkId(link), from: 0 }
    }

    fn mac(n: usize) -> Mac {
        let [.., a, b] = n.to_be_bytes();
        Mac([2, 0, 0, 0, a, b])
    }

    #[test]
    fn what_was_seen_is_not_flooded() {
        let mut switch = Switch::new("s", 0);
        (0..10_000).for_each(|link| switch.plug(lane(link)));
        let forward = |switch: &mut Switch, now, from: usize, to| {
            switch.forward(Instant::ZERO + now, lane(from).back(), (mac(from), mac(to)))
        };
        let now = Duration::ZERO;
        assert_eq!(forward(&mut switch, now, 3, 9_999), Onward::ByAllBut(Some(3)));
        // As many as there are ports have room.
        for port in 0..10_000 {
            forward(&mut switch, now, port, 3);
        }
        assert_eq!(forward(&mut switch, now, 3, 9_999), Onward::By(9_999));
        assert_eq!(switch.port(9_999), Some(lane(9_999)));
        assert_eq!(forward(&mut switch, now, 3, 3), Onward::Nowhere);
        assert_eq!(forward(&mut switch, AGE, 3, 9_999), Onward::ByAllBut(Some(3)));
    }

    #[test]
    fn who_makes_addresses_up_finds_an_end_of_room() {
        let mut switch = Switch::new("s", 0);
        switch.plug(lane(0));
        (0..LEARNED + 10).for_each(|n| {
            switch.forward(Instant::ZERO, lane(0).back(), (mac(n), mac(0)));
        });
        assert_eq!(switch.learned.len(), LEARNED);
    }
}
