//! System calls: which there are, and those that make, name and end sockets. A call is tried until it doesn't block.

use std::net::SocketAddr;

use sockeye_abi::{Errno, Family, How, MessageFlags, Opt, Request, Transport, Value};
use sockeye_socket::SocketId;

use super::flow::{Flow, Numbers, PORT, Stage};
use super::poll::Epoll;
use super::value::{Address, Arguments};
use super::{Runner, describe};
use crate::failure::{Failure, Result};
use crate::names;
use crate::syntax::{Call, Expr, Nanos};

/// O_RDWR and O_NONBLOCK.
const READ_WRITE: i64 = 2;
const NONBLOCK: i64 = 0o4000;

/// What a call gives: a number or an error.
pub(super) type Returned = std::result::Result<i64, Errno>;

/// What a call that blocks remembers from one try to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// It was tried before.
    pub(super) started: bool,
    /// Bytes done.
    pub(super) done: usize,
    /// It opened a connection by sending, and waits for that.
    pub(super) opening: bool,
    /// When it gives up.
    pub(super) deadline: Option<Nanos>,
}

/// An open file.
#[derive(Clone, Debug)]
pub(super) enum Descriptor {
    /// A socket, and whether its calls fail instead of blocking.
    Socket { id: SocketId, nonblocking: bool },
    /// An epoll instance.
    Epoll(Epoll),
}

impl Descriptor {
    pub(super) fn socket(&self) -> Option<SocketId> {
        match self {
            Descriptor::Socket { id, .. } => Some(*id),
            Descriptor::Epoll(_) => None,
        }
    }
}

impl Runner {
    /// Tries a call; `None`: it blocks.
    pub(super) fn attempt(
        &mut self,
        line: usize,
        call: &Call,
        attempt: &mut Attempt,
    ) -> Result<Option<Returned>> {
        let arguments = Arguments { line, call };
        let returned = match call.name.as_str() {
            "socket" => self.socket(arguments)?,
            "bind" => self.bind(arguments)?,
            "listen" => self.listen(arguments)?,
            "shutdown" => self.shutdown(arguments)?,
            "close" => self.close(arguments)?,
            "fcntl" => self.fcntl(arguments)?,
            "ioctl" => self.ioctl(arguments)?,
            "getsockopt" => self.getsockopt(arguments)?,
            "setsockopt" => self.setsockopt(arguments)?,
            "epoll_create" | "epoll_create1" => {
                let fd = self.new_descriptor(arguments)?;
                self.descriptors.insert(fd, Descriptor::Epoll(Epoll::default()));
                Ok(fd)
            }
            "epoll_ctl" => self.epoll_ctl(arguments)?,
            "connect" => return self.connect(arguments, attempt),
            "accept" | "accept4" => return self.accept(arguments, attempt),
            "poll" => return self.poll(arguments, attempt),
            "epoll_wait" => return self.epoll_wait(arguments, attempt),
            "read" | "recv" | "recvfrom" | "readv" | "recvmsg" => return self.receive(arguments, attempt),
            "write" | "send" | "sendto" | "writev" | "sendmsg" => return self.send(arguments, attempt),
            other => return Err(Failure::unsupported(line, format_args!("the call {other}()"))),
        };
        Ok(Some(returned))
    }

    /// Compares what a call gave with what the script says it gives.
    pub(super) fn check_result(&mut self, line: usize, call: &Call, returned: Returned) -> Result<()> {
        let arguments = Arguments { line, call };
        let expected = match &call.result {
            Expr::Ellipsis => None,
            expr => Some(arguments.value(expr)?),
        };
        let errno = match &call.errno {
            Some(name) => Some(
                names::errno(name)
                    .ok_or_else(|| Failure::unsupported(line, format_args!("the error {name}")))?,
            ),
            None => None,
        };
        let right = match (returned, expected, errno) {
            (_, None, _) => true,
            (Ok(actual), Some(expected), None) => actual == expected,
            (Err(_), Some(expected), None) => expected == -1,
            (Err(actual), Some(expected), Some(errno)) => expected == -1 && actual == errno,
            (Ok(_), Some(_), Some(_)) => false,
        };
        if right {
            return Ok(());
        }
        let wanted = match errno {
            Some(errno) => format!("-1 {}", errno.name()),
            None => expected.unwrap_or(0).to_string(),
        };
        let got = match returned {
            Ok(actual) => actual.to_string(),
            Err(errno) => format!("-1 {} ({errno})", errno.name()),
        };
        Err(Failure::different(line, format!("{} returned {got}, expected {wanted}", call.name))
            .with(format!("at {} s", describe::seconds(self.world.now()))))
    }

    /// The socket of a descriptor, and whether calls on it fail instead of blocking.
    pub(super) fn socket_of(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<std::result::Result<(SocketId, bool), Errno>> {
        let fd = arguments.int(0)?;
        Ok(match self.descriptors.get(&fd) {
            Some(Descriptor::Socket { id, nonblocking }) => Ok((*id, *nonblocking)),
            Some(Descriptor::Epoll(_)) => Err(Errno::ENOTSOCK),
            None => Err(Errno::EBADF),
        })
    }

    /// The number of a new descriptor: the one the script says, or the lowest that is free. As packetdrill: what the script
    /// called by this number before stays open without a name.
    pub(super) fn new_descriptor(&self, arguments: Arguments<'_>) -> Result<i64> {
        let fd = match &arguments.call.result {
            Expr::Int(fd) if *fd >= 0 => *fd,
            _ => (3..).find(|fd| !self.descriptors.contains_key(fd)).unwrap_or(3),
        };
        Ok(fd)
    }

    fn socket(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(3)?;
        let own = if self.setup.v6 || self.setup.mapped { Family::Inet6 } else { Family::Inet };
        let domain = arguments.int_or_any(0)?.unwrap_or(own.number().into());
        let int = |value: i64| i32::try_from(value).unwrap_or(-1);
        let request = match Request::decode(int(domain), int(arguments.int(1)?), int(arguments.int(2)?)) {
            Ok(request) => request,
            Err(errno) => return Ok(Err(errno)),
        };
        let id = match self.world.host.socket(request.family, request.transport) {
            Ok(id) => id,
            Err(errno) => return Ok(Err(errno)),
        };
        let fd = self.new_descriptor(arguments)?;
        self.descriptors.insert(fd, Descriptor::Socket { id, nonblocking: request.nonblock });
        self.flow = Some(Flow {
            stage: Stage::New,
            is_udp: request.transport == Transport::Udp,
            fd: Some(fd),
            local: SocketAddr::new(self.setup.local, PORT),
            remote: SocketAddr::new(self.setup.remote, PORT),
            numbers: Numbers::default(),
        });
        Ok(Ok(fd))
    }

    fn bind(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(3)?;
        let (id, _) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Err(errno)),
        };
        let address = match arguments.address(1)? {
            Address::Unsaid => SocketAddr::new(self.setup.local, PORT),
            Address::Inet(address) => address,
            Address::Unspec => return Ok(Err(Errno::EAFNOSUPPORT)),
        };
        let bound = self.world.host.bind(self.world.clock(), id, self.setup.to_call(address));
        let local = self.world.host.local_addr(id);
        if let (Ok(()), Ok(local), Some(flow)) = (bound, local, self.flow_of(arguments)?) {
            flow.local.set_port(local.port());
            if flow.is_udp {
                flow.stage = Stage::Known;
            }
        }
        Ok(bound.map(|()| 0))
    }

    /// The flow under test, if the call is about its socket.
    pub(super) fn flow_of(&mut self, arguments: Arguments<'_>) -> Result<Option<&mut Flow>> {
        let fd = arguments.int(0)?;
        Ok(self.flow.as_mut().filter(|flow| flow.fd == Some(fd)))
    }

    fn listen(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(2)?;
        let backlog = i32::try_from(arguments.int(1)?).unwrap_or(i32::MAX);
        let listening = match self.socket_of(arguments)? {
            Ok((id, _)) => self.world.host.listen(self.world.clock(), id, backlog),
            Err(errno) => Err(errno),
        };
        if let (Ok(()), Some(flow)) = (listening, self.flow_of(arguments)?) {
            flow.stage = Stage::Listening;
        }
        Ok(listening.map(|()| 0))
    }

    fn connect(&mut self, arguments: Arguments<'_>, attempt: &mut Attempt) -> Result<Option<Returned>> {
        arguments.count(3)?;
        let (id, nonblocking) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Some(Err(errno))),
        };
        let address = match arguments.address(1)? {
            Address::Unsaid => SocketAddr::new(self.setup.remote, PORT),
            Address::Inet(address) => address,
            Address::Unspec => {
                let done = self.world.host.disconnect(self.world.clock(), id);
                return Ok(Some(done.map(|()| 0)));
            }
        };
        let connected = self.world.host.connect(self.world.clock(), id, self.setup.to_call(address));
        let deferred = connected.is_ok() && self.world.host.is_deferred(id);
        let begins = !attempt.started && (deferred || matches!(connected, Err(Errno::EINPROGRESS)));
        if let Some(flow) = self.flow_of(arguments)? {
            if begins {
                flow.begin(address);
            } else if flow.is_udp && connected.is_ok() {
                flow.associate(address);
            }
        }
        let blocks = matches!(connected, Err(Errno::EINPROGRESS))
            || attempt.started && matches!(connected, Err(Errno::EALREADY));
        attempt.started = true;
        let blocks = blocks && !nonblocking && self.blocks(id, Opt::SoSndTimeo, attempt);
        Ok(if blocks { None } else { Some(connected.map(|()| 0)) })
    }

    fn accept(&mut self, arguments: Arguments<'_>, attempt: &mut Attempt) -> Result<Option<Returned>> {
        let (id, nonblocking) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Some(Err(errno))),
        };
        let flags = if arguments.call.name == "accept4" { arguments.int(3)? } else { 0 };
        match self.world.host.accept(self.world.clock(), id) {
            Ok((child, _)) => {
                let fd = self.new_descriptor(arguments)?;
                let nonblocking = flags & NONBLOCK != 0;
                self.descriptors.insert(fd, Descriptor::Socket { id: child, nonblocking });
                if let Some(flow) = self.flow.as_mut().filter(|flow| flow.fd.is_none()) {
                    flow.fd = Some(fd);
                }
                Ok(Some(Ok(fd)))
            }
            Err(Errno::EAGAIN) if !nonblocking && self.blocks(id, Opt::SoRcvTimeo, attempt) => Ok(None),
            Err(errno) => Ok(Some(Err(errno))),
        }
    }

    /// Whether a call that would block does: SO_RCVTIMEO or SO_SNDTIMEO may end it.
    pub(super) fn blocks(&mut self, id: SocketId, option: Opt, attempt: &mut Attempt) -> bool {
        let now = self.world.now();
        if attempt.deadline.is_none()
            && let Ok(Value::Time(Some(limit))) = self.world.host.option(self.world.clock(), id, option)
        {
            let limit = Nanos::try_from(limit.as_nanos()).unwrap_or(Nanos::MAX);
            attempt.deadline = Some(now.saturating_add(limit));
        }
        attempt.deadline.is_none_or(|deadline| now < deadline)
    }

    fn shutdown(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(2)?;
        let how = How::decode(i32::try_from(arguments.int(1)?).unwrap_or(-1));
        Ok(match (self.socket_of(arguments)?, how) {
            (Ok((id, _)), Ok(how)) => self.world.host.shutdown(self.world.clock(), id, how).map(|()| 0),
            (Err(errno), _) | (_, Err(errno)) => Err(errno),
        })
    }

    fn close(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(1)?;
        let fd = arguments.int(0)?;
        let Some(descriptor) = self.descriptors.remove(&fd) else { return Ok(Err(Errno::EBADF)) };
        if let Some(id) = descriptor.socket() {
            self.world.host.close(self.world.clock(), id);
            self.forget_in_epolls(fd);
        }
        Ok(Ok(0))
    }

    fn fcntl(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        let flags = arguments.call.arguments.len() > 2;
        let (command, new) = (arguments.int(1)?, if flags { arguments.int(2)? } else { 0 });
        match (self.descriptors.get_mut(&arguments.int(0)?), command) {
            (Some(Descriptor::Socket { nonblocking, .. }), 4) => {
                *nonblocking = new & NONBLOCK != 0;
                Ok(Ok(0))
            }
            (Some(Descriptor::Socket { nonblocking, .. }), 3) => {
                Ok(Ok(READ_WRITE | if *nonblocking { NONBLOCK } else { 0 }))
            }
            (Some(_), other) => {
                Err(Failure::unsupported(arguments.line, format_args!("the command {other} of fcntl()")))
            }
            (None, _) => Ok(Err(Errno::EBADF)),
        }
    }

    fn ioctl(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(3)?;
        let id = match self.socket_of(arguments)? {
            Ok((id, _)) => id,
            Err(errno) => return Ok(Err(errno)),
        };
        let host = &self.world.host;
        let answer = match u32::try_from(arguments.int(1)?).unwrap_or(0) {
            sockeye_abi::ioctl::SIOCINQ => host.unread(id),
            sockeye_abi::ioctl::SIOCATMARK => host.at_mark(id).map(usize::from),
            sockeye_abi::ioctl::SIOCOUTQ => host.unsent(id).map(|(unacked, _)| unacked),
            sockeye_abi::ioctl::SIOCOUTQNSD => host.unsent(id).map(|(_, unsent)| unsent),
            other => {
                return Err(Failure::unsupported(
                    arguments.line,
                    format_args!("the request {other:#x} of ioctl()"),
                ));
            }
        };
        let answer = match answer {
            Ok(answer) => i64::try_from(answer).unwrap_or(i64::MAX),
            Err(errno) => return Ok(Err(errno)),
        };
        match arguments.int_or_any(2)? {
            Some(expected) if expected != answer => {
                Err(Failure::different(arguments.line, format!("ioctl gave {answer}, expected {expected}")))
            }
            _ => Ok(Ok(0)),
        }
    }

    /// Flags of a message that are understood; the others fail the script.
    pub(super) fn message_flags(
        &self,
        arguments: Arguments<'_>,
        value: i64,
        known: MessageFlags,
    ) -> Result<MessageFlags> {
        let flags = MessageFlags::from_bits_retain(i32::try_from(value).unwrap_or(-1));
        let unknown = flags - known;
        if unknown.is_empty() {
            return Ok(flags);
        }
        let names: Vec<String> = unknown.iter_names().map(|(name, _)| format!("MSG_{name}")).collect();
        Err(Failure::unsupported(
            arguments.line,
            format_args!("{} of {}()", names.join("|"), arguments.call.name),
        ))
    }
}
