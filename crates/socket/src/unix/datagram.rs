//! DGRAM and SEQPACKET: unix_dgram_sendmsg, unix_dgram_recvmsg.

use std::sync::Arc;

use sockeye_abi::{Credentials, Errno, MessageFlags, SocketType, UnixAddress};
use sockeye_base::Chain;

use super::end::State;
use super::message::{NOBODY, Packet, Passed, UnixMessage, UnixReceived, datagram_charge};
use super::{Domain, EndId, Identity};
use crate::host::Result;

impl Domain {
    /// Queues a datagram, whose bytes `take` gives. In Linux's order: EMSGSIZE, the pending error, EPIPE, EAGAIN of a full buffer,
    /// then what the destination says.
    pub(super) fn send_datagram(
        &mut self,
        id: EndId,
        len: usize,
        message: &UnixMessage<'_>,
        who: &Identity,
        take: &mut dyn FnMut(usize) -> Chain,
    ) -> Result<usize> {
        let end = self.end_mut(id)?;
        let connection = end.is_connection();
        if connection {
            if let Some(error) = end.error.take() {
                return Err(error);
            }
            if end.state != State::Established {
                return Err(Errno::ENOTCONN);
            }
        }
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let to = message.to.filter(|_| !connection);
        to.map(|to| self.check_address(to)).transpose()?;
        self.name_for_credentials(id)?;
        if len > self.end(id)?.send_buffer().saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        self.has_room(id)?;
        let kind = self.end(id)?.kind;
        let other = match to {
            Some(to) => self.find(to, kind)?,
            None => self.end(id)?.peer.ok_or(Errno::ENOTCONN)?,
        };
        self.may_receive(id, other, message)?;
        let packet = Packet {
            bytes: take(len),
            from: id,
            charge: datagram_charge(len),
            urgent: false,
            peeked: false,
            credentials: self.credentials_of(id, other, (message, who)),
            rights: message.boxed_rights(),
        };
        self.push(other, packet);
        Ok(len)
    }

    /// What the other end says of a datagram.
    fn may_receive(&mut self, id: EndId, other: EndId, message: &UnixMessage<'_>) -> Result<()> {
        self.may_send(id, other)?;
        let receiver = self.end(other)?;
        if !receiver.alive {
            if self.end(id)?.is_connection() {
                return Err(Errno::EPIPE);
            }
            self.end_mut(id)?.state = State::Closed;
            self.datagrams_of_old_peer(id, other)?;
            self.set_peer(id, None);
            return Err(Errno::ECONNREFUSED);
        }
        if receiver.shut.read {
            return Err(Errno::EPIPE);
        }
        if !message.rights.is_empty() && !receiver.takes_rights {
            return Err(Errno::EPERM);
        }
        if other != id && receiver.peer != Some(id) && receiver.is_full() {
            self.wait_at(id, other);
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// Receives a datagram. SEQPACKET: ENOTCONN without a connection, and the end when reading is shut.
    pub(super) fn receive_datagram(
        &mut self,
        id: EndId,
        max: usize,
        (flags, room): (MessageFlags, usize),
    ) -> Result<UnixReceived> {
        let end = self.end_mut(id)?;
        let sequenced = end.kind == SocketType::SeqPacket;
        if sequenced && end.state != State::Established {
            return Err(Errno::ENOTCONN);
        }
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(error) = end.error.take() {
            return Err(error);
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let (mut skip, looks_past) = (end.peek_from(peek), peek && end.peek_offset >= 0);
        let unseen = |packet: &Packet| {
            let seen = looks_past && skip >= packet.bytes.len() && (skip > 0 || packet.peeked);
            if seen {
                skip -= packet.bytes.len();
            }
            !seen
        };
        let Some(at) = end.queue.iter().position(unseen) else {
            return if sequenced && end.shut.read { Ok(UnixReceived::default()) } else { Err(Errno::EAGAIN) };
        };
        let takes_credentials = end.takes_credentials;
        let packet = end.queue.get_mut(at).ok_or(Errno::EAGAIN)?;
        let length = packet.bytes.len() - skip;
        let mut received =
            UnixReceived { bytes: packet.bytes.slice(skip, max), length, ..UnixReceived::default() };
        received.flags.set(MessageFlags::TRUNC, max < length);
        received.credentials = takes_credentials.then(|| packet.credentials.unwrap_or(NOBODY));
        let from = packet.from;
        if peek {
            packet.peeked |= packet.bytes.is_empty();
            let (rights, cut) = packet.peek_rights(room);
            received.take_rights(rights, cut);
            end.peeked(received.bytes.len());
        } else {
            let (whole, rights) = (packet.bytes.len(), packet.rights.take());
            end.taken(whole);
            let was_full = end.is_full();
            let packet = end.queue.remove(at);
            self.hand_out(rights, room, &mut received);
            received.source = self.name_of(from);
            packet.into_iter().for_each(|packet| self.discard(packet));
            if was_full && !self.end(id)?.is_full() {
                self.wake_waiting(id);
            }
            return Ok(received);
        }
        received.source = self.name_of(from);
        Ok(received)
    }

    /// An end's name, also if it is dead.
    pub(super) fn name_of(&self, id: EndId) -> Option<Arc<UnixAddress>> {
        self.ends.get(id).and_then(|end| end.name.clone())
    }

    /// Gives what was passed to who receives, as much as there is room for; the rest is dropped.
    #[expect(clippy::box_collection, reason = "as a packet keeps it")]
    pub(super) fn hand_out(
        &mut self,
        rights: Option<Box<Vec<Passed>>>,
        room: usize,
        received: &mut UnixReceived,
    ) {
        let Some(mut rights) = rights else { return };
        self.in_flight = self.in_flight.saturating_sub(rights.len());
        let surplus = rights.split_off(room.min(rights.len()));
        let cut = !surplus.is_empty();
        self.dropped.extend(surplus);
        received.take_rights(*rights, cut);
    }

    /// What a packet says of its sender: what the message says, or the truth if either end wants to know.
    pub(super) fn credentials_of(
        &self,
        id: EndId,
        other: EndId,
        (message, who): (&UnixMessage<'_>, &Identity),
    ) -> Option<Credentials> {
        let wanted = |id| self.ends.get(id).is_some_and(|end| end.takes_credentials);
        message.credentials.or_else(|| (wanted(id) || wanted(other)).then_some(who.credentials))
    }
}

impl UnixMessage<'_> {
    #[expect(clippy::box_collection, reason = "as a packet keeps it")]
    pub(super) fn boxed_rights(&self) -> Option<Box<Vec<Passed>>> {
        (!self.rights.is_empty()).then(|| Box::new(self.rights.to_vec()))
    }
}

impl UnixReceived {
    pub(super) fn take_rights(&mut self, rights: Vec<Passed>, cut: bool) {
        if self.rights.is_empty() {
            self.rights = rights;
        }
        self.flags.set(MessageFlags::CTRUNC, self.flags.contains(MessageFlags::CTRUNC) || cut);
    }
}
