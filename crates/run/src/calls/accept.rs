//! `listen` and `accept`.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::SocketFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use sockeye_abi::{Errno, Opt, encode_sockaddr};
use sockeye_base::Duration;
use sockeye_preload::{Accepted, Waiting};

use super::{Answer, Subject};
use crate::carriers::{self, Backlog, Carrier, CarrierId, State};
use crate::process::{descriptors, memory};
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// How many connections P's own queue takes: it is never the limit, the stack's is.
const QUEUE: i32 = 4096;

/// As good as none.
const NO_TIME: Duration = Duration::from_micros(1);

impl Supervisor {
    pub(super) fn listen(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let now = self.network.now();
        let backlog = call.int(1);
        let listened = self.network.host().is_listening(subject.socket);
        match self.network.host().listen(now, subject.socket, backlog) {
            Err(Errno::EADDRINUSE) => {
                let port = self.network.host().local_addr(subject.socket)?.port();
                self.sweep_port(port);
                self.network.host().listen(now, subject.socket, backlog)?;
            }
            done => done?,
        }
        let may_go_on = match self.state(subject)? {
            State::Fresh => true,
            State::Listening(_) => listened,
            _ => false,
        };
        if !may_go_on {
            // It had a connection, which is dissolved; or listened until `shutdown`, and P takes nobody any more.
            self.renew(call, subject)?;
        }
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        if !matches!(carrier.state, State::Listening(_)) {
            let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
            rustix::net::listen(&program_end, QUEUE).map_err(|error| Errno(error.raw_os_error()))?;
            carrier.state = State::Listening(Backlog::default());
        }
        self.say_if_listens(subject.carrier);
        Ok(Answer::Value(0))
    }

    pub(super) fn accept(&mut self, call: &Call, subject: Subject, flags: i32) -> Result<Answer, Errno> {
        let flags = SocketFlags::from_bits_retain(flags as u32);
        if !(SocketFlags::NONBLOCK | SocketFlags::CLOEXEC).contains(flags) {
            return Err(Errno::EINVAL);
        }
        self.pump(subject.carrier);
        if !self.network.host().is_listening(subject.socket) {
            // The stack knows which error it is.
            let now = self.network.now();
            return self.network.host().accept(now, subject.socket).and(Err(Errno::EINVAL));
        }
        let Some((id, program_end)) = self.take_connection(subject, flags)? else {
            if self.is_nonblocking(subject) {
                return Err(Errno::EAGAIN);
            }
            let limit = self.time_limit(subject, Opt::SoRcvTimeo);
            return Ok(Answer::Wait { carrier: subject.carrier, limit });
        };
        self.hand_over(call, id, program_end, flags)
    }

    /// Takes the next connection out of P's queue: which it is, and the program's end of it.
    fn take_connection(
        &mut self,
        subject: Subject,
        flags: SocketFlags,
    ) -> Result<Option<(CarrierId, OwnedFd)>, Errno> {
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let listener = carrier.borrow().ok_or(Errno::EBADF)?;
        loop {
            let mut ready = [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
            let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            if rustix::event::poll(&mut ready, Some(&at_once)) != Ok(1) {
                return Ok(None);
            }
            // Of a listener in blocking mode, too, nothing may block us, and others accept there. (No call of a program's waits by it.)
            let _ = set_socket_timeout(&listener, Timeout::Recv, Some(NO_TIME));
            let accepted = match rustix::net::accept_with(&listener, flags | SocketFlags::CLOEXEC) {
                Ok(accepted) => accepted,
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(Errno(error.raw_os_error())),
            };
            // Anybody may connect to an abstract name: who isn't us is let go.
            if socket_peercred(&accepted).is_ok_and(|peer| peer.pid == rustix::process::getpid())
                && let Some(id) = self.which_waited(subject, &accepted)
            {
                return Ok(Some((id, accepted)));
            }
        }
    }

    /// The connection whose end this is: its other one has a name, or it is the first of those without.
    fn which_waited(&mut self, subject: Subject, program_end: &OwnedFd) -> Option<CarrierId> {
        if let Some(named) = carriers::peer_name(program_end).and_then(|name| Waiting::read(&name)) {
            let is_it =
                |carrier: &Carrier| carrier.waits.as_ref().is_some_and(|waits| waits.end == named.end);
            return self.carriers.of_place(named.place).filter(|id| self.carriers.is(*id, is_it));
        }
        self.carriers.waiting(subject.carrier).find(|(_, waits)| waits.place.is_none()).map(|(id, _)| id)
    }

    /// Gives the program its end.
    fn hand_over(
        &mut self,
        call: &Call,
        id: CarrierId,
        program_end: OwnedFd,
        flags: SocketFlags,
    ) -> Result<Answer, Errno> {
        let now = self.network.now();
        let carrier = self.carriers.get(id).ok_or(Errno::EBADF)?;
        let (socket, Some(waits)) = (carrier.socket, &carrier.waits) else { return Err(Errno::EBADF) };
        let end = waits.end;
        if let Err(error) = write_peer(call, waits.peer) {
            self.lose(id);
            return Err(error);
        }
        carriers::set_options(&program_end, self.network.host(), now, socket);
        if let State::Connected(link) = &carrier.state {
            link.bound(&program_end, self.network.host(), socket);
        }
        let inode = rustix::fs::fstat(&program_end).map_or(0, |about| about.st_ino);
        let cookie = descriptors::cookie(&program_end).unwrap_or(0);
        let cloexec = flags.contains(SocketFlags::CLOEXEC);
        match self.listener.answer_descriptor(call.id, program_end.as_fd(), cloexec) {
            Ok(Some(fd)) => {
                drop(program_end);
                self.note_accepted(id, Accepted { end, cookie, inode, process: call.tid, fd });
                Ok(Answer::Done)
            }
            // The call is gone, or the program has no room for a descriptor: the connection waits for the next `accept`.
            Ok(None) => {
                self.put_back(id, &program_end);
                Err(Errno::EINTR)
            }
            Err(error) => {
                self.put_back(id, &program_end);
                Err(error.raw_os_error().map_or(Errno::ENOBUFS, Errno))
            }
        }
    }
}

/// Writes the peer's address where `accept` wants it, if it does.
fn write_peer(call: &Call, peer: SocketAddr) -> Result<(), Errno> {
    if call.args[1] == 0 {
        return Ok(());
    }
    memory::write_value_result(call.tid, call.args[1], call.args[2], &encode_sockaddr(&peer))
}
