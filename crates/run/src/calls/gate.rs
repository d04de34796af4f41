//! The gate (`--exact`): reads and writes are trapped, too. Of a stream none is made here: a call that would wait is held
//! until its carrier can serve it, then the kernel makes it; one whose connection failed is answered with TCP's own
//! error, which no carrier can show. Datagrams are copied.
//!
//! What the kernel has begun it ends: a call that moved some of its bytes and then waits is native from there on.

use std::io;

use sockeye_abi::{Errno, MessageFlags, Opt};

use super::message;
use super::{Answer, Subject};
use crate::carriers::State;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// What a carrier is to a call.
enum Gate {
    /// The kernel can make it now.
    Open,
    /// It would have to wait.
    Shut,
}

impl Supervisor {
    /// `read` and `readv`.
    pub(super) fn read(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        if subject.is_stream() {
            return self.gate_receive(call, subject, MessageFlags::empty());
        }
        let header = message::moved(call)?;
        if asks_nothing(call) {
            return Ok(Answer::Value(0));
        }
        self.receive_header(call, subject, &header, MessageFlags::empty())
    }

    /// `write` and `writev`.
    pub(super) fn write(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        if subject.is_stream() {
            return self.gate_send(call, subject, MessageFlags::empty());
        }
        let header = message::moved(call)?;
        if asks_nothing(call) {
            return Ok(Answer::Value(0));
        }
        self.send_header(call, subject, &header, MessageFlags::empty())
    }

    /// `splice`, whose input or output may be a socket.
    pub(super) fn splice(&mut self, call: &Call) -> Result<Answer, Errno> {
        if let Some(subject) = self.subject_at(call, 0) {
            return self.gate_receive(call, subject, MessageFlags::empty());
        }
        match self.subject_at(call, 2) {
            Some(subject) => self.gate_send(call, subject, MessageFlags::empty()),
            None => Ok(Answer::Pass),
        }
    }

    /// A call that receives from a stream.
    pub(super) fn gate_receive(
        &mut self,
        call: &Call,
        subject: Subject,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        // An urgent byte is there or not.
        if !subject.is_stream() || flags.contains(MessageFlags::OOB) || asks_nothing(call) {
            return Ok(Answer::Pass);
        }
        let shut = self.network.host().is_shut(subject.socket).0;
        let exact = self.exact;
        let gate = match self.state(subject)? {
            State::Fresh if shut => return Ok(Answer::Value(0)),
            State::Fresh | State::Listening(_) => return message::check(call).and(Err(Errno::ENOTCONN)),
            _ if !exact => return Ok(Answer::Pass),
            State::Connecting(_) => Gate::Shut,
            State::Broken(_) => return self.receive_broken(subject),
            State::Connected(link) if link.is_readable() || moves_nothing(call) || shut => Gate::Open,
            State::Connected(_) => Gate::Shut,
            State::Datagram(_) | State::Netlink(_) => Gate::Open,
        };
        self.pass_or_wait(subject, (gate, flags), Opt::SoRcvTimeo)
    }

    /// A call that sends on a stream.
    pub(super) fn gate_send(
        &mut self,
        call: &Call,
        subject: Subject,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        if !subject.is_stream() || asks_nothing(call) {
            return Ok(Answer::Pass);
        }
        if let State::Fresh | State::Listening(_) = self.state(subject)? {
            message::check(call)?;
            return self.broken_pipe(call, flags);
        }
        if !self.exact {
            return Ok(Answer::Pass);
        }
        let shut = self.network.host().is_shut(subject.socket).1;
        if let State::Connected(link) = self.state(subject)?
            && let Some(error) = link.take_error()
        {
            return Err(error);
        }
        let gate = match self.state(subject)? {
            State::Connecting(_) => Gate::Shut,
            State::Broken(_) => match self.take_broken_error(subject) {
                Some(Errno::EPIPE) => return self.broken_pipe(call, flags),
                Some(error) => return Err(error),
                None => Gate::Open,
            },
            State::Connected(link) if shut || link.asked_shut() || link.unread() == 0 => Gate::Open,
            State::Connected(_) if moves_nothing(call) => Gate::Open,
            State::Connected(_) => Gate::Shut,
            State::Fresh | State::Listening(_) | State::Datagram(_) | State::Netlink(_) => Gate::Open,
        };
        self.pass_or_wait(subject, (gate, flags), Opt::SoSndTimeo)
    }

    fn pass_or_wait(
        &mut self,
        subject: Subject,
        (gate, flags): (Gate, MessageFlags),
        limit: Opt,
    ) -> Result<Answer, Errno> {
        match gate {
            Gate::Open => Ok(Answer::Pass),
            Gate::Shut if flags.contains(MessageFlags::DONTWAIT) || self.is_nonblocking(subject) => {
                // A connected carrier may take more than it seems; what is on its way takes nothing.
                match self.state(subject)? {
                    State::Connecting(_) => Err(Errno::EAGAIN),
                    _ => Ok(Answer::Pass),
                }
            }
            Gate::Shut => {
                let limit = self.time_limit(subject, limit);
                Ok(Answer::Wait { carrier: subject.carrier, limit })
            }
        }
    }

    /// Receiving on a connection that broke: first what had come, then why, then the end. If the peer's end was there before,
    /// there is no why.
    fn receive_broken(&mut self, subject: Subject) -> Result<Answer, Errno> {
        let program_end = self.carriers.get(subject.carrier).and_then(|carrier| carrier.borrow());
        let unread = program_end.as_ref().and_then(|end| rustix::io::ioctl_fionread(end).ok()).unwrap_or(0);
        if unread > 0 {
            return Ok(Answer::Pass);
        }
        if self.carriers.is(subject.carrier, |carrier| carrier.had_ended) {
            // P shows one: asking for it takes it.
            let _ = program_end.map(rustix::net::sockopt::socket_error);
            return Ok(Answer::Pass);
        }
        self.take_broken_error(subject).map_or(Ok(Answer::Pass), Err)
    }

    /// Why a connection broke, if nobody was told yet.
    fn take_broken_error(&mut self, subject: Subject) -> Option<Errno> {
        let kept = self.take_native_error(subject);
        kept.or_else(|| self.network.host().take_error(subject.socket))
    }

    /// EPIPE, and SIGPIPE behind it unless the call asks for none.
    fn broken_pipe(&mut self, call: &Call, flags: MessageFlags) -> Result<Answer, Errno> {
        if flags.contains(MessageFlags::NOSIGNAL) {
            return Err(Errno::EPIPE);
        }
        self.tell(call, Err(Errno::EPIPE));
        // Before the answer it would end the call, and the error would be lost.
        // SAFETY: plain tkill.
        if unsafe { libc::syscall(libc::SYS_tkill, call.tid, libc::SIGPIPE) } != 0 {
            // The thread has ended meanwhile.
            drop(io::Error::last_os_error());
        }
        Ok(Answer::Done)
    }
}

/// A call to receive or send no bytes, which is not ours to hold.
fn moves_nothing(call: &Call) -> bool {
    match call.number {
        libc::SYS_recvfrom | libc::SYS_sendto => call.args[2] == 0,
        libc::SYS_write => call.args[2] == 0,
        _ => asks_nothing(call),
    }
}

/// A call that the kernel answers before it comes to the socket.
fn asks_nothing(call: &Call) -> bool {
    match call.number {
        libc::SYS_read => call.args[2] == 0,
        libc::SYS_readv | libc::SYS_writev => message::moved(call).is_ok_and(|pieces| pieces.room() == 0),
        _ => false,
    }
}
