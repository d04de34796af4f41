//! What is said over one connection: requests, and a response to each. The shapes that wait for a connection run it to its
//! end; the one that doesn't takes it step by step.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::net::{RecvFlags, recv};

use super::Server;
use super::request::{Parsed, parse};
use super::response::Response;

/// What is read at once, bytes: mostly a whole head.
const READ: usize = 4 << 10;
/// Such reads of what a client had sent for nothing.
const LEFT: usize = 64;

/// One connection's state.
pub(super) struct Conversation {
    stream: TcpStream,
    peer: IpAddr,
    /// What came and is no whole head yet.
    input: Vec<u8>,
    /// The response that is leaving.
    response: Option<Response>,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for a request, of which nothing has come.
    Idle,
    /// It waits for the rest of a request.
    Reading,
    /// It waits for room to send.
    Sending,
    /// It is over.
    Over,
}

impl Conversation {
    pub(super) fn new(stream: TcpStream) -> Conversation {
        let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Conversation { stream, peer, input: Vec::new(), response: None }
    }

    /// Goes on as far as it can: answers what was asked, reads if `readable` says that something came. `keep`: another request
    /// may follow the next response.
    pub(super) fn step(&mut self, server: &Server, mut readable: bool, keep: bool) -> Step {
        loop {
            if let Some(response) = &mut self.response {
                match response.send(self.stream.as_fd()) {
                    Ok(_) if response.keep => self.response = None,
                    Ok(_) => {
                        self.take_leave();
                        return Step::Over;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Sending,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return Step::Over,
                }
            }
            match parse(&self.input) {
                Parsed::Whole(request, length) => {
                    self.input.drain(..length);
                    let response = Response::to(&request, &server.files, keep);
                    server.log.note(self.peer, &request.line, &response);
                    self.response = Some(response);
                }
                Parsed::Wrong(status) => {
                    let response = Response::error(status, false);
                    server.log.note(self.peer, "", &response);
                    (self.response, self.input) = (Some(response), Vec::new());
                }
                Parsed::Partial if !std::mem::take(&mut readable) => {
                    return if self.input.is_empty() { Step::Idle } else { Step::Reading };
                }
                Parsed::Partial => {
                    let mut buffer = [0; READ];
                    match self.stream.read(&mut buffer) {
                        Ok(0) => return Step::Over,
                        Ok(length) => self.input.extend_from_slice(&buffer[..length]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => readable = true,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return Step::Over,
                    }
                }
            }
        }
    }
}

impl Conversation {
    /// Reads what is there already: closing with it unread would be a reset, which may overtake the response.
    fn take_leave(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut buffer = [0; READ];
        for _ in 0..LEFT {
            if !recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT).is_ok_and(|(length, _)| length > 0) {
                return;
            }
        }
    }
}

impl AsFd for Conversation {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Waits for all of a conversation. `keep`: more than one request may come.
pub(super) fn converse(server: &Server, stream: TcpStream, keep: bool) {
    // An accepted socket blocks, on Linux; a peer that takes nothing has as long as one that sends nothing.
    let _ = stream.set_write_timeout(Some(server.options.idle));
    let mut conversation = Conversation::new(stream);
    let (mut until, mut was_idle) = (Instant::now() + server.options.idle, true);
    loop {
        // What has begun is answered even if the server is to stop; who is idle is left.
        match server.stop.or_readable(conversation.as_fd(), Some(until), was_idle) {
            Ok(waited) if waited.readable => {}
            Ok(_) | Err(_) => return,
        }
        match conversation.step(server, true, keep && !server.stop.is_told()) {
            Step::Idle => (until, was_idle) = (Instant::now() + server.options.idle, true),
            // A request's bytes don't give it more time.
            Step::Reading => was_idle = false,
            Step::Sending | Step::Over => return,
        }
    }
}
