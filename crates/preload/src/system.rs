//! System calls without a libc, and the errno of whichever libc the program has.

use core::arch::asm;

/// A call of which one `int` has this in its upper half is let through to the carrier, where the filter knows of it: the kernel looks
/// at the lower half alone.
pub const UNTRAPPED: u32 = 0x50cc_3e4e;

pub(crate) const READ_WRITE: usize = 3;
pub(crate) const SHARED: usize = 1;
const EFAULT: isize = 14;

/// The calls that are made, by their numbers on this machine.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Number {
    Close = 3,
    Mmap = 9,
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
    ProcessVmReadv = 310,
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
    Prctl = 167,
    GetPid = 172,
    Socket = 198,
    Bind = 200,
    Connect = 203,
    SetSockOpt = 208,
    GetSockOpt = 209,
    Mmap = 222,
    ProcessVmReadv = 270,
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
    let (local, remote) = ([buffer.as_mut_ptr().expose_provenance(), buffer.len()], [address, buffer.len()]);
    let pieces = |piece: &[usize; 2]| piece.as_ptr().expose_provenance();
    let me = call(Number::GetPid, [0; 6]) as usize;
    let read = call(Number::ProcessVmReadv, [me, pieces(&local), 1, pieces(&remote), 1, 0]);
    usize::try_from(read).map_err(|_| -read)
}

/// The `int` that a pointer of the program's leads to; EFAULT if there is none.
pub(crate) fn int_at(address: usize) -> Result<i32, isize> {
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
