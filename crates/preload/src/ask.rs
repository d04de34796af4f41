//! What the object asks the supervisor: by a call of `socket` with a family that no machine has, which is trapped as every other. Where no
//! supervisor answers it fails, and all is as if the object were not there.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

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
    /// The memory of the table of corks.
    Corks = 1,
    /// A file: its path at the third argument, as long as the fourth; the fifth is open(2)'s flags. EXDEV if the path is none of those that are shown,
    /// EAFNOSUPPORT if none is.
    File = 2,
}

impl Question {
    /// What the number stands for.
    pub fn of(number: i32) -> Option<Question> {
        [Question::Corks, Question::File].into_iter().find(|question| *question as i32 == number)
    }
}

/// The table of this process, once it was asked for; an address that is none if there is no table.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

/// The table of corks, asked for at the first time.
pub(crate) fn table() -> Option<&'static Table> {
    let none = ptr::dangling_mut::<Table>();
    let mut known = TABLE.load(Ordering::Acquire);
    if known.is_null() {
        known = map().unwrap_or(none);
        // Another thread may have asked, too: its table is the same memory.
        TABLE.store(known, Ordering::Release);
    }
    // SAFETY: it is a mapping as long as a table, which is never unmapped, and any bytes are a table.
    if known == none { None } else { unsafe { known.as_ref() } }
}

fn map() -> Option<*mut Table> {
    let asked = system::call(Number::Socket, [ASK as usize, Question::Corks as usize, 0, 0, 0, 0]);
    let memory = usize::try_from(asked).ok()?;
    let address =
        system::call(Number::Mmap, [0, size_of::<Table>(), system::READ_WRITE, system::SHARED, memory, 0]);
    system::call(Number::Close, [memory, 0, 0, 0, 0, 0]);
    (address > 0).then(|| ptr::with_exposed_provenance_mut(address as usize))
}
