//! What the kernel tells of carriers.

use std::io;

use rustix::event::epoll::{self, EventData, EventFlags};
use slotmap::Key;

use super::Supervisor;
use crate::carriers::CarrierId;

/// What the kernel tells of every carrier.
const WATCHED: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

impl Supervisor {
    /// Has the kernel tell of a carrier's S from now on.
    pub(crate) fn watch(&mut self, id: CarrierId) -> io::Result<()> {
        let Some(end) = self.carriers.get(id).and_then(|carrier| carrier.supervisor_end()) else {
            return Ok(());
        };
        Ok(epoll::add(&self.epoll, end, EventData::new_u64(id.data().as_ffi()), WATCHED)?)
    }

    /// Has the kernel tell, too, when there is room in P's queue again, of a carrier that has once met a full one. Of others
    /// it would tell each time that P reads.
    pub(crate) fn watch_room(&mut self, id: CarrierId) {
        let Some(carrier) = self.carriers.get(id) else { return };
        if carrier.watches_room || !carrier.is_full() {
            return;
        }
        carrier.watches_room = true;
        let Some(end) = carrier.supervisor_end() else { return };
        // It is watched already, so nothing can be missing for it.
        let event = EventData::new_u64(id.data().as_ffi());
        let _ = epoll::modify(&self.epoll, end, event, WATCHED | EventFlags::OUT);
    }
}
