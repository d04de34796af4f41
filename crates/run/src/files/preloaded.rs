//! The files as the preloaded object asks for them, where they can't be mounted: a text is a file in memory, made when it is
//! opened; to look at one, and to list a folder, there are folders of this run's own with the same names, empty.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use sockeye_abi::Errno;
use sockeye_preload::LINK;
use sockeye_socket::{Folder, Host, Node};

use super::{Place, Source, inside, node, text};

/// Links that a path may lead over (`MAXSYMLINKS`).
const LINKS: usize = 40;
/// Where the folders are, as a path's names.
const FOLDERS: [(&[&str], Folder); 4] = [
    (&["proc", "net"], Folder::Net),
    (&["proc", "sys", "net"], Folder::Sysctls),
    (&["sys", "class", "net"], Folder::Class),
    (&["sys", "devices", "virtual", "net"], Folder::Devices),
];

/// What the object is answered from.
pub(crate) struct Preloaded {
    /// Where the names are shown; made when somebody looks.
    folder: PathBuf,
    is_made: bool,
}

impl Preloaded {
    /// With a folder that isn't there yet.
    pub(crate) fn new(folder: PathBuf) -> Preloaded {
        Preloaded { folder, is_made: false }
    }

    /// What a path leads to, opened as open(2) would; EXDEV if it is none of these.
    pub(crate) fn open(
        &mut self,
        path: &str,
        flags: i32,
        user: u32,
        source: &mut Source<'_>,
    ) -> Result<OwnedFd, Errno> {
        let flags = OFlags::from_bits_retain(flags as u32);
        let place = resolve(path, !flags.contains(OFlags::NOFOLLOW), source.host)?;
        let creates = flags.contains(OFlags::CREATE | OFlags::EXCL);
        let found = node(&place, source.host).ok_or(Errno::ENOENT)?;
        if flags.contains(OFlags::PATH) {
            return self.look_at(&place, source.host);
        }
        let writes = flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::TRUNC | OFlags::CREATE);
        match found {
            _ if creates => Err(Errno::EEXIST),
            Node::Link(_) => Err(Errno::ELOOP),
            Node::Folder if writes => Err(Errno::EISDIR),
            Node::Folder => self.look_at(&place, source.host),
            Node::File { .. } if flags.contains(OFlags::DIRECTORY) => Err(Errno::ENOTDIR),
            Node::File { .. } if writes => Err(Errno::EACCES),
            Node::File { mode, .. } if mode & 0o004 == 0 && user != owner() => Err(Errno::EACCES),
            Node::File { .. } => in_memory(&text(&place, owner(), source)?),
        }
    }

    /// The place's name in our own folders, opened to be read: a descriptor that can't be can't be given away. Of a link it is a
    /// folder with that alone ([`LINK`]).
    fn look_at(&mut self, place: &Place, host: &Host) -> Result<OwnedFd, Errno> {
        if !self.is_made {
            self.is_made = true;
            fs::DirBuilder::new().mode(0o700).create(&self.folder).map_err(native)?;
            for (_, folder) in FOLDERS {
                self.make(&Place::Host(folder, String::new()), host).map_err(native)?;
            }
        }
        let mut path = self.path(place);
        if let Some(Node::Link(to)) = node(place, host) {
            path = self.folder.join(to.replace('/', "-"));
            if !path.exists() {
                fs::create_dir(&path)
                    .and_then(|()| symlink(to, path.join(OsStr::from_bytes(LINK.to_bytes()))))
                    .map_err(native)?;
            }
        }
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        rustix::fs::open(path, flags, Mode::empty()).map_err(|error| Errno(error.raw_os_error()))
    }

    /// Makes a name, and what is below.
    fn make(&self, place: &Place, host: &Host) -> std::io::Result<()> {
        let path = self.path(place);
        match node(place, host) {
            None => Ok(()),
            Some(Node::Link(to)) => symlink(to, path),
            Some(Node::File { mode, size }) => {
                let file = fs::File::create(&path)?;
                file.set_len(size)?;
                // None can be written by this way.
                file.set_permissions(fs::Permissions::from_mode(mode & 0o444))
            }
            Some(Node::Folder) => {
                fs::create_dir(&path)?;
                for name in super::names(place, host) {
                    if let Some(below) = inside(place, &name, host) {
                        self.make(&below, host)?;
                    }
                }
                fs::set_permissions(&path, fs::Permissions::from_mode(0o555))
            }
        }
    }

    fn path(&self, place: &Place) -> PathBuf {
        match place {
            Place::Host(folder, path) => self.folder.join(name(*folder)).join(path),
            Place::Unix => self.folder.join(name(Folder::Net)).join(super::UNIX),
            Place::Link => self.folder.clone(),
        }
    }
}

/// Removes the folder that showed the names, if there is one.
pub(crate) fn remove(folder: &Path) {
    for below in fs::read_dir(folder).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::set_permissions(below.path(), fs::Permissions::from_mode(0o700));
            remove(&below.path());
        }
    }
    let _ = fs::remove_dir_all(folder);
}

/// A folder's own name.
fn name(folder: Folder) -> &'static str {
    match folder {
        Folder::Net => "net",
        Folder::Sysctls => "sysctls",
        Folder::Class => "class",
        Folder::Devices => "devices",
    }
}

fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user that a thread is.
pub(crate) fn user_of(tid: u32) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{tid}")).ok()?.uid())
}

/// A file that can only be read.
fn in_memory(text: &str) -> Result<OwnedFd, Errno> {
    let memory = rustix::fs::memfd_create(c"net", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(|error| Errno(error.raw_os_error()))?;
    let mut file = fs::File::from(memory);
    file.write_all(text.as_bytes()).map_err(native)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(|error| Errno(error.raw_os_error()))?;
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(fs::File::open(again).map_err(native)?.into())
}

fn native(error: std::io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Where a path leads, as path_resolution(7) has it; EXDEV if it is to none of these files.
fn resolve(path: &str, follow: bool, host: &Host) -> Result<Place, Errno> {
    let mut ahead: Vec<String> = names_of(path).rev().collect();
    let mut behind: Vec<String> = Vec::new();
    let mut links = 0;
    let must_be_folder = path.ends_with('/');
    while let Some(name) = ahead.pop() {
        if name == ".." {
            behind.pop();
            continue;
        }
        behind.push(name);
        // Each process has its own `net`, and all are this host's.
        if let [proc, process, net] = behind.as_slice()
            && proc == "proc"
            && net == "net"
            && is_process(process)
        {
            behind.remove(1);
        } else if ahead.is_empty() && !follow && !must_be_folder && behind == ["proc", "net"] {
            // The machine's own link there says the right thing.
            return Err(Errno::EXDEV);
        }
        let Some(place) = place_of(&behind) else { continue };
        match node(&place, host).ok_or(Errno::ENOENT)? {
            Node::Link(to) if follow || must_be_folder || !ahead.is_empty() => {
                links += 1;
                if links > LINKS {
                    return Err(Errno::ELOOP);
                }
                behind.pop();
                ahead.extend(names_of(&to).rev());
            }
            Node::File { .. } if must_be_folder || !ahead.is_empty() => return Err(Errno::ENOTDIR),
            Node::Link(_) | Node::File { .. } | Node::Folder => {}
        }
    }
    place_of(&behind).ok_or(Errno::EXDEV)
}

/// A path's names.
fn names_of(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned)
}

fn is_process(name: &str) -> bool {
    match name {
        "self" | "thread-self" => true,
        _ => name.bytes().all(|byte| byte.is_ascii_digit()) && Path::new("/proc").join(name).exists(),
    }
}

fn place_of(names: &[String]) -> Option<Place> {
    FOLDERS.into_iter().find_map(|(folder, kind)| {
        let below = names.get(folder.len()..)?;
        let is_there = names.iter().zip(folder).all(|(name, expected)| name == expected);
        let path = below.join("/");
        match (kind, path.as_str()) {
            _ if !is_there => None,
            (Folder::Net, super::UNIX) => Some(Place::Unix),
            _ => Some(Place::Host(kind, path)),
        }
    })
}
