//! A network's file, and the files that it names.

use std::io;
use std::path::{Path, PathBuf};

use sockeye_topology::{File, Files, Topology};

/// Bytes of all files that a network's hosts serve.
const MOST_BYTES: u64 = 256 << 20;
/// Folders in folders.
const DEEPEST: usize = 32;

/// A network and what its hosts serve.
pub(crate) struct Network {
    pub(crate) topology: Topology,
    pub(crate) files: Files,
}

impl Network {
    /// Reads it; otherwise all that is wrong, a line each.
    pub(crate) fn read(path: &Path) -> Result<Network, String> {
        let of = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        let source =
            String::from_utf8(std::fs::read(path).map_err(|error| of(path, error))?).map_err(|error| {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let lines = good.iter().filter(|byte| **byte == b'\n').count();
                format!("{}:{}: this is no text in UTF-8", path.display(), lines + 1)
            })?;
        let topology = Topology::parse(&source).map_err(|problems| {
            let lines = problems.0.iter().map(|problem| format!("{}:{problem}", path.display()));
            lines.collect::<Vec<_>>().join("\n")
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut room = MOST_BYTES;
        let mut files = Files::new();
        for host in &topology.hosts {
            let mut own = Vec::new();
            for (name, file) in &host.files {
                match file {
                    File::Text(text) => own.push((name.clone(), text.clone().into_bytes())),
                    File::At(at) => {
                        let mut reader = Reader { room: &mut room, files: &mut own };
                        reader.read(name, &folder.join(at), 0).map_err(|(path, error)| of(&path, error))?;
                    }
                }
            }
            files.push(own);
        }
        Ok(Network { topology, files })
    }
}

/// Reads what a host serves, in bounds.
struct Reader<'a> {
    room: &'a mut u64,
    files: &'a mut Vec<(String, Vec<u8>)>,
}

impl Reader<'_> {
    /// A file, or all of a folder but what is hidden.
    fn read(&mut self, name: &str, path: &Path, depth: usize) -> Result<(), (PathBuf, io::Error)> {
        let here = |error| (path.to_owned(), error);
        let about = std::fs::metadata(path).map_err(here)?;
        if about.is_file() {
            let too_much = || io::Error::other(format!("more than {} MB to serve", MOST_BYTES >> 20));
            *self.room = self.room.checked_sub(about.len()).ok_or_else(|| here(too_much()))?;
            self.files.push((name.to_owned(), std::fs::read(path).map_err(here)?));
            return Ok(());
        }
        if !about.is_dir() || depth >= DEEPEST {
            return Err(here(io::Error::other("neither a file nor a folder, or too deep")));
        }
        for entry in std::fs::read_dir(path).map_err(here)? {
            let entry = entry.map_err(here)?;
            let Some(own) = entry.file_name().to_str().filter(|own| !own.starts_with('.')).map(str::to_owned)
            else {
                continue;
            };
            self.read(&format!("{}/{own}", name.trim_end_matches('/')), &entry.path(), depth + 1)?;
        }
        Ok(())
    }
}
