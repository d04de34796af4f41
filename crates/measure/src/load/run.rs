//! A run: what is to be done, who takes which turn, and when it is over.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::connection::{SCRATCH, Share, take_turns};
use super::network::Network;
use super::tally::Tally;
use super::{Control, Plan};
use crate::lock;

/// How often a run looks whether it is told to stop.
const LOOK: Duration = Duration::from_millis(50);

/// A run, as all its threads share it.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) control: Arc<Control>,
    addresses: Vec<SocketAddr>,
    /// The address that took a connection last: the first to be tried.
    good: AtomicUsize,
    /// Turns that were given out.
    turns: AtomicU64,
    connected: AtomicBool,
    refused: AtomicU64,
}

impl Run {
    pub(super) fn new(plan: Plan, addresses: Vec<SocketAddr>, control: Arc<Control>) -> Run {
        Run {
            plan,
            control,
            addresses,
            good: AtomicUsize::new(0),
            turns: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    /// Waits for the next turn; gives when it was due. Without a rate that is now.
    pub(super) async fn next_turn<N: Network>(&self, network: &N) -> Option<Duration> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if self.plan.requests.is_some_and(|most| turn >= most) {
            return None;
        }
        let Some(rate) = self.plan.rate else { return Some(network.now()) };
        let due = Duration::from_secs_f64(turn as f64 / rate);
        if self.plan.duration.is_some_and(|end| due >= end) {
            return None;
        }
        if due > network.now() {
            network.sleep_until(due).await;
        }
        Some(due)
    }

    /// How many requests should have been begun by a moment, if they come at a rate.
    fn due_by(&self, now: Duration) -> Option<u64> {
        let span = self.plan.duration.map_or(now, |end| end.min(now));
        // As many as have their moment before it, the first at 0.
        let due = (span.as_secs_f64() * self.plan.rate?).ceil() as u64;
        Some(self.plan.requests.map_or(due, |most| most.min(due)))
    }

    /// A request has ended.
    pub(super) fn ended(&self, well: bool) {
        let count = if well { &self.control.answered } else { &self.control.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The addresses, the one that took a connection last before the others.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let good = self.good.load(Ordering::Relaxed);
        self.addresses[good..].iter().chain(&self.addresses[..good]).copied()
    }

    /// This address took a connection.
    pub(super) fn good(&self, address: SocketAddr) {
        if let Some(place) = self.addresses.iter().position(|known| *known == address) {
            self.good.store(place, Ordering::Relaxed);
        }
    }

    /// A connection was made, or not.
    pub(super) fn connected(&self, well: bool) {
        if well {
            self.connected.store(true, Ordering::Relaxed);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether every connection has tried in vain, and none was ever made.
    pub(super) fn is_vain(&self) -> bool {
        !self.connected.load(Ordering::Relaxed)
            && self.refused.load(Ordering::Relaxed) >= self.plan.connections as u64
    }

    fn is_over(&self, now: Duration) -> bool {
        self.plan.duration.is_some_and(|end| now >= end) || self.control.is_stopped() || self.is_vain()
    }
}

/// Runs some of the connections to the end of the run.
pub(super) async fn run_share<N: Network>(network: N, run: Arc<Run>, connections: usize) -> Tally {
    let share = Share {
        network: &network,
        run: &run,
        tally: Mutex::new(Tally::new()),
        scratch: Mutex::new(vec![0; SCRATCH].into_boxed_slice()),
        in_hand: AtomicU64::new(0),
    };
    {
        let mut all: FuturesUnordered<_> = (0..connections).map(|_| take_turns(&share)).collect();
        let mut end = pin!(async {
            while !run.is_over(network.now()) {
                let look = network.now() + LOOK;
                network.sleep_until(run.plan.duration.map_or(look, |end| end.min(look))).await;
            }
        });
        std::future::poll_fn(|context| {
            if end.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            loop {
                match all.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
    let mut tally = std::mem::replace(&mut *lock(&share.tally), Tally::new());
    tally.elapsed = network.now();
    tally.unfinished = share.in_hand.load(Ordering::Relaxed);
    tally
}

/// What all shares say together.
pub(super) fn whole(run: &Run, shares: impl IntoIterator<Item = Tally>) -> Tally {
    let mut tally = shares.into_iter().fold(Tally::new(), Tally::and);
    // With a rate, those that nobody had time to begin are unanswered, too.
    if let Some(due) = run.due_by(tally.elapsed) {
        tally.unfinished = due.saturating_sub(tally.answered + tally.failed());
    }
    tally
}
