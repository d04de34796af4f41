//! One end of a connection between a hub and who is plugged in: messages both ways, without waiting.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use sockeye_wire::Frame;

use crate::message::{self, Incoming, LONGEST};

/// Bytes that wait for a peer that doesn't read; what comes beyond is lost, as in a full queue.
const WAITING: usize = 8 << 20;

/// A connection.
pub(crate) struct Member {
    socket: OwnedFd,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    buffer: Vec<u8>,
    /// A frame's bytes.
    out: Vec<u8>,
}

/// What reading came to.
pub(crate) enum Read {
    Message(Incoming),
    /// A message that means nothing.
    Rubbish,
    /// Nothing for now.
    Empty,
    /// The peer is gone.
    Gone,
}

impl Member {
    pub(crate) fn new(socket: OwnedFd) -> Member {
        Member {
            socket,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            buffer: vec![0; LONGEST + 1],
            out: Vec::new(),
        }
    }

    pub(crate) fn read(&mut self) -> Read {
        loop {
            let flags = RecvFlags::DONTWAIT;
            return match recv(&self.socket, &mut self.buffer[..], flags) {
                Ok((0, _)) => Read::Gone,
                Ok((length, _)) => {
                    let message = self.buffer.get(..length).filter(|_| length <= LONGEST);
                    message.and_then(Incoming::parse).map_or(Read::Rubbish, Read::Message)
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => Read::Empty,
                Err(_) => Read::Gone,
            };
        }
    }

    /// Sends a frame by an interface, or lets it wait; `false` if it is lost.
    pub(crate) fn send_frame(&mut self, interface: usize, frame: &Frame) -> bool {
        let mut out = std::mem::take(&mut self.out);
        let sent = message::frame(interface, frame, &mut out).is_some() && self.send(&out);
        self.out = out;
        sent
    }

    /// Sends a message, or lets it wait.
    pub(crate) fn send(&mut self, message: &[u8]) -> bool {
        if self.waiting.is_empty() {
            match self.put(message) {
                Ok(()) => return true,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
        if self.waiting_bytes + message.len() > WAITING {
            return false;
        }
        self.waiting_bytes += message.len();
        self.waiting.push_back(message.to_vec());
        true
    }

    /// Sends what waits, as far as the peer reads.
    pub(crate) fn flush(&mut self) {
        while let Some(message) = self.waiting.front() {
            if self.put(message).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return;
            }
            self.waiting_bytes -= message.len();
            self.waiting.pop_front();
        }
    }

    /// Whether something waits for the peer to read.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn put(&self, message: &[u8]) -> io::Result<()> {
        loop {
            match send(&self.socket, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
