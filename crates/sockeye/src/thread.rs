//! std's `thread::spawn` and `sleep` for blocking code that is to run in real time and in a simulation alike.

use std::fmt;
use std::io;
use std::task::{Context, Poll};
use std::thread::Result;

use crate::blocking;
use crate::host::Host;
use crate::simulation::{self, Executor, adopt};
use crate::time::Duration;

/// A thread's handle, as [`std::thread::JoinHandle`].
pub struct JoinHandle<T>(Kind<T>);

enum Kind<T> {
    Real(std::thread::JoinHandle<T>),
    Simulated(Host, simulation::JoinHandle<T>),
}

/// Starts a thread on the caller's host. In a simulation it is one of that: it runs while nothing else does, and its
/// panic ends the run.
///
/// # Panics
/// Outside of a host, or if there can't be another thread.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let host = Host::current().expect("no host entered: see sockeye::Host::enter");
    if !host.shared.is_simulated() {
        return JoinHandle(Kind::Real(std::thread::spawn(move || host.run(work))));
    }
    let (adopted, handle) = adopt(&host, work);
    match (blocking::baton(), Executor::running()) {
        (Some(baton), _) => baton.begin(adopted),
        (None, Some(executor)) => executor.take_in(adopted),
        (None, None) => panic!("no thread of a simulation: see sockeye::Simulation::thread"),
    }
    JoinHandle(Kind::Simulated(host, handle))
}

/// Sleeps on the clock of the caller's host.
///
/// # Panics
/// Outside of a host; in virtual time, outside of the simulation's threads, since it would never end.
pub fn sleep(span: Duration) {
    let network = Host::current().expect("no host entered: see sockeye::Host::enter").shared;
    let until = network.now() + span;
    let slept = blocking::wait(&network, Some(until), |_| Poll::<()>::Pending);
    // Who unwinds because the simulation is gone sleeps no more; a second panic would end the process.
    if !std::thread::panicking() {
        forever(slept);
    }
}

impl<T> JoinHandle<T> {
    /// Waits for the thread's end; the error is its panic.
    ///
    /// # Panics
    /// In virtual time, outside of the simulation's threads, since it would never end.
    pub fn join(self) -> Result<T> {
        match self.0 {
            Kind::Real(thread) => thread.join(),
            Kind::Simulated(host, handle) => {
                let ended = |context: &mut Context<'_>| handle.poll_taken(context);
                match blocking::wait(&host.shared, None, ended) {
                    // As in `sleep`.
                    Err(error) if std::thread::panicking() => Err(Box::new(error.to_string())),
                    waited => Ok(forever(waited).expect("waited without a limit")),
                }
            }
        }
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Kind::Real(thread) => thread.is_finished(),
            Kind::Simulated(_, handle) => handle.is_finished(),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

/// A wait that can only fail by never ending.
fn forever<T>(waited: io::Result<T>) -> T {
    waited.unwrap_or_else(|error| panic!("{error}"))
}
