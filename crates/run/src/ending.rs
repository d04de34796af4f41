//! The end: whose status counts, and what happens to those who are left.

use std::io;
use std::time::Instant as Clock;

use rustix::process::{Pid, Signal, WaitOptions, wait};
use sockeye_base::Duration;

use crate::launch::Page;

/// How long those who are left have to end by themselves after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// The program's family, on its way to its end.
pub(crate) struct Ending {
    first: Pid,
    page: &'static Page,
    /// Wait for all, not only the first.
    wait_for_all: bool,
    status: Option<i32>,
    asked: Option<Clock>,
    killed: bool,
    all_gone: bool,
    /// The status that counts, whatever the first program's is.
    verdict: Option<i32>,
}

impl Ending {
    /// The supervisor becomes the one to whom orphans of the family fall: before there is one.
    pub(crate) fn adopt_orphans() -> io::Result<()> {
        // Any process id will do: it only says "yes".
        Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
    }

    /// The program's first process; `page` tells of its end.
    pub(crate) fn new(first: Pid, page: &'static Page, wait_for_all: bool) -> Ending {
        Ending {
            first,
            page,
            wait_for_all,
            status: None,
            asked: None,
            killed: false,
            all_gone: false,
            verdict: None,
        }
    }

    /// Has all of them ended now, the first as well, and this be the status.
    pub(crate) fn end(&mut self, verdict: i32) {
        self.verdict.get_or_insert(verdict);
    }

    /// Takes the status of every child that ended.
    ///
    /// That of the first is waited for by the guard; only if that was killed it is a child of ours.
    pub(crate) fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.first => {
                    let killed = || status.terminating_signal().map(|signal| 128 + signal);
                    self.status = status.exit_status().or_else(killed).or(self.status);
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => break,
                Err(_) => {
                    self.all_gone = true;
                    break;
                }
            }
        }
        // Only now: the guard has written it before it ended.
        self.status = self.page.ended().or(self.status);
    }

    /// Sends a signal on to the first program, while it lives; then it is for those who are left.
    pub(crate) fn pass_on(&mut self, signal: i32) {
        // SAFETY: plain kill of a child that was not waited for, so its number is still its own.
        let send = |pid: i32| unsafe { libc::kill(pid, signal) };
        if self.status.is_none() && self.page.ended().is_none() {
            send(self.first.as_raw_nonzero().get());
            return;
        }
        for pid in sockeye_look::descendants(&[std::process::id()]) {
            send(pid as i32);
        }
    }

    /// Ends those who are left when the first has ended: SIGTERM, some time later SIGKILL.
    pub(crate) fn advance(&mut self) {
        let over = self.verdict.is_some() || (self.status.is_some() && !self.wait_for_all);
        if !over || self.all_gone {
            return;
        }
        match self.asked {
            None => {
                self.asked = Some(Clock::now());
                self.signal_all(Signal::TERM);
                // Who is stopped can't end.
                self.signal_all(Signal::CONT);
                self.reap();
            }
            Some(asked) if asked.elapsed() >= GRACE => {
                // Again and again until none is left: one may have started another meanwhile.
                self.killed = true;
                self.signal_all(Signal::KILL);
                self.reap();
            }
            Some(_) => {}
        }
    }

    /// The status to exit with, once nobody is left.
    pub(crate) fn finished(&self) -> Option<i32> {
        self.verdict.or(self.status).filter(|_| self.all_gone)
    }

    /// How long until [`Ending::advance`] has something to do.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let asked = self.asked?;
        Some(if self.killed { Duration::from_millis(10) } else { GRACE.saturating_sub(asked.elapsed()) })
    }

    fn signal_all(&self, signal: Signal) {
        for pid in sockeye_look::descendants(&[std::process::id()]) {
            if let Some(pid) = Pid::from_raw(pid as i32) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}
