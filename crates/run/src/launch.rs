//! Starting the program: fork, filter, exec; and why it could not be.

use std::ffi::{CString, OsString};
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::{io, ptr};

use rustix::fs::Mode;
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, WaitOptions, pidfd_getfd, pidfd_open, waitpid};

use crate::ending::Ending;
use crate::files::{self, Showing};
use crate::guard;
use crate::object::Object;
use crate::seccomp::{Filter, Listener};
use crate::signals::SignalMask;
use crate::{Error, Program};

/// How far the child has come, as it says in [`Page::stage`].
mod stage {
    pub(super) const STARTING: u32 = 0;
    pub(super) const FILTERED: u32 = 1;
    pub(super) const TAKEN: u32 = 2;
    pub(super) const NO_FILTER: u32 = 3;
    pub(super) const NO_EXEC: u32 = 4;
    pub(super) const NO_CHILD: u32 = 5;
}

/// A page shared with the guard, and with the child until it execs: a pipe would do, but for calls that are trapped before
/// anyone answers.
pub(crate) struct Page {
    stage: AtomicU32,
    /// The guard's number, and the child's.
    guard: AtomicI32,
    child: AtomicI32,
    listener: AtomicI32,
    /// The descriptor of the host's files in the child and one; else why there is none, as a negative errno.
    files: AtomicI32,
    errno: AtomicI32,
    /// The object is written, to be preloaded.
    object: AtomicI32,
    /// The child's exit status and one; 0 while it lives.
    status: AtomicI32,
}

/// The program's first process, and the listener for its calls.
pub(crate) struct Launched {
    pid: Pid,
    listener: Listener,
    /// A trapped call costs as little as it can.
    pub(crate) is_quick: bool,
    /// By which the host's files are served, where the program sees them.
    pub(crate) files: Option<files::Way>,
    page: &'static Page,
}

/// How a program is to be started.
pub(crate) struct How<'a> {
    /// Where it sees its host's files.
    pub(crate) showing: Showing,
    /// What can be preloaded, where there is a place for it.
    pub(crate) object: Option<&'a Object>,
    /// It is, whoever shows the files.
    pub(crate) preload: bool,
    /// Somebody else tells of our own end.
    pub(crate) attended: bool,
}

/// What is asked of the start at the end.
pub(crate) struct Started {
    page: &'static Page,
}

impl Launched {
    /// The program's end, to be waited for.
    pub(crate) fn ending(&self, wait_for_all: bool) -> Ending {
        Ending::new(self.pid, self.page, wait_for_all)
    }

    /// The listener for the loop, and the rest for the end.
    pub(crate) fn split(self) -> (Listener, Started) {
        (self.listener, Started { page: self.page })
    }
}

impl Started {
    /// Why `exec` failed, if it did: known once the process has ended.
    pub(crate) fn exec_error(&self) -> Option<io::Error> {
        (self.page.stage.load(Ordering::Acquire) == stage::NO_EXEC)
            .then(|| io::Error::from_raw_os_error(self.page.errno.load(Ordering::Acquire)))
    }
}

/// Starts the program under the filter. It runs when this returns; its trapped calls wait for answers.
pub(crate) fn launch(
    program: &Program,
    mask: &SignalMask,
    filter: &Filter,
    how: &How<'_>,
) -> Result<Launched, Error> {
    let inherited = inherited_descriptors()?;
    let arguments = c_strings(program)?;
    let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(ptr::null());
    let page = shared_page()?;
    let exec = || {
        if page.files_number().is_some() {
            files::spread();
        }
        mask.restore();
        if page.object.load(Ordering::Acquire) != 0 {
            how.object.inspect(|object| object.preload());
        }
        // SAFETY: `pointers` ends with a null pointer.
        unsafe { libc::execvp(pointers[0], pointers.as_ptr()) };
        let error = io::Error::last_os_error();
        let status = if error.raw_os_error() == Some(libc::ENOENT) {
            crate::EXIT_NOT_FOUND
        } else {
            crate::EXIT_NOT_EXECUTABLE
        };
        page.fail(stage::NO_EXEC, &error, status)
    };
    let (pid, listener) = fork_filtered(page, filter, (|| page.mount(how.showing), exec), || {
        if !how.attended {
            let _ = writeln!(io::stderr(), "sockeye: the supervisor was killed; its programs are ended");
        }
        how.object.into_iter().for_each(Object::remove)
    })?;
    let files = page.way(pid, how).inspect_err(|_| page.leave(pid))?;
    let listener = Listener::new(listener);
    if let Err(error) = examine(&listener, pid, page) {
        page.leave(pid);
        return Err(error);
    }
    let is_quick = listener.wake_synchronously(true).is_ok();
    page.go_on();
    let_go(&inherited);
    Ok(Launched { pid, listener, is_quick, files, page })
}

/// Forks a guard, and below it a child that does what is to be done `before`, puts the filter on itself, waits until it is told to
/// go on, and does `body`; it ends if that returns. The guard does what is `left` should we be killed. Gives the child and its listener.
pub(crate) fn fork_filtered(
    page: &'static Page,
    filter: &Filter,
    (before, body): (impl FnOnce(), impl FnOnce()),
    left: impl FnOnce(),
) -> Result<(Pid, OwnedFd), Error> {
    let supervisor = std::process::id();
    // SAFETY: this process has one thread, so the child may do all that the parent might.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(Error::Start("fork", io::Error::last_os_error()));
    }
    if pid == 0 {
        if let Err(error) = guard::stand_before(page, supervisor, left) {
            page.fail(stage::NO_CHILD, &error, crate::EXIT_SOCKEYE);
        }
        page.child.store(std::process::id() as i32, Ordering::Release);
        before();
        match filter.install() {
            Ok(fd) => page.listener.store(fd, Ordering::Release),
            Err(error) => page.fail(stage::NO_FILTER, &error, crate::EXIT_SOCKEYE),
        }
        set_stage(page, stage::FILTERED);
        while page.stage.load(Ordering::Acquire) == stage::FILTERED {
            futex(&page.stage, libc::FUTEX_WAIT, stage::FILTERED, None);
        }
        for number in [Some(page.listener.load(Ordering::Acquire)), page.files_number()].into_iter().flatten()
        {
            // SAFETY: they are ours, and the parent has its own by now.
            unsafe { libc::close(number) };
        }
        body();
        // SAFETY: ends the process at once, running nothing of the parent's.
        unsafe { libc::_exit(0) }
    }
    page.guard.store(pid, Ordering::Release);
    take_listener(page)
}

impl Page {
    /// The child can't go on. Runs nothing of the parent's.
    fn fail(&self, stage: u32, error: &io::Error, status: i32) {
        self.errno.store(error.raw_os_error().unwrap_or(libc::EINVAL), Ordering::Release);
        set_stage(self, stage);
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(status) }
    }

    /// The child's part: puts the host's files where the program will look for them, if it may.
    fn mount(&self, showing: Showing) {
        let outcome = match files::mount(showing) {
            Ok(device) => device.into_raw_fd() + 1,
            Err(error) => -error.raw_os_error().unwrap_or(libc::EINVAL),
        };
        self.files.store(outcome, Ordering::Release);
    }

    /// The descriptor of the host's files in the child, if it could mount them.
    fn files_number(&self) -> Option<i32> {
        Some(self.files.load(Ordering::Acquire)).filter(|number| *number > 0).map(|number| number - 1)
    }

    /// How the host's files are shown, with what that takes.
    fn way(&self, pid: Pid, how: &How<'_>) -> Result<Option<files::Way>, Error> {
        let mounted = self.files_number().and_then(|number| self.take(pid, number).ok());
        if how.showing == Showing::AsUser && mounted.is_none() {
            let why = io::Error::from_raw_os_error(-self.files.load(Ordering::Acquire));
            return Err(Error::Files("user", why));
        }
        let by_object = mounted.is_none() && matches!(how.showing, Showing::IfAllowed | Showing::Preloaded);
        let mounted = mounted.map(files::Way::Mounted);
        if !by_object && !how.preload {
            return Ok(mounted);
        }
        let written = how.object.ok_or(io::ErrorKind::ReadOnlyFilesystem.into()).and_then(Object::write);
        match (written, how.object) {
            (Ok(()), Some(object)) => {
                self.object.store(1, Ordering::Release);
                Ok(if by_object { Some(files::Way::Preloaded(object.folder())) } else { mounted })
            }
            (Err(why), _) if how.showing == Showing::Preloaded => Err(Error::Files("preload", why)),
            _ => Ok(mounted),
        }
    }

    /// Takes a descriptor of the child's.
    fn take(&self, pid: Pid, number: i32) -> io::Result<OwnedFd> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty())?)
    }

    /// A place in it, as the child knows it, and what may be written there.
    pub(crate) fn spare(&self) -> (u64, [u8; 4]) {
        (std::ptr::from_ref(&self.errno).addr() as u64, [0; 4])
    }

    /// The child may go on.
    pub(crate) fn go_on(&self) {
        set_stage(self, stage::TAKEN);
    }

    /// The child is not to go on.
    pub(crate) fn leave(&self, pid: Pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        self.wait_for_guard(WaitOptions::empty());
    }

    /// Waits until the guard has ended, which it does when no child is left; says whether it has.
    fn wait_for_guard(&self, options: WaitOptions) -> bool {
        let guard = Pid::from_raw(self.guard.load(Ordering::Acquire));
        matches!(waitpid(guard, options), Ok(Some(_)) | Err(_))
    }

    /// The child has ended with this status.
    pub(crate) fn end(&self, status: i32) {
        self.status.store(status + 1, Ordering::Release);
    }

    /// The child's status, once it has ended.
    pub(crate) fn ended(&self) -> Option<i32> {
        Some(self.status.load(Ordering::Acquire)).filter(|&status| status > 0).map(|status| status - 1)
    }
}

/// Whether a child that waits can be served: its memory read, and its calls answered with descriptors in one step.
fn examine(listener: &Listener, pid: Pid, page: &'static Page) -> Result<(), Error> {
    reads_memory(pid, page).map_err(Error::Memory)?;
    if listener.answers_with_descriptors() {
        return Ok(());
    }
    Err(Error::Filter(io::Error::from_raw_os_error(libc::EINVAL)))
}

/// Whether the child's memory can be read.
pub(crate) fn reads_memory(pid: Pid, page: &'static Page) -> io::Result<()> {
    let mut word = [0; 4];
    let address = std::ptr::from_ref(page).addr() as u64;
    crate::process::memory::try_read(pid.as_raw_nonzero().get() as u32, address, &mut word)
}

/// Waits for the child's filter and takes its listener.
fn take_listener(page: &Page) -> Result<(Pid, OwnedFd), Error> {
    let tick = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    loop {
        match page.stage.load(Ordering::Acquire) {
            stage::STARTING => {
                futex(&page.stage, libc::FUTEX_WAIT, stage::STARTING, Some(&tick));
                if page.wait_for_guard(WaitOptions::NOHANG)
                    && page.stage.load(Ordering::Acquire) == stage::STARTING
                {
                    return Err(Error::Start("the child", io::ErrorKind::UnexpectedEof.into()));
                }
            }
            failed @ (stage::NO_FILTER | stage::NO_CHILD) => {
                let error = io::Error::from_raw_os_error(page.errno.load(Ordering::Acquire));
                page.wait_for_guard(WaitOptions::empty());
                let no_child = failed == stage::NO_CHILD;
                return Err(if no_child { Error::Start("fork", error) } else { Error::Filter(error) });
            }
            _ => break,
        }
    }
    let pid = Pid::from_raw(page.child.load(Ordering::Acquire));
    let pid = pid.ok_or(Error::Start("fork", io::ErrorKind::Other.into()))?;
    match page.take(pid, page.listener.load(Ordering::Acquire)) {
        Ok(listener) => Ok((pid, listener)),
        Err(error) => {
            page.leave(pid);
            Err(Error::Borrow(error))
        }
    }
}

fn c_strings(program: &Program) -> Result<Vec<CString>, Error> {
    let c_string = |text: &OsString| {
        CString::new(text.clone().into_vec())
            .map_err(|_| Error::Start("the arguments", io::ErrorKind::InvalidInput.into()))
    };
    std::iter::once(&program.name).chain(&program.arguments).map(c_string).collect()
}

/// The descriptors we were started with. A socket of the machine's network among them would be the program's way out.
fn inherited_descriptors() -> Result<Vec<i32>, Error> {
    let entries = std::fs::read_dir("/proc/self/fd").map_err(|error| Error::Start("/proc/self/fd", error))?;
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut inherited = Vec::new();
    for number in numbers.collect::<Vec<_>>() {
        // SAFETY: borrowed for queries only; a number that is closed by now (the listing's own) gives an error.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        // What closes on exec is not handed down: it is ours.
        if rustix::io::fcntl_getfd(fd).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC)) {
            continue;
        }
        match rustix::net::sockopt::socket_domain(fd) {
            Ok(rustix::net::AddressFamily::UNIX) => inherited.push(number),
            Ok(_) => return Err(Error::InheritedSocket(number)),
            Err(rustix::io::Errno::BADF) => {}
            Err(_) => inherited.push(number),
        }
    }
    Ok(inherited)
}

/// The program has them now: held here, they would keep pipes open that it closes. Only standard error stays, for what
/// we have to say.
fn let_go(inherited: &[i32]) {
    let null =
        rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC, Mode::empty());
    for &number in inherited {
        match (number, &null) {
            (libc::STDERR_FILENO, _) => {}
            (libc::STDIN_FILENO | libc::STDOUT_FILENO, Ok(null)) => {
                // SAFETY: both are open; standard input and output belong to nobody in this process.
                unsafe { libc::dup2(null.as_raw_fd(), number) };
            }
            // SAFETY: it was inherited, so no part of this process owns it.
            _ => drop(unsafe { libc::close(number) }),
        }
    }
}

/// The supervisor has a descriptor for each socket of all its programs, so it takes as many as the machine gives. The
/// program keeps the limit it was started with.
pub(crate) fn allow_many_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without more it serves as many as it can.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// A page of memory that a child will share.
pub(crate) fn shared_page() -> Result<&'static Page, Error> {
    // SAFETY: a new anonymous mapping, page-aligned and zeroed, which is a valid `Page`; it is never unmapped.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let address = libc::mmap(ptr::null_mut(), size_of::<Page>(), protection, flags, -1, 0);
        if address == libc::MAP_FAILED {
            return Err(Error::Start("mmap", io::Error::last_os_error()));
        }
        Ok(&*address.cast::<Page>())
    }
}

fn set_stage(page: &Page, stage: u32) {
    page.stage.store(stage, Ordering::Release);
    futex(&page.stage, libc::FUTEX_WAKE, 1, None);
}

fn futex(word: &AtomicU32, operation: i32, value: u32, timeout: Option<&libc::timespec>) {
    let timeout = timeout.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live futex; a spurious return is checked by every caller.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) };
}

/// A descriptor that a system call just made, or its error.
pub(crate) fn owned(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the caller got `fd` from a call that makes descriptors, so it is new and nobody else's.
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inherited_internet_socket_is_refused() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        assert!(inherited_descriptors().is_ok(), "it is ours");
        rustix::io::fcntl_setfd(&socket, FdFlags::empty()).expect("an open socket");
        let refused = inherited_descriptors();
        assert!(matches!(refused, Err(Error::InheritedSocket(number)) if number == socket.as_raw_fd()));
    }
}
