//! A load generator: so many connections, each with a request at a time, as fast as they are answered or at a rate.
//!
//! With a rate (an open loop) each request has its moment, and its times count from then, whether or not a connection was
//! free: a server that stalls is charged with all that came due meanwhile. Without one (a closed loop) a connection sends its
//! next request when it has the reply to the last. Times are those a client sees: of a request that had to connect first,
//! from the beginning of that.
//!
//! Not modelled: pipelining, TLS, HTTP/2, redirections, cookies.

mod connection;
mod network;
mod reply;
mod report;
mod request;
mod run;
mod tally;
mod target;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sockeye::Host;

pub use network::{Network, Sockeye};
pub use reply::Length;
pub use report::{ErrorRow, Report, Requests};
pub use request::{Request, RequestError};
use run::{Run, run_share, whole};
pub use tally::{Phase, Spread};
pub use target::{Target, TargetError};

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to ask.
    pub target: Target,
    /// What is sent.
    pub request: Request,
    /// Connections, each with a request at a time.
    pub connections: usize,
    /// Requests, all together; the run ends when they have ended.
    pub requests: Option<u64>,
    /// When the run ends, whatever is still open.
    pub duration: Option<Duration>,
    /// Requests a second that come due, whatever becomes of them; without it the next follows the last.
    pub rate: Option<f64>,
    /// How long a request may take, connecting included.
    pub timeout: Duration,
    /// Use a connection again where the server lets it be.
    pub keep_alive: bool,
    /// Threads, over the kernel.
    pub threads: usize,
}

/// What a run can be told, and asked, while it is going on.
#[derive(Debug, Default)]
pub struct Control {
    stopped: Arc<AtomicBool>,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Control {
    /// Ends the run; its report is of what was done so far.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Lets SIGINT end the run; the second ends the process.
    pub fn stop_on_interrupt(&self) -> io::Result<()> {
        let interrupt = signal_hook::consts::SIGINT;
        signal_hook::flag::register_conditional_default(interrupt, self.stopped.clone())?;
        signal_hook::flag::register(interrupt, self.stopped.clone())?;
        Ok(())
    }

    /// Whether it was told to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Requests that were answered so far, and that failed.
    pub fn so_far(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// Runs it over the kernel's sockets. An error if the name has no address, or there can't be threads.
pub fn over_kernel(plan: &Plan, control: &Arc<Control>) -> io::Result<Report> {
    let addresses: Vec<SocketAddr> =
        (plan.target.host.as_str(), plan.target.port).to_socket_addrs()?.collect();
    allow_descriptors();
    let run = Arc::new(Run::new(plan.clone(), addresses, control.clone()));
    let began = Instant::now();
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let shares = (0..threads).map(|thread| {
        let run = run.clone();
        // The first have one more if they can't have the same.
        let connections = (plan.connections + threads - 1 - thread) / threads;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().enable_time().build()?;
        std::thread::Builder::new().name("load".to_owned()).spawn(move || {
            let share = async move { run_share(network::Kernel::new(began), run, connections).await };
            // A task, as waking what `block_on` runs takes a system call each time.
            runtime.block_on(async { tokio::spawn(tokio::task::unconstrained(share)).await })
        })
    });
    let threads = shares.collect::<io::Result<Vec<_>>>()?;
    let tallies = threads.into_iter().map(|thread| match thread.join() {
        Ok(Ok(tally)) => tally,
        Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        Err(panic) => std::panic::resume_unwind(panic),
    });
    let tally = whole(&run, tallies.collect::<Vec<_>>());
    Ok(Report::new(&run, &tally, "kernel"))
}

/// Runs it over Sockeye, from a host of a network in real time. An error if the name has no address there.
pub fn over_sockeye(plan: &Plan, host: &Host, control: &Arc<Control>) -> io::Result<Report> {
    let port = plan.target.port;
    let found = host.lookup(&plan.target.host)?;
    let addresses = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let load = host.on(load(plan.clone(), addresses, control.clone()));
    match runtime.block_on(async { tokio::spawn(tokio::task::unconstrained(load)).await }) {
        Ok(report) => Ok(report),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Runs it over Sockeye, from the host that the task is on: in a [`sockeye::Simulation`], or under any executor.
pub async fn load(plan: Plan, addresses: Vec<SocketAddr>, control: Arc<Control>) -> Report {
    let run = Arc::new(Run::new(plan, addresses, control));
    let tally = run_share(Sockeye::here(), run.clone(), run.plan.connections).await;
    Report::new(&run, &whole(&run, [tally]), "sockeye")
}

/// As many descriptors as this process may have.
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it can't be, connections beyond it are counted as failed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
