//! The network itself: hosts, links, the frames between them, and time moved on by whoever owns it.

mod beside;
mod build;
mod carry;
mod flood;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sockeye_base::{Duration, Instant, Rng};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::{Cidr, InterfaceId, Round, Settings};
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use crate::agenda::{Agenda, Deadlines};
use crate::capture::{Captured, Capturing};
use crate::interface;
use crate::link::{ETH0, Lane, Link};
use crate::switch::Switch;
use crate::{Change, End};
use flood::Fan;

/// A host of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub usize);

/// A link of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub usize);

/// A switch of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SwitchId(pub usize);

/// A way out of a lab, and in: the far end of a link whose near end is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutsideId(pub usize);

/// A host to be made. It has `lo` and one Ethernet interface, `eth0`; more by [`Lab::add_interface`].
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its name, which is also its name in the network's DNS.
    pub name: String,
    /// The addresses of `eth0`, each with its network.
    pub addresses: Vec<Cidr>,
    /// The longest IP packet of `eth0`, in bytes.
    pub mtu: usize,
    /// The hardware address of `eth0`; if it isn't said, one made of the host's number.
    pub mac: Option<Mac>,
    /// Its settings.
    pub settings: Settings,
}

impl HostSpec {
    /// A host with these addresses and defaults for the rest: MTU 1500, Linux's settings.
    pub fn new(name: &str, addresses: Vec<Cidr>) -> HostSpec {
        let settings = Settings::default();
        HostSpec { name: name.to_owned(), addresses, mtu: 1500, mac: None, settings }
    }
}

/// Hosts and the links between them: plain data with one owner, who tells it the time.
///
/// Work comes in through [`Lab::host_mut`]; after it, [`Lab::advance`] carries the frames it made. The same seed, calls
/// and times give the same run to the last bit.
pub struct Lab {
    nodes: Vec<Node>,
    /// The hosts by name, in small letters.
    names: BTreeMap<Arc<str>, HostId>,
    links: Vec<Link>,
    switches: Vec<Switch>,
    /// The links out, away from outside, and who is there.
    outsides: Vec<Outside>,
    /// Frames that have come to their far ends.
    leaving: VecDeque<(OutsideId, Box<Frame>)>,
    rng: Rng,
    /// Those of the host that was added last.
    settings: Option<Arc<Settings>>,
    /// What the hosts' wall clocks began with, if it was set.
    epoch: Option<Duration>,
    /// Frames on their way. What arrives the moment it is sent, with nothing of its direction under way, never stands here.
    on_the_way: Agenda<Underway>,
    /// Frames that no link has dropped, by reason.
    dropped: BTreeMap<&'static str, u64>,
    /// Hosts that may have frames to send or another deadline, in the order they were touched.
    touched: VecDeque<HostId>,
    /// Hosts that may have sockets whose readiness changed.
    changed: VecDeque<HostId>,
    /// When hosts are to be woken: their deadlines, or earlier.
    deadlines: Deadlines,
    /// Hosts that worked since their deadline was looked at.
    unscheduled: Vec<HostId>,
    /// Nothing is due before this, unless a host is touched.
    quiet_until: Instant,
    /// How many more hosts [`Lab::advance`] sees to, and which was the last.
    allowance: usize,
    /// Of so many deliveries to come it has been seen to that what they need is in the cache.
    looked_ahead: usize,
    latest: Option<HostId>,
    timetable: Agenda<Change>,
    capturing: Capturing,
    captured: VecDeque<Captured>,
    /// Hosts switched on that nobody has been told of.
    booted: VecDeque<HostId>,
}

/// What is looked at with every frame stands before what the host has first.
#[repr(C, align(64))]
struct Node {
    /// The link of `eth0`, away from the host.
    eth0: Option<Lane>,
    /// As it stands in `deadlines`.
    deadline: Option<Instant>,
    /// It stands still, and this is what has come meanwhile.
    paused: Option<Box<Waiting>>,
    /// It is switched off.
    off: bool,
    touched: bool,
    changed: bool,
    /// It is in `unscheduled`.
    unscheduled: bool,
    /// The links of `eth1` and so on.
    others: Vec<Option<Lane>>,
    host: Host,
}

impl Node {
    /// The link of an interface, away from the host.
    fn lane(&self, interface: InterfaceId) -> Option<Lane> {
        match interface.0.checked_sub(ETH0.0)? {
            0 => self.eth0,
            number => self.others.get(number - 1).copied().flatten(),
        }
    }

    /// The same, to change; `lo` has none.
    fn lane_mut(&mut self, interface: InterfaceId) -> Option<&mut Option<Lane>> {
        match interface.0.checked_sub(ETH0.0)? {
            0 => Some(&mut self.eth0),
            number => Some(&mut self.others[number - 1]),
        }
    }

    /// Reads what a frame will need that comes in by an interface ([`Host::look_ahead`]), and gives something made of it.
    fn look_ahead(&self, interface: InterfaceId, round: Round, frame: &Frame) -> u64 {
        let beside = match round {
            Round::Itself => u64::from(self.touched),
            Round::Tables => frame.look_farther_ahead(),
            Round::Entries | Round::Beyond => 0,
        };
        beside ^ self.host.look_ahead(interface, round)
    }
}

/// What has come to a host that stands still, and where.
type Waiting = VecDeque<(InterfaceId, Box<Frame>)>;

struct Outside {
    lane: Option<Lane>,
    name: String,
}

struct Delivery {
    lane: Lane,
    frame: Box<Frame>,
}

/// What is on its way: frames of their own, and those that a switch sends to all and that arrive together.
enum Underway {
    One(Delivery),
    Fan(Box<Fan>),
}

/// So many hosts are in the processor's cache, whatever they do.
const CROWD: usize = 64;
/// So many deliveries ahead is looked where there are more.
const AHEAD: usize = 16;

/// When nothing will be due.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Lab {
    /// A network without hosts. All chance in it comes from this seed.
    pub fn new(seed: u64) -> Lab {
        Lab {
            nodes: Vec::new(),
            names: BTreeMap::new(),
            links: Vec::new(),
            switches: Vec::new(),
            outsides: Vec::new(),
            leaving: VecDeque::new(),
            rng: Rng::from_seed(seed),
            settings: None,
            epoch: None,
            on_the_way: Agenda::default(),
            dropped: BTreeMap::new(),
            touched: VecDeque::new(),
            changed: VecDeque::new(),
            deadlines: Deadlines::default(),
            unscheduled: Vec::new(),
            quiet_until: Instant::ZERO,
            allowance: usize::MAX,
            looked_ahead: 0,
            latest: None,
            timetable: Agenda::default(),
            capturing: Capturing::Nothing,
            captured: VecDeque::new(),
            booted: VecDeque::new(),
        }
    }

    /// The network's generator; fork it for a part with draws of its own.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// A host.
    pub fn host(&self, id: HostId) -> &Host {
        &self.nodes[id.0].host
    }

    /// A host, to be worked on. Call [`Lab::advance`] afterwards.
    pub fn host_mut(&mut self, id: HostId) -> &mut Host {
        self.touch(id);
        &mut self.nodes[id.0].host
    }

    /// The same for work that often comes to nothing: the host is looked at afterwards only if it made something of it.
    pub fn work_on<R>(&mut self, id: HostId, work: impl FnOnce(&mut Host) -> R) -> R {
        let node = &mut self.nodes[id.0];
        let result = work(&mut node.host);
        let earlier = match (node.host.earliest_deadline(), node.deadline) {
            (Some(deadline), Some(known)) => deadline < known,
            (deadline, None) => deadline.is_some(),
            (None, Some(_)) => false,
        };
        if earlier || node.host.has_news() {
            self.touch(id);
        }
        result
    }

    /// The host of this name, in whatever case; the first if there are several.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.names.get(name.to_ascii_lowercase().as_str()).copied()
    }

    /// All hosts, in the order they were added.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.nodes.len()).map(HostId)
    }

    /// The addresses of a host's Ethernet interfaces, each with its network; not those that mean something on a link only.
    pub fn addresses(&self, id: HostId) -> Vec<Cidr> {
        let interfaces = self.nodes[id.0].host.stack().interfaces().skip(ETH0.0);
        let addresses = interfaces.flat_map(|(_, interface)| &interface.addresses);
        addresses.copied().filter(interface::is_known_beyond).collect()
    }

    /// The number of every host's `eth0`.
    pub fn eth0(&self) -> InterfaceId {
        ETH0
    }

    /// From here on [`Lab::advance`] delivers frames and runs timers of so many hosts, one after the other, and no more until
    /// it is allowed anew. So who owns the lab can go on with some hosts, while they are in the processor's cache, before
    /// others that have something to do at the same moment. What is due stays due: [`Lab::next_deadline`] says so.
    pub fn allow(&mut self, hosts: usize) {
        self.allowance = hosts;
        self.latest = None;
    }

    /// Whether no more is allowed.
    pub fn has_stopped(&self) -> bool {
        self.allowance == 0
    }

    /// Notes that a host has something to do now.
    fn spend_on(&mut self, host: HostId) {
        if self.latest != Some(host) {
            self.latest = Some(host);
            self.allowance = self.allowance.saturating_sub(1);
        }
    }

    /// Carries frames, delivers those that are due and runs timers, until nothing more is due at `now`, or no more is allowed
    /// ([`Lab::allow`]). Everything happens at `now`: in virtual time step from deadline to deadline ([`Lab::run_until`]).
    pub fn advance(&mut self, now: Instant) {
        if !self.touched.is_empty() || now >= self.quiet_until {
            self.carry(now);
            let next = self.deadlines.first().map(|(at, _)| at);
            self.quiet_until = [next, self.between_hosts()].into_iter().flatten().min().unwrap_or(NEVER);
        }
    }

    fn carry(&mut self, now: Instant) {
        while let Some(change) = self.timetable.take_due(now) {
            match change {
                Change::Cut(link) => self.cut(link, true),
                Change::Mend(link) => self.cut(link, false),
                Change::Off(host) => self.power(host, false),
                Change::On(host) => self.power(host, true),
                Change::Pause(host) => self.pause(now, host, true),
                Change::Resume(host) => self.pause(now, host, false),
                Change::Direction(link, from, direction) => {
                    self.links[link.0].set_direction(from, *direction)
                }
                Change::Addresses(host, interface, addresses) => {
                    self.set_addresses(host, interface, addresses);
                }
            }
        }
        loop {
            while let Some(id) = self.touched.pop_front() {
                self.nodes[id.0].touched = false;
                self.collect(now, id);
            }
            if self.allowance > 0 && self.looked_ahead == 0 && self.is_crowd() {
                self.look_ahead();
            }
            if self.allowance > 0
                && let Some(delivery) = self.next_delivery(now)
            {
                self.looked_ahead = self.looked_ahead.saturating_sub(1);
                self.deliver(now, delivery);
                continue;
            }
            while let Some(id) = self.unscheduled.pop() {
                self.schedule(id);
            }
            match self.deadlines.first() {
                Some((at, id)) if at <= now && self.allowance > 0 => {
                    self.spend_on(id);
                    self.touch(id);
                    self.nodes[id.0].host.advance(now);
                }
                Some(_) | None => break,
            }
        }
    }

    /// When something will be due that is not yet: a frame's arrival, a host's timer, or a change.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        let touched = self.touched.iter().filter_map(|id| self.nodes[id.0].host.next_deadline()).min();
        let others = [touched, self.between_hosts()].into_iter().flatten().min();
        while let Some((at, id)) = self.deadlines.first() {
            // Most timers are put off before they come up: those that something else precedes needn't be looked at.
            if others.is_some_and(|other| other <= at) {
                break;
            }
            if self.nodes[id.0].host.next_deadline() == Some(at) {
                return Some(at);
            }
            self.schedule(id);
        }
        others
    }

    /// When the next of the frames arrives that are on their way.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.on_the_way.next()
    }

    /// The same as [`Lab::next_deadline`] or earlier, and cheaper: it doesn't ask each host what was put off meanwhile.
    pub fn earliest_deadline(&self) -> Option<Instant> {
        if self.touched.is_empty() && self.quiet_until != Instant::ZERO {
            return Some(self.quiet_until).filter(|until| *until != NEVER);
        }
        let touched = self.touched.iter().filter_map(|id| self.nodes[id.0].host.earliest_deadline()).min();
        let timer = self.deadlines.first().map(|(at, _)| at);
        [timer, touched, self.between_hosts()].into_iter().flatten().min()
    }

    /// When the next packet arrives, or a link changes.
    fn between_hosts(&self) -> Option<Instant> {
        [self.next_arrival(), self.timetable.next()].into_iter().flatten().min()
    }

    /// Virtual time: steps through all deadlines up to `until`, each at its moment, and ends there.
    ///
    /// `work` is called after each step with the time; it may work on hosts (which is then carried) and ends the run by
    /// returning `true`. Returns the time at the end.
    pub fn run_until(
        &mut self,
        from: Instant,
        until: Instant,
        mut work: impl FnMut(&mut Lab, Instant) -> bool,
    ) -> Instant {
        let mut now = from;
        loop {
            self.advance(now);
            let ended = work(self, now);
            self.advance(now);
            if ended {
                return now;
            }
            match self.next_deadline() {
                Some(at) if at <= until => now = at.max(now),
                Some(_) | None if now < until => now = until,
                Some(_) | None => return now,
            }
        }
    }

    /// A socket whose readiness may have changed; each is named once until it changes again.
    pub fn poll_changed(&mut self) -> Option<(HostId, SocketId)> {
        while let Some(id) = self.changed.front().copied() {
            let node = &mut self.nodes[id.0];
            if let Some(socket) = node.host.poll_changed() {
                return Some((id, socket));
            }
            node.changed = false;
            self.changed.pop_front();
        }
        None
    }

    /// Frames that did not arrive, by reason. Segments of a super-segment count each.
    pub fn dropped(&self) -> BTreeMap<&'static str, u64> {
        let mut dropped = self.dropped.clone();
        let links = self.links.iter().flat_map(|link| link.view().ways);
        for (reason, count) in links.flat_map(|way| &way.carried.dropped) {
            *dropped.entry(reason).or_default() += count;
        }
        dropped
    }

    /// Whether there are so many hosts that it is of use to look ahead.
    pub fn is_crowd(&self) -> bool {
        self.nodes.len() > CROWD
    }

    /// The next hosts that [`Lab::poll_changed`] will look at.
    pub fn changed(&self) -> impl Iterator<Item = HostId> {
        self.changed.iter().copied().take(AHEAD)
    }

    /// Switches capturing on or off: [`Lab::capture`].
    pub fn set_capture(&mut self, on: bool) {
        self.capture(if on { Capturing::Sent } else { Capturing::Nothing });
    }

    /// Says what is captured from now on. It copies what passes and changes nothing about the run; whoever switches it on
    /// has to take what it collects.
    pub fn capture(&mut self, what: Capturing) {
        if self.capturing != what {
            self.capturing = what;
            for node in &mut self.nodes {
                node.host.set_tap(what != Capturing::Nothing);
            }
        }
    }

    /// The next frame captured.
    pub fn poll_captured(&mut self) -> Option<Captured> {
        self.captured.pop_front()
    }

    fn touch(&mut self, id: HostId) {
        let node = &mut self.nodes[id.0];
        if !std::mem::replace(&mut node.touched, true) {
            self.touched.push_back(id);
        }
    }

    /// Takes from a host what it made: frames, and its next deadline.
    fn collect(&mut self, now: Instant, id: HostId) {
        while let Some((interface, frame)) = self.nodes[id.0].host.poll_tap() {
            self.see(now, End::Interface(id, interface), &frame, None);
        }
        while let Some((interface, frame)) = self.nodes[id.0].host.poll_frame() {
            self.transmit(now, id, interface, frame);
        }
        let node = &mut self.nodes[id.0];
        if node.host.has_changed() && !std::mem::replace(&mut node.changed, true) {
            self.changed.push_back(id);
        }
        if !std::mem::replace(&mut node.unscheduled, true) {
            self.unscheduled.push(id);
        }
    }

    /// Takes note of when to wake a host. That it is too early shows then.
    fn schedule(&mut self, id: HostId) {
        let node = &mut self.nodes[id.0];
        node.unscheduled = false;
        let deadline = node.host.earliest_deadline().filter(|_| node.paused.is_none());
        if deadline != node.deadline {
            if let Some(old) = node.deadline {
                self.deadlines.remove(old, id);
            }
            if let Some(new) = deadline {
                self.deadlines.insert(new, id);
            }
            node.deadline = deadline;
        }
    }
}
