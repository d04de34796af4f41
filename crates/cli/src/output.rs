//! What commands print.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Prints all of a text; gives the exit status.
pub(crate) fn print(text: &str) -> ExitCode {
    match put(text) {
        Err(error) if !is_closed(&error) => {
            let _ = writeln!(io::stderr(), "sockeye: standard output: {error}");
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

/// Writes all of a text to standard output.
pub(crate) fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Whether nobody reads any more what is written: whoever reads no more has seen enough.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
