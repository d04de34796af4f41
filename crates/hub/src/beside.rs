//! Ways beside the hub: two hosts that have much to say to each other, and nothing between them that would do anything to a
//! frame, get rings of their own. So their frames don't pass the hub; it still counts them, and takes the way back as soon as
//! somebody wants to see them, a link changes, or one of the two leaves.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use sockeye_device::ring::{Meter, Side, memory};
use sockeye_lab::{Lab, OutsideId};

use crate::traffic::Carried;

/// After so many frames two have much to say.
const MUCH: u32 = 32;
/// Pairs that are counted; those that come later are counted when these have been forgotten.
const MOST_COUNTED: usize = 4096;
/// Ways of one host, and of all.
const MOST_OF_ONE: usize = 16;
const MOST: usize = 2048;

/// A host's interface as the network knows it: the host's number, its own, and its way out of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) host: usize,
    pub(crate) interface: usize,
    pub(crate) way: OutsideId,
}

/// Two that have a way of their own. The first is the first side of its rings.
pub(crate) struct Pair {
    pub(crate) number: u64,
    pub(crate) ends: [Port; 2],
    meter: Meter,
    counted: [Carried; 2],
}

/// All of them.
#[derive(Default)]
pub(crate) struct Pairs {
    list: Vec<Pair>,
    /// Frames of those that aren't pairs, the smaller number first.
    said: BTreeMap<(OutsideId, OutsideId), u32>,
    /// Those who have much to say.
    eager: Vec<[Port; 2]>,
    next: u64,
}

impl Pairs {
    /// A frame went from one to another.
    pub(crate) fn note(&mut self, from: Port, to: Port) {
        if self.said.len() >= MOST_COUNTED {
            self.said.clear();
        }
        let said = self.said.entry((from.way.min(to.way), from.way.max(to.way))).or_default();
        *said = said.saturating_add(1);
        if *said == MUCH {
            self.eager.push([from, to]);
        }
    }

    /// Gives two of those who have much to say a way of their own: its memory, and the pair.
    pub(crate) fn begin(&mut self, lab: &Lab) -> Option<(OwnedFd, &Pair)> {
        while let Some(ends) = self.eager.pop() {
            let of = |host: usize| self.list.iter().filter(|pair| pair.is_of(host)).count();
            let is_one = self.list.iter().any(|pair| ends.iter().all(|end| pair.ends.contains(end)));
            let room = self.list.len() < MOST && ends.iter().all(|end| of(end.host) < MOST_OF_ONE);
            // They may have begun to be kept apart; then they are counted anew.
            self.forget(&ends);
            if is_one || !room || !may_carry_beside(lab, &ends) {
                continue;
            }
            let Ok(memory) = memory() else { continue };
            let Ok(meter) = Meter::open(&memory) else { continue };
            let number = self.next;
            self.next += 1;
            self.list.push(Pair { number, ends, meter, counted: Default::default() });
            return Some((memory, self.list.last()?));
        }
        None
    }

    /// Takes out those who may have no way of their own any more, and those of whom somebody has left.
    pub(crate) fn take_ended(&mut self, lab: &Lab, is_there: impl Fn(usize) -> bool) -> Vec<Pair> {
        let lasts = |pair: &mut Pair| {
            may_carry_beside(lab, &pair.ends) && pair.ends.iter().all(|end| is_there(end.host))
        };
        self.list.extract_if(.., |pair| !lasts(pair)).collect()
    }

    fn forget(&mut self, ends: &[Port; 2]) {
        let [a, b] = ends.map(|end| end.way);
        self.said.remove(&(a.min(b), a.max(b)));
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.list.iter_mut()
    }
}

impl Pair {
    fn is_of(&self, host: usize) -> bool {
        self.ends.iter().any(|end| end.host == host)
    }

    /// What has passed since it was asked last: from whom, to whom, and how much.
    pub(crate) fn passed(&mut self) -> [(Port, Port, Carried); 2] {
        let [first, second] = self.ends;
        let sent = [self.meter.sent(Side::First), self.meter.sent(Side::Second)];
        let before = std::mem::replace(&mut self.counted, sent);
        let since =
            |at: usize| (sent[at].0.saturating_sub(before[at].0), sent[at].1.saturating_sub(before[at].1));
        [(first, second, since(0)), (second, first, since(1))]
    }
}

fn may_carry_beside(lab: &Lab, ends: &[Port; 2]) -> bool {
    let [a, b] = ends.map(|end| end.way);
    lab.may_carry_beside(a, b) && lab.may_carry_beside(b, a)
}
