//! Where P, a stream that the program holds, is connected to a new S.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{SocketAddrAny, SocketFlags, SocketType};

use super::Link;

/// How many may wait there: only one of ours ever does.
const QUEUE: i32 = 4096;

/// A listener of ours.
pub(crate) struct Meeting {
    listener: OwnedFd,
    name: SocketAddrAny,
}

impl Meeting {
    pub(crate) fn open() -> io::Result<Meeting> {
        let listener = super::to_stay(super::socket(SocketType::STREAM, true)?)?;
        let (_, name) = super::name(&listener)?;
        rustix::net::listen(&listener, QUEUE)?;
        Ok(Meeting { listener, name })
    }

    /// Connects P, whose own name is `expected`.
    pub(crate) fn connect(&self, program_end: &OwnedFd, expected: &SocketAddrAny) -> io::Result<Link> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Anybody may connect to an abstract name: only P is let in, and a full queue is not to block us. (To look is a tenth of the
        // work of accepting in vain.)
        while self.is_met() && rustix::net::accept_with(&self.listener, flags).is_ok() {}
        // Its number is free again for S.
        drop(super::to_stay(rustix::io::fcntl_dupfd_cloexec(&self.listener, 0)?)?);
        rustix::net::connect(program_end, &self.name)?;
        loop {
            let (end, peer) = rustix::net::acceptfrom_with(&self.listener, flags)?;
            if peer.as_ref() == Some(expected) {
                return Ok(Link::new(end));
            }
        }
    }

    /// Whether somebody waits there.
    fn is_met(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut [PollFd::new(&self.listener, PollFlags::IN)], Some(&at_once)) != Ok(0)
    }
}
