//! Threads made beforehand, which take connections from a queue.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use super::Server;
use super::conversation::converse;
use crate::gate::Gate;
use crate::lock;

pub(super) fn serve(server: Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    let server = Arc::new(server);
    // Where the queue is full, the next connection waits in the backlog.
    let (queue, taken) = sync_channel(server.options.workers);
    let taken = Arc::new(Mutex::new(taken));
    let gate = Gate::of(server.options.workers);
    for _ in 0..server.options.workers {
        let (server, taken, place) = (server.clone(), taken.clone(), gate.enter());
        std::thread::Builder::new().spawn(move || {
            work(&server, &taken);
            drop(place);
        })?;
    }
    while let Some(stream) = server.stop.accept(&server.listener)? {
        if queue.send(stream).is_err() {
            break;
        }
    }
    drop(queue);
    gate.wait_until_empty(server.options.grace);
    Ok(())
}

/// Serves connections until there are no more.
fn work(server: &Server, taken: &Mutex<Receiver<TcpStream>>) {
    loop {
        let next = lock(taken).recv();
        match next {
            Ok(stream) => converse(server, stream, true),
            Err(_) => return,
        }
    }
}
