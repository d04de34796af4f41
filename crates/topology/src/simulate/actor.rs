//! A program at one end of a conversation: its calls, each of which blocks until it is done, over non-blocking sockets.

use std::net::{Ipv6Addr, SocketAddr};
use std::task::Poll;

use sockeye_abi::{Errno, Family, How, MessageFlags, Opt, Transport};
use sockeye_base::{Duration, Instant};
use sockeye_lab::{HostId, Lab};
use sockeye_socket::{Host, Outgoing, SocketId};

use super::talk::CHUNK;
use super::{Own, Said};
use crate::calls::{Call, Gave, Step};

/// Connections that may wait to be accepted if nothing is said of it.
const BACKLOG: i32 = 128;

/// One program.
pub(super) struct Actor {
    who: String,
    host: HostId,
    begins: Instant,
    /// Where it connects to; for a server the port it serves.
    address: SocketAddr,
    transport: Transport,
    steps: Vec<Step>,
    /// The next of its steps.
    at: usize,
    /// Since when that is under way.
    since: Option<Instant>,
    /// Bytes it has moved so far.
    moved: u64,
    /// Why the last write did not take all.
    late: Option<Errno>,
    listener: Option<SocketId>,
    connection: Option<SocketId>,
    /// Connections that were left for others, open until it ends.
    left: Vec<SocketId>,
    /// Who sent the last datagram.
    peer: Option<SocketAddr>,
    /// Its host was switched off, or on again since.
    lost: bool,
    again: bool,
    pub(super) segments: u64,
    pub(super) retransmitted: u64,
    /// Bytes it has read.
    pub(super) came: u64,
    pub(super) said: Vec<Said>,
    /// What first was not as it has to be, and when.
    pub(super) failed: Option<(Instant, String)>,
}

impl Actor {
    pub(super) fn new(who: String, host: HostId, (begins, steps): (Instant, &[Step])) -> Actor {
        Actor {
            who,
            host,
            begins,
            address: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            transport: Transport::Tcp,
            steps: steps.to_vec(),
            at: 0,
            since: None,
            moved: 0,
            late: None,
            listener: None,
            connection: None,
            left: Vec::new(),
            peer: None,
            lost: false,
            again: false,
            segments: 0,
            retransmitted: 0,
            came: 0,
            said: Vec::new(),
            failed: None,
        }
    }

    /// At this address, or to it.
    pub(super) fn with(self, address: SocketAddr, transport: Transport) -> Actor {
        Actor { address, transport, ..self }
    }

    pub(super) fn host(&self) -> HostId {
        self.host
    }

    /// Whether it has nothing to do any more: it has ended, its host is off, or it was started again and nobody has come.
    pub(super) fn is_over(&self) -> bool {
        let accepts = self.steps.get(self.at).is_some_and(|step| step.call == Call::Accept);
        self.lost || self.at >= self.steps.len() || (self.again && accepts)
    }

    /// When it has something to do by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.steps.get(self.at)?.call, self.since) {
            _ if self.lost => None,
            (_, None) => Some(self.begins),
            (Call::Wait(time), Some(since)) => Some(since + time),
            (_, Some(_)) => None,
        }
    }

    /// Its host was switched off, and all its sockets are gone.
    pub(super) fn lose(&mut self, now: Instant) {
        if let (Some(since), Some(step)) = (self.since.take(), self.steps.get(self.at)) {
            self.say(now, step.call, (Gave::Nothing, now.since(since)));
        }
        self.lost = true;
        (self.listener, self.connection, self.peer) = (None, None, None);
        self.left.clear();
    }

    /// Its host was switched on again: it begins anew.
    pub(super) fn start_again(&mut self, now: Instant) {
        (self.lost, self.again) = (false, true);
        (self.begins, self.at, self.since, self.moved) = (now, 0, None, 0);
    }

    /// Goes on with its calls until one has to wait.
    pub(super) fn go_on(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        if self.lost || self.at >= self.steps.len() || now < self.begins {
            return;
        }
        while let Some(step) = self.steps.get(self.at).copied() {
            let since = *self.since.get_or_insert(now);
            let gave = match self.attempt(lab, now, (step.call, since), own) {
                Ok(Poll::Pending) => return,
                Ok(Poll::Ready(number)) => Gave::Number(number),
                Err(errno) => Gave::Error(errno),
            };
            (self.since, self.moved) = (None, 0);
            self.at += 1;
            self.note(now, step, (gave, now.since(since)));
            if step.gives.is_none() && matches!(gave, Gave::Error(_)) {
                self.at = self.steps.len();
            }
        }
        // It ends, and the kernel closes what it had open.
        let open = self.connection.take().into_iter().chain(self.listener.take());
        let open: Vec<_> = std::mem::take(&mut self.left).into_iter().chain(open).collect();
        open.into_iter().for_each(|socket| self.close(lab, now, (socket, false), own));
    }

    /// What a call gave; whether that is what it had to.
    fn note(&mut self, at: Instant, step: Step, (gave, took): (Gave, Duration)) {
        let wrong = match step.gives {
            Some(wanted) => (wanted != gave).then(|| format!(", not {wanted}")),
            None => (!matches!(gave, Gave::Number(_))).then(String::new),
        };
        if let Some(wrong) = wrong {
            self.failed.get_or_insert((at, format!("{}: {} = {gave}{wrong}", self.who, step.call)));
        }
        self.say(at, step.call, (gave, took));
    }

    fn say(&mut self, at: Instant, call: Call, (gave, took): (Gave, Duration)) {
        // That it slept is seen by when it goes on.
        if !matches!(call, Call::Wait(_)) {
            self.said.push(Said { at, took, who: self.who.clone(), call, gave });
        }
    }

    /// All is over: a call that is under way won't return.
    pub(super) fn give_up(&mut self, lab: &Lab, now: Instant) {
        let open = self.connection.iter().chain(&self.left).copied().collect::<Vec<_>>();
        open.into_iter().for_each(|socket| self.count(lab.host(self.host), socket));
        if let Some(since) = self.since
            && !self.is_over()
        {
            self.note(now, self.steps[self.at], (Gave::Nothing, now.since(since)));
        } else if !self.is_over() {
            self.failed.get_or_insert((now, format!("{} did not come to its end", self.who)));
        }
    }

    /// Tries a call: what it gives, or that it has to wait.
    fn attempt(
        &mut self,
        lab: &mut Lab,
        now: Instant,
        (call, since): (Call, Instant),
        own: &mut Own<'_>,
    ) -> Result<Poll<u64>, Errno> {
        let done = match call {
            Call::Wait(time) if now.since(since) >= time => Ok(()),
            Call::Wait(_) => return Ok(Poll::Pending),
            Call::Accept => self.accept(lab, now, own),
            Call::Close | Call::Reset => {
                let socket = self.connection.take().or_else(|| self.listener.take());
                let socket = socket.ok_or(Errno::EBADF)?;
                self.close(lab, now, (socket, call == Call::Reset), own);
                Ok(())
            }
            _ => return self.attempt_on_socket(lab, now, call, own),
        };
        or_wait(done.map(|()| 0))
    }

    fn attempt_on_socket(
        &mut self,
        lab: &mut Lab,
        now: Instant,
        call: Call,
        own: &mut Own<'_>,
    ) -> Result<Poll<u64>, Errno> {
        let serves = self.transport == Transport::Udp && self.address.ip().is_unspecified();
        let socket = match self.connection {
            Some(socket) => socket,
            None => {
                let socket = self.open(lab, own)?;
                if serves && !matches!(call, Call::Bind(_) | Call::Set(..)) {
                    lab.host_mut(self.host).bind(now, socket, self.address)?;
                }
                socket
            }
        };
        let host = lab.host_mut(self.host);
        if let (Call::Write(_) | Call::Read(_) | Call::ReadAll, Some(errno)) = (call, self.late.take()) {
            return Err(errno);
        }
        let done = match call {
            Call::Set(option, value) => set(host, now, socket, (option, value)).map(|()| 0),
            Call::Bind(port) => {
                let any = host.local_addr(socket)?.ip();
                host.bind(now, socket, SocketAddr::new(any, port)).map(|()| 0)
            }
            Call::Listen(backlog) => self.listen(host, now, backlog).map(|()| 0),
            Call::Connect => host.connect(now, socket, self.address).map(|()| 0),
            Call::Write(bytes) => self.write(host, now, socket, bytes),
            Call::Read(bytes) => self.read(host, now, socket, bytes),
            Call::ReadAll => loop {
                match self.read(host, now, socket, CHUNK.len()) {
                    Ok(0) => break Ok(self.moved),
                    Ok(bytes) => self.moved += bytes,
                    Err(errno) => break Err(errno),
                }
            },
            Call::WriteUrgent => {
                let flags = MessageFlags::OOB;
                let message = Outgoing { bytes: b"!", flags, ..Outgoing::default() };
                host.send_message(now, socket, &message).map(|sent| sent as u64)
            }
            Call::ReadUrgent => host.receive_urgent(now, socket, false).map(|data| data.len() as u64),
            Call::Shutdown => host.shutdown(now, socket, How::Write).map(|()| 0),
            Call::Accept | Call::Close | Call::Reset | Call::Wait(_) => Ok(0),
        };
        or_wait(done)
    }

    /// A new socket, for the next connection.
    fn open(&mut self, lab: &mut Lab, own: &mut Own<'_>) -> Result<SocketId, Errno> {
        let family = if self.address.is_ipv4() { Family::Inet } else { Family::Inet6 };
        let socket = lab.host_mut(self.host).socket(family, self.transport)?;
        own.sockets.insert((self.host, socket), own.number);
        self.connection = Some(socket);
        Ok(socket)
    }

    /// The socket at hand becomes the listener, a server's at its port if it has none; another's gets one from the kernel.
    fn listen(&mut self, host: &mut Host, now: Instant, backlog: i32) -> Result<(), Errno> {
        let socket = self.connection.ok_or(Errno::EBADF)?;
        if self.address.ip().is_unspecified() && host.local_addr(socket)?.port() == 0 {
            host.bind(now, socket, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.address.port()))?;
        }
        host.listen(now, socket, backlog)?;
        self.listener = self.connection.take();
        Ok(())
    }

    fn accept(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) -> Result<(), Errno> {
        if self.listener.is_none() {
            if self.connection.is_none() {
                self.open(lab, own)?;
            }
            self.listen(lab.host_mut(self.host), now, BACKLOG)?;
        }
        let listener = self.listener.ok_or(Errno::EBADF)?;
        let (socket, _) = lab.host_mut(self.host).accept(now, listener)?;
        own.sockets.insert((self.host, socket), own.number);
        self.left.extend(self.connection.replace(socket));
        Ok(())
    }

    fn write(&mut self, host: &mut Host, now: Instant, socket: SocketId, bytes: u64) -> Result<u64, Errno> {
        while self.moved < bytes {
            let left = usize::try_from(bytes - self.moved).unwrap_or(usize::MAX);
            let message =
                Outgoing { bytes: &CHUNK[..left.min(CHUNK.len())], to: self.peer, ..Outgoing::default() };
            match host.send_message(now, socket, &message) {
                Ok(sent) => self.moved += sent as u64,
                Err(errno) if self.moved == 0 || errno == Errno::EAGAIN => return Err(errno),
                // What was taken is told first; the error is the next call's.
                Err(errno) => {
                    self.late = Some(errno);
                    break;
                }
            }
        }
        // What went with the SYN is waited for.
        if host.is_opening(socket) { Err(Errno::EAGAIN) } else { Ok(self.moved) }
    }

    fn read(&mut self, host: &mut Host, now: Instant, socket: SocketId, most: usize) -> Result<u64, Errno> {
        let read = if self.transport == Transport::Udp {
            let (data, peer) = host.receive_from(now, socket, false)?;
            if self.address.ip().is_unspecified() {
                self.peer = Some(peer);
            }
            data.len().min(most) as u64
        } else {
            host.receive(now, socket, most, false)?.len() as u64
        };
        self.came += read;
        Ok(read)
    }

    fn close(&mut self, lab: &mut Lab, now: Instant, (socket, abort): (SocketId, bool), own: &mut Own<'_>) {
        let host = lab.host_mut(self.host);
        self.count(host, socket);
        if abort {
            host.abort(now, socket);
        } else {
            host.close(now, socket);
        }
        own.sockets.remove(&(self.host, socket));
    }

    /// What a connection has sent.
    fn count(&mut self, host: &Host, socket: SocketId) {
        if let Some(info) = host.info(socket) {
            self.segments += info.segs_out;
            self.retransmitted += u64::from(info.total_retrans);
        }
    }
}

fn set(host: &mut Host, now: Instant, socket: SocketId, (option, value): (Opt, i32)) -> Result<(), Errno> {
    host.set_option(now, socket, option, value.into())
}

/// What a non-blocking call says, as a blocking one would.
fn or_wait(done: Result<u64, Errno>) -> Result<Poll<u64>, Errno> {
    match done {
        Ok(number) => Ok(Poll::Ready(number)),
        Err(Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY) => Ok(Poll::Pending),
        Err(errno) => Err(errno),
    }
}
