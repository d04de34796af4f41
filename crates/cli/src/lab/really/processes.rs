//! The processes of a host.

use std::fs;
use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use sockeye_look::{descendants, parent};

/// Ends a `sockeye run` and all it started. Asked kindly it would let them go on for a while.
pub(super) fn kill(child: &mut Child) {
    end(child.id(), || {
        let _ = child.kill();
        let _ = child.wait();
    });
    // What is left yet is its control socket.
    let _ = sockeye_look::running();
}

/// The same for all hosts at once, and the network's socket goes: this process is about to end.
pub(super) fn kill_all(socket: &Path) {
    let own = std::process::id();
    let hosts = descendants(&[own]).into_iter().filter(|process| parent(*process) == Some(own));
    hosts.for_each(|host| end(host, || signal(host, Signal::KILL)));
    let _ = fs::remove_file(socket);
}

/// Ends a `sockeye run` in this way, and all it started.
fn end(own: u32, kill: impl FnOnce()) {
    let (guards, others): (Vec<_>, Vec<_>) =
        descendants(&[own]).into_iter().partition(|process| parent(*process) == Some(own));
    kill();
    // Most have ended with it.
    others.into_iter().for_each(|process| signal(process, Signal::KILL));
    // Its guard sees to the rest, and to what else is left.
    guards.into_iter().for_each(|process| signal(process, Signal::CONT));
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
