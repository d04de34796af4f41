//! A network in a file (TOML): hosts, switches and links, what runs on the hosts, what happens to all of it and when, and
//! what is expected. Text goes in; a [`Topology`] in which every name means something comes out, or every problem with its
//! place. [`Topology::build`] makes a lab of it. Files that it names are the caller's to read.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod build;
mod calls;
mod explain;
mod model;
pub mod outside;
mod problem;
mod reach;
mod read;
mod simulate;
mod table;
pub mod value;

pub use build::{Built, Files, dns_zone};
pub use calls::{Call, Gave, Step};
pub use model::{
    Calls, Event, Expectations, File, Gateway, Host, Interface, Link, Plug, Program, Ready, Service,
    Topology, Traffic, What, Work,
};
pub use problem::{Problem, Problems};
pub use simulate::{Outcome, Said, Simulation, Talked, Watch};

#[cfg(test)]
mod tests;
