//! A network in virtual time: its traffic runs from the seed alone, so the same seed gives the same run to the last bit.
//!
//! Flow: a [`Simulation`] is stepped from deadline to deadline; each socket that changed is told to the conversation it
//! belongs to; what came of all is the [`Outcome`].

mod actor;
mod agenda;
mod script;
mod seen;
mod talk;

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant};
use sockeye_lab::{Captured, HostId, Lab};
use sockeye_socket::SocketId;

use crate::model::{What, Work};
use crate::{Built, Files, Topology};
use agenda::Agenda;
use script::Script;
pub(crate) use seen::number_bytes;
use talk::Talk;
pub use talk::{Said, Talked};

/// Virtual time ends here if nothing is said.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Who sees each frame as it is sent.
pub type Watch<'a> = &'a mut dyn FnMut(&Lab, &Captured);

/// Which conversation a socket is of.
type Sockets = BTreeMap<(HostId, SocketId), usize>;

/// Which conversation is meant, and whose sockets are whose.
struct Own<'a> {
    number: usize,
    sockets: &'a mut Sockets,
}

/// What two hosts have with each other, moved on by what happens to its sockets, and by time.
trait Conversation {
    /// Whether nothing of it is still to come.
    fn is_over(&self) -> bool;
    /// When it has something to do by itself.
    fn due(&self) -> Option<Instant>;
    /// Before anything has begun.
    fn prepare(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>);
    /// It is due.
    fn go_on(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>);
    /// A socket of it has changed.
    fn ready(&mut self, lab: &mut Lab, now: Instant, socket: (HostId, SocketId), own: &mut Own<'_>);
    /// A host was switched on, or off.
    fn switched(&mut self, lab: &mut Lab, now: Instant, host: (HostId, bool), own: &mut Own<'_>);
    /// The run is over: what came of it.
    fn outcome(self: Box<Self>, lab: &Lab, now: Instant) -> Talked;
}

/// A network at work in virtual time.
pub struct Simulation<'a> {
    topology: &'a Topology,
    built: Built,
    talks: Vec<Box<dyn Conversation>>,
    /// Which of them have something to do, and when.
    agenda: Agenda,
    /// For each host those that it takes part in, and whether it is on.
    of_host: Vec<(Vec<usize>, bool)>,
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
    /// Frames that did not arrive, by reason.
    pub drops: BTreeMap<&'static str, u64>,
    /// What was expected and isn't so, a line each; nothing if the run was stopped.
    pub failures: Vec<String>,
    /// It was stopped before its end.
    pub interrupted: bool,
}

impl<'a> Simulation<'a> {
    /// The network from a seed, its services started.
    ///
    /// # Errors
    /// A service that can't be started.
    pub fn new(topology: &'a Topology, seed: u64, files: Files) -> Result<Simulation<'a>, Errno> {
        let mut built = topology.build(seed, files);
        built.services.start(&mut built.lab, Instant::ZERO)?;
        let talks = topology.traffic.iter().map(|traffic| -> Box<dyn Conversation> {
            let hosts = [traffic.from, traffic.to].map(|host| built.hosts[host]);
            // It was read with one.
            let address =
                topology.destination(traffic.from, traffic.to).unwrap_or(Ipv6Addr::LOCALHOST.into());
            match traffic.work {
                Work::Calls(calls) => Box::new(Script::new(traffic, &topology.calls[calls], address, hosts)),
                _ => Box::new(Talk::new(traffic, address, hosts)),
            }
        });
        let talks: Vec<_> = talks.collect();
        let mut of_host = vec![(Vec::new(), true); topology.hosts.len()];
        for (number, traffic) in topology.traffic.iter().enumerate() {
            of_host[traffic.from].0.push(number);
            if traffic.to != traffic.from {
                of_host[traffic.to].0.push(number);
            }
        }
        let mut simulation = Simulation {
            topology,
            built,
            agenda: Agenda::new(talks.len()),
            talks,
            of_host,
            owners: Sockets::new(),
            now: Instant::ZERO,
            event: 0,
        };
        (0..simulation.talks.len())
            .for_each(|at| simulation.tell(at, |talk, lab, now, own| talk.prepare(lab, now, own)));
        Ok(simulation)
    }

    /// Runs to the end. `watch` sees each frame as it is sent; without it, nothing is copied.
    pub fn run(self, watch: Option<Watch<'_>>) -> Outcome {
        self.run_while(watch, &mut |_| true)
    }

    /// The same as long as `goes_on` says so, which is asked before each moment.
    pub fn run_while(
        mut self,
        mut watch: Option<Watch<'_>>,
        goes_on: &mut dyn FnMut(Instant) -> bool,
    ) -> Outcome {
        self.built.lab.set_capture(watch.is_some());
        loop {
            self.settle();
            while let Some(captured) = self.built.lab.poll_captured() {
                if let Some(watch) = &mut watch {
                    watch(&self.built.lab, &captured);
                }
            }
            match self.next() {
                Some(next) if goes_on(next) => self.now = next,
                Some(_) => return Outcome { failures: Vec::new(), interrupted: true, ..self.outcome() },
                None => return self.outcome(),
            }
        }
    }

    /// Does all that is due now.
    fn settle(&mut self) {
        self.happen();
        for at in self.agenda.due(self.now) {
            self.tell(at, |talk, lab, now, own| talk.go_on(lab, now, own));
        }
        let Simulation { built, talks, agenda, owners, now, .. } = self;
        built.services.settle(&mut built.lab, *now, |lab, host, socket| {
            if let Some(number) = owners.get(&(host, socket)).copied() {
                talks[number].ready(lab, *now, (host, socket), &mut Own { number, sockets: owners });
                agenda.note(number, talks[number].as_ref());
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
            let (host, on) = match event.what {
                What::Off(host) => (host, false),
                What::On(host) => (host, true),
                _ => continue,
            };
            let (talks, was_on) = &mut self.of_host[host];
            // Switched on, what is on stays as it is.
            if std::mem::replace(was_on, on) == on {
                continue;
            }
            let (talks, switched) = (talks.clone(), (self.built.hosts[host], on));
            for at in talks {
                self.tell(at, |talk, lab, now, own| talk.switched(lab, now, switched, own));
            }
        }
    }

    /// Tells a conversation something.
    fn tell(
        &mut self,
        number: usize,
        what: impl FnOnce(&mut dyn Conversation, &mut Lab, Instant, &mut Own<'_>),
    ) {
        let own = &mut Own { number, sockets: &mut self.owners };
        what(self.talks[number].as_mut(), &mut self.built.lab, self.now, own);
        self.agenda.note(number, self.talks[number].as_ref());
    }

    /// When something is to be done next; nothing once all is over.
    fn next(&mut self) -> Option<Instant> {
        let longest = Instant::ZERO + self.topology.end();
        let event = self.topology.events.get(self.event).map(|event| Instant::ZERO + event.at);
        if self.agenda.is_over() && (!self.talks.is_empty() || event.is_none()) {
            // What is on its way arrives, the last acknowledgements among it.
            return self.built.lab.next_arrival().filter(|at| *at <= longest);
        }
        let next = [self.built.lab.next_deadline(), self.agenda.next(), event].into_iter().flatten().min()?;
        if next > longest {
            self.now = self.topology.until.map_or(self.now, |until| self.now.max(Instant::ZERO + until));
            return None;
        }
        Some(next.max(self.now))
    }

    fn outcome(self) -> Outcome {
        let sum = |name: &str| -> u64 {
            let hosts = self.built.lab.hosts();
            hosts.filter_map(|host| self.built.lab.host(host).counters().by_name(name)).sum()
        };
        let resets = sum("TcpOutRsts");
        let lab = &self.built.lab;
        let talks: Vec<_> = self.talks.into_iter().map(|talk| talk.outcome(lab, self.now)).collect();
        let ends = self.topology.traffic.iter().zip(&talks).map(|(traffic, talked)| traffic.at + talked.took);
        let mut outcome = Outcome {
            end: ends.max().unwrap_or_else(|| self.now.since(Instant::ZERO)),
            retransmissions: talks.iter().map(|talked| talked.again).sum(),
            talks,
            resets,
            drops: lab.dropped(),
            failures: Vec::new(),
            interrupted: false,
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
        let drops = outcome.drops.values().sum();
        failures.extend(expected.exceeded([outcome.retransmissions, outcome.resets, drops]));
        if let Some(within) = expected.within.filter(|within| outcome.end > *within) {
            failures.push(format!("it took {:?}, longer than {within:?}", outcome.end));
        }
        failures
    }
}
