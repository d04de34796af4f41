//! Connections that programs accept without a call of the supervisor's.
//!
//! In the queue of a listening carrier stands an end of the supervisor's for each connection, ready to be used. Its name ([`crate::Name`])
//! says who the peer is, and in which place here the object is to say that it has taken it: what the supervisor has to know
//! of the carrier that it is since. Whatever a hostile program writes here, it writes of its own family's sockets.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many connections may wait to be accepted so.
pub const PLACES: usize = 4096;

/// What the object says of a carrier that it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The cookie of the supervisor's end, never 0.
    pub end: u64,
    /// Its own cookie.
    pub cookie: u64,
    /// Its inode.
    pub inode: u64,
    /// The process that has it.
    pub process: u32,
    /// Its descriptor there.
    pub fd: i32,
}

/// The places.
#[repr(C)]
pub struct Accepts {
    /// How often something was said.
    count: AtomicU32,
    /// Who the ends in the queues belong to: the supervisor's process, and its user.
    process: AtomicU32,
    user: AtomicU32,
    places: [Place; PLACES],
}

#[repr(C)]
struct Place {
    /// 0 while nothing is said.
    end: AtomicU64,
    cookie: AtomicU64,
    inode: AtomicU64,
    holder: AtomicU64,
}

impl Accepts {
    /// Says whose the ends in the queues are.
    pub fn belong_to(&self, process: u32, user: u32) {
        self.process.store(process, Ordering::Relaxed);
        self.user.store(user, Ordering::Relaxed);
    }

    /// Whether an end of this process (as seen here; 0 outside of the PID namespace) and user is the supervisor's.
    pub fn are_of(&self, process: u32, user: u32) -> bool {
        let (own, owner) = (self.process.load(Ordering::Relaxed), self.user.load(Ordering::Relaxed));
        process == own || process == 0 && user == owner
    }

    /// The object has accepted the connection of a place.
    pub fn say(&self, place: u16, accepted: Accepted) {
        let Some(place) = self.places.get(usize::from(place)) else { return };
        place.inode.store(accepted.inode, Ordering::Relaxed);
        let holder = u64::from(accepted.process) << 32 | u64::from(accepted.fd as u32);
        place.holder.store(holder, Ordering::Relaxed);
        place.cookie.store(accepted.cookie, Ordering::Relaxed);
        place.end.store(accepted.end, Ordering::Release);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// How often something was said: if that is as before, nothing is new.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// What was said in a place, once; it is free then.
    pub fn take(&self, place: u16) -> Option<Accepted> {
        let place = self.places.get(usize::from(place))?;
        let end = place.end.swap(0, Ordering::Acquire);
        let [cookie, inode, holder] =
            [&place.cookie, &place.inode, &place.holder].map(|word| word.load(Ordering::Relaxed));
        let (process, fd) = ((holder >> 32) as u32, holder as i32);
        (end != 0).then_some(Accepted { end, cookie, inode, process, fd })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    #[test]
    fn what_is_said_is_taken_once() {
        let new = || {
            let [end, cookie, inode, holder] = [const { AtomicU64::new(0) }; 4];
            Place { end, cookie, inode, holder }
        };
        let [count, process, user] = [0; 3].map(AtomicU32::new);
        let accepts = Box::new(Accepts { count, process, user, places: core::array::from_fn(|_| new()) });
        let accepted = Accepted { end: 6, cookie: 7, inode: 8, process: 9, fd: 10 };
        assert_eq!(accepts.take(5), None);
        accepts.say(5, accepted);
        accepts.say(u16::MAX, accepted);
        assert_eq!((accepts.count(), accepts.take(4), accepts.take(u16::MAX)), (1, None, None));
        assert_eq!((accepts.take(5), accepts.take(5)), (Some(accepted), None));
        accepts.belong_to(11, 12);
        assert!(
            accepts.are_of(11, 12)
                && accepts.are_of(0, 12)
                && !accepts.are_of(0, 13)
                && !accepts.are_of(1, 12)
        );
    }
}
