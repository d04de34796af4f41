//! Measuring: what the commands `sockeye bench …` and `sockeye serve` do, without their command lines and their printing.

#![deny(missing_docs)]

mod gate;
pub mod load;
pub mod serve;
pub mod shapes;
mod statistics;
pub mod stream;
pub mod waiting;

pub use statistics::Summary;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock of what is whole between steps, whoever panicked.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
