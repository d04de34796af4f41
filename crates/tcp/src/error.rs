//! What can go wrong with a connection. Turning it into errno is the socket layer's table.

use std::fmt;

/// What ended a connection, or was learned about it from ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// A reset answered our SYN, or ICMP said that there is no such port.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer reset the connection after it had sent its FIN (CLOSE-WAIT): Linux reports EPIPE for it.
    BrokenPipe,
    /// No answer came in time.
    TimedOut,
    /// ICMP said that the peer can't be reached.
    Unreachable(Unreachable),
}

/// How the peer can't be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// Its network (ENETUNREACH).
    Net,
    /// Its host (EHOSTUNREACH).
    Host,
    /// Its host doesn't speak TCP (ENOPROTOOPT).
    Protocol,
    /// Its host is unknown (EHOSTDOWN).
    HostDown,
    /// Our host is isolated (ENONET).
    NoNet,
    /// Someone on the way forbids it (EACCES).
    Prohibited,
    /// Someone on the way doesn't understand our header (EPROTO).
    Parameter,
}

/// Why data can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendError {
    /// The connection has ended, or we said FIN already.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Refused => "connection refused",
            Error::Reset => "connection reset by the peer",
            Error::BrokenPipe => "connection reset by the peer after its FIN",
            Error::TimedOut => "connection timed out",
            Error::Unreachable(Unreachable::Net) => "network unreachable",
            Error::Unreachable(Unreachable::Host) => "host unreachable",
            Error::Unreachable(Unreachable::Protocol) => "protocol unreachable",
            Error::Unreachable(Unreachable::HostDown) => "host unknown",
            Error::Unreachable(Unreachable::NoNet) => "host isolated",
            Error::Unreachable(Unreachable::Prohibited) => "prohibited",
            Error::Unreachable(Unreachable::Parameter) => "parameter problem",
        })
    }
}

impl std::error::Error for Error {}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed => f.write_str("closed for sending"),
        }
    }
}

impl std::error::Error for SendError {}
