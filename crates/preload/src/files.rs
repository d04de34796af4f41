//! The calls that open, list and look at files: what lies in `/proc/net`, `/proc/sys/net` and `/sys/class/net` comes from the supervisor, where
//! no mount shows it. Each such call asks for a descriptor of the file, and goes on with that. All other files are libc's.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::ask::{ASK, LINK, Question, shows_no_files};
use crate::next::Next;
use crate::system::{self, Number};

const AT_FDCWD: c_int = -100;
const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
const AT_EMPTY_PATH: c_int = 0x1000;
const O_WRONLY: c_int = 1;
const O_RDWR: c_int = 2;
const O_CREAT: c_int = 0o100;
const O_EXCL: c_int = 0o200;
const O_TRUNC: c_int = 0o1000;
const O_APPEND: c_int = 0o2000;
const O_CLOEXEC: c_int = 0x8_0000;
const O_NONBLOCK: c_int = 0o4000;
const O_PATH: c_int = 0x20_0000;
#[cfg(target_arch = "x86_64")]
const O_DIRECTORY: c_int = 0x1_0000;
#[cfg(target_arch = "x86_64")]
const O_NOFOLLOW: c_int = 0x2_0000;
#[cfg(target_arch = "aarch64")]
const O_DIRECTORY: c_int = 0x4000;
#[cfg(target_arch = "aarch64")]
const O_NOFOLLOW: c_int = 0x8000;

/// Longer paths lead nowhere that is shown.
const PATH_MAX: usize = 255;
/// What tells that a path is none of the supervisor's, and that it shows no files at all.
const NOT_SHOWN: isize = -18;
const NOTHING_SHOWN: isize = -97;
/// What reading a link by its descriptor says of a file that is none, and what it should.
const ENOENT: isize = -2;
const ENOTDIR: isize = -20;
const EINVAL: isize = -22;

/// No files are shown: nobody need be asked again.
static NOTHING: AtomicBool = AtomicBool::new(false);

/// Asks for a file: a new descriptor or a negative errno; `None` where it is libc's.
fn asked(path: *const c_char, flags: c_int) -> Option<isize> {
    if NOTHING.load(Ordering::Relaxed) || shows_no_files() {
        return None;
    }
    let mut copy = [0u8; PATH_MAX + 1];
    let read = system::read_at(path.expose_provenance(), &mut copy).ok()?;
    let read = copy.get(..read)?;
    let path = read.get(..read.iter().position(|&byte| byte == 0)?)?;
    if !may_be_shown(path) {
        return None;
    }
    let at = copy.as_ptr().expose_provenance();
    let question = [ASK as usize, Question::File as usize, at, path.len(), flags as usize, 0];
    match system::call(Number::Socket, question) {
        NOT_SHOWN => None,
        NOTHING_SHOWN => {
            NOTHING.store(true, Ordering::Relaxed);
            None
        }
        answer => Some(answer),
    }
}

/// Whether a path leads, as it is written, to where files are shown.
fn may_be_shown(path: &[u8]) -> bool {
    let ends = |rest: Option<&[u8]>| rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let after = |folder: &[u8]| ends(path.strip_prefix(folder));
    if after(b"/proc/net")
        || after(b"/proc/sys/net")
        || after(b"/sys/class/net")
        || after(b"/sys/devices/virtual/net")
    {
        return true;
    }
    let Some(rest) = path.strip_prefix(b"/proc/") else { return false };
    let end = rest.iter().position(|&byte| byte == b'/');
    let Some((process, rest)) = end.and_then(|end| rest.split_at_checked(end)) else { return false };
    let is_process =
        process == b"self" || process == b"thread-self" || process.iter().all(u8::is_ascii_digit);
    is_process && ends(rest.strip_prefix(b"/net"))
}

/// Makes a call about a file: by its path, or where it is asked for by a descriptor and no path, or one of a link and that's name.
fn look(at: c_int, path: *const c_char, follow: bool, call: impl Fn(usize, usize, c_int) -> isize) -> isize {
    let flags = O_PATH | O_CLOEXEC | if follow { 0 } else { O_NOFOLLOW };
    let Some(asked) = asked(path, flags) else { return call(at as usize, path.expose_provenance(), 0) };
    let Ok(fd) = usize::try_from(asked) else { return asked };
    let by = |name: &CStr, more| call(fd, name.as_ptr().expose_provenance(), more);
    let outcome = match if follow { ENOENT } else { by(LINK, AT_SYMLINK_NOFOLLOW) } {
        ENOENT | ENOTDIR => by(c"", AT_EMPTY_PATH),
        outcome => outcome,
    };
    system::call(Number::Close, [fd, 0, 0, 0, 0, 0]);
    outcome
}

fn follows(flags: c_int) -> bool {
    flags & AT_SYMLINK_NOFOLLOW == 0
}

fn stat_at(at: c_int, path: *const c_char, to: *mut c_void, flags: c_int) -> c_int {
    let to = to.expose_provenance();
    let stat =
        |at, path, more| system::call(Number::NewFstatAt, [at, path, to, (flags | more) as usize, 0, 0]);
    system::done(look(at, path, follows(flags), stat))
}

fn access_at(at: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
    let access = |at, path, more| {
        let number = if flags | more == 0 { Number::FaccessAt } else { Number::FaccessAt2 };
        system::call(number, [at, path, mode as usize, (flags | more) as usize, 0, 0])
    };
    system::done(look(at, path, follows(flags), access))
}

fn link_at(at: c_int, path: *const c_char, to: *mut c_char, size: usize) -> isize {
    let to = to.expose_provenance();
    let read = |at, path, more| match system::call(Number::ReadLinkAt, [at, path, to, size, 0, 0]) {
        ENOENT if more == AT_EMPTY_PATH => EINVAL,
        outcome => outcome,
    };
    system::long_done(look(at, path, false, read))
}

fn open_at(at: c_int, path: *const c_char, flags: c_int, mode: u32) -> isize {
    system::call(Number::OpenAt, [at as usize, path.expose_provenance(), flags as usize, mode as usize, 0, 0])
}

unsafe extern "C" {
    fn fdopen(fd: c_int, mode: *const c_char) -> *mut c_void;
    fn fdopendir(fd: c_int) -> *mut c_void;
}

/// A stream of what was opened.
fn stream(opened: isize, mode: *const c_char) -> *mut c_void {
    let fd = system::done(opened);
    if fd < 0 {
        return core::ptr::null_mut();
    }
    // SAFETY: a descriptor of our own, and the mode that `fopen` was given.
    let stream = unsafe { fdopen(fd, mode) };
    if stream.is_null() {
        system::call(Number::Close, [fd as usize, 0, 0, 0, 0, 0]);
    }
    stream
}

/// What `open` is told by a mode of `fopen`.
fn flags_of(mode: *const c_char) -> c_int {
    // SAFETY: `fopen` takes a string that ends.
    let mode = unsafe { CStr::from_ptr(mode) }.to_bytes();
    let has = |letter: u8| mode.iter().take_while(|&&byte| byte != b',').any(|&byte| byte == letter);
    let how = match mode.first() {
        Some(b'w') => O_WRONLY | O_CREAT | O_TRUNC,
        Some(b'a') => O_WRONLY | O_CREAT | O_APPEND,
        _ => 0,
    };
    let how = if has(b'+') { how & !O_WRONLY | O_RDWR } else { how };
    how | if has(b'e') { O_CLOEXEC } else { 0 } | if has(b'x') { O_EXCL } else { 0 }
}

/// Functions under the several names that libc has for them.
macro_rules! under_names {
    ($($($name:ident)* => $what:literal ($($argument:ident: $kind:ty),*) -> $value:ty { $($body:tt)* })*) => {
        $(under_names!(each [$($name)*] $what [$($argument: $kind),*] $value { $($body)* });)*
    };
    (each [$($name:ident)*] $what:literal $arguments:tt $value:ty $body:block) => {
        $(under_names!(one $name $what $arguments $value $body);)*
    };
    (one $name:ident $what:literal [$($argument:ident: $kind:ty),*] $value:ty $body:block) => {
        #[doc = $what]
        ///
        /// # Safety
        ///
        /// As libc's.
        #[cfg_attr(object, unsafe(no_mangle))]
        pub unsafe extern "C" fn $name($($argument: $kind),*) -> $value $body
    };
}

under_names! {
    open open64 => "open(2)" (path: *const c_char, flags: c_int, mode: u32) -> c_int {
        static NEXT: Next = Next::new(c"open");
        type Open = unsafe extern "C" fn(*const c_char, c_int, ...) -> c_int;
        match asked(path, flags) {
            Some(asked) => system::done(asked),
            // SAFETY: libc's own function, and what it was called with.
            None => match unsafe { NEXT.get::<Open>() } {
                // SAFETY: the same.
                Some(open) => unsafe { open(path, flags, mode) },
                None => system::done(open_at(AT_FDCWD, path, flags, mode)),
            },
        }
    }
    openat openat64 => "openat(2)" (at: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
        static NEXT: Next = Next::new(c"openat");
        type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, ...) -> c_int;
        match asked(path, flags) {
            Some(asked) => system::done(asked),
            // SAFETY: libc's own function, and what it was called with.
            None => match unsafe { NEXT.get::<OpenAt>() } {
                // SAFETY: the same.
                Some(open) => unsafe { open(at, path, flags, mode) },
                None => system::done(open_at(at, path, flags, mode)),
            },
        }
    }
    __open_2 __open64_2 => "open(2), as programs call it that are built with checks." (path: *const c_char, flags: c_int) -> c_int {
        // SAFETY: as `open` without a mode, which is what was checked.
        unsafe { open(path, flags, 0) }
    }
    __openat_2 __openat64_2 => "openat(2), as programs call it that are built with checks." (at: c_int, path: *const c_char, flags: c_int) -> c_int {
        // SAFETY: as `openat` without a mode, which is what was checked.
        unsafe { openat(at, path, flags, 0) }
    }
    fopen fopen64 => "fopen(3)" (path: *const c_char, mode: *const c_char) -> *mut c_void {
        static NEXT: Next = Next::new(c"fopen");
        type Fopen = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
        match asked(path, flags_of(mode)) {
            Some(asked) => stream(asked, mode),
            // SAFETY: libc's own function, and what it was called with.
            None => match unsafe { NEXT.get::<Fopen>() } {
                // SAFETY: the same.
                Some(fopen) => unsafe { fopen(path, mode) },
                None => stream(open_at(AT_FDCWD, path, flags_of(mode), 0o666), mode),
            },
        }
    }
    opendir => "opendir(3)" (path: *const c_char) -> *mut c_void {
        let flags = O_DIRECTORY | O_CLOEXEC;
        match system::done(asked(path, flags).unwrap_or_else(|| open_at(AT_FDCWD, path, flags | O_NONBLOCK, 0))) {
            fd if fd < 0 => core::ptr::null_mut(),
            // SAFETY: a descriptor of our own.
            fd => unsafe { fdopendir(fd) },
        }
    }
    stat stat64 => "stat(2)" (path: *const c_char, to: *mut c_void) -> c_int {
        stat_at(AT_FDCWD, path, to, 0)
    }
    lstat lstat64 => "lstat(2)" (path: *const c_char, to: *mut c_void) -> c_int {
        stat_at(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW)
    }
    fstatat fstatat64 => "fstatat(2)" (at: c_int, path: *const c_char, to: *mut c_void, flags: c_int) -> c_int {
        stat_at(at, path, to, flags)
    }
    __xstat __xstat64 => "stat(2) of a glibc before 2.33." (_version: c_int, path: *const c_char, to: *mut c_void) -> c_int {
        stat_at(AT_FDCWD, path, to, 0)
    }
    __lxstat __lxstat64 => "lstat(2) of a glibc before 2.33." (_version: c_int, path: *const c_char, to: *mut c_void) -> c_int {
        stat_at(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW)
    }
    statx => "statx(2)" (at: c_int, path: *const c_char, flags: c_int, mask: u32, to: *mut c_void) -> c_int {
        let to = to.expose_provenance();
        let statx = |at, path, more| system::call(Number::Statx, [at, path, (flags | more) as usize, mask as usize, to, 0]);
        system::done(look(at, path, follows(flags), statx))
    }
    access => "access(2)" (path: *const c_char, mode: c_int) -> c_int {
        access_at(AT_FDCWD, path, mode, 0)
    }
    faccessat => "faccessat(2)" (at: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
        access_at(at, path, mode, flags)
    }
    readlink => "readlink(2)" (path: *const c_char, to: *mut c_char, size: usize) -> isize {
        link_at(AT_FDCWD, path, to, size)
    }
    readlinkat => "readlinkat(2)" (at: c_int, path: *const c_char, to: *mut c_char, size: usize) -> isize {
        link_at(at, path, to, size)
    }
}
