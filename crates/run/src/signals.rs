//! Signals to the supervisor: taken from a descriptor, so that the loop sees them in order.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{io, ptr};

/// Signals that a person or a service manager sends to end or steer the program: passed on to it, unless the terminal
/// has already sent them to both.
const PASSED_ON: [i32; 8] = [
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGALRM,
];

/// The signal mask the supervisor was started with, for the program to have.
pub(crate) struct SignalMask(libc::sigset_t);

impl SignalMask {
    /// Gives this process the mask back, and SIGPIPE its default (the supervisor itself ignores it). Allocates nothing.
    pub(crate) fn restore(&self) {
        // SAFETY: the set is a valid one; SIG_DFL is a valid handler.
        unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
    }
}

/// What a signal asks of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A child changed state.
    Child,
    /// Send this on to the program.
    PassOn(i32),
}

/// The descriptor that signals arrive on.
pub(crate) struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks the signals it takes; gives the mask from before, too.
    pub(crate) fn take() -> io::Result<(Signals, SignalMask)> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset makes `set` valid before it is used, and sigprocmask fills `before`.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            for signal in PASSED_ON {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = crate::launch::owned(libc::signalfd(
                -1,
                set.as_ptr(),
                libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
            ))?;
            Ok((Signals { fd }, SignalMask(before.assume_init())))
        }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The next signal, if one waits.
    pub(crate) fn next(&self) -> Option<Request> {
        loop {
            let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
            let size = size_of::<libc::signalfd_siginfo>();
            // SAFETY: the kernel writes at most `size` bytes, and a whole structure or nothing.
            let info = unsafe {
                if libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) != size as isize {
                    return None;
                }
                info.assume_init()
            };
            let signal = info.ssi_signo as i32;
            if signal == libc::SIGCHLD {
                return Some(Request::Child);
            }
            // The terminal sends to the whole foreground group: the program has it already.
            if info.ssi_code != libc::SI_KERNEL {
                return Some(Request::PassOn(signal));
            }
        }
    }
}
