//! Whether a machine lets programs be supervised, what of it costs time, and what to do (`sockeye doctor`). What can be
//! tried is tried; a version alone says little, since distributions carry features back and containers take them away.

mod machine;
mod probe;

pub(crate) use probe::MEASURED;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As good as it can be.
    Ok,
    /// It works, and takes longer than it need.
    Slower,
    /// Something is not there that `sockeye run` can do without.
    Without,
    /// `sockeye run` can't work.
    Missing,
}

impl Verdict {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Slower => "slower",
            Verdict::Without => "without",
            Verdict::Missing => "missing",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, `"pidfd_getfd"`.
    pub name: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What it costs that it is so; empty if it is well.
    pub costs: String,
    /// What to do; empty if it is well.
    pub remedy: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Ok, found: found.into(), costs: String::new(), remedy: String::new() }
    }

    fn but(
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        (costs, remedy): (&str, &str),
    ) -> Check {
        Check { name, verdict, found: found.into(), costs: costs.to_owned(), remedy: remedy.to_owned() }
    }
}

/// The cost of a trapped call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Microseconds of a call that the kernel answers.
    pub native: f64,
    /// Of one that a supervisor answers, woken on its own processor (SYNC_WAKE_UP); none where the kernel can't.
    pub trapped: Option<f64>,
    /// The same without.
    pub without: Option<f64>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What was looked at, in the order in which it is needed.
    pub checks: Vec<Check>,
    /// What a trapped call costs, if there can be one.
    pub cost: Option<Cost>,
}

impl Findings {
    /// Whether `sockeye run` works here.
    pub fn is_fit(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Missing)
    }
}

/// Looks at this machine, as this user. Forks; the calling process must have one thread.
pub fn examine() -> Findings {
    let mut checks = vec![machine::kernel(), machine::architecture()];
    let tried = probe::supervise();
    checks.extend(tried.checks);
    checks.extend([
        machine::ptrace_scope(),
        machine::privileges(),
        machine::unix_diag(),
        machine::write_buffers(),
        machine::descriptors(),
        machine::memory(),
        machine::files(),
        machine::runtime_directory(),
        machine::tun(),
        machine::ping(),
    ]);
    Findings { checks, cost: tried.cost }
}
