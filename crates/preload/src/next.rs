//! The functions that those of the object stand in front of, as dlsym(3) finds them.

use core::arch::asm;
use core::ffi::{CStr, c_char, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

/// "The next one behind the caller."
const RTLD_NEXT: *mut c_void = core::ptr::without_provenance_mut(usize::MAX);
/// It was looked for, and is not there.
const NONE: usize = 1;

/// A function, looked for when it is called first.
pub(crate) struct Next {
    name: &'static CStr,
    address: AtomicUsize,
}

impl Next {
    pub(crate) const fn new(name: &'static CStr) -> Next {
        Next { name, address: AtomicUsize::new(0) }
    }

    /// The function; `None` where it can't be found.
    ///
    /// # Safety
    ///
    /// `F` is the type of a pointer to it.
    pub(crate) unsafe fn get<F: Copy>(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<usize>()) };
        let mut address = self.address.load(Ordering::Acquire);
        if address == 0 {
            address = find(self.name).unwrap_or(NONE);
            self.address.store(address, Ordering::Release);
        }
        // SAFETY: an address that dlsym gave, of a function of this type.
        (address != NONE)
            .then(|| unsafe { core::mem::transmute_copy(&core::ptr::with_exposed_provenance::<()>(address)) })
    }
}

fn find(name: &CStr) -> Option<usize> {
    type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    let dlsym: usize;
    // Before glibc 2.34 not every program has dlsym: a weak name may lead nowhere.
    // SAFETY: reads an address that the loader has put there.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(".weak dlsym", "mov {0}, qword ptr [rip + dlsym@GOTPCREL]", out(reg) dlsym, options(nostack, pure, readonly));
    }
    // SAFETY: the same.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(".weak dlsym", "adrp {0}, :got:dlsym", "ldr {0}, [{0}, :got_lo12:dlsym]", out(reg) dlsym, options(nostack, pure, readonly));
    }
    if dlsym == 0 {
        return None;
    }
    // SAFETY: it is libc's dlsym, and the name ends.
    let found = unsafe {
        let dlsym: Dlsym = core::mem::transmute(core::ptr::with_exposed_provenance::<()>(dlsym));
        dlsym(RTLD_NEXT, name.as_ptr())
    };
    Some(found.expose_provenance()).filter(|&address| address != 0)
}
