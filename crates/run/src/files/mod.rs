//! The files of the virtual host's network, as its programs find them in `/proc/net`, `/proc/sys/net`, `/sys/class/net`: made by the
//! host (`sockeye_socket`), brought by FUSE, answered in the supervisor's loop like calls.
//!
//! The supervisor never looks at such a file itself: nobody would answer it. It may hold a descriptor of one for a moment, and
//! must not ask what its attributes are.

mod messages;
mod mount;
mod preloaded;

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_socket::{Folder, Host, Node, Reader};

pub use mount::Showing;
pub(crate) use mount::{mount, spread};
pub(crate) use preloaded::{Preloaded, remove, user_of};

use crate::carriers::Carriers;
use crate::process::descriptors;
use messages::{Answer, Attributes, LONGEST, Message, Request};

/// Messages answered before the loop looks at others.
const AT_A_TIME: usize = 32;
/// Bytes of texts that are being read; more are made again when reading goes on.
const TEXTS: usize = 16 << 20;
/// The root of the file system, `/proc/sys/net`.
const ROOT: u64 = 1;
/// The machine's Unix-domain sockets are the programs' own.
const UNIX: &str = "unix";
const DIRECTORY: u32 = libc::S_IFDIR | 0o555;

/// What a number stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Host(Folder, String),
    /// What lies over `/proc/net`.
    Link,
    Unix,
}

/// How the host's files come to programs.
pub(crate) enum Way {
    /// By a file system that is mounted, and served through this.
    Mounted(OwnedFd),
    /// By the object that is preloaded, with a folder that isn't there yet.
    Preloaded(PathBuf),
}

/// The file system, and who has a file of it open.
pub(crate) struct Files {
    device: OwnedFd,
    /// By number less one. None is ever forgotten: there are only so many files.
    places: Vec<Place>,
    numbers: HashMap<Place, u64>,
    handles: u64,
    /// What is being read, by handle, the latest last.
    texts: VecDeque<(u64, Vec<u8>)>,
    owner: (u32, u32),
    began: Duration,
    buffer: Vec<u8>,
}

/// What files are made from.
pub(crate) struct Source<'a> {
    pub(crate) now: Instant,
    pub(crate) host: &'a mut Host,
    pub(crate) carriers: &'a Carriers,
}

impl Files {
    pub(crate) fn new(device: OwnedFd) -> Files {
        let root = Place::Host(Folder::Sysctls, String::new());
        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Files {
            device,
            places: vec![root.clone()],
            numbers: HashMap::from([(root, ROOT)]),
            handles: 0,
            texts: VecDeque::new(),
            owner,
            began: crate::since_1970(),
            buffer: vec![0; LONGEST],
        }
    }

    /// Answers what has come; `false` if nobody can ask any more.
    pub(crate) fn attend(&mut self, mut source: Source<'_>) -> bool {
        for _ in 0..AT_A_TIME {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = rustix::io::read(&self.device, &mut buffer);
            let outcome = match read {
                Ok(length) => {
                    if let Some(message) = Message::read(buffer.get(..length).unwrap_or_default()) {
                        self.answer(&message, &mut source);
                    }
                    Ok(())
                }
                // Who asked is gone.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::NOENT) => Ok(()),
                Err(error) => Err(error),
            };
            self.buffer = buffer;
            match outcome {
                Ok(()) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                // Unmounted: no process is left in the namespace.
                Err(_) => return false,
            }
        }
        true
    }

    fn answer(&mut self, message: &Message<'_>, source: &mut Source<'_>) {
        let answer = match message.request {
            Request::Note => return,
            _ => self.serve(message, source),
        };
        // Who asked may be gone by now.
        let _ = rustix::io::write(&self.device, &messages::answer(message.unique, answer));
    }

    fn serve(&mut self, message: &Message<'_>, source: &mut Source<'_>) -> Result<Answer, Errno> {
        if message.request == Request::Init {
            return Ok(Answer::init());
        }
        let index = message.node.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let place = index.and_then(|index| self.places.get(index)).cloned().ok_or(Errno::ESTALE)?;
        match message.request {
            Request::Lookup(name) => {
                let name = std::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
                let found = inside(&place, name, source.host).ok_or(Errno::ENOENT)?;
                Ok(Answer::entry(&self.attributes(&found, source.host)?))
            }
            Request::GetAttr | Request::SetAttr { changes_rights: false } => {
                Ok(Answer::attributes(&self.attributes(&place, source.host)?))
            }
            Request::SetAttr { changes_rights: true } => Err(Errno::EPERM),
            Request::ReadLink => match node(&place, source.host).ok_or(Errno::ENOENT)? {
                Node::Link(to) => Ok(Answer::bytes(to.as_bytes())),
                Node::Folder | Node::File { .. } => Err(Errno::EINVAL),
            },
            Request::Open { flags } => {
                let writes = flags & libc::O_ACCMODE != libc::O_RDONLY;
                match node(&place, source.host).ok_or(Errno::ENOENT)? {
                    Node::File { mode, .. } if !writes || mode & 0o200 != 0 => {
                        self.handles += 1;
                        Ok(Answer::open(self.handles))
                    }
                    Node::File { .. } => Err(Errno::EACCES),
                    Node::Folder | Node::Link(_) => Err(Errno::EISDIR),
                }
            }
            Request::Read { handle, offset, size } => self.read(&place, (handle, offset, size), source),
            Request::Write { offset, bytes } => {
                let Place::Host(folder, path) = &place else { return Err(Errno::EACCES) };
                let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
                // As Linux: only what is written at the beginning counts.
                if offset == 0 {
                    source.host.write_file((*folder, path), text)?;
                }
                Ok(Answer::written(bytes.len()))
            }
            Request::Release { handle } => {
                self.texts.retain(|(other, _)| *other != handle);
                Ok(Answer::empty())
            }
            Request::OpenDir => Ok(Answer::open(0)),
            Request::ReadDir { offset, size } => self.list(&place, (offset, size), source.host),
            Request::StatFs => Ok(Answer::stat_fs()),
            Request::Make => Err(Errno::ENOENT),
            Request::Unmake => Err(Errno::EACCES),
            Request::Ioctl => Err(Errno::ENOTTY),
            Request::Destroy => Ok(Answer::empty()),
            Request::Init | Request::Note | Request::Unknown => Err(Errno::ENOSYS),
        }
    }

    /// A file is made when its reading begins, and stays as it was then until that ends.
    fn read(
        &mut self,
        place: &Place,
        (handle, offset, size): (u64, u64, u32),
        source: &mut Source<'_>,
    ) -> Result<Answer, Errno> {
        let known = self.texts.iter().position(|(other, _)| *other == handle).filter(|_| offset > 0);
        let text = match known.and_then(|at| self.texts.remove(at)) {
            Some((_, text)) => text,
            None => text(place, self.owner.0, source)?.into_bytes(),
        };
        self.texts.retain(|(other, _)| *other != handle);
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        let to = from.saturating_add(size as usize).min(text.len());
        let answer = Answer::bytes(text.get(from..to).unwrap_or_default());
        self.texts.push_back((handle, text));
        while self.texts.iter().map(|(_, text)| text.len()).sum::<usize>() > TEXTS {
            self.texts.pop_front();
        }
        Ok(answer)
    }

    fn list(&mut self, place: &Place, (offset, size): (u64, u32), host: &mut Host) -> Result<Answer, Errno> {
        if !matches!(place, Place::Host(..)) {
            return Err(Errno::ENOTDIR);
        }
        let mut names = vec![".".to_owned(), "..".to_owned()];
        names.extend(self::names(place, host));
        let mut answer = Answer::new();
        for (next, name) in (1..).zip(&names).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            let (number, mode) = match inside(place, name, host) {
                Some(found) => {
                    let attributes = self.attributes(&found, host)?;
                    (attributes.node, attributes.mode)
                }
                None => (ROOT, DIRECTORY),
            };
            if !answer.name((number, mode), name, next, size) {
                break;
            }
        }
        Ok(answer)
    }

    fn attributes(&mut self, place: &Place, host: &Host) -> Result<Attributes, Errno> {
        let (mode, size) = match node(place, host).ok_or(Errno::ENOENT)? {
            Node::Folder => (DIRECTORY, 0),
            Node::File { mode, size } => (libc::S_IFREG | mode, size),
            Node::Link(to) => (libc::S_IFLNK | 0o777, to.len() as u64),
        };
        let number = match self.numbers.get(place) {
            Some(number) => *number,
            None => {
                self.places.push(place.clone());
                let number = self.places.len() as u64;
                self.numbers.insert(place.clone(), number);
                number
            }
        };
        Ok(Attributes { node: number, mode, size, owner: self.owner, began: self.began })
    }
}

impl AsFd for Files {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// A file's text.
fn text(place: &Place, owner: u32, source: &mut Source<'_>) -> Result<String, Errno> {
    match place {
        Place::Host(folder, path) => {
            let reader = Reader { now: source.now, user: owner, outside: source.carriers };
            source.host.read_file((*folder, path), reader)
        }
        Place::Unix => Ok(unix_sockets(source.carriers)),
        Place::Link => Err(Errno::EINVAL),
    }
}

/// The names in a folder.
fn names(place: &Place, host: &Host) -> Vec<String> {
    let Place::Host(folder, path) = place else { return Vec::new() };
    let mut names = host.file_names(*folder, path);
    if *place == Place::Host(Folder::Net, String::new()) {
        names.push(UNIX.to_owned());
    }
    names
}

/// What a name in a folder stands for; `None` if there is no such.
fn inside(place: &Place, name: &str, host: &Host) -> Option<Place> {
    let Place::Host(folder, path) = place else { return None };
    let part = |folder| Some(Place::Host(folder, String::new()));
    match (folder, path.as_str(), name) {
        (Folder::Sysctls, "", ".net") => return part(Folder::Net),
        (Folder::Sysctls, "", ".class") => return part(Folder::Class),
        (Folder::Sysctls, "", ".devices") => return part(Folder::Devices),
        (Folder::Sysctls, "", ".link") => return Some(Place::Link),
        (Folder::Net, "", UNIX) => return Some(Place::Unix),
        (_, _, "." | "..") => return None,
        _ => {}
    }
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    host.file(*folder, &path).map(|_| Place::Host(*folder, path))
}

fn node(place: &Place, host: &Host) -> Option<Node> {
    match place {
        Place::Host(folder, path) => host.file(*folder, path),
        Place::Link => Some(Node::Link(mount::LINK_TO.to_owned())),
        Place::Unix => Some(Node::File { mode: 0o444, size: 0 }),
    }
}

/// The machine's table of Unix-domain sockets, without those that stand for others.
fn unix_sockets(carriers: &Carriers) -> String {
    let table = fs::read(format!("/proc/self/net/{UNIX}")).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let own = descriptors::own_sockets();
    let is_ours = |line: &str| {
        let inode = line.split_whitespace().nth(6).and_then(|inode| inode.parse().ok());
        inode.is_some_and(|inode| carriers.stands_for_another(inode, &own))
    };
    table.lines().filter(|line| !is_ours(line)).flat_map(|line| [line, "\n"]).collect()
}
