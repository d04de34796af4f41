//! `setsockopt`: TCP_CORK without a call of the supervisor's.

use core::ffi::{c_int, c_void};

use crate::ask::table;
use crate::streams::cookie;
use crate::system::{self, Number, untrapped};

const IPPROTO_TCP: c_int = 6;
const TCP_CORK: c_int = 3;
const SIOCOUTQ: usize = 0x5411;

/// setsockopt(2).
///
/// # Safety
///
/// None is needed, but that another thread doesn't take the memory away meanwhile to which the pointer leads.
#[cfg_attr(object, unsafe(no_mangle))]
pub unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: u32,
) -> c_int {
    let value = value.expose_provenance();
    if (level, name) == (IPPROTO_TCP, TCP_CORK) && length as c_int >= 4 && cork(fd, value).is_some() {
        return 0;
    }
    let arguments = [fd as usize, level as usize, name as usize, value, length as usize, 0];
    system::done(system::call(Number::SetSockOpt, arguments))
}

/// Sets the cork or takes it away in the table, if that is all there is to do.
fn cork(fd: c_int, value: usize) -> Option<()> {
    let table = table()?;
    let cookie = cookie(fd)?;
    // An address that is none is the call's to tell of.
    let done = if system::int_at(value).ok()? == 0 {
        table.open(cookie)
    } else {
        // What was written before the cork is not to stay behind it.
        has_all_been_read(fd) && table.shut(cookie)
    };
    done.then_some(())
}

/// Whether nothing is on its way from the program to the supervisor.
fn has_all_been_read(fd: c_int) -> bool {
    let mut unread: c_int = 0;
    let at = (&raw mut unread).expose_provenance();
    system::call(Number::Ioctl, [fd as usize, untrapped(SIOCOUTQ), at, 0, 0, 0]) == 0 && unread == 0
}
