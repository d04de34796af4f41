//! ^C and other signals that end, where there is something to tell before the end.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// The exit status after ^C, as a shell has it: 128 and SIGINT's number.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Becomes true at ^C; a second one ends the program.
pub(crate) fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_default(SIGINT, stop.clone())?;
    flag::register(SIGINT, stop.clone())?;
    Ok(stop)
}

/// Whether, and by which signal, a program was told to end: ^C, SIGTERM or SIGHUP.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Hears of the signals from now on. At ^C after one of them `at_once` is done, and the program ends by it. (timeout(1) sends
    /// SIGTERM twice, and means once.)
    pub(crate) fn listen(at_once: impl FnOnce() + Send + 'static) -> io::Result<Stop> {
        let stop = Stop::default();
        let (mut interrupts, interrupt) = UnixStream::pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        // nohup(1) has SIGHUP ignored.
        let hangup = Some(SIGHUP).filter(|signal| !sockeye_look::ignores(*signal));
        for signal in [SIGTERM].into_iter().chain(hangup) {
            flag::register(signal, Arc::clone(&asked))?;
            flag::register_usize(signal, Arc::clone(&stop.0), signal.unsigned_abs() as usize)?;
        }
        flag::register_usize(SIGINT, Arc::clone(&stop.0), SIGINT.unsigned_abs() as usize)?;
        low_level::pipe::register(SIGINT, interrupt)?;
        thread::spawn(move || {
            let mut heard = || interrupts.read_exact(&mut [0]).is_ok();
            if heard() && (asked.load(Ordering::Relaxed) || heard()) {
                at_once();
                let _ = low_level::emulate_default_handler(SIGINT);
            }
        });
        Ok(stop)
    }

    fn signal(&self) -> Option<i32> {
        let signal = self.0.load(Ordering::Relaxed);
        i32::try_from(signal).ok().filter(|signal| *signal != 0)
    }

    /// Whether it is to end.
    pub(crate) fn is_told(&self) -> bool {
        self.signal().is_some()
    }

    /// The exit status that tells of it, as a shell has it: 128 and the signal's number.
    pub(crate) fn exit_status(&self) -> Option<ExitCode> {
        self.signal().and_then(|signal| u8::try_from(128 + signal).ok()).map(ExitCode::from)
    }
}
