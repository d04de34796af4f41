//! Unix-domain sockets as their handles share them: what `crate::os::unix::net` and [`crate::Socket`] stand on.

use std::io;
use std::sync::Arc;

use sockeye_abi::{Errno, MessageFlags, Opt, SocketType, UnixAddress};
use sockeye_base::Instant;
use sockeye_socket::{Host, SocketId, UnixMessage, UnixReceived};

use crate::host;
use crate::open::{Open, os_error};
use crate::waiting::Interest;

/// A new socket on the host entered, of whoever entered it.
pub(crate) fn open(kind: SocketType) -> io::Result<Arc<Open>> {
    let here = host::here()?;
    let id = here.shared.on(here.id, |host, _| host.unix_socket(kind)).map_err(os_error)?;
    Ok(Open::adopt(&here.shared, (here.id, id), Some(here.identity().clone())))
}

/// Two that are each other's peers.
pub(crate) fn pair(kind: SocketType) -> io::Result<(Arc<Open>, Arc<Open>)> {
    let here = host::here()?;
    let ids = here.shared.on(here.id, |host, _| {
        host.act_as(here.identity());
        host.unix_pair(kind)
    });
    let (a, b) = ids.map_err(os_error)?;
    let adopt = |id| Open::adopt(&here.shared, (here.id, id), Some(here.identity().clone()));
    Ok((adopt(a), adopt(b)))
}

/// connect(2).
pub(crate) fn connecting(
    address: &UnixAddress,
) -> impl FnMut(&mut Host, Instant, SocketId) -> Result<(), Errno> {
    move |host, now, id| host.unix_connect(now, id, address)
}

/// accept(2).
pub(crate) fn accepting(host: &mut Host, _: Instant, id: SocketId) -> Result<(SocketId, UnixAddress), Errno> {
    host.unix_accept(id)
}

impl Open {
    pub(crate) fn is_unix(&self) -> bool {
        self.identity().is_some()
    }

    pub(crate) fn bind_unix(&self, address: &UnixAddress) -> io::Result<()> {
        self.call(|host, _, id| host.unix_bind(id, address))
    }

    pub(crate) fn connect_unix(&self, address: &UnixAddress) -> io::Result<()> {
        self.block((Interest::Write, Opt::SoSndTimeo), connecting(address))
    }

    /// Takes the next connection; of a listener that is shut for reading none will come.
    pub(crate) fn accept_unix(&self) -> io::Result<(Arc<Open>, UnixAddress)> {
        let waits = !self.is_nonblocking();
        let accepted =
            self.block((Interest::Read, Opt::SoRcvTimeo), |host, now, id| match accepting(host, now, id) {
                Err(Errno::EAGAIN) if waits && host.is_shut(id).0 => Err(Errno::EINVAL),
                outcome => outcome,
            })?;
        Ok(self.accepted_unix(accepted))
    }

    /// The handle of a connection accepted.
    pub(crate) fn accepted_unix(&self, (id, peer): (SocketId, UnixAddress)) -> (Arc<Open>, UnixAddress) {
        (self.sibling(id), peer)
    }

    /// Another socket of the same host, for the same user.
    pub(crate) fn sibling(&self, id: SocketId) -> Arc<Open> {
        let own = self.shared.look(|engine| engine.lab.host(self.host).unix_kind(id).is_some());
        Open::adopt(&self.shared, (self.host, id), self.identity().filter(|_| own).cloned())
    }

    pub(crate) fn local_unix(&self) -> io::Result<UnixAddress> {
        self.call(|host, _, id| host.unix_local(id))
    }

    pub(crate) fn peer_unix(&self) -> io::Result<UnixAddress> {
        self.call(|host, _, id| host.unix_peer(id))
    }

    /// Sends. MSG_DONTWAIT is heeded; a stream that may wait sends all of it, as Linux's.
    pub(crate) fn send_unix(&self, bytes: &[u8], message: &UnixMessage<'_>) -> io::Result<usize> {
        let dont_wait = message.flags.contains(MessageFlags::DONTWAIT);
        let mut sent = 0;
        let outcome = self.block_unless(dont_wait, (Interest::Write, Opt::SoSndTimeo), |host, now, id| {
            let rest = bytes.get(sent..).unwrap_or_default();
            let rights = if sent == 0 { message.rights } else { &[] };
            sent += host.unix_send(now, id, rest, &UnixMessage { rights, ..*message })?;
            if sent < bytes.len() { Err(Errno::EAGAIN) } else { Ok(()) }
        });
        match outcome {
            Err(error) if sent == 0 => Err(error),
            Err(_) | Ok(()) => Ok(sent),
        }
    }

    /// Receives at most `max` bytes, and `room` of what was passed. MSG_DONTWAIT and MSG_WAITALL are heeded.
    pub(crate) fn receive_unix(
        &self,
        max: usize,
        flags: MessageFlags,
        room: usize,
    ) -> io::Result<UnixReceived> {
        let mut received = self.receive_unix_once(max, flags, room)?;
        let waits_for_all = flags.contains(MessageFlags::WAITALL)
            && !flags.intersects(MessageFlags::PEEK | MessageFlags::DONTWAIT | MessageFlags::OOB)
            && self.call(|host, _, id| Ok(host.unix_kind(id) == Some(SocketType::Stream)))?;
        while waits_for_all && received.length > 0 && received.length < max && received.rights.is_empty() {
            // What comes first is told; an error is for the next call.
            let Ok(more) = self.receive_unix_once(max - received.length, flags, room) else { break };
            if more.length == 0 {
                break;
            }
            received.length += more.length;
            received.bytes.append(more.bytes);
            received.rights = more.rights;
            received.flags |= more.flags;
        }
        Ok(received)
    }

    fn receive_unix_once(&self, max: usize, flags: MessageFlags, room: usize) -> io::Result<UnixReceived> {
        let dont_wait = flags.contains(MessageFlags::DONTWAIT);
        let waits = !dont_wait && !self.is_nonblocking();
        self.block_unless(dont_wait, (Interest::Read, Opt::SoRcvTimeo), |host, now, id| {
            match host.unix_receive(now, id, max, (flags, room)) {
                // Who would wait at a datagram socket that is shut for reading finds the end.
                Err(Errno::EAGAIN) if waits && host.is_shut(id).0 => Ok(UnixReceived::default()),
                outcome => outcome,
            }
        })
    }
}
