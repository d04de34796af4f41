//! The states of a connection (RFC 9293, section 3.3.2). LISTEN is a type of its own, [`crate::Listener`].

use std::fmt;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Our SYN is on its way.
    SynSent,
    /// Both SYNs have been seen, ours is not acknowledged yet.
    SynReceived,
    /// Open both ways.
    Established,
    /// We closed; our FIN waits to be sent or acknowledged.
    FinWait1,
    /// We closed and the peer knows; it may still send.
    FinWait2,
    /// The peer closed; we may still send.
    CloseWait,
    /// Both closed at once; our FIN waits to be acknowledged.
    Closing,
    /// The peer closed, then we; our FIN waits to be acknowledged.
    LastAck,
    /// All is said; old segments are given time to die.
    TimeWait,
    /// There is no connection.
    Closed,
}

impl State {
    /// Whether our SYN is still unacknowledged.
    pub fn is_opening(self) -> bool {
        match self {
            State::SynSent | State::SynReceived => true,
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => false,
        }
    }

    /// Whether all has been said: only late segments are answered, if any.
    pub fn is_over(self) -> bool {
        match self {
            State::TimeWait | State::Closed => true,
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => false,
        }
    }

    /// Whether the user may still queue data.
    pub fn may_send(self) -> bool {
        match self {
            State::SynSent | State::SynReceived | State::Established | State::CloseWait => true,
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => false,
        }
    }

    /// Whether the peer's FIN has not arrived yet, so that data may.
    pub fn may_receive(self) -> bool {
        match self {
            State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 => true,
            State::SynSent
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => false,
        }
    }

    /// Whether queued data, and the FIN behind it, may still be sent or repeated.
    pub(crate) fn may_transmit(self) -> bool {
        match self {
            State::Established | State::FinWait1 | State::CloseWait | State::Closing | State::LastAck => true,
            State::SynSent | State::SynReceived | State::FinWait2 | State::TimeWait | State::Closed => false,
        }
    }
}

impl fmt::Display for State {
    /// The RFC's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
            State::Closed => "CLOSED",
        })
    }
}
