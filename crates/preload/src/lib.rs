//! What `sockeye run` preloads into dynamic programs (LD_PRELOAD), and what it and the supervisor share.
//!
//! The crate is compiled twice: as a library of the supervisor's, and, by its build script, as the object itself (`cfg(object)`),
//! whose functions then stand in front of libc's. The object is only ever a short cut: it depends on no library, keeps nothing of its
//! own, and whatever it can't do shortly it leaves to the call that it stands for. So a program that is without it
//! (static, or with an environment of its own) is served as well, and beside others.

#![no_std]

#[cfg(test)]
extern crate std;

mod accept;
mod accepts;
mod ask;
mod files;
mod names;
mod next;
mod options;
mod streams;
mod system;
mod table;

pub use accept::{accept, accept4};
pub use accepts::{Accepted, Accepts, PLACES};
pub use ask::{ASK, LINK, Question, Shared};
pub use files::{
    __lxstat, __lxstat64, __open_2, __open64_2, __openat_2, __openat64_2, __xstat, __xstat64, access,
    faccessat, fopen, fopen64, fstatat, fstatat64, lstat, lstat64, open, open64, openat, openat64, opendir,
    readlink, readlinkat, stat, stat64, statx,
};
pub use names::{Name, Stream, Waiting};
pub use options::setsockopt;
pub use streams::{carried_address, connect, is_counted, socket};
pub use system::UNTRAPPED;
pub use table::{Cork, SLOTS, Table};

/// The object, a file's bytes.
#[cfg(not(object))]
pub const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/object.so"));

#[cfg(object)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    system::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_needs_nothing_of_rusts() {
        let is = |name: &[u8]| OBJECT.windows(name.len()).any(|bytes| bytes == name);
        assert!(is(b"accept4") && !is(b"rust_eh_personality"));
    }
}
