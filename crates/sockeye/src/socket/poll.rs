//! poll(2) over sockets of one network.

use std::io;
use std::task::Poll;

use sockeye_abi::{Errno, Readiness};

use super::Socket;
use crate::blocking;
use crate::open::os_error;
use crate::time::Duration;
use crate::waiting::{Interest, Ticket};

/// Waits until one of the sockets has one of the bits asked for (poll(2)), or the time is up; gives what each has of
/// its bits. ERR and HUP are always told. `None` waits for ever.
///
/// # Errors
/// EINVAL for sockets of different networks; of kind `Deadlock` where waiting would never end (virtual time).
pub fn poll(sockets: &[(&Socket, Readiness)], limit: Option<Duration>) -> io::Result<Vec<Readiness>> {
    let Some((first, _)) = sockets.first() else { return Ok(Vec::new()) };
    let shared = first.open.shared.clone();
    if sockets.iter().any(|(socket, _)| !std::sync::Arc::ptr_eq(&socket.open.shared, &shared)) {
        return Err(os_error(Errno::EINVAL));
    }
    let always = Readiness::ERR | Readiness::HUP | Readiness::NVAL;
    let look = || -> io::Result<Vec<Readiness>> {
        sockets.iter().map(|(socket, asked)| Ok(socket.readiness()? & (*asked | always))).collect()
    };
    let until = limit.map(|limit| shared.now() + limit);
    let mut tickets: Vec<Option<Ticket>> = sockets.iter().map(|_| None).collect();
    let seen = blocking::wait(&shared, until, |context| {
        // A place first, then a look: what changes in between wakes.
        for ((socket, _), ticket) in sockets.iter().zip(&mut tickets) {
            let key = (socket.open.host, socket.open.id);
            let waits = |_: &mut _, _, _| Err::<(), Errno>(Errno::EAGAIN);
            let _ = shared.poll(key, (Interest::Change, ticket), context, waits);
        }
        match look() {
            Ok(seen) if seen.iter().all(Readiness::is_empty) => Poll::Pending,
            seen => Poll::Ready(seen),
        }
    });
    for ((socket, _), ticket) in sockets.iter().zip(tickets) {
        if let Some(ticket) = ticket {
            shared.forget((socket.open.host, socket.open.id), ticket);
        }
    }
    seen?.unwrap_or_else(look)
}
