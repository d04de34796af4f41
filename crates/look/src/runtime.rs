//! The directory of control sockets, and who has one there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, getuid, test_kill_process};

use crate::{Error, Role};

/// What the name of a control socket ends with.
const SUFFIX: &str = ".look";
/// What stands around the process in the name of the socket of a network that goes with its process: that of `sockeye lab run`.
const NETWORK: (&str, &str) = ("lab-", ".sock");

/// A process that can be looked into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its number.
    pub pid: u32,
    /// What it is.
    pub role: Role,
    /// The network it holds or is a host of; none: `sockeye run` with a network of its own.
    pub network: Option<String>,
    /// Its control socket.
    pub path: PathBuf,
}

impl Found {
    /// Where the control socket of this process is.
    pub(crate) fn new(directory: &Path, pid: u32, role: Role, network: Option<&str>) -> Found {
        let mut name = format!("{pid}.{role}");
        if let Some(network) = network {
            name = format!("{name}.{network}");
        }
        Found { pid, role, network: network.map(str::to_owned), path: directory.join(name + SUFFIX) }
    }

    fn read(path: PathBuf) -> Option<Found> {
        let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
        let mut words = name.splitn(3, '.');
        let pid = words.next()?.parse().ok()?;
        let role = words.next()?.parse().ok()?;
        let network = words.next().map(str::to_owned);
        Some(Found { pid, role, network, path })
    }

    /// What it is called by who wants to look at it.
    pub fn name(&self) -> String {
        self.network.clone().unwrap_or_else(|| self.pid.to_string())
    }
}

/// Nobody is there any more. Only whose process is gone is asked, so that one that begins isn't taken for that.
fn is_stale(path: &Path, process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let is_gone = pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
    let refuses = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_gone && UnixStream::connect(path).is_err_and(refuses)
}

/// The process whose network's socket this is, if the two go together.
fn network_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix(NETWORK.0)?.strip_suffix(NETWORK.1)?.parse().ok()
}

/// Who has a control socket, by process. What others left behind that are no more is taken away.
///
/// # Errors
/// No directory.
pub fn running() -> Result<Vec<Found>, Error> {
    let directory = directory().map_err(Error::Directory)?;
    list(&directory).map_err(Error::Directory)
}

/// The same in this directory.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        let one = Found::read(path.clone());
        let process = one.as_ref().map(|one| one.pid).or_else(|| network_of(&path));
        if process.is_some_and(|process| is_stale(&path, process)) {
            // Another may have been quicker.
            let _ = fs::remove_file(&path);
        } else {
            found.extend(one);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a socket was connected by this very user: who has let others into the directory has not let them in here.
pub fn is_of_this_user(socket: impl AsFd) -> bool {
    socket_peercred(socket).is_ok_and(|peer| peer.uid == getuid())
}

/// A directory that is this user's alone: under XDG_RUNTIME_DIR, else in /tmp.
///
/// # Errors
/// It can't be made; somebody else has it, or is let in.
pub fn directory() -> io::Result<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let uid = getuid().as_raw();
    let path = match own {
        Some(runtime) => runtime.join("sockeye"),
        None => std::env::temp_dir().join(format!("sockeye-{uid}")),
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Somebody else might have made it, or be let in.
    let found = fs::symlink_metadata(&path)?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!("{} is not a directory of yours alone", path.display())));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for (role, network) in [(Role::Run, None), (Role::Up, Some("default")), (Role::Host, Some("lab-7"))] {
            let found = Found::new(Path::new("/somewhere"), 4711, role, network);
            assert_eq!(Found::read(found.path.clone()), Some(found));
        }
        for wrong in ["default.sock", "x.run.look", "1.swim.look", "1.look", ".look"] {
            assert_eq!(Found::read(PathBuf::from(wrong)), None, "{wrong}");
        }
    }
}
