//! System calls without a libc, and the errno of whichever libc the program has.

use core::arch::asm;
use core::ptr;

/// A call of which one `int` has this in its upper half is let through to the carrier, where the filter knows of it: the kernel looks
/// at the lower half alone.
pub const UNTRAPPED: u32 = 0x50cc_3e4e;

pub(crate) const READ_WRITE: usize = 3;
pub(crate) const SHARED: usize = 1;
const EFAULT: isize = 14;
const EINVAL: isize = 22;
/// No page is smaller.
const PAGE: usize = 4096;
/// `sizeof(sigset_t)`, as the kernel has it.
const WORD: usize = 8;

/// The calls that are made, by their numbers on this machine.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Number {
    Close = 3,
    Fstat = 5,
    Mmap = 9,
    RtSigProcMask = 14,
    Ioctl = 16,
    GetPid = 39,
    Socket = 41,
    Connect = 42,
    Bind = 49,
    SetSockOpt = 54,
    GetSockOpt = 55,
    Fcntl = 72,
    Prctl = 157,
    OpenAt = 257,
    NewFstatAt = 262,
    ReadLinkAt = 267,
    FaccessAt = 269,
    Accept4 = 288,
    ProcessVmReadv = 310,
    ProcessVmWritev = 311,
    Statx = 332,
    FaccessAt2 = 439,
}

/// The calls that are made, by their numbers on this machine.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Number {
    Fcntl = 25,
    Ioctl = 29,
    FaccessAt = 48,
    OpenAt = 56,
    Close = 57,
    ReadLinkAt = 78,
    NewFstatAt = 79,
    Fstat = 80,
    RtSigProcMask = 135,
    Prctl = 167,
    GetPid = 172,
    Socket = 198,
    Bind = 200,
    Connect = 203,
    SetSockOpt = 208,
    GetSockOpt = 209,
    Mmap = 222,
    Accept4 = 242,
    ProcessVmReadv = 270,
    ProcessVmWritev = 271,
    Statx = 291,
    FaccessAt2 = 439,
}

/// Makes a call: its value, or a negative errno.
#[inline(always)]
pub(crate) fn call(number: Number, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let outcome: isize;
    // SAFETY: who passes an address answers for what lies there; the kernel changes no other register.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number as usize as isize => outcome, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number as usize, inlateout("x0") a => outcome, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
             in("x5") f, options(nostack));
    }
    outcome
}

/// An argument with the mark that the filter knows.
pub(crate) fn untrapped(argument: usize) -> usize {
    (UNTRAPPED as usize) << 32 | argument
}

/// Ends a libc function as libc's own would.
pub(crate) fn done(outcome: isize) -> i32 {
    long_done(outcome) as i32
}

/// The same of one whose value is a length.
pub(crate) fn long_done(outcome: isize) -> isize {
    unsafe extern "C" {
        fn __errno_location() -> *mut i32;
    }
    if outcome >= 0 {
        return outcome;
    }
    // SAFETY: the place of this thread's errno, which every libc has under this name.
    unsafe { *__errno_location() = -outcome as i32 };
    -1
}

/// Copies what a pointer of the program's leads to, and says how much of it there is: what can't be reached is not looked at.
pub(crate) fn read_at(address: usize, buffer: &mut [u8]) -> Result<usize, isize> {
    let length = buffer.len();
    // What can be read at both ends of less than a page can be between them.
    if (WORD..PAGE).contains(&length) && is_readable(address) && is_readable(address + length - WORD) {
        let from = ptr::with_exposed_provenance::<u8>(address);
        // SAFETY: it can be read. (A program that takes its memory away meanwhile would have harmed itself anyway.)
        unsafe { ptr::copy(from, buffer.as_mut_ptr(), length) };
        return Ok(length);
    }
    copy(Number::ProcessVmReadv, [[buffer.as_mut_ptr().expose_provenance(), length]], [[address, length]])
}

/// Copies bytes to where pointers of the program's lead; EFAULT if not all of them can be there.
pub(crate) fn write_at<const N: usize>(pieces: [(usize, &[u8]); N]) -> Result<(), isize> {
    let local = pieces.map(|(_, bytes)| [bytes.as_ptr().expose_provenance(), bytes.len()]);
    let remote = pieces.map(|(address, bytes)| [address, bytes.len()]);
    match copy(Number::ProcessVmWritev, local, remote) {
        Ok(written) if written == pieces.iter().map(|(_, bytes)| bytes.len()).sum() => Ok(()),
        Ok(_) | Err(EFAULT) => Err(EFAULT),
        // A filter of the program's own refuses the call.
        Err(_) => {
            for (address, bytes) in pieces {
                let to = ptr::with_exposed_provenance_mut::<u8>(address);
                // SAFETY: as the program has said.
                unsafe { ptr::copy(bytes.as_ptr(), to, bytes.len()) };
            }
            Ok(())
        }
    }
}

/// Copies between this process and itself, by the kernel, which looks at every address.
fn copy<const N: usize>(
    how: Number,
    local: [[usize; 2]; N],
    remote: [[usize; 2]; N],
) -> Result<usize, isize> {
    let at = |pieces: &[[usize; 2]; N]| pieces.as_ptr().expose_provenance();
    let me = call(Number::GetPid, [0; 6]) as usize;
    let copied = call(how, [me, at(&local), N, at(&remote), N, 0]);
    usize::try_from(copied).map_err(|_| -copied)
}

/// Whether a word can be read there: asked of a call that reads a set of signals, and then finds that it isn't told what to do with it.
fn is_readable(address: usize) -> bool {
    const NOTHING: usize = usize::MAX;
    address != 0 && call(Number::RtSigProcMask, [NOTHING, address, 0, WORD, 0, 0]) == -EINVAL
}

/// The `int` that a pointer of the program's leads to; EFAULT if there is none.
pub(crate) fn int_at(address: usize) -> Result<i32, isize> {
    if is_readable(address) {
        // SAFETY: more than an int can be read there, wherever it begins.
        return Ok(unsafe { ptr::with_exposed_provenance::<i32>(address).read_unaligned() });
    }
    let mut value = [0; 4];
    let read = read_at(address, &mut value)?;
    if read == value.len() { Ok(i32::from_ne_bytes(value)) } else { Err(EFAULT) }
}

/// Ends the process: a bug.
#[cfg(object)]
pub(crate) fn abort() -> ! {
    loop {
        // SAFETY: an instruction that is none.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!("ud2");
        }
        // SAFETY: the same.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            asm!("udf #0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reached_is_not_looked_at() {
        let map = [0, 2 * PAGE, READ_WRITE, 0x22, usize::MAX, 0];
        let pages = call(Number::Mmap, map) as usize;
        // The second page is another's now, who lets nobody read.
        let forbidden = [pages + PAGE, PAGE, 0, 0x32, usize::MAX, 0];
        assert_eq!(call(Number::Mmap, forbidden) as usize, pages + PAGE);
        let end = pages + PAGE;
        assert_eq!(write_at([(end - 12, b"abcdefgh"), (end - 4, &7i32.to_ne_bytes())]), Ok(()));
        assert_eq!(
            (int_at(end - 4), int_at(end - 3), int_at(end), int_at(0)),
            (Ok(7), Err(EFAULT), Err(EFAULT), Err(EFAULT))
        );
        let mut buffer = [0; 12];
        assert_eq!((read_at(end - 12, &mut buffer), &buffer[..8]), (Ok(12), &b"abcdefgh"[..]));
        assert_eq!((read_at(end - 8, &mut buffer), &buffer[..4]), (Ok(8), &b"efgh"[..]));
        assert_eq!(read_at(end, &mut buffer), Err(EFAULT));
        assert_eq!(write_at([(end - 4, b"abcdefgh")]), Err(EFAULT));
    }
}
