//! What is carried beside the lab: two who are outside may hand each other frames themselves, where all that lies between them
//! would do nothing to a frame. Who owns the lab asks whether that is so, and says what was carried.

use super::Lab;
use crate::link::Lane;
use crate::{Capturing, End, OutsideId};

impl Lab {
    /// Whether every frame from one to the other arrives at once and as it is, unseen by anybody: they are on one link or one
    /// switch, by links that do nothing.
    pub fn may_carry_beside(&self, from: OutsideId, to: OutsideId) -> bool {
        let Some(lanes) = self.lanes_between(from, to).filter(|_| self.capturing == Capturing::Nothing)
        else {
            return false;
        };
        let mut links = lanes.iter().flatten().map(|lane| (&self.links[lane.link.0], lane.from));
        let mut mtus = lanes.iter().flatten().map(|lane| self.links[lane.link.0].view().mtu);
        let first = mtus.next();
        links.all(|(link, from)| link.does_nothing(from)) && mtus.all(|mtu| Some(mtu) == first)
    }

    /// Counts what was: frames, and their bytes.
    pub fn carried_beside(&mut self, from: OutsideId, to: OutsideId, (frames, bytes): (u64, u64)) {
        for lane in self.lanes_between(from, to).into_iter().flatten().flatten() {
            self.links[lane.link.0].carried_beside(lane.from, (frames, bytes));
        }
    }

    /// The way from one to the other: one link, or two with a switch between.
    fn lanes_between(&self, from: OutsideId, to: OutsideId) -> Option<[Option<Lane>; 2]> {
        let (first, last) = (self.outsides[from.0].lane?, self.outsides[to.0].lane?.back());
        match self.links[first.link.0].ends[1 - first.from] {
            End::Outside(there) if there == to => Some([Some(first), None]),
            End::Switch(switch) => {
                let joined = self.links[last.link.0].ends[last.from] == End::Switch(switch);
                joined.then_some([Some(first), Some(last)])
            }
            End::Outside(_) | End::Interface(..) => None,
        }
    }
}
