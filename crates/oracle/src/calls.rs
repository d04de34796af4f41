//! The calls of a program on its sockets, as the system calls have them: numbers, bytes, and errno.

pub use sockeye_abi::Errno;

use crate::address::Name;

/// A descriptor.
pub type Fd = i32;

/// What a call gives.
pub type Result<T> = std::result::Result<T, Errno>;

/// A message to be sent (sendmsg(2)).
#[derive(Clone, Debug, Default)]
pub struct Outgoing<'a> {
    /// The destination, if there is one.
    pub name: Option<&'a [u8]>,
    /// The data, in pieces.
    pub pieces: &'a [&'a [u8]],
    /// The control messages' bytes ([`crate::address::control`]).
    pub control: &'a [u8],
}

/// How much a receiver has room for (recvmsg(2)), in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    /// For data.
    pub data: usize,
    /// For the name.
    pub name: usize,
    /// For control messages.
    pub control: usize,
}

/// A message received (recvmsg(2)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// What the call returns.
    pub value: usize,
    /// The bytes that were written.
    pub data: Vec<u8>,
    /// Who sent it.
    pub name: Name,
    /// Its control messages: level, type, data.
    pub control: Vec<(i32, i32, Vec<u8>)>,
    /// The MSG_ bits that come back.
    pub flags: i32,
}

/// A world's system calls. Each does what its manual page says; numbers are those of Linux on x86-64 (`libc`'s).
pub trait Calls: Send {
    /// socket(2).
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<Fd>;
    /// socketpair(2).
    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<(Fd, Fd)>;
    /// bind(2).
    fn bind(&mut self, fd: Fd, address: &[u8]) -> Result<()>;
    /// connect(2).
    fn connect(&mut self, fd: Fd, address: &[u8]) -> Result<()>;
    /// listen(2).
    fn listen(&mut self, fd: Fd, backlog: i32) -> Result<()>;
    /// accept4(2), with the peer's name.
    fn accept4(&mut self, fd: Fd, flags: i32) -> Result<(Fd, Name)>;
    /// unlink(2) of a socket's path.
    fn unlink(&mut self, path: &[u8]) -> Result<()>;
    /// shutdown(2).
    fn shutdown(&mut self, fd: Fd, how: i32) -> Result<()>;
    /// close(2).
    fn close(&mut self, fd: Fd) -> Result<()>;
    /// dup(2).
    fn dup(&mut self, fd: Fd) -> Result<Fd>;
    /// read(2).
    fn read(&mut self, fd: Fd, room: usize) -> Result<Vec<u8>>;
    /// write(2).
    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize>;
    /// sendto(2); without an address it is send(2).
    fn sendto(&mut self, fd: Fd, bytes: &[u8], flags: i32, address: Option<&[u8]>) -> Result<usize>;
    /// recvfrom(2), with room for any name.
    fn recvfrom(&mut self, fd: Fd, room: usize, flags: i32) -> Result<Incoming>;
    /// sendmsg(2).
    fn sendmsg(&mut self, fd: Fd, message: &Outgoing<'_>, flags: i32) -> Result<usize>;
    /// recvmsg(2).
    fn recvmsg(&mut self, fd: Fd, room: Room, flags: i32) -> Result<Incoming>;
    /// sendmmsg(2): how many bytes of each message were sent, for those that were.
    fn sendmmsg(&mut self, fd: Fd, messages: &[Outgoing<'_>], flags: i32) -> Result<Vec<usize>>;
    /// recvmmsg(2) with room for so many messages, within `limit` milliseconds if given.
    fn recvmmsg(&mut self, fd: Fd, rooms: &[Room], flags: i32, limit: Option<u64>) -> Result<Vec<Incoming>>;
    /// getsockopt(2) into a buffer of `room` bytes: those that count.
    fn getsockopt(&mut self, fd: Fd, level: i32, number: i32, room: usize) -> Result<Vec<u8>>;
    /// getsockopt(2) of an option that asks something: the buffer is as the program fills it, with room behind.
    fn getsockopt_of(&mut self, fd: Fd, level: i32, number: i32, question: &[u8]) -> Result<Vec<u8>>;
    /// setsockopt(2).
    fn setsockopt(&mut self, fd: Fd, level: i32, number: i32, value: &[u8]) -> Result<()>;
    /// getsockname(2).
    fn getsockname(&mut self, fd: Fd) -> Result<Name>;
    /// getpeername(2).
    fn getpeername(&mut self, fd: Fd) -> Result<Name>;
    /// ioctl(2): `argument` is the memory that its pointer means, and at least as long as the request needs.
    fn ioctl(&mut self, fd: Fd, request: u32, argument: &mut [u8]) -> Result<()>;
    /// fcntl(2): F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL.
    fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32>;
    /// poll(2): the bits of each; waits for `limit` milliseconds, for ever if it is negative.
    fn poll(&mut self, list: &[(Fd, i16)], limit: i32) -> Result<Vec<i16>>;
    /// Lets time pass, in milliseconds. In the library it costs nothing.
    fn sleep(&mut self, milliseconds: u64);
}
