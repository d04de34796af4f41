//! Messages: sendmsg(2) and recvmsg(2), of which all other ways to send and receive are cases.

use std::net::SocketAddr;

use sockeye_abi::{Control, Errno, MessageFlags, Transport};
use sockeye_base::{Chain, Instant, Pool};
use sockeye_tcp as tcp;

use crate::control::Wishes;
use crate::host::{Host, Result, SocketId};
use crate::unix::{UnixMessage, UnixReceived};

/// So little is never queued in pieces: a segment of the smallest size.
const ALWAYS_WHOLE: usize = 48;

/// A message to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// Its data.
    pub bytes: &'a [u8],
    /// Where to; none: to the peer. A stream ignores it.
    pub to: Option<SocketAddr>,
    /// Control messages.
    pub control: &'a [Control],
    /// MSG_*.
    pub flags: MessageFlags,
}

/// A message received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Its data, no more than there was room for.
    pub payload: Chain,
    /// Bytes of the whole datagram; of a stream, those taken.
    pub length: usize,
    /// Who sent it; of an entry of the error queue, where the datagram was to go. A stream says nothing.
    pub source: Option<SocketAddr>,
    /// What the socket's options ask for.
    pub control: Vec<Control>,
    /// MSG_TRUNC: the datagram was cut. MSG_ERRQUEUE: it is an error. MSG_OOB: it is urgent.
    pub flags: MessageFlags,
}

impl Host {
    /// Sends a message (sendmsg(2)); of a Unix-domain socket [`Host::unix_send`] takes more. A stream heeds MSG_OOB, MSG_MORE, MSG_EOR and MSG_FASTOPEN; datagrams heed MSG_MORE,
    /// MSG_CONFIRM and MSG_PROBE, and can't be urgent: EOPNOTSUPP. Blocking and signals are the caller's.
    ///
    /// With MSG_FASTOPEN on a socket without a connection, or for the first data after a `connect` that waits for them
    /// ([`Host::is_deferred`]), what fits goes with the SYN: EINPROGRESS if nothing does, EALREADY while a connection is
    /// under way. Without MSG_DONTWAIT the caller is to wait for [`Host::connect_outcome`] then, and to send the rest.
    pub fn send_message(&mut self, now: Instant, id: SocketId, message: &Outgoing<'_>) -> Result<usize> {
        if self.unix_end(id).is_some() {
            let flags = message.flags;
            return self.unix_send(now, id, message.bytes, &UnixMessage { flags, ..UnixMessage::default() });
        }
        match self.transport(id)? {
            Transport::Tcp => self.send_on_stream(now, id, message),
            Transport::Ping | Transport::Raw(_) => {
                let bytes = self.pool.copy_in(message.bytes);
                self.send_raw(now, id, message, bytes)
            }
            Transport::Udp => {
                let fetch = |pool: &mut Pool| pool.copy_in(message.bytes);
                self.send_datagram(now, id, message, (message.bytes.len(), fetch))
            }
        }
    }

    /// Receives a message (recvmsg(2); of a Unix-domain socket [`Host::unix_receive`] gives more) of at most `max` bytes. MSG_PEEK leaves it there, MSG_OOB means a stream's urgent
    /// byte, MSG_ERRQUEUE the error queue; MSG_TRUNC throws a stream's bytes away. Waiting (MSG_WAITALL) is the caller's.
    /// EAGAIN when there is nothing yet, ENOTCONN, or the pending error.
    pub fn receive_message(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
        flags: MessageFlags,
    ) -> Result<Incoming> {
        if self.unix_end(id).is_some() {
            let UnixReceived { bytes, length, credentials, flags, .. } =
                self.unix_receive(now, id, max, (flags, 0))?;
            let control = credentials.map(Control::Credentials).into_iter().collect();
            return Ok(Incoming { payload: bytes, length, source: None, control, flags });
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let passed_on = flags & MessageFlags::CMSG_CLOEXEC;
        let transport = self.transport(id)?;
        let mut incoming = match transport {
            Transport::Tcp if flags.contains(MessageFlags::ERRQUEUE) => return Err(Errno::EAGAIN),
            Transport::Udp | Transport::Ping | Transport::Raw(_)
                if flags.contains(MessageFlags::ERRQUEUE) =>
            {
                self.receive_report(id, max)?
            }
            Transport::Tcp => {
                let is_urgent = flags.contains(MessageFlags::OOB);
                let mut payload = if is_urgent {
                    self.receive_urgent_stream(now, id, peek)?
                } else {
                    self.receive_stream(now, id, max, peek)?
                };
                let length = payload.len();
                let mut flags =
                    if is_urgent && length > 0 { MessageFlags::OOB } else { MessageFlags::empty() };
                if length > max {
                    payload.truncate(max);
                    flags |= MessageFlags::TRUNC;
                }
                Incoming { payload, length, flags, ..Incoming::default() }
            }
            Transport::Ping | Transport::Raw(_) if flags.contains(MessageFlags::OOB) => {
                return Err(Errno::EOPNOTSUPP);
            }
            Transport::Udp | Transport::Ping | Transport::Raw(_) => {
                let received = self.receive_datagram(id, peek)?;
                self.shown(id, received, max)?
            }
        };
        incoming.flags |= passed_on;
        if transport.is_stream() && flags.contains(MessageFlags::TRUNC) && !flags.contains(MessageFlags::OOB)
        {
            incoming.payload = Chain::new();
        }
        Ok(incoming)
    }

    fn send_on_stream(&mut self, now: Instant, id: SocketId, message: &Outgoing<'_>) -> Result<usize> {
        let Outgoing { bytes, to, control, flags } = *message;
        if flags.contains(MessageFlags::FASTOPEN)
            && let Some(sent) = self.open_by_sending(now, id, bytes, (to, flags))?
        {
            return Ok(sent);
        }
        Wishes::of_stream(control)?;
        let room = match self.may_send(id, bytes.len()) {
            Err(Errno::EAGAIN) if self.is_deferred(id) => {
                return Ok(self.open_by_sending(now, id, bytes, (to, flags))?.unwrap_or_default());
            }
            room => room?,
        };
        let boundary = if flags.contains(MessageFlags::OOB) {
            tcp::Boundary::Urgent
        } else if flags.contains(MessageFlags::EOR) {
            tcp::Boundary::Record
        } else if flags.contains(MessageFlags::MORE) {
            tcp::Boundary::More
        } else {
            tcp::Boundary::None
        };
        let (mut sent, mut room) = (0, room);
        loop {
            let rest = bytes.get(sent..).unwrap_or_default();
            if boundary != tcp::Boundary::Urgent && rest.len() > ALWAYS_WHOLE {
                room = room.min(self.tcb(id).map_or(0, tcp::Tcb::first_piece));
            }
            let chain = self.pool.copy_in(rest.get(..room).unwrap_or(rest));
            // What didn't fit is still to come, and the end of the record with it.
            let whole = room >= rest.len() || boundary == tcp::Boundary::Urgent;
            let boundary = if whole { boundary } else { tcp::Boundary::None };
            sent += self.queue(now, id, chain, boundary)?;
            // What left at once has made room.
            if sent == bytes.len() {
                return Ok(sent);
            }
            room = self.send_room(id).min(bytes.len() - sent);
            if room == 0 {
                self.note_no_space(id);
                return Ok(sent);
            }
        }
    }
}
