//! Packet scripts in packetdrill's language. A script's text comes in; it is parsed and run against one virtual host
//! in virtual time: the script is the network and the program at once. Out comes whether everything was as the script
//! says, and if not, what the difference is.
//!
//! Not modelled: more than one remote machine, tunnels, files and pipes, shell commands that are no settings of the
//! host, Python beyond assertions about whole numbers.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod code;
mod failure;
mod names;
mod parse;
mod run;
mod setup;
mod syntax;

pub use failure::{Failure, FailureKind};
pub use parse::{define, parse};
pub use run::{Captured, run};
pub use syntax::Script;

/// Parses and runs a script.
///
/// # Errors
/// Why it did not pass.
pub fn check(text: &str) -> Result<(), Failure> {
    run(&parse(text)?).0
}
