//! The file of the object that is preloaded: one of this run's own, which programs of any user can read.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags};

/// The loader's list of what it loads first (ld.so(8)).
const VARIABLE: &str = "LD_PRELOAD";
/// The options of programs built with AddressSanitizer, which would end where something is loaded before its library.
const SANITIZER: &str = "ASAN_OPTIONS";
const LOADED_SECOND: &str = "verify_asan_link_order=0";
/// What parts its names, or stands for something else.
const NOT_IN_NAMES: &[u8] = b" :$\n";

/// The file, once it is written, which goes when this does.
pub(crate) struct Object {
    path: PathBuf,
}

impl Object {
    /// Where it will be: in a folder that programs may be loaded from, under a name that nobody knows. `None` if there is no such.
    pub(crate) fn place() -> Option<Object> {
        let mut places: Vec<PathBuf> = Vec::new();
        // Root's own folder is closed to the programs of others.
        if !rustix::process::geteuid().is_root() {
            places.extend(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
        }
        places.extend([std::env::temp_dir(), PathBuf::from("/dev/shm")]);
        let place = places.into_iter().find(|place| may_hold(place))?;
        let name = format!("sockeye-{}-{:016x}.so", std::process::id(), crate::random_seed());
        Some(Object { path: place.join(name) })
    }

    /// Writes it.
    pub(crate) fn write(&self) -> io::Result<()> {
        // With O_EXCL no link is followed.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(&self.path)?;
        file.write_all(sockeye_preload::OBJECT)?;
        // Whatever the umask says.
        Ok(rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o444))?)
    }

    /// A folder beside it, which isn't there yet and goes with it.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path.with_extension("d")
    }

    /// The child's side: has what it becomes, and all that starts, load the object.
    pub(crate) fn preload(&self) {
        let list = list(std::env::var_os(VARIABLE), self.path.as_os_str());
        let sanitizer = self::list(std::env::var_os(SANITIZER), OsStr::new(LOADED_SECOND));
        // SAFETY: this process has one thread.
        unsafe {
            std::env::set_var(VARIABLE, list);
            std::env::set_var(SANITIZER, sanitizer);
        }
    }

    /// Removes the file, and the folder: what has loaded it has it.
    pub(crate) fn remove(&self) {
        // Most are without, and somebody may have tidied up.
        let _ = fs::remove_file(&self.path);
        crate::files::remove(&self.folder());
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A list with one word more. The user's own come first: what they preload stands before ours as before libc.
fn list(others: Option<OsString>, one: &OsStr) -> OsString {
    let mut list = others.unwrap_or_default();
    if !list.is_empty() {
        list.push(":");
    }
    list.push(one);
    list
}

/// Whether a folder may hold what is loaded, by a name that the loader understands.
fn may_hold(place: &Path) -> bool {
    let name = place.as_os_str().as_bytes();
    place.is_absolute()
        && !name.iter().any(|byte| NOT_IN_NAMES.contains(byte))
        && rustix::fs::access(place, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        && rustix::fs::statvfs(place).is_ok_and(|about| !about.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_list_is_kept() {
        let ours = OsStr::new("/tmp/sockeye.so");
        assert_eq!(list(None, ours), "/tmp/sockeye.so");
        assert_eq!(list(Some("".into()), ours), "/tmp/sockeye.so");
        assert_eq!(list(Some("a.so b.so".into()), ours), "a.so b.so:/tmp/sockeye.so");
    }

    #[test]
    fn a_link_is_not_followed_and_nothing_is_left() {
        let object = Object::place().expect("a place for it");
        object.write().expect("it can be written");
        assert!(object.write().is_err(), "what is there is another's");
        assert_eq!(fs::read(&object.path).expect("it can be read"), sockeye_preload::OBJECT);
        assert!(fs::symlink_metadata(&object.path).is_ok_and(|found| found.is_file()));
        let path = object.path.clone();
        drop(object);
        assert!(!path.exists());
    }
}
