//! What all handles of one network share: the lab behind its lock, the clock, and who waits for what.
//!
//! A call takes the lock, works on a host at this moment's time, and carries what came of it to every other host
//! before it lets go; so a write can reach the reader's queue before it returns. Whoever waits has left a [`Waker`]:
//! these are called when the lock is free again.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

use sockeye_abi::{Errno, Transport};
use sockeye_base::Instant;
use sockeye_lab::{HostId, Lab};
use sockeye_services::{Service, Services};
use sockeye_socket::{Host, Identity, SocketId};

use crate::alarm::Alarm;
use crate::identity;
use crate::names::Known;
use crate::waiting::{Interest, Ticket, TimerId, Timers, Waiters};
use crate::watching::Watching;

/// So many hosts see to what comes at one moment before the tasks that it wakes: where thousands have something to do at once,
/// each is done with while it is in the cache.
const BURST: usize = 16;
/// After so many calls the others have their turn all the same: somebody may be waiting for them without saying so.
const PATIENCE: usize = 4096;

/// What was passed and nobody took.
type Untaken = Arc<dyn Any + Send + Sync>;

/// One network, as its handles share it.
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    /// Who calls, if the host entered doesn't say.
    pub(crate) identity: Arc<Identity>,
    /// In real time: the thread that runs what is due while nobody calls.
    alarm: Option<Alarm>,
}

/// What the lock protects.
pub(crate) struct Engine {
    pub(crate) lab: Lab,
    pub(crate) names: Known,
    services: Services,
    time: Time,
    waiters: Waiters,
    pub(crate) watching: Watching,
    timers: Timers,
    /// Calls in this burst.
    calls: usize,
    /// To be woken once the lock is free.
    woken: Vec<Waker>,
}

/// Where the time comes from.
enum Time {
    /// The machine's monotonic clock, since the network was made.
    Real(Clock),
    /// Whoever runs the simulation sets it.
    Virtual(Instant),
}

impl Shared {
    /// A network in real time.
    pub(crate) fn real(mut lab: Lab) -> Arc<Shared> {
        lab.set_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            engine: Mutex::new(Engine::new(lab, Time::Real(Clock::now()))),
            identity: Arc::new(identity::own()),
            alarm: Some(Alarm::new(shared.clone())),
        })
    }

    /// A network in virtual time.
    pub(crate) fn simulated(lab: Lab) -> Arc<Shared> {
        let engine = Engine::new(lab, Time::Virtual(Instant::ZERO));
        Arc::new(Shared { engine: Mutex::new(engine), identity: Arc::default(), alarm: None })
    }

    /// Whether time is virtual.
    pub(crate) fn is_simulated(&self) -> bool {
        self.alarm.is_none()
    }

    /// Works on the network at this moment, carries what came of it, and wakes those who waited for it.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let (result, due) = self.step(work, |engine| {
            let earliest = engine.earliest_deadline();
            // The true one costs more, and matters only if the alarm would come too late.
            let disturbs = self.alarm.as_ref().is_some_and(|alarm| alarm.comes_too_late_for(earliest));
            if disturbs { engine.next_deadline() } else { None }
        });
        if let (Some(alarm), Some(due)) = (&self.alarm, due) {
            alarm.set(due);
        }
        result
    }

    /// [`Shared::with`] for the one who sees to it that what is due next gets done; gives when to look again.
    fn step<R>(
        &self,
        work: impl FnOnce(&mut Engine, Instant) -> R,
        deadline: impl FnOnce(&mut Engine) -> Option<Instant>,
    ) -> (R, Option<Instant>) {
        let mut engine = self.lock();
        let now = engine.now();
        let result = work(&mut engine, now);
        engine.settle(now);
        let woken = std::mem::take(&mut engine.woken);
        let due = deadline(&mut engine);
        drop(engine);
        woken.into_iter().for_each(Waker::wake);
        (result, due)
    }

    /// Works on one host ([`Shared::with`]).
    pub(crate) fn on<R>(&self, host: HostId, work: impl FnOnce(&mut Host, Instant) -> R) -> R {
        let (result, untaken) =
            self.with(|engine, now| engine.lab.work_on(host, |host| (work(host, now), host.take_untaken())));
        drop(untaken);
        result
    }

    /// Works on one host where nothing comes of it, and whenever it is: the clock isn't read, nothing is carried.
    pub(crate) fn glance<R>(&self, host: HostId, work: impl FnOnce(&mut Host) -> R) -> R {
        self.lock().lab.work_on(host, work)
    }

    /// Looks without touching: nothing is carried, nobody woken.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Engine) -> R) -> R {
        look(&self.lock())
    }

    /// Tries a call that may have to wait; if it has to, the waker is called when there is reason to try again. The
    /// ticket is the caller's place among those who wait.
    pub(crate) fn poll<T>(
        &self,
        (host, socket): (HostId, SocketId),
        (interest, ticket): (Interest, &mut Option<Ticket>),
        context: &mut Context<'_>,
        call: impl FnOnce(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> Poll<Result<T, Errno>> {
        let mut left = Vec::new();
        let mut untaken = Vec::new();
        let poll = self.with(|engine, now| {
            let result = engine.lab.work_on(host, |host| {
                let result = call(host, now, socket);
                untaken = host.take_untaken();
                result
            });
            let waits = |errno: &Errno| {
                must_wait(*errno) && !(interest == Interest::Write && engine.sends_at_once((host, socket)))
            };
            if result.as_ref().is_err_and(waits) {
                let (old, waker) = (ticket.take(), context.waker());
                *ticket = Some(engine.waiters.wait((host, socket), interest, old, waker, &mut left));
                return Poll::Pending;
            }
            if let Some(ticket) = ticket.take() {
                left.extend(engine.waiters.forget((host, socket), ticket));
            }
            Poll::Ready(result)
        });
        drop((left, untaken));
        poll
    }

    /// Nobody waits by this ticket any more.
    pub(crate) fn forget(&self, key: (HostId, SocketId), ticket: Ticket) {
        let left = self.lock().waiters.forget(key, ticket);
        drop(left);
    }

    /// Gives a hold on a socket back; the last closes it.
    pub(crate) fn close(&self, place: (HostId, SocketId)) {
        let left = self.with(|engine, now| engine.release(now, place));
        drop(left);
    }

    /// Closes a socket, unless that is to wait (SO_LINGER): until when, then.
    pub(crate) fn close_or_linger(&self, (host, socket): (HostId, SocketId)) -> Option<Instant> {
        let closed = self.with(|engine, now| match engine.lab.host_mut(host).begin_close(now, socket) {
            Some(limit) => Err(now + limit),
            None => Ok(engine.release(now, (host, socket))),
        });
        closed.err()
    }

    /// Now, on the network's clock.
    pub(crate) fn now(&self) -> Instant {
        self.lock().now()
    }

    /// Calls a waker at a time, at once if it is past.
    pub(crate) fn set_timer(&self, at: Instant, waker: &Waker) -> TimerId {
        self.with(|engine, _| engine.timers.set(at, waker))
    }

    /// Takes a timer back.
    pub(crate) fn cancel_timer(&self, timer: TimerId) {
        let left = self.lock().timers.cancel(timer);
        drop(left);
    }

    /// Runs what is due, in virtual time not more than a burst of it; gives the next moment something will be, which may be
    /// this one.
    pub(crate) fn run_due(&self) -> Option<Instant> {
        let (_, due) = self.step(
            |engine, _| engine.begin_burst(),
            |engine| {
                engine.end_burst();
                engine.next_deadline()
            },
        );
        due
    }

    /// Virtual time: goes on to this moment.
    pub(crate) fn go_on_to(&self, at: Instant) {
        if let Time::Virtual(now) = &mut self.lock().time {
            *now = at.max(*now);
        }
        self.run_due();
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        // A panic under the lock is a bug of ours, and was told by then; the network itself is whole between steps.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    fn new(lab: Lab, time: Time) -> Engine {
        Engine {
            lab,
            names: Known::default(),
            services: Services::new(),
            time,
            waiters: Waiters::default(),
            watching: Watching::default(),
            timers: Timers::default(),
            calls: 0,
            woken: Vec::new(),
        }
    }

    /// Adds a service to a host and starts it.
    pub(crate) fn serve_on(
        &mut self,
        host: HostId,
        service: Box<dyn Service + Send>,
        now: Instant,
    ) -> Result<(), Errno> {
        self.services.start_another(&mut self.lab, now, host, service)
    }

    /// Gives a hold on a socket back; what nobody waits by or takes any more is to be dropped without the lock.
    fn release(&mut self, now: Instant, (host, socket): (HostId, SocketId)) -> (Vec<Waker>, Vec<Untaken>) {
        let host_here = self.lab.host_mut(host);
        host_here.release(now, socket);
        let (is_open, untaken) = (host_here.is_open(socket), host_here.take_untaken());
        if is_open {
            return (Vec::new(), untaken);
        }
        self.watching.closed((host, socket));
        (self.waiters.remove((host, socket)), untaken)
    }

    /// Adds services and starts them at this moment.
    pub(crate) fn serve(&mut self, mut services: Services, now: Instant) -> Result<(), Errno> {
        services.start(&mut self.lab, now)?;
        self.services = services;
        Ok(())
    }

    fn now(&self) -> Instant {
        match &self.time {
            Time::Real(began) => Instant::ZERO + began.elapsed(),
            Time::Virtual(now) => *now,
        }
    }

    /// The poll sets, with what it takes to work on them.
    pub(crate) fn watching(&mut self) -> (&Lab, &mut Watching, &mut Vec<Waker>) {
        (&self.lab, &mut self.watching, &mut self.woken)
    }

    /// The same as [`Engine::next_deadline`] or earlier, and cheaper.
    fn earliest_deadline(&self) -> Option<Instant> {
        [self.lab.earliest_deadline(), self.timers.next()].into_iter().flatten().min()
    }

    /// When something will be due that is not yet.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        [self.lab.next_deadline(), self.timers.next()].into_iter().flatten().min()
    }

    /// Whether a socket has nothing to wait for before it sends: its EAGAIN says that no port is free.
    fn sends_at_once(&self, (host, socket): (HostId, SocketId)) -> bool {
        self.lab.host(host).transport(socket).is_ok_and(|transport| transport != Transport::Tcp)
    }

    /// Virtual time: allows a burst of what is due.
    fn begin_burst(&mut self) {
        if let Time::Virtual(_) = self.time {
            self.calls = 0;
            self.lab.allow(BURST);
        }
    }

    /// If that was all, the calls to come carry whatever they cause.
    fn end_burst(&mut self) {
        if !self.lab.has_stopped() {
            self.lab.allow(usize::MAX);
        }
    }

    fn settle(&mut self, now: Instant) {
        self.calls += 1;
        if self.calls > PATIENCE {
            self.begin_burst();
        }
        let Engine { lab, services, waiters, watching, timers, woken, .. } = self;
        if lab.is_crowd() {
            lab.advance(now);
            waiters.look_ahead(lab.changed());
        }
        services.settle(lab, now, |lab, host, socket| {
            waiters.wake((host, socket), lab.host(host), woken);
            watching.changed((host, socket), lab.host(host), woken);
        });
        timers.fire(now, woken);
    }
}

/// Whether an error only says that the call would block.
pub(crate) fn must_wait(errno: Errno) -> bool {
    matches!(errno, Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY)
}
