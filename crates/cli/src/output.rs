//! What commands print.

use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status where standard output takes no more, be it that nobody reads it.
const EXIT_UNWRITTEN: u8 = 2;

/// Prints all of a text; gives the exit status.
pub(crate) fn print(text: &str) -> ExitCode {
    print_or(text, ExitCode::from(EXIT_UNWRITTEN))
}

/// The same, where another exit status tells that it couldn't.
pub(crate) fn print_or(text: &str, unprinted: ExitCode) -> ExitCode {
    let failed = |error| {
        complain(&error);
        unprinted
    };
    put(text).map_or_else(failed, |()| ExitCode::SUCCESS)
}

/// Writes all of a text to standard output.
pub(crate) fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Says why [`put`] couldn't; gives the exit status.
pub(crate) fn unwritten(error: &io::Error) -> ExitCode {
    complain(error);
    ExitCode::from(EXIT_UNWRITTEN)
}

/// Says why standard output takes no more.
pub(crate) fn complain(error: &io::Error) {
    let _ = writeln!(io::stderr(), "sockeye: standard output: {error}");
}
