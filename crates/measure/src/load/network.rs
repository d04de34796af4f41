//! What load goes over: the kernel's sockets under tokio, or Sockeye's on a host of it, in real or in virtual time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

/// What load goes over.
pub trait Network {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin;
    /// Ready when its time has come.
    type Sleep: Future<Output = ()>;

    /// Connects; the error is connect(2)'s.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Now, on a clock that only goes forward.
    fn now(&self) -> Duration;

    /// Waits until a moment of that clock.
    fn sleep_until(&self, at: Duration) -> Self::Sleep;
}

/// The kernel's sockets, in a runtime of tokio's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    began: tokio::time::Instant,
}

impl Kernel {
    /// `began`: when the clock was zero, the same for all threads of a run.
    pub(super) fn new(began: std::time::Instant) -> Kernel {
        Kernel { began: began.into() }
    }
}

impl Network for Kernel {
    type Stream = tokio::net::TcpStream;
    type Sleep = tokio::time::Sleep;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        // A request is one write, but a long one shouldn't wait with its end.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> Self::Sleep {
        tokio::time::sleep_until(self.began + at)
    }
}

/// Sockeye's sockets on the host that the caller has entered.
#[derive(Clone, Debug)]
pub struct Sockeye {
    began: sockeye::time::Instant,
}

impl Sockeye {
    /// On the host that the caller has entered, and later polls on.
    ///
    /// # Panics
    /// Outside of a host.
    pub fn here() -> Sockeye {
        Sockeye { began: sockeye::time::Instant::now() }
    }
}

impl Network for Sockeye {
    type Stream = sockeye::async_net::TcpStream;
    type Sleep = sockeye::time::Sleep;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = sockeye::async_net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> Self::Sleep {
        sockeye::time::sleep_until(self.began + at)
    }
}
