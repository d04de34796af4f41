//! A network's file, and the files that it names.

use std::fs::{self, File as OpenFile};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use sockeye_topology::{File, Files, Problem, Problems, Topology};

/// Bytes of a network's file.
const MOST_TEXT: u64 = 16 << 20;
/// Mistakes that are told, before the number of the others.
const MOST_TOLD: usize = 20;
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
    /// Reads it; otherwise what is wrong, a line each.
    pub(crate) fn read(path: &Path) -> Result<Network, String> {
        Network::read_by(path, Topology::parse)
    }

    /// Reads one that is to run.
    pub(crate) fn read_to_run(path: &Path) -> Result<Network, String> {
        Network::read_by(path, Topology::parse_to_run)
    }

    fn read_by(path: &Path, parse: fn(&str) -> Result<Topology, Problems>) -> Result<Network, String> {
        let of = path.display();
        let bytes = text(path).map_err(|error| format!("{of}: {error}"))?;
        let source = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let good = std::str::from_utf8(good).unwrap_or_default();
            format!("{of}:{}", Problem::at(good, good.len(), "this is no text in UTF-8"))
        })?;
        let topology = parse(&source).map_err(|Problems(problems)| {
            let mut lines: Vec<_> =
                problems.iter().take(MOST_TOLD).map(|problem| format!("{of}:{problem}")).collect();
            if problems.len() > MOST_TOLD {
                lines.push(format!("{of}: and {} more", problems.len() - MOST_TOLD));
            }
            lines.join("\n")
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut room = MOST_BYTES;
        let mut files = Files::new();
        for host in &topology.hosts {
            let mut own = Vec::new();
            for (name, file) in &host.files {
                match file {
                    File::Text(text) => own.push((name.clone(), text.clone().into_bytes())),
                    File::At { path, at } => {
                        let mut reader = Reader { room: &mut room, files: &mut own };
                        reader.read(name, &folder.join(path), 0).map_err(|(path, error)| {
                            let why = format!("docroot: {}: {error}", path.display());
                            format!("{of}:{}", Problem::at(&source, *at, &why))
                        })?;
                    }
                }
            }
            files.push(own);
        }
        Ok(Network { topology, files })
    }
}

/// What stands in a network's file, which may be a pipe.
fn text(path: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(io::Error::other("neither a file nor a pipe"));
    }
    let mut bytes = Vec::new();
    OpenFile::open(path)?.take(MOST_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_TEXT {
        return Err(io::Error::other(format!("more than {} MiB, which no network needs", MOST_TEXT >> 20)));
    }
    Ok(bytes)
}

/// Reads what a host serves, in bounds.
struct Reader<'a> {
    room: &'a mut u64,
    files: &'a mut Vec<(String, Vec<u8>)>,
}

impl Reader<'_> {
    /// A file, or all of a folder but what is hidden, and what is neither: links that lead nowhere, sockets and the like.
    fn read(&mut self, name: &str, path: &Path, depth: usize) -> Result<(), (PathBuf, io::Error)> {
        let here = |error| (path.to_owned(), error);
        let about = match fs::metadata(path) {
            Err(error) if depth > 0 && leads_nowhere(&error) => return Ok(()),
            about => about.map_err(here)?,
        };
        if about.is_file() {
            let mut bytes = Vec::new();
            let file = OpenFile::open(path).map_err(here)?;
            file.take(*self.room + 1).read_to_end(&mut bytes).map_err(here)?;
            let too_much = || io::Error::other(format!("more than {} MiB to serve", MOST_BYTES >> 20));
            *self.room = self.room.checked_sub(bytes.len() as u64).ok_or_else(|| here(too_much()))?;
            self.files.push((name.to_owned(), bytes));
            return Ok(());
        }
        if !about.is_dir() {
            let nothing = || here(io::Error::other("neither a file nor a folder"));
            return if depth > 0 { Ok(()) } else { Err(nothing()) };
        }
        if depth >= DEEPEST {
            return Err(here(io::Error::other(format!("more than {DEEPEST} folders in each other"))));
        }
        for entry in fs::read_dir(path).map_err(here)? {
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

/// Whether that is why a link leads to nothing.
fn leads_nowhere(error: &io::Error) -> bool {
    let loops = rustix::io::Errno::LOOP.raw_os_error();
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(loops)
}
