//! A file as a message: read and written again, or sent by the kernel.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::io::{Errno, pread};

use super::receiver::write_all;

/// How much is read at a time; more is no faster.
const PART: usize = 64 << 10;

/// A file of so many bytes that lies in memory and has no name.
pub(super) struct File {
    fd: OwnedFd,
    size: usize,
    /// What [`File::read_and_write`] reads into.
    buffer: Vec<u8>,
}

impl File {
    pub(super) fn new(size: usize) -> io::Result<File> {
        let fd = memfd_create("sockeye-message", MemfdFlags::CLOEXEC)?;
        let buffer = vec![1; size.min(PART)];
        let mut left = size;
        while left > 0 {
            let part = left.min(buffer.len());
            write_all(&fd, &buffer[..part])?;
            left -= part;
        }
        Ok(File { fd, size, buffer })
    }

    /// By way of a buffer of this process.
    pub(super) fn read_and_write(&mut self, to: &OwnedFd) -> io::Result<()> {
        let mut at = 0;
        while at < self.size {
            let count = pread(&self.fd, &mut self.buffer[..], at as u64)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            write_all(to, &self.buffer[..count])?;
            at += count;
        }
        Ok(())
    }

    /// Without one.
    pub(super) fn send(&mut self, to: &OwnedFd) -> io::Result<()> {
        let mut at = 0;
        while at < self.size as u64 {
            let left = self.size - at as usize;
            match sendfile(to.as_fd(), &self.fd, Some(&mut at), left) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
