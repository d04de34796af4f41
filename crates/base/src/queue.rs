//! Queues that are long for a moment and empty most of the time.

use std::collections::VecDeque;

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
