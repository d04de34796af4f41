//! A netlink socket's carrier: a pair of Unix-domain datagram sockets, as a datagram socket's. What P writes natively are requests;
//! what they are answered goes to P's queue while there is room, and waits with the host's socket while there is none.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_socket::{Host, Outside, SocketId};

/// S of a netlink socket.
pub(crate) struct Answers {
    end: OwnedFd,
    /// SOCK_RAW or SOCK_DGRAM, as the program named it.
    pub(crate) kind: i32,
    may_write: bool,
    /// What P's queue had no room for.
    held: Option<Vec<u8>>,
    /// For the next call that is trapped.
    error: Option<Errno>,
}

impl Answers {
    /// P and S.
    pub(crate) fn pair(nonblock: bool, kind: i32) -> io::Result<(OwnedFd, Answers)> {
        let (program_end, end) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&program_end, nonblock)?;
        rustix::io::ioctl_fionbio(&end, true)?;
        Ok((program_end, Answers { end, kind, may_write: true, held: None, error: None }))
    }

    /// What the kernel told of S.
    pub(crate) fn note(&mut self, flags: EventFlags) {
        self.may_write |= flags.contains(EventFlags::OUT);
    }

    /// Whether P's queue has no room.
    pub(crate) fn is_full(&self) -> bool {
        !self.may_write
    }

    /// An error that waits to be told.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    /// Hands the host what the program wrote natively, and P what it answers. `false` if P is closed.
    pub(crate) fn relay(
        &mut self,
        host: &mut Host,
        now: Instant,
        (socket, outside): (SocketId, &dyn Outside),
        buffer: &mut [u8],
    ) -> bool {
        while let Ok((n, _)) = rustix::net::recv(&self.end, &mut *buffer, RecvFlags::DONTWAIT) {
            // A native write returned long ago.
            let _ = host.netlink_send(now, socket, &buffer[..n], outside);
        }
        while self.may_write {
            let answer = match self.held.take().map_or_else(|| host.netlink_receive(now, socket, outside), Ok)
            {
                Ok(answer) => answer,
                Err(Errno::EAGAIN) => break,
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            };
            match rustix::net::send(&self.end, &answer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => {
                    self.may_write = false;
                    self.held = Some(answer);
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Puts a datagram back to the head of P's queue. `buffer` has room for any.
    pub(crate) fn put_back(&mut self, program_end: &OwnedFd, first: Vec<u8>, buffer: &mut [u8]) {
        let mut queue = vec![first];
        while let Ok((n, _)) = rustix::net::recv(program_end, &mut *buffer, RecvFlags::DONTWAIT) {
            queue.push(buffer[..n].to_vec());
        }
        // There was room for all of them.
        for datagram in queue {
            let _ = rustix::net::send(&self.end, &datagram, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
    }
}

impl AsFd for Answers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}
