//! Connections that wait to be accepted: from the stack into a listener's queue, and out of it.

use std::io;
use std::os::fd::OwnedFd;

use sockeye_abi::{Opt, Value};
use sockeye_preload::Accepted;

use super::Supervisor;
use crate::carriers::{CarrierId, Link, Moved, State, Waits, put};

impl Supervisor {
    /// Puts all that the stack has for a listener into P's queue.
    pub(super) fn fill_backlog(&mut self, id: CarrierId) {
        loop {
            match self.put_next(id) {
                Ok(true) => {}
                Ok(false) => break,
                // P is closed already.
                Err(_) => return self.close_carrier(id),
            }
        }
    }

    /// Puts one connection there, if there is one, and room.
    fn put_next(&mut self, id: CarrierId) -> io::Result<bool> {
        let now = self.network.now();
        let Some(carrier) = self.carriers.get(id) else { return Ok(false) };
        let (Some(inet), Some(name), listener) = (carrier.inet, carrier.name.clone(), carrier.socket) else {
            return Ok(false);
        };
        let State::Listening(backlog) = &mut carrier.state else { return Ok(false) };
        let waited = backlog.next.is_some();
        let next = backlog.next.take().or_else(|| self.network.host().accept_ahead(now, listener).ok());
        let Some((socket, peer)) = next else { return Ok(false) };
        // Without a place it is accepted by a call.
        let place = self.carriers.shared.new_place();
        let (end, cookie) = match put(&name, (place, peer), &self.carriers.shared) {
            Ok(made) => made,
            Err(error) => {
                place.into_iter().for_each(|place| self.carriers.shared.free_place(place));
                if let Some(backlog) = self.carriers.backlog(id) {
                    backlog.next = Some((socket, peer));
                }
                self.say_if_listens(id);
                return self.may_come_later(id, error);
            }
        };
        if waited {
            self.say_if_listens(id);
        }
        let link = Link::new(end);
        link.bound_own(self.network.host(), socket);
        let waits = Waits { listener: id, peer, end: cookie, place, broken: None };
        let new = self.carriers.enter_waiting((socket, inet), link, waits);
        self.join_queue(id, new);
        Ok(true)
    }

    /// What it means that an end could not be put into P's queue.
    fn may_come_later(&mut self, id: CarrierId, error: io::Error) -> io::Result<bool> {
        match error.raw_os_error() {
            // P's queue is full: more will follow when something was accepted.
            Some(libc::EAGAIN) => Ok(false),
            Some(libc::ECONNREFUSED) => Err(error),
            // We have no descriptors left.
            _ => {
                self.sweep_all();
                self.postpone(id);
                Ok(false)
            }
        }
    }

    /// A connection stands in P's queue: what comes for it goes there.
    fn join_queue(&mut self, id: CarrierId, new: CarrierId) {
        if self.watch(new).is_err() {
            return self.abandon(new);
        }
        if let Some(backlog) = self.carriers.backlog(id) {
            backlog.waiting.push_back(new);
        }
        if !self.carriers.is(new, |carrier| carrier.waits.iter().any(|waits| waits.place.is_some())) {
            self.say_if_listens(id);
        }
        self.pump(new);
    }

    /// What can be done for a connection that waits. Nothing comes from a program before one has it.
    pub(super) fn pump_waiting(&mut self, id: CarrierId) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.get(id) else { return };
        let (socket, Some(waits)) = (carrier.socket, &mut carrier.waits) else { return };
        let State::Connected(link) = &mut carrier.state else { return };
        let listener = waits.listener;
        if link.is_hung_up() {
            if self.carriers.is_alive(listener) {
                // Who had accepted it is gone before that was said.
                return self.abandon(id);
            }
            self.close_carrier(listener);
            return self.abandon(id);
        }
        if waits.broken.is_some() {
            return link.give_rest();
        }
        match link.receive(self.network.host(), now, socket) {
            Moved::Open | Moved::Closed => self.watch_room(id),
            Moved::Broken(error) => {
                waits.broken = Some(error);
                // From now on it is accepted by a call, but one may be under way.
                self.say_if_listens(listener);
                self.postpone(id);
            }
        }
    }

    /// Takes note of what was accepted without a call.
    pub(crate) fn note_accepts(&mut self) {
        for (id, accepted) in self.carriers.news_of_waiting() {
            self.note_accepted(id, accepted);
        }
    }

    /// A connection that waited is a program's.
    pub(crate) fn note_accepted(&mut self, id: CarrierId, accepted: Accepted) {
        let Some(waits) = self.carriers.leave_waiting(id, accepted) else { return };
        self.leave_queue(id, &waits);
        self.enter_cork(id);
        match waits.broken {
            Some(error) => self.break_carrier(id, error),
            None => self.pump(id),
        }
        self.fill_backlog(waits.listener);
    }

    /// A connection stands in P's queue no more.
    fn leave_queue(&mut self, id: CarrierId, waits: &Waits) {
        let Some(carrier) = self.carriers.get(waits.listener) else { return };
        let listener = carrier.socket;
        if let State::Listening(backlog) = &mut carrier.state
            && let Some(at) = backlog.waiting.iter().position(|waiting| *waiting == id)
        {
            backlog.waiting.remove(at);
        }
        self.network.host().note_accepted(listener);
        if waits.place.is_none() || waits.broken.is_some() {
            self.say_if_listens(waits.listener);
        }
    }

    /// Nobody will have a connection that waited.
    pub(crate) fn abandon(&mut self, id: CarrierId) {
        self.end_waiting(id, true);
    }

    /// A program had a connection that waited, and lost it in the same call: what had come for it is unread.
    pub(crate) fn lose(&mut self, id: CarrierId) {
        let unread = self.carriers.get(id).and_then(|carrier| carrier.link()).is_some_and(Link::has_given);
        self.end_waiting(id, unread);
    }

    fn end_waiting(&mut self, id: CarrierId, by_reset: bool) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.remove(id) else { return };
        let host = self.network.host();
        if by_reset {
            host.abort(now, carrier.socket);
        } else {
            host.close(now, carrier.socket);
        }
        if let Some(waits) = &carrier.waits {
            self.leave_queue(id, waits);
        }
    }

    /// If a listener listens no more, who waits is reset.
    pub(crate) fn end_backlog(&mut self, id: CarrierId) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.get(id) else { return };
        let listener = carrier.socket;
        let State::Listening(backlog) = &mut carrier.state else { return };
        if self.network.host().is_listening(listener) {
            return;
        }
        let (waiting, next) = (std::mem::take(&mut backlog.waiting), backlog.next.take());
        next.into_iter().for_each(|(socket, _)| self.network.host().abort(now, socket));
        waiting.into_iter().for_each(|waiting| self.abandon(waiting));
        self.say_if_listens(id);
    }

    /// A connection that was taken for an `accept` that is gone stands in the queue again, with all that had come for it.
    pub(crate) fn put_back(&mut self, id: CarrierId, program_end: &OwnedFd) {
        let unread = take_back(program_end, &mut self.buffer);
        let Some(carrier) = self.carriers.get(id) else { return };
        let Some(&Waits { listener, place, peer, .. }) = carrier.waits.as_ref() else { return };
        let name = self.carriers.get(listener).and_then(|listener| listener.name.clone());
        let Some(Ok((end, cookie))) = name.map(|name| put(&name, (place, peer), &self.carriers.shared))
        else {
            return self.abandon(id);
        };
        if let Some(backlog) = self.carriers.backlog(listener) {
            backlog.waiting.retain(|waiting| *waiting != id);
        }
        let Some(carrier) = self.carriers.get(id) else { return };
        carrier.waits.iter_mut().for_each(|waits| waits.end = cookie);
        carrier.watches_room = false;
        if let State::Connected(link) = &mut carrier.state {
            link.begin_again(end, unread);
        }
        self.join_queue(listener, id);
    }

    /// Says whether a listener's connections may be accepted without a call: if all that a new one inherits is the stack's, and
    /// nothing is odd about those that wait.
    pub(crate) fn say_if_listens(&mut self, id: CarrierId) {
        if self.carriers.shared.table().is_none() {
            return;
        }
        let Some(carrier) = self.carriers.get(id) else { return };
        let (cookie, socket) = (carrier.cookie, carrier.socket);
        let State::Listening(backlog) = &carrier.state else { return };
        // While one has no room in P's queue, who accepts another is to tell at once.
        let all_have_room = backlog.next.is_none();
        let is_usual = |waits: &Waits| waits.place.is_some() && waits.broken.is_none();
        let all_are = self.carriers.waiting(id).all(|(_, waits)| is_usual(waits));
        let may = all_have_room && all_are && self.inherits_nothing(socket);
        self.carriers.shared.table().into_iter().for_each(|table| table.set_listens(cookie, may));
    }

    /// Whether a listener has nothing that a new connection's carrier would have to be given.
    fn inherits_nothing(&mut self, socket: sockeye_socket::SocketId) -> bool {
        let now = self.network.now();
        let host = self.network.host();
        let mut is = |option, value| host.option(now, socket, option) == Ok(value);
        let usual = is(Opt::SoOobInline, Value::Int(0))
            && is(Opt::SoRcvLowat, Value::Int(1))
            && [Opt::SoRcvTimeo, Opt::SoSndTimeo].into_iter().all(|option| is(option, Value::Time(None)));
        usual && host.is_listening(socket) && host.buffers_set(socket) == (None, None)
    }
}

/// All that P was given and nobody has read.
fn take_back(program_end: &OwnedFd, buffer: &mut [u8]) -> sockeye_base::Chain {
    let mut unread = sockeye_base::Chain::new();
    while let Ok((n @ 1.., _)) =
        rustix::net::recv(program_end, &mut *buffer, rustix::net::RecvFlags::DONTWAIT)
    {
        unread.push(buffer[..n].to_vec().into());
    }
    unread
}
