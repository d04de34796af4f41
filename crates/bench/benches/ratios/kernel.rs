//! The kernel's loopback with both ends on one CPU, the steadiest it has: two threads, blocking calls.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::sampling::cpu_seconds;

/// Bytes per second of processor time in writes of this size; `None` where there is no loopback, or threads can't be pinned.
pub(crate) fn bulk(sample: Duration, write: usize) -> Option<f64> {
    on_one_cpu(move || {
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
        let (data, start, begun) = (vec![1; write], Instant::now(), cpu_seconds());
        while start.elapsed() < sample {
            near.write_all(&data)?;
        }
        near.shutdown(Shutdown::Write)?;
        let total = reader.join().unwrap_or(0);
        Ok(total as f64 / (cpu_seconds() - begun))
    })
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
