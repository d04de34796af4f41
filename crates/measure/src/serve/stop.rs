//! Being told to stop: a pipe that becomes readable, for ever and for every process that was forked after it was made.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level;

/// Readable once SIGTERM or SIGINT came to this process or one it was forked from. Nobody reads it, so it stays so.
pub(super) struct Stop {
    told: OwnedFd,
}

/// What was waited for; neither, if the time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waited {
    /// The descriptor is readable.
    pub(super) readable: bool,
    /// The server is to stop.
    pub(super) told: bool,
}

impl Stop {
    pub(super) fn on_signals() -> io::Result<Stop> {
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        for signal in [SIGTERM, SIGINT] {
            low_level::pipe::register(signal, tell.try_clone()?)?;
        }
        // A peer that is gone is an error of the write, not the end of the process: Rust's start-up ignores SIGPIPE.
        Ok(Stop { told })
    }

    /// Waits until a descriptor is readable, or, if that is to be heeded, the server is to stop.
    pub(super) fn or_readable(
        &self,
        fd: BorrowedFd<'_>,
        until: Option<Instant>,
        heeded: bool,
    ) -> io::Result<Waited> {
        let mut fds = [PollFd::new(&fd, PollFlags::IN), PollFd::new(&self.told, PollFlags::IN)];
        let fds = &mut fds[..1 + usize::from(heeded)];
        loop {
            let left = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
            match poll(fds, left.as_ref()) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let is_set = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(Waited { readable: is_set(&fds[0]), told: fds.get(1).is_some_and(is_set) })
    }

    /// The next connection of a non-blocking listener; `None` when the server is to stop.
    pub(super) fn accept(&self, listener: &TcpListener) -> io::Result<Option<TcpStream>> {
        while !self.or_readable(listener.as_fd(), None, true)?.told {
            if let Some(stream) = self.take(listener)? {
                return Ok(Some(stream));
            }
        }
        Ok(None)
    }

    /// A connection of a listener that was readable, if it is still there.
    pub(super) fn take(&self, listener: &TcpListener) -> io::Result<Option<TcpStream>> {
        match listener.accept() {
            Ok((stream, _)) => Ok(Some(stream)),
            Err(error) => self.after_failed_accept(error).map(|()| None),
        }
    }

    /// What to do about an `accept` that failed (accept(2), "Error handling"): what is about one connection is over with it; if
    /// descriptors or memory ran out, a pause lets others end.
    fn after_failed_accept(&self, error: io::Error) -> io::Result<()> {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(
                Errno::AGAIN
                | Errno::CONNABORTED
                | Errno::INTR
                | Errno::PERM
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NONET
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP,
            ) => Ok(()),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => self.pause(),
            _ => Err(error),
        }
    }

    /// Waits a little, for others to give back what there is too little of.
    pub(super) fn pause(&self) -> io::Result<()> {
        self.within(Duration::from_millis(100)).map(|_| ())
    }

    /// Waits; `true` if the server is to stop before the time is up.
    fn within(&self, span: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.told, PollFlags::IN)];
        match poll(&mut fds, Some(&timespec(span))) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the server is to stop.
    pub(super) fn is_told(&self) -> bool {
        self.within(Duration::ZERO).unwrap_or(true)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}

pub(super) fn timespec(span: Duration) -> Timespec {
    Timespec::try_from(span).unwrap_or(Timespec { tv_sec: i32::MAX.into(), tv_nsec: 0 })
}
