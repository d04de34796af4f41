//! When to look at what again: one ordered set of deadlines, at most one of each owner.
//!
//! The owner of a timer keeps a [`Timer`]; moving its deadline later, which every acknowledgement does, touches the queue
//! only when the old deadline comes by.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sockeye_base::Instant;

use crate::InterfaceId;
use crate::stack::ConnectionId;

/// Whose deadline it is. The order decides among equal deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    Neighbour(InterfaceId, IpAddr),
    Connection(ConnectionId),
    Fragments,
    TimeWaits,
    /// What an interface is to tell of its groups of IPv4, or else of IPv6.
    Reports(InterfaceId, bool),
}

/// An owner's side of a timer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timer {
    /// When it is to go off.
    deadline: Option<Instant>,
    /// Its entry in the queue.
    queued: Option<Instant>,
}

/// What an entry that came up means to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped {
    /// It is due.
    Due,
    /// It was moved later: put it back at this time.
    Later(Instant),
    /// It means nothing any more.
    Nothing,
}

/// All deadlines of a stack.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Instant, TimerKey)>,
    /// When its first entry is: asked for after each step.
    first: Option<Instant>,
}

impl Timer {
    /// To be called with the time of an entry that came off the queue.
    pub(crate) fn popped(&mut self, at: Instant) -> Popped {
        if self.queued != Some(at) {
            return Popped::Nothing;
        }
        self.queued = None;
        match self.deadline {
            Some(deadline) if deadline <= at => {
                self.deadline = None;
                Popped::Due
            }
            Some(deadline) => {
                self.queued = Some(deadline);
                Popped::Later(deadline)
            }
            None => Popped::Nothing,
        }
    }

    /// Whether it has an entry in the queue.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.is_some()
    }

    /// Whether an entry at this time stands for the deadline as it is.
    pub(crate) fn is_current(&self, at: Instant) -> bool {
        self.queued == Some(at) && self.deadline == Some(at)
    }
}

impl Timers {
    /// Sets or stops an owner's timer.
    pub(crate) fn set(&mut self, key: TimerKey, timer: &mut Timer, deadline: Option<Instant>) {
        timer.deadline = deadline;
        if let Some(deadline) = deadline
            && timer.queued.is_none_or(|queued| deadline < queued)
        {
            self.remove(key, timer);
            timer.queued = Some(deadline);
            self.put_back(key, deadline);
        }
    }

    /// Its owner goes: nothing of the timer stays.
    pub(crate) fn remove(&mut self, key: TimerKey, timer: &mut Timer) {
        if let Some(queued) = timer.queued.take() {
            self.queue.remove(&(queued, key));
            self.look();
        }
    }

    /// When the earliest entry is.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.first
    }

    /// The earliest entry, which may mean nothing any more.
    pub(crate) fn peek(&self) -> Option<(Instant, TimerKey)> {
        self.queue.first().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, TimerKey)> {
        let popped = self.queue.pop_first();
        self.look();
        popped
    }

    /// Puts an entry back that was [`Popped::Later`].
    pub(crate) fn put_back(&mut self, key: TimerKey, deadline: Instant) {
        self.queue.insert((deadline, key));
        self.first = Some(self.first.map_or(deadline, |first| first.min(deadline)));
    }

    fn look(&mut self) {
        self.first = self.queue.first().map(|(at, _)| *at);
    }
}
