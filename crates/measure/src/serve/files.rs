//! The files under one folder, by the path of a URL. The kernel sees to it that nothing outside the folder is opened
//! (openat2(2), RESOLVE_BENEATH), neither by `..` nor by a link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

/// What stands for a folder.
const INDEX: &str = "index.html";

/// A folder.
pub(super) struct Files {
    root: OwnedFd,
}

/// A file that was found.
pub(super) struct Found {
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) media_type: &'static str,
}

/// Why there is none; each is a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No path at all.
    Malformed,
    /// Nobody may read it, or it is outside, or no file.
    Forbidden,
    NotThere,
    /// The machine can't just now: no descriptors, no memory.
    Busy,
}

impl Files {
    pub(super) fn of(root: &Path) -> io::Result<Files> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty())
            .map_err(|error| io::Error::other(format!("{}: {}", root.display(), io::Error::from(error))))?;
        Ok(Files { root })
    }

    /// The file that the path of a URL means: percent-decoded; a folder's is its index.
    pub(super) fn find(&self, path: &[u8]) -> Result<Found, Missing> {
        let mut path = decoded(path).ok_or(Missing::Malformed)?;
        while path.first() == Some(&b'/') {
            path.remove(0);
        }
        if path.is_empty() {
            path.extend_from_slice(INDEX.as_bytes());
        }
        let (mut file, mut stat) = self.open(&path)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            path.push(b'/');
            path.extend_from_slice(INDEX.as_bytes());
            (file, stat) = self.open(&path)?;
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Missing::Forbidden);
        }
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        Ok(Found { file: file.into(), length, media_type: media_type(&path) })
    }

    fn open(&self, path: &[u8]) -> Result<(OwnedFd, rustix::fs::Stat), Missing> {
        // Non-blocking, for pipes nobody writes to.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = openat2(&self.root, path, flags, Mode::empty(), resolve).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Missing::NotThere,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Missing::Busy,
            Errno::INVAL => Missing::Malformed,
            _ => Missing::Forbidden,
        })?;
        let stat = fstat(&file).map_err(|_| Missing::Forbidden)?;
        Ok((file, stat))
    }
}

/// `%XX` as the byte it means (RFC 3986, section 2.1). `None` for a broken one, or the byte 0.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(&byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || char::from(*rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            u8::try_from(value).ok()?
        } else {
            byte
        };
        decoded.push(byte);
    }
    (!decoded.contains(&0)).then_some(decoded)
}

fn media_type(path: &[u8]) -> &'static str {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let ending = name.iter().rposition(|byte| *byte == b'.').map_or(&[][..], |dot| &name[dot + 1..]);
    match ending.to_ascii_lowercase().as_slice() {
        b"html" | b"htm" => "text/html; charset=utf-8",
        b"txt" | b"md" | b"rs" | b"c" | b"h" => "text/plain; charset=utf-8",
        b"css" => "text/css",
        b"js" => "text/javascript",
        b"json" => "application/json",
        b"svg" => "image/svg+xml",
        b"png" => "image/png",
        b"jpg" | b"jpeg" => "image/jpeg",
        b"gif" => "image/gif",
        b"pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs() {
        assert_eq!(decoded(b"/a%20b%2F").as_deref(), Some(&b"/a b/"[..]));
        for broken in [&b"%"[..], b"%4", b"%zz", b"a%00b", b"%+1"] {
            assert_eq!(decoded(broken), None);
        }
    }

    #[test]
    fn types_by_the_name() {
        assert_eq!(media_type(b"a.b/INDEX.HTML"), "text/html; charset=utf-8");
        assert_eq!(media_type(b"a.html/b"), "application/octet-stream");
    }

    #[test]
    fn nothing_outside_the_folder() {
        let place = std::env::temp_dir().join(format!("sockeye-files-{}", std::process::id()));
        let root = place.join("root");
        std::fs::create_dir_all(root.join("folder")).expect("a folder");
        std::fs::write(place.join("secret"), "no").expect("a file");
        std::fs::write(root.join("folder/index.html"), "yes").expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", root.join("absolute")).expect("a link");
        std::os::unix::fs::symlink("../secret", root.join("relative")).expect("a link");
        std::os::unix::fs::symlink("folder/index.html", root.join("inside")).expect("a link");
        let files = Files::of(&root).expect("it is there");
        let find = |path: &str| files.find(path.as_bytes()).map(|found| found.length);
        assert_eq!(
            [find("/folder"), find("/folder/"), find("//inside"), find("/folder/../inside")],
            [Ok(3); 4]
        );
        for path in ["/../secret", "/%2e%2e/secret", "/folder/../../secret", "/absolute", "/relative", "/.."]
        {
            assert_eq!(find(path), Err(Missing::Forbidden), "{path}");
        }
        assert_eq!([find("/"), find("/folder/index.html/x")], [Err(Missing::NotThere); 2]);
        std::fs::remove_dir_all(&place).expect("our own folder");
    }
}
