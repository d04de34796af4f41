//! Sockets that are only in queues of sockets that are only in queues …: nobody can ever receive them (unix_gc).
//!
//! What can be reached begins at the sockets that somebody has open, and goes on through what waits in their queues, those of
//! connections not accepted yet included. The queues of all others are emptied.

use std::collections::BTreeSet;

use super::{End, EndId, Passed};
use crate::host::Host;

impl Host {
    /// Empties the queues nobody can read. To be done when a socket lost its last holder but queues.
    pub(super) fn collect(&mut self) {
        let ends = &self.unix.ends;
        let held = |end: &End| end.alive && end.handle.is_some() && end.holders > end.in_flight;
        let mut to_look_at: Vec<EndId> = ends.iter().filter(|(_, end)| held(end)).map(|(id, _)| id).collect();
        let mut reached: BTreeSet<EndId> = to_look_at.iter().copied().collect();
        while let Some(id) = to_look_at.pop() {
            let Some(end) = ends.get(id) else { continue };
            let passed = end.queue.iter().filter_map(|packet| packet.rights.as_deref()).flatten();
            let sockets = passed.filter_map(|passed| match passed {
                Passed::Socket(socket) => self.unix_end(*socket),
                Passed::Opaque(_) => None,
            });
            let embryos = end.listener().into_iter().flat_map(|listener| listener.queue.iter().copied());
            to_look_at.extend(sockets.chain(embryos).filter(|id| reached.insert(*id)));
        }
        let lost: Vec<EndId> = ends
            .iter()
            .filter(|(id, end)| end.alive && !reached.contains(id) && !end.queue.is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in lost {
            let queue = self.unix.ends.get_mut(id).map(|end| end.take_queue());
            queue.into_iter().flatten().for_each(|packet| self.unix.discard(packet));
        }
    }
}
