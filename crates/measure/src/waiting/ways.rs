//! Each way to wait, as programs use it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{c_int, fd_set, sigset_t};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use serde::{Serialize, Serializer};

/// How a program learns which of its connections has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It reads from all of them, again and again.
    Polling,
    /// select(2).
    Select,
    /// poll(2).
    Poll,
    /// epoll(7), level-triggered.
    Epoll,
    /// epoll(7), edge-triggered.
    Edge,
    /// A queued signal with the descriptor in it: O_ASYNC and F_SETSIG, taken by sigwaitinfo(2).
    Signal,
}

impl Way {
    /// All, in the order in which they are shown.
    pub const ALL: [Way; 6] = [Way::Polling, Way::Select, Way::Poll, Way::Epoll, Way::Edge, Way::Signal];

    /// Its name, in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Way::Polling => "polling",
            Way::Select => "select",
            Way::Poll => "poll",
            Way::Epoll => "epoll",
            Way::Edge => "epollet",
            Way::Signal => "sigio",
        }
    }

    /// What it is, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Way::Polling => "non-blocking reads of all of them, again and again",
            Way::Select => "select, of descriptors below 1024",
            Way::Poll => "poll",
            Way::Epoll => "epoll, level-triggered",
            Way::Edge => "epoll, edge-triggered",
            Way::Signal => "O_ASYNC with a queued signal (F_SETSIG), and sigwaitinfo",
        }
    }

    /// Ready to wait for these; `None` if it can't wait for so many.
    pub(super) fn waiter(self, ends: &[OwnedFd]) -> io::Result<Option<Box<dyn Waiter + '_>>> {
        Ok(Some(match self {
            Way::Polling => Box::new(Polling { count: ends.len(), next: 0 }),
            Way::Select => match Select::new(ends) {
                Some(select) => Box::new(select),
                None => return Ok(None),
            },
            Way::Poll => Box::new(Poll(ends.iter().map(|end| PollFd::new(end, PollFlags::IN)).collect())),
            Way::Epoll => Box::new(Epoll::new(ends, EventFlags::IN)?),
            Way::Edge => Box::new(Epoll::new(ends, EventFlags::IN | EventFlags::ET)?),
            Way::Signal => Box::new(Signals::new(ends)?),
        }))
    }
}

impl Serialize for Way {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Waits for one of those it was made for.
pub(super) trait Waiter {
    /// The place of one that may have something. A signal's handler ends it with EINTR.
    fn wait(&mut self) -> io::Result<usize>;
}

/// None of them had anything, though the wait had no end: it can't be.
fn nothing() -> io::Error {
    io::Error::other("the wait ended, and nothing was ready")
}

struct Polling {
    count: usize,
    next: usize,
}

impl Waiter for Polling {
    fn wait(&mut self) -> io::Result<usize> {
        let at = self.next;
        self.next = (at + 1) % self.count;
        Ok(at)
    }
}

struct Select<'a> {
    ends: &'a [OwnedFd],
    /// All of them.
    set: fd_set,
    /// One more than the highest.
    beyond: c_int,
}

impl Select<'_> {
    fn new(ends: &[OwnedFd]) -> Option<Select<'_>> {
        let beyond = ends.iter().map(AsRawFd::as_raw_fd).max()? + 1;
        // SAFETY: a set of descriptors is bits; all of them off is the empty one.
        let mut set: fd_set = unsafe { std::mem::zeroed() };
        if beyond as usize > libc::FD_SETSIZE {
            return None;
        }
        for end in ends {
            // SAFETY: below FD_SETSIZE, as was seen to.
            unsafe { libc::FD_SET(end.as_raw_fd(), &mut set) };
        }
        Some(Select { ends, set, beyond })
    }
}

impl Waiter for Select<'_> {
    fn wait(&mut self) -> io::Result<usize> {
        let mut ready = self.set;
        let null = std::ptr::null_mut();
        // SAFETY: the set is ours, and has room for what is below `beyond`.
        if unsafe { libc::select(self.beyond, &mut ready, null, null, std::ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: below FD_SETSIZE.
        let is_ready = |end: &OwnedFd| unsafe { libc::FD_ISSET(end.as_raw_fd(), &ready) };
        self.ends.iter().position(is_ready).ok_or_else(nothing)
    }
}

struct Poll<'a>(Vec<PollFd<'a>>);

impl Waiter for Poll<'_> {
    fn wait(&mut self) -> io::Result<usize> {
        poll(&mut self.0, None)?;
        self.0.iter().position(|end| !end.revents().is_empty()).ok_or_else(nothing)
    }
}

struct Epoll {
    instance: OwnedFd,
    ready: Vec<epoll::Event>,
}

impl Epoll {
    fn new(ends: &[OwnedFd], events: EventFlags) -> io::Result<Epoll> {
        let instance = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (at, end) in ends.iter().enumerate() {
            epoll::add(&instance, end, EventData::new_u64(at as u64), events)?;
        }
        Ok(Epoll { instance, ready: Vec::with_capacity(1) })
    }
}

impl Waiter for Epoll {
    fn wait(&mut self) -> io::Result<usize> {
        self.ready.clear();
        epoll::wait(&self.instance, rustix::buffer::spare_capacity(&mut self.ready), None)?;
        self.ready.first().map(|event| event.data.u64() as usize).ok_or_else(nothing)
    }
}

/// The signal is blocked while this is there.
struct Signals<'a> {
    ends: &'a [OwnedFd],
    /// Of descriptors to places, -1 where there is none.
    places: Vec<isize>,
    /// The signal alone.
    set: sigset_t,
    /// What was blocked before.
    before: sigset_t,
}

impl Signals<'_> {
    fn new(ends: &[OwnedFd]) -> io::Result<Signals<'_>> {
        let signal = libc::SIGRTMIN();
        let highest = ends.iter().map(AsRawFd::as_raw_fd).max().unwrap_or(0);
        let mut places = vec![-1; highest as usize + 1];
        // SAFETY: sets of signals are ours, and are made empty before they are used.
        let (set, before) = unsafe {
            let mut sets: [sigset_t; 2] = std::mem::zeroed();
            libc::sigemptyset(&mut sets[0]);
            libc::sigaddset(&mut sets[0], signal);
            let [set, before] = &mut sets;
            libc::pthread_sigmask(libc::SIG_BLOCK, set, before);
            (*set, *before)
        };
        for (at, end) in ends.iter().enumerate() {
            places[end.as_raw_fd() as usize] = at as isize;
        }
        let signals = Signals { ends, places, set, before };
        // SAFETY: a plain system call.
        let thread = unsafe { libc::gettid() };
        for end in ends {
            let owner = Owner { kind: F_OWNER_TID, id: thread };
            let fd = end.as_raw_fd();
            // SAFETY: commands that take a number, or a pointer to what is ours.
            let failed = unsafe {
                libc::fcntl(fd, F_SETOWN_EX, &raw const owner) < 0
                    || libc::fcntl(fd, F_SETSIG, signal) < 0
                    || libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC) < 0
            };
            if failed {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(signals)
    }
}

// include/uapi/asm-generic/fcntl.h; libc has no names for them.
const F_SETSIG: c_int = 10;
const F_SETOWN_EX: c_int = 15;
const F_OWNER_TID: c_int = 0;

/// `struct f_owner_ex`.
#[repr(C)]
struct Owner {
    kind: c_int,
    id: libc::pid_t,
}

impl Waiter for Signals<'_> {
    fn wait(&mut self) -> io::Result<usize> {
        // SAFETY: the set is ours, and so is what is written.
        let fd = unsafe {
            let mut told: Told = std::mem::zeroed();
            if libc::sigwaitinfo(&self.set, (&raw mut told).cast()) < 0 {
                return Err(io::Error::last_os_error());
            }
            told.fd
        };
        // Those that come from elsewhere, as by kill(2), have no descriptor of ours.
        let place = usize::try_from(fd).ok().and_then(|fd| self.places.get(fd));
        place.and_then(|place| usize::try_from(*place).ok()).ok_or_else(nothing)
    }
}

/// `siginfo_t` of a signal that tells of a descriptor: si_band and si_fd follow three numbers and a hole.
#[repr(C)]
struct Told {
    head: [c_int; 4],
    band: libc::c_long,
    fd: c_int,
    rest: [u8; 100],
}

impl Drop for Signals<'_> {
    fn drop(&mut self) {
        for end in self.ends {
            // SAFETY: a command that takes a number.
            unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        }
        let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: sets of ours; no handler of the signal there is would like one that comes late, so they are taken first.
        unsafe {
            while libc::sigtimedwait(&self.set, std::ptr::null_mut(), &none) >= 0 {}
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}
