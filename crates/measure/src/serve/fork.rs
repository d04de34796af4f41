//! A process for each connection, the oldest shape of servers.

use std::io;

use rustix::event::{PollFd, PollFlags};

use super::Server;
use super::conversation::converse;
use super::processes::{Children, Event};

pub(super) fn serve(server: &Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    let mut children = Children::none()?;
    loop {
        // Where there are as many as there may be, the next connection waits in the backlog.
        let room = children.count() < server.options.most;
        let connection = room.then(|| PollFd::new(&server.listener, PollFlags::IN));
        match children.wait(&server.stop, connection)? {
            Event::Stop => break,
            Event::Ended => continue,
            Event::Ready => {}
        }
        let Some(stream) = server.stop.take(&server.listener)? else { continue };
        // Without a process the connection is closed; others may end meanwhile.
        if children.fork(|| converse(server, stream, true)).is_err() {
            server.stop.pause()?;
        }
    }
    server.deafen()?;
    children.finish(server.options.grace)
}
