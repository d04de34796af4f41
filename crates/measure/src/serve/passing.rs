//! Processes made beforehand, which are passed connections: one process accepts them and hands each, as a descriptor, to
//! whichever worker is free. They share the receiving end of one Unix-domain socket, so the kernel does the choosing.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::Server;
use super::conversation::converse;
use super::processes::{Children, Event};

pub(super) fn serve(server: &Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    let (give, take) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let give = RefCell::new(Some(give));
    let mut children = Children::none()?;
    // A connection that there was no room to pass on yet.
    let mut held = None;
    loop {
        // One more for each that has ended.
        children.fill(server.options.workers, || {
            // Its own handle of the giving end would keep it waiting for ever.
            drop(give.take());
            work(server, &take);
        })?;
        let giving = give.borrow();
        let Some(giving) = giving.as_ref() else { break };
        let next = match held {
            Some(_) => PollFd::new(giving, PollFlags::OUT),
            None => PollFd::new(&server.listener, PollFlags::IN),
        };
        match children.wait(&server.stop, Some(next))? {
            Event::Stop => break,
            Event::Ended => continue,
            Event::Ready => {}
        }
        let stream = match held.take() {
            Some(stream) => Some(stream),
            None => server.stop.take(&server.listener)?,
        };
        held = stream.map(|stream| passed(giving, stream)).transpose()?.flatten();
    }
    server.deafen()?;
    drop(give.take());
    children.finish(server.options.grace)
}

/// Passes a connection on; gives it back where all are at work and the queue is full.
fn passed(give: &OwnedFd, stream: TcpStream) -> io::Result<Option<TcpStream>> {
    let fds = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // A byte goes along.
    match sendmsg(give, &[IoSlice::new(&[0])], &mut control, flags) {
        Ok(_) => Ok(None),
        Err(Errno::AGAIN | Errno::INTR | Errno::TOOMANYREFS) => Ok(Some(stream)),
        Err(error) => Err(error.into()),
    }
}

/// Serves connections until nobody passes any more.
fn work(server: &Server, take: &OwnedFd) {
    while let Some(stream) = taken(take.as_fd()) {
        converse(server, stream, true);
    }
}

fn taken(take: BorrowedFd<'_>) -> Option<TcpStream> {
    loop {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        match recvmsg(take, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) if message.bytes == 0 => return None,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return None,
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut fds) = message {
                return fds.next().map(TcpStream::from);
            }
        }
        // It was lost: this process had no descriptor left.
    }
}
