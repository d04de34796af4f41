//! The kernel's loopback: two threads, blocking calls; with both ends on one CPU, the steadiest it has, and where it puts them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::sampling::cpu_seconds;

/// Bytes per second of processor time in writes of this size; `None` where there is no loopback, or threads can't be pinned.
pub(crate) fn bulk(sample: Duration, write: usize) -> Option<f64> {
    on_one_cpu(move || {
        let begun = cpu_seconds();
        Ok(carry(sample, write)? as f64 / (cpu_seconds() - begun))
    })
}

/// Bytes per second with both ends wherever the kernel puts them, on two CPUs if there are two; `None` where there is no
/// loopback.
pub(crate) fn bulk_unpinned(sample: Duration, write: usize) -> Option<f64> {
    let start = Instant::now();
    Some(carry(sample, write).ok()? as f64 / start.elapsed().as_secs_f64())
}

/// Carries bytes from one thread to another for so long; how many.
fn carry(sample: Duration, write: usize) -> io::Result<usize> {
    let (mut near, mut far) = connected()?;
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; write];
        let mut total = 0;
        loop {
            match far.read(&mut buffer) {
                Ok(0) | Err(_) => return total,
                Ok(n) => total += n,
            }
        }
    });
    let (data, start) = (vec![1; write], Instant::now());
    while start.elapsed() < sample {
        near.write_all(&data)?;
    }
    near.shutdown(Shutdown::Write)?;
    Ok(reader.join().unwrap_or(0))
}

/// Runs in a thread of its own, which is pinned to one CPU, and so are the threads it starts.
pub(crate) fn on_one_cpu(work: impl FnOnce() -> io::Result<f64> + Send + 'static) -> Option<f64> {
    let pinned = move || {
        let allowed = sched_getaffinity(None)?;
        let cpu = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)).unwrap_or(0);
        let mut one = CpuSet::new();
        one.set(cpu);
        sched_setaffinity(None, &one)?;
        work()
    };
    thread::spawn(pinned).join().ok()?.ok()
}

pub(crate) fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}
