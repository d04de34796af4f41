//! Real time's driver: one thread for a network, begun when something is first due, that runs retransmissions, delays
//! and other timers while no call does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;

use sockeye_base::Instant;

use crate::engine::Shared;

/// Nothing is due.
const NEVER: u64 = u64::MAX;

/// The thread, and when it will next look.
pub(crate) struct Alarm {
    bell: Arc<Bell>,
    shared: Weak<Shared>,
}

#[derive(Default)]
struct Bell {
    /// When the thread looks again, in nanoseconds; as read without the lock.
    next: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    began: bool,
    ended: bool,
    /// Something is due earlier than the thread knew.
    rung: bool,
}

impl Alarm {
    pub(crate) fn new(shared: Weak<Shared>) -> Alarm {
        let bell = Bell { next: AtomicU64::new(NEVER), ..Bell::default() };
        Alarm { bell: Arc::new(bell), shared }
    }

    /// Whether the thread would have to be disturbed for something that is due then.
    pub(crate) fn comes_too_late_for(&self, due: Option<Instant>) -> bool {
        due.is_some_and(|due| due.as_nanos() < self.bell.next.load(Ordering::Acquire))
    }

    /// Something is due then. The thread is only disturbed if it would come too late.
    pub(crate) fn set(&self, due: Instant) {
        if !self.comes_too_late_for(Some(due)) {
            return;
        }
        let mut state = self.bell.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.next.fetch_min(due.as_nanos(), Ordering::AcqRel);
        state.rung = true;
        self.bell.changed.notify_one();
        if !std::mem::replace(&mut state.began, true) {
            let (bell, shared) = (self.bell.clone(), self.shared.clone());
            let builder = thread::Builder::new().name("sockeye".to_owned());
            // Without a thread (EAGAIN) time goes on with the next call; that call tries again.
            state.began = builder.spawn(move || bell.keep(&shared)).is_ok();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.bell.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.bell.changed.notify_one();
    }
}

impl Bell {
    /// The thread's life: until the network's last handle is gone.
    fn keep(&self, shared: &Weak<Shared>) {
        crate::blocking::drive();
        loop {
            // Whatever is due from here on rings, unless this look already sees it.
            self.next.store(NEVER, Ordering::Release);
            let Some(network) = shared.upgrade() else { return };
            let due = network.run_due();
            let wait = due.map(|due| due.since(network.now()));
            drop(network);

            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(due) = due {
                self.next.fetch_min(due.as_nanos(), Ordering::AcqRel);
            }
            let quiet = |state: &mut State| !state.rung && !state.ended;
            let mut state = match wait {
                Some(wait) => {
                    let waited = self.changed.wait_timeout_while(state, wait, quiet);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait_while(state, quiet).unwrap_or_else(PoisonError::into_inner),
            };
            state.rung = false;
            if state.ended {
                return;
            }
        }
    }
}
