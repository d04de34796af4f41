//! The link of an established stream: S, and the relay of bytes between it and the stack.
//!
//! The kernel's edges say when S may be read or written again; what could not be moved waits where it is, in P's
//! buffer or in the stack's, so that back pressure reaches both ends and nothing here grows with a transfer.

mod ending;

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno as Native;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use sockeye_abi::{Errno, How, MessageFlags, Readiness};
use sockeye_base::{Chain, Instant, Intake};
use sockeye_socket::{Host, Outgoing, SocketId};

/// How much is moved at a time.
const PORTION: usize = 256 * 1024;
/// What stuffs a carrier whose connection is under way.
const JUNK: [u8; 4096] = [0; 4096];
/// Whether the urgent mark is next.
const SIOCATMARK: libc::c_ulong = sockeye_abi::ioctl::SIOCATMARK as libc::c_ulong;
/// The kernel doubles it: 212,992 bytes, its default.
const SEND_BUFFER: usize = 106_496;
/// The least of a carrier's buffer, not doubled: its junk, a piece that takes 8,448 bytes, is to leave it writable.
const SEND_BUFFER_MIN: usize = 32_768;
/// Who has taken so much gets a larger buffer, of this size, not doubled; the kernel bounds it (`net.core.wmem_max`).
const MUCH: usize = 1 << 20;
const SEND_BUFFER_FOR_MUCH: usize = 1 << 20;

/// What became of the connection when bytes were moved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It goes on.
    Open,
    /// P was closed, and the stack told so: the carrier is done.
    Closed,
    /// The connection broke, with this error if the program was not told: P is to show it.
    Broken(Option<Errno>),
}

/// S, and what is known of it.
pub(crate) struct Link {
    end: OwnedFd,
    /// Bytes that stuffed P, still to be dropped when read.
    junk: usize,
    /// It is stuffed: nothing can have been written behind them.
    is_stuffed: bool,
    /// Received by the stack, not yet taken by S.
    outbox: Chain,
    /// It is an urgent byte.
    outbox_is_urgent: bool,
    /// How many bytes were given to S.
    given: usize,
    /// S has been given more room since, or is to have no more.
    has_grown: bool,
    /// The program has called for urgent data to be sent: marks are looked for.
    looks_for_marks: bool,
    may_read: bool,
    /// The kernel has said that behind the last byte there is an end, or an error.
    may_end: bool,
    may_write: bool,
    /// P was closed by its last holder.
    hung_up: bool,
    /// The program has called `shutdown` for its sending side.
    asked_shut: bool,
    /// The program has called `close` for its last descriptor, and SO_LINGER may have that wait.
    closing: bool,
    /// The program will send no more, and the stack knows.
    sending_shut: bool,
    /// The peer's FIN was shown to P.
    receiving_shut: bool,
    /// The connection broke while P had no room for what had come: that is still to be read. The error is here until
    /// the program is told.
    failed: Option<Option<Errno>>,
    /// P can write no more.
    is_shut: bool,
}

/// Bounds an end's buffer by what the program has said, if it did.
fn bound_one(end: &OwnedFd, bytes: Option<i32>) {
    // They read as twice what they were set to, as the kernel's own will.
    let Some(bytes) = bytes.and_then(|bytes| usize::try_from(bytes / 2).ok()) else { return };
    let size = bytes.clamp(SEND_BUFFER_MIN, SEND_BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, size);
}

impl Link {
    pub(crate) fn new(end: OwnedFd) -> Link {
        Link {
            end,
            junk: 0,
            is_stuffed: false,
            outbox: Chain::new(),
            outbox_is_urgent: false,
            given: 0,
            has_grown: false,
            looks_for_marks: false,
            // The kernel tells what there is when S is watched.
            may_read: false,
            may_end: false,
            may_write: true,
            hung_up: false,
            asked_shut: false,
            closing: false,
            sending_shut: false,
            receiving_shut: false,
            failed: None,
            is_shut: false,
        }
    }

    /// Fills P's buffer, so that it is not writable while the connection is under way.
    pub(crate) fn stuff(&mut self, program_end: &OwnedFd) -> io::Result<()> {
        rustix::net::sockopt::set_socket_send_buffer_size(program_end, 1)?;
        // One finds no room any more: so the kernel knows that room is waited for, and will send SIGIO.
        while let Ok(n) = rustix::net::send(program_end, &JUNK, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            self.junk += n;
        }
        (self.is_stuffed, self.may_read) = (true, false);
        Ok(())
    }

    /// The connection is there: P becomes writable, with one edge. (It has one, too, if it was not stuffed.) Its junk goes with the
    /// first data, of which the kernel tells.
    pub(crate) fn unstuff(&mut self, program_end: &OwnedFd) {
        // Raising the buffer's size can't fail on a socket we hold.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(program_end, SEND_BUFFER);
        self.is_stuffed = false;
    }

    /// What the program has said of its buffers bounds those of the carrier, too, which come on top.
    pub(crate) fn bound(&self, program_end: &OwnedFd, host: &Host, socket: SocketId) {
        bound_one(program_end, host.buffers_set(socket).0);
        self.bound_own(host, socket);
    }

    /// The same for our end alone.
    pub(crate) fn bound_own(&self, host: &Host, socket: SocketId) {
        bound_one(&self.end, host.buffers_set(socket).1);
    }

    /// Gives S room for more, if TCP's own buffer would grow: so the program has something to read while it is given the next.
    fn grow(&mut self, host: &Host, socket: SocketId) {
        self.has_grown = true;
        let tcp = &host.stack().settings().tcp;
        let most =
            usize::try_from(tcp.receive_buffer.most / 2).unwrap_or(usize::MAX).min(SEND_BUFFER_FOR_MUCH);
        if tcp.moderate_rcvbuf && most > SEND_BUFFER && host.buffers_set(socket).1.is_none() {
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(&self.end, most);
        }
    }

    /// Goes on with another end, whose P is to have what the former was given and has not been read: these bytes. (That some were
    /// urgent is forgotten.)
    pub(crate) fn begin_again(&mut self, end: OwnedFd, mut unread: Chain) {
        unread.append(std::mem::take(&mut self.outbox));
        let failed = self.failed;
        *self = Link { outbox: unread, failed, ..Link::new(end) };
    }

    /// How many bytes P was given in all; the end is one.
    pub(crate) fn given(&self) -> usize {
        self.given.wrapping_add(self.receiving_shut.into())
    }

    /// Whether P was shown the peer's FIN.
    pub(crate) fn was_shown_end(&self) -> bool {
        self.receiving_shut
    }

    /// Whether P was given bytes.
    pub(crate) fn has_given(&self) -> bool {
        self.given > 0
    }

    /// What the kernel says of S.
    pub(crate) fn note(&mut self, events: EventFlags) {
        // Behind an error (P closed with bytes unread) there may still be data; behind a hang-up, its end. Junk alone is
        // nothing to read: dropping it would give P one writable edge too many.
        self.may_read |= events.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
            || events.contains(EventFlags::IN) && !self.is_stuffed && self.has_data();
        self.may_write |= events.contains(EventFlags::OUT);
        self.hung_up |= events.contains(EventFlags::HUP);
        self.may_end |= events.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
    }

    /// Moves what can be moved, both ways.
    pub(crate) fn relay(
        &mut self,
        host: &mut Host,
        now: Instant,
        socket: SocketId,
        buffer: &mut Intake,
    ) -> Moved {
        match self.send(host, now, socket, buffer) {
            Moved::Open => self.receive(host, now, socket),
            ended => ended,
        }
    }

    /// From the program to the stack.
    fn send(&mut self, host: &mut Host, now: Instant, socket: SocketId, buffer: &mut Intake) -> Moved {
        if self.failed.is_some() {
            return if self.hung_up { self.close(host, now, socket) } else { Moved::Open };
        }
        while self.may_read {
            if host.is_deferred(socket) && self.open(host, now, socket, buffer) {
                continue;
            }
            let mut room = host.send_room(socket).min(buffer.len());
            // Reading stops ahead of an urgent byte, and is to stop behind it.
            let urgent = self.looks_for_marks && self.at_mark();
            if urgent {
                room = room.min(1);
            }
            // Without room nothing is taken, but an end or an error behind the last byte is seen.
            let flags = if room == 0 { RecvFlags::DONTWAIT | RecvFlags::PEEK } else { RecvFlags::DONTWAIT };
            match self.take(&mut buffer[..room.max(1)], flags) {
                Ok(0) if self.is_closed() => return self.close(host, now, socket),
                Ok(0) => {
                    self.may_read = false;
                    if !self.sending_shut {
                        self.sending_shut = true;
                        // A connection that is closed by now has nothing to shut.
                        let _ = host.shutdown(now, socket, How::Write);
                    }
                }
                Ok(_) if room == 0 && !host.is_shut(socket).1 => {
                    host.note_no_space(socket);
                    break;
                }
                Ok(_) if room == 0 => self.discard(buffer),
                Ok(n) if urgent => {
                    let urgent =
                        Outgoing { bytes: &buffer[..n], flags: MessageFlags::OOB, ..Outgoing::default() };
                    let _ = host.send_message(now, socket, &urgent);
                }
                // It had room, so it takes all; one that broke meanwhile shows its error when receiving.
                Ok(n) => {
                    let _ = match buffer.lend(n) {
                        Some(mut bytes) => host.send_chain(now, socket, &mut bytes),
                        None => host.send(now, socket, &buffer[..n]),
                    };
                    // There was no more; what comes later is an event of its own.
                    self.may_read = n == room || self.may_end || self.looks_for_marks;
                }
                Err(Native::AGAIN) => self.may_read = false,
                Err(Native::INTR) => {}
                // P was closed with bytes unread.
                Err(_) => {
                    host.abort(now, socket);
                    return Moved::Closed;
                }
            }
        }
        Moved::Open
    }

    /// Takes what the program has written from S, behind the junk that is there.
    fn take(&mut self, into: &mut [u8], flags: RecvFlags) -> Result<usize, Native> {
        if self.junk == 0 {
            return rustix::net::recv(&self.end, into, flags).map(|(n, _)| n);
        }
        let mut junk = [0; JUNK.len()];
        let most = self.junk.min(junk.len());
        // Only the last of the junk has something behind it.
        let behind = if most < self.junk || flags.contains(RecvFlags::PEEK) { &mut [] } else { into };
        let mut pieces = [IoSliceMut::new(&mut junk[..most]), IoSliceMut::new(behind)];
        let n = rustix::io::readv(&self.end, &mut pieces)?;
        let dropped = n.min(self.junk);
        self.junk -= dropped;
        // What is behind it is to be asked for.
        if n > 0 && n == dropped { Err(Native::INTR) } else { Ok(n - dropped) }
    }

    /// The SYN waits for what the program writes first; it takes as much as fits in it. Says whether it went.
    fn open(&mut self, host: &mut Host, now: Instant, socket: SocketId, buffer: &mut [u8]) -> bool {
        let peek = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        let Ok((written @ 1.., _)) = rustix::net::recv(&self.end, &mut *buffer, peek) else { return false };
        // The rest follows as soon as there is an answer.
        let sent = host.send(now, socket, &buffer[..written]).unwrap_or(0);
        let taken =
            sent == 0 || rustix::net::recv(&self.end, &mut buffer[..sent], RecvFlags::DONTWAIT).is_ok();
        taken && !host.is_deferred(socket)
    }

    /// From the stack to the program.
    pub(crate) fn receive(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Moved {
        while self.may_write && !self.receiving_shut {
            if self.outbox.is_empty() {
                match host.receive_marked(now, socket, PORTION) {
                    // Its end is no peer's.
                    Ok((bytes, _)) if bytes.is_empty() && self.failed.is_some() => break,
                    Ok((bytes, _)) if bytes.is_empty() => {
                        self.receiving_shut = true;
                        let _ = rustix::net::shutdown(&self.end, Shutdown::Write);
                        break;
                    }
                    Ok((bytes, urgent)) => (self.outbox, self.outbox_is_urgent) = (bytes, urgent),
                    Err(Errno::EAGAIN) => break,
                    Err(error) => return Moved::Broken(self.failed.unwrap_or(Some(error))),
                }
            }
            self.give();
            if self.given > MUCH && !self.has_grown {
                self.grow(host, socket);
            }
        }
        if let Some(error) = self.failed {
            return if self.outbox.is_empty() && self.may_write { Moved::Broken(error) } else { Moved::Open };
        }
        // An error behind the peer's FIN, or behind data for which P has no room, is not met by receiving.
        if host.readiness(socket).contains(Readiness::ERR)
            && let Some(error) = host.take_error(socket)
        {
            if self.outbox.is_empty() {
                return Moved::Broken(Some(error));
            }
            self.fail(error);
        }
        Moved::Open
    }

    /// Gives P what has come for it, as far as there is room.
    fn give(&mut self) {
        let pieces: Vec<IoSlice<'_>> = self.outbox.pieces().take(64).map(IoSlice::new).collect();
        let mut flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        flags.set(SendFlags::OOB, self.outbox_is_urgent);
        match rustix::net::sendmsg(&self.end, &pieces, &mut SendAncillaryBuffer::default(), flags) {
            Ok(n) => {
                self.outbox.advance(n);
                self.given = self.given.wrapping_add(n);
            }
            Err(Native::INTR) => {}
            // A kernel built without: it is not urgent, but it is not lost.
            Err(Native::OPNOTSUPP) if self.outbox_is_urgent => self.outbox_is_urgent = false,
            // Full; or the program reads no more, which a hang-up will tell.
            Err(_) => self.may_write = false,
        }
    }

    /// The same of a connection that has broken, from which nothing more comes.
    pub(crate) fn give_rest(&mut self) {
        while self.may_write && !self.outbox.is_empty() {
            self.give();
        }
    }

    /// Whether there are bytes of the program's, maybe, that may be left where they are: nothing but data, of a connection that stands.
    pub(crate) fn may_wait(&self) -> bool {
        let ends = self.may_end || self.hung_up || self.asked_shut || self.failed.is_some();
        self.may_read && self.junk == 0 && !ends && !self.looks_for_marks
    }

    /// Whether the program has written something, beyond the junk.
    fn has_data(&self) -> bool {
        self.junk == 0 || self.readable() > self.junk as u64
    }

    fn readable(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.end).unwrap_or(0)
    }

    /// Whether P's queue has no room.
    pub(crate) fn is_full(&self) -> bool {
        !self.may_write
    }

    /// Whether P has something to read: bytes that it was sent, or the end.
    pub(crate) fn is_readable(&self) -> bool {
        self.receiving_shut || super::charge(&self.end) > 0
    }

    /// Whether the program has not read all that came.
    pub(crate) fn owes(&self) -> bool {
        !self.outbox.is_empty() || super::charge(&self.end) > 0
    }

    /// Bytes of the program that the stack has not taken yet; of a connection that has failed it takes none.
    pub(crate) fn unread(&self) -> usize {
        if self.failed.is_some() {
            return 0;
        }
        usize::try_from(self.readable()).unwrap_or(0).saturating_sub(self.junk)
    }

    /// The program is about to send an urgent byte, which the kernel is to leave where it is for us.
    pub(crate) fn look_for_marks(&mut self) -> io::Result<()> {
        self.looks_for_marks = true;
        Ok(rustix::net::sockopt::set_socket_oobinline(&self.end, true)?)
    }

    fn at_mark(&self) -> bool {
        let mut mark = 0;
        // SAFETY: the kernel writes an int.
        let done = unsafe { libc::ioctl(self.end.as_raw_fd(), SIOCATMARK, &raw mut mark) };
        done == 0 && mark == 1
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}
