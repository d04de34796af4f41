//! What is to happen at which time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sockeye_base::Instant;

use crate::HostId;

/// When something is to happen, and after how many others that were put here.
pub(crate) type Turn = (Instant, u64);

/// Things to come, by their time; those of one moment in the order they were put here.
///
/// Most are put behind all others, for most links take equally long: these stand in a queue, which costs next to nothing, and
/// only what overtakes others in a tree.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    /// In order.
    queue: VecDeque<(Turn, T)>,
    tree: BTreeMap<Turn, T>,
    count: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Agenda<T> {
        Agenda { queue: VecDeque::new(), tree: BTreeMap::new(), count: 0 }
    }
}

impl<T> Agenda<T> {
    pub(crate) fn insert(&mut self, at: Instant, what: T) {
        let key = (at, self.count);
        self.count += 1;
        if self.queue.back().is_none_or(|(last, _)| last.0 <= at) {
            self.queue.push_back((key, what));
        } else {
            self.tree.insert(key, what);
        }
    }

    /// When the next is.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (queued, other) = (self.queue.front(), self.tree.first_key_value());
        [queued.map(|(key, _)| key.0), other.map(|(key, _)| key.0)].into_iter().flatten().min()
    }

    /// The next that stand in the queue, due or not.
    pub(crate) fn upcoming(&self, most: usize) -> impl Iterator<Item = &T> {
        self.queue.iter().take(most).map(|(_, what)| what)
    }

    /// Takes the next if it is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<T> {
        self.take_turn(now).map(|(_, what)| what)
    }

    /// Takes the next if it is due, and its turn.
    pub(crate) fn take_turn(&mut self, now: Instant) -> Option<(Turn, T)> {
        let queued = self.queue.front().map(|(key, _)| *key).filter(|key| key.0 <= now);
        let other = self.tree.first_key_value().map(|(key, _)| *key).filter(|key| key.0 <= now);
        match (queued, other) {
            (Some(queued), Some(other)) if other < queued => self.tree.pop_first(),
            (None, Some(_)) => self.tree.pop_first(),
            (Some(_), _) => self.queue.pop_front(),
            (None, None) => None,
        }
    }

    /// Puts back the next, or what is left of it.
    pub(crate) fn put_back(&mut self, (turn, what): (Turn, T)) {
        self.queue.push_front((turn, what));
    }
}

/// When hosts are to be woken.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    all: BTreeSet<(Instant, HostId)>,
    /// Asked for after each step.
    first: Option<(Instant, HostId)>,
}

impl Deadlines {
    pub(crate) fn first(&self) -> Option<(Instant, HostId)> {
        self.first
    }

    pub(crate) fn insert(&mut self, at: Instant, host: HostId) {
        let entry = (at, host);
        self.all.insert(entry);
        self.first = Some(self.first.map_or(entry, |first| first.min(entry)));
    }

    pub(crate) fn remove(&mut self, at: Instant, host: HostId) {
        self.all.remove(&(at, host));
        if self.first == Some((at, host)) {
            self.first = self.all.first().copied();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gives_them_in_order(times in proptest::collection::vec((0u64..8, any::<bool>()), 0..200)) {
            let mut agenda = Agenda::default();
            let mut expected = BTreeMap::new();
            let mut now = 0;
            for (n, (later, look)) in times.into_iter().enumerate() {
                let at = Instant::from_nanos(now + later);
                agenda.insert(at, n);
                expected.insert((at, n), n);
                if look {
                    now += 2;
                    let due = Instant::from_nanos(now);
                    while let Some(entry) = expected.first_entry().filter(|entry| entry.key().0 <= due) {
                        prop_assert_eq!(agenda.next(), Some(entry.key().0));
                        let (turn, next) = agenda.take_turn(due).expect("as many");
                        agenda.put_back((turn, next));
                        prop_assert_eq!(agenda.take_due(due), Some(entry.remove()));
                    }
                    prop_assert_eq!(agenda.take_due(due), None);
                }
                prop_assert_eq!(agenda.next(), expected.first_key_value().map(|((at, _), _)| *at));
            }
        }
    }
}
