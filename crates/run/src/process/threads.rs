//! The program's threads, as they are reached from outside. What reaches them is kept open: opening it anew would cost
//! more than the call it is for.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno as Native;
use rustix::path::DecInt;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::descriptors;

/// How many are kept; each has up to three descriptors of ours.
const KEPT: usize = 64;
/// `PIDFD_THREAD` (Linux 6.9).
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(libc::O_EXCL as u32);
/// The link to a socket is shorter.
const LINK: usize = 64;
/// What `/proc/TID/syscall` says is shorter: a number, six arguments, two addresses.
const SYSCALL_TEXT: usize = 256;

/// Threads that made calls lately. What is kept of one that has ended says so, even if another has its number by now.
pub(crate) struct Threads {
    kept: RefCell<[Option<Thread>; KEPT]>,
    /// The socket, by its cookie, that the call is about which is served: borrowed once for all that it takes.
    in_hand: RefCell<Option<(u64, Rc<OwnedFd>)>>,
}

struct Thread {
    tid: u32,
    pidfd: OwnedFd,
    /// `/proc/TID/fd`.
    directory: Option<OwnedFd>,
    /// `/proc/TID/syscall`.
    syscall: Option<OwnedFd>,
    /// Its program has been looked at.
    is_known: bool,
}

impl Threads {
    pub(crate) fn new() -> Threads {
        Threads { kept: RefCell::new([const { None }; KEPT]), in_hand: RefCell::new(None) }
    }

    /// Borrows the file behind descriptor `fd` of a thread, if it is a socket that `is_wanted` by its cookie, until it is
    /// put down: what is borrowed meanwhile is no other file. Gives what it is wanted for.
    pub(crate) fn take_in_hand<T>(
        &self,
        (tid, fd): (u32, i32),
        is_wanted: impl FnOnce(u64, &OwnedFd) -> Option<T>,
    ) -> Result<Option<T>, Native> {
        let file = self.borrow(tid, fd)?;
        let Some(cookie) = descriptors::cookie(&file) else { return Ok(None) };
        let wanted = is_wanted(cookie, &file);
        if wanted.is_some() {
            *self.in_hand.borrow_mut() = Some((cookie, Rc::new(file)));
        }
        Ok(wanted)
    }

    /// The call is served: the program's `close` is the last again.
    pub(crate) fn put_down(&self) {
        drop(self.in_hand.take());
    }

    /// Borrows the file behind descriptor `fd` of a thread: the same open file, a descriptor of our own. Dropped soon, or
    /// the program's `close` would not be its last.
    fn borrow(&self, tid: u32, fd: i32) -> Result<OwnedFd, Native> {
        let get = |pidfd: &OwnedFd| pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty());
        if fd < 0 {
            return Err(Native::BADF);
        }
        match self.with(tid, |thread| get(&thread.pidfd)) {
            Err(Native::SRCH) => self.with(tid, |thread| get(&thread.pidfd)),
            // Threads have no pidfd of their own.
            Err(Native::INVAL) => get(&process(tid).ok_or(Native::SRCH)?),
            borrowed => borrowed,
        }
    }

    /// Borrows a socket by its cookie, if it is where it was seen last.
    pub(crate) fn borrow_seen(&self, cookie: u64, (tid, fd): (u32, i32)) -> Option<Rc<OwnedFd>> {
        if let Some((_, file)) = self.in_hand.borrow().as_ref().filter(|(held, _)| *held == cookie) {
            return Some(Rc::clone(file));
        }
        self.borrow(tid, fd).ok().filter(|file| descriptors::cookie(file) == Some(cookie)).map(Rc::new)
    }

    /// Borrows a socket, looking where it was seen last, then in every process that could hold it.
    pub(crate) fn borrow_socket(&self, cookie: u64, inode: u64, seen: (u32, i32)) -> Option<Rc<OwnedFd>> {
        let found = self.borrow_seen(cookie, seen);
        found.or_else(|| descriptors::holders(inode).find_map(|seen| self.borrow_seen(cookie, seen)))
    }

    /// The inode of the socket that descriptor `fd` of a thread is, if it is one. Of a file that may be of any kind this is
    /// asked instead of borrowing it: to give back a borrowed one can take long (FUSE, NFS).
    pub(crate) fn socket_inode(&self, tid: u32, fd: i32) -> Result<Option<u64>, Native> {
        let read = |thread: &mut Thread| {
            let directory = match thread.directory.take() {
                Some(directory) => directory,
                None => descriptors::directory(tid)?,
            };
            let link = rustix::fs::readlinkat(&directory, DecInt::new(fd), Vec::with_capacity(LINK))?;
            thread.directory = Some(directory);
            Ok(descriptors::socket_inode(link.as_bytes()))
        };
        // It may be another thread's by now; or nothing is open there.
        self.with(tid, read).or_else(|_| self.with(tid, read))
    }

    /// What `/proc/TID/syscall` says of a thread.
    pub(crate) fn syscall(&self, tid: u32) -> Option<String> {
        let read = |thread: &mut Thread| {
            let file = match thread.syscall.take() {
                Some(file) => file,
                None => descriptors::syscall(tid)?,
            };
            let mut text = [0; SYSCALL_TEXT];
            let n = rustix::io::pread(&file, &mut text, 0)?;
            thread.syscall = Some(file);
            Ok(String::from_utf8_lossy(&text[..n]).into_owned())
        };
        self.with(tid, read).or_else(|_| self.with(tid, read)).ok()
    }

    /// Whether a thread that is kept has been looked at, and does not hide since.
    pub(crate) fn is_known(&self, tid: u32) -> bool {
        let kept = self.kept.borrow();
        let thread = kept[tid as usize % KEPT].as_ref().filter(|thread| thread.tid == tid && thread.is_known);
        // No descriptor has this number, and of who hides not even that is said.
        let get = |thread: &Thread| pidfd_getfd(&thread.pidfd, i32::MAX, PidfdGetfdFlags::empty());
        thread.is_some_and(|thread| get(thread).is_err_and(|error| error == Native::BADF))
    }

    /// A thread has been looked at.
    pub(crate) fn note_known(&self, tid: u32) {
        // One that is gone need not be.
        let _ = self.with(tid, |thread| {
            thread.is_known = true;
            Ok(())
        });
    }

    /// Keeps none any more.
    pub(crate) fn forget_all(&self) {
        self.kept.borrow_mut().fill_with(|| None);
    }

    /// Does something with a thread that is kept, or is from now on. If it can't be done the thread is kept no more: it
    /// may have ended.
    fn with<T>(&self, tid: u32, act: impl FnOnce(&mut Thread) -> Result<T, Native>) -> Result<T, Native> {
        let slot = &mut self.kept.borrow_mut()[tid as usize % KEPT];
        let thread = match slot.take() {
            Some(thread) if thread.tid == tid => thread,
            _ => Thread { tid, pidfd: pidfd(tid)?, directory: None, syscall: None, is_known: false },
        };
        let thread = slot.insert(thread);
        let done = act(thread);
        if done.is_err() {
            *slot = None;
        }
        done
    }
}

fn open(pid: u32, flags: PidfdFlags) -> Result<OwnedFd, Native> {
    pidfd_open(Pid::from_raw(pid as i32).ok_or(Native::SRCH)?, flags)
}

/// A pidfd of the thread itself. The leader of a process may have ended before its threads, and then has no descriptors.
fn pidfd(tid: u32) -> Result<OwnedFd, Native> {
    open(tid, PIDFD_THREAD).or_else(|_| open(tid, PidfdFlags::empty()))
}

/// A pidfd of the process that a thread belongs to, where threads have none (before Linux 6.9). Not to be kept: the number
/// of the thread may be another process's tomorrow.
fn process(tid: u32) -> Option<OwnedFd> {
    open(descriptors::process_of(tid)?, PidfdFlags::empty()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn borrows_a_socket_by_its_cookie() {
        let me = std::process::id();
        let (socket, other) = UnixStream::pair().expect("a pair");
        let cookie = descriptors::cookie(&socket).expect("a cookie");
        let threads = Threads::new();
        let inode = rustix::fs::fstat(&socket).expect("a stat").st_ino;
        assert!(threads.borrow_seen(cookie, (me, socket.as_raw_fd())).is_some());
        assert!(threads.borrow_seen(cookie, (me, other.as_raw_fd())).is_none());
        assert!(threads.borrow(me, -1).is_err() && threads.borrow(me, 987_654).is_err());
        let take = |socket: &UnixStream| {
            threads.take_in_hand((me, socket.as_raw_fd()), |found, _| (found == cookie).then_some(()))
        };
        assert_eq!(take(&other), Ok(None));
        assert_eq!(take(&socket), Ok(Some(())));
        let nowhere = (me, -1);
        assert!(threads.borrow_seen(cookie, nowhere).is_some());
        threads.put_down();
        assert!(threads.borrow_seen(cookie, nowhere).is_none());
        drop(socket);
        assert!(threads.borrow_socket(cookie, inode, (me, other.as_raw_fd())).is_none());
    }

    #[test]
    fn a_thread_that_ended_is_not_taken_for_another() {
        let threads = Threads::new();
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().expect("cat");
        assert!(threads.borrow(child.id(), 0).is_ok());
        assert!(threads.syscall(child.id()).is_some());
        drop(child.stdin.take());
        child.wait().expect("cat ends");
        assert!(threads.borrow(child.id(), 0).is_err());
        assert!(threads.syscall(child.id()).is_none());
    }
}
