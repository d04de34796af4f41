//! What connections cost that stand idle after an exchange. Measured in processes of their own, so that nothing else is
//! in the way.

use std::process::{Command, ExitCode};

use crate::pair::{Pair, Setup};
use crate::report::{Better, Row};
use crate::sampling::Effort;
use crate::{Figures, Rows, heap};

/// How this program asks itself to measure with so many connections.
pub(crate) const CHILD: &str = "--memory-of";

const MEGA: f64 = 1e6;

pub(crate) fn rows() -> Rows {
    let row = |name, unit, peer_name| Row { name, unit, better: Better::Less, peer_name, target: 1.0 };
    vec![
        (
            row("heap of an idle established endpoint", "bytes", "1 KiB"),
            Box::new(|effort: &Effort| {
                let (heap, _) = measured(effort.idle)?;
                Some(Figures::new(heap as f64 / (2 * effort.idle) as f64, 1024.0))
            }),
        ),
        (
            row("memory of 100,000 connections, both ends", "MB", "250 MB"),
            Box::new(|effort: &Effort| {
                let (_, resident) = measured(effort.many)?;
                let scale = 100_000.0 / effort.many as f64;
                Some(Figures::new(resident as f64 * scale / MEGA, 250.0))
            }),
        ),
    ]
}

/// Bytes by which heap and resident memory grow with so many connections.
fn measured(connections: usize) -> Option<(usize, usize)> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args([CHILD, &connections.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (heap, resident) = text.trim().split_once(' ')?;
    Some((heap.parse().ok()?, resident.parse().ok()?))
}

/// The process that measures.
pub(crate) fn child(connections: Option<String>) -> ExitCode {
    let Some(connections) = connections.and_then(|text| text.parse().ok()) else { return ExitCode::from(2) };
    let mut pair = Pair::new(&Setup::new(1500));
    let (heap, resident) = (heap::live(), resident());
    let ends = pair.connect_idle(connections);
    let own = ends.capacity() * size_of_val(&ends[0]);
    let heap = heap::live() - heap - own;
    let resident = self::resident().saturating_sub(resident);
    println!("{heap} {resident}");
    ExitCode::SUCCESS
}

/// Resident memory of this process, in bytes (proc_pid_statm(5)).
pub(crate) fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size()
}
