//! A socket of either side, used alike.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt};
use sockeye_abi::{Errno, Family, How, Opt, Transport, Value};
use sockeye_socket::SocketId;

use crate::rig::{Rig, Side, Version};

pub(crate) enum Socket {
    Linux(OwnedFd),
    Sockeye(SocketId),
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

impl Rig {
    pub(crate) fn socket(&mut self, side: Side, version: Version) -> Socket {
        match side {
            Side::Linux => {
                let family = match version {
                    Version::V4 => AddressFamily::INET,
                    Version::V6 => AddressFamily::INET6,
                };
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                Socket::Linux(
                    rustix::net::socket_with(family, SocketType::STREAM, flags, None).expect("a socket"),
                )
            }
            Side::Sockeye => {
                let family = match version {
                    Version::V4 => Family::Inet,
                    Version::V6 => Family::Inet6,
                };
                let (now, id) = (self.now(), self.host.socket(family, Transport::Tcp).expect("a socket"));
                if let Some(mss) = self.mss {
                    let bound = Value::Int(mss.into());
                    self.host.set_option(now, id, Opt::TcpMaxSeg, bound).expect("TCP_MAXSEG");
                }
                Socket::Sockeye(id)
            }
        }
    }

    pub(crate) fn listen(&mut self, side: Side, version: Version, port: u16) -> Socket {
        let (now, address) = (self.now(), side.at(version, port));
        let socket = self.socket(side, version);
        match &socket {
            Socket::Linux(fd) => {
                rustix::net::bind(fd, &address).expect("an address");
                rustix::net::listen(fd, 10).expect("a listener");
            }
            Socket::Sockeye(id) => {
                self.host.bind(now, *id, address).expect("an address");
                self.host.listen(now, *id, 10).expect("a listener");
            }
        }
        socket
    }

    /// Begins a connection, or says what became of it.
    pub(crate) fn connect(&mut self, socket: &Socket, to: SocketAddr) -> Result<(), Errno> {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => rustix::net::connect(fd, &to).map_err(errno),
            Socket::Sockeye(id) => self.host.connect(now, *id, to),
        }
    }

    /// How an attempt to connect ends.
    pub(crate) fn connected(&mut self, socket: &Socket, to: SocketAddr) -> Result<(), Errno> {
        let mut outcome = Ok(());
        self.run("connecting", |rig| {
            outcome = rig.connect(socket, to);
            !matches!(outcome, Err(Errno::EINPROGRESS | Errno::EALREADY))
        });
        outcome
    }

    pub(crate) fn accept(&mut self, listener: &Socket) -> Option<Socket> {
        let now = self.now();
        match listener {
            Socket::Linux(fd) => {
                let accepted = rustix::net::accept_with(fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC);
                accepted.ok().map(Socket::Linux)
            }
            Socket::Sockeye(id) => {
                self.host.accept(now, *id).ok().map(|(accepted, _)| Socket::Sockeye(accepted))
            }
        }
    }

    /// Both ends of a new connection: of who connects, and of who listens.
    pub(crate) fn connection(&mut self, from: Side, version: Version) -> [Socket; 2] {
        let port = self.port();
        let to = from.other().at(version, port);
        let listener = self.listen(from.other(), version, port);
        let client = self.socket(from, version);
        assert_eq!(self.connected(&client, to), Ok(()));
        let mut server = None;
        self.run("accepting", |rig| {
            server = rig.accept(&listener);
            server.is_some()
        });
        self.close(listener);
        [client, server.expect("accepted")]
    }

    pub(crate) fn send(&mut self, socket: &Socket, bytes: &[u8]) -> Result<usize, Errno> {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => rustix::net::send(fd, bytes, SendFlags::NOSIGNAL).map_err(errno),
            Socket::Sockeye(id) => self.host.send(now, *id, bytes),
        }
    }

    pub(crate) fn receive(&mut self, socket: &Socket, max: usize) -> Result<Vec<u8>, Errno> {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => {
                let mut bytes = vec![0; max];
                let got = rustix::net::recv(fd, &mut bytes[..], RecvFlags::empty());
                let (len, _) = got.map_err(errno)?;
                bytes.truncate(len);
                Ok(bytes)
            }
            Socket::Sockeye(id) => Ok(self.host.receive(now, *id, max, false)?.to_vec()),
        }
    }

    pub(crate) fn shut(&mut self, socket: &Socket) {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => rustix::net::shutdown(fd, Shutdown::Write).expect("shut"),
            Socket::Sockeye(id) => self.host.shutdown(now, *id, How::Write).expect("shut"),
        }
    }

    pub(crate) fn close(&mut self, socket: Socket) {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => drop(fd),
            Socket::Sockeye(id) => self.host.close(now, id),
        }
    }

    /// Closes with a reset.
    pub(crate) fn abort(&mut self, socket: Socket) {
        let now = self.now();
        match socket {
            Socket::Linux(fd) => {
                sockopt::set_socket_linger(fd.as_fd(), Some(Duration::ZERO)).expect("linger");
            }
            Socket::Sockeye(id) => self.host.abort(now, id),
        }
    }
}
