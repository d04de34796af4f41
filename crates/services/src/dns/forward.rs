//! Questions that another server is asked: each as it came, by a socket of its own, so that none answers for another. An answer
//! goes back as it comes. Not modelled: a memory of answers.

use std::collections::VecDeque;
use std::net::SocketAddr;

use sockeye_abi::{Errno, Family, Transport};
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use super::framed;
use super::zone::Zone;
use crate::server::{READ_SIZE, send_all};

/// So many questions over UDP wait for their answers; one more, and the first waits no longer.
const MOST: usize = 256;
/// A message's identifier, and where it says that it is an answer.
const ID: std::ops::Range<usize> = 0..2;
const FLAGS: usize = 2;
const ANSWER: u8 = 0x80;

/// Questions over UDP under way.
#[derive(Default)]
pub(super) struct Forwarded {
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    socket: SocketId,
    client: SocketAddr,
    request: Vec<u8>,
}

impl Forwarded {
    /// Asks; gives what the client is told if that can't be.
    pub(super) fn ask(
        &mut self,
        host: &mut Host,
        now: Instant,
        upstream: SocketAddr,
        (client, request): (SocketAddr, Vec<u8>),
    ) -> Option<Vec<u8>> {
        if self.waiting.len() >= MOST
            && let Some(oldest) = self.waiting.pop_front()
        {
            host.close(now, oldest.socket);
        }
        let Some(socket) = open(host, now, upstream, Transport::Udp) else { return Zone::failed(&request) };
        if host.send(now, socket, &request).is_err() {
            host.close(now, socket);
            return Zone::failed(&request);
        }
        self.waiting.push_back(Waiting { socket, client, request });
        None
    }

    /// Something has come for one of the questions: who is to be told, and what, if it is the answer. `None` if the socket is
    /// none of theirs.
    pub(super) fn ready(
        &mut self,
        host: &mut Host,
        now: Instant,
        socket: SocketId,
    ) -> Option<(SocketAddr, Option<Vec<u8>>)> {
        let at = self.waiting.iter().position(|waiting| waiting.socket == socket)?;
        let Waiting { client, request, .. } = &self.waiting[at];
        let client = *client;
        let answer = loop {
            match host.receive(now, socket, usize::MAX, false) {
                Ok(answer) => {
                    let answer = answer.to_vec();
                    if is_answer(&answer, request) {
                        break Some(answer);
                    }
                }
                Err(Errno::EAGAIN) => return Some((client, None)),
                Err(_) => break Zone::failed(request),
            }
        };
        self.waiting.remove(at);
        host.close(now, socket);
        Some((client, answer))
    }
}

/// A question over TCP.
pub(super) struct Question {
    socket: SocketId,
    request: Vec<u8>,
    output: Chain,
    input: Chain,
}

impl Question {
    /// Asks. `None` if that can't be.
    pub(super) fn ask(
        host: &mut Host,
        now: Instant,
        upstream: SocketAddr,
        request: Vec<u8>,
    ) -> Option<Question> {
        let output = framed(request.clone())?.into();
        let socket = open(host, now, upstream, Transport::Tcp)?;
        Some(Question { socket, request, output, input: Chain::new() })
    }

    pub(super) fn socket(&self) -> SocketId {
        self.socket
    }

    /// Goes on as far as it can: the answer, or that there is none; nothing while it is under way.
    pub(super) fn progress(&mut self, host: &mut Host, now: Instant) -> Option<Option<Vec<u8>>> {
        match send_all(host, now, self.socket, &mut self.output) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(_) => return Some(Zone::failed(&self.request)),
        }
        loop {
            let mut length = [0; 2];
            if self.input.copy_to(&mut length) == length.len() {
                let length = usize::from(u16::from_be_bytes(length));
                if self.input.len() >= 2 + length {
                    self.input.advance(2);
                    let answer = self.input.split_to(length).to_vec();
                    let right = is_answer(&answer, &self.request);
                    return Some(if right { Some(answer) } else { Zone::failed(&self.request) });
                }
            }
            match host.receive(now, self.socket, READ_SIZE, false) {
                Ok(bytes) if !bytes.is_empty() => self.input.append(bytes),
                Err(Errno::EAGAIN) => return None,
                Ok(_) | Err(_) => return Some(Zone::failed(&self.request)),
            }
        }
    }
}

fn open(host: &mut Host, now: Instant, to: SocketAddr, transport: Transport) -> Option<SocketId> {
    let family = if to.is_ipv4() { Family::Inet } else { Family::Inet6 };
    let socket = host.socket(family, transport).ok()?;
    match host.connect(now, socket, to) {
        Ok(()) | Err(Errno::EINPROGRESS) => Some(socket),
        Err(_) => {
            host.close(now, socket);
            None
        }
    }
}

fn is_answer(message: &[u8], request: &[u8]) -> bool {
    let id = message.get(ID);
    id.is_some() && id == request.get(ID) && message.get(FLAGS).is_some_and(|flags| flags & ANSWER != 0)
}
