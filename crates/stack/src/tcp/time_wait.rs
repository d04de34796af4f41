//! Connections in TIME-WAIT that nobody holds any more: there may be a million, so all that is kept of each is what
//! answers a late segment and what holds its port.

use std::collections::VecDeque;
use std::net::SocketAddr;

use slotmap::new_key_type;
use sockeye_base::{Counter, Instant, Rng, SeqNum, Table};
use sockeye_tcp::{Late, TimeWait};
use sockeye_wire::ip;
use sockeye_wire::tcp::{Flags, Segment};

use super::tuple::ByTuple;
use super::{Connection, Tuple};
use crate::InterfaceId;
use crate::output::{IpOptions, MtuDiscovery};
use crate::stack::{BindId, ConnectionId, Stack};
use crate::timers::{Popped, Timer, TimerKey};

new_key_type! {
    /// A connection in TIME-WAIT that nobody holds.
    pub struct TimeWaitId;
}

/// All of them.
#[derive(Debug)]
pub(super) struct TimeWaits {
    entries: Table<TimeWaitId, Entry>,
    by_tuple: ByTuple<TimeWaitId>,
    /// In the order of their ends, each once; one that was put off is found when its old time comes. Some are gone.
    queue: VecDeque<(Instant, TimeWaitId)>,
    timer: Timer,
}

#[derive(Debug)]
struct Entry {
    state: TimeWait,
    tuple: Tuple,
    bind: Option<BindId>,
    /// What its packets' headers say, as far as answers go.
    ttl: Option<u8>,
    tos: u8,
    discovery: MtuDiscovery,
    flow_label: u32,
}

impl TimeWaits {
    pub(super) fn new(rng: &mut Rng) -> TimeWaits {
        TimeWaits {
            entries: Table::default(),
            by_tuple: ByTuple::new(rng),
            queue: VecDeque::new(),
            timer: Timer::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn timer_mut(&mut self) -> &mut Timer {
        &mut self.timer
    }

    /// What waits between these ends.
    pub(super) fn get(&self, tuple: &Tuple) -> Option<&TimeWait> {
        self.entries.get(self.by_tuple.get(tuple)?).map(|entry| &entry.state)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = TimeWaitId> {
        self.entries.keys()
    }

    /// Both ends, and when it ends.
    pub(super) fn at(&self, id: TimeWaitId) -> Option<(SocketAddr, SocketAddr, Instant)> {
        let Entry { state, tuple, .. } = self.entries.get(id)?;
        Some((tuple.local.into(), tuple.remote.into(), state.ends()))
    }

    fn insert(&mut self, entry: Entry) {
        let (ends, tuple) = (entry.state.ends(), entry.tuple);
        let id = self.entries.insert(entry);
        self.by_tuple.insert(tuple, id);
        self.enqueue(ends, id);
    }

    /// All last equally long, unless a setting was changed: so nearly always at the end.
    fn enqueue(&mut self, ends: Instant, id: TimeWaitId) {
        if self.queue.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.queue.retain(|(_, id)| entries.contains_key(*id));
        }
        match self.queue.back() {
            Some((last, _)) if *last > ends => {
                let at = self.queue.partition_point(|(other, _)| *other <= ends);
                self.queue.insert(at, (ends, id));
            }
            Some(_) | None => self.queue.push_back((ends, id)),
        }
    }

    fn remove(&mut self, id: TimeWaitId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.by_tuple.remove(&entry.tuple);
        Some(entry)
    }

    /// One whose time is over.
    fn take_due(&mut self, now: Instant) -> Option<Entry> {
        loop {
            let (at, id) = self.queue.front().copied()?;
            let ends = self.entries.get(id).map(|entry| entry.state.ends());
            if ends.is_some() && at > now {
                return None;
            }
            self.queue.pop_front();
            match ends {
                Some(ends) if ends > at => self.enqueue(ends, id),
                Some(_) => return self.remove(id),
                None => {}
            }
        }
    }
}

impl Stack {
    /// How many connections are in TIME-WAIT.
    pub fn tcp_time_waits(&self) -> usize {
        self.tcp.held_time_waits + self.tcp.time_waits.len()
    }

    /// Keeps of a connection in TIME-WAIT that nobody holds only what matters.
    pub(super) fn tcp_retire(&mut self, id: ConnectionId) {
        let Some(state) = self.tcp.connections.get(id).and_then(|connection| connection.tcb.time_wait())
        else {
            return;
        };
        let Some(connection) = self.tcp_remove(id) else { return };
        let Connection { tuple, bind, options, flow_label, .. } = *connection;
        let IpOptions { ttl, tos, discovery, no_flow_label, .. } = options;
        let flow_label = if no_flow_label { 0 } else { flow_label };
        self.tcp.by_tuple.remove(&tuple);
        self.tcp.time_waits.insert(Entry { state, tuple, bind, ttl, tos, discovery, flow_label });
        self.time_waits_schedule();
    }

    /// The time of the first is over.
    pub(crate) fn time_waits_timer(&mut self, now: Instant, at: Instant) {
        match self.tcp.time_waits.timer.popped(at) {
            Popped::Nothing => {}
            Popped::Later(deadline) => self.timers.put_back(TimerKey::TimeWaits, deadline),
            Popped::Due => {
                while let Some(entry) = self.tcp.time_waits.take_due(now) {
                    self.time_wait_freed(&entry);
                }
                self.time_waits_schedule();
            }
        }
    }

    /// A segment between these ends, if they are in TIME-WAIT. Gives it back, with where a new connection has to begin,
    /// if it is not for them (any more).
    pub(super) fn time_wait_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        (tuple, segment): (&Tuple, Segment),
    ) -> Option<(Segment, Option<SeqNum>)> {
        let waits = &mut self.tcp.time_waits;
        let Some(id) = waits.by_tuple.get(tuple) else { return Some((segment, None)) };
        let Some(entry) = waits.entries.get_mut(id) else { return Some((segment, None)) };
        let (ttl, tos, discovery, flow_label) = (entry.ttl, entry.tos, entry.discovery, entry.flow_label);
        let options = IpOptions { ttl, tos, discovery, ..IpOptions::default() };
        match entry.state.input(now, &segment) {
            Late::Waits(None) => None,
            Late::Skipped => {
                self.count(Counter::AckSkippedTimeWait);
                None
            }
            Late::Waits(Some(reply)) => {
                let path = self.path_back(interface, tuple.remote.ip())?;
                let mut header = self.ip_header(tuple.local.ip(), tuple.remote.ip(), options)?;
                match &mut header {
                    // Every answer is whole, so nothing needs a number (RFC 6864, section 4.1).
                    ip::Header::V4(_) => {}
                    ip::Header::V6(header) => header.flow_label = flow_label,
                }
                self.transmit_segment(now, &path, header, reply);
                None
            }
            Late::Ended => {
                self.time_wait_end(tuple);
                None
            }
            Late::Restart => {
                debug_assert!(segment.flags.contains(Flags::SYN));
                let least = self.time_wait_end(tuple);
                Some((segment, least))
            }
        }
    }

    /// Ends TIME-WAIT between these ends; where a connection that takes the place has to begin.
    pub(super) fn time_wait_end(&mut self, tuple: &Tuple) -> Option<SeqNum> {
        let id = self.tcp.time_waits.by_tuple.get(tuple)?;
        let entry = self.tcp.time_waits.remove(id)?;
        self.time_wait_freed(&entry);
        Some(entry.state.restart_iss())
    }

    fn time_wait_freed(&mut self, entry: &Entry) {
        if let Some(bind) = entry.bind {
            self.tcp_ports.release(bind);
        }
    }

    fn time_waits_schedule(&mut self) {
        let waits = &mut self.tcp.time_waits;
        let first = waits.queue.front().map(|(at, _)| *at);
        self.timers.set(TimerKey::TimeWaits, &mut waits.timer, first);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn small() {
        assert!(size_of::<super::Entry>() <= 120, "{}", size_of::<super::Entry>());
    }
}
