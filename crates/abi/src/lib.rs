//! Linux's numbers and bytes: errno, sockaddr, flags, ioctl numbers, netlink messages, the option table. What programs say in integers
//! and byte strings is decoded here, once, at the door; below it everything is typed. Knows no socket's state and makes
//! no system call. Integers are in the machine's order.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

pub mod absent;
mod address;
mod control;
mod errno;
mod flags;
mod ifreq;
pub mod ioctl;
pub mod netlink;
mod option;
mod request;
mod tcp_info;

pub use address::{
    Address, UnixAddress, decode_bind, decode_connect, decode_destination, decode_sockaddr, decode_unix,
    encode_sockaddr, encode_unix,
};
pub use control::{Control, Credentials, ExtendedError, Numbers, Origin, PktInfo, PktInfo6};
pub use errno::Errno;
pub use flags::{How, MESSAGE_FLAGS, MessageFlags, Readiness, Use};
pub use ifreq::{Hardware, Ifreq, InterfaceFlags};
pub use option::{
    Access, Device, GroupFilter, GroupRequest, Kind, Layout, OPTIONS, Opt, Row, SOL_SOCKET, Sockets, State,
    Value, decode_get, decode_question, decode_set, decode_value, encode_value, lookup, value_size,
};
pub use request::{Family, Request, SocketType, Transport};
pub use tcp_info::TcpInfo;
