//! std's `SocketAddr` of Unix-domain sockets.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sockeye_abi::UnixAddress;

/// Bytes of a path or an abstract name that fit `struct sockaddr_un`, the NUL behind a path or before a name not counted.
const LONGEST: usize = 107;

/// The address of a Unix-domain socket, as [`std::os::unix::net::SocketAddr`].
#[derive(Clone, PartialEq, Eq)]
pub struct SocketAddr(pub(crate) UnixAddress);

impl SocketAddr {
    /// A path. `InvalidInput` if it is longer than 107 bytes or has a NUL in it.
    pub fn from_pathname<P: AsRef<Path>>(path: P) -> io::Result<SocketAddr> {
        self::path(path).map(SocketAddr)
    }

    /// A name of the abstract namespace. `InvalidInput` if it is longer than 107 bytes.
    pub fn from_abstract_name<N: AsRef<[u8]>>(name: N) -> io::Result<SocketAddr> {
        let name = name.as_ref();
        if name.len() > LONGEST {
            return Err(invalid("abstract socket name must be shorter than SUN_LEN"));
        }
        Ok(SocketAddr(UnixAddress::Abstract(name.to_vec())))
    }

    /// Whether it is no name.
    pub fn is_unnamed(&self) -> bool {
        self.0 == UnixAddress::Unnamed
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        match &self.0 {
            UnixAddress::Pathname(path) => Some(Path::new(OsStr::from_bytes(path))),
            UnixAddress::Unnamed | UnixAddress::Abstract(_) => None,
        }
    }

    /// The name in the abstract namespace, if it is one.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match &self.0 {
            UnixAddress::Abstract(name) => Some(name),
            UnixAddress::Unnamed | UnixAddress::Pathname(_) => None,
        }
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UnixAddress::Unnamed => f.write_str("(unnamed)"),
            UnixAddress::Pathname(path) => write!(f, "{:?} (pathname)", OsStr::from_bytes(path)),
            UnixAddress::Abstract(name) => write!(f, "\"{}\" (abstract)", name.escape_ascii()),
        }
    }
}

/// A path as std takes it: an empty one is no name.
pub(crate) fn path(path: impl AsRef<Path>) -> io::Result<UnixAddress> {
    match path.as_ref().as_os_str().as_bytes() {
        [] => Ok(UnixAddress::Unnamed),
        bytes if bytes.contains(&0) => Err(invalid("paths must not contain interior null bytes")),
        bytes if bytes.len() > LONGEST => Err(invalid("path must be shorter than SUN_LEN")),
        bytes => Ok(UnixAddress::Pathname(bytes.to_vec())),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
