//! Where the files are put: in a mount namespace that the program's first process makes for itself, over the machine's.
//!
//! All are one file system, mounted at `/proc/sys/net`; its parts lie in folders of it that aren't listed, and are mounted once
//! more where they belong. (`/proc/net` is a link to each process's own; over that lies a link of ours.)

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{fs, io, ptr};

/// Where the file system is.
const ROOT: &CStr = c"/proc/sys/net";
/// The folders that lie elsewhere, too.
const PARTS: [(&CStr, &CStr); 2] =
    [(c"/proc/sys/net/.class", c"/sys/class/net"), (c"/proc/sys/net/.devices", c"/sys/devices/virtual/net")];
/// A file that is opened and closed, so that the kernel knows before a program begins that nothing need be flushed.
const ANY: &CStr = c"/proc/sys/net/ipv4/ip_forward";
/// The link that lies over another, and where that leads.
const LINK: (&CStr, &CStr) = (c"/proc/sys/net/.link", c"/proc/net");
pub(super) const LINK_TO: &str = "sys/net/.net";

/// `open_tree(2)`, `move_mount(2)`.
const OPEN_TREE_CLONE: libc::c_uint = 1;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;

/// Whose namespace it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Showing {
    /// A mount namespace, if this user may make one; else as `Preloaded`, if that may be.
    #[default]
    IfAllowed,
    /// A mount namespace; if this user may not make one, within a user namespace, where the files of others look like
    /// nobody's.
    AsUser,
    /// No namespace: dynamic programs are given them by the object that is preloaded.
    Preloaded,
    /// None: the machine's files are seen.
    Not,
}

/// The child's side, before it is supervised: makes the namespace, and mounts the file system there. Gives the descriptor by
/// which it is served.
pub(crate) fn mount(showing: Showing) -> io::Result<OwnedFd> {
    // SAFETY: plain geteuid(2) and its kin.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // Where there is no FUSE nothing is begun. (What is mounted has to be opened within the namespace.)
    drop(open_device()?);
    // SAFETY: plain unshare(2); this process has one thread.
    let unshare = |flags| done(unsafe { libc::unshare(flags) });
    if matches!(showing, Showing::Not | Showing::Preloaded) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    match (unshare(libc::CLONE_NEWNS), showing) {
        (Ok(()), _) => {}
        (Err(_), Showing::AsUser) => {
            unshare(libc::CLONE_NEWNS | libc::CLONE_NEWUSER)?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
        }
        (Err(error), Showing::IfAllowed | Showing::Preloaded | Showing::Not) => return Err(error),
    }
    // What others mount is seen here, but nothing of this by them.
    for tree in [c"/proc", c"/sys"] {
        if let Err(error) = mount_at(None, tree, None, libc::MS_REC | libc::MS_SLAVE, None)
            && tree == c"/proc"
        {
            return Err(error);
        }
    }
    let device = open_device()?;
    let options = format!(
        "fd={},rootmode=40555,user_id={user},group_id={group},default_permissions,allow_other",
        device.as_raw_fd()
    );
    let options = CString::new(options)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount_at(Some(c"sockeye"), ROOT, Some(c"fuse"), flags, Some(&options))?;
    Ok(device)
}

/// The child's side, once it is served: puts the parts where they belong. What has no place is left out.
pub(crate) fn spread() {
    for (from, to) in PARTS {
        let _ = mount_at(Some(from), to, None, libc::MS_BIND, None);
    }
    // SAFETY: plain calls with strings that end; the descriptors are closed with the process's exec at the latest.
    unsafe {
        let flags = OPEN_TREE_CLONE | (libc::AT_SYMLINK_NOFOLLOW | libc::O_CLOEXEC) as libc::c_uint;
        let tree = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, LINK.0.as_ptr(), flags);
        if tree >= 0 {
            let at = (libc::AT_FDCWD, LINK.1.as_ptr(), MOVE_MOUNT_F_EMPTY_PATH);
            libc::syscall(libc::SYS_move_mount, tree, c"".as_ptr(), at.0, at.1, at.2);
            libc::close(tree as libc::c_int);
        }
        let any = libc::open(ANY.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        libc::close(any);
    }
}

fn open_device() -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: plain open(2); the descriptor is new.
    unsafe {
        let fd = libc::open(c"/dev/fuse".as_ptr(), flags);
        done(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn mount_at(
    from: Option<&CStr>,
    to: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
) -> io::Result<()> {
    let text = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: each is a string that ends, or none.
    done(unsafe { libc::mount(text(from), to.as_ptr(), text(kind), flags, text(data).cast()) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
