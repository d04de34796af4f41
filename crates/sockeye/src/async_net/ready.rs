//! What a socket is ready for, as tokio's types tell it.

use sockeye_abi::Readiness;

pub use crate::poll::Interest;

/// What a socket is ready for, as `tokio::io::Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(pub(super) Readiness);

impl Ready {
    /// Something can be received or accepted, or the end was reached.
    pub fn is_readable(self) -> bool {
        self.0.intersects(Readiness::IN | Readiness::RDHUP | Readiness::HUP)
    }

    /// There is room to send, or an error to be met.
    pub fn is_writable(self) -> bool {
        self.0.intersects(Readiness::OUT | Readiness::ERR | Readiness::HUP)
    }

    /// There is urgent data (POLLPRI).
    pub fn is_priority(self) -> bool {
        self.0.contains(Readiness::PRI)
    }

    /// An error is pending (POLLERR).
    pub fn is_error(self) -> bool {
        self.0.contains(Readiness::ERR)
    }

    /// The peer sends no more; what came before is still to be read.
    pub fn is_read_closed(self) -> bool {
        self.0.intersects(Readiness::RDHUP | Readiness::HUP)
    }

    /// Nothing can be sent any more.
    pub fn is_write_closed(self) -> bool {
        self.0.contains(Readiness::HUP)
    }

    /// Nothing of these.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Waiting for readiness. It may be over by the time the call is made: then that gives `WouldBlock`.
macro_rules! ready_methods {
    () => {
        /// Waits until it is ready for something of the interest, or an error.
        pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
            self.open().ready(interest.0).await.map(Ready)
        }
    };
}

/// What those have that receive.
macro_rules! readable_methods {
    () => {
        /// Waits until there is something to receive, or the end.
        pub async fn readable(&self) -> io::Result<()> {
            self.open().ready(Interest::READABLE.0).await.map(drop)
        }
    };
}

/// What those have that send.
macro_rules! writable_methods {
    () => {
        /// Waits until there is room to send.
        pub async fn writable(&self) -> io::Result<()> {
            self.open().ready(Interest::WRITABLE.0).await.map(drop)
        }
    };
}

pub(super) use {readable_methods, ready_methods, writable_methods};
