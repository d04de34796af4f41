//! A thread for each connection.

use std::io;
use std::sync::Arc;

use super::Server;
use super::conversation::converse;
use crate::gate::Gate;

pub(super) fn serve(server: Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    let server = Arc::new(server);
    let gate = Gate::of(server.options.most);
    loop {
        // Where there are as many as there may be, the next waits in the backlog.
        let place = gate.enter();
        let Some(stream) = server.stop.accept(&server.listener)? else { break };
        let theirs = server.clone();
        let thread = std::thread::Builder::new().spawn(move || {
            converse(&theirs, stream, true);
            drop(place);
        });
        // Without a thread the connection is closed; others may end meanwhile.
        if thread.is_err() {
            server.stop.pause()?;
        }
    }
    gate.wait_until_empty(server.options.grace);
    Ok(())
}
