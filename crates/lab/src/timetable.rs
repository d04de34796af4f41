//! What is to happen to a network by itself: cables pulled and plugged in again, at their times.

use std::collections::BTreeMap;

use sockeye_base::Instant;
use sockeye_stack::{Cidr, InterfaceId};

use crate::{Direction, HostId, LinkId};

/// Something that happens to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link is cut: what enters it is lost.
    Cut(LinkId),
    /// It is whole again.
    Mend(LinkId),
    /// A host is switched off.
    Off(HostId),
    /// A host is switched on.
    On(HostId),
    /// A host stands still.
    Pause(HostId),
    /// It goes on.
    Resume(HostId),
    /// The direction of a link that leads away from this end of it, 0 or 1, is like this from now on.
    Direction(LinkId, usize, Box<Direction>),
    /// An interface has these addresses from now on.
    Addresses(HostId, InterfaceId, Vec<Cidr>),
}

/// Changes to come, those of one moment in the order they were planned.
#[derive(Debug, Default)]
pub(crate) struct Timetable {
    changes: BTreeMap<(Instant, u64), Change>,
    planned: u64,
}

impl Timetable {
    pub(crate) fn plan(&mut self, at: Instant, change: Change) {
        self.planned += 1;
        self.changes.insert((at, self.planned), change);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.changes.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next change that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Change> {
        let entry = self.changes.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
