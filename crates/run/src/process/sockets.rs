//! Asks the kernel about Unix-domain sockets (sock_diag(7)): whether one still exists, which tells P closed from P shut both ways,
//! that look alike from S, and costs nothing to those who have many descriptors; and, for programs that ask, what there is.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags};
use sockeye_abi::Errno;
use sockeye_abi::netlink as nl;

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
        let sockets = Sockets { netlink: netlink().ok()? };
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

fn netlink() -> io::Result<OwnedFd> {
    // SAFETY: plain socket(2).
    crate::launch::owned(unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            libc::NETLINK_SOCK_DIAG,
        )
    })
}

/// What the kernel answers to a program's request about Unix-domain sockets, all or one: the messages' payloads.
pub(crate) fn ask_machine(request: &[u8], all: bool) -> Result<Vec<Vec<u8>>, Errno> {
    let native = |error: io::Error| Errno(error.raw_os_error().unwrap_or(libc::EIO));
    let netlink = netlink().map_err(native)?;
    let flags = libc::NLM_F_REQUEST | if all { libc::NLM_F_DUMP } else { 0 };
    let mut message = vec![0; HEADER];
    message[..4].copy_from_slice(&((HEADER + request.len()) as u32).to_ne_bytes());
    message[TYPE..TYPE + 2].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message[TYPE + 2..TYPE + 4].copy_from_slice(&(flags as u16).to_ne_bytes());
    message.extend(request);
    rustix::net::send(&netlink, &message, SendFlags::empty()).map_err(|error| Errno(error.raw_os_error()))?;
    let mut told = Vec::new();
    let mut buffer = vec![0; 32 << 10];
    loop {
        let received = rustix::net::recv(&netlink, &mut buffer[..], RecvFlags::DONTWAIT);
        let length = match received {
            Ok((length, _)) => length,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(Errno(error.raw_os_error())),
        };
        for answer in nl::messages(buffer.get(..length).unwrap_or_default()) {
            match i32::from(answer.header.kind) {
                libc::NLMSG_DONE => return Ok(told),
                libc::NLMSG_ERROR => {
                    let error =
                        answer.payload.first_chunk().map_or(-libc::EIO, |word| i32::from_ne_bytes(*word));
                    return Err(Errno(-error));
                }
                _ => told.push(answer.payload.to_vec()),
            }
        }
        if !all {
            return Ok(told);
        }
    }
}

/// The name that an answer about a Unix-domain socket says it has (UNIX_DIAG_NAME), if it does.
pub(crate) fn name_of(body: &[u8]) -> Option<&[u8]> {
    /// `sizeof(struct unix_diag_msg)`, and of `struct rtattr`, at whose beginning stands a length.
    const MESSAGE: usize = 16;
    const ATTRIBUTE: usize = 4;
    const UNIX_DIAG_NAME: [u8; 2] = 0u16.to_ne_bytes();
    let mut rest = body.get(MESSAGE..)?;
    loop {
        let (length, kind) = (rest.first_chunk()?, rest.get(2..ATTRIBUTE)?);
        let length = usize::from(u16::from_ne_bytes(*length));
        let value = rest.get(ATTRIBUTE..length)?;
        if kind == UNIX_DIAG_NAME {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
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
    fn finds_names() {
        let body = |attributes: &[u8]| [&[0; 16], attributes].concat();
        assert_eq!(
            name_of(&body(&[8, 0, 4, 0, 1, 2, 3, 4, 6, 0, 0, 0, 0, b'a', 0, 0])),
            Some(&[0, b'a'][..])
        );
        for broken in [&[][..], &[8, 0, 0], &[0, 0, 0, 0], &[3, 0, 1, 0], &[9, 0, 0, 0, 1], &[5, 0, 1, 0, 9]]
        {
            assert_eq!(name_of(&body(broken)), None);
        }
        assert_eq!(name_of(&[]), None);
    }

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
