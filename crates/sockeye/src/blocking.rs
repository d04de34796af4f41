//! How a thread waits: parked in real time; in a simulation it hands the baton back, and gets it when its turn comes.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use sockeye_base::Instant;

use crate::engine::Shared;
use crate::simulation::Baton;

thread_local! {
    /// The baton of a thread that belongs to a simulation.
    static BATON: RefCell<Option<Baton>> = const { RefCell::new(None) };
    /// It runs what is due on a network.
    static DRIVES: Cell<bool> = const { Cell::new(false) };
    static PARKED: Arc<Parked> = Arc::new(Parked { thread: thread::current(), woken: AtomicBool::new(false) });
}

/// A thread in real time, as those who wake it know it.
struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Parked>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Parked>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Makes this a thread of a simulation.
pub(crate) fn take_baton(baton: Baton) {
    BATON.set(Some(baton));
}

/// The baton of this thread, if it is one of a simulation.
pub(crate) fn baton() -> Option<Baton> {
    BATON.with_borrow(Clone::clone)
}

/// Whether this thread may wait for something of the network: not the network's own, nor one that unwinds, and in virtual
/// time only one of the simulation.
pub(crate) fn may_wait(shared: &Shared) -> bool {
    let belongs = || baton().is_some_and(|baton| baton.belongs_to(shared));
    !thread::panicking() && !DRIVES.get() && (!shared.is_simulated() || belongs())
}

/// Makes this a network's own thread.
pub(crate) fn drive() {
    DRIVES.set(true);
}

/// Tries until it gives something or the time is up (`None`). An error of kind `Deadlock` where waiting would never
/// end: in virtual time, outside of the simulation's threads, or in one that unwinds because the simulation is gone.
pub(crate) fn wait<T>(
    shared: &Shared,
    until: Option<Instant>,
    mut attempt: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> io::Result<Option<T>> {
    let baton = baton().filter(|baton| baton.belongs_to(shared));
    let waker = match &baton {
        Some(baton) => baton.waker(),
        None => PARKED.with(|parked| Waker::from(parked.clone())),
    };
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = attempt(&mut context) {
            return Ok(Some(result));
        }
        if until.is_some_and(|until| until <= shared.now()) {
            return Ok(None);
        }
        match &baton {
            Some(baton) => {
                let timer = until.map(|until| shared.set_timer(until, &waker));
                let goes_on = baton.hand_back();
                if let Some(timer) = timer {
                    shared.cancel_timer(timer);
                }
                if !goes_on {
                    return Err(deadlock());
                }
            }
            None if shared.is_simulated() => return Err(deadlock()),
            None => park(shared, until),
        }
    }
}

/// Parks until woken, or longer than until a moment of the network's clock.
fn park(shared: &Shared, until: Option<Instant>) {
    PARKED.with(|parked| {
        while !parked.woken.swap(false, Ordering::Acquire) {
            match until.map(|until| until.since(shared.now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => return,
                Some(left) => thread::park_timeout(left),
            }
        }
    });
}

fn deadlock() -> io::Error {
    let what =
        "would block for ever: in virtual time only threads of the simulation may wait (Simulation::thread)";
    io::Error::new(io::ErrorKind::Deadlock, what)
}
