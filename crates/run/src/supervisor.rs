//! The loop: carriers, trapped calls, signals and the network's own deadlines, in one thread.

mod backlog;
mod held;
mod patience;
mod relay;
mod sweep;
mod watch;
mod ways;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use slotmap::KeyData;
use sockeye_abi::Errno;
use sockeye_base::{Duration, Instant, Intake};

use crate::calls::{Answer, HostNames, Mark, Taken};
use crate::carriers::{Carrier, CarrierId, Carriers, Link, State};
use crate::corks::Corks;
use crate::ending::Ending;
use crate::files::{Files, Preloaded, Way};
use crate::network::Network;
use crate::seccomp::{Call, Listener};
use crate::signals::{Request, Signals};
use crate::unmet::Ledger;
use held::{Held, Limit, give_up};
use patience::Patience;

/// What an event is about, if not about a carrier: no [`CarrierId`] is so small.
mod token {
    pub(super) const LISTENER: u64 = 0;
    pub(super) const SIGNALS: u64 = 1;
    pub(super) const CABLE: u64 = 2;
    pub(super) const DESK: u64 = 3;
    pub(super) const GATEWAY: u64 = 4;
    pub(super) const FILES: u64 = 5;
    pub(super) const BELL: u64 = 6;
}

/// Trapped calls answered before carriers, signals and timers are looked at again.
const CALLS_AT_A_TIME: usize = 32;
/// Events taken at a time.
const EVENTS_AT_A_TIME: usize = 64;
/// Rounds between the network and the carriers before calls, signals and timers are looked at again.
const ROUNDS_AT_A_TIME: usize = 64;
/// How long what was postponed waits.
const LATER: Duration = Duration::from_millis(20);
/// So long after a call it is asked which carriers are gone, once for all calls meanwhile.
const TIDY_AFTER: Duration = Duration::from_secs(1);
/// Held calls that are too few to look for dead ones among them.
const HELD_MIN: usize = 64;

/// The supervisor of one program and its descendants.
pub(crate) struct Supervisor {
    pub(crate) listener: Listener,
    signals: Signals,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    patience: Patience,
    ready: Ready,
    pub(crate) network: Network,
    pub(crate) carriers: Carriers,
    /// What programs hold back without a call.
    pub(crate) corks: Corks,
    /// The host's files, where its programs see them.
    files: Option<Files>,
    /// The same where the object asks for them.
    pub(crate) preloaded: Option<Preloaded>,
    /// What the host was named by its programs.
    pub(crate) names: HostNames,
    held: Vec<Held>,
    /// How many may be held before those whose callers are gone are let go.
    held_max: usize,
    /// The network was not quiet when it was left.
    unsettled: bool,
    tidy_at: Option<Instant>,
    /// Where bytes pass through on their way from a carrier to the stack.
    pub(crate) buffer: Intake,
    /// The datagram that the last call took, until it is known that its caller has it.
    pub(crate) taken: Option<Taken>,
    /// The call that is served, by its id, and the carrier that is its first argument.
    pub(crate) about: Option<(u64, CarrierId)>,
    /// Reads and writes are trapped, too: the gate.
    pub(crate) exact: bool,
    /// Some socket has been told to linger when it is closed: `close` is looked at.
    pub(crate) lingers: bool,
    /// Carriers to be looked at again soon: we have no descriptors for them, or their P is on its way in a message.
    postponed: Vec<CarrierId>,
    /// Until when the last words of an ended program may take.
    farewell: Option<Instant>,
    /// What could not be done for the program.
    pub(crate) ledger: Ledger,
}

/// What the last look at the events told of all that is no carrier.
#[derive(Default)]
struct Ready {
    /// A call waits to be taken: taking it won't block.
    call: bool,
    /// Nobody is left under the filter.
    nobody: bool,
    signal: bool,
    cable: bool,
    desk: bool,
    gateway: bool,
    file: bool,
}

impl Supervisor {
    pub(crate) fn new(
        listener: Listener,
        signals: Signals,
        (network, files): (Network, Option<Way>),
        (exact, ledger): (bool, Ledger),
    ) -> io::Result<Supervisor> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, listener.as_fd(), EventData::new_u64(token::LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, signals.as_fd(), EventData::new_u64(token::SIGNALS), EventFlags::IN)?;
        if let Some(cable) = network.cable() {
            epoll::add(&epoll, cable, EventData::new_u64(token::CABLE), EventFlags::IN)?;
        }
        if let Some(bell) = network.cable_bell() {
            epoll::add(&epoll, bell, EventData::new_u64(token::BELL), EventFlags::IN | EventFlags::ET)?;
        }
        if let Some(desk) = network.desk() {
            epoll::add(&epoll, desk, EventData::new_u64(token::DESK), EventFlags::IN)?;
        }
        if let Some(gateway) = network.gateway() {
            epoll::add(&epoll, gateway, EventData::new_u64(token::GATEWAY), EventFlags::IN)?;
        }
        let (files, preloaded) = match files {
            Some(Way::Mounted(device)) => (Some(Files::new(device)), None),
            Some(Way::Preloaded(folder)) => (None, Some(Preloaded::new(folder))),
            None => (None, None),
        };
        if let Some(files) = &files {
            epoll::add(&epoll, files.as_fd(), EventData::new_u64(token::FILES), EventFlags::IN)?;
        }
        let carriers = Carriers::new();
        Ok(Supervisor {
            listener,
            signals,
            epoll,
            events: Vec::with_capacity(EVENTS_AT_A_TIME),
            patience: Patience::new(),
            ready: Ready::default(),
            network,
            carriers,
            corks: Corks::default(),
            files,
            preloaded,
            names: HostNames::default(),
            held: Vec::new(),
            held_max: HELD_MIN,
            unsettled: false,
            tidy_at: None,
            buffer: Intake::new(),
            taken: None,
            about: None,
            exact,
            lingers: false,
            postponed: Vec::new(),
            farewell: None,
            ledger,
        })
    }

    /// Serves until the program has ended and nothing of it is left; gives the exit status.
    pub(crate) fn serve(&mut self, ending: &mut Ending) -> io::Result<i32> {
        loop {
            if let Some(status) = ending.finished()
                && self.has_said_all()
            {
                return Ok(status);
            }
            let timeout = self.timeout(ending);
            match self.take_events(timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.look_at_corks();
            self.ready.cable |= self.network.cable_wakes();
            self.settle();
            self.expire();
            for id in std::mem::take(&mut self.postponed) {
                if let Some(&mut Carrier { socket, .. }) = self.carriers.get(id) {
                    self.show(socket);
                    self.settle();
                }
            }
            if self.ready.signal {
                self.take_signals(ending);
            }
            if self.ready.cable {
                self.attend_cable()?;
            }
            if std::mem::take(&mut self.ready.desk) {
                self.attend_desk();
            }
            if std::mem::take(&mut self.ready.gateway) {
                self.attend_gateway();
            }
            if self.ready.file {
                self.attend_files()?;
            }
            if self.ready.call {
                self.take_calls()?;
            } else if self.ready.nobody {
                // The family's end is told by SIGCHLD.
                epoll::delete(&self.epoll, self.listener.as_fd())?;
                self.ready.nobody = false;
            }
            while let Some(note) = self.network.poll_note() {
                self.ledger.say(note);
            }
            if self.ledger.has_ended() {
                ending.end(crate::EXIT_STRICT);
            }
            ending.advance();
        }
    }

    /// Somebody looks, or has more to read.
    fn attend_desk(&mut self) {
        if self.network.attend_desk() {
            // What was closed unseen is not to be told of.
            self.sweep_all();
            self.network.answer_desk(&self.carriers);
        }
        self.settle();
    }

    fn timeout(&mut self, ending: &Ending) -> Option<Timespec> {
        if self.unsettled || self.corks.any_waits() || !self.network.cable_may_sleep() {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        let now = self.network.now();
        let held = self
            .held
            .iter()
            .filter_map(|held| Some(held.limit?.deadline))
            .min()
            .map(|deadline| deadline.since(now));
        let tidy = self.tidy_at.map(|at| at.since(now));
        let postponed = (!self.postponed.is_empty()).then_some(LATER);
        let farewell = self.farewell.map(|until| until.since(now));
        let spans = [self.network.idle_for(), held, ending.idle_for(), tidy, postponed, farewell];
        let soonest: Option<Duration> = spans.into_iter().flatten().min();
        soonest.map(|span| Timespec { tv_sec: span.as_secs() as i64, tv_nsec: span.subsec_nanos().into() })
    }

    fn take_signals(&mut self, ending: &mut Ending) {
        self.ready.signal = false;
        while let Some(request) = self.signals.next() {
            match request {
                Request::Child => ending.reap(),
                Request::PassOn(signal) => {
                    // Who waits for what is left to be said may end that.
                    self.farewell = self.farewell.map(|_| self.network.now());
                    ending.pass_on(signal);
                }
            }
        }
    }

    fn take_calls(&mut self) -> io::Result<()> {
        for _ in 0..CALLS_AT_A_TIME {
            if !std::mem::take(&mut self.ready.call) {
                break;
            }
            let received = self.listener.receive()?;
            // What the program wrote before this call comes before it. (And it is seen whether another call waits.)
            if !received.is_some_and(|call| is_timeless(&call)) {
                self.drain();
            }
            let Some(call) = received else { continue };
            self.tidy_at.get_or_insert(self.network.now() + TIDY_AFTER);
            if call.number == libc::SYS_close && !self.lingers {
                self.listener.pass(call.id);
                continue;
            }
            if self.is_interrupted(&call) {
                give_up(&self.listener, &call, Errno::EINTR);
                continue;
            }
            if self.held.len() > self.held_max {
                // Threads that ended while their calls were held make no other.
                self.held.retain(|held| self.listener.still_waits(held.call.id));
                self.held_max = HELD_MIN.max(2 * self.held.len());
            }
            if self.carriers.are_many() {
                self.sweep_all();
            }
            self.serve_call(call, None);
            self.settle();
        }
        Ok(())
    }

    /// Answers a call, or holds it. A held one keeps the limit it was given first.
    fn serve_call(&mut self, call: Call, before: Option<Limit>) {
        let id = call.id;
        let outcome = self.dispatch(&call);
        if let Err(errno) = outcome {
            self.note_failure(&call, errno);
        }
        if self.ledger.has_ended() {
            // Nothing is answered any more.
            return;
        }
        match outcome {
            Ok(Answer::Value(value)) => self.tell(&call, Ok(value)),
            Ok(Answer::Pass) => {
                self.carriers.threads.put_down();
                self.listener.pass(id);
            }
            Ok(Answer::Done) => {}
            Ok(Answer::Wait { carrier, limit }) => {
                let now = self.network.now();
                let first =
                    |span| Limit { deadline: now + span, mark: Mark::of(&call, &self.carriers.threads) };
                self.held.push(Held { call, carrier, limit: before.or_else(|| limit.map(first)) });
            }
            Err(errno) => self.tell(&call, Err(errno)),
        }
        self.carriers.threads.put_down();
    }

    /// Takes in all that the program did natively, and lets the network go on.
    fn drain(&mut self) {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Once around: more would be an end without end, if many programs write faster than we read.
        for _ in 0..=self.carriers.len() / EVENTS_AT_A_TIME {
            if !matches!(self.take_events(Some(&at_once)), Ok(EVENTS_AT_A_TIME)) {
                break;
            }
        }
        self.settle();
    }

    /// Waits for events: takes in those of carriers, and notes the others. Says how many there were.
    fn take_events(&mut self, timeout: Option<&Timespec>) -> rustix::io::Result<usize> {
        let mut events = std::mem::take(&mut self.events);
        let waited = self.patience.wait(&self.epoll, &mut events, timeout);
        self.note_accepts();
        for event in events.drain(..) {
            let flags = event.flags;
            match event.data.u64() {
                token::LISTENER => {
                    self.ready.call = flags.contains(EventFlags::IN);
                    self.ready.nobody = !self.ready.call;
                }
                token::SIGNALS => self.ready.signal = true,
                token::CABLE => {
                    self.network.note_cable();
                    self.ready.cable = true;
                }
                token::BELL => self.ready.cable = true,
                token::DESK => self.ready.desk = true,
                token::GATEWAY => self.ready.gateway = true,
                token::FILES => self.ready.file = true,
                carrier => self.take_event(CarrierId::from(KeyData::from_ffi(carrier)), flags),
            }
        }
        self.events = events;
        waited
    }

    fn take_event(&mut self, id: CarrierId, mut flags: EventFlags) {
        if flags.contains(EventFlags::HUP) && self.is_only_shut(id) {
            flags -= EventFlags::HUP;
        }
        if let Some(carrier) = self.carriers.get(id) {
            match &mut carrier.state {
                State::Connected(link) | State::Connecting(Some(link)) => link.note(flags),
                State::Datagram(mailbox) => mailbox.note(flags),
                State::Netlink(answers) => {
                    answers.note(flags);
                    // Who waits for an answer is to have it.
                    let socket = carrier.socket;
                    return self.show(socket);
                }
                State::Fresh | State::Connecting(None) | State::Broken(_) | State::Listening(_) => {}
            }
        }
        self.pump(id);
    }

    /// Whether S hangs up only because P is shut both ways.
    fn is_only_shut(&mut self, id: CarrierId) -> bool {
        let shut = self.carriers.get(id).and_then(|carrier| carrier.link()).is_some_and(Link::asked_shut);
        shut && self.carriers.is_alive(id)
    }

    /// Lets the network do what is due, and shows the program what came of it, until both are quiet; or not, if
    /// programs write and read all the time: then calls and signals get their turn before it goes on.
    pub(crate) fn settle(&mut self) {
        for _ in 0..ROUNDS_AT_A_TIME {
            let changed = self.network.settle();
            self.unsettled = !changed.is_empty();
            if !self.unsettled {
                return;
            }
            for socket in changed {
                self.show(socket);
            }
        }
    }
}

/// Whether what the program wrote before a call is nothing to it. (What the object asks for by `socket` may tell of it.)
fn is_timeless(call: &Call) -> bool {
    match call.number {
        libc::SYS_socket => call.int(0) != sockeye_preload::ASK,
        number => [libc::SYS_accept, libc::SYS_accept4].contains(&number),
    }
}
