//! Child processes: making them, and learning of their ends.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_parent_process_death_signal, wait};
use signal_hook::consts::SIGCHLD;

use super::stop::{Stop, timespec};

/// This process' children.
pub(super) struct Children {
    alive: BTreeSet<i32>,
    /// Readable when one may have ended: SIGCHLD came.
    ended: OwnedFd,
}

/// What a parent waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The server is to stop.
    Stop,
    /// Children have ended.
    Ended,
    /// What else was waited for.
    Ready,
}

impl Children {
    pub(super) fn none() -> io::Result<Children> {
        let (ended, tell) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        signal_hook::low_level::pipe::register(SIGCHLD, tell)?;
        Ok(Children { alive: BTreeSet::new(), ended })
    }

    pub(super) fn count(&self) -> usize {
        self.alive.len()
    }

    /// Makes a child that does this and ends. It gets SIGTERM if its parent is gone.
    pub(super) fn fork(&mut self, work: impl FnOnce()) -> io::Result<()> {
        // SAFETY: this process has one thread (the shapes that fork make none), so no lock is held by one that isn't in the
        // child, and the child may do what its parent may.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let _ = set_parent_process_death_signal(Some(Signal::TERM));
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                // SAFETY: ends the process, without what the parent has registered for its own end.
                unsafe { libc::_exit(i32::from(ended.is_err())) }
            }
            child => {
                self.alive.insert(child);
                Ok(())
            }
        }
    }

    /// Makes what is missing to so many, each of which does this.
    pub(super) fn fill(&mut self, count: usize, work: impl Fn()) -> io::Result<()> {
        while self.alive.len() < count {
            self.fork(&work)?;
        }
        Ok(())
    }

    /// Waits until the server is to stop, children have ended, or something else is ready.
    pub(super) fn wait(&mut self, stop: &Stop, other: Option<PollFd<'_>>) -> io::Result<Event> {
        let mut fds = vec![PollFd::new(stop, PollFlags::IN), PollFd::new(&self.ended, PollFlags::IN)];
        fds.extend(other);
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [stopped, ended] = [0, 1].map(|place: usize| !fds[place].revents().is_empty());
        drop(fds);
        Ok(match (stopped, ended) {
            (true, _) => Event::Stop,
            (false, true) => {
                self.reap();
                Event::Ended
            }
            (false, false) => Event::Ready,
        })
    }

    /// Takes leave of those that have ended, so that none stays a zombie.
    fn reap(&mut self) {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.ended, &mut bytes).is_ok_and(|length| length == bytes.len()) {}
        while let Ok(Some((child, _))) = wait(WaitOptions::NOHANG) {
            self.alive.remove(&child.as_raw_nonzero().get());
        }
    }

    /// Waits until all have ended; kills those that haven't when the time is up.
    pub(super) fn finish(mut self, span: Duration) -> io::Result<()> {
        let until = Instant::now() + span;
        self.reap();
        while !self.alive.is_empty() {
            let left = timespec(until.saturating_duration_since(Instant::now()));
            if poll(&mut [PollFd::new(&self.ended, PollFlags::IN)], Some(&left)) == Ok(0) {
                break;
            }
            self.reap();
        }
        for child in self.alive.iter().filter_map(|child| Pid::from_raw(*child)) {
            let _ = kill_process(child, Signal::KILL);
        }
        Ok(())
    }
}
