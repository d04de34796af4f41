//! `socket` and `connect`: streams of TCP that the supervisor learns of when they are first used, and that are told of their connection
//! without a call.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::ask::table;
use crate::names::{Name, Stream};
use crate::next::Next;
use crate::system::{self, Number, UNTRAPPED, untrapped};

const AF_UNIX: usize = 1;
const AF_INET: c_int = 2;
const AF_INET6: c_int = 10;
const SOCK_STREAM: c_int = 1;
pub(crate) const SOCK_NONBLOCK: c_int = 0o4000;
pub(crate) const SOCK_CLOEXEC: c_int = 0o2_000_000;
const IPPROTO_TCP: c_int = 6;
const SOL_SOCKET: usize = 1;
const SO_COOKIE: usize = 57;
const PR_GET_DUMPABLE: usize = 3;
const F_GETFL: usize = 3;
const O_NONBLOCK: isize = 0o4000;
/// The addresses that `connect` takes are so long; the shortest is `sizeof(struct sockaddr_in)`.
const ADDRESS_MIN: u32 = 16;
const ADDRESS_MAX: u32 = 128;

/// A call of `connect` whose first argument has this in its uppermost quarter is counted in the next: made again after a signal it has the
/// same count, and another call another.
const COUNTED: u64 = 0x50cc;
/// The same, and its address, of [`CARRIED`] bytes, stands in two more arguments, at which the kernel doesn't look, and behind them
/// [`UNTRAPPED`]: what a program has left there by chance is no address.
const CARRYING: u64 = 0x50cd;
/// `sizeof(struct sockaddr_in)`.
const CARRIED: usize = 16;

/// socket(2).
#[cfg_attr(object, unsafe(no_mangle))]
pub extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    let made = stream(domain, kind, protocol).and_then(|stream| make(stream, kind));
    made.unwrap_or_else(|| {
        let arguments = [domain as usize, kind as usize, protocol as usize, 0, 0, 0];
        system::done(system::call(Number::Socket, arguments))
    })
}

/// The stream of TCP that is asked for, if it is one.
fn stream(domain: c_int, kind: c_int, protocol: c_int) -> Option<Stream> {
    let is_stream =
        kind & !(SOCK_NONBLOCK | SOCK_CLOEXEC) == SOCK_STREAM && [0, IPPROTO_TCP].contains(&protocol);
    match domain {
        AF_INET if is_stream => Some(Stream::Inet),
        AF_INET6 if is_stream => Some(Stream::Inet6),
        _ => None,
    }
}

/// Makes the carrier of a stream, with its name; `None` if that fails: the call knows the error.
fn make(stream: Stream, kind: c_int) -> Option<c_int> {
    table()?;
    // Who hides from the supervisor is to be told of it.
    if system::call(Number::Prctl, [PR_GET_DUMPABLE, 0, 0, 0, 0, 0]) != 1 {
        return None;
    }
    let made = system::call(Number::Socket, [AF_UNIX, kind as usize, 0, 0, 0, 0]);
    let fd = c_int::try_from(made).ok().filter(|&fd| fd >= 0)?;
    let named = cookie(fd).is_some_and(|cookie| bind(fd, Name::of_stream(cookie, stream).as_bytes()));
    if !named {
        system::call(Number::Close, [fd as usize, 0, 0, 0, 0, 0]);
    }
    named.then_some(fd)
}

/// Gives a carrier an abstract name.
fn bind(fd: c_int, name: &[u8]) -> bool {
    /// `struct sockaddr_un`: the family, and a zero byte before the name.
    const PATH: usize = 3;
    let mut address = [0; 32];
    address[..2].copy_from_slice(&(AF_UNIX as u16).to_ne_bytes());
    let length = PATH + name.len();
    let Some(place) = address.get_mut(PATH..length) else { return false };
    place.copy_from_slice(name);
    let at = address.as_ptr().expose_provenance();
    system::call(Number::Bind, [fd as usize, at, untrapped(length), 0, 0, 0]) == 0
}

/// connect(2).
///
/// # Safety
///
/// None is needed, but that another thread doesn't take the memory away meanwhile to which the pointer leads.
#[cfg_attr(object, unsafe(no_mangle))]
pub unsafe extern "C" fn connect(fd: c_int, address: *const c_void, length: u32) -> c_int {
    type Connect = unsafe extern "C" fn(c_int, *const c_void, u32) -> c_int;
    static NEXT: Next = Next::new(c"connect");
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let at = address.expose_provenance();
    let blocks = table().is_none() || !is_nonblocking(fd);
    // Who may have to wait can be cancelled there (pthreads(7)): that is libc's.
    // SAFETY: its type.
    if blocks && let Some(next) = unsafe { NEXT.get::<Connect>() } {
        // SAFETY: as we were called.
        return unsafe { next(fd, address, length) };
    }
    if is_told(fd, at, length).is_some() {
        return 0;
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut address = [0; CARRIED];
    let is_carried = length as usize == CARRIED && system::read_at(at, &mut address) == Ok(CARRIED);
    let arguments = counted((fd, at, length), count, is_carried.then_some(address));
    system::done(system::call(Number::Connect, arguments.map(|argument| argument as usize)))
}

/// The arguments of a counted call of `connect`.
fn counted((fd, at, length): (c_int, usize, u32), count: usize, address: Option<[u8; CARRIED]>) -> [u64; 6] {
    let mark = if address.is_some() { CARRYING } else { COUNTED };
    let first = mark << 48 | (count as u64 & 0xffff) << 32 | u64::from(fd as u32);
    let address = u128::from_ne_bytes(address.unwrap_or_default());
    [first, at as u64, length.into(), address as u64, (address >> 64) as u64, UNTRAPPED.into()]
}

/// Whether a call of `connect` with these arguments is counted.
pub fn is_counted(arguments: &[u64; 6]) -> bool {
    [COUNTED, CARRYING].contains(&(arguments[0] >> 48))
}

/// The address that a call of `connect` with these arguments carries.
pub fn carried_address(arguments: &[u64; 6]) -> Option<[u8; CARRIED]> {
    let &[first, _, length, low, high, last] = arguments;
    let is_carried =
        first >> 48 == CARRYING && length as u32 as usize == CARRIED && last == u64::from(UNTRAPPED);
    is_carried.then(|| (u128::from(low) | u128::from(high) << 64).to_ne_bytes())
}

/// Tells that a connection is there which was under way, if nothing is wrong with the call.
fn is_told(fd: c_int, address: usize, length: u32) -> Option<()> {
    let table = table()?;
    let cookie = cookie(fd).filter(|&cookie| table.is_untold(cookie))?;
    let mut copy = [0; ADDRESS_MAX as usize];
    let copy = copy.get_mut(..length as usize).filter(|_| length >= ADDRESS_MIN)?;
    let is_whole = system::read_at(address, copy).ok()? == copy.len();
    // AF_UNSPEC dissolves it.
    let is_address = [AF_INET, AF_INET6].contains(&c_int::from(u16::from_ne_bytes([copy[0], copy[1]])));
    (is_whole && is_address && table.tell(cookie)).then_some(())
}

pub(crate) fn is_nonblocking(fd: c_int) -> bool {
    let flags = system::call(Number::Fcntl, [fd as usize, F_GETFL, 0, 0, 0, 0]);
    flags >= 0 && flags & O_NONBLOCK != 0
}

/// By what the supervisor knows the carrier.
pub(crate) fn cookie(fd: c_int) -> Option<u64> {
    let (mut cookie, mut size) = (0u64, size_of::<u64>() as u32);
    let (cookie_at, size_at) = ((&raw mut cookie).expose_provenance(), (&raw mut size).expose_provenance());
    let level = untrapped(SOL_SOCKET);
    let told = system::call(Number::GetSockOpt, [fd as usize, level, SO_COOKIE, cookie_at, size_at, 0]);
    (told == 0).then_some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_its_address() {
        let address = *b"\x02\x00\x00\x50\x0a\x3d\x00\xfe\x00\x00\x00\x00\xff\x00\x00\x80";
        let arguments = counted((3, 0x7000, 16), 0x1_0007, Some(address));
        assert_eq!(arguments[..3], [0x50cd_0007_0000_0003, 0x7000, 16]);
        assert!(is_counted(&arguments));
        assert_eq!(carried_address(&arguments), Some(address));
        let [first, at, _, low, high, last] = arguments;
        assert_eq!(carried_address(&[first, at, 28, low, high, last]), None);
        assert_eq!(carried_address(&[first, at, 16, low, high, 0]), None);
        let arguments = counted((3, 0x7000, 28), 7, None);
        assert!(is_counted(&arguments));
        assert_eq!(carried_address(&arguments), None);
        assert!(!is_counted(&[3, 0x7000, 16, 0, 0, 0]));
    }
}
