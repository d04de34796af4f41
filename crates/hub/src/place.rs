//! Where a network's socket is.

use std::path::{Path, PathBuf};

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
        let directory = sockeye_look::directory().map_err(Error::Place)?;
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
