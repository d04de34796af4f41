//! Asks the kernel whether a Unix-domain socket still exists (sock_diag(7)): that tells P closed from P shut both ways,
//! which look alike from S, and costs nothing to those who have many descriptors.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// `SOCK_DIAG_BY_FAMILY`
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `sizeof(struct nlmsghdr)`, and offsets in it.
const HEADER: usize = 16;
const TYPE: usize = 4;
/// `sizeof(struct unix_diag_req)`
const REQUEST: usize = 24;

/// A sock_diag socket of the kernel's.
pub(crate) struct Sockets {
    netlink: OwnedFd,
}

impl Sockets {
    /// `None` if this kernel can't be asked.
    pub(crate) fn open() -> Option<Sockets> {
        // SAFETY: plain socket(2).
        let netlink = crate::launch::owned(unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                libc::NETLINK_SOCK_DIAG,
            )
        });
        let sockets = Sockets { netlink: netlink.ok()? };
        // A kernel without unix_diag knows no socket at all.
        let probe = super::super::carriers::fresh_stream(true).ok()?;
        let inode = rustix::fs::fstat(&probe).ok()?.st_ino;
        let cookie = super::descriptors::cookie(&probe)?;
        (sockets.exists(inode, cookie) == Some(true)).then_some(sockets)
    }

    /// Whether a Unix-domain socket with this inode and this cookie exists; `None` if the kernel does not say.
    pub(crate) fn exists(&self, inode: u64, cookie: u64) -> Option<bool> {
        let request = request(u32::try_from(inode).ok()?, cookie);
        let fd = self.netlink.as_raw_fd();
        // SAFETY: the kernel reads `request`; a netlink socket that is not connected sends to the kernel.
        let sent = unsafe { libc::send(fd, request.as_ptr().cast(), request.len(), 0) };
        if sent != request.len() as isize {
            return None;
        }
        // The kernel has answered when `send` returns.
        let mut answer = [0; 512];
        loop {
            // SAFETY: the kernel writes at most `answer.len()` bytes.
            let n = unsafe { libc::recv(fd, answer.as_mut_ptr().cast(), answer.len(), 0) };
            if n < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                continue;
            }
            let answer = answer.get(..usize::try_from(n).ok()?)?;
            let kind = u16::from_ne_bytes(answer.get(TYPE..TYPE + 2)?.try_into().ok()?);
            if kind == SOCK_DIAG_BY_FAMILY {
                return Some(true);
            }
            let error = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
            let gone = [-libc::ENOENT, -libc::ESTALE].contains(&error);
            return (kind == libc::NLMSG_ERROR as u16 && gone).then_some(false);
        }
    }
}

/// `struct nlmsghdr` and `struct unix_diag_req`: this inode with this cookie in whatever state, nothing shown of it.
fn request(inode: u32, cookie: u64) -> [u8; HEADER + REQUEST] {
    let mut bytes = [0; HEADER + REQUEST];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &((HEADER + REQUEST) as u32).to_ne_bytes());
    put(TYPE, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(TYPE + 2, &(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    put(HEADER, &[libc::AF_UNIX as u8]);
    put(HEADER + 4, &u32::MAX.to_ne_bytes());
    put(HEADER + 8, &inode.to_ne_bytes());
    put(HEADER + 16, &(cookie as u32).to_ne_bytes());
    put(HEADER + 20, &((cookie >> 32) as u32).to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_living_sockets_from_closed_ones() {
        let Some(sockets) = Sockets::open() else { return };
        let (mine, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let inode = rustix::fs::fstat(&mine).expect("a stat").st_ino;
        let cookie = super::super::descriptors::cookie(&mine).expect("a cookie");
        mine.shutdown(std::net::Shutdown::Both).expect("shut");
        assert_eq!(sockets.exists(inode, cookie), Some(true));
        assert_eq!(sockets.exists(inode, cookie + 1), Some(false));
        drop(mine);
        assert_eq!(sockets.exists(inode, cookie), Some(false));
        drop(other);
    }
}
