//! A datagram socket's carrier: a pair of Unix-domain datagram sockets.
//!
//! What P writes natively arrives at S with its borders. What the stack receives goes to P's queue, where the program's
//! native `read`, `recv` and `poll` find it. Who sent it is remembered here, for the trapped calls that ask: P's
//! queue is first in, first out, and the memory S is charged for tells how much of it was read natively meanwhile.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketFlags, SocketType,
};
use sockeye_abi::Errno;
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::{Charges, Received};

/// What S may have in P's queue, with the kernel's overhead; the rest waits in the stack, which drops what is too much.
const QUEUE: usize = 4 << 20;

/// How far a delivery came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// All that P's queue takes is there.
    All,
    /// The network has said something of an earlier datagram.
    Error,
    /// P is closed.
    Closed,
}

/// A datagram in P's queue.
struct Letter {
    /// How it came, without its data.
    received: Received,
    /// What it takes of the receive buffer.
    size: usize,
    /// The memory S is charged for it.
    charge: usize,
}

/// S, and what is known of P's queue.
pub(crate) struct Mailbox {
    end: OwnedFd,
    /// For each datagram in P's queue: how it came (its data are there), what it takes of the receive buffer, and the memory
    /// it is charged.
    letters: VecDeque<Letter>,
    charged: usize,
    /// What they take of the receive buffer together.
    charges: Charges,
    /// SO_RCVBUF.
    limit: usize,
    may_write: bool,
    /// What the network said of an earlier datagram, for the next call that is trapped.
    error: Option<Errno>,
}

impl Mailbox {
    /// P and S; the receive buffer is charged in this way.
    pub(crate) fn pair(nonblock: bool, charges: Charges) -> io::Result<(OwnedFd, Mailbox)> {
        let (program_end, end) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let end = super::to_stay(end)?;
        rustix::io::ioctl_fionbio(&program_end, nonblock)?;
        rustix::io::ioctl_fionbio(&end, true)?;
        // Without the privilege, as much as the machine allows.
        if rustix::net::sockopt::set_socket_send_buffer_size_force(&end, QUEUE).is_err() {
            rustix::net::sockopt::set_socket_send_buffer_size(&end, QUEUE)?;
        }
        let letters = VecDeque::new();
        let mailbox =
            Mailbox { end, letters, charged: 0, charges, limit: usize::MAX, may_write: true, error: None };
        Ok((program_end, mailbox))
    }

    /// What the kernel says of S.
    pub(crate) fn note(&mut self, events: EventFlags) {
        self.may_write |= events.contains(EventFlags::OUT);
    }

    /// Whether P's queue has no room.
    pub(crate) fn is_full(&self) -> bool {
        !self.may_write
    }

    /// Moves what the stack received to P's queue.
    pub(crate) fn deliver(&mut self, host: &mut Host, socket: SocketId) -> Delivered {
        self.limit = host.receive_buffer(socket);
        while self.may_write {
            let mut received = match host.peek_arrived(socket) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => break,
                Err(error) => {
                    self.error = Some(error);
                    return Delivered::Error;
                }
            };
            let before = self.forget_read();
            let size = received.size();
            let charges = self.charges;
            if !self.charges.take(size, self.limit) {
                host.drop_arrived(socket);
                continue;
            }
            let pieces: Vec<IoSlice<'_>> = received.payload.pieces().map(IoSlice::new).collect();
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::sendmsg(&self.end, &pieces, &mut SendAncillaryBuffer::default(), flags) {
                Ok(_) => {
                    drop(pieces);
                    received.payload = Chain::new();
                    self.note_delivered(received, size, before);
                    // Only now is it P's: what P could not take is refused, or waits where it is.
                    drop(host.take_arrived(socket));
                }
                Err(error) => {
                    self.charges = charges;
                    match error {
                        rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS => self.may_write = false,
                        rustix::io::Errno::CONNREFUSED | rustix::io::Errno::PIPE => return Delivered::Closed,
                        // Too long for a Unix-domain datagram of this machine: dropped, as the network may.
                        _ => drop(host.take_arrived(socket)),
                    }
                }
            }
        }
        // What P's queue has no room for is not to find more room than the program gave it.
        host.set_elsewhere(socket, if self.may_write { 0 } else { self.charges.charged() });
        Delivered::All
    }

    /// The network's error, if there is one that nobody was told of.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    /// Has P show an error natively: who polls or blocks on it wakes. (S leaves P with bytes of P's unread, and comes
    /// back: the kernel calls that ECONNRESET.)
    pub(crate) fn show_error(&mut self, program_end: &OwnedFd, name: &SocketAddrAny) {
        let junk = rustix::net::send(program_end, &[0], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        if junk.is_ok() && rustix::net::connect_unspec(&self.end).is_ok() {
            // P lives, or it could not have been borrowed.
            let _ = rustix::net::connect(&self.end, name);
        }
    }

    /// How the datagram at the head of P's queue came.
    pub(crate) fn next(&mut self) -> Option<&Received> {
        self.forget_read();
        self.letters.front().map(|letter| &letter.received)
    }

    /// A datagram is in P's queue; `before` it S was charged so much.
    fn note_delivered(&mut self, received: Received, size: usize, before: usize) {
        let charge = self.unread().saturating_sub(before);
        self.letters.push_back(Letter { received, size, charge });
        self.charged += charge;
    }

    /// Forgets what P has read; gives the memory charged for the rest.
    fn forget_read(&mut self) -> usize {
        let unread = self.unread();
        while (self.charged > unread || unread == 0)
            && let Some(letter) = self.letters.pop_front()
        {
            self.charged -= letter.charge;
            self.charges.give_back(letter.size, self.letters.len(), self.limit);
        }
        unread
    }

    /// Puts a datagram back to the head of P's queue. `buffer` has room for the largest datagram.
    pub(crate) fn put_back(&mut self, program_end: &OwnedFd, first: (Vec<u8>, Received), buffer: &mut [u8]) {
        let mut queue = VecDeque::from([first]);
        while let Some(received) = self.next().cloned()
            && let Ok((n, _)) = rustix::net::recv(program_end, &mut *buffer, RecvFlags::DONTWAIT)
        {
            queue.push_back((buffer[..n].to_vec(), received));
        }
        for (data, received) in queue {
            let before = self.forget_read();
            // There was room for all of them; what has none now is lost, as on any network.
            if rustix::net::send(&self.end, &data, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).is_ok() {
                let size = received.size();
                self.charges.take(size, usize::MAX);
                self.note_delivered(received, size, before);
            }
        }
    }

    /// Sends what the program wrote natively. `buffer` has room for the largest datagram.
    pub(crate) fn collect(&mut self, host: &mut Host, now: Instant, socket: SocketId, buffer: &mut [u8]) {
        while let Ok((n, _)) = rustix::net::recv(&self.end, &mut *buffer, RecvFlags::DONTWAIT) {
            // A native write returned long ago: an error shows on the next trapped call, as one from the network.
            let _ = host.send_to(now, socket, &buffer[..n], None);
        }
    }

    /// What P has not read takes of the receive buffer.
    pub(crate) fn waiting(&self) -> usize {
        let mut unread = self.unread();
        let mut sizes = 0;
        for letter in self.letters.iter().rev() {
            if unread == 0 {
                break;
            }
            unread = unread.saturating_sub(letter.charge);
            sizes += letter.size;
        }
        sizes
    }

    /// The memory charged for what P has not read.
    fn unread(&self) -> usize {
        super::charge(&self.end)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sockeye_stack::{Arrival, InterfaceId};

    use super::*;

    fn from(port: u16) -> Received {
        let at = SocketAddr::from(([192, 0, 2, 1], port));
        let arrival = Arrival {
            at: Instant::ZERO,
            interface: InterfaceId::LOOPBACK,
            destination: at.ip(),
            hop_limit: 64,
            traffic_class: 0,
            fragment: 0,
            fragments_size: 0,
        };
        Received { source: at, payload: Chain::new(), arrival, dropped: 0 }
    }

    #[test]
    fn what_is_put_back_comes_first_with_its_source() {
        let (program_end, mut mailbox) = Mailbox::pair(true, Charges::default()).expect("a pair");
        let mut buffer = [0; 64];
        mailbox.put_back(&program_end, (b"later".to_vec(), from(2)), &mut buffer);
        mailbox.put_back(&program_end, (Vec::new(), from(1)), &mut buffer);
        assert_eq!(mailbox.next(), Some(&from(1)));
        assert_eq!(
            rustix::net::recv(&program_end, &mut buffer[..], RecvFlags::DONTWAIT).map(|(n, _)| n),
            Ok(0)
        );
        assert_eq!(mailbox.next(), Some(&from(2)));
        assert_eq!(
            rustix::net::recv(&program_end, &mut buffer[..], RecvFlags::DONTWAIT).map(|(n, _)| n),
            Ok(5)
        );
        assert_eq!(mailbox.next(), None);
    }

    #[test]
    fn sources_of_what_was_read_natively_are_forgotten() {
        let (program_end, mut mailbox) = Mailbox::pair(true, Charges::default()).expect("a pair");
        let mut buffer = [0; 64];
        for _ in 0..1000 {
            mailbox.put_back(&program_end, (b"x".to_vec(), from(9)), &mut buffer);
            rustix::net::recv(&program_end, &mut buffer[..], RecvFlags::DONTWAIT).expect("a datagram");
        }
        mailbox.forget_read();
        assert!(mailbox.letters.is_empty() && mailbox.charged == 0);
    }
}
