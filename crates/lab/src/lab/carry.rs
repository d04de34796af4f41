//! Frames on their way: from an interface over links and switches to another, or out.

use std::hint::black_box;
use std::ops::BitXor;

use sockeye_base::Instant;
use sockeye_stack::{InterfaceId, Round};
use sockeye_wire::Frame;

use super::{AHEAD, Delivery, HostId, Lab, Underway};
use crate::End;
use crate::capture::{Captured, Capturing};
use crate::link::{Arrival, Fate, Lane, flip, reason};
use crate::switch::Onward;

/// Frames that wait for a host that stands still (Linux's netdev_max_backlog).
const MOST_WAITING: usize = 1000;

impl Lab {
    pub(super) fn transmit(&mut self, now: Instant, from: HostId, interface: InterfaceId, frame: Box<Frame>) {
        if self.nodes[from.0].off {
            return self.see(now, End::Interface(from, interface), &frame, Some(reason::OFF));
        }
        match self.nodes[from.0].lane(interface) {
            Some(lane) => self.enter(now, lane, frame),
            None => self.see(now, End::Interface(from, interface), &frame, Some(reason::NO_LINK)),
        }
    }

    /// Puts a frame on a link.
    pub(super) fn enter(&mut self, now: Instant, lane: Lane, frame: Box<Frame>) {
        let link = &mut self.links[lane.link.0];
        if link.keeps_whole(lane.from, &frame) {
            let fate = link.enter(now, lane.from, &frame);
            return self.meet_fate(now, lane, frame, fate);
        }
        for (frame, fate) in link.transmit(now, lane.from, *frame) {
            self.meet_fate(now, lane, Box::new(frame), fate);
        }
    }

    fn meet_fate(&mut self, now: Instant, lane: Lane, frame: Box<Frame>, fate: Fate) {
        self.see_fate(now, lane, &frame, fate.err());
        if let Ok(arrival) = fate {
            self.go(now, lane, frame, arrival);
        }
    }

    /// Captures a frame that has entered a link, if that is to be seen.
    pub(super) fn see_fate(
        &mut self,
        now: Instant,
        lane: Lane,
        frame: &Frame,
        dropped: Option<&'static str>,
    ) {
        if self.capturing != Capturing::Nothing {
            let end = self.links[lane.link.0].ends[lane.from];
            if !matches!(end, End::Switch(_)) || dropped.is_some() || self.capturing == Capturing::All {
                self.see_on(now, (lane, false), frame, dropped);
            }
        }
    }

    /// Whether a frame that has entered a link is delivered before others. A switch sends it on at once, and the way may be
    /// long: not there.
    pub(super) fn arrives_directly(&self, now: Instant, lane: Lane, (at, frame): (Instant, &Frame)) -> bool {
        let link = &self.links[lane.link.0];
        at <= now && link.is_alone(lane.from, frame) && !matches!(link.ends[1 - lane.from], End::Switch(_))
    }

    /// A frame that has entered a link is on its way.
    pub(super) fn go(&mut self, now: Instant, lane: Lane, frame: Box<Frame>, arrival: Arrival) {
        let Arrival { at, twice, flipped } = arrival;
        let frame = match flipped {
            Some(bit) => Box::new(flip(&frame, bit)),
            None => frame,
        };
        let again = twice.then(|| frame.clone());
        let directly = self.arrives_directly(now, lane, (at, &frame));
        let delivery = Delivery { lane, frame };
        if directly {
            // What it brings about is collected later: the order is that in which frames were sent all the same.
            self.deliver(now, delivery);
        } else {
            self.on_the_way.insert(at, Underway::One(delivery));
        }
        let again = again.map(|frame| Underway::One(Delivery { lane, frame }));
        again.into_iter().for_each(|again| self.on_the_way.insert(at, again));
    }

    /// Reads a little of all that the next deliveries will need. Of thousands of hosts hardly anything is in the processor's
    /// cache: so it comes from memory at the same time, where otherwise one would be waited for after the other.
    pub(super) fn look_ahead(&mut self) {
        self.looked_ahead = AHEAD;
        let coming = || {
            self.on_the_way.upcoming(AHEAD).filter_map(|underway| match underway {
                Underway::One(delivery) => Some(delivery),
                Underway::Fan(_) => None,
            })
        };
        let ways = coming()
            .map(|Delivery { lane, frame }| self.links[lane.link.0].look_ahead() ^ frame.look_ahead());
        black_box(ways.fold(0, BitXor::bitxor));
        for round in Round::ALL {
            let hosts =
                coming().map(|Delivery { lane, frame }| match self.links[lane.link.0].ends[1 - lane.from] {
                    End::Interface(host, interface) => self.nodes[host.0].look_ahead(interface, round, frame),
                    End::Switch(_) | End::Outside(_) => 0,
                });
            black_box(hosts.fold(0, BitXor::bitxor));
        }
    }

    pub(super) fn deliver(&mut self, now: Instant, delivery: Delivery) {
        let Delivery { lane, frame } = delivery;
        match self.links[lane.link.0].delivered(lane.from, &frame) {
            End::Interface(host, _) if self.nodes[host.0].off => self.count_dropped(reason::OFF, &frame),
            End::Interface(host, interface) if self.nodes[host.0].paused.is_some() => {
                self.keep(now, (host, interface), frame);
            }
            End::Interface(host, interface) => {
                if self.capturing == Capturing::All {
                    self.see_on(now, (lane, true), &frame, None);
                }
                self.spend_on(host);
                self.touch(host);
                self.nodes[host.0].host.input(now, interface, frame);
            }
            End::Outside(outside) => self.leaving.push_back((outside, frame)),
            End::Switch(switch) => {
                // Nobody puts a frame without a header on an Ethernet.
                let Some(header) = frame.ethernet else { return };
                let addresses = (header.source, header.destination);
                let switch_at_work = &mut self.switches[switch.0];
                match switch_at_work.forward(now, lane, addresses) {
                    Onward::Nowhere => {}
                    Onward::By(port) => {
                        if let Some(lane) = switch_at_work.port(port) {
                            self.enter(now, lane, frame);
                        }
                    }
                    Onward::ByAllBut(port) => self.flood(now, switch, port, frame),
                }
            }
        }
    }

    /// Keeps a frame for a host that stands still.
    fn keep(&mut self, now: Instant, (host, interface): (HostId, InterfaceId), frame: Box<Frame>) {
        let Some(waiting) = &mut self.nodes[host.0].paused else { return };
        if waiting.len() < MOST_WAITING {
            waiting.push_back((interface, frame));
        } else {
            self.see(now, End::Interface(host, interface), &frame, Some(reason::STILL));
        }
    }

    /// Captures a frame where it is sent; one that doesn't get onto a link, or off it, is counted.
    pub(super) fn see(&mut self, at: Instant, end: End, frame: &Frame, dropped: Option<&'static str>) {
        dropped.into_iter().for_each(|reason| self.count_dropped(reason, frame));
        if self.capturing != Capturing::Nothing {
            let name = self.name_of(end);
            let link = self.lane_of(end).map(|lane| lane.link);
            let frame = frame.clone();
            self.captured.push_back(Captured { at, end, link, name, frame, dropped, arrived: false });
        }
    }

    pub(super) fn count_dropped(&mut self, reason: &'static str, frame: &Frame) {
        *self.dropped.entry(reason).or_default() += frame.count() as u64;
    }

    /// Captures a frame on a link.
    fn see_on(
        &mut self,
        at: Instant,
        (lane, arrived): (Lane, bool),
        frame: &Frame,
        dropped: Option<&'static str>,
    ) {
        let end = self.links[lane.link.0].ends[if arrived { 1 - lane.from } else { lane.from }];
        let (name, frame) = (self.name_of(end), frame.clone());
        self.captured.push_back(Captured { at, end, link: Some(lane.link), name, frame, dropped, arrived });
    }

    fn lane_of(&self, end: End) -> Option<Lane> {
        match end {
            End::Interface(host, interface) => self.nodes[host.0].lane(interface),
            End::Outside(outside) => self.outsides[outside.0].lane,
            End::Switch(_) => None,
        }
    }

    /// What an end of a link is called: an interface such as `eth0`, a switch, or who is outside.
    pub fn name_of(&self, end: End) -> String {
        match end {
            End::Interface(host, interface) => {
                let mut interfaces = self.nodes[host.0].host.stack().interfaces();
                let interface = interfaces.find(|(id, _)| *id == interface);
                interface.map(|(_, interface)| interface.name.to_string()).unwrap_or_default()
            }
            End::Switch(switch) => self.switches[switch.0].name.clone(),
            End::Outside(outside) => self.outsides[outside.0].name.clone(),
        }
    }
}
