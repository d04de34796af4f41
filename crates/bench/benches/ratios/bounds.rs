//! What one byte, one segment, one round trip and one connection cost, beside what bounds them: copies of memory, another
//! core that must be woken, the system calls that a kernel can't do without. A ratio of 1 is at the bound.
//!
//! What one idle socket costs is a row of `memory.rs`: its bound is bytes, not time.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bulk::{self, WRITE};
use crate::library;
use crate::pair::Setup;
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};
use crate::{Rows, connections};

const BATCH: u64 = 100;
const GIGA: f64 = 1e9;
/// Payload of a full segment at MTU 1500, with timestamps.
const SEGMENT: usize = 1448;
/// A round trip of one byte is a write and a read at either end.
const CALLS_OF_A_ROUND_TRIP: u64 = 4;
/// A connection of one exchange, over a kernel: socket, connect, write, read, close; accept, read, write, close.
const CALLS_OF_A_CONNECTION: u64 = 9;

pub(crate) fn rows() -> Rows {
    let row = |name, unit, peer_name| Row { name, unit, better: Better::More, peer_name, target: 1.0 };
    vec![
        (
            row("bound of a byte: bulk 64 KiB, MTU 65535", "GB/s", "a copy in and a copy out"),
            Box::new(|effort: &Effort| {
                let sockeye = |sample| bulk::sockeye(sample, &Setup::new(65_535));
                Some(effort.medians(sockeye, |sample| copies(sample, WRITE) * WRITE as f64 / GIGA))
            }),
        ),
        (
            row("bound of a segment: bulk, single 1500-byte segments", "1/s", "a copy in and a copy out"),
            Box::new(|effort: &Effort| {
                let mut setup = Setup::new(1500);
                setup.tcp.gso = false;
                let sockeye = |sample| bulk::sockeye(sample, &setup) * GIGA / SEGMENT as f64;
                Some(effort.medians(sockeye, |sample| copies(sample, SEGMENT)))
            }),
        ),
        (
            row("bound of a round trip: library, two threads", "1/s", "two threads that wake each other"),
            Box::new(|effort: &Effort| {
                let sockeye = |sample| library::two_threads(sample, library::sockeye_stream());
                Some(effort.medians(sockeye, wake_ups))
            }),
        ),
        (
            row("bound of a round trip: library, one thread", "1/s", "the 4 system calls it would take"),
            Box::new(|effort: &Effort| {
                let sockeye = |sample| library::round_trips(sample, library::sockeye_stream());
                Some(effort.medians(sockeye, |sample| calls(sample, CALLS_OF_A_ROUND_TRIP)))
            }),
        ),
        (
            row("bound of a connection: connect, exchange, close", "1/s", "the 9 system calls it would take"),
            Box::new(|effort: &Effort| {
                Some(effort.medians(connections::sockeye, |sample| calls(sample, CALLS_OF_A_CONNECTION)))
            }),
        ),
    ]
}

/// How often so many bytes are copied from one buffer to a second and on to a third.
fn copies(sample: Duration, size: usize) -> f64 {
    let (from, mut between, mut to) = (vec![1u8; size], vec![0; size], vec![0; size]);
    rate(sample, || {
        for _ in 0..BATCH {
            between.copy_from_slice(black_box(&from));
            to.copy_from_slice(black_box(&between));
            black_box(&mut to);
        }
        BATCH
    })
}

/// How often so many system calls are made that do nothing.
fn calls(sample: Duration, count: u64) -> f64 {
    rate(sample, || {
        for _ in 0..BATCH * count {
            // Nothing remembers whose child we are.
            black_box(rustix::process::getppid());
        }
        BATCH
    })
}

/// How often two threads wake each other in turn, per second of real time: two processors may work at it.
fn wake_ups(sample: Duration) -> f64 {
    let turn = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let (near, far) = (thread::current(), turn.clone());
    let other = thread::spawn(move || {
        loop {
            let (theirs, done) = &*far;
            while !theirs.load(Ordering::Acquire) {
                thread::park();
            }
            if done.load(Ordering::Acquire) {
                return;
            }
            theirs.store(false, Ordering::Release);
            near.unpark();
        }
    });
    let (start, mut trips) = (Instant::now(), 0u64);
    while start.elapsed() < sample {
        turn.0.store(true, Ordering::Release);
        other.thread().unpark();
        while turn.0.load(Ordering::Acquire) {
            thread::park();
        }
        trips += 1;
    }
    let rate = trips as f64 / start.elapsed().as_secs_f64();
    turn.1.store(true, Ordering::Release);
    turn.0.store(true, Ordering::Release);
    other.thread().unpark();
    other.join().expect("the other thread");
    rate
}
