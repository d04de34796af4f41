//! One connection after the other. Each has one request, or a client that keeps its connection would have the server for
//! itself.

use std::io;

use super::Server;
use super::conversation::converse;

pub(super) fn serve(server: &Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    while let Some(stream) = server.stop.accept(&server.listener)? {
        converse(server, stream, false);
    }
    Ok(())
}
