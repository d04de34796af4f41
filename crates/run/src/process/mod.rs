//! The supervised processes, from outside: their memory, their descriptors, their family.

pub(crate) mod descriptors;
pub(crate) mod family;
pub(crate) mod memory;
pub(crate) mod sockets;
