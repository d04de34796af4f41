//! The table from what goes wrong below to errno. Every variant has its line; there is no default.

use sockeye_abi::Errno;
use sockeye_stack::{BindError, ConnectError, DatagramError, GroupError, SendError};
use sockeye_tcp as tcp;

/// What SO_ERROR and failing calls say of a connection's end (tcp(7), and icmp_err_convert for ICMP).
pub(crate) fn of_tcp(error: tcp::Error) -> Errno {
    match error {
        tcp::Error::Refused => Errno::ECONNREFUSED,
        tcp::Error::Reset => Errno::ECONNRESET,
        tcp::Error::BrokenPipe => Errno::EPIPE,
        tcp::Error::TimedOut => Errno::ETIMEDOUT,
        tcp::Error::Unreachable(how) => match how {
            tcp::Unreachable::Net => Errno::ENETUNREACH,
            tcp::Unreachable::Host => Errno::EHOSTUNREACH,
            tcp::Unreachable::Protocol => Errno::ENOPROTOOPT,
            tcp::Unreachable::HostDown => Errno::EHOSTDOWN,
            tcp::Unreachable::NoNet => Errno::ENONET,
            tcp::Unreachable::Prohibited => Errno::EACCES,
            tcp::Unreachable::Parameter => Errno::EPROTO,
        },
    }
}

/// bind(2), listen(2).
pub(crate) fn of_bind(error: BindError) -> Errno {
    match error {
        BindError::InUse => Errno::EADDRINUSE,
        BindError::NotLocal => Errno::EADDRNOTAVAIL,
    }
}

/// Joining and leaving groups, and naming their sources (ip(7), ipv6(7)).
pub(crate) fn of_group(error: GroupError) -> Errno {
    match error {
        GroupError::IsMember => Errno::EADDRINUSE,
        GroupError::NotMember => Errno::EADDRNOTAVAIL,
        GroupError::TooMany => Errno::ENOBUFS,
        GroupError::Invalid => Errno::EINVAL,
    }
}

/// connect(2).
pub(crate) fn of_connect(error: ConnectError) -> Errno {
    match error {
        ConnectError::NoRoute => Errno::ENETUNREACH,
        ConnectError::NoSource | ConnectError::NoPorts | ConnectError::TupleInUse => Errno::EADDRNOTAVAIL,
        ConnectError::BadSource => Errno::EINVAL,
    }
}

/// send(2) on a datagram socket.
pub(crate) fn of_send(error: SendError) -> Errno {
    match error {
        SendError::NoSocket => Errno::EBADF,
        SendError::NoDestination => Errno::EDESTADDRREQ,
        SendError::TooLong => Errno::EMSGSIZE,
        SendError::NoRoute => Errno::ENETUNREACH,
        SendError::NoSource => Errno::EADDRNOTAVAIL,
        SendError::BadSource | SendError::Malformed => Errno::EINVAL,
        SendError::NoPorts => Errno::EAGAIN,
        SendError::NoInterface => Errno::ENODEV,
        SendError::TooMany => Errno::EINVAL,
    }
}

/// What became of a datagram (`icmp_err_convert`, `icmpv6_err_convert`).
pub(crate) fn of_datagram(error: DatagramError) -> Errno {
    match error {
        DatagramError::PortUnreachable => Errno::ECONNREFUSED,
        DatagramError::ProtocolUnreachable => Errno::ENOPROTOOPT,
        DatagramError::HostUnreachable => Errno::EHOSTUNREACH,
        DatagramError::NetUnreachable => Errno::ENETUNREACH,
        DatagramError::HostDown => Errno::EHOSTDOWN,
        DatagramError::NoNet => Errno::ENONET,
        DatagramError::Prohibited => Errno::EACCES,
        DatagramError::SourceRoute => Errno::EOPNOTSUPP,
        DatagramError::Parameter => Errno::EPROTO,
        DatagramError::TooLong => Errno::EMSGSIZE,
    }
}
