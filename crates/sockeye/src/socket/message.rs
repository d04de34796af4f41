//! Messages with control data, one by one and many at once.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_abi::{Control, Errno, MessageFlags, Opt, Readiness};
use sockeye_base::Instant;
use sockeye_socket::{Host, Incoming, Outgoing, SocketId};

use super::Socket;
use crate::open::{Open, os_error};
use crate::waiting::Interest;

/// Most messages that one call sends (`UIO_MAXIOV`).
const MESSAGES: usize = 1024;

/// A message to send (sendmsg(2)).
///
/// ```
/// # use sockeye::socket::{Control, Message};
/// let control = [Control::IpTtl(3)];
/// let probe = Message::new(b"how far?").to(([10, 0, 0, 2], 33434).into()).control(&control);
/// # let _ = probe;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    bytes: &'a [u8],
    to: Option<SocketAddr>,
    control: &'a [Control],
    flags: MessageFlags,
}

/// What is known of a message received (recvmsg(2)); its data are in the buffer that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes that were copied into the buffer; with MSG_TRUNC on a stream, thrown away.
    pub length: usize,
    /// Bytes of the datagram as it was sent.
    pub full_length: usize,
    /// Who sent it; of an entry of the error queue, where it had been sent. A stream says nothing.
    pub source: Option<SocketAddr>,
    /// What the socket's options ask for: [`Control::IpTtl`] with IP_RECVTTL, and so on.
    pub control: Vec<Control>,
    /// MSG_TRUNC: the buffer was too short for the datagram. MSG_ERRQUEUE: it comes from the error queue. MSG_OOB: it is urgent.
    pub flags: MessageFlags,
}

impl<'a> Message<'a> {
    /// A message with these bytes, to the peer.
    pub fn new(bytes: &'a [u8]) -> Message<'a> {
        Message { bytes, ..Message::default() }
    }

    /// To this address. A stream ignores it.
    pub fn to(mut self, address: SocketAddr) -> Message<'a> {
        self.to = Some(address);
        self
    }

    /// With these control messages. EINVAL when it is sent, for those that are not for sending on such a socket.
    pub fn control(mut self, control: &'a [Control]) -> Message<'a> {
        self.control = control;
        self
    }

    /// With these flags.
    pub fn flags(mut self, flags: MessageFlags) -> Message<'a> {
        self.flags = flags;
        self
    }
}

impl Socket {
    /// sendmsg(2): gives how many bytes were taken; a datagram is taken whole. As on Linux, flags that mean nothing to the
    /// socket are ignored.
    pub fn send_message(&self, message: &Message<'_>) -> io::Result<usize> {
        let Message { bytes, to, control, flags } = *message;
        let outgoing = Outgoing { bytes, to, control, flags };
        let dont_wait = flags.contains(MessageFlags::DONTWAIT);
        self.open.block_unless(dont_wait, (Interest::Write, Opt::SoSndTimeo), |host, now, id| {
            host.send_message(now, id, &outgoing)
        })
    }

    /// recvmsg(2). MSG_PEEK leaves the data there, MSG_WAITALL waits until the buffer is full (streams), MSG_OOB means urgent
    /// data, MSG_ERRQUEUE the error queue, which is never waited for; MSG_TRUNC throws a stream's bytes away.
    pub fn receive_message(&self, buffer: &mut [u8], flags: MessageFlags) -> io::Result<Received> {
        let incoming = self.open.receive_message(buffer.len(), flags)?;
        let copied = incoming.payload.copy_to(buffer);
        // What was thrown away counts as what was copied.
        let length =
            if incoming.payload.is_empty() && incoming.source.is_none() { incoming.length } else { copied };
        let Incoming { length: full_length, source, control, flags, .. } = incoming;
        Ok(Received { length, full_length, source, control, flags })
    }

    /// sendmmsg(2): sends one message after the other; gives how many bytes of each were taken. An error ends it, and is told
    /// only if nothing was sent.
    pub fn send_messages(&self, messages: &[Message<'_>]) -> io::Result<Vec<usize>> {
        let mut sent = Vec::new();
        for message in messages.iter().take(MESSAGES) {
            match self.send_message(message) {
                Ok(length) => sent.push(length),
                Err(error) if sent.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// recvmmsg(2): fills one buffer after the other, and waits for all of them, or with MSG_WAITFORONE for the first. Whether
    /// the limit is over is looked at, as on Linux, only when a message has come. An error ends it; if
    /// something was received by then, the next call tells it.
    pub fn receive_messages(
        &self,
        buffers: &mut [&mut [u8]],
        mut flags: MessageFlags,
        limit: Option<Duration>,
    ) -> io::Result<Vec<Received>> {
        let until = limit.map(|limit| self.open.shared.now() + limit);
        // As Linux: the pending error goes before all.
        if !flags.contains(MessageFlags::ERRQUEUE)
            && let Some(error) = self.open.call(|host, _, id| Ok(host.take_error(id)))?
        {
            return Err(os_error(error));
        }
        let mut received = Vec::new();
        for buffer in buffers {
            match self.receive_message(buffer, flags - MessageFlags::WAITFORONE) {
                Ok(message) => received.push(message),
                Err(error) if received.is_empty() => return Err(error),
                Err(error) => {
                    // It is told by the next call.
                    if let Some(errno) =
                        error.raw_os_error().map(Errno).filter(|errno| *errno != Errno::EAGAIN)
                    {
                        self.open.call(|host, _, id| host.set_error(id, errno))?;
                    }
                    break;
                }
            }
            if received.last().is_some_and(|message| message.flags.contains(MessageFlags::OOB)) {
                break;
            }
            if flags.contains(MessageFlags::WAITFORONE) {
                flags |= MessageFlags::DONTWAIT;
            }
            if until.is_some_and(|until| self.open.shared.now() >= until) {
                break;
            }
        }
        Ok(received)
    }
}

impl Open {
    /// recvmsg(2) with room for `max` bytes.
    pub(crate) fn receive_message(&self, max: usize, flags: MessageFlags) -> io::Result<Incoming> {
        let dont_wait = flags.intersects(MessageFlags::DONTWAIT | MessageFlags::ERRQUEUE);
        let wait = (Interest::Read, Opt::SoRcvTimeo);
        if flags.contains(MessageFlags::WAITALL)
            && !flags.intersects(MessageFlags::OOB | MessageFlags::ERRQUEUE)
        {
            let mut all = Incoming::default();
            let outcome = self.block_unless(dont_wait, wait, |host, now, id| {
                receive_all(host, now, id, (max, flags), &mut all)
            });
            return match outcome {
                // Time is up, or the wait is over otherwise, in the middle.
                Err(error) if all.length == 0 => Err(error),
                _ => Ok(all),
            };
        }
        // One that is shut for reading is at its end; nobody waits there.
        let waits = !dont_wait && !self.is_nonblocking();
        let mut is_short = false;
        let outcome = self.block_unless(dont_wait, wait, |host, now, id| {
            is_short = waits && !flags.contains(MessageFlags::OOB) && host.is_short_of(id, max);
            if is_short {
                return Err(Errno::EAGAIN);
            }
            match host.receive_message(now, id, max, flags) {
                Err(Errno::EAGAIN) if waits && host.is_shut(id).0 => Ok(Incoming::default()),
                outcome => outcome,
            }
        });
        // Time is up: what is there will do.
        if is_short { self.call(|host, now, id| host.receive_message(now, id, max, flags)) } else { outcome }
    }
}

/// Adds to what was received until there is as much as was asked for, or an end: EAGAIN if it is to go on.
fn receive_all(
    host: &mut Host,
    now: Instant,
    id: SocketId,
    (max, flags): (usize, MessageFlags),
    all: &mut Incoming,
) -> Result<(), Errno> {
    if !host.transport(id)?.is_stream() {
        *all = host.receive_message(now, id, max, flags)?;
        return Ok(());
    }
    let ended =
        |host: &Host| host.readiness(id).intersects(Readiness::ERR | Readiness::HUP | Readiness::RDHUP);
    if flags.contains(MessageFlags::PEEK) {
        *all = host.receive_message(now, id, max, flags)?;
        return if all.length == max || ended(host) { Ok(()) } else { Err(Errno::EAGAIN) };
    }
    while all.length < max || max == 0 {
        // An end, an error and the urgent mark are for the next call, if this one has something.
        let stops = host.at_mark(id) == Ok(true) || (host.unread(id) == Ok(0) && ended(host));
        if all.length > 0 && stops {
            break;
        }
        let incoming = host.receive_message(now, id, max - all.length, flags)?;
        if incoming.length == 0 {
            break;
        }
        all.length += incoming.length;
        all.payload.append(incoming.payload);
    }
    Ok(())
}
