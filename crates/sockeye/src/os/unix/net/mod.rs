//! Unix-domain sockets of the virtual host, with std's names and signatures: `use sockeye::os::unix::net::UnixStream` in
//! place of std's. [`crate::Socket`] has the rest: SEQPACKET, descriptors and credentials passed.
//!
//! Names live on the host that the caller has entered ([`crate::Host::enter`]): a path is a name like another there, and no
//! file. It outlives its socket until [`crate::Host::unlink`] takes it away. Directories and permissions are not modelled.
//!
//! ```
//! use std::io::{Read, Write};
//! use sockeye::Lab;
//! use sockeye::os::unix::net::{UnixListener, UnixStream};
//!
//! # fn main() -> std::io::Result<()> {
//! let host = Lab::new(1).host("a", ["10.0.0.1/24"])?;
//! let _entered = host.enter();
//! let listener = UnixListener::bind("/run/echo.sock")?;
//! let mut client = UnixStream::connect("/run/echo.sock")?;
//! let (mut server, _) = listener.accept()?;
//! client.write_all(b"kia ora")?;
//! let mut buffer = [0; 16];
//! let length = server.read(&mut buffer)?;
//! assert_eq!(&buffer[..length], b"kia ora");
//! # Ok(())
//! # }
//! ```

mod addr;
mod datagram;
mod listener;
mod stream;

pub use addr::SocketAddr;
pub(crate) use addr::path;
pub use datagram::UnixDatagram;
pub(crate) use listener::listening;
pub use listener::{Incoming, UnixListener};
pub use stream::UnixStream;
pub(crate) use stream::peer_credentials;

pub use crate::identity::Credentials;
