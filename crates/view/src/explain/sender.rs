//! One end as the sender: what it had under way, how much room it had, and what made it go on.
//!
//! The segments are taken in the order in which that end saw them: its own when they were captured, the other's later by the
//! distance between the capture and this end, there and back.

use std::collections::VecDeque;
use std::time::Duration;

use sockeye_wire::tcp::Flags;

use super::Cause;
use super::direction::Direction;
use super::rounds::{Clocked, LEAST_QUEUE, Rounds};
use super::timeline::Claim;
use crate::flow::{Flow, Side, Step};

/// What a walk gives.
pub(super) struct Walked {
    pub(super) direction: Direction,
    pub(super) claims: Vec<Claim>,
}

/// How long after what caused it a segment may still be sent at once, in nanoseconds.
const AT_ONCE: u64 = 300_000;
/// What is sent so close behind something else was made together with it.
const TOGETHER: u64 = 150_000;
/// RFC 6298 asks for a second at least; Linux has 200 ms. No retransmission timer is shorter.
const SHORTEST_TIME_OUT: u64 = 200_000_000;
/// An acknowledgement that comes later than the round trip by this was delayed.
const DELAYED: u64 = 10_000_000;
/// So many segments must be known to have come for one before them to be lost (RFC 5681, RFC 6675).
const DUPLICATES: i64 = 3;
/// Segments under way that are remembered.
const MOST_SENT: usize = 100_000;
/// Gaps in what was captured that are remembered.
const MOST_GAPS: usize = 1000;

/// A segment under way.
struct Sent {
    end: i64,
    at: u64,
    again: bool,
}

/// The last that came from the other side, and how things were before it.
#[derive(Clone, Copy)]
struct Trigger {
    at: u64,
    room: Option<i64>,
    window: Option<i64>,
    under_way: i64,
    advanced: i64,
    has_data: bool,
    rtt: Option<u64>,
    rate: u64,
}

/// A loss that is being repaired.
struct Recovery {
    since: u64,
    cause: Cause,
    /// It ends when this is acknowledged.
    point: i64,
}

struct Sender<'a> {
    flow: &'a Flow,
    side: Side,
    /// There and back between the capture and this end.
    own: u64,
    /// There and back between both ends.
    round_trip: u64,
    /// How long after its cause a segment may still be called caused.
    at_once: u64,
    mss: i64,
    una: i64,
    nxt: i64,
    /// The right edge of the other's window.
    edge: Option<i64>,
    window: Option<i64>,
    sent: VecDeque<Sent>,
    /// What the receiver has beyond a gap: how much, and up to where.
    sacked: (i64, i64),
    duplicates: i64,
    /// When the first sign of a loss came.
    first_sign: Option<u64>,
    /// When it last sent data, or could for the first time.
    last_sent: u64,
    /// When the other side's data last came.
    data_came: Option<u64>,
    /// Since when something has been under way.
    busy: Option<u64>,
    trigger: Option<Trigger>,
    recovery: Option<Recovery>,
    /// What was not captured before something later was: from, to, when.
    gaps: Vec<(i64, i64, u64)>,
    last_cause: Option<Cause>,
    /// The last it sent was all there was to send.
    pushed: bool,
    /// Its youngest time stamp.
    stamp: Option<u32>,
    /// The other side's, each as it first came.
    stamps: VecDeque<(u32, u64)>,
    /// How long the last segment that was acknowledged waited on its way, if it did.
    queue: Option<u64>,
    delivered: i64,
    rounds: Rounds,
    direction: Direction,
    claims: Vec<Claim>,
}

/// Walks through a connection as one of its ends saw it.
pub(super) fn walk(flow: &Flow, times: &[u64], side: Side, distances: [Option<u64>; 2]) -> Walked {
    let own = distances[side.index()].unwrap_or(0);
    let other = distances[side.other().index()].unwrap_or(0);
    let mut sender = Sender::new(flow, side, own, own.saturating_add(other));
    let mine = (0..flow.steps.len()).filter(|at| flow.steps[*at].from == side);
    let theirs = (0..flow.steps.len()).filter(|at| flow.steps[*at].from != side);
    let (mut mine, mut theirs) = (mine.peekable(), theirs.peekable());
    loop {
        let next = mine.peek().map(|at| times[*at]);
        let comes = theirs.peek().map(|at| times[*at].saturating_add(own));
        match (next, comes) {
            // At the same time what comes is first: it may be the cause.
            (Some(next), Some(comes)) if comes <= next => sender.hears(theirs.next(), comes),
            (None, Some(comes)) => sender.hears(theirs.next(), comes),
            (Some(next), _) => sender.sends(mine.next(), next),
            (None, None) => break,
        }
    }
    sender.finish(times.last().copied().unwrap_or(0))
}

impl<'a> Sender<'a> {
    fn new(flow: &'a Flow, side: Side, own: u64, round_trip: u64) -> Sender<'a> {
        Sender {
            flow,
            side,
            own,
            round_trip,
            at_once: AT_ONCE + own / 16,
            mss: mss(flow, side),
            una: 0,
            nxt: 0,
            edge: None,
            window: None,
            sent: VecDeque::new(),
            sacked: (0, 0),
            duplicates: 0,
            first_sign: None,
            last_sent: 0,
            data_came: None,
            busy: None,
            trigger: None,
            recovery: None,
            gaps: Vec::new(),
            last_cause: None,
            pushed: false,
            stamp: None,
            stamps: VecDeque::new(),
            queue: None,
            delivered: 0,
            rounds: Rounds::new(round_trip),
            direction: Direction { mss: mss(flow, side) as u64, ..Direction::default() },
            claims: Vec::new(),
        }
    }

    fn claim(&mut self, from: u64, to: u64, cause: Cause) {
        if from < to {
            self.claims.push(Claim::new((from, to), cause, self.side));
        }
        self.last_cause = Some(cause);
    }

    fn under_way(&self) -> i64 {
        self.nxt - self.una
    }

    /// How much more the other's window takes; `None` if its windows can't be told.
    fn room(&self) -> Option<i64> {
        self.edge.map(|edge| edge - self.nxt)
    }

    /// A segment of the other side comes.
    fn hears(&mut self, at: Option<usize>, now: u64) {
        let Some(step) = at.and_then(|at| self.flow.steps.get(at)) else { return };
        if step.dropped.is_some() || step.flags.contains(Flags::RST) {
            return;
        }
        let takes = step.end() != step.seq;
        let Some(ack) = step.ack else { return };
        if let Some((value, _)) = step.timestamps
            && self.stamps.len() < MOST_SENT
            && self.stamps.back().is_none_or(|(last, _)| (value.wrapping_sub(*last) as i32) > 0)
        {
            self.stamps.push_back((value, now));
        }
        let before = (self.room(), self.window, self.under_way());
        let advanced = (ack.min(self.nxt) - self.una).max(0);
        let rtt = self.acknowledged(ack, now);
        let rate = self.rounds.rate(now, self.delivered, self.queue.unwrap_or(0));
        self.signs(step, advanced, now);
        self.opens(i64::from(step.window), ack);
        if takes && !step.flags.contains(Flags::SYN) {
            self.data_came = Some(now);
        }
        let trigger = Trigger {
            at: now,
            room: before.0,
            window: before.1,
            under_way: before.2,
            advanced,
            has_data: takes,
            rtt,
            rate,
        };
        // Several that come at once are one cause.
        self.trigger = Some(match self.trigger {
            Some(old) if old.at >= self.last_sent && now - old.at <= AT_ONCE => Trigger {
                at: now,
                advanced: old.advanced + advanced,
                has_data: old.has_data || takes,
                rtt: rtt.or(old.rtt),
                rate,
                ..old
            },
            Some(_) | None => trigger,
        });
        if let Some(recovery) = &self.recovery
            && self.una >= recovery.point
        {
            let (since, cause) = (recovery.since, recovery.cause);
            self.claim(since, now, cause);
            self.recovery = None;
            self.last_sent = self.last_sent.max(now);
        }
        if self.under_way() == 0
            && let Some(since) = self.busy.take()
        {
            self.claims.push(Claim::new((since, now), Cause::RoundTrip, self.side));
        }
    }

    /// Takes an acknowledgement; gives the round trip it shows.
    fn acknowledged(&mut self, ack: i64, now: u64) -> Option<u64> {
        let mut rtt = None;
        while self.sent.front().is_some_and(|sent| sent.end <= ack) {
            let sent = self.sent.pop_front()?;
            // Karn's rule: of what was sent twice nobody knows which is meant.
            rtt = if sent.again { None } else { Some(now.saturating_sub(sent.at)) };
        }
        if ack > self.una && ack <= self.nxt {
            if self.una == 0 {
                // The handshake is over: from now on it can send.
                self.last_sent = self.last_sent.max(now);
            }
            self.delivered += ack - self.una;
            self.una = ack;
            self.rounds.acknowledged(ack, self.nxt);
        }
        self.gaps.retain(|(_, to, _)| *to > ack);
        if let Some(rtt) = rtt {
            self.queue =
                Some(rtt.saturating_sub(self.round_trip)).filter(|queue| *queue > self.rounds.queue());
            let rtt = Duration::from_nanos(rtt);
            let direction = &mut self.direction;
            direction.least_round_trip = Some(direction.least_round_trip.map_or(rtt, |least| least.min(rtt)));
            direction.most_round_trip = Some(direction.most_round_trip.map_or(rtt, |most| most.max(rtt)));
        }
        rtt
    }

    /// Signs of a loss: duplicate acknowledgements (RFC 5681, section 2) and selective ones.
    fn signs(&mut self, step: &Step, advanced: i64, now: u64) {
        // A first block of what is acknowledged already tells of a segment that came twice (RFC 2883).
        let twice = step.sack.first().is_some_and(|(from, to)| {
            to <= &self.una || step.sack.get(1).is_some_and(|(left, right)| left <= from && to <= right)
        });
        self.direction.in_vain += u64::from(twice);
        let blocks =
            || step.sack.iter().filter(|(from, to)| *from >= self.una && from < to && *to <= self.nxt);
        let sacked: i64 = blocks().map(|(from, to)| to - from).sum();
        let highest = blocks().map(|(_, to)| *to).max().unwrap_or(0);
        let more = sacked > 0 && (sacked, highest) != self.sacked;
        self.sacked = (sacked, highest);
        let duplicate = advanced == 0 && step.ack == Some(self.una) && step.len == 0 && self.under_way() > 0;
        let same_window = self.window.is_none_or(|window| window == i64::from(step.window)) || sacked > 0;
        if advanced > 0 && sacked == 0 {
            self.duplicates = 0;
            self.first_sign = None;
        }
        if duplicate && same_window && !twice {
            self.duplicates += 1;
        }
        if (duplicate && same_window || more) && self.first_sign.is_none() {
            self.first_sign = Some(now);
        }
    }

    /// The window that a segment tells. Without the handshake nobody knows by how much it is shifted; but 0 is 0.
    fn opens(&mut self, window: i64, ack: i64) {
        if self.flow.scales().is_none() && window > 0 {
            (self.window, self.edge) = (None, None);
            return;
        }
        if window == 0 && self.window != Some(0) {
            self.direction.closed_windows += 1;
        }
        self.window = Some(window);
        self.direction.widest_window = self.direction.widest_window.max(window as u64);
        self.edge = Some(self.edge.map_or(ack + window, |edge| edge.max(ack + window)));
    }

    /// It sends a segment.
    fn sends(&mut self, at: Option<usize>, now: u64) {
        let Some(step) = at.and_then(|at| self.flow.steps.get(at)) else { return };
        let end = step.end();
        if step.flags.contains(Flags::RST) || end == step.seq {
            return;
        }
        self.direction.segments += u64::from(step.len > 0);
        // A keepalive, or a probe of a closed window.
        let probe = end <= self.una || end <= self.nxt && step.len <= 1 && self.room() == Some(0);
        if probe && step.again {
            return;
        }
        if step.flags.contains(Flags::SYN) {
            self.nxt = self.nxt.max(end);
            self.rounds.begin(self.nxt);
            return;
        }
        if end <= self.nxt {
            self.repeats(step, now);
        } else {
            self.goes_on(step, now);
        }
        if let Some((value, _)) = step.timestamps
            && self.stamp.is_none_or(|last| (value.wrapping_sub(last) as i32) > 0)
        {
            self.stamp = Some(value);
        }
        self.busy.get_or_insert(now);
        self.last_sent = now;
    }

    /// It sends what it had not sent before.
    fn goes_on(&mut self, step: &Step, now: u64) {
        let is_first = self.direction.bytes == 0;
        self.direction.bytes += u64::from(step.len).min((step.end() - self.nxt).max(0) as u64);
        if step.seq > self.nxt && self.nxt > 0 && self.gaps.len() < MOST_GAPS {
            self.gaps.push((self.nxt, step.seq, now));
        }
        let len = i64::from(step.len);
        let needed = len.min(self.mss).max(1);
        let bulk = |trigger: &Trigger| len >= self.mss && trigger.under_way >= 4 * self.mss;
        let trigger = self.trigger.filter(|trigger| {
            // Who sends as much as may be under way is late only because its machine has other things to do.
            let late = if bulk(trigger) { self.round_trip / 8 } else { 0 };
            trigger.at >= self.last_sent && now - trigger.at <= self.at_once + late
        });
        let idle_since = self.data_came.map_or(self.last_sent, |came| came.max(self.last_sent));
        let no_room = |room: Option<i64>| room.is_some_and(|room| room < needed);
        // It fills a window of less than a full segment, for which it does not wait for ever (RFC 9293, section 3.8.6.2.1).
        let squeezed = self.room().is_some_and(|room| room < self.mss && len >= room);
        if self.nxt == 0 && self.una == 0 {
            // The first that was captured of a connection that had begun before.
            self.una = step.seq;
            self.rounds.begin(step.seq);
        } else if self.recovery.is_some() {
            // What is new goes out while a loss is repaired.
        } else if trigger.is_none() && !is_first && now - self.last_sent <= TOGETHER {
            // One of several that went out together.
            self.prolong(now);
        } else if no_room(self.room()) || squeezed && trigger.is_none() {
            // It asks whether the window has opened.
            self.claim(self.last_sent, now, Cause::WindowClosed);
        } else if let Some(queued) = self.queued(step, now) {
            self.clocked((self.last_sent, now), (queued, self.rounds.last_rate()));
        } else if let Some(trigger) = trigger.filter(|trigger| no_room(trigger.room)) {
            let cause = self.full_window(trigger, now);
            self.claim(self.last_sent, now, cause);
        } else if let Some(trigger) = trigger.filter(|trigger| trigger.under_way > 0 && trigger.advanced > 0)
        {
            self.freed(trigger, (len, now), idle_since);
        } else if let Some(queue) =
            self.queue.filter(|queue| self.under_way() > 0 && now - self.last_sent < *queue)
        {
            // While that is full the path is busy, whatever the sender does.
            self.clocked((self.last_sent, now), (queue, self.rounds.last_rate()));
        } else if len >= self.mss && self.under_way() > 0 && now - self.last_sent >= 2 * self.round_trip {
            // Nothing was heard of what is under way, so it asks, by something new (RFC 8985, section 7.3).
            self.direction.asked += 1;
            self.claim(self.last_sent, now, Cause::TailLossProbe);
        } else {
            let cause = self.pause(now, idle_since);
            self.claim(idle_since, now, cause);
        }
        self.nxt = step.end();
        self.pushed = step.flags.contains(Flags::PSH);
        self.direction.most_under_way = self.direction.most_under_way.max(self.under_way().max(0) as u64);
        let sacked = self.sacked.0.min(self.under_way());
        self.rounds.sent(self.under_way() - sacked);
        if self.sent.len() < MOST_SENT {
            self.sent.push_back(Sent { end: step.end(), at: now, again: false });
        }
    }

    /// An acknowledgement let it go on, though the receiver's window had room before.
    fn freed(&mut self, trigger: Trigger, (len, now): (i64, u64), idle_since: u64) {
        let cleared = self.under_way() == 0;
        let waited = trigger.at.saturating_sub(self.last_sent);
        let small = len < self.mss;
        let delayed = waited > self.round_trip + DELAYED;
        if cleared && trigger.has_data {
            // An answer, and then the next question.
            self.claim(idle_since, now, Cause::Application);
        } else if cleared && small && (delayed || trigger.under_way < self.mss) {
            self.direction.held_small += 1;
            self.claim(self.last_sent, now, Cause::Nagle);
        } else {
            let queued = trigger.rtt.map_or(0, |rtt| rtt.saturating_sub(self.round_trip));
            self.clocked((self.last_sent, now), (queued, trigger.rate));
        }
    }

    /// A wait that is explained when all rounds are known.
    fn clocked(&mut self, (from, to): (u64, u64), (queued, rate): (u64, u64)) {
        self.last_cause = None;
        self.direction.longest_queue = self.direction.longest_queue.max(Duration::from_nanos(queued));
        self.rounds.clocked(Clocked { from, to, queued, rate, window: self.window });
    }

    /// How long a segment waited on its way to where the capture was made, if it did: it echoes an older time stamp than the
    /// youngest that its sender must have had.
    fn queued(&mut self, step: &Step, now: u64) -> Option<u64> {
        let (_, echo) = step.timestamps?;
        while self.stamps.front().is_some_and(|(value, _)| (value.wrapping_sub(echo) as i32) <= 0) {
            self.stamps.pop_front();
        }
        let (_, came) = self.stamps.front()?;
        now.checked_sub(*came).filter(|queued| *queued > LEAST_QUEUE)
    }

    /// Nothing made it go on: its program did. But where the capture was made at the receiver, a segment that got lost on the
    /// way there was not seen, and its repetition looks like this; unless all there was to send had come (it is pushed).
    fn pause(&self, now: u64, idle_since: u64) -> Cause {
        let at_receiver = self.own > self.round_trip / 4 * 3 && self.own > AT_ONCE;
        let asked = self.data_came.is_some_and(|came| came >= self.last_sent);
        let long = now - idle_since >= SHORTEST_TIME_OUT;
        // Without time stamps nobody sees how long a segment waited on its way.
        let late = self.stamp.is_none() && now - idle_since < self.round_trip;
        if at_receiver && !asked && (long && !self.pushed || late) {
            Cause::Unknown
        } else {
            Cause::Application
        }
    }

    /// Why the receiver's window had no room: it opened by itself, when its program read, or as far as data came.
    fn full_window(&self, trigger: Trigger, now: u64) -> Cause {
        let narrow = trigger.window.is_some_and(|window| window * 2 < self.direction.widest_window as i64);
        let long = now - self.last_sent > self.round_trip * 2 + DELAYED;
        if trigger.advanced == 0 || narrow && long { Cause::WindowClosed } else { Cause::WindowSmall }
    }

    /// What went out together with the last belongs to the same cause.
    fn prolong(&mut self, now: u64) {
        match self.last_cause {
            Some(cause) => self.claim(self.last_sent, now, cause),
            None => self.rounds.prolong(now),
        }
    }

    /// It sends what it, or somebody, had sent before.
    fn repeats(&mut self, step: &Step, now: u64) {
        let (seq, end) = (step.seq, step.end());
        let gap = self.gaps.iter().position(|(from, to, _)| *from < end && seq < *to);
        if let Some(gap) = gap {
            let (from, to, when) = self.gaps[gap];
            let older = self.older_than_last(step);
            if older == Some(true) || older.is_none() && now - when < self.round_trip / 2 {
                // It was overtaken on its way to where the capture was made.
                self.direction.overtaken += 1;
                self.fill(gap, (from, to), (seq, end));
                return;
            }
            self.fill(gap, (from, to), (seq, end));
        }
        self.direction.repeated += 1;
        let triggered = self
            .trigger
            .is_some_and(|trigger| trigger.at >= self.last_sent && now - trigger.at <= self.at_once);
        let heard = self.trigger.map_or(0, |trigger| trigger.at);
        let quiet_since = self.last_sent.max(heard);
        let silent = !triggered && now - quiet_since >= SHORTEST_TIME_OUT;
        let [first, behind] = [seq, end].map(|number| self.sent.partition_point(|sent| sent.end <= number));
        self.sent.range_mut(first..behind.max(first)).for_each(|sent| sent.again = true);
        if let Some(recovery) = &mut self.recovery {
            recovery.point = recovery.point.max(self.nxt);
            if silent {
                let (since, cause) = (recovery.since, recovery.cause);
                recovery.since = quiet_since;
                recovery.cause = Cause::TimeOut;
                self.claim(since, quiet_since, cause);
            }
            self.count_repair();
            return;
        }
        let (cause, since) = if silent && !(end == self.nxt && seq > self.una) {
            (Cause::TimeOut, quiet_since)
        } else {
            self.repair((seq, end), (triggered, quiet_since, gap.is_some()))
        };
        self.recovery = Some(Recovery { since: since.min(now), cause, point: self.nxt });
        self.count_repair();
    }

    fn count_repair(&mut self) {
        if let Some(recovery) = &self.recovery {
            self.direction.repairs.count(recovery.cause);
        }
    }

    /// By what a loss was found, if not by the retransmission timer; and when it began to show.
    fn repair(
        &self,
        (seq, end): (i64, i64),
        (triggered, quiet_since, gap): (bool, u64, bool),
    ) -> (Cause, u64) {
        let (sacked, highest) = self.sacked;
        let since = self.first_sign.unwrap_or(quiet_since);
        if sacked > 0 && highest > seq {
            let known = sacked > (DUPLICATES - 1) * self.mss || highest - end >= DUPLICATES * self.mss;
            let cause = if known { Cause::Sack } else { Cause::Rack };
            return (cause, since);
        }
        if triggered && (self.duplicates > 0 || gap) || self.duplicates >= DUPLICATES {
            return (Cause::FastRetransmit, since);
        }
        if end == self.nxt && !triggered {
            return (Cause::TailLossProbe, quiet_since);
        }
        (if triggered { Cause::FastRetransmit } else { Cause::TimeOut }, since)
    }

    /// Whether a segment was made before one that was captured; `None` if it has no time stamp, or the same.
    fn older_than_last(&self, step: &Step) -> Option<bool> {
        let ((value, _), last) = (step.timestamps?, self.stamp?);
        match value.wrapping_sub(last) as i32 {
            0 => None,
            difference => Some(difference < 0),
        }
    }

    /// Part of a gap, or all of it, has come.
    fn fill(&mut self, gap: usize, (from, to): (i64, i64), (seq, end): (i64, i64)) {
        let (_, _, when) = self.gaps.swap_remove(gap);
        for rest in [(from, seq.min(to)), (end.max(from), to)] {
            if rest.0 < rest.1 && self.gaps.len() < MOST_GAPS {
                self.gaps.push((rest.0, rest.1, when));
            }
        }
    }

    fn finish(mut self, life: u64) -> Walked {
        if let Some(recovery) = self.recovery.take() {
            self.claim(recovery.since, life, recovery.cause);
        }
        if let Some(since) = self.busy.take() {
            self.claims.push(Claim::new((since, life), Cause::RoundTrip, self.side));
        }
        let lost = self.claims.iter().filter(|claim| is_loss(claim.cause)).map(|claim| claim.to).min();
        self.claims.extend(self.rounds.resolve((self.side, self.mss), lost));
        self.direction.rate = self.rounds.most_rate();
        Walked { direction: self.direction, claims: self.claims }
    }
}

fn is_loss(cause: Cause) -> bool {
    matches!(cause, Cause::FastRetransmit | Cause::Sack | Cause::Rack | Cause::TailLossProbe | Cause::TimeOut)
}

/// Bytes of data in a full segment: what the other side's SYN takes, less the time stamps; or the most that was seen.
fn mss(flow: &Flow, side: Side) -> i64 {
    const USUAL: i64 = 1460;
    let [own, other] = [flow.offers[side.index()], flow.offers[side.other().index()]];
    if let (Some(own), Some(other)) = (own, other) {
        let stamps = if own.timestamps && other.timestamps { 12 } else { 0 };
        let told = [own.mss, other.mss].into_iter().flatten().min().unwrap_or(536);
        return (i64::from(told) - stamps).max(1);
    }
    let most = flow.steps.iter().filter(|step| step.from == side).map(|step| i64::from(step.len)).max();
    most.filter(|most| *most > 0).unwrap_or(USUAL).min(USUAL)
}
