//! What the fuzzers do with their bytes: a function per target of `fuzz/`, which panics if something that must hold
//! does not. `cargo nextest` runs the same functions on the inputs under `fuzz/corpus`.

#![forbid(unsafe_code)]

mod capture;
mod frames;
mod network;
mod packet;
mod reader;
mod script;
mod segments;

pub use capture::capture;
pub use frames::frames;
pub use network::network;
pub use packet::packet;
pub use script::script;
pub use segments::segments;

/// What is done with an input.
pub type Target = fn(&[u8]);

/// Every target, by the name it has in `fuzz/`.
pub const TARGETS: [(&str, Target); 6] = [
    ("capture", capture),
    ("frames", frames),
    ("network", network),
    ("packet", packet),
    ("script", script),
    ("segments", segments),
];
