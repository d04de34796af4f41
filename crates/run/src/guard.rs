//! The guard: a process between the supervisor and its program, to whom the orphans of the program's family fall, and who
//! outlives the supervisor if that is killed. Then nobody answers any more: the guard ends the family.
//!
//! While the supervisor lives the guard only waits for its children. What became of the first stands in the page that all three
//! share. (Who is killed together with its guard, by one signal to both, leaves its family behind.)

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use rustix::process::Pid;

use crate::ending::Ending;
use crate::launch::Page;

/// Called in a child of the supervisor, which becomes the guard. Returns in a child of its own, which is the program's first
/// process, or with the error why there is none. Should the supervisor be killed it does what is `left`.
pub(crate) fn stand_before(page: &'static Page, supervisor: u32, left: impl FnOnce()) -> io::Result<()> {
    // SAFETY: plain calls; SIGCHLD is what the guard waits for anyway.
    let parent = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCHLD);
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        libc::getppid()
    };
    if i64::from(parent) != i64::from(supervisor) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    // SAFETY: this process has one thread.
    let first = unsafe { libc::fork() };
    match Pid::from_raw(first) {
        _ if first < 0 => Err(io::Error::last_os_error()),
        None => Ok(()),
        Some(first) => watch(page, first, parent, left),
    }
}

/// The guard's life. What it has of the program's descriptors would keep pipes open: only standard error stays.
fn watch(page: &'static Page, first: Pid, supervisor: libc::pid_t, left: impl FnOnce()) -> ! {
    let mut child = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: nothing in this process owns a descriptor any more; both sets are made before they are used.
    unsafe {
        libc::close_range(0, 1, 0);
        libc::close_range(3, libc::c_uint::MAX, 0);
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), ptr::null_mut());
        libc::sigemptyset(child.as_mut_ptr());
        libc::sigaddset(child.as_mut_ptr(), libc::SIGCHLD);
    }
    while take_ended(page, first, supervisor) {
        // SAFETY: plain getppid, and a set that was made above.
        unsafe {
            if libc::getppid() != supervisor {
                break;
            }
            libc::sigwaitinfo(child.as_ptr(), ptr::null_mut());
        }
    }
    // SAFETY: plain getppid.
    if unsafe { libc::getppid() } != supervisor {
        // SAFETY: the set was made above.
        end_family(page, first, unsafe { child.assume_init_ref() });
        left();
    }
    // SAFETY: ends the process at once, running nothing of the supervisor's.
    unsafe { libc::_exit(0) }
}

/// Takes the status of every child that ended, the first one's for the page; `false` if none is left.
fn take_ended(page: &Page, first: Pid, supervisor: libc::pid_t) -> bool {
    loop {
        // SAFETY: all-zero is a valid siginfo_t, which the call fills; its fields are those of SIGCHLD.
        let (done, pid, code, status) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            let done = libc::waitid(libc::P_ALL, 0, &raw mut info, flags);
            (done, info.si_pid(), info.si_code, info.si_status())
        };
        match Pid::from_raw(pid) {
            _ if done != 0 => return false,
            None => return true,
            // Its number is its own until it is waited for, and the supervisor may send to it until it knows.
            Some(pid) if pid == first => {
                page.end(if code == libc::CLD_EXITED { status } else { 128 + status });
                // SAFETY: plain kill; the supervisor takes it for what it is, news of a child.
                unsafe { libc::kill(supervisor, libc::SIGCHLD) };
            }
            Some(_) => {}
        }
        // SAFETY: plain waitpid of a child that has ended.
        unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
    }
}

/// Ends all that is left, as the supervisor would.
fn end_family(page: &'static Page, first: Pid, child: &libc::sigset_t) {
    let mut ending = Ending::new(first, page, false);
    ending.end(crate::EXIT_SOCKEYE);
    loop {
        ending.reap();
        ending.advance();
        if ending.finished().is_some() {
            return;
        }
        let span = ending.idle_for().unwrap_or_default();
        let span = libc::timespec { tv_sec: span.as_secs() as i64, tv_nsec: span.subsec_nanos().into() };
        // SAFETY: the set and the time are valid.
        unsafe { libc::sigtimedwait(child, ptr::null_mut(), &raw const span) };
    }
}
