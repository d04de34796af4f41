//! Many seeds, on all processors: what chance can do to a program that is tried in virtual time.

use std::any::Any;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Simulation;

/// Seeds that failed and are told of.
const MOST_TOLD: usize = 10;

/// Seeds whose trials failed. It says which, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct Failed {
    /// The seeds, from the least, and why each failed.
    pub seeds: Vec<(u64, String)>,
    /// How many were tried.
    pub tried: u64,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} seeds failed", self.seeds.len(), self.tried)?;
        for (seed, why) in self.seeds.iter().take(MOST_TOLD) {
            write!(f, "\n  Simulation::new({seed}): {why}")?;
        }
        match self.seeds.len().saturating_sub(MOST_TOLD) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// As it is displayed, for `expect` and tests that return it.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failed {}

impl Simulation {
    /// Tries a simulation of each seed, as many at a time as there are processors. Each runs in one thread, called
    /// `seed` and its number, and is the same as if it ran alone: `trial(&Simulation::new(seed))` repeats it.
    ///
    /// # Errors
    /// The seeds whose trials gave an error or panicked.
    ///
    /// # Panics
    /// If there can't be another thread.
    pub fn search<E: fmt::Display>(
        seeds: RangeInclusive<u64>,
        trial: impl Fn(&Simulation) -> Result<(), E> + Sync,
    ) -> Result<(), Failed> {
        if seeds.is_empty() {
            return Ok(());
        }
        let tried = (seeds.end() - seeds.start()).saturating_add(1);
        let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let try_them = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= tried {
                    return;
                }
                let seed = seeds.start() + at;
                if let Some(why) = attempt(seed, &trial) {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).push((seed, why));
                }
            }
        };
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(try_them);
            }
        });
        let mut seeds = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        seeds.sort();
        if seeds.is_empty() { Ok(()) } else { Err(Failed { seeds, tried }) }
    }
}

/// Why a seed failed, if it did. In a thread of its own, so that what a panic prints names the seed.
fn attempt<E: fmt::Display>(
    seed: u64,
    trial: &(impl Fn(&Simulation) -> Result<(), E> + Sync),
) -> Option<String> {
    thread::scope(|scope| {
        let run = || trial(&Simulation::new(seed)).err().map(|error| error.to_string());
        let thread = thread::Builder::new().name(format!("seed {seed}")).spawn_scoped(scope, run);
        thread.expect("a thread").join().unwrap_or_else(|panic| Some(said(&*panic)))
    })
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("it did not say why"))
}
