//! What the program's link is to be like.

use std::ops::Range;
use std::time::Duration;

use sockeye_base::Instant;
use sockeye_lab::{
    Change, DefaultNetwork, Direction, End, default_network_with_gateway, default_network_with_mtu,
};

/// The MTU of an Ethernet.
const ETHERNET_MTU: usize = 1500;

/// What the link that leads away from `pukaki` is like. The default is a perfect Ethernet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Each way.
    pub direction: Direction,
    /// The longest IP packet, in bytes; 1500 if none is given.
    pub mtu: Option<usize>,
    /// When it is cut, from the start of the program.
    pub cuts: Vec<Range<Duration>>,
}

impl Faults {
    /// Whether there are none but a smaller or larger MTU, so that no packet is late or lost.
    pub(crate) fn are_none(&self) -> bool {
        self.direction == Direction::default() && self.cuts.is_empty()
    }

    /// The default network with this link, with a gateway or without.
    pub(crate) fn network(&self, seed: u64, with_gateway: bool) -> DefaultNetwork {
        let make = if with_gateway { default_network_with_gateway } else { default_network_with_mtu };
        let mut network = make(seed, self.mtu.unwrap_or(ETHERNET_MTU));
        for end in [End::from(network.pukaki), network.far_end] {
            network.lab.set_direction(network.link, end, self.direction.clone());
        }
        for cut in &self.cuts {
            network.lab.plan(Instant::ZERO + cut.start, Change::Cut(network.link));
            network.lab.plan(Instant::ZERO + cut.end, Change::Mend(network.link));
        }
        network
    }
}
