//! What can go wrong, a small enum per operation. The socket layer's table turns them into errno.

/// Why a socket can't have the address it asked for (bind(2), listen(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindError {
    /// Another socket has it, or no ephemeral port is free (EADDRINUSE).
    InUse,
    /// The address is not one of this host's (EADDRNOTAVAIL).
    NotLocal,
}

/// Why no connection could be begun (connect(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// No route leads there (ENETUNREACH).
    NoRoute,
    /// No address of ours to speak from, in that family (EADDRNOTAVAIL).
    NoSource,
    /// The bound source can't be used towards there: a loopback address onto a link (EINVAL).
    BadSource,
    /// All ephemeral ports are taken towards this destination (EADDRNOTAVAIL).
    NoPorts,
    /// The bound port already has a connection to this destination (EADDRNOTAVAIL).
    TupleInUse,
}

/// Why somebody for whom a host answers ([`crate::Stack::answer_for_all`]) is not to be had: what its ICMP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No route leads there (ENETUNREACH).
    Net,
    /// The host isn't there (EHOSTUNREACH).
    Host,
    /// Nobody listens on the port; of TCP a reset says so (ECONNREFUSED).
    Port,
    /// It is forbidden (EHOSTUNREACH; EACCES over IPv6).
    Prohibited,
    /// A link on the way takes only packets of this size (EMSGSIZE).
    TooLong(u32),
    /// It was too far for its TTL (EHOSTUNREACH).
    TooFar,
}

/// Why a socket's membership in a group is not what it was to be (ip(7), ipv6(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// It is in the group already (EADDRINUSE).
    IsMember,
    /// It is not in the group, the source is not in its list, or is there already (EADDRNOTAVAIL).
    NotMember,
    /// It is in too many groups, or too many sources are named (ENOBUFS).
    TooMany,
    /// There is no membership to change, or it is of the other kind (EINVAL).
    Invalid,
}

/// Why a datagram was not sent (send(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No such socket (EBADF).
    NoSocket,
    /// Neither connected nor told where to (EDESTADDRREQ).
    NoDestination,
    /// More than a datagram holds (EMSGSIZE).
    TooLong,
    /// No route leads there (ENETUNREACH).
    NoRoute,
    /// No address of ours to speak from (EADDRNOTAVAIL).
    NoSource,
    /// The bound source can't be used towards there (EINVAL).
    BadSource,
    /// It isn't what such a socket sends: too short for its header or its checksum (EINVAL).
    Malformed,
    /// No ephemeral port is free (EAGAIN, as Linux's udp(7) autobind says).
    NoPorts,
    /// There is no such interface (ENODEV).
    NoInterface,
    /// The data make too many datagrams (EINVAL).
    TooMany,
}

impl From<ConnectError> for SendError {
    fn from(error: ConnectError) -> SendError {
        match error {
            ConnectError::NoRoute => SendError::NoRoute,
            ConnectError::NoSource => SendError::NoSource,
            ConnectError::BadSource => SendError::BadSource,
            ConnectError::NoPorts | ConnectError::TupleInUse => SendError::NoPorts,
        }
    }
}

/// What happened to a datagram, mostly as ICMP said it: `icmp_err_convert`, `icmpv6_err_convert`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramError {
    /// Nobody listens there (ECONNREFUSED).
    PortUnreachable,
    /// The host does not know the protocol (ENOPROTOOPT).
    ProtocolUnreachable,
    /// There is no way to the host, or someone says that it must not be reached, or the way is too long (EHOSTUNREACH).
    HostUnreachable,
    /// There is no way to the network, or it is unknown (ENETUNREACH).
    NetUnreachable,
    /// The host is unknown (EHOSTDOWN).
    HostDown,
    /// Our host is isolated (ENONET).
    NoNet,
    /// A filter forbids it (EACCES; IPv6 only).
    Prohibited,
    /// The way given could not be gone (EOPNOTSUPP).
    SourceRoute,
    /// Something in its header is wrong (EPROTO).
    Parameter,
    /// It was too long for a link on the way (EMSGSIZE).
    TooLong,
}
