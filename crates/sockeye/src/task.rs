//! Tasks begun from within a simulation.

use std::future::Future;
use std::task::Poll;

use crate::host::Host;
use crate::simulation::{Executor, JoinHandle};

/// Starts a task on the caller's host, in the simulation that runs the caller.
///
/// # Panics
/// Outside of a simulation's tasks. (In real time the executor is the program's own: tokio's `spawn`, say.)
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let here = Host::current().zip(Executor::running());
    let (host, executor) = here.expect("no task of a simulation: see sockeye::Simulation::spawn");
    executor.spawn(&host, future)
}

/// Lets the others that are ready go on first.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
