//! The program's descriptors, seen from outside.

use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno as Native;

/// The number that a socket has for itself as long as the machine runs (SO_COOKIE); `None` if the file is no socket.
pub(crate) fn cookie(file: impl AsFd) -> Option<u64> {
    rustix::net::sockopt::socket_cookie(file).ok()
}

/// The inode of the socket that descriptor `fd` of thread `tid` is, if it is one.
fn target(tid: u32, fd: i32) -> Option<u64> {
    let link = rustix::fs::readlink(format!("/proc/{tid}/fd/{fd}"), Vec::new()).ok()?;
    socket_inode(link.as_bytes())
}

/// `/proc/TID/fd`, to look up links in.
pub(super) fn directory(tid: u32) -> Result<OwnedFd, Native> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{tid}/fd"), flags, Mode::empty())
}

/// `/proc/TID/syscall`, to be read from its beginning each time.
pub(super) fn syscall(tid: u32) -> Result<OwnedFd, Native> {
    rustix::fs::open(format!("/proc/{tid}/syscall"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

pub(super) fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The inodes of our own sockets.
pub(crate) fn own_sockets() -> HashSet<u64> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter_map(|link| socket_inode(link.as_os_str().as_encoded_bytes())).collect()
}

/// Whether a socket has one descriptor in all processes. What is on its way in a message isn't seen.
pub(crate) fn is_last(inode: u64) -> bool {
    holders(inode).nth(1).is_none()
}

/// The processes of ours and their descriptors that refer to a socket.
pub(super) fn holders(inode: u64) -> impl Iterator<Item = (u32, i32)> {
    sockeye_look::descendants(&[std::process::id()]).into_iter().flat_map(move |pid| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        numbers.filter(move |number| target(pid, *number) == Some(inode)).map(move |number| (pid, number))
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

/// The process that a thread belongs to.
pub(crate) fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// Whether the open file sends signals (O_ASYNC).
pub(crate) fn is_asynchronous(file: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.bits() & libc::O_ASYNC as u32 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn knows_sockets_from_files_from_nothing() {
        let me = std::process::id();
        let (socket, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let inode = rustix::fs::fstat(&socket).expect("a stat").st_ino;
        assert_eq!(target(me, socket.as_raw_fd()), Some(inode));
        assert!(cookie(&socket).is_some() && cookie(&socket) != cookie(&other));
        let file = fs::File::open("/dev/null").expect("a file");
        assert_eq!(target(me, file.as_raw_fd()), None);
        assert_eq!(cookie(&file), None);
        assert_eq!(target(me, 987_654), None);
        assert!(closes_on_exec(me, file.as_raw_fd()));
    }
}
