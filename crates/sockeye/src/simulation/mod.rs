//! Virtual time: tasks and threads on the hosts of a network whose clock goes from one event to the next.
//!
//! Whatever can go on does so, one after the other in a fixed order, without any time passing; when all wait, the clock
//! is set to what is due next: a packet's arrival, a retransmission, somebody's [`crate::time::sleep`]. So a simulated
//! hour in which little happens takes no time, and the same seed gives the same run.
//!
//! That promise is for what takes its chance, its time and its order from the simulation: the network, tasks, and threads that
//! the simulation began. A program that looks at the machine's clock, draws from another generator, iterates over a `HashMap`,
//! or starts threads of std's, brings chance of its own along.

mod baton;
mod executor;
mod search;

use std::future::Future;
use std::io;
use std::rc::Rc;

use crate::engine::Shared;
use crate::host::Host;
use crate::lab::Lab;
use crate::time::{Duration, Instant};

pub(crate) use baton::Baton;
pub use executor::JoinHandle;
pub(crate) use executor::{Executor, adopt};
pub use search::Failed;

/// A network in virtual time, and what runs on its hosts: async tasks, and blocking code one thread at a time.
///
/// It belongs to one thread. Dropping it ends what still runs: futures are dropped, threads unwound.
pub struct Simulation {
    lab: Lab,
    executor: Rc<Executor>,
}

/// Why a run ended before everything was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Nothing will ever happen again, and so many tasks and threads still wait.
    Stalled(usize),
    /// The time given was up, and so many tasks and threads still run.
    TimeUp(usize),
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfinished::Stalled(waiting) => {
                write!(f, "{waiting} tasks wait for what will never happen")
            }
            Unfinished::TimeUp(running) => write!(f, "the time is up; {running} tasks still run"),
        }
    }
}

impl std::error::Error for Unfinished {}

impl From<Unfinished> for io::Error {
    fn from(unfinished: Unfinished) -> io::Error {
        let kind = match unfinished {
            Unfinished::Stalled(_) => io::ErrorKind::Deadlock,
            Unfinished::TimeUp(_) => io::ErrorKind::TimedOut,
        };
        io::Error::new(kind, unfinished)
    }
}

impl Simulation {
    /// A network without hosts at time zero. All chance in it comes from the seed.
    pub fn new(seed: u64) -> Simulation {
        let shared = Shared::simulated(sockeye_lab::Lab::new(seed));
        Simulation { executor: Executor::new(shared.clone()), lab: Lab { shared } }
    }

    /// The network, to add hosts and links to.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant(self.lab.shared.now())
    }

    /// Starts a task on a host; it runs when the simulation does. A panic in it ends the run with that panic.
    ///
    /// # Panics
    /// If the host is of another network.
    pub fn spawn<T: 'static>(&self, host: &Host, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        self.check(host);
        self.executor.spawn(host, future)
    }

    /// Starts blocking code on a host, in a thread of its own; it runs when the simulation does, and only while nothing
    /// else of the simulation does. A panic in it ends the run with that panic.
    ///
    /// # Panics
    /// If the host is of another network, or there can't be another thread.
    pub fn thread<T: Send + 'static>(
        &self,
        host: &Host,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.check(host);
        let (adopted, handle) = adopt(host, work);
        self.executor.take_in(adopted);
        handle
    }

    /// Runs until every task and thread has ended.
    pub fn run(&self) -> Result<(), Unfinished> {
        self.executor.run(None)
    }

    /// Runs for a span of virtual time, or until every task and thread has ended.
    pub fn run_for(&self, span: Duration) -> Result<(), Unfinished> {
        self.executor.run(Some(self.now() + span))
    }

    /// Runs a future on a host to its end, and everything else meanwhile.
    pub fn block_on<T: 'static>(
        &self,
        host: &Host,
        future: impl Future<Output = T> + 'static,
    ) -> Result<T, Unfinished> {
        let handle = self.spawn(host, future);
        self.executor.run_while(None, || !handle.is_finished())?;
        Ok(handle.take().expect("it has ended"))
    }

    fn check(&self, host: &Host) {
        assert!(std::sync::Arc::ptr_eq(&host.shared, &self.lab.shared), "a host of another network");
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now()).field("lab", &self.lab).finish()
    }
}
