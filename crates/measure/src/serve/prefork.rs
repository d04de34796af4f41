//! Processes made beforehand. All wait in `accept` on the listener they share, and the kernel wakes one for each connection.

use std::io;

use rustix::io::Errno;

use super::Server;
use super::conversation::converse;
use super::processes::{Children, Event};

pub(super) fn serve(server: &Server) -> io::Result<()> {
    let mut children = Children::none()?;
    loop {
        // One more for each that has ended.
        children.fill(server.options.workers, || work(server))?;
        if children.wait(&server.stop, None)? == Event::Stop {
            break;
        }
    }
    server.deafen()?;
    children.finish(server.options.grace)
}

/// Serves connections until the listener is shut.
fn work(server: &Server) {
    loop {
        match server.stop.take(&server.listener) {
            Ok(Some(stream)) => converse(server, stream, true),
            Ok(None) => {}
            // It listens no more (EINVAL).
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => return,
            Err(error) => panic!("accept: {error}"),
        }
    }
}
