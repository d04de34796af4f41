//! What a program prints: passed on in lines, many at a time, to its end.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::tell;
use crate::lab::words::Report;

/// Bytes read at a time.
const AT_A_TIME: usize = 64 * 1024;
/// A line longer than this is told in pieces, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// How long what somebody else may print is waited for, where the program has ended and he holds its output.
const LAST_WORDS: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// How long he is listened to, if he goes on and on.
const PATIENCE: Duration = Duration::from_secs(2);

/// One of the pipes that a program prints to.
struct Pipe {
    program: usize,
    error: bool,
    /// Nothing once all was read.
    from: Option<OwnedFd>,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// Bytes that were in it when the program ended and weren't read yet.
    owed: u64,
}

/// Passes on all that a program prints until it ends, of which `process` tells, a pidfd; `has_ended` is called at once. What it
/// started may hold its output open for ever; that isn't waited for.
pub(super) fn pass_on(
    program: usize,
    child: &mut Child,
    process: &OwnedFd,
    mut has_ended: impl FnMut(),
) -> io::Result<()> {
    let out = Pipe::new((program, false), child.stdout.take().map(OwnedFd::from));
    let errors = Pipe::new((program, true), child.stderr.take().map(OwnedFd::from));
    let mut pipes = [out, errors];
    let mut buffer = vec![0; AT_A_TIME];
    let mut ended: Option<Instant> = None;
    loop {
        let ready = wait(&pipes, process, ended.is_some())?;
        for (pipe, _) in pipes.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            pipe.read(&mut buffer);
        }
        if ended.is_none() && ready[2] {
            ended = Some(Instant::now());
            has_ended();
            pipes.iter_mut().for_each(Pipe::note_end);
        }
        let is_quiet = ready == [false; 3];
        let others_only = pipes.iter().all(|pipe| pipe.owed == 0);
        let all_read = pipes.iter().all(|pipe| pipe.from.is_none());
        if let Some(ended) = ended
            && (all_read || is_quiet || others_only && ended.elapsed() >= PATIENCE)
        {
            pipes.iter_mut().for_each(|pipe| pipe.say(pipe.begun.len()));
            return Ok(());
        }
    }
}

/// Waits until a pipe can be read or the program ends: which of the three it is. None if it has ended and nobody says anything.
fn wait(pipes: &[Pipe; 2], process: &OwnedFd, ended: bool) -> io::Result<[bool; 3]> {
    let descriptors = [pipes[0].from.as_ref(), pipes[1].from.as_ref(), Some(process).filter(|_| !ended)];
    let waited = descriptors.iter().flatten().map(|descriptor| PollFd::new(*descriptor, PollFlags::IN));
    let mut waited: Vec<PollFd<'_>> = waited.collect();
    loop {
        match poll(&mut waited, ended.then_some(&LAST_WORDS)) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut told = waited.iter().map(|descriptor| !descriptor.revents().is_empty());
    Ok(descriptors.map(|descriptor| descriptor.is_some() && told.next() == Some(true)))
}

impl Pipe {
    fn new((program, error): (usize, bool), from: Option<OwnedFd>) -> Pipe {
        Pipe { program, error, from, begun: Vec::new(), owed: 0 }
    }

    /// The program has ended: what it printed is there.
    fn note_end(&mut self) {
        let there = self.from.as_ref().map(rustix::io::ioctl_fionread);
        self.owed = there.and_then(Result::ok).unwrap_or(0);
    }

    /// Reads once, and tells of the lines that are whole.
    fn read(&mut self, buffer: &mut [u8]) {
        let Some(from) = &self.from else { return };
        match rustix::io::read(from, &mut *buffer) {
            Ok(length) if length > 0 => {
                let new = buffer.get(..length).unwrap_or_default();
                let end = new.iter().rposition(|byte| *byte == b'\n').map(|at| self.begun.len() + at + 1);
                self.owed = self.owed.saturating_sub(length as u64);
                self.begun.extend_from_slice(new);
                let is_long = self.begun.len() >= LONGEST_LINE;
                self.say(end.unwrap_or(if is_long { self.begun.len() } else { 0 }));
            }
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => {
                (self.from, self.owed) = (None, 0);
                self.say(self.begun.len());
            }
        }
    }

    /// Tells of so many bytes.
    fn say(&mut self, length: usize) {
        let bytes: Vec<u8> = self.begun.drain(..length).collect();
        if bytes.is_empty() {
            return;
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes).into_owned();
        tell(&Report::Lines { program: self.program, error: self.error, text });
    }
}
