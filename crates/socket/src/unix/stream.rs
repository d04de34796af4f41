//! Streams: unix_stream_sendmsg, unix_stream_read_generic, and the byte out of band.
//!
//! An urgent byte is a packet of its own. Read out of band it stays in the queue, empty, as the mark; the stream's reader stops in
//! front of it, and passes over it when it comes to it first (manage_oob).

use std::collections::VecDeque;

use sockeye_abi::{Errno, MessageFlags};
use sockeye_base::Chain;

use super::end::{End, State};
use super::message::{NOBODY, Packet, UnixMessage, UnixReceived, stream_charge, stream_packet};
use super::{Domain, EndId, Identity};
use crate::host::Result;

impl Domain {
    /// Queues what there is room for of `len` bytes, which `take` gives piece by piece; what is passed goes with the first. Says
    /// how many. With MSG_OOB the last byte is urgent.
    pub(super) fn send_stream(
        &mut self,
        id: EndId,
        len: usize,
        message: &UnixMessage<'_>,
        who: &Identity,
        take: &mut dyn FnMut(usize) -> Chain,
    ) -> Result<usize> {
        let urgent = message.flags.contains(MessageFlags::OOB);
        if urgent && len == 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let end = self.end(id)?;
        if message.to.is_some() {
            let connected = end.state == State::Established;
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let peer = end.peer.ok_or(Errno::ENOTCONN)?;
        if end.shut.write {
            return Err(Errno::EPIPE);
        }
        let (mut sent, plain) = (0, len - usize::from(urgent));
        while sent < len {
            let size = match plain - sent {
                0 => 1,
                left => stream_packet(left, self.end(id)?.send_buffer()),
            };
            if let Err(errno) = self.may_send_packet(id, peer, message) {
                return if sent > 0 { Ok(sent) } else { Err(errno) };
            }
            let is_urgent = sent == plain;
            let packet = Packet {
                bytes: take(size),
                from: id,
                charge: stream_charge(size),
                urgent: is_urgent,
                peeked: false,
                credentials: self.credentials_of(id, peer, (message, who)),
                rights: if sent == 0 { message.boxed_rights() } else { None },
            };
            if is_urgent {
                let other = self.end_mut(peer)?;
                other.queue.iter_mut().for_each(|packet| packet.urgent = false);
                other.urgent = true;
            }
            self.push(peer, packet);
            sent += size;
        }
        Ok(sent)
    }

    /// What can hinder a packet: an error of the socket's, a full buffer, a peer that reads no more.
    fn may_send_packet(&mut self, id: EndId, peer: EndId, message: &UnixMessage<'_>) -> Result<()> {
        self.has_room(id)?;
        let other = self.end(peer)?;
        if !other.alive || other.shut.read {
            return Err(Errno::EPIPE);
        }
        if !message.rights.is_empty() && !other.takes_rights { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// sock_alloc_send_pskb: the pending error; EPIPE when writing is shut; EAGAIN when the buffer is full.
    pub(super) fn has_room(&mut self, id: EndId) -> Result<()> {
        let end = self.end_mut(id)?;
        if let Some(error) = end.error.take() {
            return Err(error);
        }
        if end.shut.write {
            return Err(Errno::EPIPE);
        }
        if end.charged < end.send_buffer() { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// Receives from a stream: at most `max` bytes, of no two senders if credentials are asked for, and nothing behind what
    /// passed something. EINVAL without a connection.
    pub(super) fn receive_stream(
        &mut self,
        id: EndId,
        max: usize,
        (flags, room): (MessageFlags, usize),
    ) -> Result<UnixReceived> {
        let end = self.end(id)?;
        if end.state != State::Established {
            return Err(Errno::EINVAL);
        }
        if flags.contains(MessageFlags::OOB) {
            return self.receive_urgent(id, max, flags);
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let (inline, takes_credentials) = (end.options.oob_inline, end.takes_credentials);
        let (mut at, mut skip) = (0, end.peek_from(peek));
        let mut received = UnixReceived::default();
        let mut packets = 0;
        loop {
            let end = self.end_mut(id)?;
            let (found, passed_over) = end.pass_urgent(at, (peek, inline), packets > 0);
            let found = found.and_then(|found| end.skip_read(found, &mut skip));
            passed_over.into_iter().for_each(|packet| self.discard(packet));
            let end = self.end_mut(id)?;
            let Some((found, packet)) = found.and_then(|found| Some((found, end.queue.get_mut(found)?)))
            else {
                break;
            };
            if takes_credentials {
                match received.credentials {
                    Some(first) if first != packet.credentials.unwrap_or(NOBODY) => break,
                    Some(_) => {}
                    None => received.credentials = Some(packet.credentials.unwrap_or(NOBODY)),
                }
            }
            let (from, wanted) = (packet.from, max - received.bytes.len());
            packets += 1;
            let (ends_here, read) = if peek {
                let piece = packet.bytes.slice(skip, wanted);
                let copied = piece.len();
                let (rights, cut) = packet.peek_rights(room);
                let passes = packet.rights.is_some();
                received.take_rights(rights, cut);
                received.bytes.append(piece);
                end.peeked(copied);
                (at, skip) = (found + 1, 0);
                // As Linux, which looks at what follows also when the buffer is full, and shows what that passes.
                (passes, None)
            } else {
                let piece = packet.bytes.split_to(wanted);
                let copied = piece.len();
                let rights = packet.rights.take();
                let rest = !packet.bytes.is_empty();
                let passes = rights.is_some();
                received.bytes.append(piece);
                end.taken(copied);
                let read = if rest { None } else { end.queue.remove(found) };
                self.hand_out(rights, room, &mut received);
                (rest || passes || received.bytes.len() >= max, read)
            };
            if received.source.is_none() {
                received.source = self.name_of(from);
            }
            read.into_iter().for_each(|packet| self.discard(packet));
            if ends_here {
                break;
            }
        }
        received.length = received.bytes.len();
        if packets > 0 { Ok(received) } else { self.end_of_stream(id) }
    }

    /// What a read of a stream finds when there is nothing: the error, the end, or a reason to wait.
    fn end_of_stream(&mut self, id: EndId) -> Result<UnixReceived> {
        let end = self.end_mut(id)?;
        match end.error.take() {
            Some(error) => Err(error),
            None if end.shut.read => Ok(UnixReceived::default()),
            None => Err(Errno::EAGAIN),
        }
    }

    /// Takes the urgent byte (unix_stream_recv_urg). EINVAL if there is none or it comes in line.
    fn receive_urgent(&mut self, id: EndId, max: usize, flags: MessageFlags) -> Result<UnixReceived> {
        let end = self.end_mut(id)?;
        if end.options.oob_inline || !end.urgent {
            return Err(Errno::EINVAL);
        }
        let at = end.queue.iter().position(|packet| packet.urgent).ok_or(Errno::EINVAL)?;
        let packet = end.queue.get_mut(at).ok_or(Errno::EINVAL)?;
        let bytes = packet.bytes.slice(0, max);
        if !flags.contains(MessageFlags::PEEK) {
            packet.urgent = false;
            packet.bytes = Chain::new();
            end.urgent = false;
            // Of marks in a row the last stays.
            let is_mark =
                |before: &usize| end.queue.get(*before).is_some_and(|packet| packet.bytes.is_empty());
            let mark = at.checked_sub(1).filter(is_mark).and_then(|before| end.queue.remove(before));
            mark.into_iter().for_each(|packet| self.discard(packet));
        }
        Ok(UnixReceived { length: bytes.len(), bytes, flags: MessageFlags::OOB, ..UnixReceived::default() })
    }

    /// Whether the urgent byte, or where it was, is next (SIOCATMARK). EOPNOTSUPP if it isn't a stream.
    pub(crate) fn at_mark(&self, id: EndId) -> Result<bool> {
        let end = self.end(id)?;
        if end.kind != sockeye_abi::SocketType::Stream {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(end.queue.front().is_some_and(|first| {
            let next_is_urgent = || end.queue.get(1).is_some_and(|next| next.urgent);
            first.urgent || first.bytes.is_empty() && (!end.urgent || next_is_urgent())
        }))
    }
}

impl End {
    /// Where reading goes on from a place in the queue, with respect to urgent bytes (manage_oob); `None`: it ends there. Gives
    /// what was passed over and is to be dropped.
    fn pass_urgent(
        &mut self,
        mut at: usize,
        how: (bool, bool),
        copied: bool,
    ) -> (Option<usize>, Vec<Packet>) {
        let (peek, inline) = how;
        let mut passed_over = Vec::new();
        let is_empty =
            |queue: &VecDeque<Packet>, at| queue.get(at).is_some_and(|packet| packet.bytes.is_empty());
        if is_empty(&self.queue, at) {
            if copied && !self.urgent {
                return (None, passed_over);
            }
            if peek {
                at += 1;
            } else {
                passed_over.extend(self.queue.remove(at));
            }
        }
        if self.queue.get(at).is_some_and(|packet| packet.urgent) {
            if copied {
                return (None, passed_over);
            }
            if !peek {
                self.urgent = false;
                if inline {
                    self.queue.iter_mut().for_each(|packet| packet.urgent = false);
                } else {
                    passed_over.extend(self.queue.remove(at));
                }
            } else if !inline {
                at += 1;
            }
        }
        (Some(at), passed_over)
    }

    /// Passes over what a peek has seen, and what is empty.
    fn skip_read(&self, mut at: usize, skip: &mut usize) -> Option<usize> {
        loop {
            let len = self.queue.get(at)?.bytes.len();
            if *skip < len {
                return Some(at);
            }
            *skip -= len;
            at += 1;
        }
    }
}
