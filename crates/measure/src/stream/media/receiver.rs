//! A process that receives: a child that is told how many messages to expect, and says when it has them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// The child; dropping ends it.
pub(super) struct Receiver {
    pid: Pid,
    /// Numbers of messages go there, a byte comes back for each.
    control: OwnedFd,
}

impl Receiver {
    /// Starts a child that calls `receive` with each number of messages it is told. Of our descriptors it has the three
    /// first and this one.
    ///
    /// It is a fork, of a process that may have threads: `receive` must neither allocate nor lock.
    pub(super) fn start(
        keeps: Option<BorrowedFd<'_>>,
        mut receive: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<Receiver> {
        let (control, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // SAFETY: what the child does below it does without allocating and without locks, and it never returns.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: plain system calls. Ending is the parent's business: a ^C is not for the child, but it is not
                // to outlive its parent. (Under `run` that is seen to by its supervisor.)
                unsafe {
                    libc::signal(libc::SIGINT, libc::SIG_IGN);
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                }
                let far_number = far.as_raw_fd();
                close_all_but([far_number, keeps.map_or(far_number, |fd| fd.as_raw_fd())]);
                let mut number = [0; 8];
                while read_exact(&far, &mut number).is_ok()
                    && receive(u64::from_ne_bytes(number)).is_ok()
                    && write_all(&far, &[1]).is_ok()
                {}
                // SAFETY: ends the child without what the parent would do on its way out.
                unsafe { libc::_exit(0) }
            }
            pid => {
                let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::Other)?;
                Ok(Receiver { pid, control })
            }
        }
    }

    /// Has so many messages received, which `send` sends. The time is from before that until the child has them.
    pub(super) fn time(&self, messages: u64, send: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
        write_all(&self.control, &messages.to_ne_bytes())?;
        let start = Instant::now();
        send()?;
        read_exact(&self.control, &mut [0])?;
        Ok(start.elapsed())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// Closes all descriptors beyond standard error but these: others at work must see when we are done with theirs.
fn close_all_but(mut keeps: [RawFd; 2]) {
    keeps.sort_unstable();
    let mut from = 3;
    for until in keeps.map(|fd| fd.unsigned_abs()).into_iter().chain([u32::MAX]) {
        let last = until.saturating_sub(1);
        if from <= last {
            // SAFETY: a plain system call. What owns these descriptors in this process is never used nor dropped again.
            unsafe { libc::syscall(libc::SYS_close_range, from, last, 0) };
        }
        from = until.saturating_add(1);
    }
}

/// Writes all of it.
pub(super) fn write_all(fd: impl AsFd, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match write(&fd, data) {
            Ok(written) => data = &data[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn read_exact(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<()> {
    let mut got = 0;
    while got < buffer.len() {
        got += read_some(&fd, &mut buffer[got..])?;
    }
    Ok(())
}

/// Reads something; that there is nothing more is an error.
pub(super) fn read_some(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match read(&fd, &mut *buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => return Ok(count),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
