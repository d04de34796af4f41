//! What conversations have still to do, so that nobody has to ask all of them at each moment.

use std::collections::BTreeSet;

use sockeye_base::Instant;

use super::Conversation;

/// When each conversation has something to do by itself, and how many are not over.
pub(super) struct Agenda {
    dues: BTreeSet<(Instant, usize)>,
    /// Of each when it is due, and whether it is over.
    known: Vec<(Option<Instant>, bool)>,
    unfinished: usize,
}

impl Agenda {
    /// For so many conversations, each of which has to be noted.
    pub(super) fn new(count: usize) -> Agenda {
        Agenda { dues: BTreeSet::new(), known: vec![(None, false); count], unfinished: count }
    }

    /// A conversation may have changed.
    pub(super) fn note(&mut self, number: usize, talk: &dyn Conversation) {
        let new = (talk.due(), talk.is_over());
        let old = std::mem::replace(&mut self.known[number], new);
        if old.0 != new.0 {
            old.0.map(|due| self.dues.remove(&(due, number)));
            self.dues.extend(new.0.map(|due| (due, number)));
        }
        self.unfinished = self.unfinished + usize::from(old.1) - usize::from(new.1);
    }

    /// Those that are due, in the file's order.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        let due = self.dues.iter().take_while(|(at, _)| *at <= now);
        let mut due: Vec<_> = due.map(|(_, number)| *number).collect();
        due.sort_unstable();
        due
    }

    /// When the next has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.dues.first().map(|(at, _)| *at)
    }

    /// Whether all conversations are over.
    pub(super) fn is_over(&self) -> bool {
        self.unfinished == 0
    }
}
