//! What is seen of the traffic: copies of frames, taken where they are sent, and if that is wanted where they arrive.

use std::borrow::Cow;

use sockeye_base::Instant;
use sockeye_wire::Frame;

use crate::{End, LinkId};

/// A frame as it left its sender (or passed the loopback interface).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it was sent.
    pub at: Instant,
    /// Where it left. A switch tells only of what it loses.
    pub end: End,
    /// On which link, if there is one.
    pub link: Option<LinkId>,
    /// By which interface, such as `eth0` or `lo`; or the switch's name.
    pub name: String,
    /// The frame. A super-segment is in one piece unless the link took it apart.
    pub frame: Frame,
    /// Why it will not arrive, if it will not.
    pub dropped: Option<&'static str>,
    /// It is seen where it arrived, not where it was sent.
    pub arrived: bool,
}

impl Captured {
    /// The frame as it is on an Ethernet: see [`Frame::on_ethernet`].
    pub fn on_ethernet(&self) -> Cow<'_, Frame> {
        match self.frame.ethernet {
            Some(_) => Cow::Borrowed(&self.frame),
            None => Cow::Owned(self.frame.clone().on_ethernet()),
        }
    }

    /// Whether it is among [`Capturing::Sent`].
    pub fn is_sent(&self) -> bool {
        !self.arrived && (self.dropped.is_some() || !matches!(self.end, End::Switch(_)))
    }
}

/// Which frames are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Capturing {
    /// None.
    #[default]
    Nothing,
    /// All, once for each link they are sent on by a host or from outside; and what a switch loses.
    Sent,
    /// The same, and what switches send on, and what arrives at hosts.
    All,
}
