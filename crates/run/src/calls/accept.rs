//! `listen` and `accept`.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::SocketFlags;
use rustix::net::sockopt::socket_peercred;
use sockeye_abi::{Errno, Opt, encode_sockaddr};
use sockeye_socket::SocketId;

use super::{Answer, Subject};
use crate::carriers::{self, Backlog, Inet, Link, NewCarrier, State};
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// How many connections P's own queue takes: it is never the limit, the stack's is.
const QUEUE: i32 = 4096;

impl Supervisor {
    pub(super) fn listen(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let now = self.network.now();
        let backlog = call.int(1);
        match self.network.host().listen(now, subject.socket, backlog) {
            Err(Errno::EADDRINUSE) => {
                let port = self.network.host().local_addr(subject.socket)?.port();
                self.sweep_port(port);
                self.network.host().listen(now, subject.socket, backlog)?;
            }
            done => done?,
        }
        if !matches!(self.state(subject)?, State::Fresh | State::Listening(_)) {
            // It had a connection, which is dissolved.
            self.renew(call, subject)?;
        }
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        if !matches!(carrier.state, State::Listening(_)) {
            let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
            rustix::net::listen(&program_end, QUEUE).map_err(|error| Errno(error.raw_os_error()))?;
            carrier.state = State::Listening(Backlog::default());
        }
        Ok(Answer::Value(0))
    }

    pub(super) fn accept(&mut self, call: &Call, subject: Subject, flags: i32) -> Result<Answer, Errno> {
        let flags = SocketFlags::from_bits_retain(flags as u32);
        if !(SocketFlags::NONBLOCK | SocketFlags::CLOEXEC).contains(flags) {
            return Err(Errno::EINVAL);
        }
        self.pump(subject.carrier);
        let waits = matches!(self.state(subject)?, State::Listening(backlog) if !backlog.is_empty());
        if !waits && !self.network.host().is_listening(subject.socket) {
            // The stack knows which error it is.
            let now = self.network.now();
            return self.network.host().accept(now, subject.socket).and(Err(Errno::EINVAL));
        }
        let Some((link, new)) = self.take_connection(subject, flags)? else {
            if self.is_nonblocking(subject) {
                return Err(Errno::EAGAIN);
            }
            let limit = self.time_limit(subject, Opt::SoRcvTimeo);
            return Ok(Answer::Wait { carrier: subject.carrier, limit });
        };
        self.hand_over(call, subject, link, new, flags)
    }

    /// Takes the next connection out of P's queue: our end of it, and the program's.
    fn take_connection(
        &mut self,
        subject: Subject,
        flags: SocketFlags,
    ) -> Result<Option<(Link, rustix::fd::OwnedFd)>, Errno> {
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
        let State::Listening(backlog) = &mut carrier.state else { return Err(Errno::EINVAL) };
        let accepted = loop {
            // Of a listener in blocking mode, too, nothing may block us.
            let mut ready = [rustix::event::PollFd::new(&program_end, rustix::event::PollFlags::IN)];
            let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            if rustix::event::poll(&mut ready, Some(&at_once)) != Ok(1) {
                return Ok(None);
            }
            let flags = flags | SocketFlags::CLOEXEC;
            let accepted =
                rustix::net::accept_with(&program_end, flags).map_err(|error| Errno(error.raw_os_error()))?;
            // Anybody may connect to an abstract name: who isn't us is let go.
            if socket_peercred(&accepted).is_ok_and(|peer| peer.pid == rustix::process::getpid()) {
                break accepted;
            }
        };
        Ok(backlog.take_end().map(|end| (Link::new(end), accepted)))
    }

    /// Gives the program its end, with the stack's next connection behind it.
    fn hand_over(
        &mut self,
        call: &Call,
        subject: Subject,
        link: Link,
        program_end: rustix::fd::OwnedFd,
        flags: SocketFlags,
    ) -> Result<Answer, Errno> {
        let now = self.network.now();
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let inet = Inet { family: subject.family, transport: subject.transport };
        let State::Listening(backlog) = &mut carrier.state else { return Err(Errno::EINVAL) };
        let (socket, peer) = match backlog.take_returned() {
            Some(returned) => returned,
            None => self.network.host().accept(now, subject.socket)?,
        };
        if let Err(error) = write_peer(call, peer) {
            self.network.host().abort(now, socket);
            return Err(error);
        }
        carriers::set_options(&program_end, self.network.host(), now, socket);
        link.bound(&program_end, self.network.host(), socket);
        let new: NewCarrier = match self.carriers.accepted(program_end, (socket, inet), link) {
            Ok(new) => new,
            Err(_) => return self.put_back(subject, (socket, peer), Errno::ENOBUFS),
        };
        let cloexec = flags.contains(SocketFlags::CLOEXEC);
        match self.listener.answer_descriptor(call.id, new.program_end.as_fd(), cloexec) {
            Ok(Some(number)) => {
                let id = self.carriers.insert(new, (call.tid, number));
                if self.watch_accepted(id).is_err() {
                    self.network.host().abort(now, socket);
                    self.carriers.remove(id);
                }
                self.enter_cork(id);
                self.pump(id);
                Ok(Answer::Done)
            }
            Ok(None) => {
                drop(new);
                self.put_back(subject, (socket, peer), Errno::EINTR)
            }
            Err(error) => {
                drop(new);
                self.put_back(subject, (socket, peer), error.raw_os_error().map_or(Errno::ENOBUFS, Errno))
            }
        }
    }

    /// The call is gone, or the program has no room for a descriptor: the connection waits for the next `accept`.
    fn put_back(
        &mut self,
        subject: Subject,
        connection: (SocketId, SocketAddr),
        why: Errno,
    ) -> Result<Answer, Errno> {
        if let State::Listening(backlog) = self.state(subject)? {
            backlog.put_back(connection);
        }
        self.pump(subject.carrier);
        Err(why)
    }
}

/// Writes the peer's address where `accept` wants it, if it does.
fn write_peer(call: &Call, peer: SocketAddr) -> Result<(), Errno> {
    if call.args[1] == 0 {
        return Ok(());
    }
    memory::write_value_result(call.tid, call.args[1], call.args[2], &encode_sockaddr(&peer))
}
