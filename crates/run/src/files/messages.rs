//! The messages of FUSE (fuse(4), `linux/fuse.h`) that files which are read and written whole need. The kernel made those that come, so
//! what doesn't fit is answered EINVAL, not more.
//!
//! A crate that speaks FUSE has a loop or threads of its own; the supervisor has one loop, which answers these as it does calls.

use sockeye_abi::Errno;

/// The version of the protocol that is spoken: 7, and what of it has come by this.
const MAJOR: u32 = 7;
const MINOR: u32 = 31;
/// Bytes written at a time, at most.
const MAX_WRITE: u32 = 4096;
/// What the kernel wants to have room for.
pub(super) const LONGEST: usize = 16 << 10;
/// `sizeof(struct fuse_in_header)`.
const HEADER: usize = 40;
/// INIT: `open` truncates by itself.
const ATOMIC_O_TRUNC: u32 = 1 << 3;
/// OPEN: nothing is cached; `close` needn't be told of.
const DIRECT_IO: u32 = 1 << 0;
const NOFLUSH: u32 = 1 << 5;
/// SETATTR: what of mode and owner is to change.
const MODE_OR_OWNER: u32 = 0b111;
/// How long names and attributes are known, in seconds: they don't change.
const VALID: u64 = 1 << 30;

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Init,
    Lookup(&'a [u8]),
    GetAttr,
    SetAttr {
        changes_rights: bool,
    },
    ReadLink,
    Open {
        flags: i32,
    },
    Read {
        handle: u64,
        offset: u64,
        size: u32,
    },
    Write {
        offset: u64,
        bytes: &'a [u8],
    },
    Release {
        handle: u64,
    },
    OpenDir,
    ReadDir {
        offset: u64,
        size: u32,
    },
    StatFs,
    /// A new name.
    Make,
    /// A name less, or another.
    Unmake,
    Ioctl,
    /// The end.
    Destroy,
    /// Something that isn't answered.
    Note,
    /// Something that can be done without.
    Unknown,
}

/// A message from the kernel.
pub(super) struct Message<'a> {
    pub(super) unique: u64,
    pub(super) node: u64,
    pub(super) request: Request<'a>,
}

/// What a node is, as stat(2) tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    pub(super) node: u64,
    /// The file's kind and mode.
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) owner: (u32, u32),
    /// When all this began, since 1970.
    pub(super) began: std::time::Duration,
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Message<'a>> {
        let (header, body) = bytes.split_at_checked(HEADER)?;
        let word = |at: usize| Some(u32::from_ne_bytes(*body.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_ne_bytes(*body.get(at..)?.first_chunk()?));
        let opcode = u32::from_ne_bytes(*header.get(4..)?.first_chunk()?);
        let request = match opcode {
            1 => Request::Lookup(body.strip_suffix(b"\0").unwrap_or(body)),
            3 => Request::GetAttr,
            4 => Request::SetAttr { changes_rights: word(0)? & MODE_OR_OWNER != 0 },
            5 => Request::ReadLink,
            6 | 8 | 9 | 13 | 35 | 51 => Request::Make,
            10 | 11 | 12 | 45 => Request::Unmake,
            14 => Request::Open { flags: word(0)?.cast_signed() },
            15 => Request::Read { handle: long(0)?, offset: long(8)?, size: word(16)? },
            16 => {
                let size = usize::try_from(word(16)?).ok()?;
                Request::Write { offset: long(8)?, bytes: body.get(40..)?.get(..size)? }
            }
            17 => Request::StatFs,
            18 => Request::Release { handle: long(0)? },
            26 => Request::Init,
            27 => Request::OpenDir,
            28 => Request::ReadDir { offset: long(8)?, size: word(16)? },
            38 => Request::Destroy,
            39 => Request::Ioctl,
            // FORGET, INTERRUPT, BATCH_FORGET.
            2 | 36 | 42 => Request::Note,
            _ => Request::Unknown,
        };
        Some(Message {
            unique: u64::from_ne_bytes(*header.get(8..)?.first_chunk()?),
            node: u64::from_ne_bytes(*header.get(16..)?.first_chunk()?),
            request,
        })
    }
}

/// An answer's bytes.
pub(super) struct Answer {
    bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn new() -> Answer {
        // `struct fuse_out_header`, filled in at the end.
        Answer { bytes: vec![0; 16] }
    }

    pub(super) fn empty() -> Answer {
        Answer::new()
    }

    pub(super) fn bytes(bytes: &[u8]) -> Answer {
        let mut answer = Answer::new();
        answer.bytes.extend(bytes);
        answer
    }

    /// `struct fuse_init_out`.
    pub(super) fn init() -> Answer {
        let mut answer = Answer::new();
        answer.words(&[MAJOR, MINOR, 0, ATOMIC_O_TRUNC, 0, MAX_WRITE, 1]);
        answer.words(&[0; 9]);
        answer
    }

    /// `struct fuse_entry_out`.
    pub(super) fn entry(attributes: &Attributes) -> Answer {
        let mut answer = Answer::new();
        answer.longs(&[attributes.node, 0, VALID, VALID]);
        answer.words(&[0, 0]);
        answer.put(attributes);
        answer
    }

    /// `struct fuse_attr_out`.
    pub(super) fn attributes(attributes: &Attributes) -> Answer {
        let mut answer = Answer::new();
        answer.longs(&[VALID]);
        answer.words(&[0, 0]);
        answer.put(attributes);
        answer
    }

    /// `struct fuse_open_out`.
    pub(super) fn open(handle: u64) -> Answer {
        let mut answer = Answer::new();
        answer.longs(&[handle]);
        answer.words(&[DIRECT_IO | NOFLUSH, 0]);
        answer
    }

    /// `struct fuse_write_out`.
    pub(super) fn written(bytes: usize) -> Answer {
        let mut answer = Answer::new();
        answer.words(&[u32::try_from(bytes).unwrap_or(u32::MAX), 0]);
        answer
    }

    /// `struct fuse_statfs_out`: nothing is stored here.
    pub(super) fn stat_fs() -> Answer {
        let mut answer = Answer::new();
        answer.longs(&[0; 5]);
        answer.words(&[4096, 255, 4096, 0, 0, 0, 0, 0, 0, 0]);
        answer
    }

    /// Adds an entry of a folder (`struct fuse_dirent`), after which reading goes on at `next`; `false` if there is no room for it.
    pub(super) fn name(&mut self, (node, mode): (u64, u32), name: &str, next: u64, room: u32) -> bool {
        let entry = (24 + name.len()).next_multiple_of(8);
        if self.bytes.len() - 16 + entry > room as usize {
            return false;
        }
        self.longs(&[node, next]);
        self.words(&[u32::try_from(name.len()).unwrap_or(u32::MAX), mode >> 12]);
        self.bytes.extend(name.as_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        true
    }

    /// `struct fuse_attr`.
    fn put(&mut self, attributes: &Attributes) {
        let Attributes { node, mode, size, owner, began } = *attributes;
        let (seconds, nanoseconds) = (began.as_secs(), began.subsec_nanos());
        self.longs(&[node, size, 0, seconds, seconds, seconds]);
        self.words(&[nanoseconds, nanoseconds, nanoseconds, mode, 1, owner.0, owner.1, 0, 1024, 0]);
    }

    fn longs(&mut self, longs: &[u64]) {
        longs.iter().for_each(|long| self.bytes.extend(long.to_ne_bytes()));
    }

    fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|word| self.bytes.extend(word.to_ne_bytes()));
    }
}

/// The bytes of an answer to the message with this number.
pub(super) fn answer(unique: u64, answer: Result<Answer, Errno>) -> Vec<u8> {
    let (mut bytes, error) = match answer {
        Ok(answer) => (answer.bytes, 0),
        Err(errno) => (vec![0; 16], -errno.0),
    };
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..8].copy_from_slice(&error.to_ne_bytes());
    bytes[8..16].copy_from_slice(&unique.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(opcode: u32, node: u64, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[4..8].copy_from_slice(&opcode.to_ne_bytes());
        bytes[8..16].copy_from_slice(&7u64.to_ne_bytes());
        bytes[16..24].copy_from_slice(&node.to_ne_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn what_is_too_short_is_no_message() {
        for opcode in 0..60 {
            let whole = message(opcode, 1, &[0; 48]);
            for length in 0..whole.len() {
                let read = Message::read(&whole[..length]);
                assert!(length >= HEADER || read.is_none());
            }
            assert!(Message::read(&whole).is_some_and(|read| (read.unique, read.node) == (7, 1)));
        }
        let lookup = message(1, 3, b"ipv4\0");
        assert!(Message::read(&lookup).is_some_and(|read| read.request == Request::Lookup(b"ipv4")));
        let longer_than_it_is = message(16, 3, &[0xff; 44]);
        assert!(Message::read(&longer_than_it_is).is_none());
    }

    #[test]
    fn a_folder_is_cut_where_there_is_no_room() {
        let mut listed = Answer::new();
        assert!(listed.name((2, 0o40555), "ipv4", 1, 64));
        assert!(listed.name((3, 0o40555), "ipv6", 2, 64));
        assert!(!listed.name((4, 0o40555), "core", 3, 64));
        assert_eq!(answer(7, Ok(listed)).len(), 16 + 64);
    }
}
