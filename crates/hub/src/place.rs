//! Where a network's socket is.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::getuid;

use crate::Error;

/// The longest name of a network: its path has to fit in a socket's address.
const LONGEST: usize = 32;

/// Where a network is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    name: String,
    path: PathBuf,
}

impl Place {
    /// The network of this name: letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// A name that can't be; no directory of one's own for it.
    pub fn of(name: &str) -> Result<Place, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > LONGEST || !name.chars().all(plain) {
            let what =
                format!("{name:?} is no name of a network: letters, digits, - and _, at most {LONGEST}");
            return Err(Error::Refused(what));
        }
        let directory = directory().map_err(Error::Place)?;
        Ok(Place { name: name.to_owned(), path: directory.join(format!("{name}.sock")) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its socket and those of other networks are.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// The path of its socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A directory that is this user's alone: under XDG_RUNTIME_DIR, else in /tmp.
fn directory() -> io::Result<PathBuf> {
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
