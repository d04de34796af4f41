//! The network itself: hosts, links, the frames between them, and time moved on by whoever owns it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sockeye_base::{Instant, Rng};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::{Cidr, Interface, InterfaceId, Settings, Stack};
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use crate::capture::Captured;
use crate::link::{Arrival, ETH0, Fate, Lane, Link, flip, reason};
use crate::switch::Switch;
use crate::timetable::Timetable;
use crate::{Change, Direction, End, LinkSpec};

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
    links: Vec<Link>,
    switches: Vec<Switch>,
    /// The links out, away from outside.
    outsides: Vec<Option<Lane>>,
    /// Frames that have come to their far ends.
    leaving: VecDeque<(OutsideId, Box<Frame>)>,
    rng: Rng,
    /// Frames on their way, by arrival; the number keeps those of one moment in order. What arrives the moment it is sent,
    /// with nothing of its direction under way, never stands here.
    on_the_way: BTreeMap<(Instant, u64), Delivery>,
    sequence: u64,
    /// Hosts that may have frames to send or another deadline, in the order they were touched.
    touched: VecDeque<HostId>,
    /// Hosts that may have sockets whose readiness changed.
    changed: VecDeque<HostId>,
    /// When hosts are to be woken: their deadlines, or earlier.
    deadlines: BTreeSet<(Instant, HostId)>,
    /// Hosts that worked since their deadline was looked at.
    unscheduled: Vec<HostId>,
    /// Nothing is due before this, unless a host is touched.
    quiet_until: Instant,
    timetable: Timetable,
    capturing: bool,
    captured: VecDeque<Captured>,
    /// Hosts switched on that nobody has been told of.
    booted: VecDeque<HostId>,
}

struct Node {
    host: Host,
    /// The link of each interface, `lo` being the first, away from the host.
    lanes: Vec<Option<Lane>>,
    /// It is switched off.
    off: bool,
    touched: bool,
    changed: bool,
    /// It is in `unscheduled`.
    unscheduled: bool,
    /// As it stands in `deadlines`.
    deadline: Option<Instant>,
}

struct Delivery {
    lane: Lane,
    frame: Box<Frame>,
}

/// When nothing will be due.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Lab {
    /// A network without hosts. All chance in it comes from this seed.
    pub fn new(seed: u64) -> Lab {
        Lab {
            nodes: Vec::new(),
            links: Vec::new(),
            switches: Vec::new(),
            outsides: Vec::new(),
            leaving: VecDeque::new(),
            rng: Rng::from_seed(seed),
            on_the_way: BTreeMap::new(),
            sequence: 0,
            touched: VecDeque::new(),
            changed: VecDeque::new(),
            deadlines: BTreeSet::new(),
            unscheduled: Vec::new(),
            quiet_until: Instant::ZERO,
            timetable: Timetable::default(),
            capturing: false,
            captured: VecDeque::new(),
            booted: VecDeque::new(),
        }
    }

    /// The network's generator; fork it for a part with draws of its own.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Adds a host. Its `eth0` is not linked to anything yet.
    pub fn add_host(&mut self, spec: HostSpec) -> HostId {
        let id = HostId(self.nodes.len());
        let mut host = Host::new(&spec.name, Stack::new(spec.settings, self.rng.fork()));
        host.set_tap(self.capturing);
        self.nodes.push(Node {
            host,
            lanes: vec![None],
            off: false,
            touched: false,
            changed: false,
            unscheduled: false,
            deadline: None,
        });
        let hardware = spec.mac.unwrap_or(mac(id, ETH0.0));
        self.add_interface_with(id, hardware, spec.addresses, spec.mtu);
        id
    }

    /// Gives a host one Ethernet interface more, with these addresses and this MTU in bytes: `eth1`, `eth2` …
    pub fn add_interface(&mut self, host: HostId, addresses: Vec<Cidr>, mtu: usize) -> InterfaceId {
        let hardware = mac(host, self.nodes[host.0].lanes.len());
        self.add_interface_with(host, hardware, addresses, mtu)
    }

    fn add_interface_with(
        &mut self,
        host: HostId,
        mac: Mac,
        addresses: Vec<Cidr>,
        mtu: usize,
    ) -> InterfaceId {
        let name = format!("eth{}", self.nodes[host.0].lanes.len() - 1);
        self.nodes[host.0].lanes.push(None);
        self.host_mut(host).stack_mut().add_interface(Interface { name, mac, mtu, addresses })
    }

    /// Adds a switch, with nothing plugged in yet.
    pub fn add_switch(&mut self, name: &str) -> SwitchId {
        let id = SwitchId(self.switches.len());
        self.switches.push(Switch::new(name, id.0));
        id
    }

    /// Adds a way out, for the far end of a link.
    pub fn add_outside(&mut self) -> OutsideId {
        self.outsides.push(None);
        OutsideId(self.outsides.len() - 1)
    }

    /// The next frame that has left by a way out.
    pub fn poll_outside(&mut self) -> Option<(OutsideId, Box<Frame>)> {
        self.leaving.pop_front()
    }

    /// A frame comes in by a way out: it enters the link there. Call [`Lab::advance`] afterwards.
    pub fn input_outside(&mut self, now: Instant, outside: OutsideId, frame: Box<Frame>) {
        if let Some(lane) = self.outsides.get(outside.0).copied().flatten() {
            // What is due is not what was known to be.
            self.quiet_until = Instant::ZERO;
            self.enter(now, lane, frame);
        }
    }

    /// Joins two ends by a link. An interface has one link: the new one takes the place of an older. A link that closes a
    /// ring of switches carries nothing, as the spanning tree would have it.
    pub fn add_link(&mut self, spec: LinkSpec) -> LinkId {
        let id = LinkId(self.links.len());
        let ends = spec.ends;
        let mut link = Link::new(spec, &mut self.rng);
        let mut closes_ring = false;
        if let [End::Switch(a), End::Switch(b)] = ends {
            let [a, b] = [a, b].map(|switch| self.leader(switch));
            closes_ring = a == b;
            self.switches[a].joined = b;
        }
        if closes_ring {
            link.block();
        }
        for (from, end) in ends.into_iter().enumerate() {
            let lane = Lane { link: id, from };
            match end {
                End::Interface(host, interface) => self.nodes[host.0].lanes[interface.0] = Some(lane),
                End::Switch(switch) if !closes_ring => self.switches[switch.0].plug(lane),
                End::Switch(_) => {}
                End::Outside(outside) => self.outsides[outside.0] = Some(lane),
            }
        }
        self.links.push(link);
        id
    }

    /// The switch that stands for all that are joined to this one.
    fn leader(&self, switch: SwitchId) -> usize {
        let mut at = switch.0;
        while self.switches[at].joined != at {
            at = self.switches[at].joined;
        }
        at
    }

    /// Cuts a link or mends it. What is on its way arrives all the same.
    pub fn cut(&mut self, link: LinkId, cut: bool) {
        self.links[link.0].set_cut(cut);
    }

    /// Switches a host off or on. All its sockets go with the power, and nobody is told; what comes and goes while it is off
    /// is lost. Then it begins with the same settings, addresses and routes.
    pub fn power(&mut self, id: HostId, on: bool) {
        if self.nodes[id.0].off != on {
            return;
        }
        self.nodes[id.0].off = !on;
        if on {
            self.booted.push_back(id);
        } else {
            let rng = self.rng.fork();
            self.host_mut(id).reboot(rng);
        }
    }

    /// A host that was switched on since: its services are to be started. Each is named once.
    pub fn poll_booted(&mut self) -> Option<HostId> {
        self.booted.pop_front()
    }

    /// Has something happen by itself at a time to come.
    pub fn plan(&mut self, at: Instant, change: Change) {
        self.quiet_until = self.quiet_until.min(at);
        self.timetable.plan(at, change);
    }

    /// Changes the direction of a link that leads away from `from`, for frames that enter from now on. Nothing happens if
    /// that isn't an end of it.
    pub fn set_direction(&mut self, link: LinkId, from: impl Into<End>, direction: Direction) {
        let (link, from) = (&mut self.links[link.0], from.into());
        if let Some(from) = link.ends.iter().position(|end| *end == from) {
            link.set_direction(from, direction);
        }
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

    /// The host of this name.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.hosts().find(|id| self.host(*id).name() == name)
    }

    /// All hosts, in the order they were added.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.nodes.len()).map(HostId)
    }

    /// The addresses of a host's Ethernet interfaces, each with its network.
    pub fn addresses(&self, id: HostId) -> Vec<Cidr> {
        let interfaces = self.nodes[id.0].host.stack().interfaces().skip(ETH0.0);
        interfaces.flat_map(|(_, interface)| interface.addresses.iter().copied()).collect()
    }

    /// The number of every host's `eth0`.
    pub fn eth0(&self) -> InterfaceId {
        ETH0
    }

    /// Carries frames, delivers those that are due and runs timers, until nothing more is due at `now`. Everything
    /// happens at `now`: in virtual time step from deadline to deadline ([`Lab::run_until`]).
    pub fn advance(&mut self, now: Instant) {
        if !self.touched.is_empty() || now >= self.quiet_until {
            self.carry(now);
            let next = self.deadlines.first().map(|(at, _)| *at);
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
            }
        }
        loop {
            while let Some(id) = self.touched.pop_front() {
                self.nodes[id.0].touched = false;
                self.collect(now, id);
            }
            if let Some(delivery) = self.next_delivery(now) {
                self.deliver(now, delivery);
                continue;
            }
            while let Some(id) = self.unscheduled.pop() {
                self.schedule(id);
            }
            match self.deadlines.first().copied() {
                Some((at, id)) if at <= now => {
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
        let timer = loop {
            let Some((at, id)) = self.deadlines.first().copied() else { break None };
            let deadline = self.nodes[id.0].host.next_deadline();
            if deadline == Some(at) {
                break deadline;
            }
            self.schedule(id);
        };
        [timer, touched, self.between_hosts()].into_iter().flatten().min()
    }

    /// The same or earlier, and cheaper: it doesn't ask each host what was put off meanwhile.
    pub fn earliest_deadline(&self) -> Option<Instant> {
        if self.touched.is_empty() && self.quiet_until != Instant::ZERO {
            return Some(self.quiet_until).filter(|until| *until != NEVER);
        }
        let touched = self.touched.iter().filter_map(|id| self.nodes[id.0].host.earliest_deadline()).min();
        let timer = self.deadlines.first().map(|(at, _)| *at);
        [timer, touched, self.between_hosts()].into_iter().flatten().min()
    }

    /// When the next packet arrives, or a link changes.
    fn between_hosts(&self) -> Option<Instant> {
        let arrival = self.on_the_way.first_key_value().map(|((at, _), _)| *at);
        [arrival, self.timetable.next()].into_iter().flatten().min()
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

    /// Switches capturing on or off. It copies what passes and changes nothing about the run; whoever switches it on
    /// has to take what it collects.
    pub fn set_capture(&mut self, on: bool) {
        self.capturing = on;
        for node in &mut self.nodes {
            node.host.set_tap(on);
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
            self.capture(now, End::Interface(id, interface), &frame, None);
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
        let deadline = node.host.earliest_deadline();
        if deadline != node.deadline {
            if let Some(old) = node.deadline {
                self.deadlines.remove(&(old, id));
            }
            if let Some(new) = deadline {
                self.deadlines.insert((new, id));
            }
            node.deadline = deadline;
        }
    }

    fn transmit(&mut self, now: Instant, from: HostId, interface: InterfaceId, frame: Box<Frame>) {
        if self.nodes[from.0].off {
            return self.capture(now, End::Interface(from, interface), &frame, Some(reason::OFF));
        }
        match self.nodes[from.0].lanes.get(interface.0).copied().flatten() {
            Some(lane) => self.enter(now, lane, frame),
            None => self.capture(now, End::Interface(from, interface), &frame, Some(reason::NO_LINK)),
        }
    }

    /// Puts a frame on a link.
    fn enter(&mut self, now: Instant, lane: Lane, frame: Box<Frame>) {
        let link = &mut self.links[lane.link.0];
        if link.keeps_whole(lane.from) {
            let fate = link.enter(now, lane.from, &frame);
            return self.meet_fate(now, lane, frame, fate);
        }
        for (frame, fate) in link.transmit(now, lane.from, *frame) {
            self.meet_fate(now, lane, Box::new(frame), fate);
        }
    }

    fn meet_fate(&mut self, now: Instant, lane: Lane, frame: Box<Frame>, fate: Fate) {
        if self.capturing {
            let end = self.links[lane.link.0].ends[lane.from];
            if !matches!(end, End::Switch(_)) || fate.is_err() {
                self.capture(now, end, &frame, fate.err());
            }
        }
        let Ok(Arrival { at, twice, flipped }) = fate else { return };
        let frame = match flipped {
            Some(bit) => Box::new(flip(&frame, bit)),
            None => frame,
        };
        let again = twice.then(|| frame.clone());
        let link = &self.links[lane.link.0];
        // A switch sends it on at once, and the way may be long.
        let directly =
            link.is_alone(lane.from, &frame) && !matches!(link.ends[1 - lane.from], End::Switch(_));
        let delivery = Delivery { lane, frame };
        if at <= now && directly {
            // What it brings about is collected later: the order is that in which frames were sent all the same.
            self.deliver(now, delivery);
        } else {
            self.put_on_the_way(at, delivery);
        }
        again.into_iter().for_each(|frame| self.put_on_the_way(at, Delivery { lane, frame }));
    }

    fn put_on_the_way(&mut self, at: Instant, delivery: Delivery) {
        self.on_the_way.insert((at, self.sequence), delivery);
        self.sequence += 1;
    }

    /// The next frame that is there by now: in the order of arrival, and of sending where that is the same.
    fn next_delivery(&mut self, now: Instant) -> Option<Delivery> {
        let entry = self.on_the_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    fn deliver(&mut self, now: Instant, delivery: Delivery) {
        let Delivery { lane, frame } = delivery;
        match self.links[lane.link.0].delivered(lane.from, &frame) {
            End::Interface(host, _) if self.nodes[host.0].off => {}
            End::Interface(host, interface) => {
                self.touch(host);
                self.nodes[host.0].host.input(now, interface, frame);
                if let Some(sender) = self.links[lane.link.0].ends[lane.from].host()
                    && let Ok([to, from]) = self.nodes.get_disjoint_mut([host.0, sender.0])
                {
                    to.host.return_spare(&mut from.host);
                }
            }
            End::Outside(outside) => self.leaving.push_back((outside, frame)),
            End::Switch(switch) => {
                // Nobody puts a frame without a header on an Ethernet.
                let Some(header) = frame.ethernet else { return };
                let addresses = (header.source, header.destination);
                let mut lanes = self.switches[switch.0].forward(now, lane, addresses).peekable();
                let mut frame = Some(frame);
                while let Some(lane) = lanes.next() {
                    let copy = if lanes.peek().is_some() { frame.clone() } else { frame.take() };
                    copy.into_iter().for_each(|frame| self.enter(now, lane, frame));
                }
            }
        }
    }

    fn capture(&mut self, at: Instant, end: End, frame: &Frame, dropped: Option<&'static str>) {
        if !self.capturing {
            return;
        }
        let name = match end {
            End::Interface(host, interface) => {
                let mut interfaces = self.nodes[host.0].host.stack().interfaces();
                let interface = interfaces.find(|(id, _)| *id == interface);
                interface.map(|(_, interface)| interface.name.clone()).unwrap_or_default()
            }
            End::Switch(switch) => self.switches[switch.0].name.clone(),
            End::Outside(_) => "outside".to_owned(),
        };
        self.captured.push_back(Captured { at, end, name, frame: frame.clone(), dropped });
    }
}

/// A locally administered address made of the interface's number and the host's; that of the first host's `eth0` is
/// 02:00:00:00:00:01.
fn mac(host: HostId, interface: usize) -> Mac {
    let [.., x] = (interface as u64).wrapping_sub(ETH0.0 as u64).to_be_bytes();
    let [.., w, a, b, c] = (host.0 as u64 + 1).to_be_bytes();
    Mac([0x02, x, w, a, b, c])
}
