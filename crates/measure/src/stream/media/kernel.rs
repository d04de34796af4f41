//! What descriptors carry between two processes: TCP, Unix-domain sockets, pipes; and files, over TCP.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use super::Channel;
use super::file::File;
use super::receiver::{Receiver, read_some, write_all};

/// A descriptor that is written to, and the process that reads the other end.
pub(super) struct Descriptors {
    near: OwnedFd,
    message: Message,
    /// Of TCP: whether small segments go at once. At the end of a sample they always do.
    nodelay: Option<bool>,
    receiver: Receiver,
}

/// What is sent, and how.
enum Message {
    Memory(Vec<u8>),
    File(File),
    Sendfile(File),
}

impl Message {
    fn send(&mut self, to: &OwnedFd) -> io::Result<()> {
        match self {
            Message::Memory(bytes) => write_all(to, bytes),
            Message::File(file) => file.read_and_write(to),
            Message::Sendfile(file) => file.send(to),
        }
    }
}

/// Over the loopback of wherever this runs.
pub(super) fn tcp(size: usize, nodelay: bool) -> io::Result<Descriptors> {
    let (near, far) = connection()?;
    Descriptors::new(near, far, size, Some(nodelay))
}

/// The same from a file, by read and write.
pub(super) fn file(size: usize, nodelay: bool) -> io::Result<Descriptors> {
    let message = Message::File(File::new(size)?);
    Ok(Descriptors { message, ..tcp(size, nodelay)? })
}

/// The same from a file, by sendfile.
pub(super) fn sendfile(size: usize, nodelay: bool) -> io::Result<Descriptors> {
    let message = Message::Sendfile(File::new(size)?);
    Ok(Descriptors { message, ..tcp(size, nodelay)? })
}

fn connection() -> io::Result<(OwnedFd, OwnedFd)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    Ok((near.into(), far.into()))
}

pub(super) fn unix(size: usize) -> io::Result<Descriptors> {
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    Descriptors::new(near, far, size, None)
}

pub(super) fn pipe(size: usize) -> io::Result<Descriptors> {
    let (far, near) = pipe_with(PipeFlags::CLOEXEC)?;
    Descriptors::new(near, far, size, None)
}

impl Descriptors {
    fn new(near: OwnedFd, far: OwnedFd, size: usize, nodelay: Option<bool>) -> io::Result<Descriptors> {
        let mut buffer = vec![0; size];
        let receiver = Receiver::start(Some(far.as_fd()), |messages| {
            let mut left = messages * size as u64;
            while left > 0 {
                left -= read_some(&far, &mut buffer)? as u64;
            }
            Ok(())
        })?;
        Ok(Descriptors { near, message: Message::Memory(vec![1; size]), nodelay, receiver })
    }
}

impl Channel for Descriptors {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        self.receiver.time(messages, || {
            if let Some(nodelay) = self.nodelay {
                set_tcp_nodelay(&self.near, nodelay)?;
            }
            (0..messages).try_for_each(|_| self.message.send(&self.near))?;
            if self.nodelay.is_some() {
                set_tcp_nodelay(&self.near, true)?;
            }
            Ok(())
        })
    }
}
