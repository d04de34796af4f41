//! Time on the network's clock: in real time it goes on by itself, in a simulation from one event to the next. The
//! functions work on the clock of the host that the caller has entered ([`crate::Host::enter`]).

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::Shared;
use crate::host::Host;
use crate::waiting::TimerId;

pub use std::time::Duration;

/// A moment on the clock of a network, in nanoseconds since that began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub(crate) sockeye_base::Instant);

impl Instant {
    /// Now.
    ///
    /// # Panics
    /// Outside of a host.
    pub fn now() -> Instant {
        Instant(network().now())
    }

    /// The time since `earlier`; zero if that is later.
    pub fn duration_since(self, earlier: Instant) -> Duration {
        self.0.since(earlier.0)
    }

    /// The time since this moment.
    ///
    /// # Panics
    /// Outside of a host.
    pub fn elapsed(self) -> Duration {
        Instant::now().duration_since(self)
    }

    /// The time since the network began.
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0.as_nanos())
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, span: Duration) -> Instant {
        Instant(self.0 + span)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, span: Duration) -> Instant {
        Instant(self.0 - span)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, span: Duration) {
        *self = *self - span;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Waits for a span of time.
///
/// # Panics
/// Outside of a host.
pub fn sleep(span: Duration) -> Sleep {
    let network = network();
    let until = Instant(network.now() + span);
    Sleep { network, until, timer: None }
}

/// Waits until a moment.
///
/// # Panics
/// Outside of a host.
pub fn sleep_until(until: Instant) -> Sleep {
    Sleep { network: network(), until, timer: None }
}

/// What [`sleep`] gives: ready when its time has come.
pub struct Sleep {
    network: Arc<Shared>,
    until: Instant,
    timer: Option<TimerId>,
}

impl Sleep {
    /// When it will be ready.
    pub fn deadline(&self) -> Instant {
        self.until
    }

    /// Sets another moment.
    pub fn reset(self: Pin<&mut Sleep>, until: Instant) {
        let sleep = self.get_mut();
        sleep.cancel();
        sleep.until = until;
    }

    fn cancel(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.network.cancel_timer(timer);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        self.cancel();
        if self.network.now() >= self.until.0 {
            return Poll::Ready(());
        }
        self.timer = Some(self.network.set_timer(self.until.0, context.waker()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("until", &self.until).finish_non_exhaustive()
    }
}

/// The time of a [`timeout`] was up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is up")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Waits for a future, for no longer than a span of time.
///
/// # Panics
/// Outside of a host.
pub async fn timeout<F: Future>(span: Duration, future: F) -> Result<F::Output, Elapsed> {
    limited(sleep(span), future).await
}

/// [`timeout`] on the clock of a network.
pub(crate) async fn timeout_on<F: Future>(
    network: &Arc<Shared>,
    span: Duration,
    future: F,
) -> Result<F::Output, Elapsed> {
    let until = Instant(network.now() + span);
    limited(Sleep { network: network.clone(), until, timer: None }, future).await
}

async fn limited<F: Future>(mut limit: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut limit).poll(context).map(|()| Err(Elapsed))
    })
    .await
}

/// Ticks at once and then after each period; a tick that comes late does not delay the next.
///
/// # Panics
/// Outside of a host, or with a period of zero.
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "a period of zero");
    Interval { sleep: sleep(Duration::ZERO), period }
}

/// What [`interval`] gives.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
}

impl Interval {
    /// Waits for the next tick; gives the moment it was due.
    pub async fn tick(&mut self) -> Instant {
        (&mut self.sleep).await;
        let due = self.sleep.until;
        let next = due + self.period;
        Pin::new(&mut self.sleep).reset(next);
        due
    }
}

fn network() -> Arc<Shared> {
    Host::current().expect("no host entered: see sockeye::Host::enter").shared
}
