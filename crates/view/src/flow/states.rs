//! Which state each side is in after each segment (RFC 9293, section 3.3.2).
//!
//! A capture says when a segment was sent, not when it arrived. But what a side had received in order stands in the
//! acknowledgement number of each segment it sends: so SYN, data and FIN have arrived by the first segment from the other side
//! that acknowledges them, and not before one that doesn't. What takes no sequence number is taken to arrive at once.

use std::collections::{BTreeMap, VecDeque};

use sockeye_tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, SynSent, TimeWait,
};
use sockeye_wire::tcp::Flags;

use super::{Flow, Side, State, Step};

/// Segments on their way to one side that are remembered.
const MOST_COMING: usize = 10_000;

/// A side on its way through the states.
struct Walker {
    state: State,
    /// Behind its FIN, once that was sent.
    fin: Option<i64>,
    /// What it has received in order, and the pieces beyond.
    received: i64,
    pieces: BTreeMap<i64, i64>,
    /// The most it has acknowledged.
    acked: i64,
    /// Behind the peer's FIN, if that came before its turn.
    early_fin: Option<i64>,
    /// Segments that are on their way to it.
    coming: VecDeque<usize>,
}

impl Flow {
    /// Finds the states after each segment.
    pub(super) fn settle(&mut self) {
        self.first_states = self.find_first_states();
        let next = next_from_each(&self.steps);
        let mut walkers = self.first_states.map(Walker::new);
        for at in 0..self.steps.len() {
            let step = &self.steps[at];
            let [own, other] = [step.from.index(), step.from.other().index()];
            walkers[own].sends(step);
            if step.dropped.is_none() {
                let old = step.end() <= walkers[other].acked;
                if old || has_arrived(step, next[at][other].map(|next| &self.steps[next])) {
                    walkers[other].hears(step);
                } else if walkers[other].coming.len() < MOST_COMING {
                    walkers[other].coming.push_back(at);
                }
            }
            // Now that this side has sent, its next segment may show what came since.
            while let Some(first) = walkers[own].coming.front().copied() {
                let Some(shows) = next[at][own] else { break };
                if !has_arrived(&self.steps[first], Some(&self.steps[shows])) {
                    break;
                }
                walkers[own].coming.pop_front();
                walkers[own].hears(&self.steps[first]);
            }
            self.steps[at].states = walkers.each_ref().map(|walker| walker.state);
        }
    }

    fn find_first_states(&self) -> [State; 2] {
        let (closed, open) = (State::Of(Closed), State::Of(Established));
        let Some(first) = self.steps.first() else { return [closed, State::Listen] };
        if !first.flags.contains(Flags::SYN) {
            // It was there before the capture began.
            return [open; 2];
        }
        if first.flags.contains(Flags::ACK) {
            return [State::Of(SynSent), State::Listen];
        }
        // Who answers by a SYN of its own has not listened, nor has who refuses.
        let answer = self.steps.iter().find(|step| step.from == Side::Server);
        let listens = answer.is_none_or(|answer| {
            !answer.flags.contains(Flags::RST) && answer.flags.contains(Flags::ACK)
                || !answer.flags.intersects(Flags::RST | Flags::SYN)
        });
        [closed, if listens { State::Listen } else { closed }]
    }
}

/// For each segment the next that client and server send.
fn next_from_each(steps: &[Step]) -> Vec<[Option<usize>; 2]> {
    let mut next = [None; 2];
    let mut all = vec![next; steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        all[at] = next;
        next[step.from.index()] = Some(at);
    }
    all
}

/// Whether a segment has come by the time the other side sends its next one.
fn has_arrived(step: &Step, next: Option<&Step>) -> bool {
    let takes = step.end() != step.seq && !step.flags.contains(Flags::RST);
    if !takes {
        return true;
    }
    let Some(next) = next else {
        // Nobody has ever said so.
        return false;
    };
    match next.ack {
        Some(ack) => ack >= step.end(),
        None => next.flags.contains(Flags::RST),
    }
}

impl Walker {
    fn new(state: State) -> Walker {
        Walker {
            state,
            fin: None,
            received: 0,
            pieces: BTreeMap::new(),
            acked: 0,
            early_fin: None,
            coming: VecDeque::new(),
        }
    }

    /// Takes a piece of the peer's sequence space.
    fn take(&mut self, from: i64, to: i64) {
        if to > from && self.pieces.len() < MOST_COMING {
            let end = self.pieces.entry(from).or_insert(to);
            *end = to.max(*end);
        }
        while let Some(piece) = self.pieces.first_entry().filter(|piece| *piece.key() <= self.received) {
            self.received = self.received.max(piece.remove());
        }
    }

    /// The peer's FIN, in its turn.
    fn takes_fin(&mut self) {
        self.early_fin = None;
        self.state = match self.state {
            State::Of(Established | SynReceived) => State::Of(CloseWait),
            State::Of(FinWait1) => State::Of(Closing),
            State::Of(FinWait2) => State::Of(TimeWait),
            unchanged => unchanged,
        };
    }

    /// What sending does to who sends.
    fn sends(&mut self, step: &Step) {
        let [syn, fin, rst] = [Flags::SYN, Flags::FIN, Flags::RST].map(|flag| step.flags.contains(flag));
        if rst {
            // One who waits for others goes on, as does one who only answers to late segments.
            if self.state != State::Listen && self.state != State::Of(TimeWait) {
                self.state = State::Of(Closed);
            }
            return;
        }
        self.acked = self.acked.max(step.ack.unwrap_or(0));
        // It acknowledges what the capture may not have.
        if let (Some(end), Some(ack)) = (self.early_fin, step.ack)
            && ack >= end
        {
            self.takes_fin();
        }
        if fin {
            self.fin = Some(step.end());
        }
        self.state = match self.state {
            State::Of(Closed) if syn => State::Of(SynSent),
            State::Listen if syn => State::Of(SynReceived),
            // What it answers to was not captured.
            State::Of(SynSent) | State::Listen if !syn && step.ack.is_some() => State::Of(Established),
            unchanged => unchanged,
        };
        if fin {
            self.state = match self.state {
                State::Of(Established | SynReceived) => State::Of(FinWait1),
                State::Of(CloseWait) => State::Of(LastAck),
                unchanged => unchanged,
            };
        }
    }

    /// What a segment does to who receives it.
    fn hears(&mut self, step: &Step) {
        let [syn, fin, rst] = [Flags::SYN, Flags::FIN, Flags::RST].map(|flag| step.flags.contains(flag));
        if rst {
            self.state = match self.state {
                State::Listen | State::Of(TimeWait) => self.state,
                State::Of(_) => State::Of(Closed),
            };
            return;
        }
        self.take(step.seq, step.end());
        let acknowledges = |number: i64| step.ack.is_some_and(|ack| ack >= number);
        let fin_acknowledged = self.fin.is_some_and(acknowledges);
        self.state = match self.state {
            State::Listen if syn => State::Of(SynReceived),
            State::Of(SynSent) if syn && acknowledges(1) => State::Of(Established),
            State::Of(SynSent) if syn => State::Of(SynReceived),
            State::Of(SynReceived) if acknowledges(1) => State::Of(Established),
            unchanged => unchanged,
        };
        self.state = match self.state {
            State::Of(FinWait1) if fin_acknowledged => State::Of(FinWait2),
            State::Of(Closing) if fin_acknowledged => State::Of(TimeWait),
            State::Of(LastAck) if fin_acknowledged => State::Of(Closed),
            unchanged => unchanged,
        };
        if fin {
            self.early_fin = Some(step.end());
        }
        if self.early_fin.is_some_and(|end| self.received >= end) {
            self.takes_fin();
        }
    }
}
