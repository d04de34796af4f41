//! What to send: [`Tcb::decide`] and its parts.

mod build;
mod decide;
mod limits;
mod nagle;
mod pacing;
mod probe;
mod sending;

pub use decide::Decision;
pub use limits::Limit;
pub(crate) use nagle::MOST_AT_ONCE;
pub use sending::Boundary;
pub(crate) use sending::Sending;
