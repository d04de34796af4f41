//! A line for each request, in the Common Log Format. Each is one write to a file opened for appending, so that lines of
//! several processes don't mix.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::Path;

use super::clock::with_logged;
use super::response::Response;

/// Where the lines go, if they do.
pub(super) struct Log(Option<File>);

impl Log {
    /// To this file; `-` is standard output.
    pub(super) fn to(path: Option<&Path>) -> io::Result<Log> {
        let file = match path {
            None => None,
            Some(path) if path == Path::new("-") => Some(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Some(path) => {
                let opened = File::options().append(true).create(true).open(path);
                Some(opened.map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?)
            }
        };
        Ok(Log(file))
    }

    /// A request was answered. What a client wrote is shown as it is where it is printable.
    pub(super) fn note(&self, peer: IpAddr, line: &str, response: &Response) {
        let Some(mut file) = self.0.as_ref() else { return };
        let line = line.escape_default();
        let text = with_logged(|now| {
            format!("{peer} - - [{now}] \"{line}\" {} {}\n", response.status, response.length)
        });
        // Nobody may be there to read it.
        let _ = file.write_all(text.as_bytes());
    }
}
