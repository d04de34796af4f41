//! Ways to wait for one of many connections, beside each other.
//!
//! Of so many TCP connections over the loopback one, taken at random, is sent a byte; the program waits, in its way, until
//! something is there, and reads it. Both ends are in one thread, so nobody has to be woken up: what is measured is what a
//! way costs, and how that grows with the number of connections.

mod ways;

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::io::{Errno, read, write};
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::statistics::Summary;
use ways::Waiter;
pub use ways::Way;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The ways.
    pub ways: Vec<Way>,
    /// Among how many connections; each way gets all of these.
    pub connections: Vec<usize>,
    /// How often each is measured.
    pub runs: usize,
    /// How long each time.
    pub time: Duration,
}

/// What was measured of one way among so many connections.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Connections.
    pub connections: usize,
    /// The way.
    pub way: Way,
    /// How often a second it waited and read.
    pub per_second: Summary,
    /// Its median by that of epoll among as many, if that was measured.
    pub ratio: Option<f64>,
}

impl Plan {
    /// How many samples that takes, at most.
    pub fn steps(&self) -> usize {
        self.ways.len() * self.connections.len() * self.runs
    }

    /// Measures, and calls `step` after each sample, until somebody wants it to stop: then it gives what there is. A way
    /// that can't wait for so many connections has no row.
    ///
    /// # Errors
    /// Those of the calls that are measured; that there may not be so many descriptors.
    pub fn measure(&self, stop: &AtomicBool, mut step: impl FnMut()) -> io::Result<Vec<Row>> {
        allow_descriptors(self.connections.iter().copied().max().unwrap_or(0))?;
        let mut rows = Vec::new();
        for &connections in &self.connections {
            let connected = Connections::new(connections)?;
            let mut chance = Chance(1);
            let mut samples = vec![Vec::new(); self.ways.len()];
            for _ in 0..self.runs {
                for (way, samples) in self.ways.iter().zip(&mut samples) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Some(mut waiter) = way.waiter(&connected.far)? {
                        samples.extend(connected.sample(&mut chance, &mut *waiter, self.time, stop)?);
                    }
                    step();
                }
            }
            rows.extend(self.rows(connections, &samples));
        }
        Ok(rows)
    }

    fn rows(&self, connections: usize, samples: &[Vec<f64>]) -> Vec<Row> {
        let of = || self.ways.iter().zip(samples);
        let epoll = of().find(|(way, _)| **way == Way::Epoll).and_then(|(_, samples)| Summary::of(samples));
        let row = |(way, samples): (&Way, &Vec<f64>)| {
            let per_second = Summary::of(samples)?;
            let ratio = epoll.map(|epoll| per_second.median / epoll.median);
            Some(Row { connections, way: *way, per_second, ratio })
        };
        of().filter_map(row).collect()
    }
}

/// Descriptors beside the connections'.
const OTHERS: u64 = 64;

/// Raises the limit of open descriptors where it is too low for so many connections.
fn allow_descriptors(connections: usize) -> io::Result<()> {
    let needed = 2 * connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        let most = maximum.map_or(0, |maximum| maximum.saturating_sub(OTHERS) / 2);
        let what = format!("{connections} connections: the limit of descriptors allows {most} (ulimit -Hn)");
        return Err(io::Error::other(what));
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })?)
}

/// TCP connections, both ends ours.
struct Connections {
    near: Vec<OwnedFd>,
    far: Vec<OwnedFd>,
}

/// Which is next: a linear congruential generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        // Knuth's constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

impl Connections {
    fn new(count: usize) -> io::Result<Connections> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut connections = Connections { near: Vec::new(), far: Vec::new() };
        for _ in 0..count {
            let near = TcpStream::connect(listener.local_addr()?)?;
            let (far, _) = listener.accept()?;
            // The byte before may not be acknowledged yet, and Nagle's algorithm would wait for that.
            set_tcp_nodelay(&near, true)?;
            far.set_nonblocking(true)?;
            connections.near.push(near.into());
            connections.far.push(far.into());
        }
        Ok(connections)
    }

    /// How often a second; `None` if it was stopped.
    fn sample(
        &self,
        chance: &mut Chance,
        waiter: &mut dyn Waiter,
        time: Duration,
        stop: &AtomicBool,
    ) -> io::Result<Option<f64>> {
        // As many at a time as make looking at the clock cheap.
        const BATCH: u32 = 16;
        let (start, mut count) = (Instant::now(), 0);
        loop {
            for _ in 0..BATCH {
                match self.exchange(chance.below(self.near.len()), waiter) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
                    done => done?,
                }
            }
            count += BATCH;
            let took = start.elapsed();
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if took >= time {
                return Ok(Some(f64::from(count) / took.as_secs_f64()));
            }
        }
    }

    /// Sends one a byte, and waits for it.
    fn exchange(&self, at: usize, waiter: &mut dyn Waiter) -> io::Result<()> {
        write(&self.near[at], &[1])?;
        loop {
            let ready = waiter.wait()?;
            match read(&self.far[ready], &mut [0]) {
                Ok(1) if ready == at => return Ok(()),
                Ok(_) => return Err(io::Error::other("a connection had what another was sent")),
                // It said that something may be there.
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_finds_the_one_that_has_something() {
        let (time, mut steps) = (Duration::from_micros(100), 0);
        let plan = Plan { ways: Way::ALL.to_vec(), connections: vec![1, 20], runs: 2, time };
        let rows = plan.measure(&AtomicBool::new(false), || steps += 1).expect("measured");
        assert_eq!((rows.len(), steps), (2 * Way::ALL.len(), plan.steps()));
        for row in rows {
            assert!(row.per_second.samples == 2 && row.per_second.median > 0.0, "{row:?}");
            assert!(row.ratio.is_some_and(|ratio| row.way != Way::Epoll || ratio == 1.0), "{row:?}");
        }
    }

    #[test]
    fn select_waits_for_descriptors_that_fit_into_its_set() {
        let plan = Plan {
            ways: vec![Way::Select, Way::Poll],
            connections: vec![600],
            runs: 1,
            time: Duration::from_micros(100),
        };
        let rows = plan.measure(&AtomicBool::new(false), || ()).expect("measured");
        assert_eq!(rows.iter().map(|row| row.way).collect::<Vec<_>>(), [Way::Poll]);
    }

    #[test]
    fn more_than_there_may_be_are_refused() {
        let plan = Plan { ways: vec![Way::Poll], connections: vec![1 << 40], runs: 1, time: Duration::ZERO };
        let error = plan.measure(&AtomicBool::new(false), || ()).expect_err("too many").to_string();
        assert!(error.contains("the limit of descriptors allows"), "{error}");
    }

    #[test]
    fn stopping_gives_what_there_is() {
        let (stop, time) = (AtomicBool::new(false), Duration::from_micros(100));
        let plan = Plan { ways: vec![Way::Epoll], connections: vec![2, 3], runs: 3, time };
        let rows = plan.measure(&stop, || stop.store(true, Ordering::Relaxed)).expect("measured");
        assert_eq!((rows.len(), rows[0].per_second.samples), (1, 1));
    }
}
