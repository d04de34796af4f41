//! Where frames leave the process: TUN and TAP devices of the kernel ([`Tun`]), and the bytes that cross them
//! ([`Codec`]), and capture files ([`CaptureWriter`], [`CaptureReader`]). Frames go in and come out as `wire`'s values,
//! super-segments whole.
//!
//! Not here yet: frames between processes, which use the same bytes.

mod capture;
mod codec;
mod interface;
mod tun;
mod vnet;

pub use capture::{CaptureError, CaptureInterface, CaptureReader, CaptureWriter, LinkType, Record, Seen};
pub use codec::{Codec, MAX_LEN, Unfit};
pub use tun::{Layer, Tun};
