//! What is seen of the traffic: copies of frames, taken where they are sent.

use sockeye_base::Instant;
use sockeye_wire::Frame;

use crate::End;

/// A frame as it left its sender (or passed the loopback interface).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it was sent.
    pub at: Instant,
    /// Where it left. A switch tells only of what it loses.
    pub end: End,
    /// By which interface, such as `eth0` or `lo`; or the switch's name.
    pub name: String,
    /// The frame. A super-segment is in one piece unless the link took it apart.
    pub frame: Frame,
    /// Why it will not arrive, if it will not.
    pub dropped: Option<&'static str>,
}
