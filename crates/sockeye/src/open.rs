//! An open socket, as all its handles share it: what std's types, the async ones and [`crate::Socket`] stand on.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_abi::{Device, Errno, Family, GroupRequest, MessageFlags, Opt, Readiness, Transport, Value};
use sockeye_base::{Chain, Instant};
use sockeye_lab::HostId;
use sockeye_socket::{Host, Outgoing, SocketId, UnixMessage};

use crate::blocking;
use crate::engine::{Shared, must_wait};
use crate::identity::Identity;
use crate::waiting::{Interest, Ticket};

/// An open socket; closed when its last handle is dropped.
pub(crate) struct Open {
    pub(crate) shared: Arc<Shared>,
    pub(crate) host: HostId,
    pub(crate) id: SocketId,
    /// Of a Unix-domain socket: who has it.
    identity: Option<Arc<Identity>>,
    /// Dropping it doesn't wait, whatever SO_LINGER says.
    never_lingers: AtomicBool,
}

impl Drop for Open {
    /// The close(2) of the last descriptor: with SO_LINGER and a time it waits, where the thread may.
    fn drop(&mut self) {
        let place = (self.host, self.id);
        if self.never_lingers.load(Ordering::Relaxed) || !blocking::may_wait(&self.shared) {
            return self.shared.close(place);
        }
        if let Some(until) = self.shared.close_or_linger(place) {
            // Whatever ends the wait, the rest is the network's.
            let _ = self.block_until(Interest::Read, Some(until), |host, _, id| {
                if host.is_lingering(id) { Err(Errno::EAGAIN) } else { Ok(()) }
            });
            self.shared.close(place);
        }
    }
}

/// An error number as std shows it.
pub(crate) fn os_error(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0)
}

impl Open {
    /// Who has it, if it is a Unix-domain socket.
    pub(crate) fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Opens a socket on a host.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        host: HostId,
        family: Family,
        transport: Transport,
    ) -> io::Result<Arc<Open>> {
        let id = shared.on(host, |host, _| host.socket(family, transport)).map_err(os_error)?;
        Ok(Open::adopt(shared, (host, id), None))
    }

    /// A socket that is open already, with a hold on it.
    pub(crate) fn adopt(
        shared: &Arc<Shared>,
        (host, id): (HostId, SocketId),
        identity: Option<Arc<Identity>>,
    ) -> Arc<Open> {
        let never_lingers = AtomicBool::new(false);
        Arc::new(Open { shared: shared.clone(), host, id, identity, never_lingers })
    }

    /// A call on the socket's host, as who has it.
    pub(crate) fn on<T>(
        &self,
        call: impl FnOnce(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.shared.on(self.host, |host, now| {
            self.identity.iter().for_each(|who| host.act_as(who));
            call(host, now, self.id)
        })
    }

    /// A call that never waits.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> io::Result<T> {
        self.on(call).map_err(os_error)
    }

    /// A call that may have to wait, as a poll: [`Shared::poll`].
    pub(crate) fn poll<T>(
        &self,
        place: (Interest, &mut Option<Ticket>),
        context: &mut Context<'_>,
        call: impl FnOnce(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> Poll<io::Result<T>> {
        let call = |host: &mut Host, now, id| {
            self.identity.iter().for_each(|who| host.act_as(who));
            call(host, now, id)
        };
        self.shared.poll((self.host, self.id), place, context, call).map_err(os_error)
    }

    /// A call that may have to wait, as a future.
    pub(crate) async fn wait<T>(
        &self,
        interest: Interest,
        mut call: impl FnMut(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> io::Result<T> {
        let mut place = Place::new(self);
        poll_fn(|context| self.poll((interest, &mut place.ticket), context, &mut call)).await
    }

    /// Waits for any of these bits, or an error or hang-up; gives those that there are.
    pub(crate) async fn ready(&self, wanted: Readiness) -> io::Result<Readiness> {
        let told = wanted | Readiness::ERR | Readiness::HUP;
        self.wait(Interest::Any(wanted), move |host, _, id| {
            let bits = host.readiness(id) & told;
            if bits.is_empty() { Err(Errno::EAGAIN) } else { Ok(bits) }
        })
        .await
    }

    /// A call that may have to wait, as a blocking one; EAGAIN or what the call said when the socket is non-blocking or
    /// its time (`limit`: SO_RCVTIMEO or SO_SNDTIMEO) is up.
    pub(crate) fn block<T>(
        &self,
        wait: (Interest, Opt),
        call: impl FnMut(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> io::Result<T> {
        self.block_unless(false, wait, call)
    }

    /// [`Open::block`], unless the call is not to wait (MSG_DONTWAIT).
    pub(crate) fn block_unless<T>(
        &self,
        dont_wait: bool,
        (interest, limit): (Interest, Opt),
        mut call: impl FnMut(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> io::Result<T> {
        let waits = match self.on(&mut call) {
            Err(errno) if must_wait(errno) && !dont_wait && !self.is_nonblocking() => errno,
            result => return result.map_err(os_error),
        };
        let until = self.time_limit(limit)?;
        self.block_until(interest, until, call)?.ok_or_else(|| os_error(waits))
    }

    /// A blocking call with a time of its own; `None` when that is up.
    pub(crate) fn block_until<T>(
        &self,
        interest: Interest,
        until: Option<Instant>,
        mut call: impl FnMut(&mut Host, Instant, SocketId) -> Result<T, Errno>,
    ) -> io::Result<Option<T>> {
        let mut place = Place::new(self);
        let result = blocking::wait(&self.shared, until, |context| {
            self.poll((interest, &mut place.ticket), context, &mut call)
        })?;
        result.transpose()
    }

    /// When a call that begins now gives up.
    fn time_limit(&self, limit: Opt) -> io::Result<Option<Instant>> {
        let (value, now) =
            self.call(|host, now, id| host.option(now, id, limit).map(|value| (value, now)))?;
        match value {
            Value::Time(span) => Ok(span.map(|span| now + span)),
            _ => Ok(None),
        }
    }

    /// Connects; a stream is then under way or there.
    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.block((Interest::Write, Opt::SoSndTimeo), |host, now, id| host.connect(now, id, address))
    }

    /// Takes the next connection of a listener.
    pub(crate) fn accept(&self) -> io::Result<(Arc<Open>, SocketAddr)> {
        let accepted = self.block((Interest::Read, Opt::SoRcvTimeo), Host::accept)?;
        Ok(self.accepted(accepted))
    }

    /// The handle of a connection accepted.
    pub(crate) fn accepted(&self, (id, peer): (SocketId, SocketAddr)) -> (Arc<Open>, SocketAddr) {
        (Open::adopt(&self.shared, (self.host, id), None), peer)
    }

    /// Receives into a buffer; gives what was copied. A datagram that is longer is cut.
    pub(crate) fn receive(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        let chain = self.receive_chain(buffer.len(), peek)?;
        Ok(chain.copy_to(buffer))
    }

    /// At most so many bytes of a stream, if they are there and taking them has no consequences.
    pub(crate) fn receive_plain(&self, max: usize) -> Option<Chain> {
        self.shared.glance(self.host, |host| host.receive_plain(self.id, max))
    }

    /// Receives at most so many bytes of a stream, or a datagram, without a copy.
    pub(crate) fn receive_chain(&self, max: usize, peek: bool) -> io::Result<Chain> {
        if !peek && let Some(chain) = self.receive_plain(max) {
            return Ok(chain);
        }
        let (waits, mut receive) = (!self.is_nonblocking(), receiving(max, peek));
        let mut is_short = false;
        let outcome = self.block((Interest::Read, Opt::SoRcvTimeo), |host, now, id| {
            is_short = waits && host.is_short_of(id, max);
            if is_short { Err(Errno::EAGAIN) } else { receive(host, now, id) }
        });
        // Time is up: what is there will do.
        if is_short { self.call(receiving(max, peek)) } else { outcome }
    }

    /// Receives a datagram and who sent it.
    pub(crate) fn receive_from(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let (chain, source) = self.block((Interest::Read, Opt::SoRcvTimeo), receiving_from(peek))?;
        Ok((chain.copy_to(buffer), source))
    }

    /// Sends: a stream takes what there is room for, at least a byte.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send_message(bytes, MessageFlags::empty())
    }

    /// The same with flags.
    pub(crate) fn send_message(&self, bytes: &[u8], flags: MessageFlags) -> io::Result<usize> {
        if self.is_unix() {
            return self.send_unix(bytes, &UnixMessage { flags, ..UnixMessage::default() });
        }
        self.block((Interest::Write, Opt::SoSndTimeo), |host, now, id| {
            host.send_message(now, id, &Outgoing { bytes, flags, ..Outgoing::default() })
        })
    }

    /// Sends a datagram to an address.
    pub(crate) fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.block((Interest::Write, Opt::SoSndTimeo), |host, now, id| host.send_to(now, id, bytes, Some(to)))
    }

    pub(crate) fn set_option(&self, option: Opt, value: Value) -> io::Result<()> {
        self.call(|host, now, id| host.set_option(now, id, option, value))
    }

    pub(crate) fn option(&self, option: Opt) -> io::Result<Value> {
        self.call(|host, now, id| host.option(now, id, option))
    }

    /// Joins or leaves a group of IPv4 on the interface with an address.
    pub(crate) fn set_group_v4(&self, option: Opt, group: Ipv4Addr, address: Ipv4Addr) -> io::Result<()> {
        let device = Device { index: 0, address };
        self.set_option(option, Value::Group(GroupRequest { group: group.into(), device, source: None }))
    }

    /// Joins or leaves a group of IPv6 on the interface of a number.
    pub(crate) fn set_group_v6(&self, option: Opt, group: Ipv6Addr, index: u32) -> io::Result<()> {
        // What is more than an int is no interface's number.
        let device = Device::index(i32::try_from(index).unwrap_or(i32::MAX));
        self.set_option(option, Value::Group(GroupRequest { group: group.into(), device, source: None }))
    }

    pub(crate) fn set_int(&self, option: Opt, value: u32) -> io::Result<()> {
        let value = i32::try_from(value).map_err(|_| os_error(Errno::EINVAL))?;
        self.set_option(option, Value::Int(value))
    }

    pub(crate) fn int(&self, option: Opt) -> io::Result<u32> {
        self.option(option)?.int().map(i32::cast_unsigned).map_err(os_error)
    }

    pub(crate) fn set_flag(&self, option: Opt, on: bool) -> io::Result<()> {
        self.set_option(option, Value::Int(i32::from(on)))
    }

    pub(crate) fn flag(&self, option: Opt) -> io::Result<bool> {
        self.option(option)?.flag().map_err(os_error)
    }

    /// As std's set_read_timeout: a zero span is refused.
    pub(crate) fn set_time(&self, option: Opt, limit: Option<Duration>) -> io::Result<()> {
        if limit.is_some_and(|limit| limit.is_zero()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        self.set_option(option, Value::Time(limit))
    }

    pub(crate) fn time(&self, option: Opt) -> io::Result<Option<Duration>> {
        match self.option(option)? {
            Value::Time(limit) => Ok(limit),
            _ => Err(os_error(Errno::EINVAL)),
        }
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let error = self.option(Opt::SoError)?.int().map_err(os_error)?;
        Ok((error != 0).then(|| io::Error::from_raw_os_error(error)))
    }

    /// Dropping it never waits: it belongs to tasks.
    pub(crate) fn never_lingers(&self) {
        self.never_lingers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_nonblocking(&self, on: bool) {
        self.shared.on(self.host, |host, _| host.set_nonblocking(self.id, on));
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.shared.look(|engine| engine.lab.host(self.host).is_nonblocking(self.id))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.call(|host, _, id| host.local_addr(id))
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.call(|host, _, id| host.peer_addr(id))
    }
}

/// A `recv` of at most so many bytes.
pub(crate) fn receiving(
    max: usize,
    peek: bool,
) -> impl FnMut(&mut Host, Instant, SocketId) -> Result<Chain, Errno> {
    move |host, now, id| match host.receive(now, id, max, peek) {
        // A datagram socket that is shut for reading says it is at its end; and no read waits for nothing (read(2)).
        Err(Errno::EAGAIN) if max == 0 || host.is_shut(id).0 => Ok(Chain::new()),
        result => result,
    }
}

/// Spreads what was received over several buffers, one after the other; gives how much it was.
pub(crate) fn scatter(mut chain: Chain, bufs: &mut [IoSliceMut<'_>]) -> usize {
    let length = chain.len();
    for buf in bufs {
        let copied = chain.copy_to(buf);
        chain.advance(copied);
    }
    length
}

/// A `recvfrom`.
pub(crate) fn receiving_from(
    peek: bool,
) -> impl FnMut(&mut Host, Instant, SocketId) -> Result<(Chain, SocketAddr), Errno> {
    move |host, now, id| host.receive_from(now, id, peek)
}

/// A place among a socket's waiters, given up when dropped.
struct Place<'a> {
    open: &'a Open,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    fn new(open: &'a Open) -> Place<'a> {
        Place { open, ticket: None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.open.shared.forget((self.open.host, self.open.id), ticket);
        }
    }
}
