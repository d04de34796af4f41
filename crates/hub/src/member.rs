//! One end of a connection between a hub and who is plugged in: control messages both ways, without waiting, with files
//! from the hub. Frames go by a [`crate::wire::Wire`]; here only the bell is rung for them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;

use crate::message::{BELL, CONTROL, LONGEST, MOST_FILES, PART};

/// Bytes that wait for a peer that doesn't read; what comes beyond is lost.
const WAITING: usize = 8 << 20;

/// A connection.
pub(crate) struct Member {
    socket: OwnedFd,
    /// Packets that found no room, and the files that go with them.
    waiting: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    waiting_bytes: usize,
    /// What has come of a message of several packets.
    begun: Vec<u8>,
    /// No message may be longer.
    longest: usize,
}

/// What reading came to.
pub(crate) enum Read {
    /// A message, and files.
    Control(Vec<u8>, Vec<OwnedFd>),
    /// There is something in the ring, or room.
    Bell,
    /// What means nothing.
    Rubbish,
    /// Nothing for now.
    Empty,
    /// The peer is gone.
    Gone,
}

impl Member {
    /// A connection; messages that come by it have at most so many bytes.
    pub(crate) fn new(socket: OwnedFd, longest: usize) -> Member {
        Member { socket, waiting: VecDeque::new(), waiting_bytes: 0, begun: Vec::new(), longest }
    }

    /// The next of what has come; `buffer` is used for that.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>) -> Read {
        loop {
            // A byte more tells what is too long.
            buffer.resize(LONGEST + 1, 0);
            let mut files = Vec::new();
            let length = match receive(&self.socket, buffer, &mut files) {
                Ok(0) => return Read::Gone,
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Read::Empty,
                Err(_) => return Read::Gone,
            };
            let packet = buffer.get(1..length).unwrap_or_default();
            if length > LONGEST || self.begun.len() + packet.len() > self.longest {
                return Read::Rubbish;
            }
            match buffer.first() {
                Some(&BELL) => return Read::Bell,
                Some(&PART) => self.begun.extend_from_slice(packet),
                Some(&CONTROL) => {
                    let mut message = std::mem::take(&mut self.begun);
                    message.extend_from_slice(packet);
                    return Read::Control(message, files);
                }
                Some(_) | None => return Read::Rubbish,
            }
        }
    }

    /// Wakes who looks at the ring. If there is no room for that, enough lies there to wake him.
    pub(crate) fn ring(&self) {
        let _ = self.put(&[BELL], &[]);
    }

    /// Sends a message with files, or lets it wait; `false` if it is lost.
    pub(crate) fn send(&mut self, message: &impl Serialize, files: &[BorrowedFd<'_>]) -> bool {
        // Nothing in them can fail to be written.
        let text = serde_json::to_vec(message).unwrap_or_default();
        let mut parts = text.chunks(LONGEST - 1).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let packet = [&[if last { CONTROL } else { PART }], part].concat();
            if !self.send_packet(packet, if last { files } else { &[] }) {
                return false;
            }
        }
        true
    }

    fn send_packet(&mut self, packet: Vec<u8>, files: &[BorrowedFd<'_>]) -> bool {
        if self.waiting.is_empty() {
            match self.put(&packet, files) {
                Ok(()) => return true,
                Err(Errno::AGAIN) => {}
                Err(_) => return false,
            }
        }
        let kept: io::Result<Vec<OwnedFd>> = files.iter().map(|file| file.try_clone_to_owned()).collect();
        let Ok(kept) = kept else { return false };
        if self.waiting_bytes + packet.len() > WAITING {
            return false;
        }
        self.waiting_bytes += packet.len();
        self.waiting.push_back((packet, kept));
        true
    }

    /// Sends what waits, as far as the peer reads.
    pub(crate) fn flush(&mut self) {
        while let Some((packet, files)) = self.waiting.front() {
            let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            if self.put(packet, &files) == Err(Errno::AGAIN) {
                return;
            }
            self.waiting_bytes -= packet.len();
            self.waiting.pop_front();
        }
    }

    /// Whether something waits for the peer to read.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn put(&self, packet: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(Errno::INVAL);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            match sendmsg(&self.socket, &[IoSlice::new(packet)], &mut control, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Receives a packet, and the files that came with it. Others than these the kernel closes.
fn receive(socket: &OwnedFd, buffer: &mut [u8], files: &mut Vec<OwnedFd>) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let came = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            files.extend(came);
        }
    }
    Ok(came.bytes)
}

impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
