//! The library's sockets as descriptors: on `pukaki`, in virtual time, so that no behaviour waits.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use sockeye::poll::{Events, Interest, Mode, Poll, Token};
use sockeye::socket::{
    Control, MessageFlags, Opt, Passed, Readiness, ReceivedBytes, Socket, UnixMessage, Value,
};
use sockeye::{Host, LinkOptions, Simulation};

use crate::address::{Name, read_control};
use crate::behaviours::Behaviour;
use crate::calls::{Calls, Errno, Fd, Incoming, Outgoing, Result, Room};
use crate::trial::Trial;

/// The first descriptor that isn't a standard stream.
const FIRST: Fd = 3;

/// A process's table of descriptors.
#[derive(Debug, Default)]
pub struct Library {
    table: BTreeMap<Fd, Descriptor>,
}

#[derive(Debug)]
struct Descriptor {
    socket: Socket,
    /// FD_CLOEXEC.
    cloexec: bool,
}

/// The number in an error; waiting for ever is EDEADLK.
fn errno(error: &io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EDEADLK))
}

fn told<T>(outcome: io::Result<T>) -> Result<T> {
    outcome.map_err(|error| errno(&error))
}

/// What wakes who waits for these events; ERR and HUP always do.
fn interest(events: i16) -> Interest {
    let mut interest = Interest::PRIORITY;
    if events & (libc::POLLIN | libc::POLLRDHUP | libc::POLLRDNORM) != 0 {
        interest = interest | Interest::READABLE;
    }
    if events & (libc::POLLOUT | libc::POLLWRNORM) != 0 {
        interest = interest | Interest::WRITABLE;
    }
    interest
}

/// What was received, as a program sees it.
fn incoming(received: ReceivedBytes, mut data: Vec<u8>, room: Room) -> Incoming {
    let ReceivedBytes { value, mut name, control, flags } = received;
    data.truncate(value);
    name.truncate(room.name);
    Incoming { value, data, name: Name(name), control: read_control(&control), flags }
}

impl Library {
    /// Runs a behaviour on a network of its own; its text.
    ///
    /// # Panics
    /// If the behaviour does.
    pub fn run(behaviour: &Behaviour) -> String {
        let behave = behaviour.run;
        Library::on_pukaki(&behaviour.settings(), move || {
            let mut trial = Trial::new(Library::default());
            behave(&mut trial);
            trial.into_text()
        })
    }

    /// Runs something on the host of a network of its own.
    ///
    /// # Panics
    /// If that does.
    pub fn on_pukaki(settings: &[(&str, &str)], work: impl FnOnce() -> String + Send + 'static) -> String {
        let simulation = Simulation::new(1);
        let lab = simulation.lab();
        let here = lab.host("pukaki", ["10.61.0.1/24", "fd61::1/64"]).expect("a host");
        let there = lab.host("tekapo", ["10.61.0.2/24", "fd61::2/64"]).expect("a host");
        lab.link(&here, &there, &LinkOptions::new());
        for (name, value) in settings {
            here.set_sysctl(name, value).expect("a setting of the host");
        }
        let ran = simulation.thread(&here, work);
        simulation.run().expect("no behaviour waits for ever");
        ran.take().expect("it has ended")
    }

    fn socket_of(&self, fd: Fd) -> Result<&Socket> {
        self.table.get(&fd).map(|descriptor| &descriptor.socket).ok_or(Errno::EBADF)
    }

    fn with<T>(&self, fd: Fd, call: impl FnOnce(&Socket) -> io::Result<T>) -> Result<T> {
        told(call(self.socket_of(fd)?))
    }

    /// What poll(2) says now.
    fn seen(&self, list: &[(Fd, i16)]) -> Result<Vec<i16>> {
        let always = Readiness::ERR | Readiness::HUP;
        let bits = |(fd, events): &(Fd, i16)| {
            let asked = Readiness::from_bits_truncate(events.cast_unsigned().into());
            match self.table.get(fd) {
                None => Ok(Readiness::NVAL),
                Some(descriptor) => told(descriptor.socket.readiness()).map(|bits| bits & (asked | always)),
            }
        };
        list.iter().map(|entry| bits(entry).map(|bits| bits.bits() as i16)).collect()
    }

    /// sendmsg(2) of a Unix-domain socket: scm_send.
    fn send_unix(&self, fd: Fd, message: &Outgoing<'_>, flags: i32) -> Result<usize> {
        let socket = self.socket_of(fd)?;
        let (mut passed, mut credentials) = (Vec::new(), None);
        for control in Control::decode_all(message.control)? {
            match control {
                Control::Rights(list) => {
                    for fd in list {
                        passed.push(Passed::Socket(self.socket_of(fd)?.clone()));
                    }
                }
                Control::Credentials(said) => credentials = Some(said),
                Control::Other { level: libc::SOL_SOCKET, .. } => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        let to = told(socket.unix_destination(message.name))?;
        let (to, flags) = (to.as_ref(), MessageFlags::from_bits_retain(flags));
        let message_of = UnixMessage { to, passed: &passed, credentials, flags };
        told(socket.send_unix(&message.pieces.concat(), &message_of))
    }

    /// recvmsg(2) of a Unix-domain socket: scm_recv.
    fn recv_unix(&mut self, fd: Fd, room: Room, flags: i32) -> Result<Incoming> {
        const HEADER: usize = 16;
        const CREDENTIALS: usize = 32;
        let socket = self.socket_of(fd)?;
        let asks = socket.option(Opt::SoPassCred).is_ok_and(|value| value == Value::Int(1));
        let left = if asks { room.control.saturating_sub(CREDENTIALS) } else { room.control };
        let descriptors = left.saturating_sub(HEADER) / size_of::<Fd>();
        let mut data = vec![0; room.data];
        let flags_in = MessageFlags::from_bits_retain(flags);
        let received = told(socket.recv_unix(&mut data, descriptors, flags_in))?;
        data.truncate(received.copied);
        let cloexec = flags_in.contains(MessageFlags::CMSG_CLOEXEC);
        let mut numbers = Vec::new();
        for passed in received.passed {
            if let Passed::Socket(socket) = passed {
                numbers.push(self.install(socket, FIRST, cloexec));
            }
        }
        let mut control: Vec<Control> = received.credentials.map(Control::Credentials).into_iter().collect();
        control.extend((!numbers.is_empty()).then_some(Control::Rights(numbers)));
        let (control, cut) = Control::encode_all(&control, room.control);
        let mut flags = received.flags;
        flags.set(MessageFlags::CTRUNC, flags.contains(MessageFlags::CTRUNC) || cut);
        let mut name = received.source.as_ref().map(sockeye_abi::encode_unix).unwrap_or_default();
        name.truncate(room.name);
        let value = if flags_in.contains(MessageFlags::TRUNC) { received.length } else { received.copied };
        let control = read_control(&control);
        Ok(Incoming { value, data, name: Name(name), control, flags: flags.bits() })
    }

    /// The lowest free number, from `least` on.
    fn install(&mut self, socket: Socket, least: Fd, cloexec: bool) -> Fd {
        let free = (least..).find(|fd| !self.table.contains_key(fd)).unwrap_or(least);
        self.table.insert(free, Descriptor { socket, cloexec });
        free
    }
}

impl Calls for Library {
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
        let socket = told(Socket::open(domain, kind, protocol))?;
        Ok(self.install(socket, FIRST, kind & libc::SOCK_CLOEXEC != 0))
    }

    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<(Fd, Fd)> {
        let (a, b) = told(Socket::open_pair(domain, kind, protocol))?;
        let cloexec = kind & libc::SOCK_CLOEXEC != 0;
        Ok((self.install(a, FIRST, cloexec), self.install(b, FIRST, cloexec)))
    }

    fn bind(&mut self, fd: Fd, address: &[u8]) -> Result<()> {
        self.with(fd, |socket| socket.bind_bytes(address))
    }

    fn connect(&mut self, fd: Fd, address: &[u8]) -> Result<()> {
        self.with(fd, |socket| socket.connect_bytes(address))
    }

    fn listen(&mut self, fd: Fd, backlog: i32) -> Result<()> {
        self.with(fd, |socket| socket.listen(backlog))
    }

    fn accept4(&mut self, fd: Fd, flags: i32) -> Result<(Fd, Name)> {
        let socket = self.socket_of(fd)?;
        if flags & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let (accepted, name) = if socket.unix_kind().is_some() {
            let (accepted, peer) = told(socket.accept_unix())?;
            (accepted, sockeye_abi::encode_unix(&peer))
        } else {
            let (accepted, peer) = told(socket.accept())?;
            (accepted, sockeye_abi::encode_sockaddr(&peer))
        };
        let name = Name(name);
        told(accepted.set_nonblocking(flags & libc::SOCK_NONBLOCK != 0))?;
        Ok((self.install(accepted, FIRST, flags & libc::SOCK_CLOEXEC != 0), name))
    }

    fn unlink(&mut self, path: &[u8]) -> Result<()> {
        let host = Host::current().ok_or(Errno::ENOENT)?;
        told(host.unlink(OsStr::from_bytes(path)))
    }

    fn shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        self.with(fd, |socket| socket.shutdown_number(how))
    }

    fn close(&mut self, fd: Fd) -> Result<()> {
        self.table.remove(&fd).map(|_| ()).ok_or(Errno::EBADF)
    }

    fn dup(&mut self, fd: Fd) -> Result<Fd> {
        let socket = self.socket_of(fd)?.clone();
        Ok(self.install(socket, 0, false))
    }

    fn read(&mut self, fd: Fd, room: usize) -> Result<Vec<u8>> {
        if room == 0 {
            return self.socket_of(fd).map(|_| Vec::new());
        }
        self.recvfrom(fd, room, 0).map(|incoming| incoming.data)
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize> {
        self.sendto(fd, bytes, 0, None)
    }

    fn sendto(&mut self, fd: Fd, bytes: &[u8], flags: i32, address: Option<&[u8]>) -> Result<usize> {
        self.with(fd, |socket| socket.send_bytes(bytes, flags, address))
    }

    fn recvfrom(&mut self, fd: Fd, room: usize, flags: i32) -> Result<Incoming> {
        self.recvmsg(fd, Room { data: room, name: 128, control: 0 }, flags).map(|received| Incoming {
            control: Vec::new(),
            flags: 0,
            ..received
        })
    }

    fn sendmsg(&mut self, fd: Fd, message: &Outgoing<'_>, flags: i32) -> Result<usize> {
        if self.socket_of(fd)?.unix_kind().is_some() {
            return self.send_unix(fd, message, flags);
        }
        let bytes = message.pieces.concat();
        self.with(fd, |socket| socket.send_message_bytes(&bytes, flags, message.name, message.control))
    }

    fn recvmsg(&mut self, fd: Fd, room: Room, flags: i32) -> Result<Incoming> {
        if self.socket_of(fd)?.unix_kind().is_some() {
            return self.recv_unix(fd, room, flags);
        }
        let mut data = vec![0; room.data];
        let received = self.with(fd, |socket| socket.recv_message_bytes(&mut data, room.control, flags))?;
        Ok(incoming(received, data, room))
    }

    fn sendmmsg(&mut self, fd: Fd, messages: &[Outgoing<'_>], flags: i32) -> Result<Vec<usize>> {
        let mut sent = Vec::new();
        for message in messages {
            match self.sendmsg(fd, message, flags) {
                Ok(bytes) => sent.push(bytes),
                Err(error) if sent.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn recvmmsg(&mut self, fd: Fd, rooms: &[Room], flags: i32, limit: Option<u64>) -> Result<Vec<Incoming>> {
        let mut data: Vec<Vec<u8>> = rooms.iter().map(|room| vec![0; room.data]).collect();
        let controls: Vec<usize> = rooms.iter().map(|room| room.control).collect();
        let mut buffers: Vec<&mut [u8]> = data.iter_mut().map(Vec::as_mut_slice).collect();
        let limit = limit.map(Duration::from_millis);
        let received = self
            .with(fd, |socket| socket.recv_messages_bytes((&mut buffers, &controls), flags, limit))?
            .into_iter();
        Ok(received.zip(data).zip(rooms).map(|((one, data), room)| incoming(one, data, *room)).collect())
    }

    fn getsockopt(&mut self, fd: Fd, level: i32, number: i32, room: usize) -> Result<Vec<u8>> {
        self.with(fd, |socket| socket.option_bytes(level, number, room))
    }

    fn getsockopt_of(&mut self, fd: Fd, level: i32, number: i32, question: &[u8]) -> Result<Vec<u8>> {
        self.with(fd, |socket| socket.option_answer(level, number, question))
    }

    fn setsockopt(&mut self, fd: Fd, level: i32, number: i32, value: &[u8]) -> Result<()> {
        self.with(fd, |socket| socket.set_option_bytes(level, number, value))
    }

    fn getsockname(&mut self, fd: Fd) -> Result<Name> {
        self.with(fd, Socket::local_bytes).map(Name)
    }

    fn getpeername(&mut self, fd: Fd) -> Result<Name> {
        self.with(fd, Socket::peer_bytes).map(Name)
    }

    fn ioctl(&mut self, fd: Fd, request: u32, argument: &mut [u8]) -> Result<()> {
        self.with(fd, |socket| socket.ioctl(request, argument))
    }

    fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32> {
        let descriptor = self.table.get_mut(&fd).ok_or(Errno::EBADF)?;
        match command {
            libc::F_GETFD => Ok(i32::from(descriptor.cloexec)),
            libc::F_SETFD => {
                descriptor.cloexec = argument & libc::FD_CLOEXEC != 0;
                Ok(0)
            }
            libc::F_GETFL => {
                let flag = if descriptor.socket.is_nonblocking() { libc::O_NONBLOCK } else { 0 };
                Ok(libc::O_RDWR | flag)
            }
            libc::F_SETFL => {
                told(descriptor.socket.set_nonblocking(argument & libc::O_NONBLOCK != 0))?;
                Ok(0)
            }
            libc::F_DUPFD => {
                let socket = descriptor.socket.clone();
                Ok(self.install(socket, argument, false))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn poll(&mut self, list: &[(Fd, i16)], limit: i32) -> Result<Vec<i16>> {
        let seen = self.seen(list)?;
        if limit == 0 || seen.iter().any(|bits| *bits != 0) {
            return Ok(seen);
        }
        let mut set = told(Poll::new())?;
        for (fd, events) in list {
            let source = self.socket_of(*fd)?;
            // Those of one socket share a place.
            let _ = set.registry().register(source, Token(0), interest(*events), Mode::Edge);
        }
        let clock = sockeye::time::Instant::now;
        let until = u64::try_from(limit).ok().map(|limit| clock() + Duration::from_millis(limit));
        let mut events = Events::with_capacity(list.len());
        loop {
            told(set.poll(&mut events, until.map(|until| until.duration_since(clock()))))?;
            let seen = self.seen(list)?;
            if events.is_empty() || seen.iter().any(|bits| *bits != 0) {
                return Ok(seen);
            }
        }
    }

    fn sleep(&mut self, milliseconds: u64) {
        sockeye::thread::sleep(Duration::from_millis(milliseconds));
    }
}
