//! Frames that a switch sends to all. Copies that arrive at one moment are one frame until then: where thousands of hosts look
//! for each other at once, what is under way would fill the memory otherwise.

use std::ops::Range;

use sockeye_base::Instant;
use sockeye_wire::Frame;

use super::{Delivery, Lab, SwitchId, Underway};
use crate::link::Arrival;

/// Copies that leave a switch by ports next to each other and arrive at one moment.
pub(super) struct Fan {
    switch: SwitchId,
    /// The first is not `but`.
    ports: Range<usize>,
    /// Where it came in.
    but: Option<usize>,
    frame: Box<Frame>,
}

impl Lab {
    /// Sends a frame by all ports of a switch but one.
    pub(super) fn flood(&mut self, now: Instant, switch: SwitchId, but: Option<usize>, frame: Box<Frame>) {
        let mut together: Option<(Instant, Range<usize>)> = None;
        let mut port = 0;
        while let Some(lane) = self.switches[switch.0].port(port) {
            let this = port;
            port += 1;
            if Some(this) == but {
                together.iter_mut().for_each(|(_, ports)| ports.end = port);
                continue;
            }
            let link = &mut self.links[lane.link.0];
            if link.keeps_whole(lane.from, &frame) {
                let fate = link.enter(now, lane.from, &frame);
                self.see_fate(now, lane, &frame, fate.err());
                match fate {
                    Ok(arrival @ Arrival { at, .. })
                        if arrival.is_plain() && !self.arrives_directly(now, lane, (at, &frame)) =>
                    {
                        match &mut together {
                            Some((when, ports)) if *when == at => ports.end = port,
                            other => {
                                let before = other.replace((at, this..port));
                                self.send_together(switch, but, before, &frame);
                            }
                        }
                        continue;
                    }
                    Ok(arrival) => {
                        self.send_together(switch, but, together.take(), &frame);
                        self.go(now, lane, frame.clone(), arrival);
                    }
                    Err(_) => {}
                }
            } else {
                self.send_together(switch, but, together.take(), &frame);
                self.enter(now, lane, frame.clone());
            }
            self.send_together(switch, but, together.take(), &frame);
        }
        self.send_together(switch, but, together, &frame);
    }

    fn send_together(
        &mut self,
        switch: SwitchId,
        but: Option<usize>,
        together: Option<(Instant, Range<usize>)>,
        frame: &Frame,
    ) {
        if let Some((at, ports)) = together {
            let fan = Fan { switch, ports, but, frame: Box::new(frame.clone()) };
            self.on_the_way.insert(at, Underway::Fan(Box::new(fan)));
        }
    }

    /// The next frame that is there by now.
    pub(super) fn next_delivery(&mut self, now: Instant) -> Option<Delivery> {
        let (turn, underway) = self.on_the_way.take_turn(now)?;
        let mut fan = match underway {
            Underway::One(delivery) => return Some(delivery),
            Underway::Fan(fan) => fan,
        };
        let lane = self.switches[fan.switch.0].port(fan.ports.next()?)?;
        if fan.but == Some(fan.ports.start) {
            fan.ports.next();
        }
        if fan.ports.is_empty() {
            return Some(Delivery { lane, frame: fan.frame });
        }
        let frame = fan.frame.clone();
        self.on_the_way.put_back((turn, Underway::Fan(fan)));
        Some(Delivery { lane, frame })
    }
}
