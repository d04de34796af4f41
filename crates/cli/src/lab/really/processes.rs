//! The processes of a host.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use sockeye_look::{descendants, parent};

/// Ends a `sockeye run` and all it started. Asked kindly it would let them go on for a while.
pub(super) fn kill(child: &mut Child) {
    let own = child.id();
    let (guards, others): (Vec<_>, Vec<_>) =
        descendants(&[own]).into_iter().partition(|process| parent(*process) == Some(own));
    let _ = child.kill();
    let _ = child.wait();
    // Most have ended with it.
    others.into_iter().for_each(|process| signal(process, Signal::KILL));
    // Its guard sees to the rest, and to what else is left, but its control socket.
    guards.into_iter().for_each(|process| signal(process, Signal::CONT));
    let _ = sockeye_look::running();
}

/// Has all processes of a host stand still, or go on.
pub(super) fn pause(child: &Child, still: bool) {
    let by = if still { Signal::STOP } else { Signal::CONT };
    let own = child.id();
    std::iter::once(own).chain(descendants(&[own])).for_each(|process| signal(process, by));
}

fn signal(process: u32, by: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(process, by);
    }
}
