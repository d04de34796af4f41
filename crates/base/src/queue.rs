//! Queues that are long for a moment and empty most of the time.

use std::collections::VecDeque;

/// A queue that mostly has one entry or none: the first lies in the queue itself, and only those behind it in memory of their own.
#[derive(Clone, Debug)]
pub struct Short<T> {
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Default for Short<T> {
    fn default() -> Short<T> {
        Short { first: None, rest: VecDeque::new() }
    }
}

impl<T> Short<T> {
    /// Puts an entry behind all others.
    pub fn push_back(&mut self, entry: T) {
        if self.is_empty() {
            self.first = Some(entry);
        } else {
            self.rest.push_back(entry);
        }
    }

    /// Takes the first. A queue that has emptied gives the room back that it needed when it was long.
    pub fn pop_front(&mut self) -> Option<T> {
        self.first.take().or_else(|| take_next(&mut self.rest))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }
}

/// Room an empty queue may keep.
const KEPT: usize = 1024;

/// The next of a queue; one that has emptied gives the room back that it needed when it was long.
pub fn take_next<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if next.is_none() && queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_short_queue_is_a_queue(steps in proptest::collection::vec(any::<bool>(), 0..100)) {
            let (mut short, mut long) = (Short::default(), VecDeque::new());
            for (n, puts) in steps.into_iter().enumerate() {
                if puts {
                    short.push_back(n);
                    long.push_back(n);
                } else {
                    prop_assert_eq!(short.pop_front(), long.pop_front());
                }
                prop_assert_eq!((short.len(), short.is_empty()), (long.len(), long.is_empty()));
            }
        }
    }
}
