//! What a datagram socket has got and not yet been asked for: datagrams, and errors about those it sent.
//!
//! Both count against the receive buffer, as Linux counts memory (`sk_rmem_alloc`): what finds no room is dropped.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use sockeye_base::{Chain, Instant};

use crate::{DatagramError, InterfaceId};

/// How a packet came, for those who ask for it with control messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Where.
    pub interface: InterfaceId,
    /// The destination in its header.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// TOS or traffic class.
    pub traffic_class: u8,
    /// Bytes of the largest of its fragments, with the IP header; 0 if it came whole.
    pub fragment: u16,
    /// What its fragments take of the receive buffer; 0 if it came whole.
    pub fragments_size: u32,
}

/// A datagram taken from a socket's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub source: SocketAddr,
    /// Its data.
    pub payload: Chain,
    /// How it came.
    pub arrival: Arrival,
    /// Datagrams the socket had dropped by then (SO_RXQ_OVFL).
    pub dropped: u32,
}

/// An entry of a socket's error queue (IP_RECVERR, MSG_ERRQUEUE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// What went wrong.
    pub error: DatagramError,
    /// Who says so; none: this host, about a datagram that it did not send.
    pub complaint: Option<Complaint>,
    /// The path's MTU when the datagram was too long for it; where the bad parameter is.
    pub info: u32,
    /// Where the datagram was to go.
    pub destination: SocketAddr,
    /// As much of its data as is known.
    pub payload: Chain,
}

/// An ICMP error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Who sent it.
    pub offender: IpAddr,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// How it came.
    pub arrival: Arrival,
}

/// What waits in a queue takes of a receive buffer, and how that is given back (`udp_rmem_release`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Charges {
    charged: usize,
    /// How many at the front of the queue the reader has taken over (Linux's `reader_queue`): what is read of them is given
    /// back to the buffer together.
    taken_over: usize,
    /// Read, and not yet given back.
    deficit: usize,
    /// Counted as for all sockets but UDP's (`sock_queue_rcv_skb`): what finds any room is taken, and what is read is given
    /// back at once.
    plain: bool,
}

impl Charges {
    /// Those of a socket that isn't UDP's.
    pub fn plain() -> Charges {
        Charges { plain: true, ..Charges::default() }
    }

    /// Charges something, if there is room for it in a buffer of `limit` bytes. An empty one takes anything.
    pub fn take(&mut self, size: usize, limit: usize) -> bool {
        let fits = match self.plain {
            true => self.charged < limit,
            false => self.charged == 0 || self.charged + size <= limit,
        };
        self.charged += if fits { size } else { 0 };
        fits
    }

    /// What is taken.
    pub fn charged(&self) -> usize {
        self.charged
    }

    /// The first was read; `left` are behind it.
    pub fn give_back(&mut self, size: usize, left: usize, limit: usize) {
        if self.taken_over == 0 {
            self.taken_over = left + 1;
        }
        self.taken_over -= 1;
        self.deficit += size;
        // A quarter of the buffer at once, or what there is when the reader has come to its end.
        if self.plain || self.taken_over == 0 || self.deficit >= limit / 4 {
            self.charged = self.charged.saturating_sub(std::mem::take(&mut self.deficit));
        }
    }
}

/// The error queue.
#[derive(Debug, Default)]
struct Errors {
    queue: VecDeque<ErrorReport>,
}

/// The two queues of a socket, what they take of its receive buffer, and its pending error.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: VecDeque<Received>,
    charges: Charges,
    limit: usize,
    /// What is taken of the buffer by what its owner has taken over and not read yet.
    elsewhere: usize,
    pending: Option<DatagramError>,
    drops: u32,
    /// Most sockets never have one.
    errors: Option<Box<Errors>>,
}

impl Inbox {
    /// An empty one that holds so many bytes, overhead included.
    pub(crate) fn new(limit: usize) -> Inbox {
        Inbox {
            queue: VecDeque::new(),
            charges: Charges::default(),
            limit,
            elsewhere: 0,
            pending: None,
            drops: 0,
            errors: None,
        }
    }

    /// The same for a raw or ping socket.
    pub(crate) fn plain(limit: usize) -> Inbox {
        Inbox { charges: Charges::plain(), ..Inbox::new(limit) }
    }

    /// SO_RCVBUF, as the kernel counts it.
    pub(crate) fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Queues a datagram; says whether there was room. An empty queue takes any.
    pub(crate) fn push(&mut self, source: SocketAddr, payload: Chain, arrival: Arrival) -> bool {
        let received = Received { source, payload, arrival, dropped: self.drops };
        let size = received.size();
        if !self.charges.take(size, self.limit.saturating_sub(self.elsewhere)) {
            self.drops = self.drops.wrapping_add(1);
            return false;
        }
        self.queue.push_back(received);
        true
    }

    /// The first datagram, to look at.
    pub(crate) fn first(&self) -> Option<&Received> {
        self.queue.front()
    }

    /// Takes the first datagram.
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let received = self.queue.pop_front()?;
        self.charges.give_back(received.size(), self.queue.len(), self.limit);
        Some(received)
    }

    /// How many datagrams found no room.
    pub(crate) fn drops(&self) -> u32 {
        self.drops
    }

    /// How many datagrams wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The error the next call is to tell.
    pub(crate) fn pending(&self) -> Option<DatagramError> {
        self.pending
    }

    pub(crate) fn set_pending(&mut self, error: DatagramError) {
        self.pending = Some(error);
    }

    pub(crate) fn take_pending(&mut self) -> Option<DatagramError> {
        self.pending.take()
    }

    /// Whether the error queue has an entry.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors.is_some()
    }

    /// Queues an error; it is lost if there is no room.
    pub(crate) fn push_error(&mut self, report: ErrorReport) {
        let size = report.size();
        if self.charges.charged + size < self.limit {
            self.charges.charged += size;
            self.errors.get_or_insert_default().queue.push_back(report);
        }
    }

    /// Takes the first error. The one behind it, if it came by ICMP, is what the next call tells; the last one taken is
    /// told by none any more (`sock_dequeue_err_skb`).
    pub(crate) fn pop_error(&mut self) -> Option<ErrorReport> {
        let errors = &mut self.errors.as_mut()?.queue;
        let report = errors.pop_front()?;
        let next = errors.front().filter(|next| next.complaint.is_some()).map(|next| next.error);
        if errors.is_empty() {
            self.errors = None;
        }
        self.charges.charged = self.charges.charged.saturating_sub(report.size());
        match next {
            Some(error) => self.pending = Some(error),
            None if report.complaint.is_some() => self.pending = None,
            None => {}
        }
        Some(report)
    }

    /// Empties the error queue.
    pub(crate) fn drop_errors(&mut self) {
        let errors = self.errors.take().into_iter().flat_map(|errors| errors.queue);
        let size = errors.map(|report| report.size()).sum();
        self.charges.charged = self.charges.charged.saturating_sub(size);
    }

    /// Drops the first datagram, as if it had found no room.
    pub(crate) fn drop_first(&mut self) {
        if self.pop().is_some() {
            self.drops = self.drops.wrapping_add(1);
        }
    }

    /// Its owner has taken over so much that counts still.
    pub(crate) fn set_elsewhere(&mut self, bytes: usize) {
        self.elsewhere = bytes;
    }

    /// What it holds, in bytes.
    pub(crate) fn charged(&self) -> usize {
        self.charges.charged
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Gives up all datagrams.
    pub(crate) fn drain(&mut self) -> VecDeque<Received> {
        let queue = std::mem::take(&mut self.queue);
        self.charges = Charges { plain: self.charges.plain, ..Charges::default() };
        queue
    }
}

/// What a datagram of so many bytes takes of the receive buffer, as Linux counts it (measured on 6.18 over `lo`, for every
/// length of both families): data and headers lie in a small buffer of fixed size or in a power of two with the shared info,
/// and what is longer in pages behind one; the `sk_buff` itself comes on top. (What came in fragments counts as these.)
pub(crate) fn truesize(len: usize, is_v4: bool) -> usize {
    const SHARED_INFO: usize = 320;
    const SMALL: usize = 256;
    const SK_BUFF: usize = 256;
    const LARGE: usize = 16_384;
    let data = len + if is_v4 { 59 } else { 72 };
    if data <= SMALL {
        SMALL + SHARED_INFO + SK_BUFF
    } else if data + SHARED_INFO < LARGE {
        (data + SHARED_INFO).next_power_of_two() + SK_BUFF
    } else {
        len + SMALL + SHARED_INFO + SK_BUFF
    }
}

impl Received {
    /// What it takes of a receive buffer.
    pub fn size(&self) -> usize {
        match usize::try_from(self.arrival.fragments_size) {
            Ok(size) if size > 0 => size,
            _ => truesize(self.payload.len(), self.source.is_ipv4()),
        }
    }
}

impl ErrorReport {
    /// The ICMP message stays in memory as it came.
    fn size(&self) -> usize {
        let is_v4 = self.destination.is_ipv4();
        let headers = if self.complaint.is_none() {
            0
        } else if is_v4 {
            28
        } else {
            48
        };
        truesize(self.payload.len() + headers, is_v4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As SO_MEMINFO says on Linux 6.18.
    #[test]
    fn sizes_as_linux() {
        for (len, v4, v6) in [
            (0, 832, 832),
            (184, 832, 832),
            (185, 832, 1280),
            (197, 832, 1280),
            (198, 1280, 1280),
            (646, 2304, 2304),
            (1669, 2304, 4352),
            (7813, 8448, 16_640),
            (15_992, 16_640, 16_824),
            (16_004, 16_640, 16_836),
            (16_005, 16_837, 16_837),
            (60_000, 60_832, 60_832),
        ] {
            assert_eq!((truesize(len, true), truesize(len, false)), (v4, v6), "{len}");
        }
    }
}
