//! Where a network's socket is.

use std::path::{Path, PathBuf};

use crate::Error;

/// The longest name of a network.
const LONGEST: usize = 32;
/// The longest path that fits in a socket's address (unix(7)).
const LONGEST_PATH: usize = 107;

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
        let directory = sockeye_look::directory().map_err(Error::Place)?;
        let path = directory.join(format!("{name}.sock"));
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            let what = format!(
                "the path of the network's socket has {length} bytes, and may have {LONGEST_PATH}: {}; set XDG_RUNTIME_DIR to a shorter one",
                path.display()
            );
            return Err(Error::Refused(what));
        }
        Ok(Place { name: name.to_owned(), path })
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
