//! What programs asked for and did not get, though Linux would have given it: counted for the report, said on standard
//! error where a program can't do without, or taken as the end (`--strict`). What Linux refuses, too, is not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use sockeye_abi::Errno;

use crate::process::name_of;

/// Rows of the report, and lines on standard error: a hostile program could have a new name for each.
const ROWS_MAX: usize = 1000;
const LINES_MAX: usize = 100;

/// One thing that was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmet {
    /// The name of the program that asked.
    pub program: String,
    /// The call, `"setsockopt"`; for what is no call, what it is about.
    pub call: &'static str,
    /// What it asked for, `"TCP_ULP"`.
    pub what: String,
    /// The error it got, `"ENOPROTOOPT"`; none where it went on without.
    pub errno: Option<&'static str>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was asked for, and how often.
    pub rows: BTreeMap<Unmet, u64>,
    /// How often more was asked for than there are rows for.
    pub beyond: u64,
}

/// What a program can't have under a supervisor, and has to be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Limit {
    /// io_uring, which goes round every system call.
    IoUring,
    /// Sockets of the 32-bit interface.
    Foreign,
    /// A supervisor of its own.
    Listener,
    /// seccomp's strict mode, which goes with no filter.
    StrictMode,
    /// Its memory and descriptors are closed to us.
    Hidden,
    /// Its file would give it another user, group or capabilities.
    Privileges,
}

/// Who is to hear of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hearing {
    /// Somebody reads the report.
    pub(crate) counts: bool,
    /// The first ends the program.
    pub(crate) strict: bool,
    /// Nothing is said on standard error.
    pub(crate) quiet: bool,
    /// Nor of the network's end, of which somebody else tells.
    pub(crate) attended: bool,
}

/// The book of what was not met.
pub(crate) struct Ledger {
    hearing: Hearing,
    report: Report,
    said: BTreeSet<(Limit, String)>,
    ended: bool,
}

impl Ledger {
    pub(crate) fn new(hearing: Hearing) -> Ledger {
        Ledger { hearing, report: Report::default(), said: BTreeSet::new(), ended: false }
    }

    /// Whether anybody asks for more than what is said on standard error.
    pub(crate) fn is_read(&self) -> bool {
        self.hearing.counts || self.hearing.strict
    }

    /// Whether the program is to end now.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    /// Counts what thread `tid` asked for.
    pub(crate) fn note(&mut self, tid: u32, call: &'static str, what: &str, errno: Option<Errno>) {
        if self.is_read() {
            self.count(Unmet {
                program: name_of(tid),
                call,
                what: what.to_owned(),
                errno: errno.map(Errno::name),
            });
        }
    }

    /// Tells of a limit that thread `tid` met: once for each program.
    pub(crate) fn meet(&mut self, tid: u32, limit: Limit) {
        self.meet_as(name_of(tid), limit);
    }

    /// The same of a program that has no thread yet.
    pub(crate) fn meet_as(&mut self, program: String, limit: Limit) {
        let is_first = self.said.len() < LINES_MAX && self.said.insert((limit, program.clone()));
        if is_first {
            self.say(&format!("{program}: {}", limit.text()));
        }
        if self.is_read() {
            let (call, what) = limit.as_call();
            self.count(Unmet { program, call, what: what.to_owned(), errno: limit.errno().map(Errno::name) });
        }
    }

    /// A line on standard error, if somebody wants to hear it. Nobody may be there.
    pub(crate) fn say(&self, line: &str) {
        if !self.hearing.quiet {
            let _ = writeln!(io::stderr(), "sockeye: {line}");
        }
    }

    /// Says that the network is no more, unless somebody else does.
    pub(crate) fn say_end_of_network(&self) {
        if !self.hearing.attended {
            let _ = writeln!(io::stderr(), "sockeye: the network is down");
        }
    }

    fn count(&mut self, row: Unmet) {
        if self.hearing.strict && !self.ended {
            self.ended = true;
            // It is why the program ends, so it is said to everybody.
            let _ = writeln!(io::stderr(), "sockeye: ended by --strict: {row}");
        }
        let rows = &mut self.report.rows;
        if rows.len() < ROWS_MAX || rows.contains_key(&row) {
            *rows.entry(row).or_default() += 1;
        } else {
            self.report.beyond += 1;
        }
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.program, self.call, self.what)?;
        self.errno.map_or(Ok(()), |errno| write!(f, ": {errno}"))
    }
}

impl Limit {
    /// What the call is answered with; none where the kernel answers it, or there is no call.
    pub(crate) fn errno(self) -> Option<Errno> {
        match self {
            Limit::IoUring | Limit::Foreign => Some(Errno::ENOSYS),
            Limit::Listener => Some(Errno::EBUSY),
            Limit::StrictMode => Some(Errno::EINVAL),
            Limit::Hidden => Some(Errno::EACCES),
            Limit::Privileges => None,
        }
    }

    fn as_call(self) -> (&'static str, &'static str) {
        match self {
            Limit::IoUring => ("io_uring_setup", "a ring"),
            Limit::Foreign => ("32-bit call", "sockets"),
            Limit::Listener => ("seccomp", "SECCOMP_FILTER_FLAG_NEW_LISTENER"),
            Limit::StrictMode => ("seccomp", "SECCOMP_SET_MODE_STRICT"),
            Limit::Hidden => ("memory", "a process that hides it"),
            Limit::Privileges => ("exec", "privileges by its file"),
        }
    }

    /// What it means, and what to do.
    fn text(self) -> &'static str {
        match self {
            Limit::IoUring => {
                "there is no io_uring here (ENOSYS): most programs do without by themselves, others by an option"
            }
            Limit::Foreign => "a 32-bit program gets no sockets (ENOSYS): run its 64-bit build",
            Limit::Listener => {
                "can't supervise by seccomp what is supervised already (EBUSY): start it outside, and sockeye inside"
            }
            Limit::StrictMode => {
                "seccomp's strict mode can't be had with a filter in place (EINVAL): run it outside"
            }
            Limit::Hidden => {
                "hides its memory (PR_SET_DUMPABLE, or a file it can't read, or another user's), so its sockets can't be \
                 served (EACCES): run sockeye with the capability CAP_SYS_PTRACE, as root has it"
            }
            Limit::Privileges => {
                "is set-user-id or has file capabilities, and runs without them, as under no_new_privs: run sockeye as \
                 the user it needs, for example root"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(program: &str) -> Unmet {
        Unmet {
            program: program.to_owned(),
            call: "socket",
            what: "AF_VSOCK".to_owned(),
            errno: Some("EAFNOSUPPORT"),
        }
    }

    #[test]
    fn rows_are_bounded() {
        let mut ledger = Ledger::new(Hearing { counts: true, quiet: true, ..Hearing::default() });
        for number in 0..ROWS_MAX + 5 {
            ledger.count(unmet(&number.to_string()));
        }
        ledger.count(unmet("0"));
        assert!(!ledger.has_ended());
        let report = ledger.into_report();
        assert_eq!((report.rows.len(), report.beyond), (ROWS_MAX, 5));
        assert_eq!(report.rows[&unmet("0")], 2);
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let mut ledger = Ledger::new(Hearing { quiet: true, ..Hearing::default() });
        ledger.note(std::process::id(), "socket", "AF_VSOCK", Some(Errno::EAFNOSUPPORT));
        ledger.meet(std::process::id(), Limit::IoUring);
        assert!(ledger.into_report().rows.is_empty());
    }
}
