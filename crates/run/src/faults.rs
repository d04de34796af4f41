//! What the program's link is to be like.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use sockeye_base::Instant;
use sockeye_lab::{Change, DefaultNetwork, Direction, Loss, default_network_with_mtu};

/// The MTU of an Ethernet.
const ETHERNET_MTU: usize = 1500;

/// What the link between `pukaki` and `tekapo` is like, the same each way. The default is a perfect Ethernet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How long a packet takes.
    pub delay: Duration,
    /// How much longer or shorter it may take, by chance. Packets stay in order.
    pub jitter: Duration,
    /// So many of a million packets are lost, by chance.
    pub loss: u32,
    /// Bits per second, Ethernet headers included; a queue of 1.5 MB waits for it, what comes beyond is dropped.
    pub rate: Option<NonZeroU64>,
    /// The longest IP packet, in bytes; 1500 if none is given.
    pub mtu: Option<usize>,
    /// When it is cut, from the start of the program.
    pub cuts: Vec<Range<Duration>>,
}

impl Faults {
    /// Whether there are none but a smaller or larger MTU, so that no packet is late or lost.
    pub(crate) fn are_none(&self) -> bool {
        *self == Faults { mtu: self.mtu, ..Faults::default() }
    }

    /// The default network with this link.
    pub(crate) fn network(&self, seed: u64) -> DefaultNetwork {
        let mut network = default_network_with_mtu(seed, self.mtu.unwrap_or(ETHERNET_MTU));
        let loss = if self.loss == 0 { Loss::None } else { Loss::PerMillion(self.loss) };
        let (delay, jitter, rate) = (self.delay, self.jitter, self.rate);
        let direction = Direction { delay, jitter, loss, rate, ..Direction::default() };
        for end in [network.pukaki, network.tekapo] {
            network.lab.set_direction(network.link, end, direction.clone());
        }
        for cut in &self.cuts {
            network.lab.plan(Instant::ZERO + cut.start, Change::Cut(network.link));
            network.lab.plan(Instant::ZERO + cut.end, Change::Mend(network.link));
        }
        network
    }
}
