//! What a program's file would give it, if the filter let it: another user, another group, capabilities (execve(2),
//! capabilities(7)). A supervised program gets none of it, since the filter of an ordinary user needs no_new_privs.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

/// `S_ISUID`, `S_ISGID`, `S_IXGRP`.
const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2010;
/// `CAP_NET_BIND_SERVICE`, `CAP_NET_BROADCAST`, `CAP_NET_ADMIN`, `CAP_NET_RAW`: what they allow, every program may here.
const OF_THE_NETWORK: u64 = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13;
/// `struct vfs_cap_data`, of its second or third revision.
const CAPABILITIES: usize = 20;

/// Whether the program that a process runs goes without what its file promises; `None` if the process hides it.
pub(crate) fn of_process(tid: u32) -> Option<bool> {
    let path = PathBuf::from(format!("/proc/{tid}/exe"));
    match fs::metadata(&path) {
        Ok(found) => Some(goes_without(&path, &found)),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
        // It is gone, or a thread of the kernel's.
        Err(_) => Some(false),
    }
}

/// The same of a program that is yet to be started, by its name.
pub(crate) fn of_program(name: &OsStr) -> bool {
    let named = Path::new(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = match name.as_encoded_bytes().contains(&b'/') {
        true => Some(named.to_owned()),
        false => std::env::split_paths(&path).map(|folder| folder.join(named)).find(|path| is_program(path)),
    };
    found.is_some_and(|path| fs::metadata(&path).is_ok_and(|found| goes_without(&path, &found)))
}

/// Whether a thread runs the same file as we do.
pub(crate) fn is_our_own(tid: u32) -> bool {
    let file = |path: String| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    file(format!("/proc/{tid}/exe")).is_some_and(|theirs| file("/proc/self/exe".to_owned()) == Some(theirs))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn goes_without(path: &Path, found: &Metadata) -> bool {
    let user = found.mode() & SET_USER != 0 && found.uid() != geteuid().as_raw();
    let group = found.mode() & SET_GROUP == SET_GROUP && found.gid() != getegid().as_raw();
    user || group || (!geteuid().is_root() && permitted(path) & !OF_THE_NETWORK != 0)
}

/// The capabilities that a file gives.
fn permitted(path: &Path) -> u64 {
    let mut value = [0; CAPABILITIES];
    let length = rustix::fs::getxattr(path, "security.capability", &mut value).unwrap_or(0);
    let word = |at: usize| u64::from(u32::from_le_bytes(std::array::from_fn(|i| value[at + i])));
    if length < CAPABILITIES { 0 } else { word(4) | word(12) << 32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_program_goes_without_nothing() {
        assert_eq!(of_process(std::process::id()), Some(false));
        assert!(!of_program(OsStr::new("cat")));
        assert!(!of_program(OsStr::new("/no/such/program")));
        assert!(is_our_own(std::process::id()));
    }
}
