//! Who waits for what: sockets' readers and writers, and timers.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::task::Waker;

use slotmap::SecondaryMap;
use sockeye_abi::Readiness;
use sockeye_base::Instant;
use sockeye_lab::HostId;
use sockeye_socket::{Host, SocketId};

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Something to receive or to accept, or the end.
    Read,
    /// Room to send, or a connection's end of opening.
    Write,
    /// Any of these bits.
    Any(Readiness),
}

/// A place among those who wait for one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// All who wait for sockets. Whoever is woken loses the place and takes a new one if there's still reason to wait.
#[derive(Default)]
pub(crate) struct Waiters {
    hosts: Vec<OfHost>,
    tickets: u64,
}

/// Those of one host: mostly there is one socket that somebody waits for, and it needs no memory of its own.
#[derive(Default)]
struct OfHost {
    first: (SocketId, Waiting),
    others: Option<Box<SecondaryMap<SocketId, Waiting>>>,
}

impl OfHost {
    fn get_mut(&mut self, socket: SocketId) -> Option<&mut Waiting> {
        if self.first.0 == socket { Some(&mut self.first.1) } else { self.others.as_mut()?.get_mut(socket) }
    }

    /// Its place, made if it has none.
    fn place(&mut self, socket: SocketId) -> Option<&mut Waiting> {
        if self.first.1.is_empty() && self.others.as_ref().is_none_or(|others| !others.contains_key(socket)) {
            self.first.0 = socket;
        }
        if self.first.0 == socket {
            return Some(&mut self.first.1);
        }
        Some(self.others.get_or_insert_default().entry(socket)?.or_default())
    }

    fn remove(&mut self, socket: SocketId) -> Option<Waiting> {
        if self.first.0 == socket {
            return Some(std::mem::take(&mut self.first.1));
        }
        self.others.as_mut()?.remove(socket)
    }
}

/// Those of one socket, in the order they came: mostly one, who needs no memory of its own.
#[derive(Default)]
struct Waiting {
    first: Option<Waiter>,
    others: Vec<Waiter>,
}

impl Waiting {
    fn push(&mut self, waiter: Waiter) {
        if self.first.is_none() && self.others.is_empty() {
            self.first = Some(waiter);
        } else {
            self.others.push(waiter);
        }
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        self.first.iter_mut().chain(&mut self.others).find(|waiter| waiter.ticket == ticket)
    }

    fn take(&mut self, ticket: Ticket) -> Option<Waker> {
        if let Some(first) = self.first.take_if(|first| first.ticket == ticket) {
            return Some(first.waker);
        }
        let place = self.others.iter().position(|waiter| waiter.ticket == ticket)?;
        Some(self.others.remove(place).waker)
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }
}

struct Waiter {
    ticket: Ticket,
    interest: Interest,
    waker: Waker,
}

impl Waiters {
    /// Waits; in the place of `old`, if that is still there. What is left of that goes to `left`: a waker may be the last to
    /// hold a task, and end it when dropped.
    pub(crate) fn wait(
        &mut self,
        (host, socket): (HostId, SocketId),
        interest: Interest,
        old: Option<Ticket>,
        waker: &Waker,
        left: &mut Vec<Waker>,
    ) -> Ticket {
        if self.hosts.len() <= host.0 {
            self.hosts.resize_with(host.0 + 1, OfHost::default);
        }
        let Some(waiting) = self.hosts[host.0].place(socket) else { return Ticket(0) };
        if let Some(waiter) = old.and_then(|old| waiting.find(old)) {
            waiter.interest = interest;
            if !waiter.waker.will_wake(waker) {
                left.push(std::mem::replace(&mut waiter.waker, waker.clone()));
            }
            return waiter.ticket;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        waiting.push(Waiter { ticket, interest, waker: waker.clone() });
        ticket
    }

    /// Reads once what it takes to wake those who wait for these hosts' sockets: so it comes into the processor's cache at the
    /// same time.
    pub(crate) fn look_ahead(&self, hosts: impl Iterator<Item = HostId>) {
        let waiting = hosts.filter_map(|host| self.hosts.get(host.0)?.first.1.first.as_ref());
        black_box(waiting.fold(0, |seen, waiter| seen ^ waiter.ticket.0));
    }

    /// Gives a place up; what it held is the caller's to drop.
    pub(crate) fn forget(&mut self, (host, socket): (HostId, SocketId), ticket: Ticket) -> Option<Waker> {
        self.hosts.get_mut(host.0)?.get_mut(socket)?.take(ticket)
    }

    /// A socket is closed; what its waiters held is the caller's to drop.
    pub(crate) fn remove(&mut self, (host, socket): (HostId, SocketId)) -> Vec<Waker> {
        let waiting = self.hosts.get_mut(host.0).and_then(|of_host| of_host.remove(socket));
        let all = waiting.into_iter().flat_map(|waiting| waiting.first.into_iter().chain(waiting.others));
        all.map(|waiter| waiter.waker).collect()
    }

    /// A socket changed: moves those whose wait is over to `woken`.
    pub(crate) fn wake(&mut self, (id, socket): (HostId, SocketId), host: &Host, woken: &mut Vec<Waker>) {
        let Some(waiting) = self.hosts.get_mut(id.0).and_then(|host| host.get_mut(socket)) else { return };
        if waiting.is_empty() {
            return;
        }
        let bits = host.readiness(socket);
        let both = Readiness::ERR | Readiness::HUP | Readiness::NVAL;
        let (shut_read, shut_write) = host.is_shut(socket);
        let readable = shut_read || bits.intersects(both | Readiness::IN | Readiness::RDHUP);
        let writable = shut_write || bits.intersects(both | Readiness::OUT);
        let mut over = |waiter: &mut Waiter| match waiter.interest {
            Interest::Read => readable,
            Interest::Write => writable,
            Interest::Any(wanted) => bits.intersects(both | wanted),
        };
        woken.extend(waiting.first.take_if(&mut over).map(|first| first.waker));
        if !waiting.others.is_empty() {
            woken.extend(waiting.others.extract_if(.., over).map(|waiter| waiter.waker));
        }
    }
}

/// A timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId(Instant, u64);

/// Wakers to be called at a time, those of one moment in the order they were set.
#[derive(Default)]
pub(crate) struct Timers {
    set: BTreeMap<TimerId, Waker>,
    count: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, waker: &Waker) -> TimerId {
        self.count += 1;
        let id = TimerId(at, self.count);
        self.set.insert(id, waker.clone());
        id
    }

    /// Takes a timer back; its waker is the caller's to drop.
    pub(crate) fn cancel(&mut self, timer: TimerId) -> Option<Waker> {
        self.set.remove(&timer)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.set.first_key_value().map(|(id, _)| id.0)
    }

    /// Moves what is due to `woken`.
    pub(crate) fn fire(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        while let Some(entry) = self.set.first_entry()
            && entry.key().0 <= now
        {
            woken.push(entry.remove());
        }
    }
}
