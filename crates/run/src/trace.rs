//! `--trace`: each segment in tcpdump's line format.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

use sockeye_lab::Captured;
use sockeye_wire::print::Printer;

use crate::{Error, TraceTo};

/// A trace being written.
pub(crate) struct Trace {
    /// `None` once it could not be written: the program goes on.
    target: Option<Box<dyn Write>>,
    printer: Printer,
    began: SystemTime,
}

impl Trace {
    /// Opens the trace's file.
    pub(crate) fn open(to: &TraceTo) -> Result<Trace, Error> {
        let target: Box<dyn Write> = match to {
            TraceTo::StandardError => Box::new(io::stderr()),
            TraceTo::File(path) => {
                let file = File::create(path).map_err(|error| Error::Trace(path.clone(), error))?;
                Box::new(BufWriter::new(file))
            }
        };
        Ok(Trace { target: Some(target), printer: Printer::default(), began: SystemTime::now() })
    }

    /// Prints a frame.
    pub(crate) fn show(&mut self, captured: &Captured) {
        let at = self.began + std::time::Duration::from_nanos(captured.at.as_nanos());
        let time = time_of_day(at);
        for frame in captured.frame.clone().split() {
            let Some(target) = &mut self.target else { return };
            let line = self.printer.line(&frame, &time);
            if let Err(error) = writeln!(target, "{line}") {
                // Standard error itself may be what can't be written.
                let _ = writeln!(io::stderr(), "sockeye: the trace ends here: {error}");
                self.target = None;
            }
        }
    }

    pub(crate) fn flush(&mut self) {
        if let Some(target) = &mut self.target {
            let _ = target.flush();
        }
    }
}

/// Hours, minutes, seconds and microseconds of the local time, as tcpdump prints them.
fn time_of_day(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() as libc::time_t;
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid; all-zero is a valid `tm`, should the call fail.
    let local = unsafe {
        libc::localtime_r(&raw const seconds, local.as_mut_ptr());
        local.assume_init()
    };
    format!("{:02}:{:02}:{:02}.{:06}", local.tm_hour, local.tm_min, local.tm_sec, since.subsec_micros())
}
