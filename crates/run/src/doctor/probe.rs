//! Supervising a child of our own, step by step, and measuring what a trapped call of its costs.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use super::{Check, Cost, Verdict};
use crate::launch::{self, Page};
use crate::process::memory;
use crate::seccomp::{Filter, Listener};
use crate::{Error, plain};

/// The call that is measured: it takes no argument, and does next to nothing.
pub(crate) const MEASURED: libc::c_long = libc::SYS_getppid;
/// Calls in a sample, and samples; the median of these is the cost.
const CALLS: usize = 100;
const SAMPLES: usize = 9;
/// Who waits so long for a call waits in vain.
const PATIENCE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What came of it.
pub(super) struct Tried {
    pub(super) checks: Vec<Check>,
    pub(super) cost: Option<Cost>,
}

/// What a supervisor needs of the kernel, tried on a child. What comes after a failure is not tried.
pub(super) fn supervise() -> Tried {
    let mut checks = Vec::new();
    let cost = try_all(&mut checks);
    Tried { checks, cost }
}

fn try_all(checks: &mut Vec<Check>) -> Option<Cost> {
    let page = match launch::shared_page() {
        Ok(page) => page,
        Err(error) => {
            checks.push(missing("memory to share", error.to_string(), "see the limits of this user"));
            return None;
        }
    };
    let body = || {
        // What it asks is answered as long as somebody is there to answer.
        // SAFETY: plain getppid(2).
        while unsafe { libc::syscall(MEASURED) } > 0 {}
    };
    let (pid, listener) = match launch::fork_filtered(page, &Filter::measuring(), (|| (), body), || ()) {
        Ok((pid, listener)) => (pid, Listener::new(listener)),
        Err(error) => {
            checks.extend(not_begun(&error));
            return None;
        }
    };
    checks.push(Check::ok("seccomp", "a filter with user notification can be installed"));
    checks.push(Check::ok("pidfd_getfd", "a program's descriptors can be borrowed"));
    let cost = try_child(checks, page, (pid, &listener));
    page.leave(pid);
    cost
}

/// What the child's start failed at.
fn not_begun(error: &Error) -> Vec<Check> {
    match error {
        Error::Filter(why) => {
            let (found, remedy) = match why.raw_os_error() {
                Some(libc::EBUSY) => (
                    "another supervisor's filter is in the way",
                    "run it outside of that supervisor: a container engine's, or another sockeye's",
                ),
                Some(libc::EACCES | libc::EPERM) => {
                    ("installing a filter is forbidden", "let the container's own filter allow seccomp(2)")
                }
                _ => (
                    "there is no user notification",
                    "use Linux 5.14 or later with CONFIG_SECCOMP_FILTER, outside of what hides it",
                ),
            };
            vec![missing("seccomp", format!("{found} ({})", plain(why)), remedy)]
        }
        Error::Borrow(why) => vec![
            Check::ok("seccomp", "a filter with user notification can be installed"),
            missing("pidfd_getfd", plain(why), REMEDY),
        ],
        other => vec![missing("a child", other.to_string(), "see the limits of this user")],
    }
}

/// What is to be done where one process may not look into another.
const REMEDY: &str = "in a container give it the capability CAP_SYS_PTRACE (docker run --cap-add=SYS_PTRACE); elsewhere set \
                      kernel.yama.ptrace_scope to 0 or 1, or run sockeye as root";

fn try_child(
    checks: &mut Vec<Check>,
    page: &'static Page,
    (pid, listener): (Pid, &Listener),
) -> Option<Cost> {
    checks.push(match reads_and_writes(pid, page) {
        Ok(()) => Check::ok("process_vm_readv", "a program's memory can be read and written"),
        Err(error) => missing("process_vm_readv", plain(&error), REMEDY),
    });
    checks.push(match listener.answers_with_descriptors() {
        true => Check::ok("answers with descriptors", "in one step (SECCOMP_ADDFD_FLAG_SEND)"),
        false => missing("answers with descriptors", "not in one step".to_owned(), "use Linux 5.14 or later"),
    });
    let native = native();
    page.go_on();
    let without = sampled(listener);
    let trapped = listener.wake_synchronously(true).ok().and_then(|()| sampled(listener));
    checks.push(match (without, trapped) {
        (Some(_), Some(_)) => {
            Check::ok("wake-up", "on the supervisor's processor (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)")
        }
        (Some(_), None) => Check::but(
            "wake-up",
            Verdict::Slower,
            "across processors: no SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP",
            (
                "a call on a socket takes about ten times as long; plain reads and writes do not",
                "use Linux 6.6 or later",
            ),
        ),
        (None, _) => missing("trapped calls", "a child's call did not arrive".to_owned(), REMEDY),
    });
    Some(Cost { native, trapped, without })
}

fn missing(name: &'static str, found: String, remedy: &str) -> Check {
    Check::but(name, Verdict::Missing, found, ("sockeye run can't supervise a program", remedy))
}

/// A child has the page, too, at the same place.
fn reads_and_writes(pid: Pid, page: &'static Page) -> io::Result<()> {
    launch::reads_memory(pid, page)?;
    let tid = pid.as_raw_nonzero().get() as u32;
    let (address, same) = page.spare();
    memory::write(tid, address, &same).map_err(|_| io::Error::last_os_error())
}

/// Microseconds for a call that nobody traps.
fn native() -> f64 {
    let calls = CALLS * 10;
    median(|| {
        let began = Instant::now();
        for _ in 0..calls {
            // SAFETY: plain getppid(2).
            unsafe { libc::syscall(MEASURED) };
        }
        Some(began.elapsed().as_secs_f64() * 1e6 / calls as f64)
    })
    .unwrap_or_default()
}

/// Microseconds for one of the child's calls, waited for as the supervisor waits.
fn sampled(listener: &Listener) -> Option<f64> {
    median(|| {
        let began = Instant::now();
        for _ in 0..CALLS {
            answer_next(listener)?;
        }
        Some(began.elapsed().as_secs_f64() * 1e6 / CALLS as f64)
    })
}

fn answer_next(listener: &Listener) -> Option<()> {
    let mut ready = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    while poll(&mut ready, Some(&PATIENCE)).is_err() {}
    if !ready[0].revents().contains(PollFlags::IN) {
        return None;
    }
    if let Some(call) = listener.receive().ok()? {
        listener.answer(call.id, 1);
    }
    Some(())
}

fn median(mut sample: impl FnMut() -> Option<f64>) -> Option<f64> {
    let mut samples = (0..SAMPLES).map(|_| sample()).collect::<Option<Vec<f64>>>()?;
    samples.sort_by(f64::total_cmp);
    samples.get(SAMPLES / 2).copied()
}
