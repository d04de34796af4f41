//! The program's descriptors, seen and borrowed from outside.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// What a descriptor of the program refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A socket with this inode.
    Socket(u64),
    /// A file of another kind.
    Other,
    /// Nothing: the descriptor is closed.
    Closed,
    /// The process doesn't let us see.
    Hidden,
}

/// Looks at what descriptor `fd` of thread `tid` is.
pub(crate) fn target(tid: u32, fd: i32) -> Target {
    if fd < 0 {
        return Target::Closed;
    }
    match rustix::fs::readlink(format!("/proc/{tid}/fd/{fd}"), Vec::new()) {
        Ok(link) => socket_inode(link.as_bytes()).map_or(Target::Other, Target::Socket),
        Err(rustix::io::Errno::ACCESS) => Target::Hidden,
        Err(_) => Target::Closed,
    }
}

fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Borrows the file behind descriptor `fd` of thread `tid`: the same open file, a descriptor of our own. Dropped soon,
/// or the program's `close` would not be its last.
pub(crate) fn borrow(tid: u32, fd: i32) -> Option<OwnedFd> {
    let pidfd = pidfd(tid)?;
    pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty()).ok()
}

/// Borrows a socket by its inode, if it is where it was seen last.
pub(crate) fn borrow_seen(inode: u64, seen: (u32, i32)) -> Option<OwnedFd> {
    borrow(seen.0, seen.1).filter(|fd| rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_ino == inode))
}

/// Borrows a socket by its inode, looking where it was seen last, then in every process that could hold it.
pub(crate) fn borrow_socket(inode: u64, seen: (u32, i32)) -> Option<OwnedFd> {
    if let Some(fd) = borrow_seen(inode, seen) {
        return Some(fd);
    }
    holders(inode).find_map(|seen| borrow_seen(inode, seen))
}

/// Whether a socket has one descriptor in all processes. What is on its way in a message isn't seen.
pub(crate) fn is_last(inode: u64) -> bool {
    holders(inode).nth(1).is_none()
}

/// The processes of ours and their descriptors that refer to a socket.
fn holders(inode: u64) -> impl Iterator<Item = (u32, i32)> {
    super::family::descendants(std::process::id()).into_iter().flat_map(move |pid| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        numbers
            .filter(move |number| target(pid, *number) == Target::Socket(inode))
            .map(move |number| (pid, number))
    })
}

/// Whether descriptor `fd` of `tid` closes on exec.
pub(crate) fn closes_on_exec(tid: u32, fd: i32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")) else { return false };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
    let flags = flags.and_then(|octal| u32::from_str_radix(octal, 8).ok()).unwrap_or(0);
    flags & libc::O_CLOEXEC as u32 != 0
}

/// Whether the open file is in non-blocking mode.
pub(crate) fn is_nonblocking(file: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
}

/// `PIDFD_THREAD` (Linux 6.9).
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(libc::O_EXCL as u32);

/// A pidfd of the thread, or of the process it belongs to (before Linux 6.9). The leader of a process may have ended
/// before its threads, and then has no descriptors.
fn pidfd(tid: u32) -> Option<OwnedFd> {
    let open = |pid: u32, flags| pidfd_open(Pid::from_raw(pid as i32)?, flags).ok();
    let open_thread = open(tid, PIDFD_THREAD).or_else(|| open(tid, PidfdFlags::empty()));
    open_thread.or_else(|| open(process_of(tid)?, PidfdFlags::empty()))
}

/// The process that a thread belongs to.
pub(crate) fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn knows_sockets_from_files_from_nothing() {
        let me = std::process::id();
        let (socket, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let inode = rustix::fs::fstat(&socket).expect("a stat").st_ino;
        assert_eq!(target(me, socket.as_raw_fd()), Target::Socket(inode));
        let file = fs::File::open("/dev/null").expect("a file");
        assert_eq!(target(me, file.as_raw_fd()), Target::Other);
        assert_eq!(target(me, 987_654), Target::Closed);
        assert_eq!(target(me, -1), Target::Closed);
        assert!(closes_on_exec(me, file.as_raw_fd()));
    }
}
