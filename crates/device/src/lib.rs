//! Where frames leave the process: TUN and TAP devices of the kernel ([`Tun`]), and the bytes that cross them
//! ([`Codec`]). Frames go in and come out as `wire`'s values, super-segments whole.
//!
//! Not here yet: capture files, and frames between processes, which use the same bytes.

mod codec;
mod interface;
mod tun;
mod vnet;

pub use codec::{Codec, MAX_LEN, Unfit};
pub use tun::{Layer, Tun};
