//! hyper's [`Executor`](hyper::rt::Executor) and [`Timer`](hyper::rt::Timer) on the tasks and the clock of a
//! [`Simulation`](crate::Simulation), for its clients and servers in virtual time. (In real time hyper-util's work.)

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ::hyper::rt;

use crate::host::Host;
use crate::{task, time};

/// Runs hyper's futures as tasks of the simulation, on the host of whoever hands them over ([`task::spawn`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(task::spawn(future));
    }
}

/// The network's clock as hyper's timer. hyper speaks of std's instants: this one's are the machine's of when it was made,
/// and what passed on the network's clock since.
#[derive(Clone, Debug)]
pub struct Timer {
    host: Host,
    began: time::Instant,
    machine: std::time::Instant,
}

impl Timer {
    /// On the clock of the host entered.
    ///
    /// # Panics
    /// Outside of a host.
    pub fn new() -> Timer {
        let host = Host::current().expect("no host entered: see sockeye::Host::enter");
        let began = host.now();
        Timer { host, began, machine: std::time::Instant::now() }
    }

    fn until(&self, moment: time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(self.host.run(|| time::sleep_until(moment)))
    }
}

impl Default for Timer {
    fn default() -> Timer {
        Timer::new()
    }
}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.until(self.host.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        self.until(self.began + deadline.saturating_duration_since(self.machine))
    }

    fn now(&self) -> std::time::Instant {
        self.machine + self.host.now().duration_since(self.began)
    }
}

impl rt::Sleep for time::Sleep {}
