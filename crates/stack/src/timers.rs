//! When to look at what again: one heap of deadlines, cleaned lazily.
//!
//! The owner of a timer keeps a [`Timer`]; moving its deadline later, which every acknowledgement does, touches the heap
//! only when the old deadline comes by.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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
}

/// An owner's side of a timer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timer {
    /// When it is to go off.
    deadline: Option<Instant>,
    /// The earliest entry of it in the heap.
    queued: Option<Instant>,
}

/// What a popped heap entry means to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped {
    /// It is due.
    Due,
    /// It was moved later: put it back at this time.
    Later(Instant),
    /// It means nothing any more.
    Nothing,
}

/// The heap keeps room for so many.
const FEW: usize = 64;

/// All deadlines of a stack.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, TimerKey)>>,
}

impl Timer {
    /// To be called with the time of an entry that came off the heap.
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

    /// Whether a heap entry at this time stands for the deadline as it is.
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
            timer.queued = Some(deadline);
            self.heap.push(Reverse((deadline, key)));
        }
    }

    /// The earliest entry, which may mean nothing any more.
    pub(crate) fn peek(&self) -> Option<(Instant, TimerKey)> {
        self.heap.peek().map(|Reverse(entry)| *entry)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, TimerKey)> {
        let Reverse(entry) = self.heap.pop()?;
        if self.heap.len() < self.heap.capacity() / 8 {
            // Many had something to wait for, and have not any more.
            self.heap.shrink_to(2 * self.heap.len().max(FEW));
        }
        Some(entry)
    }

    /// Puts an entry back that was [`Popped::Later`].
    pub(crate) fn put_back(&mut self, key: TimerKey, deadline: Instant) {
        self.heap.push(Reverse((deadline, key)));
    }
}
