//! One end: a socket's state, and what poll(2) says of it (unix_poll, unix_dgram_poll).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use sockeye_abi::{Errno, Readiness, SocketType, UnixAddress};

use super::message::{Identity, Packet};
use super::{Domain, EndId};
use crate::host::{Shut, SocketId};
use crate::options::Options;

/// What a send buffer holds unless set (net.core.wmem_default).
const WMEM_DEFAULT: usize = 212_992;

/// Linux's sk_state, as far as Unix-domain sockets use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Closed,
    Listening,
    Established,
}

/// A socket, or what waits in a listener's queue to become one.
pub(crate) struct End {
    pub(super) kind: SocketType,
    pub(super) state: State,
    pub(crate) shut: Shut,
    /// Not closed.
    pub(super) alive: bool,
    /// It is in the queue of changed ones.
    pub(super) queued: bool,
    /// Calls on it don't wait (O_NONBLOCK).
    pub(crate) nonblocking: bool,
    /// A byte in the queue is out of band.
    pub(super) urgent: bool,
    /// A descriptor for it may be sent to it (SO_PASSRIGHTS); credentials come with what is received (SO_PASSCRED).
    pub(super) takes_rights: bool,
    pub(super) takes_credentials: bool,
    pub(super) error: Option<Errno>,
    /// Packets beyond these are not taken from who isn't its peer; of a listener connections (sk_max_ack_backlog).
    pub(super) backlog: u32,
    /// How many have it open, queues in which it is on its way included.
    pub(super) holders: u32,
    /// Of these: queues.
    pub(super) in_flight: u32,
    /// How many packets of its own wait to be read, and ends have it for their peer.
    pub(super) references: u32,
    /// What arrived, and how often somebody was told of room: each is an edge to who watches for edges.
    pub(super) arrived: u32,
    pub(super) rooms: u8,
    /// SO_PEEK_OFF; negative: off.
    pub(super) peek_offset: i32,
    /// Bytes, overhead included, that it sent and nobody has read (sk_wmem_alloc).
    pub(super) charged: usize,
    pub(super) handle: Option<SocketId>,
    pub(super) peer: Option<EndId>,
    /// Where it waits for room.
    pub(super) waits_at: Option<EndId>,
    pub(super) name: Option<Arc<UnixAddress>>,
    /// Who connected, or listened (SO_PEERCRED).
    pub(super) peer_identity: Option<Arc<Identity>>,
    pub(super) options: Arc<Options>,
    pub(super) queue: VecDeque<Packet>,
    /// What most don't need.
    pub(super) more: Option<Box<More>>,
}

#[derive(Default)]
pub(super) struct More {
    pub(super) listener: Option<Listener>,
    /// Who waits for room in the queue.
    pub(super) waiting: BTreeSet<EndId>,
}

/// Connections that wait to be accepted.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) queue: VecDeque<EndId>,
}

impl End {
    pub(super) fn new(kind: SocketType, options: Arc<Options>, queue_length: usize) -> End {
        End {
            kind,
            state: State::Closed,
            shut: Shut::default(),
            alive: true,
            queued: false,
            nonblocking: false,
            urgent: false,
            takes_rights: true,
            takes_credentials: false,
            error: None,
            backlog: u32::try_from(queue_length).unwrap_or(u32::MAX),
            holders: 1,
            in_flight: 0,
            references: 0,
            arrived: 0,
            rooms: 0,
            peek_offset: -1,
            charged: 0,
            handle: None,
            peer: None,
            waits_at: None,
            name: None,
            peer_identity: None,
            options,
            queue: VecDeque::new(),
            more: None,
        }
    }

    /// What tells one edge from the next.
    pub(crate) fn progress(&self) -> (u64, u8) {
        (self.arrived.into(), self.rooms)
    }

    /// All that waits to be read.
    pub(super) fn take_queue(&mut self) -> VecDeque<Packet> {
        self.urgent = false;
        std::mem::take(&mut self.queue)
    }

    /// STREAM or SEQPACKET.
    pub(super) fn is_connection(&self) -> bool {
        self.kind != SocketType::Datagram
    }

    pub(super) fn is_listening(&self) -> bool {
        self.state == State::Listening
    }

    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    pub(super) fn listener(&self) -> Option<&Listener> {
        self.more.as_ref().and_then(|more| more.listener.as_ref())
    }

    pub(super) fn listener_mut(&mut self) -> Option<&mut Listener> {
        self.more.as_mut().and_then(|more| more.listener.as_mut())
    }

    /// How much it may send before somebody reads (sk_sndbuf).
    pub(super) fn send_buffer(&self) -> usize {
        self.options.unix_send_buffer().unwrap_or(WMEM_DEFAULT)
    }

    /// unix_writable: a quarter of the send buffer is used.
    pub(super) fn is_writable(&self) -> bool {
        !self.is_listening() && (self.charged + 1).saturating_mul(4) <= self.send_buffer()
    }

    /// Whether somebody who closes it has left something unread. An urgent byte that was read counts no more.
    pub(super) fn has_unread(&self) -> bool {
        match self.kind {
            SocketType::Stream => self.queue.iter().any(|packet| !packet.bytes.is_empty()),
            SocketType::Datagram | SocketType::SeqPacket | SocketType::Raw => !self.queue.is_empty(),
        }
    }

    /// Its queue takes nothing more from who isn't its peer (unix_recvq_full).
    pub(super) fn is_full(&self) -> bool {
        let queued = self.listener().map_or(self.queue.len(), |listener| listener.queue.len());
        queued > usize::try_from(self.backlog).unwrap_or(usize::MAX)
    }

    /// How far a peek looks past what was peeked at.
    pub(super) fn peek_from(&self, peek: bool) -> usize {
        if peek { usize::try_from(self.peek_offset).unwrap_or(0) } else { 0 }
    }

    pub(super) fn peeked(&mut self, bytes: usize) {
        if self.peek_offset >= 0 {
            let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
            self.peek_offset = self.peek_offset.saturating_add(bytes);
        }
    }

    pub(super) fn taken(&mut self, bytes: usize) {
        if self.peek_offset >= 0 {
            let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
            self.peek_offset = self.peek_offset.saturating_sub(bytes).max(0);
        }
    }
}

/// What is shown of an end to who looks from outside.
pub(crate) struct Shown {
    /// By TCP's numbers in Linux.
    pub(crate) state: u8,
    pub(crate) peer: Option<SocketId>,
    pub(crate) receive_queue: usize,
    pub(crate) send_queue: usize,
    pub(crate) holders: u32,
}

impl Domain {
    /// As unix_diag(7) has it: of a listener the connections that wait, and how many may.
    pub(crate) fn shown(&self, id: EndId) -> Option<Shown> {
        let end = self.ends.get(id)?;
        let peer = end.peer.and_then(|peer| self.ends.get(peer)?.handle);
        let (state, receive_queue, send_queue) = match end.state {
            State::Listening => {
                let waiting = end.listener().map_or(0, |listener| listener.queue.len());
                (10, waiting, usize::try_from(end.backlog).unwrap_or(usize::MAX))
            }
            State::Closed | State::Established => {
                let unread = end.queue.iter().map(|packet| packet.bytes.len()).sum();
                (if end.state == State::Established { 1 } else { 7 }, unread, end.charged)
            }
        };
        Some(Shown { state, peer, receive_queue, send_queue, holders: end.holders })
    }

    /// The pending error, which is none afterwards.
    pub(crate) fn take_error(&mut self, id: EndId) -> Option<Errno> {
        self.ends.get_mut(id)?.error.take()
    }

    /// What poll(2) says.
    pub(crate) fn readiness(&self, id: EndId) -> Readiness {
        let Some(end) = self.ends.get(id) else { return Readiness::NVAL };
        let mut bits = Readiness::empty();
        let readable = Readiness::IN | Readiness::RDNORM;
        bits.set(Readiness::ERR, end.error.is_some());
        bits.set(Readiness::HUP, end.shut.read && end.shut.write);
        bits.set(Readiness::RDHUP | readable, end.shut.read);
        let waiting = end.listener().is_some_and(|listener| !listener.queue.is_empty());
        if waiting || !end.queue.is_empty() {
            bits |= readable;
        }
        bits.set(Readiness::PRI, end.urgent);
        if end.is_connection() && end.state == State::Closed {
            bits |= Readiness::HUP;
        }
        if end.is_writable() && !self.peer_is_full(end, id) {
            bits |= Readiness::OUT | Readiness::WRNORM | Readiness::WRBAND;
        }
        bits
    }

    /// A datagram's way to a peer that is not connected back.
    fn peer_is_full(&self, end: &End, id: EndId) -> bool {
        end.kind != SocketType::Stream
            && end
                .peer
                .and_then(|peer| self.ends.get(peer))
                .is_some_and(|peer| peer.alive && peer.peer != Some(id) && peer.is_full())
    }
}
