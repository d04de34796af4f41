//! Seccomp's user notification: the filter goes in, trapped calls come out, answers go back.

mod filter;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use libc::c_ulong;
use sockeye_abi::Errno;

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (Linux 6.6): the program is woken on the supervisor's processor.
const SYNC_WAKE_UP: c_ulong = 1;
/// `_IOW('!', 4, __u64)`
const SECCOMP_IOCTL_NOTIF_SET_FLAGS: c_ulong = 0x4008_2104;
const ADDFD_FLAG_SETFD: u32 = 1;
const ADDFD_FLAG_SEND: u32 = 2;

/// The number of a call of the 32-bit interface, which has numbers of its own.
pub(crate) const FOREIGN: libc::c_long = -1;

/// The filter's program, made before `fork` because nothing may be allocated after it.
pub(crate) struct Filter {
    program: Vec<libc::sock_filter>,
}

impl Filter {
    /// The filter, with the gate or without, and `close` trapped or not.
    pub(crate) fn new(gate: bool, linger: bool) -> Filter {
        Filter { program: filter::program(gate, linger) }
    }

    /// A filter that traps the one call that is measured.
    pub(crate) fn measuring() -> Filter {
        Filter { program: filter::trapping(crate::doctor::MEASURED) }
    }

    /// Puts the filter on this process and all it will start. Gives the listener's descriptor number.
    ///
    /// Allocates nothing, so it may run between `fork` and `exec`.
    pub(crate) fn install(&self) -> io::Result<RawFd> {
        let program =
            libc::sock_fprog { len: self.program.len() as u16, filter: self.program.as_ptr().cast_mut() };
        // SAFETY: plain prctl; an unprivileged process may only install a filter with no_new_privs.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `program` points to as many instructions as it says, and both outlive the call.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
                &raw const program,
            )
        };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd as RawFd) }
    }
}

/// A trapped call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// The notification's id.
    pub(crate) id: u64,
    /// The thread that calls.
    pub(crate) tid: u32,
    /// The call's number.
    pub(crate) number: libc::c_long,
    /// Its arguments.
    pub(crate) args: [u64; 6],
}

impl Call {
    /// Argument `index` as an `int`.
    pub(crate) fn int(&self, index: usize) -> i32 {
        self.args[index] as i32
    }
}

/// The listener: where trapped calls arrive.
pub(crate) struct Listener {
    fd: OwnedFd,
}

impl Listener {
    pub(crate) fn new(fd: OwnedFd) -> Listener {
        Listener { fd }
    }

    /// Has the program woken on the supervisor's processor, or not. Without it (before Linux 6.6) everything works, but
    /// each trapped call costs ten times more.
    pub(crate) fn wake_synchronously(&self, yes: bool) -> io::Result<()> {
        let flags = if yes { SYNC_WAKE_UP } else { 0 };
        // SAFETY: the ioctl takes its flags by value.
        let done = unsafe { libc::ioctl(self.fd.as_raw_fd(), SECCOMP_IOCTL_NOTIF_SET_FLAGS as _, flags) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Whether the kernel can answer a call with a descriptor in one step (Linux 5.14). Asked about a call that isn't
    /// there, it looks at the flags first.
    pub(crate) fn answers_with_descriptors(&self) -> bool {
        matches!(self.add(u64::MAX, self.as_fd(), ADDFD_FLAG_SEND, 0, true), Ok(None))
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.fd)
    }

    /// Takes the next call. Only when the listener polls readable, else it may block; `None` if the call is gone again.
    pub(crate) fn receive(&self) -> io::Result<Option<Call>> {
        // SAFETY: all-zero is a valid seccomp_notif, and the kernel demands it.
        let mut notif: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: `notif` is what the ioctl writes.
        let done =
            unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut notif) };
        if done == 0 {
            return Ok(Some(Call {
                id: notif.id,
                tid: notif.pid,
                number: if filter::is_native(notif.data.arch) {
                    libc::c_long::from(notif.data.nr)
                } else {
                    FOREIGN
                },
                args: notif.data.args,
            }));
        }
        match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
            error => Err(error),
        }
    }

    /// Ends a call with a value. Says whether the caller was still there to take it.
    pub(crate) fn answer(&self, id: u64, value: i64) -> bool {
        self.send(libc::seccomp_notif_resp { id, val: value, error: 0, flags: 0 })
    }

    /// Ends a call with an error.
    pub(crate) fn fail(&self, id: u64, errno: Errno) -> bool {
        self.send(libc::seccomp_notif_resp { id, val: 0, error: -errno.0, flags: 0 })
    }

    /// Lets the kernel make the call as it stands.
    pub(crate) fn pass(&self, id: u64) -> bool {
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        self.send(libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    /// Ends a call with a new descriptor of the program, in one step: either the program has it and the call returned
    /// its number, or neither happened. Gives the number; `None` if the call was gone.
    pub(crate) fn answer_descriptor(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        cloexec: bool,
    ) -> io::Result<Option<i32>> {
        self.add(id, fd, ADDFD_FLAG_SEND, 0, cloexec)
    }

    /// Puts a file in the place of one of the program's descriptors; the call goes on.
    pub(crate) fn replace_descriptor(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        number: i32,
        cloexec: bool,
    ) -> io::Result<Option<i32>> {
        self.add(id, fd, ADDFD_FLAG_SETFD, number as u32, cloexec)
    }

    /// Whether the caller still waits for its answer.
    pub(crate) fn still_waits(&self, id: u64) -> bool {
        // SAFETY: the ioctl reads one u64.
        unsafe {
            libc::ioctl(self.fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw const id) == 0
        }
    }

    fn add(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        flags: u32,
        newfd: u32,
        cloexec: bool,
    ) -> io::Result<Option<i32>> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags,
            srcfd: fd.as_raw_fd() as u32,
            newfd,
            newfd_flags: if cloexec { libc::O_CLOEXEC as u32 } else { 0 },
        };
        loop {
            // SAFETY: `request` outlives the call.
            let done = unsafe {
                libc::ioctl(self.fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD as _, &raw const request)
            };
            if done >= 0 {
                return Ok(Some(done));
            }
            match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EINTR) => {}
                error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINPROGRESS)) => {
                    return Ok(None);
                }
                error => return Err(error),
            }
        }
    }

    fn send(&self, response: libc::seccomp_notif_resp) -> bool {
        // SAFETY: `response` outlives the call.
        unsafe {
            libc::ioctl(self.fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw const response) == 0
        }
    }
}
