//! How a link ends: P closed or shut, the connection failed, and what P is to show of that.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_socket::{Host, SocketId};

use super::{JUNK, Link, Moved};

impl Link {
    /// The program closed P. What it had not read is lost, and its peer is told by a reset.
    pub(super) fn close(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Moved {
        if self.outbox.is_empty() {
            host.close(now, socket);
        } else {
            host.abort(now, socket);
        }
        Moved::Closed
    }

    /// Drops what the program wrote: its connection takes no more, ever.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) {
        while let Ok((1.., _)) = rustix::net::recv(&self.end, &mut *buffer, RecvFlags::DONTWAIT) {}
    }

    /// The connection takes no more. What had come can be read.
    pub(super) fn fail(&mut self, error: Errno) {
        self.failed = Some(Some(error));
    }

    /// Whether P is to be kept from writing.
    pub(crate) fn is_to_be_shut(&self) -> bool {
        self.failed.is_some() && !self.is_shut
    }

    /// Writes to P fail natively from now on, and those that wait end. Something unread stays behind, by which the end of what can be read will be
    /// ECONNRESET ([`Link::break_off`]).
    pub(crate) fn shut(&mut self, program_end: Option<&OwnedFd>) {
        self.is_shut = true;
        self.leave_unread(program_end);
        let _ = rustix::net::shutdown(&self.end, Shutdown::Read);
    }

    fn leave_unread(&mut self, program_end: Option<&OwnedFd>) {
        if self.readable() == 0
            && let Some(program_end) = program_end
            && let Ok(n) =
                rustix::net::send(program_end, &JUNK[..1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        {
            self.junk += n;
        }
    }

    /// The error of a connection that broke with something still to be read, if the program was not told yet.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        self.failed.as_mut()?.take()
    }

    /// Breaks the link so that P reads what it was sent, then the native ECONNRESET, once: S is closed with bytes
    /// unread.
    pub(crate) fn break_off(mut self, program_end: Option<&OwnedFd>) {
        self.leave_unread(program_end);
    }

    /// Breaks the link so that P reads what it was sent, then its end: nothing is left unread.
    pub(crate) fn leave(mut self, buffer: &mut [u8]) {
        self.discard(buffer);
    }

    /// The program shuts its sending side by a call.
    pub(crate) fn will_be_shut(&mut self) {
        self.asked_shut = true;
    }

    /// Whether it has: a hang-up of S could then also be P shut both ways, but still open.
    pub(crate) fn asked_shut(&self) -> bool {
        self.asked_shut
    }

    /// The program closes P, which waits.
    pub(crate) fn begin_close(&mut self) {
        self.closing = true;
    }

    /// Whether it does.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Behind the last byte: whether that is P's close, of which the kernel may be about to tell, or its sending side
    /// shut. A close is no FIN if it resets (SO_LINGER).
    pub(super) fn is_closed(&mut self) -> bool {
        if !self.hung_up && !self.asked_shut {
            let mut end = [PollFd::new(&self.end, PollFlags::empty())];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let told = rustix::event::poll(&mut end, Some(&at_once)) == Ok(1);
            self.hung_up = told && end[0].revents().contains(PollFlags::HUP);
        }
        self.hung_up
    }

    /// Whether P was closed by its last holder.
    pub(crate) fn is_hung_up(&self) -> bool {
        self.hung_up
    }
}
