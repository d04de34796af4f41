//! The neighbours of one interface: which hardware address answers for which IP address, and the packets that wait to
//! know it. ARP (RFC 826) and neighbour discovery (RFC 4861, section 7.3) differ only in the packets the stack makes of
//! [`Action::Solicit`]; states and times are Linux's for both (arp(7), `net.ipv4.neigh`).
//!
//! Not modelled: router flags, duplicate address detection, proxies, permanent entries.

use std::collections::VecDeque;
use std::net::IpAddr;

use sockeye_base::{Duration, Instant, Key, KeyedMap, Rng};
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use crate::shown::{NeighbourEntry, Reachability};
use crate::timers::{Popped, Timer, TimerKey, Timers};
use crate::{InterfaceId, Settings};

/// How soon after an address was learned a different answer is not believed (`locktime`).
const LOCK_TIME: Duration = Duration::from_secs(1);

/// How an address was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The neighbour asked for us.
    Asked,
    /// It answered us.
    Answered {
        /// It may replace what is known.
        replaces: bool,
    },
    /// It told everybody.
    Announced {
        /// It may replace what is known.
        replaces: bool,
    },
}

/// What the stack must do for the table.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send this packet on.
    Transmit(Mac, Box<Frame>),
    /// Ask who has the address; a known neighbour is asked directly.
    Solicit(IpAddr, Option<Mac>),
    /// Tell the packet's sender that the host can't be reached.
    Fail(Box<Frame>),
    /// A packet that waited made room for another.
    Overflowed,
}

/// What the table works with.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) interface: InterfaceId,
    pub(crate) settings: &'a Settings,
    pub(crate) timers: &'a mut Timers,
    pub(crate) rng: &'a mut Rng,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Asked this many times.
    Incomplete { probes: u8 },
    /// Known, and heard of lately.
    Reachable { mac: Mac, until: Instant },
    /// Known, not heard of lately: probed if it is used.
    Stale { mac: Mac },
    /// In use; a sign of life may still come by itself.
    Delay { mac: Mac },
    /// Asked directly this many times.
    Probe { mac: Mac, probes: u8 },
    /// No answer.
    Failed,
}

#[derive(Debug)]
struct Neighbour {
    state: State,
    timer: Timer,
    updated: Instant,
    queue: VecDeque<Box<Frame>>,
    queued_bytes: usize,
}

/// The table.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Neighbours {
    /// The neighbour asked for last, if it is reachable, and until when.
    latest: Option<(IpAddr, Mac, Instant)>,
    /// How many entries are in use without being confirmed: while there are none, signs of life needn't be looked up.
    unconfirmed: usize,
    entries: KeyedMap<IpAddr, Neighbour>,
    actions: VecDeque<Action>,
}

impl Neighbours {
    pub(crate) fn new(key: Key) -> Neighbours {
        Neighbours {
            entries: KeyedMap::with_hasher(key),
            unconfirmed: 0,
            latest: None,
            actions: VecDeque::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in no order.
    pub(crate) fn entries(&self, now: Instant) -> impl Iterator<Item = NeighbourEntry> {
        self.entries.iter().map(move |(address, entry)| {
            let (state, probes) = match entry.state {
                State::Incomplete { probes } => (Reachability::Incomplete, probes),
                State::Reachable { until, .. } if now < until => (Reachability::Reachable, 0),
                State::Reachable { .. } | State::Stale { .. } => (Reachability::Stale, 0),
                State::Delay { .. } => (Reachability::Delay, 0),
                State::Probe { probes, .. } => (Reachability::Probe, probes),
                State::Failed => (Reachability::Failed, 0),
            };
            NeighbourEntry { address: *address, mac: entry.mac(), state, updated: entry.updated, probes }
        })
    }

    /// As [`crate::Stack::look_ahead`].
    pub(crate) fn look_ahead(&self) -> u64 {
        self.unconfirmed as u64
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Gives a frame and the hardware address it goes to, or keeps it until that is known.
    pub(crate) fn resolve(
        &mut self,
        context: &mut Context<'_>,
        to: IpAddr,
        frame: Box<Frame>,
    ) -> Option<(Mac, Box<Frame>)> {
        if let Some((latest, mac, until)) = self.latest
            && latest == to
            && context.now < until
        {
            return Some((mac, frame));
        }
        self.latest = None;
        if let Some(Neighbour { state: State::Reachable { mac, until }, .. }) = self.entries.get(&to)
            && context.now < *until
        {
            self.latest = Some((to, *mac, *until));
            return Some((*mac, frame));
        }
        if !self.entries.contains_key(&to) && !self.make_room(context.settings.neighbours) {
            return None;
        }
        let entry = self.entries.entry(to).or_insert_with(|| Neighbour::new(State::Failed));
        if let State::Reachable { mac, until } = entry.state
            && context.now >= until
        {
            entry.state = State::Stale { mac };
        }
        match entry.state {
            State::Reachable { mac, .. } | State::Delay { mac } | State::Probe { mac, .. } => {
                Some((mac, frame))
            }
            State::Stale { mac } => {
                entry.state = State::Delay { mac };
                self.unconfirmed += 1;
                entry.arm(context, to, Some(context.settings.neighbour_delay));
                Some((mac, frame))
            }
            State::Incomplete { .. } => {
                let dropped = entry.keep(frame, context.settings);
                self.actions.extend((0..dropped).map(|_| Action::Overflowed));
                None
            }
            State::Failed => {
                entry.state = State::Incomplete { probes: 1 };
                let dropped = entry.keep(frame, context.settings);
                self.actions.extend((0..dropped).map(|_| Action::Overflowed));
                entry.arm(context, to, Some(context.settings.neighbour_retransmit));
                self.actions.push_back(Action::Solicit(to, None));
                None
            }
        }
    }

    /// An entry of this neighbour's timer came up.
    pub(crate) fn popped(&mut self, context: &mut Context<'_>, address: IpAddr, at: Instant) {
        let Some(entry) = self.entries.get_mut(&address) else { return };
        match entry.timer.popped(at) {
            Popped::Nothing => return,
            Popped::Later(deadline) => {
                return context.timers.put_back(TimerKey::Neighbour(context.interface, address), deadline);
            }
            Popped::Due => {}
        }
        let limit = context.settings.neighbour_probes;
        let (next, direct) = match entry.state {
            State::Incomplete { probes } if probes < limit => {
                (State::Incomplete { probes: probes + 1 }, None)
            }
            State::Delay { mac } => (State::Probe { mac, probes: 1 }, Some(mac)),
            State::Probe { mac, probes } if probes < limit => {
                (State::Probe { mac, probes: probes + 1 }, Some(mac))
            }
            State::Incomplete { .. } | State::Probe { .. } => {
                if entry.is_unconfirmed() {
                    self.unconfirmed -= 1;
                }
                entry.state = State::Failed;
                entry.updated = context.now;
                entry.queued_bytes = 0;
                self.actions.extend(entry.queue.drain(..).map(Action::Fail));
                return;
            }
            State::Reachable { .. } | State::Stale { .. } | State::Failed => return,
        };
        entry.state = next;
        entry.arm(context, address, Some(context.settings.neighbour_retransmit));
        self.actions.push_back(Action::Solicit(address, direct));
    }

    /// Whether an entry at this time is the neighbour's deadline.
    pub(crate) fn timer_mut(&mut self, address: IpAddr) -> Option<&mut Timer> {
        self.entries.get_mut(&address).map(|entry| &mut entry.timer)
    }

    /// A neighbour told its hardware address. Only one that asks for us is remembered without being asked for
    /// (`arp_accept` is 0).
    pub(crate) fn heard(&mut self, context: &mut Context<'_>, address: IpAddr, mac: Mac, how: Heard) {
        if !self.entries.contains_key(&address)
            && (how != Heard::Asked || !self.make_room(context.settings.neighbours))
        {
            return;
        }
        self.latest = None;
        let entry = self.entries.entry(address).or_insert_with(|| Neighbour::new(State::Failed));
        let known = entry.mac();
        let replaces = match how {
            Heard::Asked => true,
            Heard::Answered { replaces } | Heard::Announced { replaces } => replaces,
        };
        if known.is_some_and(|known| known != mac) {
            let locked =
                how != Heard::Asked && context.now.since(entry.updated) < LOCK_TIME && address.is_ipv4();
            if !replaces || locked {
                return;
            }
        }
        // An entry that is being confirmed, or is confirmed, does not get worse by saying what is known already.
        let settled = known == Some(mac) && !matches!(how, Heard::Answered { .. });
        if settled {
            return;
        }
        if entry.is_unconfirmed() {
            self.unconfirmed -= 1;
        }
        entry.updated = context.now;
        entry.state = match how {
            Heard::Answered { .. } => State::Reachable { mac, until: reachable_until(context) },
            Heard::Asked | Heard::Announced { .. } => State::Stale { mac },
        };
        entry.arm(context, address, None);
        entry.queued_bytes = 0;
        self.actions.extend(entry.queue.drain(..).map(|frame| Action::Transmit(mac, frame)));
    }

    /// A layer above had a sign of life (RFC 4861, section 7.3.1).
    pub(crate) fn confirm(&mut self, context: &mut Context<'_>, address: IpAddr) {
        if self.unconfirmed == 0 {
            return;
        }
        let Some(entry) = self.entries.get_mut(&address) else { return };
        if let (true, Some(mac)) = (entry.is_unconfirmed(), entry.mac()) {
            self.unconfirmed -= 1;
            entry.updated = context.now;
            entry.state = State::Reachable { mac, until: reachable_until(context) };
            entry.arm(context, address, None);
        }
    }

    /// Makes sure that one more entry fits: the one least missed goes. Those with packets waiting stay.
    fn make_room(&mut self, limit: usize) -> bool {
        self.latest = None;
        if self.entries.len() < limit {
            return true;
        }
        let rank = |entry: &Neighbour| match entry.state {
            State::Failed => Some(0),
            State::Stale { .. } => Some(1),
            State::Reachable { .. } => Some(2),
            State::Incomplete { .. } | State::Delay { .. } | State::Probe { .. } => None,
        };
        let victim =
            self.entries.iter().filter_map(|(at, entry)| Some((rank(entry)?, entry.updated, *at))).min();
        victim.is_some_and(|(_, _, address)| self.entries.remove(&address).is_some())
    }
}

impl Neighbour {
    fn new(state: State) -> Neighbour {
        Neighbour {
            state,
            timer: Timer::default(),
            updated: Instant::ZERO,
            queue: VecDeque::new(),
            queued_bytes: 0,
        }
    }

    fn mac(&self) -> Option<Mac> {
        match self.state {
            State::Reachable { mac, .. }
            | State::Stale { mac }
            | State::Delay { mac }
            | State::Probe { mac, .. } => Some(mac),
            State::Incomplete { .. } | State::Failed => None,
        }
    }

    fn is_unconfirmed(&self) -> bool {
        matches!(self.state, State::Delay { .. } | State::Probe { .. })
    }

    fn arm(&mut self, context: &mut Context<'_>, address: IpAddr, after: Option<Duration>) {
        let key = TimerKey::Neighbour(context.interface, address);
        context.timers.set(key, &mut self.timer, after.map(|span| context.now + span));
    }

    /// Queues a packet; the oldest make room for it (`__neigh_event_send`). Says how many did.
    fn keep(&mut self, frame: Box<Frame>, settings: &Settings) -> u64 {
        let (len, mut dropped) = (frame.len(), 0);
        while self.queue.len() >= settings.neighbour_queue_packets
            || self.queued_bytes + len > settings.neighbour_queue_bytes
        {
            let Some(oldest) = self.queue.pop_front() else { break };
            self.queued_bytes -= oldest.len();
            dropped += 1;
        }
        self.queued_bytes += len;
        self.queue.push_back(frame);
        dropped
    }
}

/// RFC 4861, section 6.3.2: believed for a random time of 0.5 to 1.5 times the base.
fn reachable_until(context: &mut Context<'_>) -> Instant {
    let base = u64::try_from(context.settings.neighbour_reachable.as_nanos()).unwrap_or(u64::MAX / 2);
    context.now + Duration::from_nanos(base / 2 + context.rng.below(base))
}
