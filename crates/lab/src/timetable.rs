//! What is to happen to a network by itself: cables pulled and plugged in again, at their times.

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
