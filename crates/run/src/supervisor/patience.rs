//! Waiting for events without going to sleep at once: to wake who sleeps on an idle CPU takes longer than a program's
//! turn in a quick exchange. Where looking for a while was of no use lately, it is hardly done.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event};

/// How long it is looked.
const LOOK: Duration = Duration::from_micros(50);
/// So many times in vain, one after the other.
const TRIES: u8 = 8;
/// Then each time after so many waits.
const REST: u8 = 16;

/// What experience has taught.
pub(super) struct Patience {
    /// Alone on one CPU nothing would come of looking.
    several_cpus: bool,
    tries: u8,
    rest: u8,
}

impl Patience {
    pub(super) fn new() -> Patience {
        let several_cpus = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
        Patience { several_cpus, tries: TRIES, rest: REST }
    }

    /// epoll_wait(2).
    pub(super) fn wait(
        &mut self,
        epoll: &OwnedFd,
        events: &mut Vec<Event>,
        timeout: Option<&Timespec>,
    ) -> rustix::io::Result<usize> {
        let is_long = timeout.is_none_or(|timeout| {
            timeout.tv_sec > 0 || timeout.tv_nsec > LOOK.as_nanos().try_into().unwrap_or(i64::MAX)
        });
        if is_long && self.looks() {
            let looked = look(epoll, events);
            self.learn(looked != Ok(0));
            if looked != Ok(0) {
                return looked;
            }
        }
        epoll::wait(epoll, rustix::buffer::spare_capacity(events), timeout)
    }

    /// Whether to look this time.
    fn looks(&mut self) -> bool {
        if self.tries == 0 {
            self.rest -= 1;
            if self.rest == 0 {
                (self.tries, self.rest) = (1, REST);
            }
        }
        self.several_cpus && self.tries > 0
    }

    fn learn(&mut self, was_of_use: bool) {
        self.tries = if was_of_use { TRIES } else { self.tries.saturating_sub(1) };
    }
}

fn look(epoll: &OwnedFd, events: &mut Vec<Event>) -> rustix::io::Result<usize> {
    let began = Instant::now();
    loop {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let looked = epoll::wait(epoll, rustix::buffer::spare_capacity(events), Some(&at_once));
        if looked != Ok(0) || began.elapsed() >= LOOK {
            return looked;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_vain_is_hardly_done_again() {
        let mut patience = Patience { several_cpus: true, tries: TRIES, rest: REST };
        let mut looks = |in_vain: bool, waits: usize| {
            let looked = |_: &usize| {
                let looks = patience.looks();
                if looks {
                    patience.learn(!in_vain);
                }
                looks
            };
            (0..waits).filter(looked).count()
        };
        assert_eq!(looks(false, 100), 100);
        assert_eq!(looks(true, 8), 8);
        assert_eq!(looks(true, 160), 10);
        // One that is of use, and all are again.
        assert_eq!(looks(false, 16), 1);
        assert_eq!(looks(false, 100), 100);
    }

    #[test]
    fn one_cpu_is_left_to_others() {
        let mut patience = Patience { several_cpus: false, tries: TRIES, rest: REST };
        assert!((0..100).all(|_| !patience.looks()));
    }
}
