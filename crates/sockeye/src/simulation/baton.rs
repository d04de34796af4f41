//! Blocking code in virtual time: a real thread that runs only while it holds the baton. The simulation hands it over
//! and waits; the thread hands it back when it would block, and when it ends.

use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::executor::{Adopted, Line};
use crate::engine::Shared;

/// One thread's baton, as both sides hold it.
#[derive(Clone)]
pub(crate) struct Baton {
    inner: Arc<Inner>,
    /// Puts the thread in line for its turn.
    waker: Waker,
    network: Arc<Shared>,
    line: Arc<Line>,
}

struct Inner {
    turn: Mutex<Turn>,
    changed: Condvar,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Simulation,
    Thread,
    /// The thread has ended.
    Over,
    /// The simulation is gone: the thread is to unwind.
    Abandoned,
}

/// What unwinds a thread whose simulation is gone.
struct Gone;

impl Baton {
    /// A baton, in the simulation's hand.
    pub(crate) fn new(waker: Waker, network: Arc<Shared>, line: Arc<Line>) -> Baton {
        let inner = Inner { turn: Mutex::new(Turn::Simulation), changed: Condvar::new() };
        Baton { inner: Arc::new(inner), waker, network, line }
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(crate) fn belongs_to(&self, network: &Shared) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.network), network)
    }

    /// The thread's side: begins another thread.
    pub(crate) fn begin(&self, adopted: Adopted) {
        self.line.arrive(adopted);
    }

    /// The simulation's side: the thread's turn, until it hands the baton back. `false` if it has ended.
    pub(crate) fn give_turn(&self) -> bool {
        self.set(Turn::Thread);
        self.wait_while(|turn| turn == Turn::Thread) == Turn::Simulation
    }

    /// The simulation's side: it will give no turn again.
    pub(crate) fn abandon(&self) {
        self.set(Turn::Abandoned);
    }

    /// The thread's side, at its beginning: waits for the first turn. `false` if there will be none.
    pub(crate) fn first_turn(&self) -> bool {
        self.wait_while(|turn| turn == Turn::Simulation) == Turn::Thread
    }

    /// The thread's side: waits for the next turn. If there will be none the thread is unwound; `false` if it is already.
    pub(crate) fn hand_back(&self) -> bool {
        self.set(Turn::Simulation);
        let goes_on = self.first_turn();
        if !goes_on && !std::thread::panicking() {
            resume_unwind(Box::new(Gone));
        }
        goes_on
    }

    /// The thread's side, at its end.
    pub(crate) fn end(&self) {
        self.set(Turn::Over);
    }

    fn set(&self, next: Turn) {
        let mut turn = self.lock();
        // Once abandoned, or over, it stays so.
        if matches!(*turn, Turn::Simulation | Turn::Thread) {
            *turn = next;
        }
        drop(turn);
        self.inner.changed.notify_all();
    }

    fn wait_while(&self, condition: impl Fn(Turn) -> bool) -> Turn {
        let turn = self.lock();
        *self.inner.changed.wait_while(turn, |turn| condition(*turn)).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.inner.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
