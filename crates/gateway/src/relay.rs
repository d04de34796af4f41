//! A connection in two halves: one with the program, in the lab, and one with a peer on the machine's network.
//!
//! A first SYN waits (a knock) until the outer half is there, so that the program is told what the machine was told. The outer half
//! is begun and ended `aside`. Bytes wait where they came, in the kernel's buffer or the stack's, when the other side takes none:
//! a relay itself holds no more than one portion. An end of one half shuts the other the same way; a reset of one resets the
//! other, once all that came ahead of it has arrived, and so does one behind an end. An urgent byte is one on the other side.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno as Native;
use rustix::net::{Shutdown, sockopt};
use slotmap::Key;
use sockeye_abi::{Errno, How, MessageFlags, Readiness};
use sockeye_base::{Chain, Instant, Intake};
use sockeye_socket::{Host, Outgoing, SocketId};
use sockeye_stack::KnockId;
use sockeye_tcp::State;

use crate::aside::Aside;
use crate::target::{PATIENCE, Turn};
use crate::{Gateway, Item, ItemId, native};

/// How much is moved at a time.
const PORTION: usize = 256 * 1024;

/// What is to become of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on.
    Lives,
    /// The machine has more, which is for the next turn: the program is to have first what was read.
    Busy,
    /// It is over.
    Over,
    /// The outer half can't be made.
    Refused(Native),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The outer half is being made; the program waits.
    Knocking(KnockId),
    /// The inner half is being made; the peer thinks that it is connected.
    Calling(SocketId),
    /// Both are there.
    Open(SocketId),
}

/// What went by the outer half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Once,
    Often,
}

/// Both halves.
pub(crate) struct Relay {
    outer: Option<OwnedFd>,
    stage: Stage,
    /// Which DNS server is called, if one is, and since when.
    turn: Option<(Turn, Instant)>,
    /// Taken from the program, not yet by the machine.
    outbox: Chain,
    /// It is one byte, which is urgent.
    outbox_is_urgent: bool,
    readable: bool,
    writable: bool,
    failed: bool,
    /// Behind what a read gives there may be more, or an end, though it gave less than was asked for: there is an end, an error
    /// or an urgent byte, ahead of which reading stops.
    may_go_on: bool,
    /// An urgent byte of the peer's is still to be read.
    has_urgent: bool,
    /// The kernel tells when the outer half takes more; it is asked to from the first full buffer on.
    watches_room: bool,
    /// Its next turn comes though nothing tells of it.
    pub(crate) is_busy: bool,
    /// How often something was sent by the outer half, as far as it matters: once, or more often.
    sent: Sent,
    /// The program sends no more, and the peer knows.
    inner_ended: bool,
    /// The peer sends no more, and the program knows.
    outer_ended: bool,
    /// The outer half takes no more: it is to be reset within, too.
    broken: bool,
}

impl Relay {
    /// Of a knock, before the outer half is begun.
    pub(crate) fn knocking(knock: KnockId) -> Relay {
        Relay::new(None, Stage::Knocking(knock), false)
    }

    /// The outer half is begun, and perhaps `there`.
    fn begin(&mut self, there: bool) {
        self.writable = there;
        self.watches_room = !there;
    }

    /// Of a peer of the machine's, with an inner half that is being made.
    pub(crate) fn calling(outer: OwnedFd, inner: SocketId) -> Relay {
        Relay::new(Some(outer), Stage::Calling(inner), true)
    }

    fn new(outer: Option<OwnedFd>, stage: Stage, writable: bool) -> Relay {
        Relay {
            outer,
            stage,
            turn: None,
            outbox: Chain::new(),
            outbox_is_urgent: false,
            readable: false,
            writable,
            failed: false,
            may_go_on: false,
            has_urgent: false,
            watches_room: !writable,
            is_busy: false,
            sent: Sent::Nothing,
            inner_ended: false,
            outer_ended: false,
            broken: false,
        }
    }

    /// The inner half's socket, once there is one.
    pub(crate) fn socket(&self) -> Option<SocketId> {
        match self.stage {
            Stage::Knocking(_) => None,
            Stage::Calling(socket) | Stage::Open(socket) => Some(socket),
        }
    }

    /// Whether the program's bytes and its end are still to be passed on.
    pub(crate) fn owes(&self) -> bool {
        matches!(self.stage, Stage::Open(_)) && (!self.inner_ended || !self.outbox.is_empty())
    }

    /// Whether a DNS server is called.
    pub(crate) fn asks_dns(&self) -> bool {
        self.turn.is_some()
    }

    /// When another DNS server is to be called, if this one doesn't answer.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        let (turn, since) = self.turn?;
        let is_silent = self.outer.is_some() && matches!(self.stage, Stage::Knocking(_));
        (is_silent && turn.has_next()).then_some(since + PATIENCE)
    }

    /// Whether the program is being called.
    pub(crate) fn is_calling(&self) -> bool {
        matches!(self.stage, Stage::Calling(_))
    }

    /// What the kernel is to tell of the outer half.
    pub(crate) fn watched(&self) -> EventFlags {
        let always = EventFlags::IN | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        if self.watches_room { always | EventFlags::OUT } else { always }
    }

    /// The outer half, if the kernel is to tell from now on when it takes more.
    pub(crate) fn begins_to_watch_room(&mut self) -> Option<BorrowedFd<'_>> {
        if self.writable || self.watches_room {
            return None;
        }
        self.watches_room = true;
        self.outer.as_ref().map(AsFd::as_fd)
    }

    /// What the kernel says of the outer half.
    pub(crate) fn note(&mut self, events: EventFlags) {
        let failed = events.intersects(EventFlags::ERR | EventFlags::HUP);
        let goes_on = failed || events.intersects(EventFlags::RDHUP | EventFlags::PRI);
        self.may_go_on |= goes_on;
        self.readable |= goes_on || events.contains(EventFlags::IN);
        self.writable |= events.contains(EventFlags::OUT);
        self.failed |= failed;
        self.has_urgent |= events.contains(EventFlags::PRI);
    }

    /// Does what can be done.
    pub(crate) fn drive(
        &mut self,
        host: &mut Host,
        now: Instant,
        intake: &mut Intake,
        aside: &mut Aside,
    ) -> Fate {
        match self.stage {
            Stage::Knocking(knock) => {
                if self.failed
                    && let Err(error) = self.outcome()
                {
                    return Fate::Refused(error);
                }
                if !self.writable {
                    return Fate::Lives;
                }
                let Ok(socket) = host.admit(now, knock) else {
                    self.reset(aside);
                    return Fate::Over;
                };
                self.stage = Stage::Open(socket);
            }
            Stage::Calling(socket) => match host.connect_outcome(now, socket) {
                Ok(()) => self.stage = Stage::Open(socket),
                Err(Errno::EALREADY) => return Fate::Lives,
                Err(_) => {
                    host.close(now, socket);
                    self.reset(aside);
                    return Fate::Over;
                }
            },
            Stage::Open(_) => {}
        }
        let Stage::Open(socket) = self.stage else { return Fate::Lives };
        let fate = match self.pass_out(host, now, socket) {
            fate @ (Fate::Over | Fate::Refused(_)) => fate,
            Fate::Lives | Fate::Busy => self.pass_in(host, now, socket, intake),
        };
        if fate == Fate::Over {
            self.reset(aside);
            host.abort(now, socket);
            return Fate::Over;
        }
        if self.inner_ended && self.outer_ended && self.outbox.is_empty() {
            host.close(now, socket);
            self.outer.take().into_iter().for_each(|outer| aside.close(outer));
            return Fate::Over;
        }
        fate
    }

    /// What became of the outer half's connecting.
    fn outcome(&self) -> Result<(), Native> {
        let Some(outer) = &self.outer else { return Ok(()) };
        sockopt::socket_error(outer)?
    }

    fn reset(&mut self, aside: &mut Aside) {
        self.outer.take().into_iter().for_each(|outer| aside.reset(outer));
    }

    /// From the program to the machine. `Over`: the program has reset it.
    fn pass_out(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Fate {
        let Some(outer) = &self.outer else { return Fate::Over };
        // An end both ways that we haven't made is none that the program has made in peace.
        let is_reset = |host: &Host| host.readiness(socket).contains(Readiness::HUP);
        loop {
            if self.outbox.is_empty() {
                if self.inner_ended {
                    return if !self.outer_ended && is_reset(host) { Fate::Over } else { Fate::Lives };
                }
                match host.receive_marked(now, socket, PORTION) {
                    Ok((bytes, _)) if bytes.is_empty() => {
                        if !self.outer_ended && is_reset(host) {
                            return Fate::Over;
                        }
                        self.inner_ended = true;
                        // Behind the peer's end it is closed, which says the same.
                        if !self.broken && !self.outer_ended {
                            let _ = rustix::net::shutdown(outer, Shutdown::Write);
                        }
                        return Fate::Lives;
                    }
                    Ok((bytes, urgent)) => (self.outbox, self.outbox_is_urgent) = (bytes, urgent),
                    Err(Errno::EAGAIN) => return Fate::Lives,
                    Err(_) => return Fate::Over,
                }
            }
            if self.broken {
                self.outbox = Chain::new();
                continue;
            }
            if !self.writable {
                return Fate::Lives;
            }
            if self.sent == Sent::Once {
                // What is passed on was cut by others. The first is sent at once anyhow.
                native::set_nodelay(outer);
            }
            self.sent = if self.sent == Sent::Nothing { Sent::Once } else { Sent::Often };
            match native::send(outer, &self.outbox, self.outbox_is_urgent) {
                Ok(n) => self.outbox.advance(n),
                Err(Native::INTR) => {}
                Err(Native::AGAIN) => self.writable = false,
                // What had come before is still to be read.
                Err(_) => {
                    self.broken = true;
                    self.readable = true;
                }
            }
        }
    }

    /// From the machine to the program. `Over`: the peer has reset it, and the program has all that came before.
    fn pass_in(&mut self, host: &mut Host, now: Instant, socket: SocketId, intake: &mut Intake) -> Fate {
        let Some(outer) = &self.outer else { return Fate::Over };
        let mut left = if self.is_busy { 0 } else { PORTION };
        while self.readable && !self.outer_ended {
            let room = host.send_room(socket).min(PORTION);
            if room == 0 {
                host.note_no_space(socket);
                break;
            }
            if left == 0 {
                return Fate::Busy;
            }
            // The mark is told by the kernel, ahead of which a read stops.
            let is_urgent = self.has_urgent && native::at_mark(outer);
            let wanted = if is_urgent { 1 } else { room.min(left) };
            match native::receive(outer, &mut intake[..wanted]) {
                Ok(0) => {
                    self.outer_ended = true;
                    if !self.broken {
                        let _ = host.shutdown(now, socket, How::Write);
                    }
                }
                Ok(n) => {
                    left -= n;
                    // What comes later is an event of its own.
                    self.readable = n == wanted || self.may_go_on;
                    // There was room, so it takes all; what it is by now shows when receiving.
                    if is_urgent {
                        self.has_urgent = false;
                        let flags = MessageFlags::OOB;
                        let urgent = Outgoing { bytes: &intake[..n], flags, ..Outgoing::default() };
                        let _ = host.send_message(now, socket, &urgent);
                        continue;
                    }
                    let _ = match intake.lend(n) {
                        Some(mut bytes) => host.send_chain(now, socket, &mut bytes),
                        None => host.send(now, socket, &intake[..n]),
                    };
                }
                Err(Native::AGAIN) => self.readable = false,
                Err(Native::INTR) => {}
                Err(_) => {
                    self.broken = true;
                    self.outer_ended = true;
                }
            }
        }
        // Behind its end nothing is read. What failed, though the program has not ended, is no end in peace.
        self.broken |= self.failed && self.outer_ended && !self.inner_ended;
        let is_told = || {
            let unacknowledged = host.unsent(socket).map_or(0, |(unacknowledged, _)| unacknowledged);
            unacknowledged == 0 && host.state(socket) != Some(State::FinWait1)
        };
        if self.broken && self.outer_ended && is_told() { Fate::Over } else { Fate::Lives }
    }
}

impl Gateway {
    /// Somebody asks for a connection.
    pub(crate) fn knocked(&mut self, host: &mut Host, now: Instant, knock: KnockId) {
        let Some((_, to)) = host.stack().knock(knock) else { return };
        let (target, turn) = match self.targets.of(host, now, to) {
            Ok(target) => target,
            Err(refusal) => return host.stack_mut().turn_away(now, knock, refusal),
        };
        if !self.has_room() {
            return host.stack_mut().forget_knock(knock);
        }
        let relay = Relay { turn: turn.map(|turn| (turn, now)), ..Relay::knocking(knock) };
        let id = self.items.insert(Item::Relay(Box::new(relay)));
        if turn.is_some_and(Turn::has_next) {
            self.sweep_by(now + PATIENCE);
        }
        self.relays += 1;
        self.aside.connect(id, target);
    }

    /// Connections have been begun, or can't be.
    pub(crate) fn take_begun(&mut self, host: &mut Host, now: Instant) {
        while let Some((id, begun)) = self.aside.poll() {
            let Some(Item::Relay(relay)) = self.items.get_mut(id) else { continue };
            let begun = begun.and_then(|(outer, there)| {
                relay.begin(there);
                epoll::add(&self.epoll, &outer, EventData::new_u64(id.data().as_ffi()), relay.watched())?;
                relay.outer = Some(outer);
                Ok(())
            });
            match begun {
                Ok(()) => self.drive(host, now, id),
                Err(error) => self.refused(host, now, id, error),
            }
        }
    }

    /// An outer half can't be made: another DNS server is called, or who knocks is told what the machine was told.
    pub(crate) fn refused(&mut self, host: &mut Host, now: Instant, id: ItemId, error: Native) {
        let Some(Item::Relay(relay)) = self.items.get_mut(id) else { return };
        let Stage::Knocking(knock) = relay.stage else { return };
        if let Some((mut turn, _)) = relay.turn
            && let Some(target) = self.targets.next(&mut turn)
        {
            **relay = Relay { turn: Some((turn, now)), ..Relay::knocking(knock) };
            if turn.has_next() {
                self.sweep_by(now + PATIENCE);
            }
            return self.aside.connect(id, target);
        }
        match native::refusal(error) {
            Some(refusal) => host.stack_mut().turn_away(now, knock, refusal),
            None => host.stack_mut().forget_knock(knock),
        }
        self.items.remove(id);
        self.relays -= 1;
        if self.has_paused {
            self.resume();
        }
    }

    pub(crate) fn add_relay(&mut self, relay: Relay) -> Result<ItemId, Native> {
        let socket = relay.socket();
        let id = self.items.insert(Item::Relay(Box::new(relay)));
        if let Some(Item::Relay(relay)) = self.items.get(id)
            && let Some(outer) = &relay.outer
            && let Err(error) = self.watch(id, outer, relay.watched())
        {
            self.items.remove(id);
            return Err(error);
        }
        if let Some(socket) = socket {
            self.by_socket.insert(socket, id);
        }
        self.relays += 1;
        Ok(id)
    }
}
