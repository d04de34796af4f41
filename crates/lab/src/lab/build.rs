//! What a lab is made of, and what is done to it: hosts, switches, links, power and cables.

use std::sync::Arc;

use sockeye_base::{Duration, Instant};
use sockeye_socket::Host;
use sockeye_stack::{Cidr, Interface, InterfaceId, Settings, Stack};
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use super::{HostId, HostSpec, Lab, LinkId, Node, Outside, OutsideId, SwitchId};
use crate::capture::Capturing;
use crate::interface;
use crate::link::{ETH0, Lane, Link, LinkView, reason};
use crate::switch::Switch;
use crate::{Change, Direction, End, LinkSpec};

impl Lab {
    /// Adds a host. Its `eth0` is not linked to anything yet.
    pub fn add_host(&mut self, spec: HostSpec) -> HostId {
        let id = HostId(self.nodes.len());
        let name: Arc<str> = spec.name.into();
        let is_small = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let small = if is_small { Arc::clone(&name) } else { name.to_ascii_lowercase().into() };
        self.names.entry(small).or_insert(id);
        let epoch = self.epoch.unwrap_or(spec.settings.epoch);
        let settings = self.shared(Settings { epoch, ..spec.settings });
        let before = self.nodes.last().map(|node| &node.host);
        let mut host = Host::beside(before, name, Stack::new(settings, self.rng.fork()));
        host.set_tap(self.capturing != Capturing::Nothing);
        self.nodes.push(Node {
            host,
            eth0: None,
            others: Vec::new(),
            off: false,
            paused: None,
            touched: false,
            changed: false,
            unscheduled: false,
            deadline: None,
        });
        let hardware = spec.mac.unwrap_or(mac(id, ETH0.0));
        self.add_interface_with(id, hardware, spec.addresses, spec.mtu);
        id
    }

    /// Settings in the place where the host before has them, if they are the same.
    fn shared(&mut self, settings: Settings) -> Arc<Settings> {
        match &self.settings {
            Some(known) if **known == settings => Arc::clone(known),
            Some(_) | None => Arc::clone(self.settings.insert(Arc::new(settings))),
        }
    }

    /// What the wall clocks of all hosts, also of those to come, said at [`Instant::ZERO`], since 1970.
    pub fn set_epoch(&mut self, epoch: Duration) {
        self.epoch = Some(epoch);
        for node in &mut self.nodes {
            node.host.stack_mut().settings_mut().epoch = epoch;
        }
    }

    /// Gives a host one Ethernet interface more, with these addresses and this MTU in bytes: `eth1`, `eth2` …
    pub fn add_interface(&mut self, host: HostId, addresses: Vec<Cidr>, mtu: usize) -> InterfaceId {
        let hardware = mac(host, self.host(host).stack().interfaces().count());
        self.add_interface_with(host, hardware, addresses, mtu)
    }

    /// The same with this hardware address.
    pub fn add_interface_with(
        &mut self,
        host: HostId,
        mac: Mac,
        addresses: Vec<Cidr>,
        mtu: usize,
    ) -> InterfaceId {
        let name = match self.host(host).stack().interfaces().skip(1).count() {
            // The only one of most hosts.
            0 => "eth0".into(),
            number => format!("eth{number}").into(),
        };
        let id = interface::add(self.host_mut(host).stack_mut(), Interface { name, mac, mtu, addresses });
        if id != ETH0 {
            self.nodes[host.0].others.push(None);
        }
        id
    }

    /// Adds a switch, with nothing plugged in yet.
    pub fn add_switch(&mut self, name: &str) -> SwitchId {
        let id = SwitchId(self.switches.len());
        self.switches.push(Switch::new(name, id.0));
        id
    }

    /// Adds a way out, for the far end of a link.
    pub fn add_outside(&mut self) -> OutsideId {
        self.outsides.push(Outside { lane: None, name: "outside".to_owned() });
        OutsideId(self.outsides.len() - 1)
    }

    /// Says who is at a way out, for captures.
    pub fn name_outside(&mut self, outside: OutsideId, name: String) {
        self.outsides[outside.0].name = name;
    }

    /// The next frame that has left by a way out.
    pub fn poll_outside(&mut self) -> Option<(OutsideId, Box<Frame>)> {
        self.leaving.pop_front()
    }

    /// A frame that has left by a way out has come to nobody: who it was for is off, or is on and had no room for it.
    pub fn note_lost(&mut self, frame: &Frame, is_on: bool) {
        self.count_dropped(if is_on { reason::QUEUE_FULL } else { reason::OFF }, frame);
    }

    /// A frame comes in by a way out: it enters the link there. Call [`Lab::advance`] afterwards.
    pub fn input_outside(&mut self, now: Instant, outside: OutsideId, frame: Box<Frame>) {
        if let Some(lane) = self.outsides.get(outside.0).and_then(|outside| outside.lane) {
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
                End::Interface(host, interface) => self.plug(host, interface, lane),
                End::Switch(switch) if !closes_ring => self.switches[switch.0].plug(lane),
                End::Switch(_) => {}
                End::Outside(outside) => self.outsides[outside.0].lane = Some(lane),
            }
        }
        self.links.push(link);
        id
    }

    /// Pulls the link of one end out of it and plugs it into another, whose own link it replaces. Neither is a switch.
    pub fn replug(&mut self, from: impl Into<End>, to: impl Into<End>) {
        let (from, to) = (from.into(), to.into());
        let lane = match from {
            End::Interface(host, interface) => self.nodes[host.0].lane_mut(interface).and_then(Option::take),
            End::Outside(outside) => self.outsides[outside.0].lane.take(),
            End::Switch(_) => None,
        };
        let Some(lane) = lane else { return };
        self.links[lane.link.0].ends[lane.from] = to;
        match to {
            End::Interface(host, interface) => self.plug(host, interface, lane),
            End::Outside(outside) => self.outsides[outside.0].lane = Some(lane),
            End::Switch(_) => {}
        }
    }

    fn plug(&mut self, host: HostId, interface: InterfaceId, lane: Lane) {
        if let Some(place) = self.nodes[host.0].lane_mut(interface) {
            *place = Some(lane);
        }
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
        self.nodes[id.0].paused = None;
        if on {
            self.booted.push_back(id);
        } else {
            let rng = self.rng.fork();
            self.host_mut(id).reboot(rng);
        }
    }

    /// Whether a host is switched on.
    pub fn is_on(&self, id: HostId) -> bool {
        !self.nodes[id.0].off
    }

    /// All links, in the order they were added.
    pub fn links(&self) -> impl Iterator<Item = LinkView<'_>> {
        self.links.iter().map(Link::view)
    }

    /// Has a host stand still, or go on: its timers don't run, and what comes waits, so many frames at most. What is done
    /// with its sockets meanwhile is done all the same.
    pub fn pause(&mut self, now: Instant, id: HostId, still: bool) {
        let node = &mut self.nodes[id.0];
        if node.off || node.paused.is_some() == still {
            return;
        }
        let waiting = std::mem::replace(&mut node.paused, still.then(Box::default));
        for (interface, frame) in waiting.into_iter().flat_map(|waiting| *waiting) {
            node.host.input(now, interface, frame);
        }
        // Its deadlines are to be looked at anew.
        self.touch(id);
    }

    /// Gives an interface other addresses, each with its network. Connections that have an old one stay, and hear nothing
    /// any more.
    pub fn set_addresses(&mut self, host: HostId, interface: InterfaceId, addresses: Vec<Cidr>) {
        interface::set_addresses(self.host_mut(host).stack_mut(), interface, addresses);
    }

    /// A host that was switched on since: its services are to be started. Each is named once.
    pub fn poll_booted(&mut self) -> Option<HostId> {
        self.booted.pop_front()
    }

    /// Has something happen by itself at a time to come.
    pub fn plan(&mut self, at: Instant, change: Change) {
        self.quiet_until = self.quiet_until.min(at);
        self.timetable.insert(at, change);
    }

    /// Changes the direction of a link that leads away from `from`, for frames that enter from now on. Nothing happens if
    /// that isn't an end of it.
    pub fn set_direction(&mut self, link: LinkId, from: impl Into<End>, direction: Direction) {
        let (link, from) = (&mut self.links[link.0], from.into());
        if let Some(from) = link.ends.iter().position(|end| *end == from) {
            link.set_direction(from, direction);
        }
    }
}

/// A locally administered address made of the interface's number and the host's; that of the first host's `eth0` is
/// 02:00:00:00:00:01.
fn mac(host: HostId, interface: usize) -> Mac {
    let [.., x] = (interface as u64).wrapping_sub(ETH0.0 as u64).to_be_bytes();
    let [.., w, a, b, c] = (host.0 as u64 + 1).to_be_bytes();
    Mac([0x02, x, w, a, b, c])
}
