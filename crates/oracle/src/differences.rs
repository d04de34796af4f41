//! The lines that a world can't show as Linux does, and why. Checked both ways: a line that differs and isn't here fails,
//! and so does one that is here and doesn't differ.

use std::fmt::Write;

/// Where a behaviour runs, besides the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// In process, over the crate `sockeye`.
    Library,
    /// As a program under `sockeye run`.
    Run,
    /// As a program under `sockeye run --exact`.
    Exact,
}

/// A line that differs.
pub struct Difference {
    /// Where.
    pub worlds: &'static [World],
    /// Which behaviour prints it.
    pub behaviour: &'static str,
    /// The line on Linux.
    pub linux: &'static str,
    /// The line here.
    pub here: &'static str,
    /// Why: words of `docs/compatibility.md`, which says more.
    pub why: &'static str,
}

/// All that differs.
pub const DIFFERENCES: &[Difference] = &[];

/// Compares what a behaviour said on the kernel and in another world. What is wrong, for people to read; nothing if all is
/// right.
pub fn compare(behaviour: &str, world: World, linux: &str, here: &str) -> Option<String> {
    let known = DIFFERENCES.iter().filter(|row| row.behaviour == behaviour && row.worlds.contains(&world));
    let mut unseen: Vec<&Difference> = known.clone().collect();
    let (linux, here): (Vec<&str>, Vec<&str>) = (linux.lines().collect(), here.lines().collect());
    let mut wrong = String::new();
    for at in 0..linux.len().max(here.len()) {
        let (old, new) = (linux.get(at).copied(), here.get(at).copied());
        if old == new {
            continue;
        }
        let row = known.clone().find(|row| old == Some(row.linux) && new == Some(row.here));
        if let Some(row) = row {
            unseen.retain(|other| !std::ptr::eq(*other, row));
            continue;
        }
        if wrong.is_empty() {
            linux[at.saturating_sub(5)..at].iter().for_each(|line| _ = writeln!(wrong, "  {line}"));
        }
        old.into_iter().for_each(|line| _ = writeln!(wrong, "- {line}"));
        new.into_iter().for_each(|line| _ = writeln!(wrong, "+ {line}"));
    }
    for row in unseen {
        let _ = writeln!(wrong, "does not differ any more: {} / {}", row.linux, row.here);
    }
    (!wrong.is_empty())
        .then(|| format!("{behaviour}, {world:?}: not as on Linux (- Linux, + Sockeye)\n{wrong}"))
}
