//! `accept`: the kernel's own, on the carrier. Who the peer is, its end's name says.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;

use crate::accepts::{Accepted, Accepts};
use crate::ask::shared;
use crate::names::Waiting;
use crate::next::Next;
use crate::streams::{SOCK_CLOEXEC, SOCK_NONBLOCK, cookie, is_nonblocking};
use crate::system::{self, Number, untrapped};

/// `sizeof(struct sockaddr_un)`, and where its name begins, behind a zero byte.
const ADDRESS: usize = 110;
const NAME: usize = 3;
/// `sizeof(struct stat)`, and where the inode stands.
const STAT: usize = 144;
const INODE: usize = 8;
const EFAULT: c_int = -14;

/// accept(2).
///
/// # Safety
///
/// None is needed, but that another thread doesn't take the memory away meanwhile to which the pointers lead.
#[cfg_attr(object, unsafe(no_mangle))]
pub unsafe extern "C" fn accept(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    type Accept = unsafe extern "C" fn(c_int, *mut c_void, *mut u32) -> c_int;
    static NEXT: Next = Next::new(c"accept");
    if let Some(accepted) = shortly(fd, (address, length), 0) {
        return system::done(accepted as isize);
    }
    // Who may have to wait can be cancelled there (pthreads(7)): that is libc's.
    // SAFETY: its type.
    match unsafe { NEXT.get::<Accept>() } {
        // SAFETY: as we were called.
        Some(next) => unsafe { next(fd, address, length) },
        None => trapped(fd, (address, length), 0),
    }
}

/// accept4(2).
///
/// # Safety
///
/// None is needed, but that another thread doesn't take the memory away meanwhile to which the pointers lead.
#[cfg_attr(object, unsafe(no_mangle))]
pub unsafe extern "C" fn accept4(fd: c_int, address: *mut c_void, length: *mut u32, flags: c_int) -> c_int {
    type Accept4 = unsafe extern "C" fn(c_int, *mut c_void, *mut u32, c_int) -> c_int;
    static NEXT: Next = Next::new(c"accept4");
    if let Some(accepted) = shortly(fd, (address, length), flags) {
        return system::done(accepted as isize);
    }
    // SAFETY: its type.
    match unsafe { NEXT.get::<Accept4>() } {
        // SAFETY: as we were called.
        Some(next) => unsafe { next(fd, address, length, flags) },
        None => trapped(fd, (address, length), flags),
    }
}

fn trapped(fd: c_int, (address, length): (*mut c_void, *mut u32), flags: c_int) -> c_int {
    let (address, length) = (address.expose_provenance(), length.expose_provenance());
    system::done(system::call(Number::Accept4, [fd as usize, address, length, flags as u32 as usize, 0, 0]))
}

/// Accepts a connection that waits, of a listener that doesn't block: its descriptor, or a negative errno. `None`: by a call.
fn shortly(fd: c_int, (address, length): (*mut c_void, *mut u32), flags: c_int) -> Option<c_int> {
    let shared = shared()?;
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 || !is_nonblocking(fd) {
        return None;
    }
    if !shared.carriers.listens(cookie(fd)?) {
        return None;
    }
    // What can't be told to the program is for the call to find out.
    let room = match address.is_null() {
        true => 0,
        false => usize::try_from(system::int_at(length.expose_provenance()).ok()?).ok()?,
    };
    let (new, waiting) = take(fd, flags, &shared.accepts)?;
    let Some(cookie) = cookie(new) else {
        close(new);
        return None;
    };
    let mut about = [MaybeUninit::<u8>::uninit(); STAT];
    let looked =
        system::call(Number::Fstat, [new as usize, about.as_mut_ptr().expose_provenance(), 0, 0, 0, 0]);
    // SAFETY: the kernel has filled it, or it is not looked at.
    let inode =
        (looked == 0).then(|| unsafe { about.as_ptr().byte_add(INODE).cast::<u64>().read_unaligned() });
    let process = system::call(Number::GetPid, [0; 6]) as u32;
    let accepted = Accepted { end: waiting.end, cookie, inode: inode.unwrap_or(0), process, fd: new };
    shared.accepts.say(waiting.place, accepted);
    if !address.is_null() {
        let peer = waiting.address();
        let told = peer.get(..room.min(peer.len())).unwrap_or_default();
        let whole = (peer.len() as u32).to_ne_bytes();
        let pieces = [(address.expose_provenance(), told), (length.expose_provenance(), &whole[..])];
        if system::write_at(pieces).is_err() {
            // As in the kernel: the connection is lost.
            close(new);
            return Some(EFAULT);
        }
    }
    Some(new)
}

/// Takes the next connection out of the carrier's queue. Anybody may connect to an abstract name: who isn't the supervisor is let go.
fn take(fd: c_int, flags: c_int, accepts: &Accepts) -> Option<(c_int, Waiting)> {
    loop {
        let (mut address, mut length) = ([0u8; ADDRESS], ADDRESS as u32);
        let (at, length_at) =
            (address.as_mut_ptr().expose_provenance(), (&raw mut length).expose_provenance());
        let arguments = [fd as usize, at, length_at, untrapped(flags as u32 as usize), 0, 0];
        let new = c_int::try_from(system::call(Number::Accept4, arguments)).ok().filter(|&new| new >= 0)?;
        let name = address.get(NAME..length as usize).filter(|_| address[NAME - 1] == 0);
        match name.and_then(Waiting::read) {
            Some(waiting) if accepts.expects(waiting.place, waiting.end) => return Some((new, waiting)),
            _ => close(new),
        }
    }
}

fn close(fd: c_int) {
    system::call(Number::Close, [fd as usize, 0, 0, 0, 0, 0]);
}
