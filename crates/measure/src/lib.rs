//! Measuring: what the commands `sockeye bench …` and `sockeye serve` do, without their command lines and their printing.

#![deny(missing_docs)]

mod statistics;
pub mod stream;

pub use statistics::Summary;
