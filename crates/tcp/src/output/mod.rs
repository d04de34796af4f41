//! What to send: [`Tcb::decide`] and its parts.

mod build;
mod decide;
mod nagle;
mod probe;

pub use decide::Decision;
