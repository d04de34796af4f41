//! Round trips of a sender that goes on whenever an acknowledgement comes: whether what it has under way still grows, and
//! whether it arrives any faster for it.

use std::collections::VecDeque;

use super::Cause;
use super::timeline::Claim;
use crate::flow::Side;

/// A wait that an acknowledgement ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocked {
    pub(super) from: u64,
    pub(super) to: u64,
    /// How much longer than the shortest the round trip was.
    pub(super) queued: u64,
    /// Bytes a second that were delivered of late.
    pub(super) rate: u64,
    /// The receiver's window.
    pub(super) window: Option<i64>,
}

/// A queue that makes a packet wait no longer than this says nothing.
pub(super) const LEAST_QUEUE: u64 = 1_500_000;
/// Deliveries are looked at over this time at least.
const LEAST_SPAN: u64 = 50_000_000;
/// Deliveries that are remembered.
const MOST_DELIVERIES: usize = 10_000;
/// Round trips without growth, and without a loss ever, that show a sender that has no more to put under way.
const FLAT: usize = 3;

pub(super) struct Rounds {
    round_trip: u64,
    /// The round ends when this is acknowledged.
    end: i64,
    /// The most that was under way in each round.
    most: Vec<i64>,
    clocked: Vec<(usize, Clocked)>,
    deliveries: VecDeque<(u64, i64)>,
    rate: u64,
    last_rate: u64,
}

impl Rounds {
    pub(super) fn new(round_trip: u64) -> Rounds {
        Rounds {
            round_trip,
            end: 0,
            most: vec![0],
            clocked: Vec::new(),
            deliveries: VecDeque::new(),
            rate: 0,
            last_rate: 0,
        }
    }

    /// The first round begins: what was sent up to here is not of it.
    pub(super) fn begin(&mut self, end: i64) {
        self.end = end;
    }

    pub(super) fn acknowledged(&mut self, ack: i64, nxt: i64) {
        if ack > self.end {
            self.end = nxt;
            self.most.push(0);
        }
    }

    pub(super) fn sent(&mut self, under_way: i64) {
        if let Some(most) = self.most.last_mut() {
            *most = under_way.max(*most);
        }
    }

    pub(super) fn clocked(&mut self, clocked: Clocked) {
        self.clocked.push((self.most.len() - 1, clocked));
    }

    /// The last wait goes on.
    pub(super) fn prolong(&mut self, to: u64) {
        if let Some((_, last)) = self.clocked.last_mut() {
            last.to = last.to.max(to);
        }
    }

    /// Bytes a second that have been delivered of late.
    pub(super) fn rate(&mut self, now: u64, delivered: i64, queue: u64) -> u64 {
        let span = (self.round_trip * 3 / 2 + queue * 2).max(LEAST_SPAN);
        self.deliveries.push_back((now, delivered));
        while self.deliveries.len() > 2
            && (self.deliveries.len() > MOST_DELIVERIES || self.deliveries[1].0 + span <= now)
        {
            self.deliveries.pop_front();
        }
        let (then, before) = self.deliveries[0];
        let took = now - then;
        if took < span {
            self.last_rate = 0;
            return 0;
        }
        let rate = (delivered - before) as u128 * 1_000_000_000 / u128::from(took);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        self.rate = self.rate.max(rate);
        self.last_rate = rate;
        rate
    }

    /// A packet that waits longer on its way than this met a queue.
    pub(super) fn queue(&self) -> u64 {
        LEAST_QUEUE.max(self.round_trip / 4)
    }

    /// What that was last.
    pub(super) fn last_rate(&self) -> u64 {
        self.last_rate
    }

    /// The most of those.
    pub(super) fn most_rate(&self) -> u64 {
        self.rate
    }

    /// What the waits were for; `lost` is when the first loss was repaired.
    pub(super) fn resolve(&self, (side, mss): (Side, i64), lost: Option<u64>) -> Vec<Claim> {
        let mut before = Cause::SlowStart;
        let mut claims = Vec::new();
        for (round, clocked) in &self.clocked {
            let cause = self.cause((*round, clocked), mss, (lost, before));
            if cause != Cause::LinkRate {
                before = cause;
            }
            if clocked.from < clocked.to {
                claims.push(Claim::new((clocked.from, clocked.to), cause, side));
            }
        }
        claims
    }

    fn cause(
        &self,
        (round, clocked): (usize, &Clocked),
        mss: i64,
        (lost, before): (Option<u64>, Cause),
    ) -> Cause {
        let most = |round: usize| self.most.get(round).copied().unwrap_or(0);

        // It waits on the way, and arrives about as fast as ever: a queue that is not of this connection's making would slow it.
        if clocked.queued > self.queue() && clocked.rate >= self.rate / 2 {
            return Cause::LinkRate;
        }
        let repaired = lost.is_some_and(|lost| lost <= clocked.from);
        let last = round.checked_sub(1).map_or(0, most);
        let grows = most(round) > last + mss / 2;
        if grows && !repaired && (most(round) * 4 >= last * 5 || round < FLAT) {
            return Cause::SlowStart;
        }
        // Senders leave up to a third of a window unused, to send more at once.
        let full = |window: i64| most(round) + mss.max(window / 3) > window;
        if !grows && clocked.window.is_some_and(full) {
            return Cause::WindowSmall;
        }
        if repaired || grows {
            return Cause::CongestionWindow;
        }
        if self.is_flat(round, mss) {
            // Without the handshake the receiver's window is not known.
            return if clocked.window.is_some() { Cause::SendBuffer } else { Cause::Unknown };
        }
        before
    }

    /// Whether a round is one of several, one behind the other, in which no more was under way than in all before.
    fn is_flat(&self, round: usize, mss: i64) -> bool {
        let level = self.most.get(round).copied().unwrap_or(0);
        let alike = |most: &&i64| (**most - level).abs() <= mss / 2;
        let round = round.min(self.most.len());
        let before = self.most[..round].iter().rev().take(FLAT).take_while(alike).count();
        let behind = self.most[round..].iter().take(FLAT).take_while(alike).count();
        before + behind > FLAT
    }
}
