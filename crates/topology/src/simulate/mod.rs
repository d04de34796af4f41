//! A network in virtual time: its traffic runs from the seed alone, so the same seed gives the same run to the last bit.
//!
//! Flow: a [`Simulation`] is stepped from deadline to deadline; each socket that changed is told to the conversation it
//! belongs to; what came of all is the [`Outcome`].

mod talk;

use std::collections::BTreeMap;

use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant};
use sockeye_lab::{Captured, Lab};

use crate::model::What;
use crate::{Built, Files, Topology};
pub use talk::Talked;
use talk::{Sockets, Talk};

/// Virtual time ends here if nothing else ends it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Who sees each frame as it is sent.
pub type Watch<'a> = &'a mut dyn FnMut(&Lab, &Captured);

/// A network at work in virtual time.
pub struct Simulation<'a> {
    topology: &'a Topology,
    built: Built,
    talks: Vec<Talk>,
    /// Whose a socket is.
    owners: Sockets,
    now: Instant,
    /// The next of its events.
    event: usize,
}

/// What came of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// When the last conversation was over, or the last event if there is none.
    pub end: Duration,
    /// What came of each conversation, in the file's order.
    pub talks: Vec<Talked>,
    /// TCP segments that the conversations sent again.
    pub retransmissions: u64,
    /// Resets sent.
    pub resets: u64,
    /// Frames that did not arrive, by reason; nothing if they were not counted.
    pub drops: BTreeMap<&'static str, u64>,
    /// What was expected and isn't so, a line each.
    pub failures: Vec<String>,
}

impl<'a> Simulation<'a> {
    /// The network from a seed, its services started.
    ///
    /// # Errors
    /// A service that can't be started.
    pub fn new(topology: &'a Topology, seed: u64, files: Files) -> Result<Simulation<'a>, Errno> {
        let mut built = topology.build(seed, files);
        built.services.start(&mut built.lab, Instant::ZERO)?;
        let talks = topology.traffic.iter().map(|traffic| {
            let [from, to] = [traffic.from, traffic.to].map(|host| built.hosts[host]);
            Talk::new(traffic, topology.hosts[traffic.to].interfaces[0].addresses[0].address(), [from, to])
        });
        let talks: Vec<_> = talks.collect();
        let mut simulation =
            Simulation { topology, built, talks, owners: Sockets::new(), now: Instant::ZERO, event: 0 };
        (0..simulation.talks.len()).for_each(|at| simulation.listen(at));
        Ok(simulation)
    }

    /// Runs to the end. `watch` sees each frame as it is sent; without it, nothing is copied, and drops are not counted.
    pub fn run(mut self, mut watch: Option<Watch<'_>>) -> Outcome {
        let counts_drops = self.topology.expectations.drops.is_some();
        self.built.lab.set_capture(counts_drops || watch.is_some());
        let mut drops = BTreeMap::new();
        loop {
            self.settle();
            while let Some(captured) = self.built.lab.poll_captured() {
                if let Some(reason) = captured.dropped {
                    *drops.entry(reason).or_default() += captured.frame.count() as u64;
                }
                if let Some(watch) = &mut watch {
                    watch(&self.built.lab, &captured);
                }
            }
            match self.next() {
                Some(next) => self.now = next,
                None => return self.outcome(drops),
            }
        }
    }

    /// Does all that is due now.
    fn settle(&mut self) {
        self.happen();
        for at in 0..self.talks.len() {
            if self.talks[at].due().is_some_and(|due| due <= self.now) {
                self.talks[at].begin_or_go_on(&mut self.built.lab, self.now, (at, &mut self.owners));
            }
        }
        let Simulation { built, talks, owners, now, .. } = self;
        built.services.settle(&mut built.lab, *now, |lab, host, socket| {
            if let Some(at) = owners.get(&(host, socket)).copied() {
                talks[at].ready(lab, *now, (host, socket), (at, owners));
            }
        });
    }

    /// What the lab does by itself at this time changes conversations, too.
    fn happen(&mut self) {
        while let Some(event) = self.topology.events.get(self.event) {
            if Instant::ZERO + event.at > self.now {
                return;
            }
            self.event += 1;
            // The lab is behind: it has to switch first.
            self.built.lab.advance(self.now);
            for at in 0..self.talks.len() {
                let [from, to] = self.talks[at].hosts();
                match event.what {
                    What::Off(host) if self.built.hosts[host] == from => self.talks[at].lose(self.now),
                    What::Off(host) if self.built.hosts[host] == to => self.talks[at].lose_server(),
                    What::On(host) if self.built.hosts[host] == to => self.listen(at),
                    _ => {}
                }
            }
        }
    }

    fn listen(&mut self, at: usize) {
        self.talks[at].listen(&mut self.built.lab, self.now, (at, &mut self.owners));
    }

    /// When something is to be done next; nothing once all is over.
    fn next(&mut self) -> Option<Instant> {
        let over = self.talks.iter().all(Talk::is_over);
        let event = self.topology.events.get(self.event).map(|event| Instant::ZERO + event.at);
        if over && (!self.talks.is_empty() || event.is_none()) {
            // What is on its way arrives, the last acknowledgements among it.
            return self.built.lab.next_arrival();
        }
        let due = self.talks.iter().filter_map(Talk::due).min();
        let next = [self.built.lab.next_deadline(), due, event].into_iter().flatten().min()?;
        (next <= Instant::ZERO + LONGEST).then_some(next.max(self.now))
    }

    fn outcome(self, drops: BTreeMap<&'static str, u64>) -> Outcome {
        let sum = |name: &str| -> u64 {
            let hosts = self.built.lab.hosts();
            hosts.filter_map(|host| self.built.lab.host(host).counters().by_name(name)).sum()
        };
        let resets = sum("TcpOutRsts");
        let talks: Vec<_> = self.talks.into_iter().map(|talk| talk.outcome(self.now)).collect();
        let ends = self.topology.traffic.iter().zip(&talks).map(|(traffic, talked)| traffic.at + talked.took);
        let mut outcome = Outcome {
            end: ends.max().unwrap_or_else(|| self.now.since(Instant::ZERO)),
            retransmissions: talks.iter().map(|talked| talked.again).sum(),
            talks,
            resets,
            drops,
            failures: Vec::new(),
        };
        outcome.failures = self.topology.failures(&outcome);
        outcome
    }
}

impl Topology {
    /// What is expected and isn't so.
    fn failures(&self, outcome: &Outcome) -> Vec<String> {
        let mut failures = Vec::new();
        for (traffic, talked) in self.traffic.iter().zip(&outcome.talks) {
            if let Some(why) = &talked.failed {
                failures.push(format!("{}: {why}", traffic.name));
            }
            if let Some(within) = traffic.within.filter(|within| talked.took > *within) {
                failures.push(format!("{}: took {:?}, longer than {within:?}", traffic.name, talked.took));
            }
        }
        let expected = &self.expectations;
        let counts = [
            ("segments sent again", expected.retransmissions, outcome.retransmissions),
            ("resets", expected.resets, outcome.resets),
            ("frames dropped", expected.drops, outcome.drops.values().sum()),
        ];
        for (what, most, count) in counts {
            if let Some(most) = most.filter(|most| count > *most) {
                failures.push(format!("{count} {what}, more than {most}"));
            }
        }
        if let Some(within) = expected.within.filter(|within| outcome.end > *within) {
            failures.push(format!("it took {:?}, longer than {within:?}", outcome.end));
        }
        failures
    }
}
