//! The deterministic executor: tasks in the order they became ready, then the clock.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::ops::BitXor;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use pin_project_lite::pin_project;
use slotmap::{SlotMap, new_key_type};
use sockeye_lab::HostId;

use super::{Baton, Unfinished};
use crate::blocking::take_baton;
use crate::engine::Shared;
use crate::host::Host;
use crate::time::Instant;

/// So many turns ahead is looked.
const AHEAD: usize = 16;

new_key_type! {
    struct TaskId;
}

thread_local! {
    /// The executor that runs in this thread.
    static RUNNING: RefCell<Option<Rc<Executor>>> = const { RefCell::new(None) };
}

/// All that runs in one simulation.
pub(crate) struct Executor {
    network: Arc<Shared>,
    /// A task that is at work has been taken out of its place.
    tasks: RefCell<SlotMap<TaskId, Option<Task>>>,
    line: Arc<Line>,
}

/// Those whose turn it will be, in order.
#[derive(Default)]
pub(crate) struct Line {
    ready: Mutex<VecDeque<Arc<Call>>>,
    /// Threads that the simulation's threads began.
    arrivals: Mutex<Vec<Adopted>>,
}

struct Task {
    host: Host,
    work: Work,
    waker: Waker,
}

enum Work {
    Future(Pin<Box<dyn Turns>>),
    Thread(Running),
}

/// A future that can be looked at.
trait Turns: Future<Output = ()> {
    /// Reads where it lies, and gives something made of it, so that it is read.
    fn look_ahead(&self) -> u8;
}

pin_project! {
    /// What lies about a future, of which nobody knows what it is, is read in its place.
    #[repr(C)]
    struct Framed<F> {
        before: u8,
        #[pin]
        future: F,
        behind: u8,
    }
}

impl<F: Future> Future for Framed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Framed<F>>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}

impl<F: Future<Output = ()>> Turns for Framed<F> {
    fn look_ahead(&self) -> u8 {
        self.before ^ self.behind
    }
}

/// A thread that has begun.
struct Running {
    baton: Baton,
    thread: Option<thread::JoinHandle<()>>,
}

/// Blocking code that is to become a thread of the simulation.
pub(crate) struct Adopted {
    host: Host,
    work: Box<dyn FnOnce() -> Option<Box<dyn Any + Send>> + Send>,
}

/// Puts a task in line.
struct Call {
    line: Arc<Line>,
    task: TaskId,
    in_line: AtomicBool,
}

impl Wake for Call {
    fn wake(self: Arc<Call>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Call>) {
        if !self.in_line.swap(true, Ordering::AcqRel) {
            lock(&self.line.ready).push_back(self.clone());
        }
    }
}

impl Executor {
    pub(crate) fn new(network: Arc<Shared>) -> Rc<Executor> {
        Rc::new(Executor { network, tasks: RefCell::default(), line: Arc::default() })
    }

    /// The one that runs in this thread.
    pub(crate) fn running() -> Option<Rc<Executor>> {
        RUNNING.with_borrow(Clone::clone)
    }

    pub(crate) fn spawn<T: 'static>(
        &self,
        host: &Host,
        future: impl Future<Output = T> + 'static,
    ) -> JoinHandle<T> {
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let theirs = outcome.clone();
        let future = async move { finish(&theirs, future.await) };
        self.insert(host, |_| Work::Future(Box::pin(Framed { before: 0, future, behind: 0 })));
        JoinHandle { outcome }
    }

    /// Makes a thread of blocking code.
    pub(crate) fn take_in(&self, Adopted { host, work }: Adopted) {
        let (network, line) = (self.network.clone(), self.line.clone());
        let theirs = host.clone();
        self.insert(&host, |waker| {
            let baton = Baton::new(waker.clone(), network, line);
            let own = baton.clone();
            let builder = thread::Builder::new().name(format!("sockeye on {}", theirs.name()));
            let thread = builder.spawn(move || live(&theirs, own, work)).expect("a thread");
            Work::Thread(Running { baton, thread: Some(thread) })
        });
    }

    fn insert(&self, host: &Host, work: impl FnOnce(&Waker) -> Work) {
        let line = self.line.clone();
        self.tasks.borrow_mut().insert_with_key(|task| {
            let waker = Waker::from(Arc::new(Call { line, task, in_line: AtomicBool::new(false) }));
            waker.wake_by_ref();
            Some(Task { host: host.clone(), work: work(&waker), waker })
        });
    }

    /// Runs until all is done, or a moment.
    pub(crate) fn run(self: &Rc<Executor>, until: Option<Instant>) -> Result<(), Unfinished> {
        self.run_while(until, || !self.tasks.borrow().is_empty())
    }

    /// Runs as long as a condition holds, or until a moment.
    pub(crate) fn run_while(
        self: &Rc<Executor>,
        until: Option<Instant>,
        wanted: impl Fn() -> bool,
    ) -> Result<(), Unfinished> {
        let before = RUNNING.replace(Some(self.clone()));
        assert!(before.is_none(), "a simulation runs in this thread already");
        let _running = Reset;
        loop {
            self.run_ready();
            if !wanted() {
                return Ok(());
            }
            let unfinished = || self.tasks.borrow().len();
            match (self.network.run_due(), until) {
                // It woke somebody.
                _ if !lock(&self.line.ready).is_empty() => {}
                (Some(due), None) => self.network.go_on_to(due),
                (Some(due), Some(Instant(until))) if due <= until => self.network.go_on_to(due),
                (_, Some(Instant(until))) => {
                    self.network.go_on_to(until);
                    return Err(Unfinished::TimeUp(unfinished()));
                }
                (None, None) => return Err(Unfinished::Stalled(unfinished())),
            }
        }
    }

    /// Gives each that is ready its turn.
    fn run_ready(&self) {
        for at in 0.. {
            for adopted in std::mem::take(&mut *lock(&self.line.arrivals)) {
                self.take_in(adopted);
            }
            if at % AHEAD == 0 {
                self.look_ahead();
            }
            let Some(call) = lock(&self.line.ready).pop_front() else { return };
            call.in_line.store(false, Ordering::Release);
            self.turn(call.task);
        }
    }

    /// Reads once what it takes to give the next their turns: of thousands it comes into the processor's cache at the same time.
    fn look_ahead(&self) {
        let (ready, tasks) = (lock(&self.line.ready), self.tasks.borrow());
        if ready.len() < AHEAD / 2 {
            return;
        }
        let next = || ready.iter().take(AHEAD);
        black_box(next().filter(|call| call.in_line.load(Ordering::Relaxed)).count());
        let known = || next().filter_map(|call| tasks.get(call.task)?.as_ref());
        black_box(known().filter(|task| task.host.id == HostId(0)).count());
        let seen = known().map(|task| match &task.work {
            Work::Future(future) => future.look_ahead(),
            Work::Thread(_) => 0,
        });
        black_box(seen.fold(0, BitXor::bitxor));
    }

    fn turn(&self, id: TaskId) {
        let Some(mut task) = self.tasks.borrow_mut().get_mut(id).and_then(Option::take) else { return };
        let Task { host, work, waker } = &mut task;
        let goes_on = match work {
            Work::Future(future) => {
                let poll = || future.as_mut().poll(&mut Context::from_waker(waker)).is_pending();
                match catch_unwind(AssertUnwindSafe(|| host.run(poll))) {
                    Ok(pending) => pending,
                    Err(panic) => {
                        self.tasks.borrow_mut().remove(id);
                        resume_unwind(panic);
                    }
                }
            }
            Work::Thread(running) => running.baton.give_turn(),
        };
        if goes_on {
            if let Some(place) = self.tasks.borrow_mut().get_mut(id) {
                *place = Some(task);
            }
            return;
        }
        self.tasks.borrow_mut().remove(id);
        if let Work::Thread(running) = &mut task.work
            && let Some(Err(panic)) = running.thread.take().map(thread::JoinHandle::join)
        {
            resume_unwind(panic);
        }
    }
}

impl Line {
    /// A thread of the simulation begins another.
    pub(crate) fn arrive(&self, adopted: Adopted) {
        lock(&self.arrivals).push(adopted);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.baton.abandon();
        if let Some(thread) = self.thread.take() {
            // How it ended is of no interest any more.
            drop(thread.join());
        }
    }
}

/// Takes the mark of the running executor away, also when a panic passes.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        drop(RUNNING.replace(None));
    }
}

/// A thread's life.
fn live(host: &Host, baton: Baton, work: Box<dyn FnOnce() -> Option<Box<dyn Any + Send>> + Send>) {
    if !baton.first_turn() {
        return;
    }
    let panic = host.run(|| {
        take_baton(baton.clone());
        work()
    });
    baton.end();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Blocking code for a host, and the handle of what it will give. It gives its panic to the simulation.
pub(crate) fn adopt<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce() -> T + Send + 'static,
) -> (Adopted, JoinHandle<T>) {
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let theirs = outcome.clone();
    let work = move || match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => {
            finish(&theirs, value);
            None
        }
        Err(panic) => Some(panic),
    };
    (Adopted { host: host.clone(), work: Box::new(work) }, JoinHandle { outcome })
}

/// What a task or thread gives, once it has ended.
pub struct JoinHandle<T> {
    outcome: Arc<Mutex<Outcome<T>>>,
}

struct Outcome<T> {
    value: Option<T>,
    ended: bool,
    waiting: Option<Waker>,
}

impl<T> Default for Outcome<T> {
    fn default() -> Outcome<T> {
        Outcome { value: None, ended: false, waiting: None }
    }
}

fn finish<T>(outcome: &Mutex<Outcome<T>>, value: T) {
    let mut outcome = lock(outcome);
    outcome.value = Some(value);
    outcome.ended = true;
    let waiting = outcome.waiting.take();
    drop(outcome);
    if let Some(waker) = waiting {
        waker.wake();
    }
}

impl<T> JoinHandle<T> {
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        lock(&self.outcome).ended
    }

    /// What it gave, if it has ended and nobody took it yet.
    pub fn take(&self) -> Option<T> {
        lock(&self.outcome).value.take()
    }

    /// What it gave, once it has ended; leaves word for that.
    pub(crate) fn poll_taken(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut outcome = lock(&self.outcome);
        if let Some(value) = outcome.value.take() {
            return Poll::Ready(value);
        }
        outcome.waiting = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut JoinHandle<T>>, context: &mut Context<'_>) -> Poll<T> {
        self.poll_taken(context)
    }
}

impl<T> std::fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
