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
    places: [Place; PLACES],
}

#[repr(C)]
struct Place {
    /// The cookie of the end that waits, 0 if none does.
    expected: AtomicU64,
    /// The same of the one that was accepted, 0 while nothing is said.
    end: AtomicU64,
    cookie: AtomicU64,
    inode: AtomicU64,
    holder: AtomicU64,
}

impl Accepts {
    /// The supervisor's end with this cookie waits in a place; or, with 0, none.
    pub fn expect(&self, place: u16, end: u64) {
        let place = self.places.get(usize::from(place));
        place.into_iter().for_each(|place| place.expected.store(end, Ordering::Release));
    }

    /// Whether this end waits in a place: anybody may connect to a listener's abstract name, but only the supervisor says so here, and nobody
    /// else's end has that cookie.
    pub fn expects(&self, place: u16, end: u64) -> bool {
        let place = self.places.get(usize::from(place));
        place.is_some_and(|place| place.expected.load(Ordering::Acquire) == end && end != 0)
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
            let [expected, end, cookie, inode, holder] = [const { AtomicU64::new(0) }; 5];
            Place { expected, end, cookie, inode, holder }
        };
        let places = core::array::from_fn(|_| new());
        let accepts = Box::new(Accepts { count: AtomicU32::new(0), places });
        let accepted = Accepted { end: 6, cookie: 7, inode: 8, process: 9, fd: 10 };
        assert_eq!(accepts.take(5), None);
        accepts.say(5, accepted);
        accepts.say(u16::MAX, accepted);
        assert_eq!((accepts.count(), accepts.take(4), accepts.take(u16::MAX)), (1, None, None));
        assert_eq!((accepts.take(5), accepts.take(5)), (Some(accepted), None));
        assert!(!accepts.expects(5, 0) && !accepts.expects(5, 6) && !accepts.expects(u16::MAX, 6));
        accepts.expect(5, 6);
        assert!(accepts.expects(5, 6) && !accepts.expects(5, 7) && !accepts.expects(4, 6));
        accepts.expect(5, 0);
        assert!(!accepts.expects(5, 6) && !accepts.expects(5, 0));
    }
}
