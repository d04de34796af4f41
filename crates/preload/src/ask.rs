//! What the object asks the supervisor: by a call of `socket` with a family that no machine has, which is trapped as every other. Where no
//! supervisor answers it fails, and all is as if the object were not there.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use crate::accepts::Accepts;
use crate::system::{self, Number};
use crate::table::Table;

/// The family.
pub const ASK: i32 = 0x50cc;

/// A link can't be opened: who asks for it gets a folder where it has this name.
pub const LINK: &CStr = c".link";

/// What is asked for, by the call's second argument: each is answered with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Question {
    /// The memory of [`Shared`].
    Shared = 1,
    /// A file: its path at the third argument, as long as the fourth; the fifth is open(2)'s flags. EXDEV if the path is none of those that are shown,
    /// EAFNOSUPPORT if none is.
    File = 2,
}

impl Question {
    /// What the number stands for.
    pub fn of(number: i32) -> Option<Question> {
        [Question::Shared, Question::File].into_iter().find(|question| *question as i32 == number)
    }
}

/// The memory that programs share with their supervisor.
#[repr(C)]
pub struct Shared {
    /// What both say of carriers.
    pub carriers: Table,
    /// Connections that programs have accepted.
    pub accepts: Accepts,
    /// Not 0 if there are no files to be asked for.
    pub no_files: AtomicU32,
}

/// The memory of this process, once it was asked for; an address that is none if there is none.
static SHARED: AtomicPtr<Shared> = AtomicPtr::new(ptr::null_mut());

/// The shared memory, asked for at the first time.
pub(crate) fn shared() -> Option<&'static Shared> {
    let none = ptr::dangling_mut::<Shared>();
    let mut known = SHARED.load(Ordering::Acquire);
    if known.is_null() {
        known = map().unwrap_or(none);
        // Another thread may have asked, too: what it was given is the same memory.
        SHARED.store(known, Ordering::Release);
    }
    // SAFETY: it is a mapping as long as this, which is never unmapped, and any bytes are one.
    if known == none { None } else { unsafe { known.as_ref() } }
}

/// Whether it is known by now that there are no files to be asked for.
pub(crate) fn shows_no_files() -> bool {
    let known = SHARED.load(Ordering::Acquire);
    if known.is_null() || known == ptr::dangling_mut() {
        return false;
    }
    // SAFETY: as in `shared`.
    unsafe { (*known).no_files.load(Ordering::Relaxed) != 0 }
}

/// What is said of carriers.
pub(crate) fn table() -> Option<&'static Table> {
    shared().map(|shared| &shared.carriers)
}

fn map() -> Option<*mut Shared> {
    let asked = system::call(Number::Socket, [ASK as usize, Question::Shared as usize, 0, 0, 0, 0]);
    let memory = usize::try_from(asked).ok()?;
    let address =
        system::call(Number::Mmap, [0, size_of::<Shared>(), system::READ_WRITE, system::SHARED, memory, 0]);
    system::call(Number::Close, [memory, 0, 0, 0, 0, 0]);
    (address > 0).then(|| ptr::with_exposed_provenance_mut(address as usize))
}
