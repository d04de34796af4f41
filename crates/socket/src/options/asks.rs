//! What a socket wants to be told with each datagram: options that are flags, and that only receiving looks at.

use sockeye_abi::Opt;

use super::Options;

/// These options, each a bit.
const ASKED: [Opt; 11] = [
    Opt::SoRxqOvfl,
    Opt::IpPktInfo,
    Opt::IpRecvTtl,
    Opt::IpRecvTos,
    Opt::IpRecvOrigDstAddr,
    Opt::IpRecvFragSize,
    Opt::Ipv6RecvPktInfo,
    Opt::Ipv6RecvHopLimit,
    Opt::Ipv6RecvTclass,
    Opt::Ipv6RecvOrigDstAddr,
    Opt::Ipv6RecvFragSize,
];

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks(u16);

fn bit(opt: Opt) -> u16 {
    ASKED.iter().position(|asked| *asked == opt).map_or(0, |index| 1 << index)
}

impl Asks {
    /// Whether the option is one of these.
    pub(crate) fn knows(opt: Opt) -> bool {
        bit(opt) != 0
    }

    pub(crate) fn set(&mut self, opt: Opt, on: bool) {
        self.0 = if on { self.0 | bit(opt) } else { self.0 & !bit(opt) };
    }

    pub(crate) fn has(self, opt: Opt) -> bool {
        self.0 & bit(opt) != 0
    }
}

impl Options {
    /// Whether the socket wants to be told this.
    pub(crate) fn asks(&self, opt: Opt) -> bool {
        self.asks.has(opt)
    }

    /// Whether it wants to be told anything.
    pub(crate) fn asks_anything(&self) -> bool {
        self.asks != Asks::default() || self.timestamps.is_some()
    }
}
