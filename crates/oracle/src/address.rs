//! `struct sockaddr` and control messages as bytes, and the ports' roles: no line of a behaviour shows a port by number.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, Range};

use sockeye_abi::{Address, UnixAddress, decode_sockaddr, encode_sockaddr};

/// A port below the ephemeral range, shown as `P`.
pub const P: u16 = 7001;
/// Another, shown as `Q`.
pub const Q: u16 = 7002;
/// Another, shown as `R`.
pub const R: u16 = 7003;
/// The ephemeral range, as Linux comes.
const EPHEMERAL: Range<u16> = 32_768..61_000;

/// A `struct sockaddr`, or part of one; shown by its meaning.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub Vec<u8>);

/// The address of a numeric host, IPv4 or IPv6, and a port.
///
/// # Panics
/// If the text is no address: a mistake in a behaviour.
pub fn at(host: &str, port: u16) -> Name {
    let ip: IpAddr = host.parse().unwrap_or_else(|_| panic!("{host} is no address"));
    Name(encode_sockaddr(&SocketAddr::new(ip, port)))
}

/// AF_UNSPEC, as long as a `sockaddr_in`.
pub fn unspecified() -> Name {
    Name(vec![0; 16])
}

/// A port as its role.
pub fn role(port: u16) -> String {
    match port {
        P => "P".to_owned(),
        Q => "Q".to_owned(),
        R => "R".to_owned(),
        port if EPHEMERAL.contains(&port) => "ephemeral".to_owned(),
        other => other.to_string(),
    }
}

/// Control messages as bytes (cmsg(3)): level, type, data.
pub fn control(messages: &[(i32, i32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (level, kind, data) in messages {
        out.extend((16 + data.len()).to_ne_bytes());
        out.extend(level.to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(*data);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// The control messages in bytes that a kernel wrote.
pub fn read_control(bytes: &[u8]) -> Vec<(i32, i32, Vec<u8>)> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some((head, _)) = rest.split_first_chunk::<16>() {
        let word = |at: usize| i32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let length = usize::from_ne_bytes(std::array::from_fn(|i| head[i]));
        let Some(data) = rest.get(16..length) else { break };
        found.push((word(8), word(12), data.to_vec()));
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    found
}

impl Name {
    /// Its port, if it is an Internet address.
    pub fn port(&self) -> Option<u16> {
        match decode_sockaddr(&self.0) {
            Ok(Address::Inet(address)) => Some(address.port()),
            _ => None,
        }
    }

    /// The same with another port.
    pub fn with_port(&self, port: u16) -> Name {
        match decode_sockaddr(&self.0) {
            Ok(Address::Inet(mut address)) => {
                address.set_port(port);
                Name(encode_sockaddr(&address))
            }
            _ => self.clone(),
        }
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        match decode_sockaddr(&self.0) {
            Ok(Address::Inet(SocketAddr::V4(v4))) => write!(f, "{}:{}", v4.ip(), role(v4.port())),
            Ok(Address::Inet(SocketAddr::V6(v6))) => {
                let scope = if v6.scope_id() == 0 { "" } else { "%scope" };
                write!(f, "[{}{scope}]:{}", v6.ip(), role(v6.port()))
            }
            Ok(Address::Unix(UnixAddress::Unnamed)) => f.write_str("unnamed"),
            Ok(Address::Unix(UnixAddress::Pathname(path))) => f.write_str(&path.escape_ascii().to_string()),
            Ok(Address::Unix(UnixAddress::Abstract(name))) => write!(f, "@{}", name.escape_ascii()),
            Ok(Address::Unspec) => f.write_str("AF_UNSPEC"),
            Ok(Address::Other(family)) => write!(f, "family {family}"),
            Err(_) => write!(f, "{:?}", self.0),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
