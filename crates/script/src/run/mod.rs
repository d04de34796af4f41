//! Runs a script: event by event, each at its time, against the virtual host.

mod calls;
mod describe;
mod expect;
mod flow;
mod inbound;
mod io;
mod options;
mod outbound;
mod poll;
mod value;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockeye_abi::{Opt, Value};
use sockeye_wire::tcp::Flags;

use crate::code::{self, Problem};
use crate::failure::{Failure, Result};
use crate::setup::{self, Setup};
use crate::syntax::{Action, BodySpec, Call, Event, Nanos, PacketSpec, Script, When};
use calls::{Attempt, Descriptor};
use flow::{Flow, Numbers, PORT, Stage};
pub use world::Captured;
use world::World;

/// The port the remote's first connection comes from.
const FIRST_REMOTE_PORT: u16 = 50_000;
/// How long a script that waits for nothing in particular goes on: a day.
const PATIENCE: Nanos = 86_400_000_000_000;

/// Runs a script on a host of its own; also gives the packets that crossed its link.
pub fn run(script: &Script) -> (Result<()>, Vec<Captured>) {
    let setup = match Setup::new(&script.options) {
        Ok(setup) => setup,
        Err(failure) => return (Err(failure), Vec::new()),
    };
    let mut runner = Runner::new(setup);
    let result = script.events.iter().try_for_each(|event| runner.event(event));
    let result = result.and_then(|()| runner.finish());
    (result, runner.world.captured)
}

/// A call that has not returned yet.
struct Pending {
    line: usize,
    call: Call,
    /// When it started, and when it's to return.
    start: Nanos,
    end: Nanos,
    attempt: Attempt,
}

/// A run of one script.
struct Runner {
    setup: Setup,
    world: World,
    flow: Option<Flow>,
    descriptors: BTreeMap<i64, Descriptor>,
    pending: Option<Pending>,
    variables: BTreeMap<String, i64>,
    /// The time of the event before, and whether it was a packet that came in.
    last: Option<(Nanos, bool)>,
    next_port: u16,
}

/// The time of one event: when it's due, until when, and how far off it may be.
#[derive(Clone, Copy)]
struct Due {
    when: When,
    from: Nanos,
    to: Nanos,
    tolerance: Nanos,
}

impl Runner {
    fn new(setup: Setup) -> Runner {
        Runner {
            world: World::new(&setup),
            setup,
            flow: None,
            descriptors: BTreeMap::new(),
            pending: None,
            variables: BTreeMap::new(),
            last: None,
            next_port: FIRST_REMOTE_PORT,
        }
    }

    fn event(&mut self, event: &Event) -> Result<()> {
        let comes_in = matches!(&event.action, Action::Packet(PacketSpec { inbound: true, .. }));
        let due = self.due(event.when, comes_in);
        match &event.action {
            Action::Packet(spec) if !spec.inbound => self.expect(event.line, spec, due)?,
            action => {
                self.wait_until(event.line, due)?;
                match action {
                    Action::Packet(spec) => self.inject(event.line, spec)?,
                    Action::Command(text) => {
                        setup::command(event.line, text, self.world.host.stack_mut())?;
                    }
                    Action::Code(text) => self.code(event.line, text)?,
                    Action::Call(call) => self.start_call(event.line, call, due)?,
                }
            }
        }
        self.last = Some((due.from, comes_in));
        self.retry()
    }

    /// After the last event a call may still be under way.
    fn finish(&mut self) -> Result<()> {
        self.wait_for_pending()
    }

    /// When an event is due. Relative times count from now; those of two packets in a row that come in count from when
    /// the first was due.
    fn due(&self, when: When, comes_in: bool) -> Due {
        let base = match self.last {
            Some((time, true)) if comes_in => time,
            _ => self.world.now(),
        };
        let (from, to) = match when {
            When::Any => (self.world.now(), self.world.now()),
            When::Absolute(time) => (time, time),
            When::AbsoluteRange(from, to) => (from, to),
            When::Relative(time) => (base + time, base + time),
            When::RelativeRange(from, to) => (base + from, base + to),
        };
        let since_last = self.last.map_or(0, |(time, _)| from - time);
        Due { when, from, to, tolerance: self.tolerance(since_last) }
    }

    /// As packetdrill: what the script grants, or an eighth of the time that passed if that's more.
    fn tolerance(&self, passed: Nanos) -> Nanos {
        self.setup.tolerance.max(passed / 8)
    }

    /// Lets time pass until the event is due; it must not have passed already.
    fn wait_until(&mut self, line: usize, due: Due) -> Result<()> {
        self.advance(due.from)?;
        due.check(self.world.now()).map_err(|what| Failure::different(line, what))
    }

    /// Lets time pass, and a blocked call go on.
    fn advance(&mut self, until: Nanos) -> Result<()> {
        while self.step(until)? {}
        Ok(())
    }

    /// One step of time, not beyond `limit`; `false`: there is none.
    fn step(&mut self, limit: Nanos) -> Result<bool> {
        let deadline = self.pending.as_ref().and_then(|pending| pending.attempt.deadline);
        let stepped = match deadline.filter(|deadline| *deadline < limit) {
            Some(deadline) => {
                self.world.step(deadline);
                true
            }
            None => self.world.step(limit),
        };
        self.retry()?;
        Ok(stepped)
    }

    /// A packet comes in.
    fn inject(&mut self, line: usize, spec: &PacketSpec) -> Result<()> {
        let is_tcp = matches!(spec.body, BodySpec::Tcp(_));
        let starts = match &self.flow {
            None => true,
            Some(flow) => is_tcp && !flow.is_udp && matches!(flow.stage, Stage::Listening | Stage::New),
        };
        if starts {
            let remote = SocketAddr::new(self.setup.remote, self.next_port);
            self.next_port = self.next_port.wrapping_add(1).max(FIRST_REMOTE_PORT);
            self.flow = Some(Flow {
                stage: Stage::Known,
                is_udp: !is_tcp,
                fd: None,
                local: SocketAddr::new(self.setup.local, PORT),
                remote,
                numbers: Numbers::default(),
            });
        }
        let Some(flow) = self.flow.as_mut() else { return Ok(()) };
        let packet = inbound::packet(line, spec, flow, &self.setup)?;
        self.world.inject(packet);
        Ok(())
    }

    fn code(&mut self, line: usize, text: &str) -> Result<()> {
        let id = self
            .flow
            .as_ref()
            .and_then(|flow| flow.fd)
            .and_then(|fd| self.descriptors.get(&fd))
            .and_then(Descriptor::socket);
        let info = id.and_then(|id| self.world.host.option(self.world.clock(), id, Opt::TcpInfo).ok());
        let info = match info {
            Some(Value::Bytes(bytes)) => bytes,
            _ => crate::names::no_tcp_info(),
        };
        code::run(text, &info, &mut self.variables).map_err(|problem| match problem {
            Problem::False(what) => Failure::different(line, what),
            Problem::Unsupported(what) => Failure::unsupported(line, what),
        })
    }

    /// Starts a call. One at a time: the one before must have returned.
    fn start_call(&mut self, line: usize, call: &Call, due: Due) -> Result<()> {
        self.wait_for_pending()?;
        let start = self.world.now();
        let base = match due.when {
            When::Relative(time) => due.from - time,
            _ => 0,
        };
        let end = call.end.map_or(start, |end| base + end);
        self.pending = Some(Pending { line, call: call.clone(), start, end, attempt: Attempt::default() });
        self.retry()?;
        // Only a call with two times may block while the script goes on.
        if call.end.is_none() { self.wait_for_pending() } else { Ok(()) }
    }

    fn wait_for_pending(&mut self) -> Result<()> {
        let limit = self.world.now() + PATIENCE;
        while let Some(pending) = &self.pending {
            let (line, name, wakes) = (pending.line, pending.call.name.clone(), pending.attempt.deadline);
            if (wakes.is_none() && self.world.is_idle()) || self.world.now() >= limit {
                return Err(Failure::different(line, format!("{name} does not return")));
            }
            self.step(limit)?;
        }
        Ok(())
    }

    /// Tries a call that blocks once more.
    fn retry(&mut self) -> Result<()> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let returned = self.attempt(pending.line, &pending.call, &mut pending.attempt)?;
        self.world.collect();
        let Some(returned) = returned else {
            self.pending = Some(pending);
            return Ok(());
        };
        let now = self.world.now();
        let tolerance = self.tolerance(pending.end - pending.start);
        if (now - pending.end).abs() > tolerance {
            return Err(Failure::different(
                pending.line,
                format!(
                    "{} returned at {} s, expected at {} s",
                    pending.call.name,
                    describe::seconds(now),
                    describe::seconds(pending.end)
                ),
            ));
        }
        self.check_result(pending.line, &pending.call, returned)
    }
}

impl Due {
    /// Whether something that happened at `time` was on time.
    fn check(&self, time: Nanos) -> std::result::Result<(), String> {
        if matches!(self.when, When::Any)
            || (self.from - self.tolerance..=self.to + self.tolerance).contains(&time)
        {
            return Ok(());
        }
        let expected = if self.from == self.to {
            format!("at {} s", describe::seconds(self.from))
        } else {
            format!("between {} s and {} s", describe::seconds(self.from), describe::seconds(self.to))
        };
        Err(format!(
            "expected {expected}, but it happened at {} s (tolerance {} s)",
            describe::seconds(time),
            describe::seconds(self.tolerance)
        ))
    }
}

/// Whether it is the remote's or the host's first packet of a connection.
fn is_plain_syn(flags: Flags) -> bool {
    flags.contains(Flags::SYN) && !flags.contains(Flags::ACK)
}
