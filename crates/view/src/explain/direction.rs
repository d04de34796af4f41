//! What one end of a connection sent, in numbers.

use std::time::Duration;

use super::Cause;

/// What one end sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Bytes of data, those sent again counted once.
    pub bytes: u64,
    /// Segments with data.
    pub segments: u64,
    /// Segments that were sent again.
    pub repeated: u64,
    /// Of those, by how they were found to be missing.
    pub repairs: Repairs,
    /// How often a new segment was sent to ask for an acknowledgement that was overdue.
    pub asked: u64,
    /// Of all, how many had arrived, as the receiver told (RFC 2883).
    pub in_vain: u64,
    /// Segments that came behind later ones, and were not sent again.
    pub overtaken: u64,
    /// Bytes of data in a full segment.
    pub mss: u64,
    /// The most bytes under way at once.
    pub most_under_way: u64,
    /// The receiver's window at its widest, in bytes.
    pub widest_window: u64,
    /// How often the receiver closed its window.
    pub closed_windows: u64,
    /// How often a small segment waited for an acknowledgement.
    pub held_small: u64,
    /// The fastest that it arrived, in bytes a second, over a few round trips.
    pub rate: u64,
    /// The longest that a segment waited in a queue on its way.
    pub longest_queue: Duration,
    /// The shortest time from a segment to its acknowledgement.
    pub least_round_trip: Option<Duration>,
    /// The longest, of segments that were sent once.
    pub most_round_trip: Option<Duration>,
}

/// Segments that were sent again, by how they were found to be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// By duplicate acknowledgements.
    pub fast_retransmit: u64,
    /// By selective acknowledgements.
    pub sack: u64,
    /// By time.
    pub rack: u64,
    /// By a probe, or the probe itself.
    pub tail_loss_probe: u64,
    /// By the retransmission timer, and what was repeated after it ran out.
    pub time_out: u64,
}

impl Repairs {
    /// One more, by how it was found.
    pub(super) fn count(&mut self, cause: Cause) {
        match cause {
            Cause::FastRetransmit => self.fast_retransmit += 1,
            Cause::Sack => self.sack += 1,
            Cause::Rack => self.rack += 1,
            Cause::TailLossProbe => self.tail_loss_probe += 1,
            _ => self.time_out += 1,
        }
    }
}
