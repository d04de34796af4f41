//! The end of what is left.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use super::processes::{kill, pause};
use super::{Attended, Run, Told};
use crate::lab::words::Order;

/// How long programs that were told to end may take.
const PATIENCE: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Tells all that still runs to end, hears what it has to say meanwhile, then ends it.
    pub(super) fn end_all(&mut self, told: &Receiver<Told>) {
        for number in 0..self.fares.len() {
            if self.fares[number].ended.is_none() {
                let host = self.topology.programs[number].host;
                self.order(host, &Order::End(number));
            }
        }
        // Who stands still can't end.
        self.attended.values().for_each(|attended| pause(&attended.child, false));
        let until = Instant::now() + PATIENCE;
        while self.any_runs() {
            match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Told::Reports(host, process, report)) => self.take((host, process), report),
                Ok(Told::Gone(host, process)) => self.lose(host, process),
                Ok(Told::Happens(_) | Told::Ended(_)) => {}
                Err(_) => break,
            }
        }
        let well = !self.any_runs();
        // Who leaves from now on does so for that.
        self.over.store(true, Ordering::Relaxed);
        for attended in std::mem::take(&mut self.attended).into_values() {
            let Attended { mut child, orders } = attended;
            drop(orders);
            let until = Instant::now() + if well { 2 * PATIENCE } else { Duration::ZERO };
            while child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            kill(&mut child);
        }
    }

    /// Whether something runs that can be heard of.
    fn any_runs(&self) -> bool {
        self.topology.programs.iter().zip(&self.fares).any(|(program, fare)| {
            fare.began.is_some() && fare.ended.is_none() && self.attended.contains_key(&program.host)
        })
    }
}
