//! Between the carriers and the network: what can be moved is moved, and what became of a connection is shown.

use sockeye_abi::{Errno, Readiness};

use super::Supervisor;
use crate::carriers::{CarrierId, Delivered, Link, Moved, State};

impl Supervisor {
    /// Moves what can be moved between a carrier and its socket.
    pub(crate) fn pump(&mut self, id: CarrierId) {
        let now = self.network.now();
        self.note_told(id);
        let waits = self.awaits_uncorking(id);
        let Some(carrier) = self.carriers.get(id) else { return };
        if carrier.waits.is_some() {
            return self.pump_waiting(id);
        }
        let socket = carrier.socket;
        let host = self.network.host();
        match &mut carrier.state {
            State::Connected(link) if waits => match link.receive(host, now, socket) {
                Moved::Open | Moved::Closed => self.note_moved(id),
                Moved::Broken(error) => self.break_carrier(id, error),
            },
            State::Connected(link) => match link.relay(host, now, socket, &mut self.buffer) {
                Moved::Open => self.note_moved(id),
                Moved::Closed => {
                    self.carriers.remove(id);
                    self.end_held(id, Errno::EBADF);
                }
                Moved::Broken(error) => self.break_carrier(id, error),
            },
            State::Connecting(_) => self.pump_connecting(id),
            State::Listening(_) => self.fill_backlog(id),
            State::Datagram(mailbox) => {
                mailbox.collect(host, now, socket, &mut self.buffer);
                match mailbox.deliver(host, socket) {
                    Delivered::All => self.watch_room(id),
                    Delivered::Error => self.show_error(id),
                    Delivered::Closed => {
                        host.refuse(now, socket);
                        self.carriers.remove(id);
                        self.end_held(id, Errno::EBADF);
                    }
                }
            }
            State::Netlink(_) => self.pump_netlink(id),
            State::Fresh | State::Broken(_) => {}
        }
    }

    /// What could be moved of a stream is: if that is not all, the kernel is to tell when there is room; and one that has failed
    /// behind it takes no more.
    fn note_moved(&mut self, id: CarrierId) {
        self.watch_room(id);
        let Some(carrier) = self.carriers.get(id) else { return };
        if !carrier.link().is_some_and(Link::is_to_be_shut) {
            return;
        }
        let program_end = carrier.borrow();
        if let State::Connected(link) = &mut carrier.state {
            link.shut(program_end.as_deref());
        }
    }

    /// Connects P to us; ENOBUFS if we have no descriptors left, whatever was closed unseen.
    pub(crate) fn link(&mut self, id: CarrierId) -> Result<(), Errno> {
        self.carriers.connect(id, self.network.host()).or_else(|_| {
            self.sweep_all();
            self.carriers.connect(id, self.network.host())
        })?;
        self.enter_cork(id);
        Ok(())
    }

    pub(super) fn postpone(&mut self, id: CarrierId) {
        if !self.postponed.contains(&id) {
            self.postponed.push(id);
        }
    }

    /// A connection under way may have come to its end, or P to its.
    fn pump_connecting(&mut self, id: CarrierId) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.get(id) else { return };
        let socket = carrier.socket;
        let State::Connecting(link) = &mut carrier.state else { return };
        if link.as_ref().is_some_and(Link::is_hung_up) {
            self.close_carrier(id);
            return;
        }
        let host = self.network.host();
        let readiness = host.readiness(socket);
        if readiness.intersects(Readiness::ERR | Readiness::HUP) {
            if link.is_some() {
                // The error itself stays with the socket, for SO_ERROR or the next connect.
                self.break_carrier(id, None);
            }
        } else if readiness.contains(Readiness::OUT) {
            let Some(program_end) = carrier.borrow() else {
                if self.carriers.is_alive(id) {
                    self.postpone(id);
                } else {
                    self.close_carrier(id);
                }
                return;
            };
            let State::Connecting(link) = &mut carrier.state else { return };
            if let Some(mut link) = link.take() {
                link.unstuff(&program_end);
                link.bound(&program_end, self.network.host(), socket);
                carrier.state = State::Connected(link);
                self.enter_cork(id);
                self.begin_telling(id);
            } else {
                if let Err(error) = self.link(id) {
                    // No descriptors left: the call that waits is to fail, not to wait on.
                    let _ = self.network.host().disconnect(now, socket);
                    self.carriers.get(id).into_iter().for_each(|carrier| carrier.state = State::Fresh);
                    return self.end_held(id, error);
                }
                if self.watch(id).is_err() {
                    self.network.host().abort(now, socket);
                    self.close_carrier(id);
                    return;
                }
            }
            self.pump(id);
        }
    }

    /// Has P show natively that its connection broke. Behind an end it would say so to who reads, who is to see the end: there only the
    /// gate, which knows better, has it shown.
    pub(super) fn break_carrier(&mut self, id: CarrierId, error: Option<Errno>) {
        self.end_telling(id);
        let Some(carrier) = self.carriers.get(id) else { return };
        let program_end = carrier.borrow();
        if let State::Connected(link) | State::Connecting(Some(link)) =
            std::mem::replace(&mut carrier.state, State::Broken(error))
        {
            carrier.had_ended = link.was_shown_end();
            if carrier.had_ended && !self.exact {
                link.leave(&mut self.buffer);
            } else {
                link.break_off(program_end.as_deref());
            }
        }
    }

    /// Has a datagram socket's P show that the network said something; then delivers on.
    fn show_error(&mut self, id: CarrierId) {
        let Some(carrier) = self.carriers.get(id) else { return };
        let (program_end, name) = (carrier.borrow(), carrier.name.clone());
        if let (State::Datagram(mailbox), Some(program_end), Some(name)) =
            (&mut carrier.state, program_end, name)
        {
            mailbox.show_error(&program_end, &name);
        }
        self.pump(id);
    }

    /// The program holds P no more.
    pub(crate) fn close_carrier(&mut self, id: CarrierId) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.remove(id) else { return };
        self.end_held(id, Errno::EBADF);
        let host = self.network.host();
        host.close(now, carrier.socket);
        if let State::Listening(backlog) = carrier.state {
            backlog.next.into_iter().for_each(|(socket, _)| host.abort(now, socket));
            backlog.waiting.into_iter().for_each(|waiting| self.abandon(waiting));
        }
    }
}
