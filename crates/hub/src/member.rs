//! One end of a connection between a hub and who is plugged in: messages both ways, without waiting.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use sockeye_base::Chain;
use sockeye_wire::Frame;

use crate::message::{self, Incoming, LONGEST};

/// Bytes that wait for a peer that doesn't read; what comes beyond is lost, as in a full queue.
const WAITING: usize = 8 << 20;
/// A message of so many bytes is kept where it was read to.
const LONG: usize = 16 << 10;
/// A system call takes no more parts of a message (UIO_MAXIOV).
const MOST_PARTS: usize = 1024;

/// A connection.
pub(crate) struct Member {
    socket: OwnedFd,
    /// Messages: what stands ahead of their data, and that.
    waiting: VecDeque<(Vec<u8>, Option<Chain>)>,
    waiting_bytes: usize,
    /// What is read into.
    buffer: Vec<u8>,
    /// What stands ahead of a frame's data.
    head: Vec<u8>,
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
        Member { socket, waiting: VecDeque::new(), waiting_bytes: 0, buffer: Vec::new(), head: Vec::new() }
    }

    pub(crate) fn read(&mut self) -> Read {
        loop {
            self.buffer.clear();
            // A byte more tells what is too long.
            self.buffer.reserve_exact(LONGEST + 1);
            return match recv(&self.socket, spare_capacity(&mut self.buffer), RecvFlags::DONTWAIT) {
                Ok((0, _)) => Read::Gone,
                Ok(_) if self.buffer.len() > LONGEST => Read::Rubbish,
                Ok(_) => Incoming::parse(&self.message()).map_or(Read::Rubbish, Read::Message),
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => Read::Empty,
                Err(_) => Read::Gone,
            };
        }
    }

    /// What was read: a long message is where it is, for its data will be kept; a short one would keep all that room with it.
    fn message(&mut self) -> Bytes {
        match self.buffer.len() {
            ..LONG => Bytes::copy_from_slice(&self.buffer),
            _ => std::mem::take(&mut self.buffer).into(),
        }
    }

    /// Sends a frame by an interface, or lets it wait; `false` if it is lost.
    pub(crate) fn send_frame(&mut self, interface: usize, frame: &Frame) -> bool {
        let mut head = std::mem::take(&mut self.head);
        let sent =
            message::frame(interface, frame, &mut head).is_some_and(|data| self.send_parts(&head, data));
        self.head = head;
        sent
    }

    /// Sends a message, or lets it wait; `false` if it is lost.
    pub(crate) fn send(&mut self, message: &[u8]) -> bool {
        self.send_parts(message, None)
    }

    fn send_parts(&mut self, head: &[u8], data: Option<&Chain>) -> bool {
        if self.waiting.is_empty() {
            match self.put(head, data) {
                Ok(()) => return true,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
        let length = head.len() + data.map_or(0, Chain::len);
        if self.waiting_bytes + length > WAITING {
            return false;
        }
        self.waiting_bytes += length;
        self.waiting.push_back((head.to_vec(), data.cloned()));
        true
    }

    /// Sends what waits, as far as the peer reads.
    pub(crate) fn flush(&mut self) {
        while let Some((head, data)) = self.waiting.front() {
            if self.put(head, data.as_ref()).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return;
            }
            self.waiting_bytes -= head.len() + data.as_ref().map_or(0, Chain::len);
            self.waiting.pop_front();
        }
    }

    /// Whether something waits for the peer to read.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn put(&self, head: &[u8], data: Option<&Chain>) -> io::Result<()> {
        let pieces = data.into_iter().flat_map(Chain::pieces);
        let parts: Vec<IoSlice<'_>> = [head].into_iter().chain(pieces).map(IoSlice::new).collect();
        if parts.len() > MOST_PARTS {
            return self.put(&parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>(), None);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            match sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), flags) {
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
