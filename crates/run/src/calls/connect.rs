//! `connect`.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use sockeye_abi::{Errno, Opt, Transport, Value};
use sockeye_base::Duration;

use super::{Answer, Outcome, Subject, read_address};
use crate::carriers::{self, Carrier, CarrierId, State, fresh_stream};
use crate::process::descriptors;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn connect(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let bytes = match sockeye_preload::carried_address(&call.args) {
            Some(address) => address.to_vec(),
            None => read_address(call, 1, 2)?,
        };
        self.end_telling(subject.carrier);
        let now = self.network.now();
        let decoded =
            self.with_port(subject.socket, |host| host.decode_connect(now, subject.socket, &bytes))?;
        let Some(remote) = decoded else {
            self.network.host().disconnect(now, subject.socket)?;
            self.end_backlog(subject.carrier);
            if subject.is_stream() && !matches!(self.state(subject)?, State::Fresh) {
                // The old file shows what is over.
                self.renew(call, subject)?;
            }
            return Ok(Answer::Value(0));
        };
        // One under way has met its peer.
        if !matches!(self.state(subject)?, State::Connecting(_) | State::Connected(_)) {
            self.sweep_for(remote);
        }
        match subject.transport {
            Transport::Udp | Transport::Ping | Transport::Raw(_) => {
                self.with_port(subject.socket, |host| host.connect(now, subject.socket, remote))?;
                Ok(Answer::Value(0))
            }
            Transport::Tcp => match self
                .with_port(subject.socket, |host| host.connect(now, subject.socket, remote))
            {
                Err(Errno::EINPROGRESS) => self.begin(call, subject, remote),
                Ok(()) if self.network.host().is_deferred(subject.socket) => {
                    self.begin_deferred(call, subject)
                }
                outcome @ (Ok(()) | Err(Errno::EISCONN | Errno::EALREADY)) => {
                    match (self.unheard(call, subject.carrier), outcome) {
                        (Some(Outcome::Connected), Err(Errno::EISCONN)) => Ok(Answer::Value(0)),
                        (Some(Outcome::InProgress), Ok(()) | Err(Errno::EALREADY)) => Err(Errno::EINPROGRESS),
                        (_, outcome) => self.connecting(subject, outcome),
                    }
                }
                outcome => self.connecting(subject, outcome),
            },
        }
    }

    /// A listener on this host whose program was closed must not answer.
    pub(super) fn sweep_for(&mut self, remote: SocketAddr) {
        if self.network.host().stack().is_local(remote.ip().to_canonical()) || remote.ip().is_unspecified() {
            self.sweep_port(remote.port());
        }
    }

    /// The stack's SYN is on its way: the carrier shows it.
    fn begin(&mut self, call: &Call, subject: Subject, remote: SocketAddr) -> Result<Answer, Errno> {
        let nonblocking = self.is_nonblocking(subject);
        self.begin_stream(call, subject, nonblocking)?;
        if nonblocking {
            // On a network without delay it may be there already; "in progress" is said all the same, as Linux does.
            return Err(Errno::EINPROGRESS);
        }
        if matches!(self.state(subject)?, State::Fresh) {
            // It was there, but we had no descriptor for it.
            return Err(Errno::ENOBUFS);
        }
        let now = self.network.now();
        let outcome = self.network.host().connect(now, subject.socket, remote);
        self.connecting(subject, outcome)
    }

    /// A file that shows an error for good is replaced.
    pub(super) fn revive(&mut self, call: &Call, subject: Subject) -> Result<(), Errno> {
        if matches!(self.state(subject)?, State::Broken(_)) { self.renew(call, subject) } else { Ok(()) }
    }

    /// The carrier shows a connection under way.
    pub(super) fn begin_stream(
        &mut self,
        call: &Call,
        subject: Subject,
        nonblocking: bool,
    ) -> Result<(), Errno> {
        self.revive(call, subject)?;
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        carrier.state = State::Connecting(None);
        self.settle();
        self.pump(subject.carrier);
        if nonblocking { self.show_connecting(subject) } else { Ok(()) }
    }

    /// P shows that it is being connected, or that it was a moment later: on a network without delay it is by now.
    fn show_connecting(&mut self, subject: Subject) -> Result<(), Errno> {
        let is_connected = match self.state(subject)? {
            State::Connected(_) => true,
            State::Connecting(_) => false,
            // It has failed already.
            _ => return Ok(()),
        };
        if !is_connected {
            self.link(subject.carrier)?;
        }
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
        let State::Connected(link) = &mut carrier.state else { return Ok(()) };
        if is_connected {
            // Raising a limit that was not met gives an edge, but no SIGIO.
            if descriptors::is_asynchronous(&program_end) {
                link.stuff(&program_end).map_err(|_| Errno::ENOBUFS)?;
            }
            link.unstuff(&program_end);
            link.bound(&program_end, self.network.host(), subject.socket);
            self.begin_telling(subject.carrier);
            return Ok(());
        }
        let stuffed = link.stuff(&program_end);
        carrier.begin();
        stuffed.and_then(|()| self.watch(subject.carrier)).map_err(|_| Errno::ENOBUFS)?;
        self.pump(subject.carrier);
        Ok(())
    }

    /// A connection is there, of which the program knows that it is under way: the object may tell it.
    pub(crate) fn begin_telling(&mut self, id: CarrierId) {
        let Some(&mut Carrier { cookie, .. }) = self.carriers.get(id) else { return };
        let may = self.carriers.shared.table().is_some_and(|table| table.will_tell(cookie));
        self.carriers.get(id).into_iter().for_each(|carrier| carrier.untold = may);
    }

    /// If the object has told it, the stack is to know.
    pub(crate) fn note_told(&mut self, id: CarrierId) {
        let Some(&mut Carrier { cookie, untold: true, .. }) = self.carriers.get(id) else { return };
        if !self.carriers.shared.table().is_some_and(|table| table.is_untold(cookie)) {
            self.end_telling(id);
        }
    }

    /// From now on the stack tells it, if the object hasn't.
    pub(crate) fn end_telling(&mut self, id: CarrierId) {
        let Some(carrier) = self.carriers.get(id) else { return };
        if !std::mem::take(&mut carrier.untold) {
            return;
        }
        let (cookie, socket) = (carrier.cookie, carrier.socket);
        if !self.carriers.shared.table().is_some_and(|table| table.tell(cookie)) {
            let now = self.network.now();
            // It was connected, so there is nothing that could fail.
            let _ = self.network.host().connect_outcome(now, socket);
        }
    }

    /// What the stack says of a connection that was asked for before.
    pub(super) fn connecting(
        &mut self,
        subject: Subject,
        outcome: Result<(), Errno>,
    ) -> Result<Answer, Errno> {
        match outcome {
            Ok(()) => Ok(Answer::Value(0)),
            Err(Errno::EALREADY) if !self.is_nonblocking(subject) => {
                let limit = self.time_limit(subject, Opt::SoSndTimeo);
                Ok(Answer::Wait { carrier: subject.carrier, limit })
            }
            Err(error) => {
                if let state @ State::Connecting(None) = self.state(subject)?
                    && error != Errno::EALREADY
                {
                    *state = State::Fresh;
                }
                Err(error)
            }
        }
    }

    /// Gives the program's descriptor a new file: the old one shows its error for good.
    pub(super) fn renew(&mut self, call: &Call, subject: Subject) -> Result<(), Errno> {
        let nonblocking = self.is_nonblocking(subject);
        let fd = call.int(0);
        let cloexec = descriptors::closes_on_exec(call.tid, fd);
        let new = fresh_stream(nonblocking).map_err(|_| Errno::ENOBUFS)?;
        let now = self.network.now();
        carriers::set_options(&new, self.network.host(), now, subject.socket);
        match self.listener.replace_descriptor(call.id, new.as_fd(), fd, cloexec) {
            Ok(Some(_)) => self.carriers.refresh(subject.carrier, new).map_err(|_| Errno::ENOBUFS),
            Ok(None) => Err(Errno::EINTR),
            Err(error) => Err(error.raw_os_error().map_or(Errno::ENOBUFS, Errno)),
        }
    }

    /// SO_RCVTIMEO or SO_SNDTIMEO of a socket; `None`: no limit.
    pub(super) fn time_limit(&mut self, subject: Subject, option: Opt) -> Option<Duration> {
        let now = self.network.now();
        match self.network.host().option(now, subject.socket, option) {
            Ok(Value::Time(limit)) => limit,
            _ => None,
        }
    }
}
