//! ^C, where there is something to tell before the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// The exit status after ^C, as a shell has it: 128 and SIGINT's number.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Becomes true at ^C; a second one ends the program.
pub(crate) fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_default(SIGINT, stop.clone())?;
    flag::register(SIGINT, stop.clone())?;
    Ok(stop)
}
