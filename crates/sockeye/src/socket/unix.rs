//! The calls of [`Socket`] that are of Unix-domain sockets alone.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use sockeye_abi::{Credentials, Errno, MessageFlags, SocketType, UnixAddress};
use sockeye_socket as engine;

use super::Socket;
use crate::open::os_error;
use crate::unix;

/// What SCM_RIGHTS passes: a socket of this host, or any descriptor of this process.
#[derive(Clone, Debug)]
pub enum Passed {
    /// A socket. Who receives it has it too, as after dup(2).
    Socket(Socket),
    /// A descriptor, closed when the last who has it drops it.
    Descriptor(Arc<OwnedFd>),
}

/// A message of a Unix-domain socket to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixMessage<'a> {
    /// Where to, for a datagram.
    pub to: Option<&'a UnixAddress>,
    /// What to pass (SCM_RIGHTS), at most 253.
    pub passed: &'a [Passed],
    /// Who to say has sent it (SCM_CREDENTIALS).
    pub credentials: Option<Credentials>,
    /// MSG_OOB, MSG_DONTWAIT.
    pub flags: MessageFlags,
}

/// A message of a Unix-domain socket received.
#[derive(Debug, Default)]
pub struct UnixReceived {
    /// How many bytes were copied.
    pub copied: usize,
    /// How many there were.
    pub length: usize,
    /// The sender's name, if it has one.
    pub source: Option<UnixAddress>,
    /// What was passed.
    pub passed: Vec<Passed>,
    /// Who sent it, if SO_PASSCRED is on.
    pub credentials: Option<Credentials>,
    /// MSG_TRUNC, MSG_CTRUNC, MSG_OOB.
    pub flags: MessageFlags,
}

impl Socket {
    /// Opens a Unix-domain socket on the host entered.
    pub fn unix(kind: SocketType) -> io::Result<Socket> {
        Ok(Socket { open: unix::open(kind)? })
    }

    /// Opens two that are each other's peers (socketpair(2)).
    pub fn unix_pair(kind: SocketType) -> io::Result<(Socket, Socket)> {
        let (a, b) = unix::pair(kind)?;
        Ok((Socket { open: a }, Socket { open: b }))
    }

    /// Its type, if it is a Unix-domain socket.
    pub fn unix_kind(&self) -> Option<SocketType> {
        self.open.shared.look(|engine| engine.lab.host(self.open.host).unix_kind(self.open.id))
    }

    /// bind(2); to no name: to one of the host's choice.
    pub fn bind_unix(&self, address: &UnixAddress) -> io::Result<()> {
        self.open.bind_unix(address)
    }

    /// connect(2). EAGAIN on a non-blocking socket while the listener's queue is full.
    pub fn connect_unix(&self, address: &UnixAddress) -> io::Result<()> {
        self.open.connect_unix(address)
    }

    /// connect(2) to AF_UNSPEC: a datagram socket without a peer again.
    pub fn disconnect_unix(&self) -> io::Result<()> {
        self.open.call(|host, now, id| host.unix_disconnect(now, id))
    }

    /// accept(2).
    pub fn accept_unix(&self) -> io::Result<(Socket, UnixAddress)> {
        let (open, peer) = self.open.accept_unix()?;
        Ok((Socket { open }, peer))
    }

    /// getsockname(2).
    pub fn local_unix(&self) -> io::Result<UnixAddress> {
        self.open.local_unix()
    }

    /// getpeername(2).
    pub fn peer_unix(&self) -> io::Result<UnixAddress> {
        self.open.peer_unix()
    }

    /// sendmsg(2). EBADF for a socket of another host.
    pub fn send_unix(&self, bytes: &[u8], message: &UnixMessage<'_>) -> io::Result<usize> {
        let rights = message.passed.iter().map(|passed| match passed {
            Passed::Socket(socket) if socket.host() == self.host() => {
                Ok(engine::Passed::Socket(socket.open.id))
            }
            Passed::Socket(_) => Err(os_error(Errno::EBADF)),
            Passed::Descriptor(descriptor) => Ok(engine::Passed::Opaque(descriptor.clone())),
        });
        let rights = rights.collect::<io::Result<Vec<_>>>()?;
        let UnixMessage { to, credentials, flags, .. } = *message;
        self.open.send_unix(bytes, &engine::UnixMessage { to, rights: &rights, credentials, flags })
    }

    /// recvmsg(2), with room for so many things passed. MSG_PEEK, MSG_OOB, MSG_DONTWAIT and MSG_WAITALL are heeded.
    pub fn recv_unix(&self, buffer: &mut [u8], room: usize, flags: MessageFlags) -> io::Result<UnixReceived> {
        let received = self.open.receive_unix(buffer.len(), flags, room)?;
        let passed = received.rights.into_iter().filter_map(|passed| match passed {
            engine::Passed::Socket(id) => Some(Passed::Socket(Socket { open: self.open.sibling(id) })),
            // Nothing else is ever passed.
            engine::Passed::Opaque(thing) => thing.downcast::<OwnedFd>().ok().map(Passed::Descriptor),
        });
        Ok(UnixReceived {
            copied: received.bytes.copy_to(buffer),
            length: received.length,
            source: received.source.as_deref().cloned(),
            passed: passed.collect(),
            credentials: received.credentials,
            flags: received.flags,
        })
    }
}
