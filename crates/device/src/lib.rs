//! Where frames leave the process: TUN and TAP devices of the kernel ([`Tun`]), and the bytes that cross them
//! ([`Codec`]), capture files ([`CaptureWriter`], [`CaptureReader`]), and rings in memory that two processes share
//! ([`ring`]). Frames go in and come out as `wire`'s values, super-segments whole.

mod capture;
mod codec;
mod interface;
pub mod ring;
mod tun;
mod vnet;

pub use capture::{CaptureError, CaptureInterface, CaptureReader, CaptureWriter, LinkType, Record, Seen};
pub use codec::{Codec, MAX_LEN, Unfit};
pub use tun::{Layer, Tun};
