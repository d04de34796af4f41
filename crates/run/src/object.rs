//! The file of the object that is preloaded: one of this run's own, which programs of any user can read.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

/// The loader's list of what it loads first (ld.so(8)).
const VARIABLE: &str = "LD_PRELOAD";
/// What parts its names, or stands for something else.
const NOT_IN_NAMES: &[u8] = b" :$\n";

/// The file, which goes when this does.
pub(crate) struct Object {
    path: PathBuf,
}

impl Object {
    /// Writes it where programs may be loaded from.
    pub(crate) fn write() -> io::Result<Object> {
        let mut places: Vec<PathBuf> = Vec::new();
        // Root's own folder is closed to the programs of others.
        if !rustix::process::geteuid().is_root() {
            places.extend(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
        }
        places.extend([std::env::temp_dir(), PathBuf::from("/dev/shm")]);
        let may_be_named = |place: &PathBuf| {
            place.is_absolute()
                && !place.as_os_str().as_bytes().iter().any(|byte| NOT_IN_NAMES.contains(byte))
        };
        let mut why = io::ErrorKind::NotFound.into();
        for place in places.iter().filter(|place| may_be_named(place)) {
            match write_in(place) {
                Ok(path) => return Ok(Object { path }),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// The child's side: has what it becomes, and all that starts, load the object.
    pub(crate) fn preload(&self) {
        let list = list(self.path.as_os_str(), std::env::var_os(VARIABLE).as_deref());
        // SAFETY: this process has one thread.
        unsafe { std::env::set_var(VARIABLE, list) };
    }

    /// Removes the file: what has loaded it has it.
    pub(crate) fn remove(&self) {
        // Somebody may have tidied up.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The list with one name more; the user's own come after it, so that theirs stand before ours no less than before libc.
fn list(path: &OsStr, others: Option<&OsStr>) -> OsString {
    let mut list = others.unwrap_or_default().to_owned();
    if !list.is_empty() {
        list.push(":");
    }
    list.push(path);
    list
}

/// Writes it in a folder, under a name that nobody can have made before.
fn write_in(place: &Path) -> io::Result<PathBuf> {
    let path = place.join(format!("sockeye-{}-{:016x}.so", std::process::id(), crate::random_seed()));
    // With O_EXCL no link is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path)?;
    let written =
        may_be_loaded_from(&file).and_then(|()| file.write_all(sockeye_preload::OBJECT)).and_then(|()| {
            // Whatever the umask says.
            Ok(rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o444))?)
        });
    if let Err(error) = written {
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

fn may_be_loaded_from(file: &fs::File) -> io::Result<()> {
    if rustix::fs::fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_list_is_kept() {
        let ours = OsStr::new("/tmp/sockeye.so");
        assert_eq!(list(ours, None), "/tmp/sockeye.so");
        assert_eq!(list(ours, Some(OsStr::new(""))), "/tmp/sockeye.so");
        assert_eq!(list(ours, Some(OsStr::new("a.so b.so"))), "a.so b.so:/tmp/sockeye.so");
    }

    #[test]
    fn a_link_is_not_followed_and_nothing_is_left() {
        let object = Object::write().expect("a place for it");
        assert_eq!(fs::read(&object.path).expect("it can be read"), sockeye_preload::OBJECT);
        assert!(fs::symlink_metadata(&object.path).is_ok_and(|found| found.is_file()));
        let path = object.path.clone();
        drop(object);
        assert!(!path.exists());
    }
}
